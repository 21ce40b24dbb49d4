"""Grad-CAM: which places of a feature map speak for an output (Selvaraju et al., ICCV 2017)."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def grad_cam(head: Any, maps: NDArray[np.float32], output: int = 0) -> NDArray[np.float32]:
    """Weight each map by its mean gradient, add them, keep what speaks for the output.

    Parameters
    ----------
    head : callable
        The part of a network that turns maps into outputs (n, m).
    maps : array, (n, H, W, K)
        The maps that are looked at (for MEAN the concatenated ones, 14×14×14).
    output : int
        Index of the output: the class, or 0 for a score.

    Returns
    -------
    array, (n, H, W), float32
        Heat in [0, 1], scaled per sample; all 0 where nothing speaks for the output.
    """
    watched = tf.convert_to_tensor(maps)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        target = head(watched, training=False)[:, output]
    gradient = tape.gradient(target, watched)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    heat = np.maximum(np.asarray(tf.reduce_sum(weights * watched, axis=-1)), 0)
    peak = heat.max(axis=(1, 2), keepdims=True)
    return (heat / np.where(peak > 0, peak, 1)).astype(np.float32)
