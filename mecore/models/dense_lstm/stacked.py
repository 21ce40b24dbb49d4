"""Dense LSTM networks as a stack of copies that are trained, or asked, in one graph.

`mecore.models.dense_lstm.network` says what is computed; the gradient of the recurrence is written
out, because TensorFlow's own takes several times as long on networks of this size.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.dense_lstm.options import DenseOptions
from mecore.models.stacking import glorot

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
# Windows that are asked about at a time: their states stay in the processor's cache.
_PART = 256


def fresh(length: int, options: DenseOptions, rng: np.random.Generator) -> list[Floats]:
    """Draw the first weights of a copy as Keras does, in the order of its networks.

    Parameters
    ----------
    length : int
        C, length of the features of a position.
    options : DenseOptions
        Only the group ``network`` matters.
    rng : Generator
        Glorot's uniform kernels, orthogonal recurrent ones; forget gates begin open.
    """
    units, sides = options.units, 1 + options.bidirectional
    weights: list[Floats] = []
    for layer in range(options.layers):
        inputs = sides * units if layer else length
        for _ in range(sides):
            kernel = glorot((inputs, 4 * units), rng)
            q, r = np.linalg.qr(rng.normal(size=(4 * units, units)))
            orthogonal = np.asarray((q * np.sign(np.diag(r))).T, np.float32)
            bias = np.repeat(np.array([0, 1, 0, 0], np.float32), units)
            weights += [kernel, orthogonal, bias]
    return [*weights, glorot((sides * units, 1), rng), np.zeros(1, np.float32)]


class DenseStack:
    """Copies of one network.

    Parameters
    ----------
    copies : sequence of sequence of array
        First weights of each copy, see `fresh`.
    options : DenseOptions
        Only the group ``network`` matters.
    """

    def __init__(self, copies: Sequence[Sequence[Floats]], options: DenseOptions) -> None:
        self.size, self.options = len(copies), options
        self.weights = [tf.constant(np.stack(w)) for w in zip(*copies, strict=True)]

    def copy(self, number: int) -> list[Floats]:
        """Weights of one copy as they are now, as `build_network` orders them."""
        return [weight[number].numpy() for weight in self.weights]

    def __call__(self, rows: Any, at: Ints) -> Floats:
        """Score the windows that begin at every position of a row of positions.

        From features of positions (R, C), of which row 0 stands for padding, and the rows ``at``
        (P,) of at least M positions; returns (F, P - M + 1, M), in [0, 1].
        """
        m, n = self.options.positions, len(at)
        ask, filled = _asking(self.options), np.pad(at, (0, _PART))
        parts = [ask(self.weights, rows, filled[i : i + _PART + m - 1]).numpy()
                 for i in range(0, n - m + 1, _PART)]  # fmt: skip
        return np.moveaxis(np.concatenate(parts, axis=2), 1, 2)[:, : n - m + 1]


@lru_cache(maxsize=4)
def _asking(options: DenseOptions) -> Any:
    """Trace once for all stacks: that takes as long as many windows."""

    def ask(weights: Any, rows: Any, at: Any) -> Any:
        # Windows that follow each other share positions: each is multiplied once.
        gates = _gates(weights, tf.gather(rows, at), 0, options)
        m = range(options.positions)
        steps = [[z[:, t : t + _PART] for t in m] for z in gates]
        real = [at[None, t : t + _PART] > 0 for t in m]
        return tf.sigmoid(_scores(weights, steps, real, options))

    return tf.function(ask, reduce_retracing=True)


def logits(weights: Sequence[Any], rows: Any, at: Any, options: DenseOptions) -> Any:
    """Scores (F, B, M) before the sigmoid of B windows for each copy.

    Parameters
    ----------
    weights : sequence of tensor
        Of all copies.
    rows : tensor, (R, C)
        Features of positions, one under the other; row 0 stands for padding.
    at : tensor of int32, (F, B, M)
        Rows of the positions of the windows.
    options : DenseOptions
        Only the group ``network`` matters.
    """
    copies, n, m = tf.shape(at)[0], at.shape[1], options.positions
    # In the order of time, so that what belongs to one step lies together.
    x = tf.gather(rows, tf.reshape(tf.transpose(at, (0, 2, 1)), (copies, m * n)))
    steps = [tf.split(z, m, axis=1) for z in _gates(weights, x, 0, options)]
    scores = _scores(weights, steps, tf.unstack(at > 0, m, axis=2), options)
    return tf.transpose(scores, (0, 2, 1))


def _gates(weights: Sequence[Any], x: Any, layer: int, options: DenseOptions) -> list[Any]:
    """What inputs (F, n, C) of a layer add to the gates of each direction, (F, n, 4 units)."""
    kernels, _, biases = _layer(weights, layer, options)
    return [tf.matmul(x, k) + b[:, None] for k, b in zip(kernels, biases, strict=True)]


def _layer(weights: Sequence[Any], layer: int, options: DenseOptions) -> list[Sequence[Any]]:
    """Kernels, recurrent kernels and biases of a layer, one for each direction."""
    count = 3 * (1 + options.bidirectional)
    own = weights[count * layer : count * (layer + 1)]
    return [own[part::3] for part in range(3)]


def _scores(
    weights: Sequence[Any], steps: list[list[Any]], real: list[Any], options: DenseOptions
) -> Any:
    """Scores (F, M, B) of gate inputs: direction → position → (F, B, 4 units)."""
    m, x = options.positions, None
    for layer in range(options.layers):
        if layer:
            steps = [tf.split(z, m, axis=1) for z in _gates(weights, x, layer, options)]
        kernels = _layer(weights, layer, options)[1]
        states = recurrent(kernels[0], *steps[0])
        if options.bidirectional:
            closed = [_closed(z, there) for z, there in zip(steps[1], real, strict=True)]
            back = recurrent(kernels[1], *closed[::-1])[::-1]
            states = [tf.concat(pair, -1) for pair in zip(states, back, strict=True)]
        x = tf.concat(states, axis=1)
    scores = tf.matmul(x, weights[-2])[..., 0] + weights[-1]
    return tf.reshape(scores, (-1, m, scores.shape[1] // m))


def _closed(gates: Any, there: Any) -> Any:
    """Close the input gate at padding, so that a network that comes from there knows nothing."""
    units = gates.shape[-1] // 4
    shut = tf.where(there, 0.0, -1e9)[..., None]
    return tf.concat([gates[..., :units] + shut, gates[..., units:]], -1)


@tf.custom_gradient
def recurrent(kernel: Any, *gates: Any) -> Any:
    """States of an LSTM, (F, B, units) for each step.

    Hochreiter and Schmidhuber (1997), with forget gates; from states of zero.

    Parameters
    ----------
    kernel : tensor, (F, units, 4 units)
        Recurrent weights; gates are input, forget, candidate, output.
    *gates : tensor, (F, B, 4 units)
        What the inputs add to the gates, step by step.
    """
    units = kernel.shape[1]
    state = cell = tf.zeros_like(gates[0][..., :units])
    seen: list[tuple[Any, ...]] = []
    for z in gates:
        z = z + tf.matmul(state, kernel)
        i, f = (tf.sigmoid(part) for part in tf.split(z[..., : 2 * units], 2, -1))
        g, o = tf.tanh(z[..., 2 * units : 3 * units]), tf.sigmoid(z[..., 3 * units :])
        before, cell = (state, cell), f * cell + i * g
        bent = tf.tanh(cell)
        state = o * bent
        seen.append((i, f, g, o, bent, *before, state))

    def gradient(*wanted: Any) -> tuple[Any, ...]:
        dstate = dcell = tf.zeros_like(state)
        changes: list[Any] = []
        for (i, f, g, o, bent, _, old, _), dy in zip(seen[::-1], wanted[::-1], strict=True):
            dstate += dy
            dcell += dstate * o * (1 - bent * bent)
            changes.append(tf.concat(
                [dcell * g * i * (1 - i), dcell * old * f * (1 - f), dcell * i * (1 - g * g),
                 dstate * bent * o * (1 - o)], -1
            ))  # fmt: skip
            dcell *= f
            dstate = tf.matmul(changes[-1], kernel, transpose_b=True)
        before = tf.concat([s[5] for s in seen], axis=1)
        dkernel = tf.matmul(before, tf.concat(changes[::-1], axis=1), transpose_a=True)
        return dkernel, *changes[::-1]

    return tuple(s[-1] for s in seen), gradient
