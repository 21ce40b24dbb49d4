"""The handcrafted study: its columns and scores, other protocols, and other databases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.descriptors.graph_sparse_coding import Dictionary
from mecore.descriptors.materials import takes
from mecore.descriptors.registry import descriptors, find_descriptor
from mecore.descriptors.sparse_mdmo import atomic_motion, dictionary_of
from mecore.evaluation.cache import prepare
from mecore.evaluation.clips import Clip, list_clips
from mecore.evaluation.folds import FoldPlan, Labels, across_databases
from mecore.evaluation.statistics import Counts
from mecore.evaluation.study import COLUMNS, Design, Execution, Study
from mecore.metrics import recognition
from mecore.metrics.averaging import f1_of_classes, grouped_confusion
from mecore.studies.handcrafted.features import (
    Compute,
    array_of,
    compute_all,
    known_of,
    matrix_file,
    shown_flow,
    write_matrix,
)
from mecore.studies.handcrafted.fold import DUMMY, HandcraftedTask, nested_plans
from mecore.studies.handcrafted.options import HandcraftedOptions
from mecore.studies.handcrafted.selection import GridPredictions, count_settings, unpack

Indices = NDArray[np.int64]
# A quick run in which every cell executes.
_SMALL_METHODS = ("lbp_top", "lbp_top_raw", "lbp_top_unit", "biwoof", "mdmo", "sparse_mdmo")


def chosen_methods(names: Sequence[str], scale: str) -> tuple[str, ...]:
    """Methods of a chapter: those named, or all, or a few at the scale ``small``."""
    if names:
        return tuple(find_descriptor(name).name for name in names)
    return _SMALL_METHODS if scale == "small" else tuple(descriptors())


class HandcraftedStudy(Study[HandcraftedTask]):
    """A finished run of the handcrafted study."""

    # All labels of a fold share what is learnt without labels.
    together: ClassVar[int] = 64

    @staticmethod
    def group(plan: FoldPlan) -> object:
        """What folds agree in that are run at once."""
        return plan.test

    @property
    def methods(self) -> list[str]:
        """The classifier that looks at no feature, and all descriptors."""
        return [DUMMY, *self.task.methods]

    # -- predictions ------------------------------------------------------------------------------
    def predictions(self, name: str, labels: Labels = "true", seed: int = 0) -> GridPredictions:
        """What every setting of a method says of the clips left out."""
        if (labels, seed) not in self._predictions:
            self._predictions[labels, seed] = self._collect(labels, seed)
        return self._predictions[labels, seed][name]

    @cached_property
    def _predictions(self) -> dict[tuple[Labels, int], dict[str, GridPredictions]]:
        return {}

    def _collect(self, labels: Labels, seed: int) -> dict[str, GridPredictions]:
        """Put the folds together: classes said of each clip, and inner counts of each subject."""
        task, plans = self.task, self.plans_with(labels, seed)
        groups, n = task.subjects, len(task.classes)
        told = {p.test[0]: task.labels(p) for p in plans if len(p.test) == 1}
        outer: dict[str, NDArray[np.uint8]] = {}
        inner: dict[str, dict[str, Indices]] = {name: {} for name in self.methods}
        for plan in plans:
            for name, part in self.store.fold_table(plan.key).groupby("method"):
                at, said = part.number.to_numpy(), unpack(part.predicted)
                if len(plan.test) == 1:
                    whole = outer.setdefault(name, np.zeros((len(groups), said.shape[1]), np.uint8))
                    whole[at] = said
                    continue
                for subject in plan.test:
                    others = groups[at] != subject
                    counts = count_settings(told[subject][at[others]], said[others], n)
                    inner[name][subject] = inner[name].get(subject, 0) + counts
        return {
            name: GridPredictions(groups, task.truth, outer[name], inner[name])
            for name in self.methods
        }

    def rows(self, column: str, seed: int, method: str = "") -> NDArray[np.uint8]:
        """Class that a method says of every clip in a column, (n,)."""
        found = self.predictions(method, COLUMNS[column], seed)
        return found.oracle() if column.startswith("oracle") else found.honest()

    def counts(self, rows: NDArray[Any]) -> Counts:
        """Confusion matrices of the subjects."""
        codes = range(len(self.task.classes))
        return {"confusion": grouped_confusion(self.task.truth, rows, codes, self.task.subjects)}

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """Measures of recognition, and F1 of each class as ``f1 <class>``."""
        each = np.nan_to_num(f1_of_classes(counts["confusion"]))
        classes = {f"f1 {c}": each[..., n] for n, c in enumerate(self.task.classes)}
        return recognition.measures(counts["confusion"]) | classes

    def confusion(self, column: str, method: str, seed: int = 0) -> Indices:
        """Confusion matrix of a column, truth in rows."""
        return self.counts(self.rows(column, seed, method))["confusion"].sum(axis=0)

    # -- what else is asked of the same clips -----------------------------------------------------
    def classifiers(self) -> pd.DataFrame:
        """Scores of other classifiers, leave one subject out: method, classifier, measure, …."""
        plans = [p for p in self.plans_with("true") if len(p.test) == 1]
        stored = pd.concat([self.store.fold_table(p.key, "classifiers") for p in plans])
        parts = []
        for (name, title), part in stored.groupby(["method", "classifier"], sort=False):
            said = np.zeros(len(self.task.clips), np.uint8)
            said[part.number.to_numpy()] = unpack(part.predicted)[:, 0]
            parts.append(self.score_rows([said]).assign(method=name, classifier=title))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def grid_seconds(self) -> pd.Series:
        """Median seconds of the whole grid in a fold that leaves one subject out, by method."""
        plans = [p for p in self.plans_with("true") if len(p.test) == 1]
        return pd.DataFrame([self.store.fold_seconds(p.key) for p in plans]).median()

    def product(self, name: str) -> float:
        """Median size of the inner product of two clips; missing where features are learnt."""
        if find_descriptor(name).learn is not None:
            return float("nan")
        return float(np.median(np.abs(self.task.gram(name))))

    def array(self, clip: Clip, compute: Any) -> NDArray[Any]:
        """What is kept of a clip, see `mecore.studies.handcrafted.features.array_of`."""
        return array_of(clip, compute, self.task.options)

    def dictionary(self, subject: str) -> Dictionary:
        """Dictionary of Sparse MDMO from everybody but one subject."""
        kept = [self.array(c, atomic_motion) for c in self.task.clips if c.subject != subject]
        known = asdict(self.task.options)
        options = {name: known[name] for name in takes(dictionary_of) if name in known}
        return dictionary_of(np.stack(kept), seed=0, **options)


def run_handcrafted(
    databases: Database | Sequence[Database],
    methods: Sequence[str],
    options: HandcraftedOptions,
    how: Execution,
    *,
    seeds: Iterable[int] = (0,),
    compared: Sequence[str] = ("lbp_top", "mdmo"),
) -> HandcraftedStudy:
    """Run the study, leaving out one subject, and two, at a time.

    Parameters
    ----------
    databases : Database or sequence of Database
        Any whose videos hold faces; at least three subjects.
    methods : sequence of str
        See `chosen_methods`.
    options : HandcraftedOptions
        What the methods share.
    how : Execution
        Where and how it is run; no result depends on it.
    seeds : iterable of int
        Draws of permuted labels. With true labels nothing is drawn, but for first values with
        seeds of their own: one run says it all.
    compared : sequence of str
        Methods that other classifiers are tried on.

    Raises
    ------
    MecoreError
        Videos that cannot be used, or folds that failed; what was computed is kept.
    """
    several = [databases] if isinstance(databases, Database) else list(databases)
    compared = tuple(name for name in compared if name in methods)
    task = _task(several, methods, options, compared)
    plans = nested_plans(task.subjects)
    plans += [p for seed in seeds for p in nested_plans(task.subjects, seed, "permuted")]
    return _run(task, several, sorted(plans, key=lambda plan: plan.test), how)


def _task(
    databases: Sequence[Database], methods: Sequence[str], options: HandcraftedOptions,
    compared: Sequence[str] = (),
) -> HandcraftedTask:  # fmt: skip
    clips = list_clips(databases)
    matrices = {name: matrix_file(clips, find_descriptor(name), options) for name in methods}
    classes = tuple(databases[0].manifest.classes)
    return HandcraftedTask(
        tuple(clips), classes, tuple(methods), options, matrices, tuple(compared)
    )


def _run(
    task: HandcraftedTask, databases: Sequence[Database], plans: Sequence[FoldPlan], how: Execution
) -> HandcraftedStudy:
    kinds = [find_descriptor(name) for name in task.methods]
    code = {kind.name: known_of(kind.compute, task.options)[2] for kind in kinds}
    design = Design.of("handcrafted", databases, {
        "options": asdict(task.options), "methods": task.methods, "compared": task.compared,
        "classes": task.classes, "descriptors": code,
    })  # fmt: skip
    return HandcraftedStudy.run(task, design, plans, how, partial(_prepare, task, how.progress))


def _prepare(task: HandcraftedTask, progress: bool, executor: Executor) -> None:
    """Compute the descriptors of all videos, and put them together."""
    kinds = [find_descriptor(name) for name in task.methods]
    wanted: list[Compute] = [*(kind.compute for kind in kinds), atomic_motion, shown_flow]
    compute = partial(compute_all, computes=list(dict.fromkeys(wanted)), options=task.options)
    items = {clip.item.key: clip.item for clip in task.clips}
    prepare(compute, items.values(), executor, progress=progress)
    for kind in kinds:
        write_matrix(task.clips, kind, task.options, task.matrices[kind.name])


def across(
    study: HandcraftedStudy, database: Database, other: Database, how: Execution
) -> pd.DataFrame:
    """Train on a database and test on another, with the settings that are best inside the first.

    Parameters
    ----------
    study : HandcraftedStudy
        The study of ``database``.
    database, other : Database
        To train on, and to test on; DataError if their classes differ.
    how : Execution
        Where and how it is run.

    Returns
    -------
    DataFrame
        Scores of each method on all clips of ``other``: method, measure, score, ….
    """
    both = [database, other]
    task = _task(both, study.task.methods, study.task.options)
    names = [d.manifest.id for d in both]
    plan = across_databases({c.subject: c.database for c in task.clips}, names[:1], names[1])
    run = _run(task, both, [plan], how)
    rows, place = run.store.fold_table(plan.key), run.task.members(plan.test)
    tested = tuple(run.task.clips[i] for i in place)
    asked = HandcraftedStudy(replace(run.task, clips=tested), run.plans, run.store)
    parts = []
    for name, part in rows.groupby("method", sort=False):
        said = unpack(part.predicted)[:, study.predictions(name).oracle_setting()]
        parts.append(asked.score_rows([said]).assign(method=name))
    return pd.concat(parts, ignore_index=True)


def protocols(study: HandcraftedStudy, other: pd.DataFrame | None = None) -> pd.DataFrame:
    """Score three protocols, with settings chosen by other subjects, and ask who it is.

    Leave one video out differs from the honest column in the training clips alone: the other clips
    of the same person are among them. What a feature knows of the person, which is asked of the
    same classifiers, is what this can profit from. Methods that learn their features, and so would
    have to be learnt anew without each video, are left out.

    Returns
    -------
    DataFrame
        method, protocol, measure, score, low, high …; with what `across` gave as ``other``. Of the
        protocol ``person told`` there is accuracy alone.
    """
    task, parts = study.task, []
    people = np.unique(task.subjects, return_inverse=True)[1]
    for name in task.methods:
        if find_descriptor(name).learn is not None:
            continue
        settings = study.predictions(name).honest_settings()
        said, person = (task.each_video(name, settings, x) for x in (task.truth, people))
        found = {"leave one subject out": study.score("honest", name),
                 "leave one video out": study.score_rows([said])}  # fmt: skip
        if other is not None:
            found["other database"] = other[other.method == name]
        told = {"measure": "accuracy", "score": (person == people).mean()}
        found["person told"] = pd.DataFrame([told])
        parts += [table.assign(method=name, protocol=k) for k, table in found.items()]
    return pd.concat(parts, ignore_index=True)
