"""Fit MEAN to the training subjects of one fold, in its two stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore import runtime
from mecore.errors import DataError
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.runner import timed
from mecore.models.mean import training
from mecore.models.mean.network import Mean, build_mean
from mecore.runtime import seed_of
from mecore.studies.mean.features import VideoFeatures
from mecore.studies.mean.fold import Loaded, MeanTask

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """Networks of one fold.

    Parameters
    ----------
    network : Mean
        Both heads, on shared layers.
    alone : Mean or None
        The recognition network without transfer.
    history : DataFrame
        One row per stage and epoch.
    """

    network: Mean
    alone: Mean | None
    history: pd.DataFrame

    def predict(self, features: VideoFeatures) -> tuple[Floats, Floats, Floats | None]:
        """Score and class probabilities of every frame, and those without transfer."""
        score, classes = training.predict(self.network, features.spot)
        alone = training.predict(self.alone, features.spot)[1] if self.alone else None
        return score, classes, alone

    @property
    def weights(self) -> pd.DataFrame:
        """All weights of the network, one row per array."""
        arrays = [np.asarray(w) for w in self.network.whole.get_weights()]
        return pd.DataFrame(
            {"shape": [list(a.shape) for a in arrays], "values": [a.ravel() for a in arrays]}
        )


def fit(
    task: MeanTask,
    plan: FoldPlan,
    half: int,
    train: Loaded,
    test: Loaded,
    seconds: dict[str, float],
) -> Fitted:
    """Train spotting, then recognition on the frozen shared part, then recognition alone.

    The test subjects are watched, for learning curves, and nothing else.

    Raises
    ------
    DataError
        The training subjects have no frame or no sample to train on.
    """
    permuted = plan.labels == "permuted"
    seed = seed_of(plan.seed, plan.name)
    rng = runtime.start(plan.seed if task.options.same_start else seed)
    network = build_mean(len(task.classes), task.options)
    rng = np.random.default_rng(seed)
    with timed(seconds, "spotting"):
        spotting = _fit_spotting(task, network, half, train, rng, permuted)
    samples, watched = task.samples(train), task.samples(test)
    if not len(samples[1]):
        raise DataError("no sample of any class to train on", where=f"fold {plan.name}")
    if permuted:
        samples = samples[0], rng.permutation(samples[1])
    with timed(seconds, "recognition"):
        recognition = training.train_recognition(network, samples, task.options, rng, watched)
    parts = {"spotting": spotting, "recognition": recognition}
    alone = None
    if task.without_transfer and not permuted:
        with timed(seconds, "recognition without transfer"):
            alone, parts["recognition without transfer"] = training.train_without_transfer(
                samples, len(task.classes), task.options, rng, watched
            )
    history = [table.assign(stage=stage) for stage, table in parts.items()]
    return Fitted(network, alone, pd.concat(history, ignore_index=True))


def _fit_spotting(
    task: MeanTask, network: Mean, half: int, train: Loaded, rng: Any, permuted: bool
) -> pd.DataFrame:
    chosen, targets = task.balanced(train, half, rng, permuted)
    frames = training.Frames([video.spot for _, video in train], chosen, targets)
    return training.train_spotting(network, frames, task.options, rng)


def restore(weights: pd.DataFrame, task: MeanTask) -> Mean:
    """Build the network of a stored fold from its table ``weights``."""
    network = build_mean(len(task.classes), task.options)
    arrays = [
        np.asarray(row.values_, np.float32).reshape(row.shape)
        for row in weights.rename(columns={"values": "values_"}).itertuples()
    ]
    network.whole.set_weights(arrays)
    return network
