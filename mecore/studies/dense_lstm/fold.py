"""One fold of dense LSTM spotting: three descriptors, two kinds of labels, one network for each.

A fold keeps the scores of every position of the left-out subjects, and of the validation subjects,
after every few epochs. Which epoch and floor are taken, honestly or not, is decided from these
scores (`mecore.studies.dense_lstm.scores`), without training again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mecore.descriptors.top.windows import Floats
from mecore.errors import DataError
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.store import FoldResult
from mecore.evaluation.videos import Expression, VideoItem
from mecore.models.dense_lstm.options import DESCRIPTORS, TARGETS, DenseOptions
from mecore.models.dense_lstm.projection import fit_projection
from mecore.runtime import seed_of
from mecore.spotting.apex_labels import apex_or_middle, apex_scores, overlap_scores
from mecore.studies.dense_lstm.features import video_features
from mecore.studies.dense_lstm.limit import LimitClip, clip_features

# Every n-th position of a training video is enough to find principal components.
_THIN = 6
Loaded = dict[str, tuple[Any, Floats]]


@dataclass(frozen=True)
class DenseTask:
    """Dense LSTM spotting on some videos; calling it runs one fold.

    Parameters
    ----------
    items : tuple of VideoItem
        All videos.
    options : DenseOptions
        The reading of the paper.
    clips : tuple of LimitClip
        Clips of known motion that are scored, too, and never trained on.
    descriptors, targets : tuple of str
        What is combined.
    """

    items: tuple[VideoItem, ...]
    options: DenseOptions
    clips: tuple[LimitClip, ...] = ()
    descriptors: tuple[str, ...] = DESCRIPTORS
    targets: tuple[str, ...] = TARGETS

    def __call__(self, plan: FoldPlan) -> FoldResult:
        """Train and test on one fold; tables ``scores`` and ``history`` go with it."""
        # Keras is imported where it trains: workers that compute features do without it.
        from mecore import runtime
        from mecore.studies.dense_lstm import fit as dense_lstm_fit

        runtime.configure()
        start = time.perf_counter()
        length = self.window(plan)
        scores: list[pd.DataFrame] = []
        history: list[pd.DataFrame] = []
        for descriptor in self.descriptors:
            loaded = self._features(plan, descriptor, length)
            for target in self.targets:
                name = f"{descriptor}-{target}"
                seed = seed_of(plan.seed, f"{plan.name}-{name}")
                train = self._trained(plan, loaded, target, length, np.random.default_rng(seed))
                watched = {k: v for k, v in loaded.items() if v[0].subject not in plan.train}
                fitted = dense_lstm_fit.fit(train, watched, self.options, seed)
                scores.append(fitted.scores.assign(technique=name))
                history.append(fitted.history.assign(technique=name))
        table = pd.concat(scores, ignore_index=True).assign(length=length)
        rows = pd.DataFrame({"subject": list(plan.test), "length": length})
        seconds = {"fold": time.perf_counter() - start}
        return FoldResult(rows, {"scores": table, "history": pd.concat(history)}, seconds)

    def window(self, plan: FoldPlan) -> int:
        """L, the mean length of an expression of the training subjects, or as the options say."""
        fps = {item.fps for item in self.items if item.subject in plan.train}
        rate = max(fps)
        if self.options.seconds:
            return max(2 * self.options.radius + 1, round(self.options.seconds * rate))
        lengths = [
            e.offset - e.onset + 1
            for item in self.items
            if item.subject in plan.train
            for e in item.expressions
        ]
        if not lengths:
            raise DataError("no micro-expression to train on", where=f"fold {plan.name}")
        # The paper: 9 frames for SMIC, 23 for its second database, the mean of each.
        return max(2 * self.options.radius + 1, int(np.mean(lengths) + 0.5))

    def _features(self, plan: FoldPlan, descriptor: str, length: int) -> Loaded:
        """Projected features of every video and clip that this fold needs, by its key."""
        wanted = [*self.items, *(c for c in self.clips if c.subject in plan.test)]
        # Twice through the videos, so that only one is in memory at full length.
        rows = [
            self._windows(item, descriptor, length)[::_THIN]
            for item in self.items
            if item.subject in plan.train
        ]
        project = fit_projection(np.concatenate(rows), self.options.components)
        return {
            key_of(item): (item, project(self._windows(item, descriptor, length)))
            for item in wanted
        }

    def _windows(self, item: Any, descriptor: str, length: int) -> Floats:
        load = clip_features if isinstance(item, LimitClip) else video_features
        try:
            rows = load(item, self.options).windows(descriptor, self.options, length)
        except ValueError as error:
            raise DataError(
                str(error), where=key_of(item), todo="exclude this video in the manifest"
            ) from error
        return rows - rows.mean(axis=0) if self.options.centre == "video" else rows

    def _trained(
        self, plan: FoldPlan, loaded: Loaded, target: str, length: int, rng: np.random.Generator
    ) -> list[tuple[Floats, Floats]]:
        videos = []
        for item, rows in loaded.values():
            if item.subject in plan.train:
                scores = target_scores(item, target, length, self.options)
                if plan.labels == "permuted":
                    scores = np.roll(scores, rng.integers(len(scores)))
                videos.append((rows, scores))
        return videos


def key_of(item: Any) -> str:
    """Name of a video in the tables of a fold."""
    return item.name if isinstance(item, LimitClip) else f"{item.subject}/{item.video}"


def target_scores(item: VideoItem, target: str, length: int, options: DenseOptions) -> Floats:
    """Training targets of the positions of one video (Eqs. 1 and 2)."""
    limits: dict[str, Any] = {"cut": options.cut, "inclusive": options.inclusive}
    if target == "overlap":
        return overlap_scores(item.intervals, item.n_frames, length, **limits)
    apexes = [apex_of(e) for e in item.expressions]
    return apex_scores(apexes, item.n_frames, length, ramp=options.ramp, **limits)


def apex_of(expression: Expression) -> int:
    """The apex, or the middle where none is annotated."""
    return apex_or_middle(expression.onset, expression.apex, expression.offset)[0]


def lost_expressions(items: Iterable[VideoItem], lengths: Sequence[int]) -> pd.DataFrame:
    """How many expressions are too short to reach an overlap of one half, by window length."""
    durations = [e.offset - e.onset + 1 for item in items for e in item.expressions]
    lost = [sum(d < 0.5 * n for d in durations) for n in lengths]
    return pd.DataFrame({"L": list(lengths), "expressions": len(durations), "without target": lost})
