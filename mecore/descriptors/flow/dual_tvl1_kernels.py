"""Compiled loops of OpenCV's DualTVL1, rounded as OpenCV rounds.

Each loop runs over a whole plane, so that it is vectorised; the column where the order of a sum
differs from that of the others is put right afterwards. Planes have a row above the image, whose
dual variables stay zero, and one below.

Everything that `iterate` calls is in this file, because the cache of compiled code notices a change
of this file only.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled, compiled_exactly

Floats = NDArray[np.float32]
# Below this squared gradient a small residual moves nothing (the machine epsilon, as in OpenCV).
_NO_GRADIENT = np.float32(np.finfo(np.float32).eps)
_ZERO, _ONE, _INFINITE = np.float32(0), np.float32(1), np.float32(np.inf)
# A sum in any order differs from the one in OpenCV's order by far less than this share.
_IN_DOUBT = np.float32(0.01)


class Plan(NamedTuple):
    """Constants of the solver on one level."""

    width: int
    limit: np.float32  # λ θ: bound of a data step, in pixels per unit of gradient
    theta: np.float32  # the coupling θ
    dual: np.float32  # τ / θ, step of the dual variables
    tolerance: np.float32  # sum of squared changes below which a linearisation is solved
    iterations: int  # most of them between two median filters


class Planes(NamedTuple):
    """Arrays of one level, (height + 2) * width float32.

    ``p…`` are the dual variables (first index: component of the flow, second: direction).
    """

    u: Floats
    v: Floats
    p11: Floats
    p12: Floats
    p21: Floats
    p22: Floats
    grad_x: Floats
    grad_y: Floats
    residual: Floats  # ρ - ∇I1 · u
    threshold: Floats  # λ θ |∇I1|²
    divisor: Floats  # |∇I1|², infinite where there is no gradient
    data_step: Floats
    change_u: Floats
    change_v: Floats


@compiled_exactly
def linearise(planes: Planes, plan: Plan, value: Floats, warped: Floats) -> None:
    """Expand I1(x + u) - I0(x) around the flow; the data planes are written.

    ``value`` is the reference frame I0; ``warped`` I1 and its derivatives at x + u, three numbers
    per pixel.
    """
    i, n = plan.width, value.size
    u, v, residual = planes.u[i : i + n], planes.v[i : i + n], planes.residual[i : i + n]
    grad_x, grad_y = planes.grad_x[i : i + n], planes.grad_y[i : i + n]
    threshold, divisor = planes.threshold[i : i + n], planes.divisor[i : i + n]
    for x in range(n):
        gx, gy = warped[3 * x + 1], warped[3 * x + 2]
        norm = gx * gx + gy * gy
        grad_x[x], grad_y[x] = gx, gy
        threshold[x] = plan.limit * norm
        divisor[x] = norm if norm > _NO_GRADIENT else _INFINITE
        residual[x] = warped[3 * x] - gx * u[x] - gy * v[x] - value[x]


@compiled_exactly
def _shrink(planes: Planes, plan: Plan, i: int, j: int) -> None:
    """Step towards a residual of zero, bounded (Zach, Pock, Bischof 2007, Eq. 15)."""
    u, v, gx, gy = planes.u[i:j], planes.v[i:j], planes.grad_x[i:j], planes.grad_y[i:j]
    residual, threshold = planes.residual[i:j], planes.threshold[i:j]
    divisor, out = planes.divisor[i:j], planes.data_step[i:j]
    for x in range(u.size):
        rho = residual[x] + (gx[x] * u[x] + gy[x] * v[x])
        step = -rho / divisor[x]
        step = plan.limit if rho < -threshold[x] else step
        out[x] = -plan.limit if rho > threshold[x] else step


@compiled_exactly
def _descend(
    u: Floats, p1: Floats, p2: Floats, grad: Floats, step: Floats, change: Floats, plan: Plan,
    i: int, j: int, column: Floats,
) -> None:  # fmt: skip
    """Primal step of one component of the flow; squares of what changed."""
    w, theta = plan.width, plan.theta
    for y in range(column.size):
        x = i + y * w
        divergence = (p1[x] + p2[x]) - p2[x - w]
        column[y] = (u[x] + step[x] * grad[x]) + theta * divergence
        change[x] = (column[y] - u[x]) * (column[y] - u[x])
    kept = change[i:j:w].copy()
    left, above = p1[i - 1 : j - 1], p2[i - w : j - w]
    here, p1, p2, grad, step = u[i:j], p1[i:j], p2[i:j], grad[i:j], step[i:j]
    squares = change[i:j]
    for x in range(here.size):
        old = here[x]
        divergence = (p1[x] - left[x]) + (p2[x] - above[x])
        new = (old + step[x] * grad[x]) + theta * divergence
        here[x] = new
        squares[x] = (new - old) * (new - old)
    for y in range(column.size):
        here[y * w], squares[y * w] = column[y], kept[y]


@compiled_exactly
def _ascend(u: Floats, p1: Floats, p2: Floats, plan: Plan, i: int, j: int, column: Floats) -> None:
    """Dual step of one component of the flow; its gradient ends at the last column and row."""
    w, dual = plan.width, plan.dual
    # Below the image lies a copy of its last row: no gradient.
    u[j : j + w] = u[j - w : j]
    for y in range(column.size):
        x = i + y * w + w - 1
        below = u[x + w] - u[x]
        column[y] = (p2[x] + dual * below) / (_ONE + dual * abs(below))
    here, right, under, p1, p2 = u[i:j], u[i + 1 : j + 1], u[i + w : j + w], p1[i:j], p2[i:j]
    for x in range(here.size):
        ux, uy = right[x] - here[x], under[x] - here[x]
        # A hypotenuse in single precision is rounded once, from double.
        length = np.sqrt(np.float64(ux) * np.float64(ux) + np.float64(uy) * np.float64(uy))
        norm = _ONE + dual * np.float32(length)
        p1[x] = (p1[x] + dual * ux) / norm
        p2[x] = (p2[x] + dual * uy) / norm
    for y in range(column.size):
        p1[y * w + w - 1], p2[y * w + w - 1] = _ZERO, column[y]


@compiled
def _sum(plane: Floats) -> np.float32:
    """Sum in any order, which is fast."""
    total = _ZERO
    for x in range(plane.size):
        total += plane[x]
    return total


@compiled_exactly
def _changed(planes: Planes, i: int, j: int, tolerance: np.float32) -> np.float32:
    """Sum of the squared changes, in OpenCV's order where another order could decide otherwise."""
    one, other = planes.change_u[i:j], planes.change_v[i:j]
    for x in range(one.size):
        one[x] += other[x]
    total = _sum(one)
    if abs(total - tolerance) > _IN_DOUBT * tolerance:
        return total
    total = _ZERO
    for x in range(one.size):
        total += one[x]
    return total


@compiled_exactly
def iterate(planes: Planes, plan: Plan) -> np.float32:
    """Alternate primal and dual steps until little changes; return the sum of squared changes."""
    i, j = plan.width, planes.u.size - plan.width
    column = np.empty((j - i) // plan.width, np.float32)
    change = _INFINITE
    k = 0
    while k < plan.iterations and change > plan.tolerance:
        _shrink(planes, plan, i, j)
        _descend(planes.u, planes.p11, planes.p12, planes.grad_x, planes.data_step,
                 planes.change_u, plan, i, j, column)  # fmt: skip
        _descend(planes.v, planes.p21, planes.p22, planes.grad_y, planes.data_step,
                 planes.change_v, plan, i, j, column)  # fmt: skip
        _ascend(planes.u, planes.p11, planes.p12, plan, i, j, column)
        _ascend(planes.v, planes.p21, planes.p22, plan, i, j, column)
        change = _changed(planes, i, j, plan.tolerance)
        k += 1
    return change
