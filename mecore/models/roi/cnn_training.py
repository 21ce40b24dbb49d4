"""The first stage: the region CNNs, trained together on single frames.

Aouayeb et al. (2019), sections 3.2, 3.4 and 4.1.2. Data named ``monitor`` are watched and never
trained on or chosen by.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.roi.losses import batches, inverse_frequencies, loss_of
from mecore.models.roi.network import region_cnn
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.stacked import StackedCnns
from mecore.preprocessing.regions import Patches, patch_size

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class RegionCnns:
    """The CNNs of some regions.

    Parameters
    ----------
    names : sequence of str
        Regions.
    n_outputs : int
        Classes and one for «not me».
    options : RoiOptions
        The reading of the paper.
    """

    def __init__(self, names: Sequence[str], n_outputs: int, options: RoiOptions) -> None:
        self.options, self.n_outputs = options, n_outputs
        self.sizes = [patch_size(name, options.patch_scale) for name in names]
        self.models = [region_cnn(size, n_outputs, options) for size in self.sizes]
        self.stacked = StackedCnns(self.models)
        pixels = sum(h * w for h, w in self.sizes)
        # Grey levels become (x - mean) / spread; by default those of the paper, -1 to 1.
        self.mean = np.full((pixels, 3), 127.5, np.float32)
        self.spread = np.full((pixels, 1), 127.5, np.float32)

    def patches(self, frames: Any, masks: Any) -> list[Any]:
        """Network inputs (n, H_r, W_r, channels) from (n, P, 3) and (n, P) of uint8."""
        x = (tf.cast(frames, tf.float32) - self.mean) / self.spread
        if self.options.channels == "4":
            x = tf.concat([x, tf.cast(masks, tf.float32)[..., None]], axis=-1)
        parts = tf.split(x, [h * w for h, w in self.sizes], axis=1)
        return [
            tf.reshape(p, (-1, *s, x.shape[-1])) for p, s in zip(parts, self.sizes, strict=True)
        ]

    def train(
        self,
        clips: Sequence[Patches],
        labels: Ints,
        rng: np.random.Generator,
        monitor: tuple[Sequence[Patches], Ints] | None = None,
    ) -> pd.DataFrame:
        """Train on frames drawn anew from every clip in each epoch.

        Parameters
        ----------
        clips : sequence of Patches
            Training clips.
        labels : array of int, (n, R)
            Class of each clip for each region, or the last number for «not me».
        rng : Generator
            Draws and orders frames.
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
        per_clip = options.frames_per_clip
        lengths = [min(per_clip or len(c.frames), len(c.frames)) for c in clips]
        weights = inverse_frequencies(np.repeat(labels, lengths, axis=0), self.n_outputs, options)
        optimizer = Adam(options.cnn_rate)
        optimizer.build(self.stacked.variables)
        step, watch = self._compiled(optimizer, weights)
        watched = _watched(*monitor) if monitor and len(monitor[1]) else None
        tables = []
        for epoch in range(1, options.cnn_epochs + 1):
            chosen = np.concatenate([_draw(i, c, per_clip, rng) for i, c in enumerate(clips)])
            rng.shuffle(chosen)
            sums = sum(
                step(*gather(clips, part), labels[part[:, 0]]).numpy()
                for part in batches(chosen, options.cnn_batch)
            )
            names, values = ["loss", "accuracy"], [*(sums / len(chosen))]
            if watched:
                names += ["monitor_loss", "monitor_accuracy"]
                values += [*(watch(*watched).numpy() / len(watched[-1]))]
            table = pd.DataFrame(dict(zip(names, values, strict=True)))
            tables.append(table.assign(epoch=epoch, region=range(len(self.models))))
        self.stacked.write_back()
        return pd.concat(tables, ignore_index=True)

    def _standardise(self, clips: Sequence[Patches]) -> None:
        """Take the mean patch and the spread of each region from the training clips."""
        frames = np.stack([c.frames[len(c.frames) // 2] for c in clips]).astype(np.float32)
        self.mean = frames.mean(axis=0)
        parts = np.split((frames - self.mean) ** 2, self._ends, axis=1)
        self.spread = np.concatenate(
            [np.full((p.shape[1], 1), max(np.sqrt(p.mean()), 1), np.float32) for p in parts]
        )

    @property
    def _ends(self) -> list[int]:
        """Where the patches of one region end and those of the next begin."""
        return np.cumsum([h * w for h, w in self.sizes])[:-1].tolist()

    def _measure(self, frames: Any, masks: Any, labels: Any, weights: Any, training: bool) -> Any:
        """Loss and hits, (2, R, n), of some frames."""
        outputs = self.stacked.outputs(self.stacked.features(self.patches(frames, masks), training))
        losses = [
            loss_of(self.options)(labels[:, r], outputs[:, r], weights[r])
            for r in range(len(self.models))
        ]
        hits = tf.cast(tf.argmax(outputs, axis=-1) == labels, tf.float32)
        return tf.stack([tf.stack(losses), tf.transpose(hits)])

    def _compiled(self, optimizer: Any, weights: Any) -> tuple[Any, Any]:
        kinds = [*self._kinds, tf.TensorSpec((None, len(self.models)), tf.int64)]

        def step(frames: Any, masks: Any, labels: Any) -> Any:
            with tf.GradientTape() as tape:
                measured = self._measure(frames, masks, labels, weights, True)
                loss = tf.reduce_sum(tf.reduce_mean(measured[0], axis=1))
            variables = self.stacked.variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            return tf.reduce_sum(measured, axis=2)

        def watch(frames: Any, masks: Any, labels: Any) -> Any:
            return tf.reduce_sum(self._measure(frames, masks, labels, weights, False), axis=2)

        # One trace for batches of every size: tracing takes longer than a small epoch.
        return tuple(tf.function(f, input_signature=kinds, autograph=False) for f in (step, watch))

    @property
    def _kinds(self) -> list[Any]:
        pixels = sum(h * w for h, w in self.sizes)
        return [tf.TensorSpec((None, pixels, 3), tf.uint8), tf.TensorSpec((None, pixels), tf.uint8)]

    @cached_property
    def _look(self) -> Any:
        def look(frames: Any, masks: Any) -> Any:
            features = self.stacked.features(self.patches(frames, masks))
            return features, self.stacked.outputs(features)

        return tf.function(look, input_signature=self._kinds, autograph=False)

    def look(self, clip: Patches) -> tuple[Floats, Floats]:
        """Features (T, R, 20) and probabilities (T, R, C + 1) of evenly spaced frames of a clip."""
        limit = min(self.options.steps, self.options.length or self.options.steps)
        chosen = evenly(len(clip.frames), limit)
        parts = [
            self._look(*gather([clip], np.stack([np.zeros_like(part), part], axis=1)))
            for part in batches(chosen, 64)
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


def gather(clips: Sequence[Patches], chosen: Ints) -> tuple[Bytes, Bytes]:
    """Patches (n, P, 3) and masks (n, P) of chosen frames, (n, 2) of clip and frame."""
    frames = np.stack([clips[c].frames[t] for c, t in chosen])
    return frames, np.stack([clips[c].mask for c, _ in chosen])


def _draw(number: int, clip: Patches, per_clip: int, rng: np.random.Generator) -> Ints:
    n = len(clip.frames)
    frames = rng.permutation(n)[: per_clip or n]
    return np.stack([np.full_like(frames, number), frames], axis=1)


def _watched(clips: Sequence[Patches], labels: Ints) -> tuple[Bytes, Bytes, Ints]:
    chosen = [(i, t) for i, c in enumerate(clips) for t in evenly(len(c.frames), 4)]
    pairs = np.array(chosen, np.int64)
    return *gather(clips, pairs), labels[pairs[:, 0]]
