"""Copies of a network side by side in one graph: what their stacks share.

Leaving one of S subjects out means S trainings on nearly the same samples. One small network keeps
a processor busy with what lies between its operations; a stack of copies, each with weights of its
own, does the same in a fraction of the time. Adam works weight by weight, so it treats a stack as
it treats its parts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def glorot(shape: Sequence[int], rng: np.random.Generator) -> Floats:
    """Draw a kernel (…, inputs, outputs) by Glorot's uniform rule."""
    field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / (field * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, tuple(shape)).astype(np.float32)


class Dropout:
    """Dropout in one step of a training, by seed and number of the step.

    Parameters
    ----------
    seed : int
        Of the training.
    step : scalar tensor of int32
        Number of the step.
    """

    def __init__(self, seed: int, step: Any) -> None:
        self.seed, self.step, self.calls = int(seed) % 2**31, step, 0

    def __call__(self, x: Any, rate: float) -> Any:
        """Drop a share of the values of x."""
        if not rate:
            return x
        self.calls += 1
        # A byte is random enough for a rate, and four of them come at the price of one number.
        dropped, size = round(rate * 256), tf.size(x)
        words = tf.random.stateless_uniform(
            (size // 4 + 1,), (self.seed, self.step * 16 + self.calls), None, None, tf.uint32,
            alg="philox",
        )  # fmt: skip
        mask = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), (-1,))[:size], tf.shape(x))
        return tf.where(mask >= dropped, x * (256 / (256 - dropped)), 0.0)


def weighted_mean(values: Any, weights: Any) -> Any:
    """Mean of values (F, n) by weights (F, n), for each copy; 0 where all weights are 0."""
    total = tf.reduce_sum(weights, axis=1)
    return tf.reduce_sum(values * weights, axis=1) / tf.maximum(total, 1.0)
