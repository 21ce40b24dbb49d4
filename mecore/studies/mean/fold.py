"""Folds of MEAN: train on some subjects, look at every frame of the others.

Some folds are trained in one graph. A fold keeps what its networks say of each frame; intervals,
emotions and all ablations of smoothing and voting are derived from that
(`mecore.studies.mean.rows`), without training again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.evaluation.folds import FoldPlan, FoldResult, permuted, rotated, timed
from mecore.evaluation.videos import VideoItem
from mecore.models.mean.options import MeanOptions
from mecore.runtime import seed_of
from mecore.spotting.labels import k_prime, pseudo_labels
from mecore.spotting.sampling import balance
from mecore.studies.mean.features import VideoFeatures, video_features
from mecore.studies.mean.rows import frame_table

if TYPE_CHECKING:
    from mecore.models.mean.stacked import MeanStack
    from mecore.models.mean.training import Samples

Floats = NDArray[np.float32]
Plans = Sequence[FoldPlan]


@dataclass(frozen=True)
class MeanTask:
    """MEAN on some videos; calling it runs some folds.

    Parameters
    ----------
    items : tuple of VideoItem
        All videos.
    classes : tuple of str
        Emotion classes in the order of the network's output.
    options : MeanOptions
        The interpretation of the paper.
    short : bool
        One expression per video: the highest peak is taken, without threshold.
    without_transfer : bool
        Also train a recognition network of its own, with true labels (Table 9, Fig. 6).
    """

    items: tuple[VideoItem, ...]
    classes: tuple[str, ...]
    options: MeanOptions
    short: bool
    without_transfer: bool = False

    def __call__(self, plans: Plans) -> list[FoldResult]:
        """Train and test; tables ``frames``, ``history`` and ``weights`` go with the rows."""
        # Keras is imported where it trains: workers that compute flow do without it.
        from mecore.models.mean import stacked, training

        seconds: dict[str, float] = {}
        videos = [video_features(item, self.options) for item in self.items]
        halves = [self.half_length(plan) for plan in plans]
        seeds = [seed_of(p.seed, p.name) for p in plans]
        starts = [
            p.seed if self.options.same_start else s for p, s in zip(plans, seeds, strict=True)
        ]
        stack, alone = (
            stacked.MeanStack(
                [stacked.fresh(len(self.classes), self.options, np.random.default_rng([s, n]))
                 for s in starts],
                self.options, seed_of(seeds[0], f"dropout {n}"),
            )
            for n in range(2)
        )  # fmt: skip
        order = seed_of(plans[0].seed, "order")
        parts = {}
        with timed(seconds, "spotting"):
            frames = self.frames(plans, halves, videos)
            parts["spotting"] = training.train_spotting(stack, frames, self.options, order)
        samples = self.samples(plans, videos)
        with timed(seconds, "recognition"):
            parts["recognition"] = training.train_recognition(stack, samples, self.options, order)
        without = self.without_transfer and plans[0].labels == "true"
        if without:
            with timed(seconds, "recognition without transfer"):
                parts["recognition without transfer"] = training.train_recognition(
                    alone, samples, self.options, order, transfer=False
                )
        with timed(seconds, "inference"):
            looked = self._look(plans, videos, stack, alone if without else None)
        history = pd.concat([table.assign(stage=stage) for stage, table in parts.items()])
        return [
            self._result(plan, n, looked[n].assign(k_prime=halves[n]), history, stack,
                         {k: v / len(plans) for k, v in seconds.items()})
            for n, plan in enumerate(plans)
        ]  # fmt: skip

    def _result(
        self, plan: FoldPlan, number: int, frames: pd.DataFrame, history: pd.DataFrame,
        stack: MeanStack, seconds: dict[str, float],
    ) -> FoldResult:  # fmt: skip
        from mecore.studies.mean.rows import interval_rows

        own = [i for i in self.items if i.subject in plan.test]
        rows = interval_rows(frames, own, self.classes, self.options, self.short)
        curves = history[history["copy"] == number].drop(columns="copy").reset_index(drop=True)
        tables = {"frames": frames, "history": curves, "weights": _weights_table(stack, number)}
        return FoldResult(rows, tables, seconds | {"frames": float(len(frames))})

    def _look(
        self, plans: Plans, videos: Sequence[VideoFeatures], stack: MeanStack,
        alone: MeanStack | None,
    ) -> list[pd.DataFrame]:  # fmt: skip
        """What the network of each fold says of every frame of its left-out subjects."""
        tables = []
        for number, plan in enumerate(plans):
            own = []
            for item, video in zip(self.items, videos, strict=True):
                if item.subject in plan.test:
                    score, classes = (x[number] for x in stack(video.spot))
                    other = alone(video.spot)[1][number] if alone else None
                    own.append(frame_table(item, score, classes, other))
            tables.append(pd.concat(own, ignore_index=True))
        return tables

    def half_length(self, plan: FoldPlan) -> int:
        """k', half the mean length of an expression, of the training subjects or of all."""
        everyone = self.options.k_prime_from == "all"
        durations = [
            offset - onset
            for item in self.items
            if everyone or item.subject in plan.train
            for onset, _, offset in item.spans
        ]
        if not durations:
            raise DataError("no micro-expression to train on", where=f"fold {plan.name}")
        return k_prime(durations)

    def targets(self, item: VideoItem, k: int, half: int) -> NDArray[np.uint8]:
        """Pseudo-labels of the frames of one video (Eqs. 5, 6)."""
        return pseudo_labels(
            item.intervals, item.n_frames, k=k, k_prime=half, count=self.options.targets
        )

    def frames(
        self, plans: Plans, halves: Sequence[int], videos: Sequence[VideoFeatures]
    ) -> Samples:
        """Training frames of some folds, balanced for each; no fold draws on its left-out subjects.

        All folds take the frames that a draw puts first, so that they share most of them.
        """
        from mecore.models.mean.training import Samples, features_of

        told, kept = [], []
        for plan, half in zip(plans, halves, strict=True):
            rng = np.random.default_rng(seed_of(plan.seed, f"labels of {plan.name}"))
            each = [self.targets(i, v.k, half) for i, v in zip(self.items, videos, strict=True)]
            if plan.labels == "permuted":
                each = [rotated(t, rng) for t in each]
            told.append(np.concatenate(each))
            own = np.repeat([i.subject in plan.train for i in self.items], [len(t) for t in each])
            draw = np.random.default_rng(plan.seed).random(len(own))
            mask = np.zeros(len(own), bool)
            mask[np.flatnonzero(own)[balance(
                told[-1][own], draw[own], ratio=self.options.negatives_per_positive,
                rule=self.options.balance,
            )]] = True  # fmt: skip
            kept.append(mask)
        some = np.flatnonzero(np.any(kept, axis=0))
        lengths = [len(t) for t in each]
        places = np.stack([np.repeat(np.arange(len(each)), lengths),
                           np.concatenate([np.arange(n) for n in lengths])], axis=1)  # fmt: skip
        inputs = features_of([v.spot for v in videos], places[some])
        return Samples(inputs, np.stack(told)[:, some], np.stack(kept)[:, some])

    def samples(self, plans: Plans, videos: Sequence[VideoFeatures]) -> Samples:
        """Onset-apex features of the expressions with a class; the left-out ones are watched."""
        from mecore.models.mean.training import Samples

        known = [
            (item.subject, self.classes.index(e.label), video.recog[n])
            for item, video in zip(self.items, videos, strict=True)
            for n, e in enumerate(item.expressions)
            if e.label is not None
        ]
        if not known:
            raise DataError(f"no sample of the classes {', '.join(self.classes)}")
        subjects, classes, features = zip(*known, strict=True)
        train, test = (
            np.stack([np.isin(subjects, side) for side in sides])
            for sides in ([p.train for p in plans], [p.test for p in plans])
        )
        told = []
        for plan, mask in zip(plans, train, strict=True):
            if not mask.any():
                raise DataError("no sample of any class to train on", where=f"fold {plan.name}")
            labels = np.array(classes, np.int64)
            if plan.labels == "permuted":
                rng = np.random.default_rng(seed_of(plan.seed, f"classes of {plan.name}"))
                labels = permuted(labels, rng, mask)
            told.append(labels)
        stacked = np.stack(features).astype(np.float32)
        return Samples(lambda part: stacked[part], np.stack(told), train, test)


def _weights_table(stack: MeanStack, number: int) -> pd.DataFrame:
    rows = [(k, list(w.shape), w.ravel()) for k, w in stack.copy(number).items()]
    return pd.DataFrame(rows, columns=["name", "shape", "values"])


def stored_weights(table: pd.DataFrame) -> dict[str, Any]:
    """Weights of a network from the table ``weights`` of its fold."""
    rows = table.to_dict("records")
    return {r["name"]: np.asarray(r["values"], np.float32).reshape(r["shape"]) for r in rows}
