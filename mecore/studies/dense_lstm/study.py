"""Dense LSTM spotting on one database: all folds, all techniques, and what the columns are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.evaluation.cache import prepare
from mecore.evaluation.folds import FoldPlan, Labels, leave_one_subject_out
from mecore.evaluation.statistics import Counts
from mecore.evaluation.study import BOTH, Design, Execution, Study, all_plans
from mecore.evaluation.videos import VideoItem, list_videos
from mecore.models.dense_lstm.inputs import Inputs
from mecore.models.dense_lstm.options import DenseOptions
from mecore.spotting.learning_free import METHODS
from mecore.studies.dense_lstm import rows as dense_rows
from mecore.studies.dense_lstm.features import clip_features, video_features
from mecore.studies.dense_lstm.fold import DenseTask, rotated_item
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

    # -- what was found ---------------------------------------------------------------------------
    def rows(self, column: str, seed: int, method: str = "") -> Scored:
        """What a technique finds in the left-out videos in a column, in one run."""
        labels = self.columns[column]
        if not column.startswith("oracle"):
            table = self.table("rows", labels, seed)
            own = table[table.technique == method]
            return dense_rows.spotted_in(own, self.task.items), self.task.items
        first, floor = self.oracle(method, labels, seed)
        found = self.candidates(method, labels, seed)[first]
        kept = {key: dense_rows.above(own, floor) for key, own in found.items()}
        return kept, self.task.items

    def candidates(
        self, technique: str, labels: Labels = "true", seed: int = 0
    ) -> dense_rows.Candidates:
        """What a technique finds in the left-out videos after each epoch, or with each threshold.

        Without a floor. A spotter without learning finds the same in every run.
        """
        if technique in METHODS:
            return self._free[technique]
        if (technique, labels, seed) not in self._learnt:
            scores = self._scores(technique, labels, seed)
            self._learnt[technique, labels, seed] = dense_rows.candidates(scores)
        return self._learnt[technique, labels, seed]

    @cached_property
    def _learnt(self) -> dict[tuple[str, Labels, int], dense_rows.Candidates]:
        return {}

    @cached_property
    def _free(self) -> dict[str, dense_rows.Candidates]:
        inputs = {key: self.features(item) for key, item in self.items.items()}
        return dense_rows.free_candidates(inputs, {k: i.fps for k, i in self.items.items()})

    def _scores(self, technique: str, labels: Labels, seed: int) -> pd.DataFrame:
        table = self.table("scores", labels, seed)
        return table[table.technique == technique]

    def scores_of(self, technique: str, key: str, epoch: float, seed: int = 0) -> tuple[Any, int]:
        """Scores of the positions of a left-out video after an epoch, and L."""
        table = self._scores(technique, "true", seed)
        row = table[(table.video == key) & (table.epoch == epoch)].iloc[0]
        return np.asarray(row.scores, np.float64), int(row.length)

    def setting(self, technique: str, subject: str, seed: int = 0) -> dense_rows.Setting:
        """What was honestly chosen for a left-out subject."""
        table = self.table("settings", "true", seed)
        row = table[(table.technique == technique) & (table.fold == subject)].iloc[0]
        return float(row["first"]), float(row.floor)

    def oracle(self, technique: str, labels: Labels = "true", seed: int = 0) -> dense_rows.Setting:
        """The setting that scores best on the left-out subjects, one for all folds."""
        annotated = {key: item.intervals for key, item in self.items.items()}
        found = self.candidates(technique, labels, seed)
        return dense_rows.choose(found, dense_rows.floors(technique), annotated)

    # -- scores -----------------------------------------------------------------------------------
    def counts(self, rows: Scored) -> Counts:
        """Counts by subject, see `mecore.studies.dense_lstm.rows.count_by_subject`."""
        return dense_rows.count_by_subject(*rows)

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """Measures of added counts, see `mecore.studies.dense_lstm.rows.measure`."""
        return dense_rows.measure(counts)

    def luck(self, technique: str, draws: int = 10) -> pd.DataFrame:
        """Scores of what a technique honestly finds against annotations that were rotated."""
        places = [
            [rotated_item(item, np.random.default_rng([draw, n]))
             for n, item in enumerate(self.task.items)]
            for draw in range(draws)
        ]  # fmt: skip
        return self.score_rows(
            [(self.rows("honest", s, technique)[0], p) for s in self.seeds() for p in places]
        )

    @cached_property
    def learning(self) -> pd.DataFrame:
        """F1 on the left-out subjects by technique, seed and epoch, without a floor."""
        rows = []
        for technique in self.networks:
            for seed in self.seeds():
                for epoch, found in self.candidates(technique, "true", seed).items():
                    counts = self.counts((found, self.task.items))
                    f1 = self.measures({k: v.sum(axis=0) for k, v in counts.items()})["f1"]
                    rows.append({"technique": technique, "seed": seed, "epoch": epoch, "f1": f1})
        return pd.DataFrame(rows).astype({"f1": float})

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
    options : DenseOptions
        The interpretation of the paper.
    how : Execution
        Where and how it is run; no result depends on it.
    seeds : iterable of int
        Seeds of the run, with true and with permuted labels.
    labels : sequence of {"true", "permuted"}
        Permuted labels measure chance.
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
    task = DenseTask(items, options, clips)
    task = replace(task, descriptors=tuple(descriptors)) if descriptors else task
    design = Design.of("dense_lstm", [database], {
        "options": asdict(options), "descriptors": task.descriptors, "clips": [c.key for c in clips]
    })  # fmt: skip
    plans = all_plans(partial(_split, items, options.validation), seeds, labels)
    plans.sort(key=lambda plan: plan.test)

    def compute(executor: Any) -> None:
        known: Mapping[str, Any] = {"executor": executor, "progress": how.progress}
        prepare(partial(video_features, options=options), items, **known)
        prepare(partial(clip_features, options=options), clips, what="clips", **known)

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
    for plan in leave_one_subject_out(subjects, seed, labels):
        at = subjects.index(plan.test[0])
        kept = {subjects[(at + 1 + n) % len(subjects)] for n in range(validation)}
        train = tuple(s for s in plan.train if s not in kept)
        plans.append(replace(plan, train=train, validation=tuple(sorted(kept))))
    return plans
