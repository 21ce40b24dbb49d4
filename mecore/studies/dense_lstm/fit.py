"""Fit one network of dense LSTM spotting, and score videos with it every few epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore import runtime
from mecore.errors import DataError
from mecore.models.dense_lstm.network import build_network
from mecore.models.dense_lstm.options import DenseOptions
from mecore.models.dense_lstm.training import Scorer, Windows, cut, train
from mecore.spotting.apexes import fuse, scan_starts

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FittedNetwork:
    """What training one network gave.

    Parameters
    ----------
    history : DataFrame
        epoch, loss.
    scores : DataFrame
        epoch, video, scores (a list for each video).
    """

    history: pd.DataFrame
    scores: pd.DataFrame


def fit(
    videos: Sequence[tuple[Floats, Floats]],
    watched: Mapping[str, tuple[Any, Floats]],
    options: DenseOptions,
    seed: int,
) -> FittedNetwork:
    """Train on some videos and score others after every ``options.every`` epochs.

    Parameters
    ----------
    videos : sequence of (features (N, C), targets (N,))
        Of the training subjects.
    watched : mapping of str to (item, features)
        Videos to score; nothing is trained on them.
    options : DenseOptions
        Network, training.
    seed : int
        Of weights, windows and their order.

    Raises
    ------
    DataError
        See `training_windows`.
    """
    runtime.start(seed)
    rng = np.random.default_rng(seed)
    windows = training_windows(videos, options, rng)
    network = build_network(windows.features.shape[-1], options)
    scorer = Scorer(network)
    seen: list[dict[str, Any]] = []

    def look(epoch: int) -> None:
        for name, (_, features) in watched.items():
            scores = score_positions(scorer, features, options).astype(np.float32)
            seen.append({"epoch": epoch, "video": name, "scores": scores})

    history = train(network, windows, options, rng, look)
    return FittedNetwork(history, pd.DataFrame(seen, columns=["epoch", "video", "scores"]))


def training_windows(
    videos: Sequence[tuple[Floats, Floats]], options: DenseOptions, rng: np.random.Generator
) -> Windows:
    """Cut training videos into scanning windows; those without an expression are thinned out.

    Raises
    ------
    DataError
        No window holds an expression.
    """
    size = options.positions
    parts: list[tuple[Any, ...]] = []
    for features, targets in videos:
        starts = scan_starts(len(targets), size, options.stride)
        mask = starts[:, None] + np.arange(size) < len(targets)
        parts.append((cut(features, starts, size), mask, cut(targets, starts, size)))
    features, mask, targets = (np.concatenate(p) for p in zip(*parts, strict=True))
    holds = targets.any(axis=1)
    with_one, without = np.flatnonzero(holds), np.flatnonzero(~holds)
    if not len(with_one):
        raise DataError(
            "no training window holds an expression: the training subjects show none, or all are "
            "shorter than half of L",
            todo="take shorter windows with the option `seconds`, or more subjects",
        )
    most = min(len(without), round(options.negatives * len(with_one)))
    chosen = np.sort(np.concatenate([with_one, rng.choice(without, most, replace=False)]))
    return Windows(features[chosen], mask[chosen], targets[chosen].astype(np.float32))


def score_positions(scorer: Scorer, features: Floats, options: DenseOptions) -> NDArray[np.float64]:
    """Score of each position of a video: the mean over all scanning windows, stride 1.

    An LSTM that has seen nothing yet answers with what is usual in training. So ``options.skip``
    copies of the first position go before the video, and count as little as the first positions of
    any other window.
    """
    size, skip = options.positions, min(options.skip, options.positions - 1)
    padded = np.concatenate([np.repeat(features[:1], skip, axis=0), features])
    starts = scan_starts(len(padded), size)
    return fuse(scorer(padded, starts, size), starts, len(padded), skip)[skip:]
