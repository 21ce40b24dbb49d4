"""Two-class support vector machines by sequential minimal optimisation, step for step as libsvm.

Fan, Chen, Lin, «Working set selection using second order information for training support vector
machines», JMLR 6 (2005) 1889-1918; Chang, Lin, «LIBSVM», ACM TIST 2 (2011), sections 4 and 5.

Order of steps, ties and rounding (kernel in single, gradient in double precision) are those of
libsvm, so that predictions are those of `sklearn.svm.SVC`. What is added is the largest multiplier
that ever occurred: every bound C above it has the very same solution.

Most of the time goes into looking for the largest of some numbers. Compilers do that several
numbers at a time for whole numbers, not for fractions, one of which might be NaN. So fractions are
compared by their bits, and arrays are filled up to whole vectors with what is never chosen.

All functions stand in this file, because the cache of compiled code notices a change of it only.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled_exactly, compiled_inside

Floats = NDArray[np.float64]
TOLERANCE = 1e-3  # libsvm's and scikit-learn's default
_TAU = 1e-12
_rarely = partial(compiled_inside, inline=False)
_LANES = 8  # numbers that a vector holds
_VALUE = np.int64(0x7FFF_FFFF_FFFF_FFFF)  # all bits but the sign


class State(NamedTuple):
    """A two-class problem of l samples while it is solved; samples change places as they shrink.

    Arrays are (w,), which is l, filled up to whole vectors.
    """

    kernel: NDArray[np.float32]  # (l, w)
    diagonal: Floats  # of the kernel, in double precision
    weights: Floats  # y times the multiplier, which lies in [0, C]
    lows: Floats  # limits of the weights: 0 and C where y is 1, -C and 0 where it is -1
    highs: Floats
    gradient: Floats  # y times the gradient of the dual
    bounded: Floats  # the part of it that stems from multipliers at C
    rises: Floats  # 0 where the weight may still grow; else, and where a sample is aside, -inf
    falls: Floats  # the same for weights that may shrink
    scores: Floats  # room for what a largest is looked for in
    bits: NDArray[np.int64]  # the same memory as whole numbers
    order: NDArray[np.int64]  # (l,): which sample stands where


@compiled_inside
def _wide(n: int) -> int:
    """A number of samples, filled up to whole vectors."""
    return (n + _LANES - 1) // _LANES * _LANES


@compiled_inside
def _last_largest(bits: NDArray[np.int64], n: int) -> np.int64:
    """Place of the largest of n fractions, given by their bits; of equal ones the last."""
    largest, place = -_VALUE, np.int64(-1)
    for t in range(n):
        # Negative fractions have their bits in falling order.
        value = bits[t] ^ ((bits[t] >> 63) & _VALUE)
        largest = value if value > largest else largest
    for t in range(n):
        value = bits[t] ^ ((bits[t] >> 63) & _VALUE)
        here = np.int64(t) if value == largest else np.int64(-1)
        place = here if here > place else place
    return place


@compiled_inside
def _select(s: State, active: int) -> tuple[Any, Any]:
    """Pair of samples that violates optimality most, by second order; -1 where none does."""
    g, falls, scores, n = s.gradient, s.falls, s.scores, _wide(active)
    for t in range(n):
        scores[t] = s.rises[t] - g[t]
    i = _last_largest(s.bits, n)
    largest, own = scores[i], s.diagonal[i]
    for t in range(n):
        difference = largest + g[t]
        curvature = own + s.diagonal[t] - 2.0 * np.float64(s.kernel[i, t])
        gain = difference * difference / (curvature if curvature > 0 else _TAU)
        scores[t] = falls[t] + (gain if difference > 0 else -np.inf)
    j = _last_largest(s.bits, n)
    if scores[j] == -np.inf:
        return -1, -1
    if largest + g[j] < TOLERANCE:
        for t in range(n):
            scores[t] = falls[t] + g[t]
        if largest + scores[_last_largest(s.bits, n)] < TOLERANCE:
            return -1, -1
    return i, j


@compiled_inside
def _may_move(s: State, t: int) -> None:
    """Note in which directions a weight may move."""
    s.rises[t] = 0.0 if s.weights[t] < s.highs[t] else -np.inf
    s.falls[t] = 0.0 if s.weights[t] > s.lows[t] else -np.inf


@compiled_inside
def _step(s: State, i: int, j: int) -> None:
    """Move two weights to their optimum inside the box: one up, one down, so that the sum stays."""
    g, weights = s.gradient, s.weights
    curvature = s.diagonal[i] + s.diagonal[j] - 2.0 * np.float64(s.kernel[i, j])
    way = (g[j] - g[i]) / (curvature if curvature > 0 else _TAU)
    total, up, down = weights[i] + weights[j], weights[i] + way, weights[j] - way
    if up > s.highs[i]:
        up, down = s.highs[i], total - s.highs[i]
    if down < s.lows[j]:
        up, down = total - s.lows[j], s.lows[j]
    weights[i], weights[j] = up, down
    _may_move(s, i)
    _may_move(s, j)


@compiled_inside
def _update(s: State, i: int, j: int, first: float, second: float, active: int) -> None:
    """Carry the gradient over from the old weights of i and j to the new ones."""
    one, two = s.weights[i] - first, s.weights[j] - second
    for t in range(_wide(active)):
        s.gradient[t] += np.float64(s.kernel[i, t]) * one + np.float64(s.kernel[j, t]) * two
    bound = s.highs[i] - s.lows[i]
    for t, old in ((i, first), (j, second)):
        now = abs(s.weights[t]) >= bound
        if now != (abs(old) >= bound):
            change = s.weights[t] if now else -old
            for k in range(s.order.size):
                s.bounded[k] += change * np.float64(s.kernel[t, k])


@_rarely
def _restore(s: State, active: int) -> None:
    """Compute the gradient of the samples that were set aside."""
    size = s.order.size
    for t in range(active, size):
        s.gradient[t] = s.bounded[t] - (1.0 if s.highs[t] > 0 else -1.0)
    for t in range(active):
        if s.lows[t] < s.weights[t] < s.highs[t]:
            for k in range(active, size):
                s.gradient[k] += s.weights[t] * np.float64(s.kernel[t, k])


@_rarely
def _swap(s: State, i: int, j: int) -> None:
    for values in (s.diagonal, s.weights, s.lows, s.highs, s.gradient, s.bounded):
        values[i], values[j] = values[j], values[i]
    s.order[i], s.order[j] = s.order[j], s.order[i]
    for k in range(s.order.size):
        s.kernel[i, k], s.kernel[j, k] = s.kernel[j, k], s.kernel[i, k]
    for k in range(s.order.size):
        s.kernel[k, i], s.kernel[k, j] = s.kernel[k, j], s.kernel[k, i]


@_rarely
def _settled(s: State, t: int, up: float, low: float) -> bool:
    """Whether a multiplier at a bound will probably stay there."""
    if s.weights[t] >= s.highs[t]:
        return -s.gradient[t] > up
    return s.weights[t] <= s.lows[t] and s.gradient[t] > low


@_rarely
def _look_at(s: State, active: int) -> None:
    """Note in which directions weights may move; those of samples set aside, in none."""
    for t in range(active):
        _may_move(s, t)
    s.rises[active:] = s.falls[active:] = -np.inf


@_rarely
def _shrink(s: State, active: int, restored: bool) -> tuple[int, bool]:
    """Set samples aside that will probably stay at their bound."""
    up, low = -np.inf, -np.inf
    for t in range(active):
        up = max(up, s.rises[t] - s.gradient[t])
        low = max(low, s.falls[t] + s.gradient[t])
    if not restored and up + low <= 10 * TOLERANCE:
        restored = True
        _restore(s, active)
        active = s.order.size
    t = 0
    while t < active:
        if _settled(s, t, up, low):
            active -= 1
            while active > t and _settled(s, active, up, low):
                active -= 1
            if active > t:
                _swap(s, t, active)
        t += 1
    _look_at(s, active)
    return active, restored


@_rarely
def _threshold(s: State) -> float:
    """The offset rho of the decision function."""
    upper, lower, total, free = np.inf, -np.inf, 0.0, 0
    for t in range(s.order.size):
        value = s.gradient[t]
        if s.weights[t] >= s.highs[t]:
            lower = max(lower, value)
        elif s.weights[t] <= s.lows[t]:
            upper = min(upper, value)
        else:
            free, total = free + 1, total + value
    return total / free if free else (upper + lower) / 2


@compiled_exactly
def _begin(kernel: Floats, y: Floats, bound: float) -> State:
    """State before the first step: all multipliers 0."""
    size, wide = y.size, _wide(y.size)
    square, diagonal, signs = np.zeros((size, wide), np.float32), np.zeros(wide), np.zeros(wide)
    square[:, :size] = kernel
    diagonal[:size] = np.diag(kernel)
    signs[:size] = y
    scores, nowhere = np.zeros(wide), np.full(wide, -np.inf)
    s = State(
        square, diagonal, np.zeros(wide), np.where(signs < 0, -bound, 0.0),
        np.where(signs > 0, bound, 0.0), -signs, np.zeros(wide), nowhere, nowhere.copy(),
        scores, scores.view(np.int64), np.arange(size),
    )  # fmt: skip
    _look_at(s, size)
    return s


@compiled_exactly
def solve(kernel: NDArray[np.float64], y: Floats, bound: float) -> tuple[Floats, float, float]:
    """Solve a two-class problem.

    Parameters
    ----------
    kernel, y : array, (l, l) and (l,), float64
        Kernel of the training samples; +1 or -1 for each.
    bound : float
        The penalty C > 0.

    Returns
    -------
    weights : array, (l,)
        Multiplier times y of each sample.
    rho, top : float
        The decision for x is sum(weights * kernel(samples, x)) - rho; the largest multiplier on
        the way. If it is below ``bound``, every bound above it has this solution.
    """
    size, s = y.size, _begin(kernel, y, bound)
    weights, active, restored, top = s.weights, size, False, 0.0
    countdown = min(size, 1000) + 1
    while True:
        countdown -= 1
        if countdown == 0:
            countdown = min(size, 1000)
            active, restored = _shrink(s, active, restored)
        i, j = _select(s, active)
        if j < 0:
            _restore(s, active)
            active = size
            _look_at(s, active)
            i, j = _select(s, active)
            if j < 0:
                break
            countdown = 1
        first, second = weights[i], weights[j]
        _step(s, i, j)
        top = max(top, abs(weights[i]), abs(weights[j]))
        _update(s, i, j, first, second, active)
    found = np.empty(size)
    found[s.order] = weights[:size]
    return found, _threshold(s), top


@compiled_exactly
def _kernel(gram: Floats, degree: int, coef: float, gamma: float) -> Floats:
    """(gamma gram + coef) ** degree, multiplied in the order of libsvm."""
    base, power = gamma * gram + coef, np.ones(gram.shape)
    while degree > 0:
        if degree % 2 == 1:
            power *= base
        base *= base
        degree //= 2
    return power


@compiled_exactly
def _vote(
    kernel: Floats, across: Floats, bounds: Floats, votes: NDArray[np.int32],
    pair: tuple[int, int], size: int,
) -> None:  # fmt: skip
    """Let a pair of classes, the first of ``size`` samples, vote under every bound, descending."""
    y = np.ones(kernel.shape[0])
    y[size:] = -1
    weights, rho, top = y, 0.0, np.inf
    for c in range(bounds.size):
        if not top < bounds[c]:
            weights, rho, top = solve(kernel, y, bounds[c])
        for m in range(across.shape[0]):
            decision = 0.0
            for k in range(y.size):
                decision += weights[k] * across[m, k]
            votes[c, m, pair[0] if decision - rho > 0 else pair[1]] += 1


@compiled_exactly
def predict_kernels(
    gram: Floats, across: Floats, labels: NDArray[np.int64], n_classes: int,
    kernels: Floats, bounds: Floats, ends: NDArray[np.int64],
) -> NDArray[np.uint8]:  # fmt: skip
    """Train one classifier per pair of classes, let them vote; for every kernel and bound.

    Parameters
    ----------
    gram, across : array, (n, n) and (m, n)
        Inner products of the training samples, and of test and training samples.
    labels, n_classes : array, (n,), int64, and int
        Classes of the training samples, ascending; those without one take no part.
    kernels : array, (q, 3)
        Degree, coef, gamma.
    bounds, ends : array, (p,), and (q,), int64
        Values of C of the first kernel, descending, then of the second …, and where those of each
        kernel end.

    Returns
    -------
    array, (p, m), uint8
    """
    sizes = np.bincount(labels, minlength=n_classes)
    predicted = np.zeros((bounds.size, len(across)), np.uint8)
    begin = 0
    for q in range(len(kernels)):
        degree, coef, gamma = int(kernels[q, 0]), kernels[q, 1], kernels[q, 2]
        square, test = _kernel(gram, degree, coef, gamma), _kernel(across, degree, coef, gamma)
        # A power of two changes no digit, and keeps the kernel within single precision.
        largest = np.abs(square).max()
        scale = 2.0 ** -np.round(np.log2(largest)) if largest > 0 else 1.0
        square, test, scaled = square * scale, test * scale, bounds[begin : ends[q]] / scale
        votes = np.zeros((scaled.size, len(across), n_classes), np.int32)
        for a in range(n_classes):
            for b in range(a + 1, n_classes):
                if sizes[a] and sizes[b]:
                    of = np.flatnonzero((labels == a) | (labels == b))
                    _vote(square[of][:, of], test[:, of], scaled, votes, (a, b), sizes[a])
        for c, m in np.ndindex(scaled.size, len(across)):
            predicted[begin + c, m] = np.argmax(votes[c, m])
        begin = ends[q]
    return predicted
