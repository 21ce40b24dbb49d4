"""MEAN's shared part as one convolution: the same weights and numbers, in less time.

Convolutions of one input channel with 3 to 8 filters keep a processor waiting for memory. Here
the three kernels become one that is zero between streams, filled up to 16 filters, the width that
the kernels below are made for. `mecore.models.mean.network` says what is computed.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mecore.models.mean.network import STREAMS

_WIDTH = 16
_FILTERS = sum(STREAMS.values())


class FusedShared:
    """The shared part of a network, computed by its own variables.

    Parameters
    ----------
    shared : keras.Model
        See `mecore.models.mean.network.shared_part`; training changes its variables.
    """

    def __init__(self, shared: keras.Model) -> None:
        layers = {layer.name: layer for layer in shared.layers}
        self.convolutions = [layers[f"conv1_{name}"] for name in STREAMS]
        self.norms = [layers[f"norm_{name}"] for name in STREAMS if f"norm_{name}" in layers]
        self.dropout = keras.layers.Dropout(layers["dropout_u"].rate)

    def __call__(self, features: Any, training: bool = False) -> Any:
        """Return maps (n, 14, 14, 14) of features (n, 42, 42, 3), channels u, v, strain.

        In training, batch statistics normalise and move the averages, and dropout is active.
        """
        own = np.eye(len(STREAMS), dtype=np.float32)
        kernels = [c.kernel * e[:, None] for c, e in zip(self.convolutions, own, strict=True)]
        x = tf.nn.conv2d(features, _joined(kernels), 1, "SAME")
        x = tf.nn.relu(tf.nn.bias_add(x, _joined([c.bias for c in self.convolutions])))
        x = self._normalise(x, training) if self.norms else x
        x = tf.nn.max_pool2d(x, 3, 3, "VALID")[..., :_FILTERS]
        return self.dropout(x, training=training)

    def _normalise(self, x: Any, training: bool) -> Any:
        gamma, beta, mean, variance = (
            _joined([getattr(norm, name) for norm in self.norms])
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        if training:
            mean = variance = np.empty(0, np.float32)
        x, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=mean, variance=variance,
            epsilon=self.norms[0].epsilon, is_training=training,
        )  # fmt: skip
        if training:
            self._move_averages(mean, variance)
        return x

    def _move_averages(self, mean: Any, variance: Any) -> None:
        for name, batch in (("moving_mean", mean), ("moving_variance", variance)):
            parts = tf.split(batch[:_FILTERS], list(STREAMS.values()))
            for norm, part in zip(self.norms, parts, strict=True):
                moving = getattr(norm, name)
                moving.assign(moving * norm.momentum + part * (1 - norm.momentum))


def _joined(parts: list[Any]) -> Any:
    """Variables of the streams side by side in the last axis, and zeros up to the full width."""
    together = tf.concat([tf.convert_to_tensor(p) for p in parts], axis=-1)
    return tf.pad(together, [[0, 0]] * (len(together.shape) - 1) + [[0, _WIDTH - _FILTERS]])
