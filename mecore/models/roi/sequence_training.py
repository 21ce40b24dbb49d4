"""The second stage: a sequence network trained on what the region CNNs say of each frame.

Aouayeb et al. (2019), sections 3.3, 3.4 and 4.1.2. Data named ``monitor`` are watched and never
trained on or chosen by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.roi.losses import batches, inverse_frequencies, loss_of
from mecore.models.roi.network import FEATURES, sequence_network
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
    """The sequence network and its training.

    One instance may be trained several times, on all or on some regions: each time it begins with
    the same weights and a fresh optimiser, so that what differs is the data alone.

    Parameters
    ----------
    n_regions, n_classes : int
        LSTMs and outputs.
    options : RoiOptions
        The reading of the paper.
    """

    def __init__(self, n_regions: int, n_classes: int, options: RoiOptions) -> None:
        self.options, self.n_regions, self.n_classes = options, n_regions, n_classes
        self.model = sequence_network(n_regions, n_classes, options)
        self.stacked = StackedSequence(self.model, n_regions)
        self.optimizer = Adam(options.lstm_rate)
        self.optimizer.build(self.stacked.variables)
        self._state = [*self.stacked.variables, *self.optimizer.variables]
        self._start = [np.asarray(v) for v in self._state]
        kinds = [
            tf.TensorSpec((None, None, n_regions, FEATURES), tf.float32),
            tf.TensorSpec((None, None), tf.bool),
            tf.TensorSpec((n_regions,), tf.float32),
            tf.TensorSpec((None,), tf.int64),
            tf.TensorSpec((n_classes,), tf.float32),
        ]
        self._step = tf.function(self._train_step, input_signature=kinds)
        self._watch = tf.function(self._measure, input_signature=kinds)

    def train(
        self,
        train: Sequences,
        labels: Ints,
        rng: np.random.Generator,
        monitor: tuple[Sequences, Ints] | None = None,
        keep: Sequence[int] | None = None,
    ) -> pd.DataFrame:
        """Train on sequences and their classes (n,); one row per epoch.

        Parameters
        ----------
        train, labels
            Training clips.
        rng : Generator
            Order of the clips.
        monitor : (Sequences, labels), optional
            Watched after each epoch.
        keep : sequence of int, optional
            Regions that take part; what the LSTMs of others say is replaced by 0. All by default.

        Returns
        -------
        DataFrame
            epoch, loss, accuracy, and monitor_loss, monitor_accuracy where watched.
        """
        for variable, value in zip(self._state, self._start, strict=True):
            variable.assign(value)
        options, kept = self.options, self._kept(keep)
        weights = inverse_frequencies(labels[:, None], self.n_classes, options)[0]
        rows = []
        for epoch in range(1, options.lstm_epochs + 1):
            sums = np.zeros(2)
            for part in batches(rng.permutation(len(labels)), options.lstm_batch):
                batch = train.features[part], train.mask[part], kept, labels[part], weights
                sums += self._step(*batch).numpy()
            row = dict(zip(("loss", "accuracy"), sums / len(labels), strict=True))
            if monitor is not None and len(monitor[1]):
                seen, true = monitor
                sums = self._watch(seen.features, seen.mask, kept, true, weights)[0].numpy()
                row |= dict(
                    zip(("monitor_loss", "monitor_accuracy"), sums / len(true), strict=True)
                )
            rows.append({"epoch": epoch} | row)
        self.stacked.write_back()
        return pd.DataFrame(rows)

    def predict(self, sequences: Sequences, keep: Sequence[int] | None = None) -> Floats:
        """Class probabilities (n, C)."""
        n = len(sequences.mask)
        nothing = np.zeros(n, np.int64), np.zeros(self.n_classes, np.float32)
        inputs = sequences.features, sequences.mask, self._kept(keep)
        return np.asarray(self._watch(*inputs, *nothing)[1])

    def _kept(self, keep: Sequence[int] | None) -> Floats:
        kept = np.zeros(self.n_regions, np.float32)
        kept[slice(None) if keep is None else list(keep)] = 1
        return kept

    def _measure(
        self, features: Any, mask: Any, keep: Any, labels: Any, weights: Any, training: bool = False
    ) -> tuple[Any, Any]:
        """Sums of loss and hits, (2,), and class probabilities."""
        outputs = self.stacked(features, mask, training, keep)
        losses = loss_of(self.options)(labels, outputs, weights)
        hits = tf.cast(tf.argmax(outputs, axis=-1) == labels, tf.float32)
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(hits)]), outputs

    def _train_step(self, features: Any, mask: Any, keep: Any, labels: Any, weights: Any) -> Any:
        variables = self.stacked.variables
        with tf.GradientTape() as tape:
            sums, _ = self._measure(features, mask, keep, labels, weights, True)
            loss = sums[0] / tf.cast(tf.shape(labels)[0], tf.float32)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return sums
