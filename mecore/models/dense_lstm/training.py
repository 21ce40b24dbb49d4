"""Training on scanning windows, and scores of all positions of a video."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.models.dense_lstm.options import DenseOptions
from mecore.models.dense_lstm.stacked import DenseStack, Floats, Ints, logits
from mecore.spotting.apexes import fuse, scan_starts


class Windows(NamedTuple):
    """Scanning windows that one copy is trained on.

    Parameters
    ----------
    at : array of int, (n, M)
        Rows of their positions, 0 where there is padding.
    targets : array, (n, M)
        In [0, 1].
    """

    at: Ints
    targets: Floats


def training_windows(
    videos: Iterable[tuple[int, Floats]], options: DenseOptions, rng: np.random.Generator
) -> Windows:
    """Cut training videos into scanning windows; those without an expression are thinned out.

    Parameters
    ----------
    videos : iterable of (int, array (n,))
        Row of the first position of each video, and targets of all.
    options : DenseOptions
        ``positions``, ``stride``, ``negatives``.
    rng : Generator
        Draws what stays.

    Raises
    ------
    DataError
        No window holds an expression.
    """
    size = options.positions
    parts = []
    for first, wanted in videos:
        place = scan_starts(len(wanted), size, options.stride)[:, None] + np.arange(size)
        inside = place < len(wanted)
        values = np.where(inside, wanted[np.minimum(place, len(wanted) - 1)], 0)
        parts.append((np.where(inside, first + place, 0), values))
    at, targets = (np.concatenate(p) for p in zip(*parts, strict=True))
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
    return Windows(at[chosen].astype(np.int32), targets[chosen].astype(np.float32))


def train(
    stack: DenseStack,
    rows: Floats,
    windows: Sequence[Windows],
    options: DenseOptions,
    rngs: Sequence[np.random.Generator],
    look: Callable[[int], None] = lambda epoch: None,
) -> pd.DataFrame:
    """Train a stack; each copy as it would be trained alone.

    Parameters
    ----------
    stack : DenseStack
        Changed in place.
    rows : array, (R, C)
        Features of positions, see `Positions`.
    windows : sequence of Windows
        Of each copy.
    options : DenseOptions
        ``epochs``, ``batch``, ``rate``, ``loss``.
    rngs : sequence of Generator
        Order of the windows of each copy.
    look : callable
        Called with the number of every ``options.every``-th epoch when it is done.

    Returns
    -------
    DataFrame
        copy, epoch, loss.
    """
    step, features = _training(options), tf.constant(rows)
    nothing = [tf.zeros_like(w) for w in stack.weights]
    state = stack.weights, nothing, nothing, tf.zeros(stack.size)
    numbers = np.array([len(w.at) for w in windows])
    # A window of padding after those of each copy fills the batches of copies that have fewer.
    at, targets = (
        np.stack([np.pad(a, ((0, 1 + numbers.max() - len(a)), (0, 0))) for a in arrays])
        for arrays in zip(*windows, strict=True)
    )
    copies, size = np.arange(stack.size)[:, None], options.batch
    tables = []
    for epoch in range(1, options.epochs + 1):
        order = np.full((stack.size, -(-numbers.max() // size) * size), -1)
        for line, n, rng in zip(order, numbers, rngs, strict=True):
            line[:n] = rng.permutation(n)
        total: Any = np.zeros(stack.size)
        for part in np.split(order, order.shape[1] // size, axis=1):
            losses, state = step(features, at[copies, part], targets[copies, part], state)
            total += (part >= 0).sum(axis=1) * losses.numpy()
        stack.weights = state[0]
        curves = {"copy": range(stack.size), "epoch": epoch, "loss": total / numbers}
        tables.append(pd.DataFrame(curves))
        if epoch % options.every == 0:
            look(epoch)
    return pd.concat(tables, ignore_index=True)


@lru_cache(maxsize=4)
def _training(options: DenseOptions) -> Any:
    """A step of Adam (Kingma and Ba 2015) of copies whose batch is not all padding, traced once."""

    def step(rows: Any, at: Any, targets: Any, state: Any) -> Any:
        weights, means, squares, count = state
        with tf.GradientTape() as tape:
            tape.watch(weights)
            losses = _losses(targets, logits(weights, rows, at, options), at > 0, options.loss)
            total = tf.reduce_sum(losses)
        there = tf.cast(tf.reduce_any(at > 0, axis=(1, 2)), tf.float32)
        count += there
        number = tf.maximum(count, 1.0)
        rate = there * options.rate * tf.sqrt(1 - 0.999**number) / (1 - 0.9**number)
        moved = [
            _moved(*arrays, there, rate)
            for arrays in zip(tape.gradient(total, weights), weights, means, squares, strict=True)
        ]
        return losses, (*map(list, zip(*moved, strict=True)), count)

    return tf.function(step, reduce_retracing=True)


def _moved(
    gradient: Any, weight: Any, mean: Any, square: Any, there: Any, rate: Any
) -> tuple[Any, Any, Any]:
    """Weights of all copies, and both moments of their gradients, after a step."""
    own, rate = (tf.reshape(x, (-1, *[1] * (len(weight.shape) - 1))) for x in (there, rate))
    mean += own * 0.1 * (gradient - mean)
    square += own * 0.001 * (gradient**2 - square)
    return weight - rate * mean / (tf.sqrt(square) + 1e-7), mean, square


def _losses(targets: Any, scores: Any, real: Any, kind: str) -> Any:
    """Mean loss of each copy over positions (F, B, M) that are no padding."""
    if kind == "squared":
        each = (tf.sigmoid(scores) - targets) ** 2
    else:
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=scores)
    weights = tf.cast(real, tf.float32)
    total = tf.maximum(tf.reduce_sum(weights, axis=(1, 2)), 1.0)
    return tf.reduce_sum(each * weights, axis=(1, 2)) / total


def score_positions(
    stack: DenseStack, rows: Floats, places: Sequence[tuple[int, int]]
) -> list[NDArray[np.float64]]:
    """Score of each position of some videos: the mean over all scanning windows, stride 1.

    An LSTM that has seen nothing yet answers with what is usual in training. So ``options.skip``
    copies of the first position go before a video, and count as little as the first positions of
    any other window.

    Parameters
    ----------
    stack : DenseStack
        The networks.
    rows : array, (R, C)
        See `Positions`.
    places : sequence of (int, int)
        Of each video: the row of its first position, and its number of positions.

    Returns
    -------
    list of array, (F, n)
    """
    size = stack.options.positions
    skip = min(stack.options.skip, size - 1)
    each = []
    for first, n in places:
        at = first + np.maximum(np.arange(-skip, n), 0)
        each.append(np.pad(at, (0, max(size - n - skip, 0))).astype(np.int32))
    starts = np.cumsum([0, *map(len, each)])
    windows = stack(tf.constant(rows), np.concatenate(each))
    scores = []
    for start, (_, n) in zip(starts, places, strict=False):
        own = scan_starts(n + skip, size)
        scores.append(fuse(windows[:, start + own], own, n + skip, skip)[:, skip:])
    return scores
