"""MEAN on one database, or on several: what its columns and scores are."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from itertools import product
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
from mecore.metrics.average_precision import ap_50_95
from mecore.models.mean.options import MeanOptions
from mecore.spotting.labels import k_prime
from mecore.studies.mean import rows as mean_rows
from mecore.studies.mean.features import video_features
from mecore.studies.mean.fold import MeanTask, stored_weights

if TYPE_CHECKING:
    from mecore.models.mean.network import Mean

# What Tables 7 and 8 of the paper compare on the left-out subjects, and thresholds around 0.55.
ORACLE_GRID: dict[str, tuple[Any, ...]] = {
    "smoothing": (("normalised", None), ("gaussian", 1.0), ("gaussian", 3.0),
                  ("exponential", 1.0), ("exponential", 3.0)),
    "vote": ("onset_to_apex", "apex", "onset_to_offset"),
    "p": (0.35, 0.45, 0.55, 0.65, 0.75),
}  # fmt: skip


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
        task, scores = self.task, mean_rows.video_scores(frames, head)
        return mean_rows.find_emotions(scores, task.items, options or task.options, task.short)

    def rows(self, column: str, seed: int, method: str = "") -> mean_rows.Found:
        """What is found in a column, in one run."""
        frames = self.frames(COLUMNS[column], seed)
        if column.startswith("oracle"):
            return self.found(self._everyone(frames), self.oracle(COLUMNS[column], seed))
        return self.found(frames)

    def oracle(self, labels: Labels = "true", seed: int = 0) -> MeanOptions:
        """Choose smoothing, voting frames and threshold on the left-out subjects, as the paper did.

        Tables 6 to 8 compare settings by their score on the very subjects that are left out, and
        the best is what the other tables report. The setting of the highest STRS is returned; of
        equal ones the first of `ORACLE_GRID`.
        """
        if (labels, seed) not in self._oracles:
            task = self.task
            scores = mean_rows.video_scores(self._everyone(self.frames(labels, seed)))

            def strs(options: MeanOptions) -> float:
                found = mean_rows.find_emotions(scores, task.items, options, task.short)
                total = {k: v.sum(axis=0) for k, v in self.counts(found).items()}
                return float(self.measures(total)["strs"])

            thresholds = (task.options.p,) if task.short else ORACLE_GRID["p"]
            grid = product(ORACLE_GRID["smoothing"], ORACLE_GRID["vote"], thresholds)
            self._oracles[labels, seed] = max(
                (replace(task.options, smoothing=smoothing, smoothing_width=width, vote=vote, p=p)
                 for (smoothing, width), vote, p in grid),
                key=strs,
            )  # fmt: skip
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
        items, classes = self.task.items, self.task.classes
        return mean_rows.count_by_subject(rows, items, classes, self.task.options)

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """Measures of added counts, see `mecore.studies.mean.rows.measure`."""
        return mean_rows.measure(counts)

    def extras(self, rows: mean_rows.Found) -> dict[str, float]:
        """AP@[.5:.95], ranked by score and as the paper's code has it; no sum of counts."""
        videos = [(rows[i.key].intervals, i.intervals) for i in self.task.items]
        ranked = ap_50_95(videos, [rows[i.key].scores for i in self.task.items])
        return {"ap_50_95": ranked, "ap_50_95_unranked": ap_50_95(videos, compat="mean")}

    def variants(self, settings: dict[str, dict[str, Any]]) -> dict[str, pd.DataFrame]:
        """Honest scores of the same networks under other ``options``, or with another ``head``."""
        return {
            name: self.score_rows([self.found(self.frames(seed=s), **how) for s in self.seeds()])
            for name, how in settings.items()
        }

    def confusion(self, column: str = "honest", seed: int = 0) -> NDArray[np.int64]:
        """Confusion matrix of the emotions of true positives, truth in rows."""
        return self.counts(self.rows(column, seed))["hits"].sum(axis=0).astype(np.int64)

    def video(self, item: VideoItem, table: pd.DataFrame) -> pd.DataFrame:
        """The part of a table that belongs to one video."""
        return table[(table.subject == item.subject) & (table.video == item.video)]

    def network(self, subject: str, seed: int = 0) -> "Mean":
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

    MecoreError for videos without a usable face, or folds that failed; what was computed is kept.

    Parameters
    ----------
    databases : Database or sequence of Database
        Any whose videos hold faces.
    options, how : MeanOptions, Execution
        The interpretation of the paper; where and how it is run, on which no result depends.
    seeds, labels : iterable of int, sequence of {"true", "permuted"}
        Seeds of the run with each kind of labels; permuted ones measure chance.
    without_transfer : bool
        Also train recognition without transfer (Table 9).
    """
    several = [databases] if isinstance(databases, Database) else list(databases)
    items = tuple(list_videos(several, without_class=options.videos == "all"))
    short = all(d.manifest.length == "short" for d in several)
    task = MeanTask(items, tuple(several[0].manifest.classes), options, short, without_transfer)
    design = Design.of("mean", several, {"options": asdict(options), "classes": task.classes,
                                         "without_transfer": without_transfer})  # fmt: skip
    split = partial(leave_one_subject_out, [i.subject for i in items])
    compute = partial(video_features, options=options)
    return MeanStudy.run(
        task, design, all_plans(split, seeds, labels), how,
        lambda pool: prepare(compute, items, pool, progress=how.progress),
    )  # fmt: skip


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
