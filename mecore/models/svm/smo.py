"""Two-class support vector machines by sequential minimal optimisation, step for step as libsvm.

Fan, Chen, Lin, «Working set selection using second order information for training support vector
machines», JMLR 6 (2005) 1889-1918; Chang, Lin, «LIBSVM», ACM TIST 2 (2011), sections 4 and 5.

Order of steps, ties and rounding (kernel in single, gradient in double precision) are those of
libsvm, so that predictions are those of `sklearn.svm.SVC`. What is added is the largest multiplier
that ever occurred: below a bound C that no step has met, the bound plays no part, and every
larger C has the very same solution.

All functions stand in this file, because the cache of compiled code notices a change of it only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled_exactly

Floats = NDArray[np.float64]
TOLERANCE = 1e-3  # libsvm's and scikit-learn's default
_TAU = 1e-12


class State(NamedTuple):
    """A two-class problem of l samples while it is solved; samples change places as they shrink.

    Parameters
    ----------
    kernel : array, (l, l), float32
    diagonal : array, (l,)
        Of the kernel, in double precision.
    y : array, (l,)
        +1 or -1.
    alpha : array, (l,)
        Multipliers, 0 … C.
    gradient, bounded : array, (l,)
        y times the gradient of the dual; the part of it that stems from multipliers at C.
    rises, falls : array, (l,), bool
        Whether y alpha may still grow, or shrink.
    gains : array, (l,)
        Room for what a step with each sample would gain.
    order : array, (l,), int64
        Which sample stands where.
    """

    kernel: NDArray[np.float32]
    diagonal: Floats
    y: Floats
    alpha: Floats
    gradient: Floats
    bounded: Floats
    rises: NDArray[np.bool_]
    falls: NDArray[np.bool_]
    gains: Floats
    order: NDArray[np.int64]


@compiled_exactly
def _select(s: State, active: int) -> tuple[int, int]:
    """Pair of samples that violates optimality most, by second order; -1 where none does."""
    g, rises, falls, diagonal = s.gradient, s.rises, s.falls, s.diagonal
    largest, second, i, j = -np.inf, -np.inf, -1, -1
    for t in range(active):
        if rises[t] and -g[t] >= largest:
            largest, i = -g[t], t
    if i < 0:
        return -1, -1
    best, row, own, gains = np.inf, s.kernel[i], diagonal[i], s.gains
    for t in range(active):
        difference = largest + g[t]
        curvature = own + diagonal[t] - 2.0 * np.float64(row[t])
        gain = -(difference * difference) / (curvature if curvature > 0 else _TAU)
        gains[t] = gain if falls[t] and difference > 0 else np.inf
    for t in range(active):
        if gains[t] <= best:
            best, j = gains[t], t
        if falls[t] and g[t] >= second:
            second = g[t]
    if largest + second < TOLERANCE or best == np.inf:
        return -1, -1
    return i, j


@compiled_exactly
def _opposite(a: float, b: float, delta: float, bound: float) -> tuple[float, float]:
    """Move the multipliers of samples of two classes; their difference stays."""
    difference = a - b
    a, b = a + delta, b + delta
    if difference > 0:
        if b < 0:
            a, b = difference, 0.0
        if a > bound:
            a, b = bound, bound - difference
    else:
        if a < 0:
            a, b = 0.0, -difference
        if b > bound:
            a, b = bound + difference, bound
    return a, b


@compiled_exactly
def _alike(a: float, b: float, delta: float, bound: float) -> tuple[float, float]:
    """Move the multipliers of samples of one class; their sum stays."""
    total = a + b
    a, b = a - delta, b + delta
    if total > bound:
        if a > bound:
            a, b = bound, total - bound
        if b > bound:
            a, b = total - bound, bound
    else:
        if b < 0:
            a, b = total, 0.0
        if a < 0:
            a, b = 0.0, total
    return a, b


@compiled_exactly
def _step(s: State, i: int, j: int, bound: float) -> None:
    """Move two multipliers to their optimum inside the box."""
    alpha, g = s.alpha, s.gradient
    curvature = s.diagonal[i] + s.diagonal[j] - 2.0 * np.float64(s.kernel[i, j])
    if curvature <= 0:
        curvature = _TAU
    if s.y[i] != s.y[j]:
        delta = s.y[i] * (g[j] - g[i]) / curvature
        a, b = _opposite(alpha[i], alpha[j], delta, bound)
    else:
        delta = s.y[i] * (g[i] - g[j]) / curvature
        a, b = _alike(alpha[i], alpha[j], delta, bound)
    alpha[i], alpha[j] = a, b
    for t in (i, j):
        below, above = alpha[t] < bound, alpha[t] > 0
        s.rises[t], s.falls[t] = (below, above) if s.y[t] > 0 else (above, below)


@compiled_exactly
def _update(s: State, i: int, j: int, a: float, b: float, bound: float, active: int) -> None:
    """Carry the gradient over from the old multipliers a and b of i and j to the new ones."""
    g, row, other = s.gradient, s.kernel[i], s.kernel[j]
    first, second = s.y[i] * (s.alpha[i] - a), s.y[j] * (s.alpha[j] - b)
    for t in range(active):
        g[t] += np.float64(row[t]) * first + np.float64(other[t]) * second
    for t, old in ((i, a), (j, b)):
        now = s.alpha[t] >= bound
        if now != (old >= bound):
            weight = s.y[t] * (bound if now else -bound)
            for k in range(g.size):
                s.bounded[k] += weight * np.float64(s.kernel[t, k])


@compiled_exactly
def _restore(s: State, bound: float, active: int) -> None:
    """Compute the gradient of the samples that were set aside."""
    size = s.y.size
    for t in range(active, size):
        s.gradient[t] = s.bounded[t] - s.y[t]
    for t in range(active):
        if 0 < s.alpha[t] < bound:
            weight = s.y[t] * s.alpha[t]
            for k in range(active, size):
                s.gradient[k] += weight * np.float64(s.kernel[t, k])


@compiled_exactly
def _swap(s: State, i: int, j: int) -> None:
    for values in (s.diagonal, s.y, s.alpha, s.gradient, s.bounded):
        values[i], values[j] = values[j], values[i]
    for flags in (s.rises, s.falls):
        flags[i], flags[j] = flags[j], flags[i]
    s.order[i], s.order[j] = s.order[j], s.order[i]
    for k in range(s.y.size):
        s.kernel[i, k], s.kernel[j, k] = s.kernel[j, k], s.kernel[i, k]
    for k in range(s.y.size):
        s.kernel[k, i], s.kernel[k, j] = s.kernel[k, j], s.kernel[k, i]


@compiled_exactly
def _violations(s: State, active: int) -> tuple[float, float]:
    """Largest violation among samples that may rise, and among those that may fall."""
    up, low = -np.inf, -np.inf
    for t in range(active):
        if s.rises[t]:
            up = max(up, -s.gradient[t])
        if s.falls[t]:
            low = max(low, s.gradient[t])
    return up, low


@compiled_exactly
def _settled(s: State, t: int, bound: float, up: float, low: float) -> bool:
    """Whether a multiplier at a bound will probably stay there."""
    value = s.y[t] * s.gradient[t]
    if s.alpha[t] >= bound:
        return -value > (up if s.y[t] > 0 else low)
    if s.alpha[t] <= 0:
        return value > (low if s.y[t] > 0 else up)
    return False


@compiled_exactly
def _shrink(s: State, bound: float, active: int, restored: bool) -> tuple[int, bool]:
    """Set samples aside that will probably stay at their bound."""
    up, low = _violations(s, active)
    if not restored and up + low <= 10 * TOLERANCE:
        restored = True
        _restore(s, bound, active)
        active = s.y.size
    t = 0
    while t < active:
        if _settled(s, t, bound, up, low):
            active -= 1
            while active > t:
                if not _settled(s, active, bound, up, low):
                    _swap(s, t, active)
                    break
                active -= 1
        t += 1
    return active, restored


@compiled_exactly
def _threshold(s: State, bound: float) -> float:
    """The offset rho of the decision function."""
    upper, lower, total, free = np.inf, -np.inf, 0.0, 0
    for t in range(s.y.size):
        value = s.gradient[t]
        if s.alpha[t] >= bound:
            if s.y[t] < 0:
                upper = min(upper, value)
            else:
                lower = max(lower, value)
        elif s.alpha[t] <= 0:
            if s.y[t] > 0:
                upper = min(upper, value)
            else:
                lower = max(lower, value)
        else:
            free += 1
            total += value
    return total / free if free else (upper + lower) / 2


@compiled_exactly
def solve(kernel: NDArray[np.float64], y: Floats, bound: float) -> tuple[Floats, float, float]:
    """Solve a two-class problem.

    Parameters
    ----------
    kernel : array, (l, l), float64
        Kernel of the training samples.
    y : array, (l,), float64
        +1 or -1.
    bound : float
        The penalty C > 0.

    Returns
    -------
    weights : array, (l,)
        Multiplier times y of each sample.
    rho : float
        The decision for x is sum(weights * kernel(samples, x)) - rho.
    top : float
        Largest multiplier on the way. If it is below ``bound``, every bound above it has this
        solution.
    """
    size = y.size
    s = State(
        kernel.astype(np.float32), np.diag(kernel).copy(), y.copy(), np.zeros(size),
        -y, np.zeros(size), y > 0, y < 0, np.empty(size), np.arange(size),
    )  # fmt: skip
    active, restored, top = size, False, 0.0
    countdown = min(size, 1000) + 1
    while True:
        countdown -= 1
        if countdown == 0:
            countdown = min(size, 1000)
            active, restored = _shrink(s, bound, active, restored)
        i, j = _select(s, active)
        if j < 0:
            _restore(s, bound, active)
            active = size
            i, j = _select(s, active)
            if j < 0:
                break
            countdown = 1
        a, b = s.alpha[i], s.alpha[j]
        _step(s, i, j, bound)
        top = max(top, s.alpha[i], s.alpha[j])
        _update(s, i, j, a, b, bound, active)
    weights = np.empty(size)
    weights[s.order] = s.alpha * s.y
    return weights, _threshold(s, bound), top


@compiled_exactly
def _kernel(gram: Floats, degree: int, coef: float, gamma: float) -> Floats:
    """(gamma gram + coef) ** degree, multiplied in the order of libsvm."""
    out = np.empty(gram.shape)
    for i in range(gram.shape[0]):
        for j in range(gram.shape[1]):
            base, power, rest = gamma * gram[i, j] + coef, 1.0, degree
            while rest > 0:
                if rest % 2 == 1:
                    power *= base
                base *= base
                rest //= 2
            out[i, j] = power
    return out


@compiled_exactly
def _vote(
    kernel: Floats, across: Floats, bounds: Floats, votes: NDArray[np.int32],
    pair: tuple[int, int], size: int,
) -> int:  # fmt: skip
    """Let a pair of classes vote under every bound, in descending order; count what was solved."""
    y = np.ones(kernel.shape[0])
    y[size:] = -1
    weights, rho, top, solved = y, 0.0, np.inf, 0
    for c in range(bounds.size):
        if not top < bounds[c]:
            weights, rho, top = solve(kernel, y, bounds[c])
            solved += 1
        for m in range(across.shape[0]):
            decision = 0.0
            for k in range(y.size):
                decision += weights[k] * across[m, k]
            votes[c, m, pair[0] if decision - rho > 0 else pair[1]] += 1
    return solved


@compiled_exactly
def predict_kernels(
    gram: Floats, across: Floats, labels: NDArray[np.int64], n_classes: int,
    kernels: Floats, bounds: Floats, ends: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], int]:  # fmt: skip
    """Train one classifier per pair of classes, let them vote; for every kernel and bound.

    Parameters
    ----------
    gram : array, (n, n)
        Inner products of the training samples.
    across : array, (m, n)
        Of test and training samples.
    labels : array, (n,), int64
        Classes of the training samples, ascending.
    n_classes : int
        Classes without a training sample take no part.
    kernels : array, (q, 3)
        Degree, coef, gamma.
    bounds : array, (p,)
        Values of C of the first kernel, descending, then of the second …
    ends : array, (q,), int64
        Where the values of each kernel end.

    Returns
    -------
    predicted : array, (p, m), uint8
    solved : int
        Two-class problems that had to be solved; without ties one per pair of classes and bound.
    """
    starts = np.searchsorted(labels, np.arange(n_classes + 1))
    predicted = np.zeros((bounds.size, len(across)), np.uint8)
    solved, begin = 0, 0
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
                size, other = starts[a + 1] - starts[a], starts[b + 1] - starts[b]
                if size and other:
                    of = np.empty(size + other, np.int64)
                    of[:size] = np.arange(starts[a], starts[a + 1])
                    of[size:] = np.arange(starts[b], starts[b + 1])
                    part = square[of][:, of]
                    solved += _vote(part, test[:, of], scaled, votes, (a, b), size)
        for c in range(scaled.size):
            for m in range(len(across)):
                predicted[begin + c, m] = np.argmax(votes[c, m])
        begin = ends[q]
    return predicted, solved
