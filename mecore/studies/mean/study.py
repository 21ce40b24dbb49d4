"""MEAN on one database, or on several: what its columns and scores are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.evaluation.cache import prepare
from mecore.evaluation.folds import Labels, leave_one_subject_out
from mecore.evaluation.statistics import Counts
from mecore.evaluation.study import BOTH, COLUMNS, Design, Execution, Study, all_plans
from mecore.evaluation.videos import VideoItem, list_videos
from mecore.models.mean.options import MeanOptions
from mecore.spotting.labels import k_prime
from mecore.studies.mean import rows as mean_rows
from mecore.studies.mean.features import video_features
from mecore.studies.mean.fold import MeanTask, stored_weights

if TYPE_CHECKING:
    from mecore.models.mean.network import Mean


class MeanStudy(Study[MeanTask]):
    """A finished run of MEAN."""

    together: ClassVar[int] = 8

    def frames(self, labels: Labels = "true", seed: int = 0) -> pd.DataFrame:
        """What the networks of one seed say of every frame of the left-out subjects."""
        return self.table("frames", labels, seed)

    def found(
        self, frames: pd.DataFrame, options: MeanOptions | None = None, head: str = "p"
    ) -> mean_rows.Found:
        """Intervals and emotions, under other options of the group ``spotting`` if given."""
        task = self.task
        scores = mean_rows.video_scores(frames, head)
        return mean_rows.find_emotions(scores, task.items, options or task.options, task.short)

    def intervals(self, labels: Labels = "true", seed: int = 0) -> pd.DataFrame:
        """Spotted and annotated intervals of the left-out subjects, of one seed."""
        return self.table("rows", labels, seed)

    def rows(self, column: str, seed: int, method: str = "") -> mean_rows.Found:
        """What is found in a column, in one run."""
        frames, options = self.frames(COLUMNS[column], seed), self.task.options
        if column.startswith("oracle"):
            frames, options = self._everyone(frames), self.oracle(COLUMNS[column], seed)
        return self.found(frames, options)

    def oracle(self, labels: Labels = "true", seed: int = 0) -> MeanOptions:
        """The settings that score best on the left-out subjects."""
        if (labels, seed) not in self._oracles:
            frames, task = self._everyone(self.frames(labels, seed)), self.task
            self._oracles[labels, seed] = mean_rows.oracle_options(
                frames, task.items, task.classes, task.options, task.short
            )
        return self._oracles[labels, seed]

    @cached_property
    def _oracles(self) -> dict[tuple[Labels, int], MeanOptions]:
        return {}

    def _everyone(self, frames: pd.DataFrame) -> pd.DataFrame:
        """The same frames with k' of all subjects, the left-out one included."""
        durations = [b - a for item in self.task.items for a, _, b in item.spans]
        return frames.assign(k_prime=k_prime(durations))

    def counts(self, rows: mean_rows.Found) -> Counts:
        """Counts by subject, see `mecore.studies.mean.rows.count_by_subject`."""
        task = self.task
        return mean_rows.count_by_subject(rows, task.items, task.classes, task.options)

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """Measures of added counts, see `mecore.studies.mean.rows.measure`."""
        return mean_rows.measure(counts)

    def extras(self, rows: mean_rows.Found) -> dict[str, float]:
        """Average precision, which is no sum of counts."""
        return mean_rows.precision_averages(rows, self.task.items)

    def variants(self, settings: dict[str, Any]) -> dict[str, pd.DataFrame]:
        """Honest scores under other options, or with another head, of the same networks."""
        scores = {}
        for name, setting in settings.items():
            change = {"head": setting} if isinstance(setting, str) else {"options": setting}
            found = [self.found(self.frames("true", s), **change) for s in self.seeds()]
            scores[name] = self.score_rows(found)
        return scores

    def confusion(self, column: str = "honest", seed: int = 0) -> NDArray[np.int64]:
        """Confusion matrix of the emotions of true positives, truth in rows."""
        counts = self.counts(self.rows(column, seed))
        return counts["hits"].sum(axis=0).astype(np.int64)

    def video(self, item: VideoItem, table: pd.DataFrame) -> pd.DataFrame:
        """The part of a table that belongs to one video."""
        return table[(table.subject == item.subject) & (table.video == item.video)]

    def network(self, subject: str, seed: int = 0) -> Mean:
        """The network that was trained without a subject."""
        from mecore.models.mean.stacked import as_network

        plan = next(p for p in self.plans_with("true", seed) if p.test == (subject,))
        weights = stored_weights(self.store.fold_table(plan.key, "weights"))
        return as_network(weights, self.task.options)


def run_mean(
    databases: Database | Sequence[Database],
    options: MeanOptions,
    how: Execution,
    *,
    seeds: Iterable[int] = (0,),
    labels: Sequence[Labels] = BOTH,
    without_transfer: bool = False,
) -> MeanStudy:
    """Run MEAN, leaving one subject out at a time.

    Parameters
    ----------
    databases : Database or sequence of Database
        Any whose videos hold faces.
    options : MeanOptions
        The interpretation of the paper.
    how : Execution
        Where and how it is run; no result depends on it.
    seeds : iterable of int
        Seeds of the run, with true and with permuted labels.
    labels : sequence of {"true", "permuted"}
        Permuted labels measure chance.
    without_transfer : bool
        Also train recognition without transfer (Table 9).

    Raises
    ------
    MecoreError
        Videos without a usable face, or folds that failed; what was computed is kept.
    """
    several = [databases] if isinstance(databases, Database) else list(databases)
    items = tuple(list_videos(several, without_class=options.videos == "all"))
    short = all(d.manifest.length == "short" for d in several)
    task = MeanTask(items, tuple(several[0].manifest.classes), options, short, without_transfer)
    subjects = [i.subject for i in items]
    design = Design.of("mean", several, {"options": asdict(options), "classes": task.classes,
                                         "without_transfer": without_transfer})  # fmt: skip
    plans = all_plans(partial(leave_one_subject_out, subjects), seeds, labels)
    compute = partial(video_features, options=options)
    return MeanStudy.run(task, design, plans, how, lambda pool: prepare(
        compute, items, pool, progress=how.progress
    ))  # fmt: skip


def at_distances(
    study: MeanStudy, databases: Database | Sequence[Database], how: Execution
) -> dict[float, MeanStudy]:
    """The same study with pairs 0.05, 0.10 and 0.15 s apart (Table 6), with true labels."""
    options, seeds = study.task.options, study.seeds()
    return {
        k: study if k == options.k_seconds else run_mean(
            databases, replace(options, k_seconds=k), how, seeds=seeds, labels=("true",)
        )
        for k in (0.05, 0.10, 0.15)
    }  # fmt: skip
