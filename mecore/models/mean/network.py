"""MEAN's network: three streams, a shared part, and one head each for spotting and recognition.

Liong, See, Chan (2023), section 3.3. With batch normalisation, as in the published weights, it
has 7,608 parameters for three classes and 8,394 for five (moving statistics counted).
"""

import logging
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from tensorflow.python.profiler import model_analyzer
from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

from mecore.descriptors.mean_input import SIDE
from mecore.models.mean.options import MeanOptions

STREAMS = {"u": 3, "v": 3, "strain": 8}
FILTERS = 8
SHARED_SHAPE = (SIDE // 3, SIDE // 3, sum(STREAMS.values()))


class Mean(NamedTuple):
    """The parts of one MEAN network. They share their layers, so training one changes the whole.

    Parameters
    ----------
    shared : keras.Model
        u, v, strain (n, 42, 42, 1) each → maps (n, 14, 14, 14).
    spot : keras.Model
        Maps → score (n, 1), linear.
    recog : keras.Model
        Maps → class probabilities (n, C).
    """

    shared: keras.Model
    spot: keras.Model
    recog: keras.Model

    @property
    def whole(self) -> keras.Model:
        """The two-headed network: u, v, strain → score and class probabilities."""
        maps = self.shared(self.shared.inputs)
        return keras.Model(self.shared.inputs, [self.spot(maps), self.recog(maps)], name="mean")

    def maps(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shared maps (n, 14, 14, 14) of features (n, 42, 42, 3), channels u, v, strain."""
        return np.asarray(self.shared([features[..., k, None] for k in range(len(STREAMS))]))


def build_mean(n_classes: int, options: MeanOptions) -> Mean:
    """Build a MEAN network with fresh weights from Keras' global seed.

    Parameters
    ----------
    n_classes : int
        Number of emotion classes C.
    options : MeanOptions
        Only the group ``network`` matters.
    """
    return Mean(
        shared_part(options),
        head("spot", 1, "linear", options),
        head("recog", n_classes, "softmax", options),
    )


def shared_part(options: MeanOptions) -> keras.Model:
    """Three streams conv - ReLU - (batch norm) - max-pool 3×3 - dropout, concatenated."""
    inputs = [keras.Input((SIDE, SIDE, 1), name=name) for name in STREAMS]
    streams = []
    for x, (name, filters) in zip(inputs, STREAMS.items(), strict=True):
        x = _convolution(filters, options.l2_shared, f"conv1_{name}")(x)
        if options.batch_norm:
            x = layers.BatchNormalization(name=f"norm_{name}")(x)
        x = layers.MaxPooling2D(3, name=f"pool1_{name}")(x)
        streams.append(layers.Dropout(options.dropout_shared, name=f"dropout_{name}")(x))
    return keras.Model(inputs, layers.Concatenate(name="concat")(streams), name="shared")


def head(task: str, units: int, activation: str, options: MeanOptions) -> keras.Model:
    """Conv 8@5×5 - ReLU - max-pool 2×2 - flatten - dropout - dense, on the shared maps."""
    maps = keras.Input(SHARED_SHAPE, name=f"maps_{task}")
    x = _convolution(FILTERS, options.l2_head, f"conv2_{task}")(maps)
    x = layers.MaxPooling2D(2, name=f"pool2_{task}")(x)
    x = layers.Flatten(name=f"flatten_{task}")(x)
    x = layers.Dropout(options.dropout_head, name=f"dropout_{task}")(x)
    out = layers.Dense(units, activation=activation, name=f"dense_{task}")(x)
    return keras.Model(maps, out, name=task)


def _convolution(filters: int, l2: float, name: str) -> layers.Layer:
    decay = keras.regularizers.L2(l2) if l2 else None
    return layers.Conv2D(
        filters, 5, padding="same", activation="relu", kernel_regularizer=decay, name=name
    )


def count_flops(model: keras.Model) -> int:
    """Count the floating-point operations of one forward pass of one sample.

    By TensorFlow's profiler: a multiplication and an addition count as two.
    """
    inputs = [tf.TensorSpec((1, *x.shape[1:]), tf.float32) for x in model.inputs]
    called = tf.function(lambda *x: model(list(x), training=False)).get_concrete_function(*inputs)
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output()
    logger = tf.get_logger()
    # The profiler reports its own deprecations, in a notebook on the page.
    level, logger.level = logger.level, logging.ERROR
    try:
        profile = model_analyzer.profile(called.graph, options=options.build(), cmd="scope")
    finally:
        logger.level = level
    return int(profile.total_float_ops)
