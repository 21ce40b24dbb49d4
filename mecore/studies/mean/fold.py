"""Folds of MEAN: train on some subjects, look at every frame of the others.

Some folds are trained in one graph. A fold keeps what its networks say of each frame; intervals,
emotions and all ablations of smoothing and voting are derived from that
(`mecore.studies.mean.rows`), without training again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.evaluation.folds import FoldPlan, FoldResult, permuted, rotated, timed
from mecore.evaluation.videos import VideoItem
from mecore.models.mean.inputs import Inputs
from mecore.models.mean.options import MeanOptions
from mecore.runtime import seed_of
from mecore.spotting.labels import balance, k_prime, pseudo_labels
from mecore.studies.mean.features import video_features
from mecore.studies.mean.rows import frame_table, interval_rows

if TYPE_CHECKING:
    from mecore.models.mean.stacked import MeanStack
    from mecore.models.mean.training import Samples

Plans = Sequence[FoldPlan]
Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class MeanTask:
    """MEAN on some videos; calling it runs some folds.

    Parameters
    ----------
    items, classes : tuple of VideoItem, tuple of str
        All videos; emotion classes in the order of the network's output.
    options : MeanOptions
        The interpretation of the paper.
    short, without_transfer : bool
        One expression per video: the highest peak is taken, without threshold. Also train a
        recognition network of its own, with true labels (Table 9, Fig. 6).
    """

    items: tuple[VideoItem, ...]
    classes: tuple[str, ...]
    options: MeanOptions
    short: bool
    without_transfer: bool = False

    def __call__(self, plans: Plans) -> list[FoldResult]:
        """Train and test; tables ``frames``, ``history`` and ``weights`` go with the rows."""
        # Keras is imported where it trains: workers that compute flow do without it.
        from mecore.models.mean.training import train_recognition, train_spotting

        seconds: dict[str, float] = {}
        videos = [video_features(item, self.options) for item in self.items]
        halves = [self.half_length(plan) for plan in plans]
        without_transfer = self.without_transfer and plans[0].labels == "true"
        stack = self._stack(plans, 0)
        alone = self._stack(plans, 1) if without_transfer else None
        how = self.options, seed_of(plans[0].seed, "order")
        stages = {}
        with timed(seconds, "spotting"):
            stages["spotting"] = train_spotting(stack, self.frames(plans, halves, videos), *how)
        samples = self.samples(plans, videos)
        with timed(seconds, "recognition"):
            stages["recognition"] = train_recognition(stack, samples, *how)
        if alone:
            name = "recognition without transfer"
            with timed(seconds, name):
                stages[name] = train_recognition(alone, samples, *how, transfer=False)
        with timed(seconds, "inference"):
            looked = self._look(plans, videos, [stack, alone] if alone else [stack])
        history = pd.concat([table.assign(stage=stage) for stage, table in stages.items()])
        seconds = {part: total / len(plans) for part, total in seconds.items()}
        return [
            self._result(plan, looked[n].assign(k_prime=half), history[history["copy"] == n],
                         stack.copy(n), seconds)
            for n, (plan, half) in enumerate(zip(plans, halves, strict=True))
        ]  # fmt: skip

    def _stack(self, plans: Plans, number: int) -> "MeanStack":
        """Fresh networks of some folds: with transfer (0), or without it (1)."""
        from mecore.models.mean.stacked import MeanStack, fresh

        seeds = [seed_of(p.seed, p.name) for p in plans]
        starts = [p.seed for p in plans] if self.options.same_start else seeds
        rngs = [np.random.default_rng([start, number]) for start in starts]
        copies = [fresh(len(self.classes), self.options, rng) for rng in rngs]
        return MeanStack(copies, self.options, seed_of(seeds[0], f"dropout {number}"))

    def _look(
        self, plans: Plans, videos: Sequence[Inputs], stacks: "Sequence[MeanStack]"
    ) -> list[pd.DataFrame]:
        """What the network of each fold says of every frame of its left-out subjects."""
        from mecore.models.mean.stacked import MeanStack

        # One copy at a time: what the others would say of these subjects is of no use.
        singles = [MeanStack([stack.copy(0)], self.options) for stack in stacks]
        tables = []
        for number, plan in enumerate(plans):
            for single, stack in zip(singles, stacks, strict=True):
                single.load([stack.copy(number)])
            own = []
            for item, video in zip(self.items, videos, strict=True):
                if item.subject in plan.test:
                    answers = [single(video.spot) for single in singles]
                    emotions = [classes[0] for _, classes in answers]
                    own.append(frame_table(item, answers[0][0][0], *emotions))
            tables.append(pd.concat(own, ignore_index=True))
        return tables

    def _result(
        self, plan: FoldPlan, frames: pd.DataFrame, history: pd.DataFrame, weights: Weights,
        seconds: dict[str, float],
    ) -> FoldResult:  # fmt: skip
        own = [item for item in self.items if item.subject in plan.test]
        rows = interval_rows(frames, own, self.classes, self.options, self.short)
        arrays = [(name, list(w.shape), w.ravel()) for name, w in weights.items()]
        tables = {
            "frames": frames, "history": history.drop(columns="copy").reset_index(drop=True),
            "weights": pd.DataFrame(arrays, columns=["name", "shape", "values"]),
        }  # fmt: skip
        return FoldResult(rows, tables, seconds | {"frames": float(len(frames))})

    def half_length(self, plan: FoldPlan) -> int:
        """k', half the mean length of an expression, of the training subjects or of all."""
        everyone = self.options.k_prime_from == "all"
        own = [i for i in self.items if everyone or i.subject in plan.train]
        durations = [offset - onset for item in own for onset, _, offset in item.spans]
        if not durations:
            raise DataError("no micro-expression to train on", where=f"fold {plan.name}")
        return k_prime(durations)

    def targets(self, item: VideoItem, k: int, half: int) -> NDArray[np.uint8]:
        """Pseudo-labels of the frames of one video (Eqs. 5, 6)."""
        return pseudo_labels(
            item.intervals, item.n_frames, k=k, k_prime=half, count=self.options.targets
        )

    def frames(self, plans: Plans, halves: Sequence[int], videos: Sequence[Inputs]) -> "Samples":
        """Training frames of some folds, balanced for each; no fold draws on its left-out subjects.

        All folds take the frames that a draw puts first, so that they share most of them.
        """
        from mecore.models.mean.training import Samples

        lengths = [len(v.spot) for v in videos]
        told, kept = [], []
        for plan, half in zip(plans, halves, strict=True):
            rng = np.random.default_rng(seed_of(plan.seed, f"labels of {plan.name}"))
            each = [self.targets(i, v.k, half) for i, v in zip(self.items, videos, strict=True)]
            if plan.labels == "permuted":
                each = [rotated(t, rng) for t in each]
            # By the count of the paper the last frames have no target; how many depends on k'.
            targets = np.concatenate([
                np.pad(t.astype(np.int8), (0, n - len(t)), constant_values=-1)
                for t, n in zip(each, lengths, strict=True)
            ])  # fmt: skip
            ours = np.repeat([i.subject in plan.train for i in self.items], lengths)
            own = np.flatnonzero(ours & (targets >= 0))
            draw = np.random.default_rng(plan.seed).random(len(targets))
            ratio, rule = self.options.negatives_per_positive, self.options.balance
            chosen = own[balance(targets[own], draw[own], ratio=ratio, rule=rule)]
            told.append(targets)
            kept.append(np.isin(np.arange(len(draw)), chosen))
        some = np.flatnonzero(np.any(kept, axis=0))
        video = np.repeat(np.arange(len(each)), lengths)
        frame = np.concatenate([np.arange(n) for n in lengths])
        places = np.stack([video, frame], axis=1)[some]
        return Samples(
            # Read from memory maps as they are needed.
            lambda part: np.stack([videos[v].spot[i] for v, i in places[part]]),
            np.stack(told)[:, some],
            np.stack(kept)[:, some],
        )

    def samples(self, plans: Plans, videos: Sequence[Inputs]) -> "Samples":
        """Onset-apex features of the expressions with a class; the left-out ones are watched."""
        from mecore.models.mean.training import Samples

        known = [
            (item.subject, self.classes.index(e.label), features)
            for item, video in zip(self.items, videos, strict=True)
            for e, features in zip(item.expressions, video.recog, strict=True)
            if e.label is not None
        ]
        if not known:
            raise DataError(f"no sample of the classes {', '.join(self.classes)}")
        subjects, classes, features = map(np.array, zip(*known, strict=True))
        seen = np.stack([np.isin(subjects, plan.train) for plan in plans])
        watched = np.stack([np.isin(subjects, plan.test) for plan in plans])
        told = []
        for plan, mask in zip(plans, seen, strict=True):
            if not mask.any():
                raise DataError("no sample of any class to train on", where=f"fold {plan.name}")
            rng = np.random.default_rng(seed_of(plan.seed, f"classes of {plan.name}"))
            told.append(permuted(classes, rng, mask) if plan.labels == "permuted" else classes)
        return Samples(lambda part: features[part], np.stack(told), seen, watched)


def stored_weights(table: pd.DataFrame) -> Weights:
    """Weights of a network from the table ``weights`` of its fold."""
    rows = table.to_dict("records")
    return {r["name"]: np.asarray(r["values"], np.float32).reshape(r["shape"]) for r in rows}
