"""Adam whose graphs are freed when a training is over."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Adam of Keras, without its support for several devices at once.

    That support has TensorFlow keep the graph of each training, and with it all weights, moments
    and data, as long as the process lives: some folds of a large network then fill the memory.
    """

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
        """Move each variable against its gradient."""
        if not self.built:
            with tf.init_scope():
                self.build(trainable_variables)
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, self.learning_rate)
        self.iterations.assign_add(1)
