"""The two stages of MEAN's training: spotting, then recognition on the frozen shared part.

Liong, See, Chan (2023), sections 3.2, 3.3 and 4.3. Some copies are trained at once
(`mecore.models.mean.stacked`). Samples that are watched are never trained on or chosen by.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.mean.options import MeanOptions
from mecore.models.mean.stacked import MeanStack
from mecore.models.stacking import Dropout, weighted_mean

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Samples:
    """What some copies are trained on.

    Parameters
    ----------
    inputs : callable
        Numbers of samples → their features (n, 42, 42, 3), or shared maps (n, 14, 14, F, 14).
    targets : array, (F, N)
        0 or 1 for spotting, a class for recognition, as each copy is told.
    seen, watched : array of bool, (F, N)
        Samples that a copy is trained on, and that it is only asked about.
    """

    inputs: Callable[[NDArray[np.int64]], Floats]
    targets: NDArray[Any]
    seen: NDArray[np.bool_]
    watched: NDArray[np.bool_] | None = None


def train_spotting(
    stack: MeanStack, samples: Samples, options: MeanOptions, seed: int
) -> pd.DataFrame:
    """Train shared part and spotting head on 0/1 pseudo-labels (mean squared error, Eq. 8).

    Parameters
    ----------
    stack : MeanStack
        Changed in place.
    samples : Samples
        Balanced training frames.
    options : MeanOptions
        Epochs, batch size, learning rate.
    seed : int
        Of the order of the samples, which all copies share.

    Returns
    -------
    DataFrame
        One row per copy and epoch: copy, epoch, loss (with weight decay), error (mean squared).
    """
    stage = _Stage(stack, ("shared", "spot"), options)
    return stage.fit(samples, options.spot_epochs, seed).drop(columns="accuracy")


def train_recognition(
    stack: MeanStack, samples: Samples, options: MeanOptions, seed: int, *, transfer: bool = True
) -> pd.DataFrame:
    """Train the recognition head on onset-apex features (Eq. 10).

    Parameters
    ----------
    stack, samples, options, seed
        As in `train_spotting`; ``inputs`` of the samples are features.
    transfer : bool
        On the maps of the frozen shared part; else the shared part is trained, too, and nothing
        is taken over from spotting (Table 9).

    Returns
    -------
    DataFrame
        One row per copy and epoch: copy, epoch, loss, error (cross-entropy), accuracy, and
        monitor_error, monitor_accuracy where samples are watched.
    """
    if not transfer:
        return _Stage(stack, ("shared", "recog"), options).fit(samples, options.recog_epochs, seed)
    maps = shared_maps(stack, samples.inputs(np.arange(samples.targets.shape[1])))
    frozen = replace(samples, inputs=lambda part: maps[part])
    return _Stage(stack, ("recog",), options).fit(frozen, options.recog_epochs, seed)


def shared_maps(stack: MeanStack, features: Floats, size: int = 64) -> Floats:
    """Shared maps (n, 14, 14, F, 14) of features (n, 42, 42, 3), in inference mode."""
    parts = [features[i : i + size] for i in range(0, len(features), size)]
    return np.concatenate([stack.maps(tf.constant(p)).numpy() for p in parts])


class _Stage:
    """One stage of training; ``parts`` are what is trained, the head last."""

    def __init__(self, stack: MeanStack, parts: tuple[str, ...], options: MeanOptions) -> None:
        self.stack, self.parts, self.options = stack, parts, options
        self.variables = stack.trainable(*parts)
        self.optimizer = Adam(options.learning_rate)
        self.optimizer.build(self.variables)

    def _measured(self, x: Any, y: Any, weights: Any, drop: Dropout | None = None) -> list[Any]:
        """Mean error and accuracy of each copy, (F,), in training with ``drop``; else asked."""
        if "shared" in self.parts:
            x = self.stack.maps(x, weights if drop else None, drop)
        elif drop and self.options.frozen_dropout:
            x = drop(x, self.options.dropout_shared)
        outputs = self.stack.head(self.parts[-1], x, drop)
        if self.parts[-1] == "spot":
            no_accuracy = tf.fill((self.stack.size,), np.float32(np.nan))
            return [weighted_mean((outputs - y) ** 2, weights), no_accuracy]
        true = tf.cast(y, tf.int32)
        errors = tf.keras.losses.sparse_categorical_crossentropy(true, outputs)
        hits = tf.cast(tf.argmax(outputs, axis=-1, output_type=tf.int32) == true, tf.float32)
        return [weighted_mean(errors, weights), weighted_mean(hits, weights)]

    def _step(self, x: Any, y: Any, weights: Any, number: Any) -> Any:
        with tf.GradientTape() as tape:
            error, accuracy = self._measured(x, y, weights, Dropout(self.stack.seed, number))
            # A copy that sees nothing of a batch is left as it is.
            there = tf.cast(tf.reduce_sum(weights, axis=1) > 0, tf.float32)
            loss = error + self.stack.decay(*self.parts) * there
            total = tf.reduce_sum(loss)
        self.optimizer.apply(tape.gradient(total, self.variables), self.variables)
        return tf.stack([loss, error, accuracy])

    def fit(self, samples: Samples, epochs: int, seed: int) -> pd.DataFrame:
        """Train batch by batch; one row per copy and epoch."""
        order, n = np.random.default_rng(seed), samples.targets.shape[1]
        # So many that a copy sees as many of them as the options say.
        size = max(1, round(self.options.batch_size * n / max(samples.seen.sum(axis=1).mean(), 1)))
        targets, seen = (a.astype(np.float32) for a in (samples.targets, samples.seen))
        kinds = [tf.TensorSpec((None, *samples.inputs(np.arange(1)).shape[1:]), tf.float32)]
        kinds += [tf.TensorSpec((self.stack.size, None), tf.float32)] * 2
        # One trace for batches of every size: tracing takes longer than a small epoch.
        number = tf.TensorSpec((), tf.int32)
        step = tf.function(self._step, input_signature=[*kinds, number], autograph=False)
        watch = tf.function(self._measured, input_signature=kinds, autograph=False)
        tables, count = [], 0
        for epoch in range(1, epochs + 1):
            sums = 0
            for part in np.split(order.permutation(n), range(size, n, size)):
                weights = seen[:, part]
                steps = step(samples.inputs(part), targets[:, part], weights, count)
                sums = sums + weights.sum(axis=1) * steps
                count += 1
            means = np.asarray(sums) / seen.sum(axis=1)
            row = dict(zip(("loss", "error", "accuracy"), means, strict=True))
            if samples.watched is not None:
                weights = samples.watched.astype(np.float32)
                found = np.stack(watch(samples.inputs(np.arange(n)), targets, weights))
                found = np.where(weights.any(axis=1), found, np.nan)
                row |= dict(zip(("monitor_error", "monitor_accuracy"), found, strict=True))
            tables.append(pd.DataFrame({"copy": range(self.stack.size), "epoch": epoch, **row}))
        return pd.concat(tables, ignore_index=True)
