"""Training on scanning windows, and scores of the positions in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.dense_lstm.options import DenseOptions

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """Scanning windows.

    Parameters
    ----------
    features : array, (n, M, D)
        Zero where there is padding.
    mask : array of bool, (n, M)
        What is no padding.
    targets : array, (n, M)
        In [0, 1].
    """

    features: Floats
    mask: NDArray[np.bool_]
    targets: Floats


def cut(rows: NDArray[Any], starts: NDArray[np.int64], size: int) -> NDArray[Any]:
    """Cut windows (n, size, ...) out of rows (N, ...), with zeros beyond the end."""
    at = starts[:, None] + np.arange(size)
    windows = rows[np.minimum(at, len(rows) - 1)]
    windows[at >= len(rows)] = 0
    return windows


def train(
    network: keras.Model,
    windows: Windows,
    options: DenseOptions,
    rng: np.random.Generator,
    look: Callable[[int], None] = lambda epoch: None,
) -> pd.DataFrame:
    """Train a network.

    Parameters
    ----------
    network : keras.Model
        Changed in place.
    windows : Windows
        Of training subjects.
    options : DenseOptions
        ``epochs``, ``batch``, ``rate``, ``loss``.
    rng : Generator
        Order of the windows.
    look : callable
        Called with the number of every ``options.every``-th epoch when it is done.

    Returns
    -------
    DataFrame
        epoch, loss.
    """
    optimizer = Adam(options.rate)
    optimizer.build(network.trainable_variables)

    def step(x: Any, mask: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = _loss(y, network([x, mask], training=True), mask, options.loss)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return loss

    arrays = windows.features, windows.mask, windows.targets
    kinds = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arrays]
    compiled = tf.function(step, input_signature=kinds)
    n, rows = len(windows.targets), []
    for epoch in range(1, options.epochs + 1):
        order = rng.permutation(n)
        parts = [order[i : i + options.batch] for i in range(0, n, options.batch)]
        losses = [len(p) * compiled(*(a[p] for a in arrays)) for p in parts]
        rows.append({"epoch": epoch, "loss": float(sum(x.numpy() for x in losses)) / n})
        if epoch % options.every == 0:
            look(epoch)
    return pd.DataFrame(rows)


def _loss(targets: Any, scores: Any, mask: Any, kind: str) -> Any:
    """Mean loss over positions that are no padding."""
    if kind == "squared":
        each = (tf.sigmoid(scores) - targets) ** 2
    else:
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=scores)
    real = tf.cast(mask, tf.float32)
    return tf.reduce_sum(each * real) / tf.maximum(tf.reduce_sum(real), 1.0)


class Scorer:
    """Scores scanning windows with a network as it stands, tracing it once."""

    def __init__(self, network: keras.Model) -> None:
        kinds = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in network.inputs]
        self._scores = tf.function(
            lambda x, mask: tf.sigmoid(network([x, mask], training=False)), input_signature=kinds
        )

    def __call__(self, features: Floats, starts: NDArray[np.int64], size: int) -> Floats:
        """Score the windows of a video (N, D) that begin at ``starts``: (windows, size)."""
        mask = starts[:, None] + np.arange(size) < len(features)
        parts = [
            self._scores(cut(features, starts[i : i + 512], size), mask[i : i + 512]).numpy()
            for i in range(0, len(starts), 512)
        ]
        return np.concatenate(parts)
