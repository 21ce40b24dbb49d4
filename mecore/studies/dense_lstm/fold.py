"""A fold of dense LSTM spotting: three descriptors, two kinds of labels, one network for each.

The networks on one descriptor, of every seed, with true and permuted labels, are trained in one
graph, on features projected once. Kept are the scores of every left-out position after every few
epochs, for an oracle to choose from without training again, and what the honest choice finds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mecore.descriptors.top.windows import Floats
from mecore.errors import DataError
from mecore.evaluation.cache import cached
from mecore.evaluation.folds import FoldPlan, FoldResult, rotated, timed
from mecore.evaluation.videos import VideoItem
from mecore.metrics.apex_spotting import count_apexes
from mecore.models.choices import group
from mecore.models.dense_lstm.inputs import Inputs, video_inputs, window_vectors
from mecore.models.dense_lstm.options import DESCRIPTORS, TARGETS, DenseOptions
from mecore.models.dense_lstm.projection import Positions, fit_projection
from mecore.runtime import seed_of
from mecore.spotting.apexes import apex_scores, overlap_scores
from mecore.spotting.learning_free import METHODS
from mecore.studies.dense_lstm import rows as dense_rows
from mecore.studies.dense_lstm.known_motion import LimitClip, clip_inputs

Plans = Sequence[FoldPlan]
Videos = Mapping[str, VideoItem]
Tables = dict[str, pd.DataFrame]
# Every n-th position of a training video is enough to find principal components.
_THIN = 6


def video_features(item: VideoItem, options: DenseOptions) -> Inputs:
    """Return the features of one video, computed where they are not in the cache."""
    return cached(video_inputs, item.footage, item.spans, group(options, "features", "apex"))


def clip_features(clip: LimitClip, options: DenseOptions) -> Inputs:
    """Return the features of a clip of known motion, computed where they are not in the cache."""
    return cached(clip_inputs, clip, group(options, "features"))


def with_apexes(item: VideoItem, options: DenseOptions) -> VideoItem:
    """The same video with an apex for each expression, where none is annotated by the options."""
    pairs = zip(item.expressions, video_features(item, options).apexes, strict=True)
    return replace(item, expressions=tuple(replace(e, apex=apex) for e, apex in pairs))


@dataclass(frozen=True)
class DenseTask:
    """Dense LSTM spotting on some videos; calling it runs a fold with several seeds and labels.

    ``clips`` of known motion are scored, too, and never trained on. Every descriptor is combined
    with every kind of targets.
    """

    items: tuple[VideoItem, ...]
    options: DenseOptions
    clips: tuple[LimitClip, ...] = ()
    descriptors: tuple[str, ...] = DESCRIPTORS
    targets: tuple[str, ...] = TARGETS

    def __call__(self, plans: Plans) -> list[FoldResult]:
        """Train and test one fold, with several seeds, with true or permuted labels.

        Tables go with the rows: ``scores`` (technique, epoch, video, length, scores of positions),
        ``history`` (technique, epoch, loss), ``settings`` (technique, first, floor), ``limit``.
        """
        seconds: dict[str, float] = {}
        told, length = [self.told(plan) for plan in plans], self.window(plans[0])
        clips = [clip for clip in self.clips if clip.subject in plans[0].test]
        inputs = {item.key: video_features(item, self.options) for item in self.items}
        inputs |= {clip.key: clip_features(clip, self.options) for clip in clips}
        parts = []
        for descriptor in self.descriptors:
            with timed(seconds, "features"):
                positions = self._positions(plans[0], descriptor, inputs, length)
            with timed(seconds, "networks"):
                parts.append(self._train(plans, told, descriptor, positions, length))
        tables = {name: pd.concat([part[name] for part in parts]) for name in parts[0]}
        with timed(seconds, "choice"):
            fps = {item.key: item.fps for item in self.items} | {c.key: c.fps for c in clips}
            free = dense_rows.free_candidates(inputs, fps)
            results = [self._result(plan, items, clips, free, tables)
                       for plan, items in zip(plans, told, strict=True)]  # fmt: skip
        share = {part: value / len(plans) for part, value in seconds.items()}
        return [replace(result, seconds=share) for result in results]

    def window(self, plan: FoldPlan) -> int:
        """L, the mean length of an expression of the training subjects, or as the options say."""
        own = [item for item in self.items if item.subject in plan.train]
        least = 2 * self.options.radius + 1
        if self.options.seconds:
            return max(least, round(self.options.seconds * max(item.fps for item in own)))
        lengths = [offset - onset + 1 for item in own for onset, _, offset in item.spans]
        if not lengths:
            raise DataError("no micro-expression to train on", where=f"fold {plan.name}")
        # The paper: 9 frames for SMIC, 23 for its second database, the mean of each.
        return max(least, int(np.mean(lengths) + 0.5))

    def told(self, plan: FoldPlan) -> dict[str, VideoItem]:
        """Videos by key, with the annotations that a fold sees of them.

        With permuted labels, those of all but the left-out subjects are rotated in their videos.
        """
        items = {item.key: with_apexes(item, self.options) for item in self.items}
        for key, item in items.items() if plan.labels == "permuted" else ():
            if item.subject not in plan.test:
                rng = np.random.default_rng(seed_of(plan.seed, f"labels of {key}"))
                items[key] = rotated_item(item, rng)
        return items

    def _positions(
        self, plan: FoldPlan, descriptor: str, inputs: Mapping[str, Inputs], length: int
    ) -> Positions:
        """Projected features of all positions of all videos."""

        def vectors(key: str) -> Floats:
            try:
                return window_vectors(inputs[key], descriptor, self.options, length)
            except ValueError as error:
                todo = "exclude this video in the manifest"
                raise DataError(str(error), where=key, todo=todo) from error

        # Twice through the videos, so that only one is in memory at full length.
        training = [item.key for item in self.items if item.subject in plan.train]
        thin = np.concatenate([vectors(key)[::_THIN] for key in training])
        project = fit_projection(thin, self.options.components)
        return Positions.of({key: project(vectors(key)) for key in inputs})

    def _train(
        self, plans: Plans, told: Sequence[Videos], descriptor: str, positions: Positions,
        length: int,
    ) -> Tables:  # fmt: skip
        """Train all networks of a fold on one descriptor; scores of what none was trained on."""
        # TensorFlow is imported where it trains: workers that compute features do without it.
        from mecore.models.dense_lstm import stacked, training

        names, rngs, windows = [], [], []
        for (plan, own), target in product(zip(plans, told, strict=True), self.targets):
            names.append((plan.key, f"{descriptor}-{target}"))
            rngs.append(np.random.default_rng(seed_of(plan.seed, f"{plan.name}-{names[-1][1]}")))
            videos = [
                (positions.places[key][0], target_scores(item, target, length, self.options))
                for key, item in own.items()
                if item.subject in plan.train
            ]
            windows.append(training.training_windows(videos, self.options, rngs[-1]))
        width, rows = positions.rows.shape[1], positions.rows
        first = [stacked.fresh(width, self.options, rng) for rng in rngs]
        stack = stacked.DenseStack(first, self.options)
        trained = {item.key for item in self.items if item.subject in plans[0].train}
        watched = {k: place for k, place in positions.places.items() if k not in trained}
        copies, looks = pd.DataFrame(names, columns=["fold", "technique"]), []

        def look(epoch: int) -> None:
            scores = training.score_positions(stack, rows, list(watched.values()))
            for key, own in zip(watched, scores, strict=True):
                each = list(own.astype(np.float32))
                looks.append(copies.assign(epoch=epoch, video=key, length=length, scores=each))

        history = training.train(stack, rows, windows, self.options, rngs, look)
        curves = copies.merge(history, left_index=True, right_on="copy").drop(columns="copy")
        return {"scores": pd.concat(looks), "history": curves}

    def _result(
        self, plan: FoldPlan, told: Videos, clips: Sequence[LimitClip],
        free: Mapping[str, dense_rows.Candidates], tables: Tables,
    ) -> FoldResult:  # fmt: skip
        """Rows and tables of one plan."""
        own = {k: t[t.fold == plan.key].drop(columns="fold") for k, t in tables.items()}
        items = [item for item in self.items if item.subject in plan.test]
        parts = own["scores"].groupby("technique", sort=False)
        learnt = {technique: dense_rows.candidates(part) for technique, part in parts}
        found, settings, limit = {}, [], []
        for technique, candidates in {**free, **learnt}.items():
            first, floor = self._choose(plan, told, technique, candidates)
            settings.append({"technique": technique, "first": first, "floor": floor})
            kept = {k: dense_rows.above(f, floor) for k, f in candidates[first].items()}
            found[technique] = kept
            for clip in clips if plan.labels == "true" else ():
                counts = count_apexes([(kept[clip.key].apexes, [clip.interval])])
                levels = {"subject": clip.subject, "peak": clip.peak, "noise": clip.noise}
                limit.append({"technique": technique, **levels, **counts._asdict()})
        own["scores"] = own["scores"][own["scores"].video.isin([item.key for item in items])]
        own |= {"settings": pd.DataFrame(settings), "limit": pd.DataFrame(limit)}
        return FoldResult(dense_rows.found_rows(found, items), own)

    def _choose(
        self, plan: FoldPlan, told: Videos, technique: str, candidates: dense_rows.Candidates
    ) -> dense_rows.Setting:
        """Networks choose on the validation subjects, other spotters on all but the left-out."""
        free = technique in METHODS
        sides = (*plan.train, *plan.validation) if free else plan.validation
        own = {key: item.intervals for key, item in told.items() if item.subject in sides}
        fixed = not (free or self.options.floor)
        return dense_rows.choose(candidates, (0.0,) if fixed else dense_rows.floors(technique), own)


def target_scores(item: VideoItem, target: str, length: int, options: DenseOptions) -> Floats:
    """Training targets of the positions of one video (Eqs. 1 and 2), whose apexes are known."""
    limits: dict[str, Any] = {"cut": options.cut, "inclusive": options.inclusive}
    if target == "overlap":
        return overlap_scores(item.intervals, item.n_frames, length, **limits)
    apexes = np.array([e.apex for e in item.expressions], np.int64)
    return apex_scores(apexes, item.n_frames, length, ramp=options.ramp, **limits)


def rotated_item(item: VideoItem, rng: np.random.Generator) -> VideoItem:
    """Rotate the annotations of a video by a random offset that cuts no expression in two."""
    while True:
        frame = np.argsort(rotated(np.arange(item.n_frames), rng)).tolist()
        moved = tuple(
            replace(e, onset=frame[e.onset], apex=None if e.apex is None else frame[e.apex],
                    offset=frame[e.offset])
            for e in item.expressions
        )  # fmt: skip
        if all(e.onset <= e.offset for e in moved):
            return replace(item, expressions=tuple(sorted(moved, key=lambda e: e.onset)))
