"""One fold of MEAN: train on some subjects, look at every frame of the others.

A fold keeps what the networks say of each frame; intervals, emotions and all ablations of smoothing
and voting are derived from that (`mecore.studies.mean.rows`), without training again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.runner import timed
from mecore.evaluation.store import FoldResult
from mecore.evaluation.videos import VideoItem
from mecore.models.mean.options import MeanOptions
from mecore.spotting.labels import k_prime, pseudo_labels
from mecore.spotting.sampling import balance
from mecore.studies.mean.features import VideoFeatures, video_features
from mecore.studies.mean.rows import frame_table, interval_rows

Loaded = list[tuple[VideoItem, VideoFeatures]]


@dataclass(frozen=True)
class MeanTask:
    """MEAN on some videos; calling it runs one fold.

    Parameters
    ----------
    items : tuple of VideoItem
        All videos, see `mecore.studies.mean.features.list_videos`.
    classes : tuple of str
        Emotion classes in the order of the network's output.
    options : MeanOptions
        The reading of the paper.
    short : bool
        One expression per video: the highest peak is taken, without threshold.
    without_transfer : bool
        Also train a recognition network of its own (Table 9, Fig. 6).
    """

    items: tuple[VideoItem, ...]
    classes: tuple[str, ...]
    options: MeanOptions
    short: bool
    without_transfer: bool = False

    def __call__(self, plan: FoldPlan) -> FoldResult:
        """Train and test on one fold; tables ``frames``, ``history`` and ``weights`` go with it."""
        # Keras is imported where it trains: workers that compute flow do without it.
        from mecore import runtime
        from mecore.studies.mean import fit as mean_fit

        runtime.configure()
        seconds: dict[str, float] = {}
        train, test = (self._load(subjects) for subjects in (plan.train, plan.test))
        half = self.half_length(plan)
        fitted = mean_fit.fit(self, plan, half, train, test, seconds)
        with timed(seconds, "inference"):
            frames = pd.concat([frame_table(item, *fitted.predict(f)) for item, f in test])
        frames["k_prime"] = half
        rows = interval_rows(frames, [i for i, _ in test], self.classes, self.options, self.short)
        seconds["frames"] = float(len(frames))
        tables = {"frames": frames, "history": fitted.history, "weights": fitted.weights}
        return FoldResult(rows, tables, seconds)

    def half_length(self, plan: FoldPlan) -> int:
        """k', half the mean length of an expression, of the training subjects or of all."""
        everyone = self.options.k_prime_from == "all"
        durations = [
            e.offset - e.onset
            for item in self.items
            if everyone or item.subject in plan.train
            for e in item.expressions
        ]
        if not durations:
            raise DataError("no micro-expression to train on", where=f"fold {plan.name}")
        return k_prime(durations)

    def targets(self, item: VideoItem, features: VideoFeatures, half: int) -> NDArray[np.uint8]:
        """Pseudo-labels of the frames of one video (Eqs. 5, 6)."""
        return pseudo_labels(
            item.intervals, item.n_frames, k=features.k, k_prime=half, count=self.options.targets
        )

    def balanced(
        self, train: Loaded, half: int, rng: np.random.Generator, permuted: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Choose training frames: (n, 2) of video and frame, and their targets.

        Permuted targets are those of the video, turned round its end by a random number of frames:
        as many, as long, elsewhere.
        """
        targets = [self.targets(item, features, half) for item, features in train]
        if permuted:
            targets = [np.roll(t, rng.integers(len(t))) for t in targets]
        places = [(v, i) for v, t in enumerate(targets) for i in range(len(t))]
        flat = np.concatenate(targets)
        kept = balance(
            flat, rng, ratio=self.options.negatives_per_positive, rule=self.options.balance
        )
        return np.array(places, np.int64)[kept], flat[kept]

    def samples(self, loaded: Loaded) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Onset-apex features (n, 42, 42, 3) and classes (n,) of the expressions with a class."""
        features, labels = [], []
        for item, video in loaded:
            for expression, feature in zip(item.expressions, video.recog, strict=True):
                if expression.label is not None:
                    features.append(feature)
                    labels.append(self.classes.index(expression.label))
        shape = (-1, *features[0].shape) if features else (0, 42, 42, 3)
        return np.array(features, np.float32).reshape(shape), np.array(labels, np.int64)

    def _load(self, subjects: tuple[str, ...]) -> Loaded:
        return [
            (item, video_features(item, self.options))
            for item in self.items
            if item.subject in subjects
        ]
