"""The second stage: a sequence network trained on what the region CNNs say of each frame.

Aouayeb et al. (2019), sections 3.3, 3.4 and 4.1.2. Data named ``monitor`` are watched and never
trained on or chosen by.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.roi.losses import batches, curve, inverse_frequencies, loss_of
from mecore.models.roi.network import FEATURES
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.stacked import StackedSequence

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Sequences(NamedTuple):
    """Features of clips over time, (n, T, R, 20) of float32, zero behind the end of a clip.

    The mask, (n, T) of bool, is True where there is a frame.
    """

    features: Floats
    mask: NDArray[np.bool_]

    def part(self, clips: Ints) -> Self:
        """Some of the clips."""
        return self._replace(features=self.features[clips], mask=self.mask[clips])

    def unmasked(self) -> Self:
        """The same with the empty steps behind a clip passed off as frames."""
        return self._replace(mask=np.ones_like(self.mask))

    def padded(self, length: int) -> Self:
        """The same with empty steps behind, up to a length."""
        behind = [(0, 0), (0, max(0, length - self.mask.shape[1]))]
        features = np.pad(self.features, [*behind, (0, 0), (0, 0)])
        return self._replace(features=features, mask=np.pad(self.mask, behind))


def pad(features: Sequence[Floats], length: int = 0) -> Sequences:
    """Put sequences (T_i, R, 20) together, with zeros behind their ends."""
    lengths = np.array([len(f) for f in features])
    mask = np.arange(max(length, *lengths)) < lengths[:, None]
    out = np.zeros((*mask.shape, *features[0].shape[1:]), np.float32)
    out[mask] = np.concatenate(features)
    return Sequences(out, mask)


class SequenceStage:
    """Copies of the sequence network and their training, in one graph.

    All copies begin with the weights of the model and see the same clips in the same order, so that
    what differs is the regions that take part: ``keep``, (F, R), is 1 where a region does in a
    copy, and 0 where what its LSTM says is replaced by 0. By default there is one copy with all.
    """

    def __init__(self, model: keras.Model, options: RoiOptions, keep: Floats | None = None) -> None:
        n_regions = sum(layer.name.startswith("lstm") for layer in model.layers)
        self.options, self.n_classes = options, int(model.output_shape[-1])
        self.stacked = StackedSequence(model, np.ones((1, n_regions)) if keep is None else keep)
        self.optimizer = Adam(options.lstm_rate)
        self.optimizer.build(self.stacked.variables)
        shapes = (None, None, n_regions, FEATURES), (None, None), (None,), (self.n_classes,)
        types = tf.float32, tf.bool, tf.int64, tf.float32
        kinds = [tf.TensorSpec(*kind) for kind in zip(shapes, types, strict=True)]
        self._step = tf.function(self._train_step, input_signature=kinds)
        self._watch = tf.function(self._measure, input_signature=kinds)

    def train(
        self, train: Sequences, labels: Ints, rng: np.random.Generator,
        monitor: tuple[Sequences, Ints] | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """Train on sequences and their classes (n,), in an order drawn anew in each epoch.

        The monitor, sequences and their classes as well, is watched after each epoch.

        Returns
        -------
        DataFrame
            Of the first copy, one row per epoch: epoch, loss, accuracy, and monitor_loss,
            monitor_accuracy where watched.
        """
        options, n, rows = self.options, len(labels), []
        weights = inverse_frequencies(labels[:, None], self.n_classes, options)[0]
        for epoch in range(1, options.lstm_epochs + 1):
            sums, watched = np.zeros(2), None
            for part in batches(rng.permutation(n), options.lstm_batch):
                sums += self._step(*train.part(part), labels[part], weights).numpy()[:, 0]
            if monitor and len(monitor[1]):
                seen, true = monitor
                watched = self._watch(*seen, true, weights)[0].numpy()[:, 0] / len(true)
            rows.append({"epoch": epoch} | curve(sums / n, watched))
        return pd.DataFrame(rows)

    def predict(self, sequences: Sequences) -> Floats:
        """Class probabilities (F, n, C)."""
        nothing = np.zeros(len(sequences.mask), np.int64), np.zeros(self.n_classes, np.float32)
        return np.asarray(self._watch(*sequences, *nothing)[1])

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
