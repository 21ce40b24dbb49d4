"""Several MEAN networks asked at once: the mean of what they say, in a fraction of the time.

One network keeps a processor waiting, because it has so few filters. Here the filters of all
networks stand side by side: one convolution per stream, and one in as many groups as there are
networks for their heads. `mecore.models.mean.network` says what is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mecore.descriptors.mean_input import SIDE
from mecore.models.mean.network import STREAMS, Mean

Floats = NDArray[np.float32]
TASKS = ("spot", "recog")
# Frames at a time: their maps stay in the processor's cache.
_PART = 8
_HEAD_FILTERS = 8


class Ensemble:
    """The mean of some networks, with the weights they have now.

    Parameters
    ----------
    networks : sequence of Mean
        Of one number of classes, all with batch normalisation or all without.
    """

    def __init__(self, networks: Sequence[Mean]) -> None:
        self._n = len(networks)
        self.n_classes = int(networks[0].recog.output_shape[-1])
        self._streams = {s: _side_by_side([_stream(n, s) for n in networks]) for s in STREAMS}
        self._heads = _side_by_side(
            [_weights(n, "conv2", task) for n in networks for task in TASKS]
        )
        self._dense = [
            [np.stack(w) for w in zip(*(_weights(n, "dense", task) for n in networks), strict=True)]
            for task in TASKS
        ]
        spec = tf.TensorSpec((None, SIDE, SIDE, len(STREAMS)), tf.float32)
        self._compute = tf.function(self._means, input_signature=[spec])

    def __call__(self, features: Floats) -> tuple[Floats, Floats]:
        """Return spotting scores (n,) and class probabilities (n, C) of features (n, 42, 42, 3)."""
        parts = [self._compute(features[i : i + _PART]) for i in range(0, len(features), _PART)]
        scores, classes = (np.concatenate(outputs) for outputs in zip(*parts, strict=True))
        return scores[:, 0], classes

    def _means(self, features: Any) -> list[Any]:
        """Mean outputs of one part, traced once."""
        maps = [self._maps(features[..., i, None], s) for i, s in enumerate(STREAMS)]
        shared = tf.concat(maps, axis=-1)
        side = shared.shape[1]
        together = tf.reshape(shared, (-1, side, side, self._n * shared.shape[-1]))
        x = tf.nn.relu(tf.nn.conv2d(together, self._heads[0], 1, "SAME") + self._heads[1])
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.reshape(x, (-1, (side // 2) ** 2, self._n, len(TASKS), _HEAD_FILTERS))
        # (network, task, frame, map): each network has dense layers of its own.
        x = tf.transpose(x, (2, 3, 0, 1, 4))
        flat = tf.reshape(x, (self._n, len(TASKS), -1, (side // 2) ** 2 * _HEAD_FILTERS))
        scores, classes = (
            tf.matmul(flat[:, task], kernel) + bias[:, None]
            for task, (kernel, bias) in enumerate(self._dense)
        )
        return [tf.reduce_mean(scores, axis=0), tf.reduce_mean(tf.nn.softmax(classes), axis=0)]

    def _maps(self, plane: Any, stream: str) -> Any:
        """Maps (n, 14, 14, networks, filters) of one channel (n, 42, 42, 1)."""
        kernel, bias, scale, shift = self._streams[stream]
        x = tf.nn.relu(tf.nn.conv2d(plane, kernel, 1, "SAME") + bias)
        x = tf.nn.max_pool2d(x * scale + shift, 3, 3, "VALID")
        return tf.reshape(x, (-1, *x.shape[1:3], self._n, STREAMS[stream]))


def _stream(network: Mean, name: str) -> list[Any]:
    """Kernel, bias, and scale and shift of the normalisation behind them."""
    layers = {layer.name: layer for layer in network.shared.layers}
    convolution, norm = layers[f"conv1_{name}"], layers.get(f"norm_{name}")
    scale, shift = np.ones(STREAMS[name], np.float32), np.zeros(STREAMS[name], np.float32)
    if norm is not None:
        scale = np.asarray(norm.gamma / tf.sqrt(norm.moving_variance + norm.epsilon))
        shift = np.asarray(norm.beta - norm.moving_mean * scale)
    return [convolution.kernel, convolution.bias, scale, shift]


def _weights(network: Mean, kind: str, task: str) -> list[Any]:
    """Kernel and bias of a layer of one head."""
    layer = getattr(network, task).get_layer(f"{kind}_{task}")
    return [layer.kernel, layer.bias]


def _side_by_side(weights: Sequence[Sequence[Any]]) -> list[Floats]:
    return [
        np.concatenate([np.asarray(w) for w in kind], axis=-1)
        for kind in zip(*weights, strict=True)
    ]
