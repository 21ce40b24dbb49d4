"""The second stage: a sequence network trained on what the region CNNs say of each frame.

Aouayeb et al. (2019), sections 3.3, 3.4 and 4.1.2. Data named ``monitor`` are watched and never
trained on or chosen by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.roi.losses import batches, inverse_frequencies, loss_of
from mecore.models.roi.network import FEATURES
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.stacked import StackedSequence

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sequences:
    """Features of clips over time.

    Parameters
    ----------
    features : array, (n, T, R, 20), float32
        Zero behind the end of a clip.
    mask : array, (n, T), bool
        True where there is a frame.
    """

    features: Floats
    mask: NDArray[np.bool_]

    def part(self, clips: Ints) -> Sequences:
        """Some of the clips."""
        return Sequences(self.features[clips], self.mask[clips])

    def unmasked(self) -> Sequences:
        """The same with the empty steps behind a clip passed off as frames."""
        return Sequences(self.features, np.ones_like(self.mask))

    def padded(self, length: int) -> Sequences:
        """The same with empty steps behind, up to a length."""
        more = max(0, length - self.mask.shape[1])
        return Sequences(np.pad(self.features, [(0, 0), (0, more), (0, 0), (0, 0)]),
                         np.pad(self.mask, [(0, 0), (0, more)]))  # fmt: skip


def pad(features: Sequence[Floats], length: int = 0) -> Sequences:
    """Put sequences (T_i, R, 20) together, with zeros behind their ends."""
    longest = max(length, *(len(f) for f in features))
    out = np.zeros((len(features), longest, *features[0].shape[1:]), np.float32)
    for target, feature in zip(out, features, strict=True):
        target[: len(feature)] = feature
    lengths = np.array([len(f) for f in features])
    return Sequences(out, np.arange(longest) < lengths[:, None])


class SequenceStage:
    """Copies of the sequence network and their training, in one graph.

    All copies begin with the same weights and see the same clips in the same order, so that what
    differs is the regions that take part.

    Parameters
    ----------
    model : keras.Model
        See `mecore.models.roi.network.sequence_network`; where every copy begins.
    options : RoiOptions
        The interpretation of the paper.
    keep : array, (F, R), optional
        1 where a region takes part, 0 where what its LSTM says is replaced by 0; one copy for each
        row. One with all regions by default.
    """

    def __init__(self, model: keras.Model, options: RoiOptions, keep: Floats | None = None) -> None:
        n_regions = sum(layer.name.startswith("lstm") for layer in model.layers)
        self.options, self.n_classes = options, int(model.output_shape[-1])
        self.stacked = StackedSequence(model, np.ones((1, n_regions)) if keep is None else keep)
        self.optimizer = Adam(options.lstm_rate)
        self.optimizer.build(self.stacked.variables)
        kinds = [
            tf.TensorSpec((None, None, n_regions, FEATURES), tf.float32),
            tf.TensorSpec((None, None), tf.bool),
            tf.TensorSpec((None,), tf.int64),
            tf.TensorSpec((self.n_classes,), tf.float32),
        ]
        self._step = tf.function(self._train_step, input_signature=kinds)
        self._watch = tf.function(self._measure, input_signature=kinds)

    def train(
        self, train: Sequences, labels: Ints, rng: np.random.Generator,
        monitor: tuple[Sequences, Ints] | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """Train on sequences and their classes (n,).

        Parameters
        ----------
        train, labels
            Training clips.
        rng : Generator
            Order of the clips.
        monitor : (Sequences, labels), optional
            Watched after each epoch.

        Returns
        -------
        DataFrame
            Of the first copy, one row per epoch: epoch, loss, accuracy, and monitor_loss,
            monitor_accuracy where watched.
        """
        options = self.options
        weights = inverse_frequencies(labels[:, None], self.n_classes, options)[0]
        rows = []
        for epoch in range(1, options.lstm_epochs + 1):
            sums = np.zeros(2)
            for part in batches(rng.permutation(len(labels)), options.lstm_batch):
                batch = train.features[part], train.mask[part], labels[part], weights
                sums += self._step(*batch).numpy()[:, 0]
            row = dict(zip(("loss", "accuracy"), sums / len(labels), strict=True))
            if monitor is not None and len(monitor[1]):
                seen, true = monitor
                watched = self._watch(seen.features, seen.mask, true, weights)[0].numpy()[:, 0]
                values = watched / len(true)
                row |= dict(zip(("monitor_loss", "monitor_accuracy"), values, strict=True))
            rows.append({"epoch": epoch} | row)
        return pd.DataFrame(rows)

    def predict(self, sequences: Sequences) -> Floats:
        """Class probabilities (F, n, C)."""
        n = len(sequences.mask)
        nothing = np.zeros(n, np.int64), np.zeros(self.n_classes, np.float32)
        return np.asarray(self._watch(sequences.features, sequences.mask, *nothing)[1])

    def _measure(
        self, features: Any, mask: Any, labels: Any, weights: Any, training: bool = False
    ) -> tuple[Any, Any]:
        """Sums of loss and hits, (2, F), and class probabilities (F, n, C)."""
        outputs = self.stacked(features, mask, training)
        loss, copies = loss_of(self.options), range(self.stacked.copies)
        losses = tf.stack([loss(labels, outputs[copy], weights) for copy in copies])
        hits = tf.cast(tf.argmax(outputs, axis=-1) == labels[None], tf.float32)
        return tf.stack([tf.reduce_sum(losses, 1), tf.reduce_sum(hits, 1)]), outputs

    def _train_step(self, features: Any, mask: Any, labels: Any, weights: Any) -> Any:
        variables = self.stacked.variables
        with tf.GradientTape() as tape:
            sums, _ = self._measure(features, mask, labels, weights, True)
            # Copies share nothing: the gradient of the sum is that of each.
            loss = tf.reduce_sum(sums[0]) / tf.cast(tf.shape(labels)[0], tf.float32)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return sums
