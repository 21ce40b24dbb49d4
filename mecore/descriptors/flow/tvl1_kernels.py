"""Compiled loops of TV-L1 optical flow on one pyramid level: warp, iterate, filter.

The energy is that of Zach, Pock, Bischof (2007), λ|ρ| coupled to total variation over θ. It is
minimised by the primal-dual method of Chambolle, Pock (2011, algorithm 1), over-relaxed as in
Condat (2013): two passes over memory per iteration, and no branch in an inner loop.

Everything that `solve_level` calls is in this file, because the cache of compiled code notices a
change of this file only.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled
from mecore.descriptors.flow.tvl1_pyramid import Level

Floats = NDArray[np.float32]
_ZERO, _HALF, _ONE, _TWO = (np.float32(k) for k in (0, 0.5, 1, 2))
_SIXTH, _TWO_THIRDS = np.float32(1 / 6), np.float32(2 / 3)
# Variance added to both frames before their contrasts are compared, against division by zero.
LEAST_VARIANCE = np.float32(0.01)
# Pixels warped at a time: what is fetched for them stays in the fastest cache.
CHUNK = 256


class Steps(NamedTuple):
    """Constants of the solver on one level, in single precision to keep the loops in it."""

    primal: np.float32
    dual: np.float32  # step lengths; their product is at most 1/8
    limit: np.float32  # λ primal: bound of a data step, in pixels per unit of gradient
    share: np.float32  # primal / (primal + θ), of the way to a residual of zero in a data step
    relaxation: np.float32  # between 1 and 2
    tolerance: np.float32  # mean squared change per iteration, pixels², of a solved level
    warps: int
    iterations: int  # for each linearisation


class Work(NamedTuple):
    """Arrays of one level that outlive an iteration, (height + 2) * width float32 unless said.

    A row lies above and below the image. ``p…`` are the dual variables (first index: component of
    the flow, second: direction); the row above stays zero, so that divergence needs no branch.
    """

    u: Floats
    v: Floats
    u_ahead: Floats
    v_ahead: Floats
    p11: Floats
    p12: Floats
    p21: Floats
    p22: Floats
    residual: Floats
    data_norm: Floats
    warped: Floats
    seen: Floats
    dual_x: Floats  # dual step length along x; 0 in the last column, where the image ends
    column: Floats
    row: Floats
    place: NDArray[np.int32]  # (CHUNK,)
    part_x: Floats  # (CHUNK,)
    part_y: Floats  # (CHUNK,)
    packed: NDArray[np.complex128]  # (4, CHUNK)
    taps: Floats  # (4, 4 * CHUNK), the same memory


@compiled
def _descend(work: Work, level: Level, steps: Steps, relaxation: np.float32) -> np.float32:
    """Primal step; return the sum of squared changes.

    The data step is the thresholding of Zach, Pock, Bischof (2007) in proximal form: coupled over
    θ, the data term is a Moreau envelope, whose proximal step is a share of that of λ|ρ|.
    """
    w = level.width
    i, j = w, work.u.size - w
    u, v, u_ahead, v_ahead = work.u[i:j], work.v[i:j], work.u_ahead[i:j], work.v_ahead[i:j]
    p11, p11_left = work.p11[i:j], work.p11[i - 1 : j - 1]
    p12, p12_above = work.p12[i:j], work.p12[i - w : j - w]
    p21, p21_left = work.p21[i:j], work.p21[i - 1 : j - 1]
    p22, p22_above = work.p22[i:j], work.p22[i - w : j - w]
    residual, norm = work.residual[i:j], work.data_norm[i:j]
    change = _ZERO
    for x in range(u.size):
        # What is read twice is named: a store in between would make it be loaded twice.
        u_old, v_old, gx, gy = u[x], v[x], level.grad_x[x], level.grad_y[x]
        du = steps.primal * (p11[x] - p11_left[x] + p12[x] - p12_above[x])
        dv = steps.primal * (p21[x] - p21_left[x] + p22[x] - p22_above[x])
        rho = residual[x] + gx * (u_old + du) + gy * (v_old + dv)
        step = min(max(-rho * norm[x], -steps.limit), steps.limit)
        du += step * gx
        dv += step * gy
        u_ahead[x], v_ahead[x] = u_old + _TWO * du, v_old + _TWO * dv
        u[x], v[x] = u_old + relaxation * du, v_old + relaxation * dv
        change += du * du + dv * dv
    return change


@compiled
def _ascend(
    p1: Floats, p2: Floats, ahead: Floats, dual_x: Floats, width: int, dual: np.float32,
    relaxation: np.float32,
) -> None:  # fmt: skip
    """Dual step of one component of the flow: ascend, and project on |p| ≤ 1."""
    i, j = width, ahead.size - width
    p1, p2, dual_x, here = p1[i:j], p2[i:j], dual_x[i:j], ahead[i:j]
    right, below = ahead[i + 1 : j + 1], ahead[i + width : j + width]
    for x in range(here.size):
        old1, old2, middle = p1[x], p2[x], here[x]
        q1 = old1 + dual_x[x] * (right[x] - middle)
        q2 = old2 + dual * (below[x] - middle)
        scale = _ONE / np.sqrt(max(q1 * q1 + q2 * q2, _ONE))
        p1[x] = old1 + relaxation * (q1 * scale - old1)
        p2[x] = old2 + relaxation * (q2 * scale - old2)


@compiled
def _iterate(work: Work, level: Level, steps: Steps) -> int:
    """Alternate primal and dual steps; return how many were taken."""
    w, end = level.width, work.u.size - level.width
    enough = steps.tolerance * np.float32(level.width * level.height)
    relaxation = steps.relaxation
    for k in range(steps.iterations):
        # An over-relaxed iterate swings around the solution: the last one does not.
        if k == steps.iterations - 1:
            relaxation = _ONE
        if _descend(work, level, steps, relaxation) <= enough:
            return k
        for x in range(end, end + w):
            work.u_ahead[x], work.v_ahead[x] = work.u_ahead[x - w], work.v_ahead[x - w]
        _ascend(work.p11, work.p12, work.u_ahead, work.dual_x, w, steps.dual, relaxation)
        _ascend(work.p21, work.p22, work.v_ahead, work.dual_x, w, steps.dual, relaxation)
    return steps.iterations


@compiled
def _locate(work: Work, level: Level, i: int, j: int) -> None:
    """Where in the moved frame pixels i to j went: first coefficient, and fraction of it."""
    column, row, u, v = work.column[i:j], work.row[i:j], work.u[i:j], work.v[i:j]
    seen, place, part_x, part_y = work.seen[i:j], work.place, work.part_x, work.part_y
    stride = np.int32(level.width + 4)
    right, bottom = np.float32(level.width - 1), np.float32(level.height - 1)
    for x in range(u.size):
        to_x, to_y = column[x] + u[x], row[x] + v[x]
        at_x, at_y = min(max(to_x, _ZERO), right), min(max(to_y, _ZERO), bottom)
        seen[x] = _ONE if (to_x == at_x) & (to_y == at_y) else _ZERO
        low_x, low_y = np.int32(at_x), np.int32(at_y)
        part_x[x], part_y[x] = at_x - np.float32(low_x), at_y - np.float32(low_y)
        place[x] = low_y * stride + low_x


@compiled
def _gather(work: Work, level: Level, n: int) -> None:
    """Fetch 4×4 coefficients per pixel, four at a time: the price is per access, not per byte."""
    for k in range(4):
        packed, offset = work.packed[k], np.uintp(k * (level.width + 4))
        for x in range(n):
            packed[x] = level.patches[np.uintp(work.place[x]) + offset]


@compiled
def _interpolate(warped: Floats, taps: Floats, part_x: Floats, part_y: Floats) -> None:
    """Cubic B-spline of the fetched coefficients."""
    above, here, below, far = taps[0], taps[1], taps[2], taps[3]
    for x in range(warped.size):
        t, s = part_x[x], part_y[x]
        a0, a3 = _SIXTH * (_ONE - t) * (_ONE - t) * (_ONE - t), _SIXTH * t * t * t
        b0, b3 = _SIXTH * (_ONE - s) * (_ONE - s) * (_ONE - s), _SIXTH * s * s * s
        a1, b1 = _TWO_THIRDS - t * t * (_ONE - _HALF * t), _TWO_THIRDS - s * s * (_ONE - _HALF * s)
        a2, b2 = _ONE - a0 - a1 - a3, _ONE - b0 - b1 - b3
        i0, i1, i2, i3 = 4 * x, 4 * x + 1, 4 * x + 2, 4 * x + 3
        warped[x] = (
            a0 * (b0 * above[i0] + b1 * here[i0] + b2 * below[i0] + b3 * far[i0])
            + a1 * (b0 * above[i1] + b1 * here[i1] + b2 * below[i1] + b3 * far[i1])
            + a2 * (b0 * above[i2] + b1 * here[i2] + b2 * below[i2] + b3 * far[i2])
            + a3 * (b0 * above[i3] + b1 * here[i3] + b2 * below[i3] + b3 * far[i3])
        )


@compiled
def _brightness(value: Floats, warped: Floats, seen: Floats) -> tuple[np.float32, np.float32]:
    """Gain and offset that give the warped frame mean and contrast of the reference."""
    n = a = b = aa = bb = _ZERO
    for x in range(value.size):
        n += seen[x]
        a += seen[x] * value[x]
        b += seen[x] * warped[x]
        aa += seen[x] * value[x] * value[x]
        bb += seen[x] * warped[x] * warped[x]
    n = max(n, _ONE)
    contrast = max(aa / n - a * a / (n * n), _ZERO) + LEAST_VARIANCE
    other = max(bb / n - b * b / (n * n), _ZERO) + LEAST_VARIANCE
    gain = min(max(np.sqrt(contrast / other), _HALF), _TWO)
    return gain, (a - gain * b) / n


@compiled
def _linearise(work: Work, moved: Level, level: Level, share: np.float32) -> None:
    """Warp the moved frame by the flow and expand ρ(u) = I1(x + u) - I0(x) around it.

    The gradient is that of the reference frame: it equals the warped one where the flow is right,
    and is computed once per frame. Pixels that leave the image lose their data term.
    """
    i, j = level.width, work.u.size - level.width
    for first in range(i, j, CHUNK):
        last = min(first + CHUNK, j)
        _locate(work, level, first, last)
        _gather(work, moved, last - first)
        _interpolate(work.warped[first:last], work.taps, work.part_x, work.part_y)
    u, v, warped, seen = work.u[i:j], work.v[i:j], work.warped[i:j], work.seen[i:j]
    residual, norm = work.residual[i:j], work.data_norm[i:j]
    gain, offset = _brightness(level.value, warped, seen)
    for x in range(u.size):
        known = level.grad_x[x] * u[x] + level.grad_y[x] * v[x]
        residual[x] = gain * warped[x] + offset - level.value[x] - known
        norm[x] = share * seen[x] * level.inverse_norm[x]


@compiled
def _middle(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    return max(min(a, b), min(max(a, b), c))


@compiled
def _sort_columns(plane: Floats, w: int, low: Floats, middle: Floats, high: Floats) -> None:
    """Sort each value with the one above and the one below."""
    i, j = w, plane.size - w
    above, here, below = plane[i - w : j - w], plane[i:j], plane[i + w : j + w]
    low, middle, high = low[i:j], middle[i:j], high[i:j]
    for x in range(here.size):
        low[x] = min(min(above[x], here[x]), below[x])
        middle[x] = _middle(above[x], here[x], below[x])
        high[x] = max(max(above[x], here[x]), below[x])


@compiled
def _of_sorted(low: Floats, middle: Floats, high: Floats, a: int, b: int, c: int) -> np.float32:
    """Median of nine values in three sorted columns a, b, c."""
    lowest = max(max(low[a], low[b]), low[c])
    highest = min(min(high[a], high[b]), high[c])
    return _middle(lowest, _middle(middle[a], middle[b], middle[c]), highest)


@compiled
def _median(plane: Floats, work: Work, w: int) -> None:
    """Replace every value of a plane by the median of its 3×3 neighbourhood."""
    i, j = w, plane.size - w
    for x in range(w):
        plane[x], plane[j + x] = plane[i + x], plane[j - w + x]
    # What the linearisation left here is used up.
    low, middle, high = work.residual, work.data_norm, work.warped
    _sort_columns(plane, w, low, middle, high)
    out, low3, middle3, high3 = plane[i:j], low[i - 1 :], middle[i - 1 :], high[i - 1 :]
    for x in range(out.size):
        out[x] = _of_sorted(low3, middle3, high3, x, x + 1, x + 2)
    for first in range(i, j, w):
        last = first + w - 1
        plane[first] = _of_sorted(low, middle, high, first, first, first + 1)
        plane[last] = _of_sorted(low, middle, high, last - 1, last, last)


@compiled
def solve_level(reference: Level, moved: Level, work: Work, steps: Steps) -> int:
    """Improve the flow in ``work.u``, ``work.v`` on one level; return the iterations it took."""
    total = 0
    for dual in (work.p11, work.p12, work.p21, work.p22):
        dual[:] = _ZERO
    for _ in range(steps.warps):
        _linearise(work, moved, reference, steps.share)
        taken = _iterate(work, reference, steps)
        total += taken
        if taken == 0:
            break
        _median(work.u, work, reference.width)
        _median(work.v, work, reference.width)
    return total
