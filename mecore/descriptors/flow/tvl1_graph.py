"""TV-L1 of `mecore.descriptors.flow.tvl1` for many pairs at once, as one TensorFlow graph.

The same frames as splines, energy, levels and iterations, each pair stopped on its own; on a GPU,
thousands of pixels of hundreds of pairs go side by side. Sums are taken in another order, so that
flows differ from those of the compiled loops in their last digits: it is an engine of its own.
"""

import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mecore.descriptors.flow.tvl1 import TVL1Parameters
from mecore.descriptors.flow.tvl1_kernels import LEAST_VARIANCE, Steps
from mecore.descriptors.flow.tvl1_pyramid import LEAST_SQUARED_GRADIENT, level_shapes

Floats = NDArray[np.float32]
# Pairs at a time: some 2 MB each at 128×128.
BATCH = 256


class _Level(NamedTuple):
    """One level of the pyramids of some frames, (n, H, W) each; see `tvl1_pyramid.Level`."""

    coefficients: Any
    value: Any
    grad_x: Any
    grad_y: Any
    inverse_norm: Any


def stream(frames: Iterable[Floats], distance: int, batch: int = BATCH) -> Iterator[Floats]:
    """Flow of all pairs (i, i + distance) while frames arrive; see `engines.flow_stream`.

    Frames are (H, W), float32, grey levels 0-255, all of one size. At most ``batch`` pairs are
    computed at once. Where the memory does not suffice, half as many are tried, and half of that,
    with a RuntimeWarning; MemoryError where it does not suffice for one pair.
    """
    source = iter(frames)
    held = list(islice(source, distance))
    while more := list(islice(source, batch)):
        held += more
        done = 0
        while done < len(more):
            n = min(batch, len(more) - done)
            part = np.stack(held[done : done + distance + n])
            # A graph is compiled for each number of pairs: with powers of two there are few.
            room = min(batch, 1 << (n - 1).bit_length()) - n
            try:
                padded = np.concatenate([part, np.repeat(part[-1:], room, axis=0)])
                flows = _solve(part.shape[1:], distance)(padded).numpy()[:n]
            except (tf.errors.ResourceExhaustedError, MemoryError):
                batch = _halved(batch, part.shape)
                continue
            yield from flows
            done += len(flows)
        held = held[-distance:]


def _halved(batch: int, shape: tuple[int, ...]) -> int:
    height, width = shape[1:]
    if batch == 1:
        raise MemoryError(f"not enough memory for the flow of one pair of {width}×{height} pixels")
    warnings.warn(
        f"not enough memory for {batch} pairs of {width}×{height} pixels at once: "
        f"going on with {batch // 2}",
        RuntimeWarning, stacklevel=3,
    )  # fmt: skip
    return batch // 2


@cache
def _solve(shape: tuple[int, int], distance: int) -> Any:
    """The graph for frames of one size, (n + distance, H, W) to flows (n, H, W, 2)."""

    def flows(frames: Any) -> Any:
        pyramid = _pyramid(frames, shape)
        parameters = TVL1Parameters()
        u = v = tf.zeros_like(pyramid[-1].value[distance:])
        for k in reversed(range(len(pyramid))):
            reference = _Level._make(x[:-distance] for x in pyramid[k])
            moved = _Level._make(x[distance:] for x in pyramid[k])
            u, v = _solve_level(reference, moved, u, v, parameters.steps(k))
            if k:
                height, width = pyramid[k - 1].value.shape[1:]
                u, v = (_enlarged(x)[:, :height, :width] for x in (u, v))
        return tf.stack([u, v], axis=-1)

    # Compiled for a GPU, where it fuses what would be hundreds of small kernels.
    signature = [tf.TensorSpec((None, *shape), tf.float32)]
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    return tf.function(flows, input_signature=signature, jit_compile=on_gpu)


def _pyramid(frames: Any, shape: tuple[int, int]) -> list[_Level]:
    coefficients = frames - tf.reduce_mean(frames, axis=(1, 2), keepdims=True)
    levels = [_level(coefficients)]
    for _ in level_shapes(shape)[1:]:
        for axis in (1, 2):
            x = _replicated(coefficients, axis, 1, 2)
            x = (_part(x, axis, 0, -3) + _part(x, axis, 3)
                 + 3 * (_part(x, axis, 1, -2) + _part(x, axis, 2, -1))) / 8  # fmt: skip
            coefficients = x[:, ::2] if axis == 1 else x[:, :, ::2]
        levels.append(_level(coefficients))
    return levels


def _level(coefficients: Any) -> _Level:
    smooth, slope = zip(*(_spline(coefficients, axis) for axis in (1, 2)), strict=True)
    value = _spline(smooth[0], 2)[0]
    grad_x, grad_y = _spline(slope[1], 1)[0], _spline(slope[0], 2)[0]
    norm = tf.maximum(grad_x**2 + grad_y**2, LEAST_SQUARED_GRADIENT)
    return _Level(coefficients, value, grad_x, grad_y, 1 / norm)


def _spline(x: Any, axis: int) -> tuple[Any, Any]:
    """Value and derivative of the cubic B-spline along one axis, at the pixels."""
    x = _replicated(x, axis, 1, 1)
    before, here, after = _part(x, axis, 0, -2), _part(x, axis, 1, -1), _part(x, axis, 2)
    return (before + 4 * here + after) / 6, (after - before) / 2


def _part(x: Any, axis: int, first: int, last: int | None = None) -> Any:
    return x[:, first:last] if axis == 1 else x[:, :, first:last]


def _replicated(x: Any, axis: int, before: int, after: int) -> Any:
    first, last = _part(x, axis, 0, 1), _part(x, axis, -1)
    return tf.concat([first] * before + [x] + [last] * after, axis)


def _enlarged(x: Any) -> Any:
    """Twice as large in size and in length, bilinearly."""
    size = [2 * n for n in x.shape[1:]]
    return 2 * tf.image.resize(x[..., None], size)[..., 0]


def _solve_level(reference: _Level, moved: _Level, u: Any, v: Any, steps: Steps) -> tuple[Any, Any]:
    """Improve the flow on one level; a pair that has nothing left to do keeps what it has."""
    duals = [tf.zeros_like(u)] * 4
    going = tf.ones_like(u[:, :1, :1], tf.bool)
    for _ in range(steps.warps):
        residual, norm = _linearise(reference, moved, u, v, steps.share)
        u, v, duals, going = _iterate(reference, residual, norm, steps, u, v, duals, going)
        u, v = (tf.where(going, _median(x), x) for x in (u, v))
    return u, v


def _linearise(reference: _Level, moved: _Level, u: Any, v: Any, share: Any) -> tuple[Any, Any]:
    """Expand ρ around the flow, with mean and contrast of the reference."""
    warped, seen = _warp(moved.coefficients, u, v)
    n = tf.maximum(_sum(seen), 1)
    mean, other = _sum(seen * reference.value) / n, _sum(seen * warped) / n
    contrast, contrast_other = (
        tf.maximum(_sum(seen * x * x) / n - m * m, 0) + LEAST_VARIANCE
        for x, m in ((reference.value, mean), (warped, other))
    )
    gain = tf.clip_by_value(tf.sqrt(contrast / contrast_other), 0.5, 2)
    known = reference.grad_x * u + reference.grad_y * v
    residual = gain * (warped - other) + mean - reference.value - known
    return residual, share * seen * reference.inverse_norm


def _sum(x: Any) -> Any:
    return tf.reduce_sum(x, axis=(1, 2), keepdims=True)


def _warp(coefficients: Any, u: Any, v: Any) -> tuple[Any, Any]:
    """The spline at x + (u, v), and where that lies in the image."""
    height, width = coefficients.shape[1:]
    to_y = v + np.arange(height, dtype=np.float32)[:, None]
    to_x = u + np.arange(width, dtype=np.float32)
    y, x = tf.clip_by_value(to_y, 0, height - 1), tf.clip_by_value(to_x, 0, width - 1)
    seen = tf.cast((y == to_y) & (x == to_x), tf.float32)
    rows, columns = _taps(y, height), _taps(x, width)
    flat = tf.reshape(coefficients, (-1, height * width))
    warped = tf.zeros_like(u)
    for row, weight in rows:
        for column, share in columns:
            warped += weight * share * tf.gather(flat, row * width + column, batch_dims=1)
    return warped, seen


def _taps(at: Any, n: int) -> list[tuple[Any, Any]]:
    """Index and weight of the four coefficients around a place, along one axis."""
    low = tf.floor(at)
    t, first = at - low, tf.cast(low, tf.int32) - 1
    weights = [(1 - t) ** 3 / 6, 2 / 3 - t * t * (1 - t / 2), None, t**3 / 6]
    weights[2] = 1 - weights[0] - weights[1] - weights[3]
    return [(tf.clip_by_value(first + k, 0, n - 1), weight) for k, weight in enumerate(weights)]


def _iterate(
    level: _Level, residual: Any, norm: Any, steps: Steps, u: Any, v: Any, duals: list[Any],
    going: Any,
) -> tuple[Any, Any, list[Any], Any]:  # fmt: skip
    """Alternate primal and dual steps; also whether a pair took any."""
    enough = steps.tolerance * np.float32(level.value.shape[1] * level.value.shape[2])

    def step(k: Any, u: Any, v: Any, duals: list[Any], going: Any, took: Any) -> Any:
        relaxation = tf.where(k == steps.iterations - 1, np.float32(1), steps.relaxation)
        du, dv = (steps.primal * _divergence(*duals[i : i + 2]) for i in (0, 2))
        rho = residual + level.grad_x * (u + du) + level.grad_y * (v + dv)
        data = tf.clip_by_value(-rho * norm, -steps.limit, steps.limit)
        du, dv = du + data * level.grad_x, dv + data * level.grad_y
        still = going & (_sum(du**2 + dv**2) > enough)
        ascended = [
            p for i, x, d in ((0, u, du), (2, v, dv))
            for p in _ascend(duals[i], duals[i + 1], x + 2 * d, steps.dual, relaxation)
        ]  # fmt: skip
        duals = [tf.where(still, new, old) for new, old in zip(ascended, duals, strict=True)]
        u, v = (tf.where(going, x + relaxation * d, x) for x, d in ((u, du), (v, dv)))
        return k + 1, u, v, duals, still, took | still

    _, u, v, duals, _, took = tf.while_loop(
        lambda k, u, v, duals, going, took: tf.reduce_any(going), step,
        (0, u, v, duals, going, tf.zeros_like(going)), maximum_iterations=steps.iterations,
    )  # fmt: skip
    return u, v, duals, took


def _divergence(p1: Any, p2: Any) -> Any:
    left = tf.pad(p1[:, :, :-1], [[0, 0], [0, 0], [1, 0]])
    return p1 - left + p2 - tf.pad(p2[:, :-1], [[0, 0], [1, 0], [0, 0]])


def _ascend(p1: Any, p2: Any, ahead: Any, dual: Any, relaxation: Any) -> list[Any]:
    q1 = p1 + dual * tf.pad(ahead[:, :, 1:] - ahead[:, :, :-1], [[0, 0], [0, 0], [0, 1]])
    q2 = p2 + dual * tf.pad(ahead[:, 1:] - ahead[:, :-1], [[0, 0], [0, 1], [0, 0]])
    scale = tf.math.rsqrt(tf.maximum(q1**2 + q2**2, 1))
    return [p + relaxation * (q * scale - p) for p, q in ((p1, q1), (p2, q2))]


def _median(x: Any) -> Any:
    """Median of each 3×3 neighbourhood, from sorted columns."""
    x = _replicated(x, 1, 1, 1)
    low, middle, high = _sorted(*(_part(x, 1, k, k - 2 or None) for k in range(3)))
    low, middle, high = (
        _sorted(*(_part(_replicated(y, 2, 1, 1), 2, k, k - 2 or None) for k in range(3)))
        for y in (low, middle, high)
    )
    return _sorted(low[2], middle[1], high[0])[1]


def _sorted(a: Any, b: Any, c: Any) -> tuple[Any, Any, Any]:
    low, high = tf.minimum(a, b), tf.maximum(a, b)
    return tf.minimum(low, c), tf.maximum(low, tf.minimum(high, c)), tf.maximum(high, c)
