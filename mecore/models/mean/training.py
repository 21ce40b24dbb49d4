"""The two stages of MEAN's training: spotting, then recognition on the frozen shared part.

Liong, See, Chan (2023), sections 3.2, 3.3 and 4.3. Each stage returns one row per epoch. Data
named ``monitor`` are watched and never trained on or chosen by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.mean.fused import FusedShared
from mecore.models.mean.network import Mean, build_mean
from mecore.models.mean.options import MeanOptions

Floats = NDArray[np.float32]
Samples: TypeAlias = tuple[Floats, NDArray[Any]]
Batch: TypeAlias = Callable[[NDArray[np.int64]], tuple[Any, Any]]


@dataclass(frozen=True)
class Frames:
    """Chosen frames of many videos with their targets, read from disk as they are needed.

    Parameters
    ----------
    videos : sequence of array, (n_i, 42, 42, 3)
        Features, possibly memory maps.
    chosen : array of int, (n, 2)
        Video and frame of every sample.
    targets : array, (n,)
        0 or 1.
    """

    videos: Sequence[Floats]
    chosen: NDArray[np.int64]
    targets: NDArray[Any]

    def batch(self, part: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return features and targets of some of the samples."""
        features = np.stack([self.videos[v][i] for v, i in self.chosen[part]])
        return features, self.targets[part].astype(np.float32)


def train_spotting(
    network: Mean, frames: Frames, options: MeanOptions, rng: np.random.Generator
) -> pd.DataFrame:
    """Train shared part and spotting head on 0/1 pseudo-labels (mean squared error, Eq. 8).

    Parameters
    ----------
    network : Mean
        Changed in place.
    frames : Frames
        Balanced training frames.
    options : MeanOptions
        Epochs, batch size, learning rate.
    rng : Generator
        Order of the frames.

    Returns
    -------
    DataFrame
        One row per epoch: epoch, loss (with weight decay), error (mean squared).
    """
    stage = _Stage([network.shared, network.spot], FusedShared(network.shared), options)
    history = stage.fit(frames.batch, len(frames.targets), options.spot_epochs, rng)
    return history.drop(columns="accuracy")


def train_recognition(
    network: Mean,
    train: Samples,
    options: MeanOptions,
    rng: np.random.Generator,
    monitor: Samples | None = None,
) -> pd.DataFrame:
    """Train the recognition head on the maps of the frozen shared part (Eq. 10).

    Parameters
    ----------
    network : Mean
        Its recognition head is changed in place.
    train : (features (n, 42, 42, 3), classes (n,) of int)
        Onset-apex features of the training samples.
    options : MeanOptions
        Epochs, batch size, learning rate, ``frozen_dropout``.
    rng : Generator
        Order of the samples.
    monitor : likewise, optional
        Samples to watch.

    Returns
    -------
    DataFrame
        One row per epoch: epoch, loss (with weight decay), error (cross-entropy), accuracy, and
        monitor_error, monitor_accuracy where watched.
    """
    maps, watched = ((shared_maps(network, s[0]), s[1]) if s else None for s in (train, monitor))
    frozen = keras.layers.Dropout(options.dropout_shared if options.frozen_dropout else 0.0)
    stage = _Stage([network.recog], frozen, options)
    return stage.fit(_in_memory(maps), len(train[1]), options.recog_epochs, rng, watched)


def train_without_transfer(
    train: Samples,
    n_classes: int,
    options: MeanOptions,
    rng: np.random.Generator,
    monitor: Samples | None = None,
) -> tuple[Mean, pd.DataFrame]:
    """Train a recognition network of its own, nothing taken over from spotting (Table 9).

    Parameters and rows as in `train_recognition`; the network's spotting head is not trained.
    """
    network = build_mean(n_classes, options)
    stage = _Stage([network.shared, network.recog], FusedShared(network.shared), options)
    epochs = options.recog_epochs
    return network, stage.fit(_in_memory(train), len(train[1]), epochs, rng, monitor)


def _in_memory(samples: Any) -> Batch:
    x, y = samples
    return lambda part: (x[part], y[part])


class _Stage:
    """One stage of training.

    ``models`` are what is trained, the head last; ``body`` turns a batch into the head's input.
    """

    def __init__(self, models: list[keras.Model], body: Any, options: MeanOptions) -> None:
        self.models, self.body, self.batch_size = models, body, options.batch_size
        self.variables = [v for m in models for v in m.trainable_variables]
        self.optimizer = Adam(options.learning_rate)
        self.optimizer.build(self.variables)

    def _measure(self, x: Any, y: Any, training: bool) -> list[Any]:
        """Mean error and accuracy of one batch; a score has no accuracy."""
        outputs = self.models[-1](self.body(x, training=training), training=training)
        if outputs.shape[-1] == 1:
            return [tf.reduce_mean((outputs[:, 0] - y) ** 2), tf.constant(np.nan, tf.float32)]
        errors = keras.losses.sparse_categorical_crossentropy(y, outputs)
        hits = tf.cast(tf.argmax(outputs, axis=1) == y, tf.float32)
        return [tf.reduce_mean(errors), tf.reduce_mean(hits)]

    def _step(self, x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            measured = self._measure(x, y, True)
            decay = [loss for model in self.models for loss in model.losses]
            loss = tf.add_n([measured[0], *decay])
        self.optimizer.apply(tape.gradient(loss, self.variables), self.variables)
        return tf.stack([loss, *measured])

    def fit(
        self,
        batch: Batch,
        n: int,
        epochs: int,
        rng: np.random.Generator,
        monitor: Samples | None = None,
    ) -> pd.DataFrame:
        """Train on n samples, batch by batch; one row per epoch."""
        # One trace for batches of every size: tracing takes longer than a small epoch.
        kinds = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in batch(np.arange(1))]
        step = tf.function(self._step, input_signature=kinds)
        watch = tf.function(lambda x, y: self._measure(x, y, False), input_signature=kinds)
        rows = []
        for epoch in range(1, epochs + 1):
            order = rng.permutation(n)
            parts = [order[i : i + self.batch_size] for i in range(0, n, self.batch_size)]
            means = sum(len(p) / n * step(*batch(p)).numpy() for p in parts)
            row = dict(zip(("loss", "error", "accuracy"), means.tolist(), strict=True))
            if monitor is not None and len(monitor[1]):
                watched = [float(m) for m in watch(*monitor)]
                row |= dict(zip(("monitor_error", "monitor_accuracy"), watched, strict=True))
            rows.append({"epoch": epoch} | row)
        return pd.DataFrame(rows)


def shared_maps(network: Mean, features: Floats) -> Floats:
    """Return the shared maps (n, 14, 14, 14) of features (n, 42, 42, 3), in inference mode."""
    return _by_parts(FusedShared(network.shared), features)


def predict(network: Mean, features: Floats) -> tuple[Floats, Floats]:
    """Return spotting scores (n,) and class probabilities (n, C) of features (n, 42, 42, 3)."""
    maps = shared_maps(network, features)
    return _by_parts(network.spot, maps)[:, 0], _by_parts(network.recog, maps)


def _by_parts(function: Any, features: Floats, size: int = 256) -> Floats:
    """Apply a network to parts of at most ``size`` samples, so that memory stays bounded."""
    parts = [features[i : i + size] for i in range(0, len(features), size)]
    return np.concatenate([np.asarray(function(np.ascontiguousarray(p))) for p in parts])
