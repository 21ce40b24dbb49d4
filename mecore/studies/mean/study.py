"""MEAN on one database: all folds, with true and with permuted labels, and the three columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.folds import FoldPlan, Labels, leave_one_subject_out
from mecore.evaluation.runner import collect, run_folds
from mecore.evaluation.store import RunStore, open_run
from mecore.evaluation.videos import VideoItem
from mecore.models.mean.options import MeanOptions, preset
from mecore.spotting.labels import k_prime
from mecore.studies.mean.features import list_videos, prepare_features
from mecore.studies.mean.fold import MeanTask
from mecore.studies.mean.rows import interval_rows
from mecore.studies.mean.scores import confusion, oracle_options, score_rows

if TYPE_CHECKING:
    from mecore.models.mean.network import Mean

# Epochs of a quick run, in which every cell executes but no network is well trained.
_FEW_EPOCHS = {"spot_epochs": 2, "recog_epochs": 15}


def chapter_options(name: str, changes: dict[str, Any], scale: str) -> MeanOptions:
    """Options of a chapter: a preset with changes, and fewer epochs at the scale ``small``."""
    return preset(name, **((_FEW_EPOCHS if scale == "small" else {}) | changes))


@dataclass(frozen=True)
class MeanStudy:
    """A finished run of MEAN; everything it shows is derived from what its folds stored.

    Parameters
    ----------
    task : MeanTask
        Videos, classes and options.
    plans : tuple of FoldPlan
        All folds.
    store : RunStore
        Their results.
    """

    task: MeanTask
    plans: tuple[FoldPlan, ...]
    store: RunStore

    def plans_with(self, labels: Labels) -> list[FoldPlan]:
        """Folds with true or with permuted labels."""
        return [p for p in self.plans if p.labels == labels]

    def table(self, name: str, labels: Labels = "true") -> pd.DataFrame:
        """One table of all folds: ``frames``, ``history`` or ``rows``."""
        return collect(self.store, self.plans_with(labels), name)

    @cached_property
    def frames(self) -> pd.DataFrame:
        """What the networks say of every frame of the left-out subjects."""
        return self.table("frames")

    def rows(
        self, options: MeanOptions | None = None, labels: Labels = "true", head: str = "p"
    ) -> pd.DataFrame:
        """Rows of the left-out subjects, under other options of the group ``spotting`` if given."""
        frames = self.frames if labels == "true" else self.table("frames", labels)
        return self._derive(frames, options or self.task.options, head)

    def _derive(self, frames: pd.DataFrame, options: MeanOptions, head: str = "p") -> pd.DataFrame:
        task = self.task
        return interval_rows(frames, task.items, task.classes, options, task.short, head)

    def score(self, rows: pd.DataFrame) -> dict[str, float]:
        """Scores of some rows."""
        return score_rows(rows, self.task.classes, self.task.options, self.task.short)

    @cached_property
    def oracle(self) -> MeanOptions:
        """The settings that score best on the left-out subjects."""
        return self._choose(self._everyone(self.frames))

    def _choose(self, frames: pd.DataFrame) -> MeanOptions:
        task = self.task
        return oracle_options(frames, task.items, task.classes, task.options, task.short)

    def _everyone(self, frames: pd.DataFrame) -> pd.DataFrame:
        """The same frames with k' of all subjects, the left-out one included."""
        durations = [e.offset - e.onset for item in self.task.items for e in item.expressions]
        return frames.assign(k_prime=k_prime(durations))

    def columns(self) -> dict[str, dict[str, float]]:
        """Scores in the columns honest, oracle, chance, and oracle on permuted labels."""
        permuted = self.table("frames", "permuted")
        everyone = self._everyone(permuted)
        result = {
            "honest": self.score(self.rows()),
            "oracle": self.score(self._derive(self._everyone(self.frames), self.oracle)),
            "chance": self.score(self._derive(permuted, self.task.options)),
            "oracle on chance": self.score(self._derive(everyone, self._choose(everyone))),
        }
        self.store.save_metrics(result)
        return result

    def video(self, item: VideoItem, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """The part of a table (the frame scores by default) that belongs to one video."""
        table = self.frames if table is None else table
        return table[(table.subject == item.subject) & (table.video == item.video)]

    def confusion(self, labels: Labels = "true") -> NDArray[np.int64]:
        """Confusion matrix of the true positives, truth in rows."""
        return confusion(self.rows(labels=labels), self.task.classes, self.task.options)

    def network(self, subject: str) -> Mean:
        """The network that was trained without a subject."""
        from mecore.studies.mean.fit import restore

        return restore(self.store.fold_table(subject, "weights"), self.task)

    def seconds(self) -> pd.DataFrame:
        """Wall-clock seconds of each part of each fold with true labels."""
        plans = self.plans_with("true")
        return pd.DataFrame([self.store.fold_seconds(p.name) for p in plans]).assign(
            fold=[p.test[0] for p in plans]
        )


def run_mean(
    database: Database,
    options: MeanOptions,
    results: Path,
    *,
    seed: int = 0,
    workers: Workers = 1,
    labels: Sequence[Labels] = ("true", "permuted"),
    without_transfer: bool = False,
    progress: bool = True,
) -> MeanStudy:
    """Run MEAN on a database, leaving one subject out at a time.

    Parameters
    ----------
    database : Database
        Any database whose videos hold faces.
    options : MeanOptions
        The reading of the paper.
    results : Path
        Where runs are stored; what is there is not computed again.
    seed : int
        Seed of the run.
    workers : int or str
        Processes, or the address of a Dask scheduler; no result depends on it.
    labels : sequence of {"true", "permuted"}
        Permuted labels measure chance.
    without_transfer : bool
        Also train recognition without transfer (Table 9).
    progress : bool
        Show bars in a terminal.

    Raises
    ------
    MecoreError
        Videos without a usable face, or folds that failed; what was computed is kept.
    """
    items = tuple(list_videos(database, options))
    classes = tuple(database.manifest.classes)
    short = database.manifest.length == "short"
    task = MeanTask(items, classes, options, short, without_transfer)
    plans = _plans(items, seed, labels)
    parameters = {"options": asdict(options), "seed": seed, "without_transfer": without_transfer}
    subjects = sorted({i.subject for i in items})
    store = open_run(
        results, "mean", database.manifest.id, parameters | {"subjects": subjects},
        database.fingerprint,
    )  # fmt: skip
    with executor_for(workers) as executor:
        if not all(store.has_fold(p.name) for p in plans):
            prepare_features(items, options, executor, progress=progress)
        run_folds(task, plans, store, executor, progress=progress)
    return MeanStudy(task, tuple(plans), store)


def _plans(items: Sequence[VideoItem], seed: int, labels: Sequence[Labels]) -> list[FoldPlan]:
    subjects = [i.subject for i in items]
    return [p for kind in labels for p in leave_one_subject_out(subjects, seed, kind)]
