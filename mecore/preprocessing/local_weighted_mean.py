"""Image registration by the local weighted mean of polynomials (Goshtasby 1988).

At each control point a polynomial of degree two is fitted to its nearest neighbours; a place is
mapped by the mean of the polynomials around it, weighted by W(R) = 1 − 3R² + 2R³ of its distance R
to their points, relative to the radius of the neighbours that each was fitted to. Every polynomial
maps an affine motion exactly, and so does their mean; W and its derivative vanish at R = 1, so that
the mapping is C1.

Two things the paper leaves to the data. Neighbours on a line (a jaw) do not determine a polynomial:
what is fitted is the deviation from the affine map of all points, and directions that the
neighbours say nothing of are left at zero. Places out of reach of every point follow that affine
map, which takes part everywhere with a very small weight so that nothing breaks.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mapping = Callable[[ArrayLike], Floats]
_FAINT = 1e-3  # weight of the affine map, against 1 at a control point
_SILENT = 0.03  # singular values below this share of the largest say nothing


def fit(points: ArrayLike, targets: ArrayLike, neighbours: int = 12) -> Mapping:
    """Fit the mapping that takes points to targets: a function of places, (..., 2) of x and y.

    Parameters
    ----------
    points, targets : array_like, (n, 2)
        Corresponding x and y, at least ``neighbours`` and at least 6.
    neighbours : int
        Points that each polynomial is fitted to, itself included.

    Raises
    ------
    ValueError
        Too few points, points that coincide or lie on a line, or not two lists of one length.
    """
    source, target = np.asarray(points, np.float64), np.asarray(targets, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(f"points {source.shape} and targets {target.shape}: two of (n, 2) wanted")
    if not 6 <= neighbours <= len(source):
        raise ValueError(f"{neighbours} of {len(source)} points: at least 6 neighbours are needed")
    terms = _terms(source)[:, :3]
    if np.linalg.matrix_rank(source - source.mean(axis=0), tol=1e-6 * np.ptp(source)) < 2:
        raise ValueError("all points lie on one line")
    affine = np.asarray(np.linalg.lstsq(terms, target, rcond=None)[0], np.float64)
    left = target - terms @ affine
    distance = np.linalg.norm(source[:, None] - source[None], axis=-1)
    order = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
    radii = np.asarray(np.take_along_axis(distance, order[:, -1:], axis=1)[:, 0], np.float64)
    if radii.min() == 0:
        raise ValueError("too many points coincide")
    polynomials = [
        np.linalg.lstsq(_terms((source[near] - p) / radius), left[near], rcond=_SILENT)[0]
        for p, radius, near in zip(source, radii, order, strict=True)
    ]
    return partial(_map, source, radii, affine, polynomials)


def _map(
    points: Floats, radii: Floats, affine: Floats, polynomials: list[Floats], places: ArrayLike
) -> Floats:
    """Map places by the affine map of (1, x, y), and deviations from it around the points.

    The polynomials (6, 2) are of (1, x, y, x², xy, y²), x and y from the control point in radii.
    """
    at = np.asarray(places, np.float64)
    flat = at.reshape(-1, 2)
    total, deviation = np.full(len(flat), _FAINT), np.zeros_like(flat)
    for point, radius, polynomial in zip(points, radii, polynomials, strict=True):
        near = (flat - point) / radius
        distance = np.hypot(*near.T)
        inside = np.flatnonzero(distance < 1)
        r = distance[inside]
        weight = 1 - 3 * r**2 + 2 * r**3
        total[inside] += weight
        deviation[inside] += weight[:, None] * (_terms(near[inside]) @ polynomial)
    mapped = _terms(flat)[:, :3] @ affine + deviation / total[:, None]
    return mapped.reshape(at.shape)


def _terms(at: Floats) -> Floats:
    x, y = at.T
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
