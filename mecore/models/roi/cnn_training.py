"""The first stage: the region CNNs, trained together on single frames.

Aouayeb et al. (2019), sections 3.2, 3.4 and 4.1.2. Data named ``monitor`` are watched and never
trained on or chosen by.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.roi.losses import batches, curve, inverse_frequencies, loss_of
from mecore.models.roi.network import region_cnn
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.stacked import StackedCnns
from mecore.preprocessing.regions import Patches, patch_size

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_SCALING = "scaling"


class RegionCnns:
    """The CNNs of the named regions, with an output for each class and the last for «not me»."""

    def __init__(self, names: Sequence[str], n_outputs: int, options: RoiOptions) -> None:
        self.names, self.n_outputs, self.options = names, n_outputs, options
        self.sizes = [patch_size(name, options.patch_scale) for name in names]
        self.pixels = [h * w for h, w in self.sizes]
        self.models = [region_cnn(size, n_outputs, options) for size in self.sizes]
        self.stacked = StackedCnns(self.models)
        n = sum(self.pixels)
        # Grey levels become (x - mean) / spread; by default those of the paper, -1 to 1.
        self.mean = np.full((n, 3), 127.5, np.float32)
        self.spread = np.full((n, 1), 127.5, np.float32)
        # One trace for batches of every size: tracing takes longer than a small epoch.
        self._kinds = [tf.TensorSpec((None, n, 3), tf.uint8), tf.TensorSpec((None, n), tf.uint8)]
        self._look = tf.function(self._outputs, input_signature=self._kinds, autograph=False)

    def patches(self, frames: Any, masks: Any) -> list[Any]:
        """Network inputs (n, H_r, W_r, channels) from (n, P, 3) and (n, P) of uint8."""
        x = (tf.cast(frames, tf.float32) - self.mean) / self.spread
        if self.options.channels == "4":
            x = tf.concat([x, tf.cast(masks, tf.float32)[..., None]], axis=-1)
        shapes = [(-1, *size, x.shape[-1]) for size in self.sizes]
        parts = zip(tf.split(x, self.pixels, axis=1), shapes, strict=True)
        return [tf.reshape(part, shape) for part, shape in parts]

    def train(
        self, clips: Sequence[Patches], labels: Ints, rng: np.random.Generator,
        monitor: tuple[Sequence[Patches], Ints] | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """Train on frames drawn anew from every clip, and in a new order, in each epoch.

        Parameters
        ----------
        clips, labels : sequence of n Patches, and array of int, (n, R)
            Training clips, and their class for each region, or the last number for «not me».
        monitor : (clips, labels), optional
            Watched after each epoch on up to four frames of each clip.

        Returns
        -------
        DataFrame
            One row per epoch and region: epoch, region (its number), loss, accuracy, and
            monitor_loss, monitor_accuracy where watched.
        """
        options = self.options
        if options.scaling == "standard":
            self._standardise(clips)
        lengths = [len(c.frames) for c in clips]
        counts = [min(options.frames_per_clip or n, n) for n in lengths]
        numbers = np.repeat(np.arange(len(clips)), counts)
        step, watch = self._compiled(inverse_frequencies(labels[numbers], self.n_outputs, options))
        watched = _watched(*monitor) if monitor and len(monitor[1]) else None
        tables = []
        for epoch in range(1, options.cnn_epochs + 1):
            frames = [rng.permutation(n)[:count] for n, count in zip(lengths, counts, strict=True)]
            chosen = np.stack([numbers, np.concatenate(frames)], axis=1)
            rng.shuffle(chosen)
            parts = batches(chosen, options.cnn_batch)
            sums = sum(step(*_gather(clips, labels, part)).numpy() for part in parts)
            seen = watch(*watched).numpy() / len(watched[-1]) if watched else None
            table = pd.DataFrame(curve(sums / len(chosen), seen))
            tables.append(table.assign(epoch=epoch, region=range(len(self.models))))
        self.stacked.write_back()
        return pd.concat(tables, ignore_index=True)

    def _standardise(self, clips: Sequence[Patches]) -> None:
        """Take the mean patch and the spread of each region from the training clips."""
        frames = np.stack([c.frames[len(c.frames) // 2] for c in clips]).astype(np.float32)
        self.mean = frames.mean(axis=0)
        parts = np.split((frames - self.mean) ** 2, np.cumsum(self.pixels)[:-1], axis=1)
        spreads = np.array([max(np.sqrt(p.mean()), 1) for p in parts], np.float32)
        self.spread = np.repeat(spreads, self.pixels)[:, None]

    def _outputs(self, frames: Any, masks: Any, training: bool = False) -> tuple[Any, Any]:
        features = self.stacked.features(self.patches(frames, masks), training)
        return features, self.stacked.outputs(features)

    def _compiled(self, weights: Floats) -> tuple[Any, Any]:
        """One step of training, and a look at what is watched: sums of loss and hits, (2, R)."""
        variables, loss_of_region = self.stacked.variables, loss_of(self.options)
        optimizer = Adam(self.options.cnn_rate)
        optimizer.build(variables)

        def measure(frames: Any, masks: Any, labels: Any, training: bool) -> Any:
            _, outputs = self._outputs(frames, masks, training)
            losses = [loss_of_region(labels[:, r], outputs[:, r], w) for r, w in enumerate(weights)]
            hits = tf.cast(tf.argmax(outputs, axis=-1) == labels, tf.float32)
            return tf.stack([tf.stack(losses), tf.transpose(hits)])

        def step(frames: Any, masks: Any, labels: Any) -> Any:
            with tf.GradientTape() as tape:
                measured = measure(frames, masks, labels, True)
                loss = tf.reduce_sum(tf.reduce_mean(measured[0], axis=1))
            optimizer.apply(tape.gradient(loss, variables), variables)
            return tf.reduce_sum(measured, axis=2)

        def watch(frames: Any, masks: Any, labels: Any) -> Any:
            return tf.reduce_sum(measure(frames, masks, labels, False), axis=2)

        kinds = [*self._kinds, tf.TensorSpec((None, len(self.models)), tf.int64)]
        return tuple(tf.function(f, input_signature=kinds, autograph=False) for f in (step, watch))

    def weights(self) -> pd.DataFrame:
        """Weights of the networks and scaling of grey levels: region, shape, values."""
        own = zip(self.names, (model.get_weights() for model in self.models), strict=True)
        arrays = [(name, array) for name, weights in own for array in weights]
        arrays += [(_SCALING, self.mean), (_SCALING, self.spread)]
        rows = [(name, list(array.shape), array.ravel()) for name, array in arrays]
        return pd.DataFrame(rows, columns=["region", "shape", "values"])

    def restore(self, weights: pd.DataFrame) -> None:
        """Take what `weights` gave."""
        arrays: dict[str, list[Floats]] = {}
        for name, shape, values in weights[["region", "shape", "values"]].itertuples(index=False):
            arrays.setdefault(name, []).append(np.asarray(values, np.float32).reshape(shape))
        for name, model in zip(self.names, self.models, strict=True):
            model.set_weights(arrays[name])
        self.mean, self.spread = arrays[_SCALING]
        self.stacked = StackedCnns(self.models)

    def look(self, clip: Patches) -> tuple[Floats, Floats]:
        """Features (T, R, 20) and probabilities (T, R, C + 1) of evenly spaced frames of a clip."""
        limit = min(self.options.steps, self.options.length or self.options.steps)
        parts = [
            self._look(clip.frames[part], np.stack([clip.mask] * len(part)))
            for part in batches(evenly(len(clip.frames), limit), 64)
        ]
        features, outputs = (np.concatenate(p) for p in zip(*parts, strict=True))
        return features, outputs


def evenly(n: int, limit: int) -> Ints:
    """Indices of at most ``limit`` evenly spaced frames of n, the first and the last among them.

    Examples
    --------
    >>> evenly(9, 5).tolist(), evenly(3, 5).tolist(), evenly(1, 5).tolist()
    ([0, 2, 4, 6, 8], [0, 1, 2], [0])
    """
    return np.linspace(0, n - 1, min(n, limit)).round().astype(np.int64)


def _gather(clips: Sequence[Patches], labels: Ints, chosen: Ints) -> tuple[Any, Any, Ints]:
    """Patches (n, P, 3), masks (n, P), labels (n, R) of chosen frames, (n, 2) of clip and frame."""
    frames = np.stack([clips[c].frames[t] for c, t in chosen])
    return frames, np.stack([clips[c].mask for c, _ in chosen]), labels[chosen[:, 0]]


def _watched(clips: Sequence[Patches], labels: Ints) -> tuple[Any, Any, Ints]:
    chosen = [(i, t) for i, c in enumerate(clips) for t in evenly(len(c.frames), 4)]
    return _gather(clips, labels, np.array(chosen, np.int64))
