"""What MEAN costs: parameters and floating-point operations."""

from __future__ import annotations

import logging

import keras
import tensorflow as tf
from tensorflow.python.profiler import model_analyzer, option_builder


def count_flops(model: keras.Model) -> int:
    """Count the floating-point operations of one forward pass of one sample.

    A multiplication and an addition count as two, as in TensorFlow's profiler, which does the
    counting.
    """
    inputs = [tf.TensorSpec((1, *x.shape[1:]), tf.float32) for x in model.inputs]
    function = tf.function(lambda *x: model(list(x), training=False)).get_concrete_function(*inputs)
    options = option_builder.ProfileOptionBuilder(
        option_builder.ProfileOptionBuilder.float_operation()
    ).with_empty_output()
    logger = tf.get_logger()
    # The profiler reports its own deprecations, in a notebook on the page.
    level, logger.level = logger.level, logging.ERROR
    try:
        profile = model_analyzer.profile(function.graph, options=options.build(), cmd="scope")
    finally:
        logger.level = level
    return int(profile.total_float_ops)
