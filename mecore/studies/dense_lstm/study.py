"""Dense LSTM spotting on one database: all folds, all techniques, and what the columns are."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import cache, cached_property, partial
from itertools import product
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from mecore.data.database import Database
from mecore.evaluation.cache import prepare
from mecore.evaluation.folds import FoldPlan, Labels, leave_one_subject_out
from mecore.evaluation.statistics import Counts
from mecore.evaluation.study import BOTH, Design, Execution, Study, all_plans
from mecore.evaluation.videos import VideoItem, list_videos
from mecore.metrics import spotting
from mecore.models.dense_lstm.inputs import Inputs
from mecore.models.dense_lstm.options import DESCRIPTORS, DenseOptions
from mecore.spotting.learning_free import METHODS
from mecore.studies.dense_lstm import rows as dense_rows
from mecore.studies.dense_lstm.fold import DenseTask, clip_features, rotated_item, video_features
from mecore.studies.dense_lstm.known_motion import limit_clips

# Other interpretations, by name.
VARIANTS: dict[str, dict[str, Any]] = {
    "two layers": {"layers": 2}, "centred per video": {"centre": "video"},
}  # fmt: skip
# What was found, by video, and the annotations that it is scored against.
Scored = tuple[dense_rows.Found, Sequence[VideoItem]]


class DenseStudy(Study[DenseTask]):
    """A finished run of dense LSTM spotting."""

    # All seeds and labels of a fold share its features.
    together: ClassVar[int] = 24

    @staticmethod
    def group(plan: FoldPlan) -> object:
        """What plans agree in that are trained in one graph."""
        return plan.test

    @property
    def networks(self) -> list[str]:
        """Techniques that learn, such as ``hog-overlap``."""
        return [f"{d}-{t}" for t in self.task.targets for d in self.task.descriptors]

    @property
    def methods(self) -> list[str]:
        """All techniques, those without learning first."""
        return [*METHODS, *self.networks]

    @cached_property
    def items(self) -> dict[str, VideoItem]:
        """Videos by key."""
        return {item.key: item for item in self.task.items}

    def features(self, item: VideoItem) -> Inputs:
        """Features of a video, from the cache."""
        return video_features(item, self.task.options)

    def rows(self, column: str, seed: int, method: str = "") -> Scored:
        """What a technique finds in the left-out videos in a column, in one run."""
        labels, items = self.columns[column], self.task.items
        if not column.startswith("oracle"):
            return dense_rows.spotted_in(self._of("rows", method, labels, seed), items), items
        first, floor = self.oracle(method, labels, seed)
        found = self.candidates(method, labels, seed)[first]
        return {key: dense_rows.above(own, floor) for key, own in found.items()}, items

    def candidates(
        self, technique: str, labels: Labels = "true", seed: int = 0
    ) -> dense_rows.Candidates:
        """What a technique finds in the left-out videos after each epoch, or with each threshold.

        Without a floor. A spotter without learning finds the same in every run.
        """
        free = technique in METHODS
        return self._free[technique] if free else self._learnt(technique, labels, seed)

    @cached_property
    def _learnt(self) -> Callable[[str, Labels, int], dense_rows.Candidates]:
        return cache(lambda *run: dense_rows.candidates(self._of("scores", *run)))

    @cached_property
    def _free(self) -> dict[str, dense_rows.Candidates]:
        inputs = {key: self.features(item) for key, item in self.items.items()}
        return dense_rows.free_candidates(inputs, {k: i.fps for k, i in self.items.items()})

    def _of(self, name: str, technique: str, labels: Labels, seed: int) -> pd.DataFrame:
        """What a table says of one technique, in one run."""
        table = self.table(name, labels, seed)
        return table[table.technique == technique]

    def scores_of(self, technique: str, key: str, epoch: float, seed: int = 0) -> tuple[Any, int]:
        """Scores of the positions of a left-out video after an epoch, and L."""
        table = self._of("scores", technique, "true", seed)
        row = table[(table.video == key) & (table.epoch == epoch)].iloc[0]
        return np.asarray(row.scores, np.float64), int(row.length)

    def setting(self, technique: str, subject: str, seed: int = 0) -> dense_rows.Setting:
        """What was honestly chosen for a left-out subject."""
        row = self._of("settings", technique, "true", seed).set_index("fold").loc[subject]
        return float(row["first"]), float(row.floor)

    def oracle(self, technique: str, labels: Labels = "true", seed: int = 0) -> dense_rows.Setting:
        """The setting that scores best on the left-out subjects, one for all folds."""
        annotated = {key: item.intervals for key, item in self.items.items()}
        found = self.candidates(technique, labels, seed)
        return dense_rows.choose(found, dense_rows.floors(technique), annotated)

    def counts(self, rows: Scored) -> Counts:
        """Counts by subject, see `mecore.studies.dense_lstm.rows.count_by_subject`."""
        return dense_rows.count_by_subject(*rows)

    measures = staticmethod(dense_rows.measure)

    def luck(self, technique: str, draws: int = 10) -> pd.DataFrame:
        """Scores of what a technique honestly finds against annotations that were rotated."""
        places = [
            [rotated_item(item, np.random.default_rng([draw, n]))
             for n, item in enumerate(self.task.items)]
            for draw in range(draws)
        ]  # fmt: skip
        runs = [self.rows("honest", seed, technique)[0] for seed in self.seeds()]
        return self.score_rows(list(product(runs, places)))

    @cached_property
    def f1(self) -> dict[str, dict[str, pd.Series]]:
        """F1 in each column by technique."""
        columns = self.scores[self.scores.measure == "f1"].groupby("column", sort=False)
        return {column: dict(own.set_index("method").iterrows()) for column, own in columns}

    @cached_property
    def learning(self) -> pd.DataFrame:
        """F1 on the left-out subjects by technique, seed and epoch, without a floor."""
        rows = [
            (technique, seed, epoch, self.counts((found, self.task.items))["one"].sum(axis=0))
            for technique, seed in product(self.networks, self.seeds())
            for epoch, found in self.candidates(technique, "true", seed).items()
        ]
        table = pd.DataFrame(rows, columns=["technique", "seed", "epoch", "counts"])
        return table.assign(f1=spotting.measures(np.stack(table.pop("counts")))["f1"])

    @cached_property
    def limit(self) -> pd.DataFrame:
        """Counts on clips of known motion: technique, seed, subject, peak, noise, tp, fp, fn."""
        return self.table("limit") if self.task.clips else pd.DataFrame()


def run_dense_lstm(
    database: Database,
    options: DenseOptions,
    how: Execution,
    *,
    seeds: Iterable[int] = (0,),
    labels: Sequence[Labels] = BOTH,
    limit_turns: int = 2,
    descriptors: Sequence[str] | None = None,
) -> DenseStudy:
    """Run dense LSTM spotting on a database, leaving one subject out at a time.

    Parameters
    ----------
    database : Database
        Any database whose videos hold faces.
    options, how : DenseOptions and Execution
        The interpretation of the paper; and where and how it is run, on which no result depends.
    seeds, labels : iterable of int, and sequence of {"true", "permuted"}
        Seeds of the run, with true and with permuted labels, which measure chance.
    limit_turns : int
        Repetitions of each clip of known motion (phantom only); 0 for none.
    descriptors : sequence of str, optional
        Only these.

    Raises
    ------
    MecoreError
        Videos without a usable face, or folds that failed; what was computed is kept.
    """
    items, clips = tuple(list_videos(database)), limit_clips(database, limit_turns)
    task = DenseTask(items, options, clips, tuple(descriptors or DESCRIPTORS))
    design = Design.of("dense_lstm", [database], {
        "options": asdict(options), "descriptors": task.descriptors, "clips": [c.key for c in clips]
    })  # fmt: skip
    plans = all_plans(partial(_split, items, options.validation), seeds, labels)
    plans.sort(key=lambda plan: plan.test)

    def compute(executor: Executor) -> None:
        known = partial(prepare, executor=executor, progress=how.progress)
        known(partial(video_features, options=options), items)
        known(partial(clip_features, options=options), clips, what="clips")

    return DenseStudy.run(task, design, plans, how, compute)


def variants(
    study: DenseStudy, database: Database, how: Execution, descriptor: str = "hog"
) -> dict[str, DenseStudy]:
    """The networks on one descriptor under other options, with true labels and the same seeds."""
    return {"as above": study} | {
        name: run_dense_lstm(
            database, replace(study.task.options, **change), how, seeds=study.seeds(),
            labels=("true",), limit_turns=0, descriptors=(descriptor,),
        )
        for name, change in VARIANTS.items()
    }  # fmt: skip


def _split(
    items: Sequence[VideoItem], validation: int, seed: int, labels: Labels
) -> list[FoldPlan]:
    """Leave one subject out, and keep those that follow it in the list for validation."""
    subjects = sorted({i.subject for i in items})
    validation = min(validation, max(len(subjects) - 2, 0))
    plans = []
    for at, plan in enumerate(leave_one_subject_out(subjects, seed, labels), 1):
        kept = {subjects[(at + n) % len(subjects)] for n in range(validation)}
        train = tuple(s for s in plan.train if s not in kept)
        plans.append(replace(plan, train=train, validation=tuple(sorted(kept))))
    return plans
