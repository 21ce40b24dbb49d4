"""ROI CNN-LSTM on a database, a composite, or any clips: all folds, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.evaluation.folds import FoldPlan, Labels, leave_one_subject_out
from mecore.evaluation.runner import collect, run_folds
from mecore.evaluation.store import RunStore, open_run
from mecore.metrics import recognition
from mecore.models.roi.options import RoiOptions, preset
from mecore.studies.roi_cnn_lstm.clips import Clip, list_clips, prepare_patches
from mecore.studies.roi_cnn_lstm.fold import RoiTask, everyone_name

if TYPE_CHECKING:
    from mecore.models.roi.cnn_training import RegionCnns

CHAPTER = "roi_cnn_lstm"
BOTH: tuple[Labels, ...] = ("true", "permuted")
# Epochs of a quick run, in which every cell executes but no network is well trained.
_FEW_EPOCHS = {"cnn_epochs": 4, "lstm_epochs": 8}


def chapter_options(name: str, changes: dict[str, object], scale: str) -> RoiOptions:
    """Options of a chapter: a preset with changes, and fewer epochs at the scale ``small``."""
    return preset(name, **((_FEW_EPOCHS if scale == "small" else {}) | changes))


@dataclass(frozen=True)
class RoiStudy:
    """A finished run; everything it shows is derived from what its folds stored.

    Parameters
    ----------
    task : RoiTask
        Clips, classes and options.
    plans : tuple of FoldPlan
        All folds.
    store : RunStore
        Their results.
    """

    task: RoiTask
    plans: tuple[FoldPlan, ...]
    store: RunStore

    def table(self, name: str = "rows", labels: Labels = "true") -> pd.DataFrame:
        """One table of all folds: ``rows``, ``history``, ``regions`` or ``variants``."""
        return collect(self.store, [p for p in self.plans if p.labels == labels], name)

    def confusion(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        """Confusion matrix of pooled rows, truth in rows."""
        return recognition.confusion_matrix(rows.truth, rows.predicted, self.task.classes)

    def score(self, rows: pd.DataFrame) -> dict[str, float]:
        """UF1, UAR and the rest, of pooled rows."""
        return recognition.evaluate_confusion(self.confusion(rows))

    def by_database(self, labels: Labels = "true") -> dict[str, dict[str, float]]:
        """Scores of all clips (``full``) and of each database of a composite."""
        rows = self.table("rows", labels)
        parts = {"full": rows} | dict(iter(rows.groupby("database", sort=False)))
        return {str(name): self.score(part) for name, part in parts.items()}

    def region_accuracy(self, labels: Labels = "true") -> pd.DataFrame:
        """What the region CNNs say of single frames of left-out subjects.

        Returns
        -------
        DataFrame
            By region: frames, accuracy, that of the most frequent label, and recall averaged over
            the labels that occur.
        """
        counts = self.table("regions", labels)
        counts["hit"] = counts.n.where(counts.truth == counts.predicted, 0)
        rows = {}
        for region in self.task.regions:
            part = counts[counts.region == region].groupby("truth")[["n", "hit"]].sum()
            rows[region] = {
                "frames": int(part.n.sum()), "accuracy": part.hit.sum() / part.n.sum(),
                "most frequent label": part.n.max() / part.n.sum(),
                "mean recall": (part.hit / part.n).mean(),
            }  # fmt: skip
        return pd.DataFrame(rows).T

    def cnns(self, subject: str) -> RegionCnns:
        """The region CNNs that were trained without a subject."""
        from mecore.studies.roi_cnn_lstm.fit import restore

        return restore(self.store.fold_table(subject, "weights"), self.task)

    def seconds(self, labels: Labels = "true") -> pd.DataFrame:
        """Wall-clock seconds of each part of each fold."""
        plans = [p for p in self.plans if p.labels == labels]
        return pd.DataFrame([self.store.fold_seconds(p.name) for p in plans])

    def remarks(self) -> list[str]:
        """What is special about single folds: absent classes, one class, one clip."""
        truth = self.task.truth("true", 0).classes
        found = []
        for plan in (p for p in self.plans if p.labels == "true"):
            train, test = (truth[self.task.clips_of(s)] for s in (plan.train, plan.test))
            for number, name in enumerate(self.task.classes):
                if number not in train:
                    found.append(f"{plan.name}: no training subject shows {name}; it weighs 0")
            if len(test) == 1:
                found.append(f"{plan.name}: one clip only; it counts in the pooled scores")
            elif len(set(test.tolist())) == 1:
                name = self.task.classes[test[0]]
                found.append(f"{plan.name}: shows {name} only; a score of this fold means nothing")
        return found


def run_roi(
    databases: Sequence[Database],
    options: RoiOptions,
    results: Path,
    executor: Executor,
    *,
    seed: int = 0,
    labels: Sequence[Labels] = BOTH,
    variants: bool = False,
    progress: bool = True,
) -> RoiStudy:
    """Run ROI CNN-LSTM on a database or a composite, leaving one subject out at a time.

    Parameters
    ----------
    databases : sequence of Database
        One, or several with the same classes (MEGC2019: SMIC, CASME II and SAMM).
    options : RoiOptions
        The reading of the paper.
    results : Path
        Where runs are stored; what is there is not computed again.
    executor : concurrent.futures.Executor
        Where folds run; no result depends on it.
    seed : int
        Seed of the run.
    labels : sequence of {"true", "permuted"}
        Permuted labels measure chance.
    variants : bool
        Also train sequence networks without each region, and without a mask.
    progress : bool
        Show bars in a terminal.

    Raises
    ------
    MecoreError
        Clips without a usable face, or folds that failed; what was computed is kept.
    """
    clips = list_clips(databases, options)
    classes = tuple(databases[0].manifest.classes)
    name = "+".join(d.manifest.id for d in databases)
    fingerprint = "+".join(d.fingerprint for d in databases)
    task = RoiTask(tuple(clips), classes, options, Path(), variants)
    study = _open(task, results, name, fingerprint, seed, labels)
    if not all(study.store.has_fold(p.name) for p in study.plans):
        prepare_patches(clips, options, executor, progress=progress)
    return _run(study, executor, progress)


def run_clips(
    clips: Sequence[Clip],
    classes: Sequence[str],
    name: str,
    options: RoiOptions,
    results: Path,
    executor: Executor,
    *,
    seed: int = 0,
    labels: Sequence[Labels] = ("true",),
    progress: bool = True,
) -> RoiStudy:
    """Run ROI CNN-LSTM on clips of any origin, such as noise; parameters as in `run_roi`."""
    task = RoiTask(tuple(clips), tuple(classes), options, Path())
    return _run(_open(task, results, name, joblib.hash(clips), seed, labels), executor, progress)


def _open(
    task: RoiTask, results: Path, name: str, fingerprint: str, seed: int, labels: Sequence[Labels]
) -> RoiStudy:
    subjects = sorted({c.subject for c in task.clips})
    parameters = {"options": asdict(task.options), "seed": seed, "variants": task.variants,
                  "subjects": subjects}  # fmt: skip
    store = open_run(results, CHAPTER, name, parameters, fingerprint)
    plans = [p for kind in labels for p in leave_one_subject_out(subjects, seed, kind)]
    task = RoiTask(task.clips, task.classes, task.options, store.folder, task.variants)
    return RoiStudy(task, tuple(plans), store)


def _run(study: RoiStudy, executor: Executor, progress: bool) -> RoiStudy:
    task, store = study.task, study.store
    if task.options.cnn_subjects == "everyone":
        kinds = {p.labels: p.seed for p in study.plans}
        missing = {k: s for k, s in kinds.items() if not store.has_fold(everyone_name(k))}
        fits = {k: executor.submit(partial(task.fit_everyone, k, s)) for k, s in missing.items()}
        for kind, future in fits.items():
            store.save_fold(everyone_name(kind), future.result())
    run_folds(task, study.plans, store, executor, progress=progress)
    return study
