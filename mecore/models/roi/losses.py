"""Focal loss and class weights (Lin et al., ICCV 2017; Aouayeb et al. 2019, section 3.4).

Eq. 2 of the paper is the focal loss of one yes-or-no output. Its networks end in a softmax, for
which the loss is that of the true class,

    FL = -α_y (1 - p_y)^γ log p_y.

The two-branch form applies Eq. 2 to every output of the softmax and adds them up.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.roi.options import RoiOptions

_SMALLEST = 1e-7


def class_weights(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """Inverse class frequency, α_c = N / (K n_c) with K the number of classes that occur.

    Parameters
    ----------
    labels : array of int, (N,)
        Classes of the training samples.
    n_classes : int
        Number of classes, occurring or not.

    Returns
    -------
    array, (n_classes,), float32
        0 for a class that does not occur.

    Examples
    --------
    >>> class_weights(np.array([0, 0, 0, 2]), 3).round(3).tolist()
    [0.6669999957084656, 0.0, 2.0]
    """
    counts = np.bincount(labels, minlength=n_classes)
    occurring = np.count_nonzero(counts)
    return (counts.sum() * (counts > 0) / np.maximum(occurring * counts, 1)).astype(np.float32)


def focal_loss(labels: Any, probabilities: Any, alpha: Any, gamma: float) -> Any:
    """Focal loss of the true class, per sample; γ = 0 and α = 1 give the cross-entropy.

    Parameters
    ----------
    labels, probabilities : tensors, (n,) of int and (n, C)
        True classes, and softmax outputs.
    alpha : array, (C,)
        Class weights.
    gamma : float
        How much less a sample counts that is already right, ≥ 0.
    """
    true = tf.one_hot(labels, probabilities.shape[-1])
    return keras.losses.categorical_focal_crossentropy(true, probabilities, alpha, gamma)


def binary_focal_loss(labels: Any, probabilities: Any, alpha: Any, gamma: float) -> Any:
    """Eq. 2 on every output, added up, per sample; parameters as in `focal_loss`.

    Eq. 2 wants α in [0, 1]; the class weights are scaled to add up to 1.
    """
    p = tf.clip_by_value(probabilities, _SMALLEST, 1 - _SMALLEST)
    share = alpha / tf.maximum(tf.reduce_sum(alpha), _SMALLEST)
    yes = tf.one_hot(labels, p.shape[-1])
    true = share * (1 - p) ** gamma * tf.math.log(p)
    # A class without a training sample weighs nothing in either branch.
    false = tf.where(share > 0, 1 - share, 0) * p**gamma * tf.math.log(1 - p)
    return -tf.reduce_sum(yes * true + (1 - yes) * false, axis=-1)


def loss_of(options: RoiOptions) -> Callable[[Any, Any, Any], Any]:
    """The loss of the options: a function of labels, probabilities and class weights."""
    gamma = 0.0 if options.loss == "cross_entropy" else options.gamma
    form = binary_focal_loss if options.loss == "binary_focal" else focal_loss
    return lambda labels, outputs, alpha: form(labels, outputs, alpha, gamma)


def inverse_frequencies(
    labels: NDArray[np.int64], n_outputs: int, options: RoiOptions
) -> NDArray[np.float32]:
    """Class weights (R, n_outputs) from training labels (n, R); all 1 with ``weights="none"``."""
    if options.weights == "none":
        return np.ones((labels.shape[1], n_outputs), np.float32)
    return np.stack([class_weights(column, n_outputs) for column in labels.T])


def batches(chosen: Any, size: int) -> list[Any]:
    """Cut an array into parts of at most ``size``."""
    return [chosen[i : i + size] for i in range(0, len(chosen), size)]


def curve(trained: Any, watched: Any = None) -> dict[str, Any]:
    """Name loss and accuracy of an epoch, and those of what is watched: ``monitor_…``."""
    names = "loss", "accuracy", "monitor_loss", "monitor_accuracy"
    return dict(zip(names, [*trained, *(() if watched is None else watched)], strict=False))
