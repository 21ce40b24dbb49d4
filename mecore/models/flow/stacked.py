"""Many folds in one graph: copies of a small network with stacked weights, trained at once.

One network of 1,651 parameters is too small to keep a processor busy (`mecore.models.stacking`).
Here all folds see the same mini-batch; a fold's loss leaves out the samples it must not see (weight
0). The first convolution of all folds is then one matrix product, because its input is the same for
all. The order of the samples is that of the run; weights, dropout and permuted labels are each
fold's own, so a fold does not know how many it is trained with.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import count, groupby
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mecore.models.adam import Adam
from mecore.models.flow.networks import Block, FlowNetwork
from mecore.models.stacking import Dropout

Floats = NDArray[np.float32]
_NOWHERE = -1e30  # stands for pixels outside the image; finite, so that no gradient becomes NaN


@dataclass(frozen=True)
class Training:
    """How a network is trained: by Adam; a fold leaves out what it must not see of a batch."""

    epochs: int = 200
    batch_size: int = 64
    learning_rate: float = 1e-3


class Stack:
    """Copies of one network.

    ``starts`` are the first weights of every copy (`mecore.models.flow.networks.first_weights`),
    ``seeds`` those of every copy's dropout.
    """

    def __init__(
        self, network: FlowNetwork, starts: Sequence[Sequence[Floats]], seeds: Sequence[int]
    ) -> None:
        self.network, self.size, self.seeds = network, len(starts), seeds
        self.weights = [keras.Variable(np.stack(w)) for w in zip(*starts, strict=True)]
        # Streams that begin alike begin as one.
        self.alike = [
            list(group)
            for _, group in groupby(network.streams, lambda s: (s[0], s[1][0].kernel, s[1][0].pool))
        ]

    def get_weights(self, copy: int) -> list[Floats]:
        """Weights of one copy, in the order of its `keras.Model`."""
        return [np.asarray(w)[copy] for w in self.weights]

    def patches(self, images: Floats) -> list[Floats]:
        """Images (n, side, side, 3) as the first layer takes them, once for all epochs."""
        first = [group[0] for group in self.alike]
        return [_patches(images[..., s[0] : s[-1] + 1], chain[0]) for s, chain in first]

    def logits(self, patches: Sequence[Any], step: Any = None) -> Any:
        """Logits (F, n, C) of images given as patches; with a ``step``, dropout acts."""
        # Tensors: a slice of a variable in a graph keeps graph and variables for ever.
        net, weights = self.network, map(tf.convert_to_tensor, self.weights)
        copies = [] if step is None else [Dropout(seed, step) for seed in self.seeds]
        drop = partial(_dropped, copies)
        x = drop(tf.concat(self._streams(patches, weights), -1), net.dropout_maps)
        for block in net.joint:
            x = _block(x, block, weights)
        if net.average > 1:
            x = _pool(x, net.average, tf.add) / net.average**2
        x = tf.reshape(x, (self.size, -1, int(np.prod(x.shape[2:]))))
        for number in range(len(net.dense) + 1):
            x = tf.nn.relu(x) if number else x
            if number or not net.dense:
                x = drop(x, net.dropout_dense)
            x = x @ next(weights) + next(weights)[:, None]
        return x

    def _streams(self, patches: Sequence[Any], weights: Iterator[Any]) -> list[Any]:
        """Maps (F, n, h, w, K) of all streams in turn."""
        streams = self.network.streams
        deep = len(streams[0][1]) > 1
        maps: list[Any] = []
        for part, group in zip(patches, self.alike, strict=True):
            first = [chain[0] for _, chain in group]
            kernels, biases = zip(*((next(weights), next(weights)) for _ in first), strict=True)
            x = _rectify(_shared(part, kernels), tf.concat(biases, -1))
            maps += tf.split(x, [b.filters for b in first], -1) if deep else [x]
        for blocks in zip(*(chain[1:] for _, chain in streams), strict=True):
            maps = [_block(x, b, weights) for x, b in zip(maps, blocks, strict=True)]
        return maps


def _rectify(x: Any, bias: Any) -> Any:
    return tf.nn.relu(x + bias[:, None, None, None])


def _dropped(copies: Sequence[Dropout], x: Any, rate: float) -> Any:
    """Drop by each copy's own seed: its place among the others changes nothing."""
    if not (copies and rate):
        return x
    parts = zip(copies, tf.unstack(x, len(copies)), strict=True)
    return tf.stack([drop(part, rate) for drop, part in parts])


def _windows(size: int, pool: int) -> tuple[int, int]:
    """Number of pooling windows along one side, and how far the first reaches out («same»)."""
    n = -(-size // pool)
    return n, (n * pool - size) // 2


def _patches(images: Floats, block: Block) -> Floats:
    """Patches (n, p·p, h·w, k·k·C) around each of the p·p pixels of every pooling window.

    A pixel outside the image is stood for by the nearest of its window: the largest stays.
    """
    size, k = images.shape[1], block.kernel
    n, out = _windows(size, block.pool)
    pad = (k - 1) // 2, k // 2
    padded = np.pad(images, ((0, 0), pad, pad, (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
    starts = np.arange(n) * block.pool - out
    inside = [np.clip(starts + i, 0, size - 1) for i in range(block.pool)]
    parts = [views[:, r][:, :, c] for r in inside for c in inside]
    whole = np.stack([p.transpose(0, 1, 2, 4, 5, 3) for p in parts], 1)
    return np.ascontiguousarray(whole).reshape(len(images), len(parts), n * n, -1)


def _shared(patches: Any, kernels: Sequence[Any]) -> Any:
    """Convolve and pool an input that all copies share: patches → maps (F, n, h, w, K).

    One matrix product for each pixel of a pooling window, of which the largest is kept.
    """
    kernel = tf.concat(kernels, -1)
    copies, filters, side = kernel.shape[0], kernel.shape[-1], math.isqrt(patches.shape[2])
    matrix = tf.reshape(tf.transpose(kernel, (1, 2, 3, 0, 4)), (patches.shape[3], -1))
    parts = [tf.reshape(p, (-1, patches.shape[3])) for p in tf.unstack(patches, axis=1)]
    # Of equal ones the first learns, as in Keras.
    largest = reduce(tf.maximum, [part @ matrix for part in parts])
    maps = tf.reshape(largest, (-1, side, side, copies, filters))
    return tf.transpose(maps, (3, 0, 1, 2, 4))


def _block(x: Any, block: Block, weights: Iterator[Any]) -> Any:
    """Apply a block to an input of each copy's own: (F, n, H, W, C) → (F, n, h, w, K)."""
    pairs, size = zip(tf.unstack(x), tf.unstack(next(weights)), strict=True), x.shape[2]
    maps = tf.stack([tf.nn.conv2d(a, w, 1, "SAME") for a, w in pairs])
    n, out = _windows(size, block.pool)
    rest = n * block.pool - size - out
    if out or rest:
        sides = ((0, 0), (0, 0), (out, rest), (out, rest), (0, 0))
        maps = tf.pad(maps, sides, constant_values=_NOWHERE)
    return _rectify(_pool(maps, block.pool, tf.maximum), next(weights))


def _pool(x: Any, window: int, two: Callable[[Any, Any], Any]) -> Any:
    """Reduce windows of (F, n, H, W, K) by an operation on two; borders that do not fill one go.

    TensorFlow's own pooling is slow to differentiate.
    """
    f, _, height, width, k = x.shape
    rows, columns = height // window, width // window
    if height % window or width % window:
        x = x[:, :, : rows * window, : columns * window]
    x = reduce(two, tf.unstack(tf.reshape(x, (-1, window, columns * window * k)), axis=1))
    x = reduce(two, tf.unstack(tf.reshape(x, (-1, window, k)), axis=1))
    return tf.reshape(x, (f, -1, rows, columns, k))


def train(
    stack: Stack, images: Floats, labels: NDArray[np.int64], seen: NDArray[np.bool_],
    asked: NDArray[np.bool_], training: Training, seed: int,
    after_epoch: Callable[[], None] = lambda: None,
) -> list[Floats]:  # fmt: skip
    """Train all copies; ask each after every epoch about the samples it has not seen.

    Parameters
    ----------
    stack : Stack
        F copies, changed in place.
    images : array, (N, side, side, 3), float32
        Flow images.
    labels : array of int, (F, N)
        Class of every sample, as each copy is told.
    seen, asked : array of bool, (F, N)
        Samples that a copy is trained on, and those that it is asked about; ValueError if some are
        both.
    seed : int
        Seed of the run: the order of the samples, which all copies share.
    after_epoch : callable
        Called after every epoch.

    Returns
    -------
    list of array, (epochs, n, C), float32
        Class probabilities of the n samples that each copy was asked about.
    """
    if (seen & asked).any():
        raise ValueError("a copy is asked only about samples that it was not trained on")
    step = _training_step(stack, images, labels, seen, training.learning_rate)
    answer = _answers(stack, images, asked)
    given = []
    order, number = np.random.default_rng(seed), count()
    for _ in range(training.epochs):
        shuffled = order.permutation(len(images)).astype(np.int32)
        for start in range(0, len(images), training.batch_size):
            batch = shuffled[start : start + training.batch_size]
            step(tf.constant(batch), tf.constant(next(number)))
        given.append(answer().numpy())
        after_epoch()
    return np.split(np.stack(given), asked.sum(axis=1).cumsum()[:-1], axis=1)


def _training_step(
    stack: Stack, images: Floats, labels: Any, seen: Any, learning_rate: float
) -> Callable[[Any, Any], None]:
    optimiser = Adam(learning_rate)
    optimiser.build(stack.weights)
    pictures = [tf.constant(p) for p in stack.patches(images)]
    told, counted = tf.constant(labels, tf.int32), tf.constant(seen, tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32)])
    def step(batch: Any, number: Any) -> None:
        y, weight = tf.gather(told, batch, axis=1), tf.gather(counted, batch, axis=1)
        weight /= tf.maximum(tf.reduce_sum(weight, 1, keepdims=True), 1.0)
        with tf.GradientTape() as tape:
            logits = stack.logits([tf.gather(p, batch) for p in pictures], number)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            total = tf.reduce_sum(loss * weight)
        variables = [w.value for w in stack.weights]
        optimiser.apply(tape.gradient(total, variables), stack.weights)

    return step


def _answers(stack: Stack, images: Floats, asked: NDArray[np.bool_]) -> Callable[[], Any]:
    questions = np.flatnonzero(asked.any(axis=0))
    pictures = [tf.constant(p) for p in stack.patches(images[questions])]
    places = tf.constant(np.argwhere(asked[:, questions]))

    @tf.function
    def answer() -> Any:
        return tf.nn.softmax(tf.gather_nd(stack.logits(pictures), places))

    return answer
