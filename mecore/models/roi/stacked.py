"""All regions in one graph: the weights of the six CNNs, or LSTMs, side by side in one variable.

`mecore.models.roi.network` says what is computed. Patches differ in size from region to region, so
each is convolved by its own slice; everything after the pooling is one batched product, the LSTMs
take one step together, and the optimiser sees one variable per layer instead of one per region.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mecore.models.roi.network import BRANCHES, UNITS

CONVOLUTIONS = ("conv1", "conv2", *(f"branch{side}" for side in BRANCHES))


class StackedCnns:
    """Some region CNNs (`mecore.models.roi.network.region_cnn`), trained together.

    Their weights are taken as the start; `write_back` brings them what was learnt.
    """

    def __init__(self, models: Sequence[keras.Model]) -> None:
        self.models = models
        self.dropout = models[0].get_layer("dropout")
        self.names = [layer.name for layer in models[0].layers if layer.weights]
        self.weights = {
            name: [_stack([m.get_layer(name).weights[i] for m in models], name) for i in range(2)]
            for name in self.names
        }

    @property
    def variables(self) -> list[Any]:
        """Kernels and biases, the region first."""
        return [v for name in self.names for v in self.weights[name]]

    def features(self, patches: Sequence[Any], training: bool = False) -> Any:
        """Return features (n, R, 20) of patches (n, H_r, W_r, channels), one array per region."""
        own = [zip(*map(tf.unstack, self.weights[name]), strict=True) for name in CONVOLUTIONS]
        regions = zip(patches, *own, strict=True)
        x = tf.stack([_average(patch, weights) for patch, *weights in regions])
        x = tf.nn.relu(_dense(x, self.weights["hidden"]))
        x = self.dropout(x, training=training)
        return tf.transpose(tf.nn.relu(_dense(x, self.weights["features"])), (1, 0, 2))

    def outputs(self, features: Any) -> Any:
        """Return probabilities (n, R, C + 1) of features."""
        x = _dense(tf.transpose(features, (1, 0, 2)), self.weights["output"])
        return tf.transpose(tf.nn.softmax(x), (1, 0, 2))

    def write_back(self) -> None:
        """Give the Keras models the weights as they are now."""
        for name in self.names:
            for r, model in enumerate(self.models):
                model.get_layer(name).set_weights([v[r].numpy() for v in self.weights[name]])


class StackedSequence:
    """Copies of a sequence network, all of whose LSTMs take each step together.

    All start as the model (`mecore.models.roi.network.sequence_network`). ``keep``, (F, R),
    multiplies what the LSTM of each region says in each copy: 0 leaves the region out.
    """

    def __init__(self, model: keras.Model, keep: Any) -> None:
        self.keep = tf.constant(keep, tf.float32)
        self.copies, self.n_regions = self.keep.shape
        lstms = [model.get_layer(f"lstm{r}") for r in range(self.n_regions)]
        # Copy after copy, region after region.
        stacks = [_stack([x.weights[i] for x in lstms], "lstm") for i in range(3)]
        self.lstm = [tf.Variable(tf.concat([w] * self.copies, 0), name="lstm") for w in stacks]
        self.head = {
            name: [_stack([w] * self.copies, name) for w in model.get_layer(name).weights]
            for name in ("hidden", "output")
        }
        self.bend = model.get_layer("leaky")
        self.dropout = model.get_layer("dropout0")

    @property
    def variables(self) -> list[Any]:
        """Weights of the LSTMs and of the dense layers, the copy first."""
        return [*self.lstm, *self.head["hidden"], *self.head["output"]]

    def __call__(self, sequences: Any, mask: Any, training: bool = False) -> Any:
        """Class probabilities (F, n, C) of sequences (n, T, R, 20) and a mask (n, T)."""
        states = self._last(tf.tile(sequences, (1, 1, self.copies, 1)), mask)
        states = self.dropout(states, training=training)
        states *= tf.reshape(self.keep, (-1, 1, 1))
        x = tf.reshape(states, (self.copies, self.n_regions, -1, UNITS))
        x = tf.reshape(tf.transpose(x, (0, 2, 1, 3)), (self.copies, -1, self.n_regions * UNITS))
        x = self.bend(_dense(x, self.head["hidden"]))
        return tf.nn.softmax(_dense(x, self.head["output"]))

    def _last(self, sequences: Any, mask: Any) -> Any:
        """Output of each LSTM (F·R, n, 120) at the last frame that the mask lets through."""
        kernel, recurrent, bias = self.lstm
        # The products with the input need no state: one for all steps.
        inputs = tf.einsum("ntrf,rfu->trnu", sequences, kernel) + bias[None, :, None]
        output = cell = tf.zeros_like(inputs[0, ..., :UNITS])
        n = tf.shape(inputs)[0]
        # Read from an array of tensors: the gradient of inputs[t] would be as large as inputs.
        steps = tf.TensorArray(inputs.dtype, n).unstack(inputs)
        for t in tf.range(n):
            gates = tf.split(steps.read(t) + tf.matmul(output, recurrent), 4, axis=-1)
            into, forget, _, out = (tf.sigmoid(g) for g in gates)
            new_cell = forget * cell + into * tf.tanh(gates[2])
            seen = mask[:, t][None, :, None]
            output = tf.where(seen, out * tf.tanh(new_cell), output)
            cell = tf.where(seen, new_cell, cell)
        return output


def _average(x: Any, weights: Sequence[tuple[Any, Any]]) -> Any:
    """Averages (n, 72) of the maps of one region, by the weights of its `CONVOLUTIONS`."""

    def convolve(x: Any, kernel: Any, bias: Any) -> Any:
        return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))

    for own in weights[:2]:
        x = tf.nn.max_pool2d(convolve(x, *own), 2, 2, "SAME")
    maps = [*(convolve(x, *own) for own in weights[2:]), x]
    return tf.concat([tf.reduce_mean(m, axis=(1, 2)) for m in maps], axis=-1)


def _dense(x: Any, weights: Sequence[Any]) -> Any:
    kernel, bias = weights
    return tf.matmul(x, kernel) + bias[:, None]


def _stack(variables: Sequence[Any], name: str) -> Any:
    return tf.Variable(tf.stack([tf.convert_to_tensor(v) for v in variables]), name=name)
