"""MEAN as a stack of copies that are trained, or asked, in one graph on shared batches.

All copies see the same mini-batch; the loss and the batch normalisation of a copy leave out the
samples that it must not see (weight 0). The first convolution of all copies is one convolution,
because its input is the same for all. `mecore.models.mean.network` says what is computed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mecore.descriptors.mean_input import SIDE
from mecore.models.mean.network import FILTERS, STREAMS, Mean, build_mean
from mecore.models.mean.options import MeanOptions
from mecore.models.stacking import Dropout, glorot

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]
# Of Keras' batch normalisation.
_EPSILON, _MOMENTUM = 1e-3, 0.99
# Samples times copies that are asked at a time: their maps stay in the processor's cache.
_PART = 64


def fresh(n_classes: int, options: MeanOptions, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw the first weights of a copy: Glorot's kernels, no bias, a norm that does nothing."""
    kernels: dict[str, tuple[int, ...]] = {f"conv1_{s}": (5, 5, 1, k) for s, k in STREAMS.items()}
    for task, units in (("spot", 1), ("recog", n_classes)):
        kernels[f"conv2_{task}"] = (5, 5, sum(STREAMS.values()), FILTERS)
        kernels[f"dense_{task}"] = (49 * FILTERS, units)
    weights = {}
    for layer, shape in kernels.items():
        weights[f"{layer}/kernel"] = glorot(shape, rng)
        weights[f"{layer}/bias"] = np.zeros(shape[-1], np.float32)
    for name, k in STREAMS.items() if options.batch_norm else ():
        for kind, value in (("gamma", 1), ("beta", 0), ("moving_mean", 0), ("moving_variance", 1)):
            weights[f"norm_{name}/{kind}"] = np.full(k, value, np.float32)
    return weights


def weights_of(network: Mean) -> dict[str, Any]:
    """Weights of a Keras network, its variables, by layer and name."""
    layers = (layer for part in network for layer in part.layers)
    return {f"{layer.name}/{w.name}": w for layer in layers for w in layer.weights}


def as_network(weights: Weights, options: MeanOptions) -> Mean:
    """Build the Keras network that has the weights of a copy."""
    network = build_mean(weights["dense_recog/bias"].shape[-1], options)
    for key, variable in weights_of(network).items():
        variable.assign(weights[key])
    return network


class MeanStack:
    """Copies of one network.

    Parameters
    ----------
    copies : sequence of mapping
        First weights of each copy, see `fresh`; all with batch normalisation or all without.
    options : MeanOptions
        Only the group ``network`` matters.
    seed : int
        Of dropout.
    """

    def __init__(self, copies: Sequence[Weights], options: MeanOptions, seed: int = 0) -> None:
        self.size, self.options, self.seed = len(copies), options, seed
        self.weights = {k: tf.Variable(np.stack([c[k] for c in copies])) for k in copies[0]}
        self.n_classes = int(self.weights["dense_recog/bias"].shape[-1])
        spec = tf.TensorSpec((None, SIDE, SIDE, len(STREAMS)), tf.float32)
        self._asked = tf.function(self._answers, input_signature=[spec], autograph=False)

    def copy(self, number: int) -> dict[str, Floats]:
        """Weights of one copy as they are now."""
        return {key: weight[number].numpy() for key, weight in self.weights.items()}

    def load(self, copies: Sequence[Weights]) -> None:
        """Take over the weights of other copies, as many as there are."""
        for key, weight in self.weights.items():
            weight.assign(np.stack([c[key] for c in copies]))

    def trainable(self, *parts: str) -> list[Any]:
        """Variables of ``"shared"``, ``"spot"`` or ``"recog"`` that training moves."""
        own = {"shared": ("conv1_", "norm_"), "spot": ("conv2_spot", "dense_spot"),
               "recog": ("conv2_recog", "dense_recog")}  # fmt: skip
        chosen = tuple(prefix for part in parts for prefix in own[part])
        return [w for k, w in self.weights.items() if k.startswith(chosen) and "moving" not in k]

    def decay(self, *parts: str) -> Any:
        """Weight decay of the convolutions of some parts, (F,)."""
        rates = {f"conv1_{name}/kernel": self.options.l2_shared for name in STREAMS}
        rates = rates if "shared" in parts else {}
        rates |= {f"conv2_{p}/kernel": self.options.l2_head for p in parts if p != "shared"}
        each = [r * tf.reduce_sum(self.weights[k] ** 2, (1, 2, 3, 4)) for k, r in rates.items()]
        return tf.add_n(each)

    def maps(self, features: Any, seen: Any = None, drop: Dropout | None = None) -> Any:
        """Shared maps (n, 14, 14, F, 14) of features (n, 42, 42, 3), channels u, v, strain.

        With weights ``seen`` (F, n) of the samples, as in training, their statistics normalise and
        move the averages.
        """
        parts = []
        for channel, (name, k) in enumerate(STREAMS.items()):
            kernel = _beside(self.weights[f"conv1_{name}/kernel"])
            x = tf.nn.conv2d(features[..., channel, None], kernel, 1, "SAME")
            x = self._pooled(x, tf.reshape(self.weights[f"conv1_{name}/bias"], (-1,)), name, seen)
            parts.append(tf.reshape(x, (-1, *x.shape[1:3], self.size, k)))
        x = tf.concat(parts, -1)
        return drop(x, self.options.dropout_shared) if drop else x

    def _pooled(self, x: Any, bias: Any, name: str, seen: Any) -> Any:
        """Rectified and normalised maps of a stream (n, 42, 42, F·k), and the largest of 3×3."""
        if "norm_u/gamma" not in self.weights:
            return tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(x, bias)), 3, 3, "VALID")
        gamma, beta, mean, variance = (
            tf.reshape(self.weights[f"norm_{name}/{kind}"], (-1,))
            for kind in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        if seen is None:
            scale = gamma * tf.math.rsqrt(variance + _EPSILON)
            sign, x = _upright(tf.nn.relu(tf.nn.bias_add(x, bias)), gamma)
            return tf.nn.max_pool2d(x, 3, 3, "VALID") * sign * scale + beta - mean * scale
        each = tf.repeat(tf.transpose(seen), STREAMS[name], axis=1)
        x, *moments = _normalised_maxima(x, bias, gamma, beta, each)
        present = tf.cast(tf.reduce_sum(seen, axis=1) > 0, tf.float32)[:, None]
        for kind, moment in zip(("moving_mean", "moving_variance"), moments, strict=True):
            moving = self.weights[f"norm_{name}/{kind}"]
            step = tf.reshape(moment, moving.shape) - moving
            moving.assign_add((1 - _MOMENTUM) * present * step)
        return x

    def head(self, task: str, maps: Any, drop: Dropout | None = None) -> Any:
        """Scores (F, n), or class probabilities (F, n, C), of shared maps (n, 14, 14, F, 14)."""
        # One convolution in as many groups as there are copies.
        x = tf.reshape(maps, (-1, *maps.shape[1:3], self.size * maps.shape[4]))
        x = tf.nn.conv2d(x, _beside(self.weights[f"conv2_{task}/kernel"]), 1, "SAME")
        bias = tf.reshape(self.weights[f"conv2_{task}/bias"], (-1,))
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(x, bias)), 2, 2, "VALID")
        x = tf.transpose(tf.reshape(x, (-1, 49, self.size, FILTERS)), (2, 0, 1, 3))
        x = tf.reshape(x, (self.size, -1, 49 * FILTERS))
        x = drop(x, self.options.dropout_head) if drop else x
        x = tf.matmul(x, self.weights[f"dense_{task}/kernel"])
        x += self.weights[f"dense_{task}/bias"][:, None]
        return x[..., 0] if task == "spot" else tf.nn.softmax(x)

    def _answers(self, features: Any) -> tuple[Any, Any]:
        maps = self.maps(features)
        return self.head("spot", maps), self.head("recog", maps)

    def __call__(self, features: Floats) -> tuple[Floats, Floats]:
        """Scores (F, n) and class probabilities (F, n, C) of features (n, 42, 42, 3)."""
        # Asked about nothing, too: then the answers are empty arrays of the right shape.
        size = max(1, _PART // self.size)
        parts = [self._asked(np.ascontiguousarray(features[i : i + size]))
                 for i in range(0, max(1, len(features)), size)]  # fmt: skip
        scores, classes = (np.concatenate(p, axis=1) for p in zip(*parts, strict=True))
        return scores, classes


def _beside(kernels: Any) -> Any:
    """Kernels (F, h, w, inputs, k) side by side: (h, w, inputs, F·k)."""
    x = tf.transpose(kernels, (1, 2, 3, 0, 4))
    return tf.reshape(x, (*x.shape[:3], -1))


def _upright(x: Any, gamma: Any) -> tuple[Any, Any]:
    """Turn maps round whose norm has a negative scale: then the largest stays the largest."""
    sign = tf.where(gamma < 0, -1.0, 1.0)
    return sign, tf.cond(tf.reduce_any(gamma < 0), lambda: x * sign, lambda: x)


@tf.custom_gradient
def _normalised_maxima(x: Any, bias: Any, gamma: Any, beta: Any, weights: Any) -> Any:
    """Rectified maps, batch-normalised with weights (n, K), the largest of each 3×3, and moments.

    No gradient goes through the mean and variance of the batch that are returned. Normalisation
    moves all pixels of a map alike, so it is enough to normalise those that are kept. Written out,
    because TensorFlow's own gradients of pooling and norm pass over the maps a dozen times.
    """
    x = tf.nn.relu(tf.nn.bias_add(x, bias))
    n_pixels = x.shape[1] * x.shape[2]
    flat = tf.reshape(x, (-1, n_pixels, x.shape[3]))
    total = tf.maximum(tf.reduce_sum(weights, axis=0), 1e-6) * n_pixels
    # As products with ones: sums over the middle axis are slow.
    ones = tf.ones((tf.shape(x)[0], 1, n_pixels))
    mean = tf.reduce_sum(weights * tf.matmul(ones, flat)[:, 0], axis=0) / total
    square = tf.reduce_sum(weights * tf.matmul(ones, flat * flat)[:, 0], axis=0) / total
    variance = tf.maximum(square - mean**2, 0.0)
    sign, upright = _upright(x, gamma)
    largest = tf.nn.max_pool2d(upright, 3, 3, "VALID") * sign
    inverse = tf.math.rsqrt(variance + _EPSILON)
    normal = (largest - mean) * inverse

    def gradient(dy: Any, *_: Any) -> tuple[Any, ...]:
        axes = (0, 1, 2)
        dnormal = dy * gamma
        dlargest = dnormal * inverse
        dvariance = -0.5 * inverse**2 * tf.reduce_sum(dnormal * normal, axes)
        dmean = -tf.reduce_sum(dlargest, axes) - 2 * mean * dvariance
        share = (weights / total)[:, None, None]
        dx = _back_through(x, largest, dlargest, share * dmean, share * (2 * dvariance))
        dbias = tf.raw_ops.BiasAddGrad(out_backprop=dx)
        return dx, dbias, tf.reduce_sum(dy * normal, axes), tf.reduce_sum(dy, axes), None

    return (normal * gamma + beta, mean, variance), gradient


@tf.function(jit_compile=True, autograph=False)
def _back_through(x: Any, largest: Any, dlargest: Any, constant: Any, slope: Any) -> Any:
    """Gradient of rectified maps x: of their maxima, shared by equal ones, and of their moments."""
    height, width, k = x.shape[1:]
    windows = tf.reshape(x, (-1, height // 3, 3, width // 3, 3, k))
    hit = tf.cast(windows == largest[:, :, None, :, None], tf.float32)
    hits = tf.reduce_sum(hit, axis=(2, 4), keepdims=True)
    dx = hit * (dlargest[:, :, None, :, None] / tf.maximum(hits, 1.0))
    dx = tf.reshape(dx, tf.shape(x)) + constant + slope * x
    return tf.where(x > 0, dx, 0.0)
