"""The handcrafted study on one database: all folds, the columns, and tests across databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.data.files import digest
from mecore.errors import DataError
from mecore.evaluation.clips import list_clips
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.folds import FoldPlan, Labels
from mecore.evaluation.runner import collect, run_folds
from mecore.evaluation.store import RunStore, open_run
from mecore.metrics import recognition
from mecore.studies.handcrafted.features import (
    feature_folder,
    prepare_clips,
    write_matrices,
)
from mecore.studies.handcrafted.fold import HandcraftedTask, nested_plans
from mecore.studies.handcrafted.methods import (
    DUMMY,
    METHODS,
    HandcraftedOptions,
    method,
)
from mecore.studies.handcrafted.selection import GridPredictions, unpack

Bytes = NDArray[np.uint8]
Predictions = dict[str, GridPredictions]
# Fewer settings, for a quick run in which every cell executes.
_SMALL_METHODS = ("lbp_top", "lbp_top_raw", "lbp_top_unit", "biwoof", "mdmo", "sparse_mdmo")


def chapter_methods(names: Sequence[str], scale: str) -> tuple[str, ...]:
    """Methods of a chapter: those named, or all, or a few at the scale ``small``."""
    if names:
        return tuple(name for name in names if method(name))
    return _SMALL_METHODS if scale == "small" else tuple(METHODS)


def chapter_options(changes: dict[str, Any], scale: str) -> HandcraftedOptions:
    """Options of a chapter: the defaults with changes, and small dictionaries at ``small``."""
    return HandcraftedOptions(**(({"atoms": 32, "iterations": 3} if scale == "small" else {})
                                 | changes))  # fmt: skip


@dataclass(frozen=True)
class HandcraftedStudy:
    """A finished run; everything it shows is derived from what its folds stored.

    Parameters
    ----------
    task : HandcraftedTask
        Clips, classes, methods.
    plans : tuple of FoldPlan
        All folds.
    store : RunStore
        Their results.
    """

    task: HandcraftedTask
    plans: tuple[FoldPlan, ...]
    store: RunStore

    @cached_property
    def _predictions(self) -> dict[Labels, Predictions]:
        return {kind: self._collect(kind) for kind in ("true", "permuted")}

    def predictions(self, name: str, labels: Labels = "true") -> GridPredictions:
        """What every setting of a method says of the clips left out."""
        return self._predictions[labels][name]

    def _collect(self, labels: Labels) -> Predictions:
        task = self.task
        groups = np.array(task.groups)
        trained, truth = (task.labels(k, self.plans[0].seed) for k in (labels, "true"))
        shape: dict[str, tuple[int, int]] = {DUMMY: (len(groups), 1)}
        shape |= {name: (len(groups), len(METHODS[name].grid)) for name in task.methods}
        outer = {name: np.zeros(s, np.uint8) for name, s in shape.items()}
        inner = {
            name: {g: np.zeros(s, np.uint8) for g in sorted(set(groups))}
            for name, s in shape.items()
        }
        for plan in (p for p in self.plans if p.labels == labels):
            for name, part in self.store.fold_table(plan.name).groupby("method"):
                at, said = part.number.to_numpy(), unpack(part.predicted)
                if len(plan.test) == 1:
                    outer[name][at] = said
                    continue
                for subject in plan.test:
                    others = groups[at] != subject
                    inner[name][subject][at[others]] = said[others]
        n = len(task.classes)
        return {
            name: GridPredictions(groups, outer[name], inner[name], trained, truth, n)
            for name in shape
        }

    def predicted(self, name: str) -> dict[str, Bytes]:
        """Predicted classes of every clip in the columns, (n,) each."""
        true, permuted = (self.predictions(name, kind) for kind in ("true", "permuted"))
        return {"honest": true.honest(), "oracle": true.oracle(), "chance": permuted.honest(),
                "oracle on chance": permuted.oracle()}  # fmt: skip

    def confusion(self, predicted: Bytes) -> NDArray[np.int64]:
        """Confusion matrix of some predictions of all clips, truth in rows."""
        codes = range(len(self.task.classes))
        return recognition.confusion_matrix(self.task.labels("true", 0), predicted, list(codes))

    @cached_property
    def columns(self) -> dict[str, dict[str, dict[str, float]]]:
        """Scores by method and column; kept as the metrics of the run."""
        result = {
            name: {
                column: recognition.evaluate_confusion(self.confusion(said))
                for column, said in self.predicted(name).items()
            }
            for name in (DUMMY, *self.task.methods)
        }
        self.store.save_metrics(result)
        return result

    def rows(self, name: str) -> pd.DataFrame:
        """One row per clip: truth, and what each column says."""
        clips = self.task.clips
        table = pd.DataFrame({
            "subject": [c.subject for c in clips], "video": [c.item.video for c in clips],
            "sample": [c.sample for c in clips], "truth": [c.label for c in clips],
        })  # fmt: skip
        classes = np.array(self.task.classes)
        return table.assign(**{k: classes[v] for k, v in self.predicted(name).items()})

    def videos(self, name: str) -> dict[str, float]:
        """Scores of leave one video out, with the setting that other subjects chose for each clip.

        So it differs from the honest column in the training clips alone: the other clips of the
        same person are among them. Methods whose features are learnt are not offered.
        """
        settings = self.predictions(name).honest_settings()
        said = self.task.each_video(name, settings, self.task.labels("true", 0))
        return recognition.evaluate_confusion(self.confusion(said))

    def identity(self, name: str) -> float:
        """Share of clips whose *person* is told from the other clips, by the same classifiers.

        What a feature knows of the person is what leave one video out can profit from.
        """
        codes = np.unique(self.task.groups, return_inverse=True)[1]
        said = self.task.each_video(name, self.predictions(name).honest_settings(), codes)
        return float((said == codes).mean())

    def classifiers(self) -> pd.DataFrame:
        """Accuracy and macro-F1 of other classifiers, leave one subject out."""
        plans = [p for p in self.plans if p.labels == "true" and len(p.test) == 1]
        stored = collect(self.store, plans, "classifiers")
        rows = []
        for (name, title), part in stored.groupby(["method", "classifier"], sort=False):
            said = np.zeros(len(self.task.clips), np.uint8)
            said[part.number.to_numpy()] = unpack(part.predicted)[:, 0]
            scores = recognition.evaluate_confusion(self.confusion(said))
            rows.append({"method": name, "classifier": title, "accuracy": scores["accuracy"],
                         "macro-F1": scores["uf1"]})  # fmt: skip
        return pd.DataFrame(rows)

    def seconds(self) -> pd.Series:
        """Median seconds of the whole grid in a fold that leaves one subject out, by method."""
        plans = [p for p in self.plans if p.labels == "true" and len(p.test) == 1]
        return pd.DataFrame([self.store.fold_seconds(p.name) for p in plans]).median()


def run_handcrafted(
    database: Database,
    methods: Sequence[str],
    options: HandcraftedOptions,
    results: Path,
    *,
    compared: Sequence[str] = ("lbp_top", "mdmo"),
    seed: int = 0,
    workers: Workers = 1,
    progress: bool = True,
) -> HandcraftedStudy:
    """Run the study on a database, leaving out one subject, and two, at a time.

    Parameters
    ----------
    database : Database
        Any database whose videos hold faces; at least three subjects.
    methods : sequence of str
        See `chapter_methods`.
    options : HandcraftedOptions
        What the methods share.
    results : Path
        Where runs are stored; what is there is not computed again.
    compared : sequence of str
        Methods that other classifiers are tried on.
    seed : int
        Seed of the run.
    workers : int or str
        Processes, or the address of a Dask scheduler; no result depends on it.
    progress : bool
        Show bars in a terminal.

    Raises
    ------
    MecoreError
        Clips that cannot be used, or folds that failed; what was computed is kept.
    """
    clips = tuple(list_clips(database))
    task = HandcraftedTask(
        clips, tuple(c.subject for c in clips), tuple(database.manifest.classes), tuple(methods),
        options, Path(), tuple(c for c in compared if c in methods),
    )  # fmt: skip
    kinds: tuple[Labels, ...] = ("true", "permuted")
    plans = [p for kind in kinds for p in nested_plans(task.groups, seed, kind)]
    name, data = database.manifest.id, database.fingerprint
    task, store = _run(task, plans, name, data, results, seed, workers, progress)
    return HandcraftedStudy(task, tuple(plans), store)


def _run(
    task: HandcraftedTask, plans: list[FoldPlan], name: str, data: str, results: Path,
    seed: int, workers: Workers, progress: bool,
) -> tuple[HandcraftedTask, RunStore]:  # fmt: skip
    parameters = {"options": asdict(task.options), "methods": task.methods, "seed": seed,
                  "compared": task.compared, "folds": digest([p.name for p in plans])}  # fmt: skip
    store = open_run(results, "handcrafted", name, parameters, data)
    task = replace(task, folder=feature_folder(task.clips, task.options))
    # Worker processes take seconds to start; what is finished does without them.
    if not all(store.has_fold(p.name) for p in plans):
        with executor_for(workers) as executor:
            prepare_clips(task.clips, task.options, executor, progress=progress)
            write_matrices(task.clips, task.methods, task.options)
            run_folds(task, plans, store, executor, progress=progress)
    return task, store


def run_across(
    study: HandcraftedStudy,
    database: Database,
    other: Database,
    results: Path,
    *,
    seed: int = 0,
    workers: Workers = 1,
    progress: bool = True,
) -> dict[str, dict[str, float]]:
    """Train on a database and test on another, with the settings that are best inside the first.

    Parameters
    ----------
    study : HandcraftedStudy
        The study of ``database``.
    database, other : Database
        To train on, and to test on; their classes must have the same names.
    results, seed, workers, progress
        See `run_handcrafted`.

    Returns
    -------
    dict
        Scores of each method on all clips of ``other``.

    Raises
    ------
    DataError
        Other classes.
    """
    classes = tuple(other.manifest.classes)
    if classes != study.task.classes:
        raise DataError(
            f"classes {', '.join(classes)} are not those of {database.manifest.name}: "
            f"{', '.join(study.task.classes)}", where=other.root,
            todo="give both manifests the same classes",
        )  # fmt: skip
    clips = [*study.task.clips, *(strangers := list_clips(other))]
    names = [database.manifest.id] * len(study.task.clips) + [other.manifest.id] * len(strangers)
    groups = [
        f"{i} {n} {c.subject}" for n, c, i in zip(names, clips, _sides(study, clips), strict=True)
    ]
    task = replace(study.task, clips=tuple(clips), groups=tuple(groups), compared=())
    train, test = (tuple(sorted({g for g in groups if g[0] == side})) for side in "01")
    plan = FoldPlan(f"on {other.manifest.id}", train, test, seed=seed)
    pair = f"{database.manifest.id} on {other.manifest.id}"
    data = digest([database.fingerprint, other.fingerprint])
    task, store = _run(task, [plan], pair, data, results, seed, workers, progress)
    truth, scores = task.labels("true", seed), {}
    for name, part in store.fold_table(plan.name).groupby("method", sort=False):
        said = unpack(part.predicted)[:, study.predictions(name).oracle_setting()]
        labels = list(range(len(classes)))
        scores[name] = recognition.evaluate(truth[part.number.to_numpy()], said, labels)
    return scores


def _sides(study: HandcraftedStudy, clips: Sequence[Any]) -> list[int]:
    return [int(i >= len(study.task.clips)) for i in range(len(clips))]
