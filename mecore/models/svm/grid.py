"""A whole grid of polynomial support vector machines from one Gram matrix.

K = (gamma x·y + coef) ** degree needs the features only for x·y. So the Gram matrix is computed
once, every kernel is an element-wise power of it, and every fold a part of that. Settings that
cannot differ are solved once:

* A factor of the kernel is one of C. Without coef, K = gamma^degree (x·y)^degree, so that the whole
  axis of gamma is one kernel with other values of C. With coef, only degree, coef / gamma and
  C gamma^degree matter; kernels are shared where the factor is a power of two, as of gamma, coef
  and twice both, because that changes no digit.
* Where no multiplier ever met its bound C, every larger C has the same solution.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import DataError, OptionError
from mecore.models.svm.smo import predict_kernels

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class PolynomialGrid:
    """Settings of a polynomial kernel, in the order (degree, coef, gamma, C).

    Each axis is a tuple of numbers, penalties are values of C; OptionError for an empty axis, or
    a value that is no degree ≥ 1, coef ≥ 0, gamma > 0 or C > 0.
    """

    degrees: tuple[int, ...] = (2, 3, 4, 5)
    coefs: tuple[float, ...] = (0, 1, 2, 3)
    gammas: tuple[float, ...] = tuple(k / 100 for k in range(1, 101))
    penalties: tuple[float, ...] = (0.1, 1, 10, 100)

    def __post_init__(self) -> None:
        axes = (self.degrees, 1), (self.coefs, 0), (self.gammas, 1e-300), (self.penalties, 1e-300)
        if any(not values or min(values) < least for values, least in axes):
            raise OptionError(f"no grid: {self}", todo="degree ≥ 1, coef ≥ 0, gamma > 0, C > 0")

    def __len__(self) -> int:
        return len(self.settings)

    @cached_property
    def settings(self) -> list[tuple[int, float, float, float]]:
        """All tuples (degree, coef, gamma, C)."""
        return list(product(self.degrees, self.coefs, self.gammas, self.penalties))

    @cached_property
    def plan(self) -> tuple[Floats, Floats, Indices, Indices]:
        """Kernels (q, 3), descending penalties of each, their ends, place of each setting."""
        kernels: dict[tuple[int, float, float], int] = {}
        bounds, keys = {}, []
        for degree, coef, gamma, penalty in self.settings:
            factor = 2.0 ** (math.frexp(coef)[1] - 1) if coef else gamma
            kernel = degree, coef / factor, gamma / factor if coef else 1.0
            bound = penalty * factor**degree
            # Twelve digits: 10 * 0.1**2 is 0.1.
            keys.append((kernels.setdefault(kernel, len(kernels)), -float(f"{bound:.12g}")))
            bounds[keys[-1]] = bound
        order = sorted(bounds)
        place = {key: number for number, key in enumerate(order)}
        ends = np.cumsum(np.bincount([number for number, _ in order]))
        found = np.array([bounds[key] for key in order])
        return np.array(list(kernels), float), found, ends, np.array([place[key] for key in keys])


THESIS = PolynomialGrid()
# «Interval 0.1» of the thesis, as its reported optima 0.01, 0.11, 0.21, 0.41 show.
COARSE = PolynomialGrid(gammas=tuple(k / 100 for k in range(1, 100, 10)))


def gram_matrix(features: ArrayLike) -> Floats:
    """Inner products of all samples, (n, n), of features (n, d).

    DataError for another shape, or NaN or infinite values: the first such sample is named.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or not x.size:
        raise DataError(f"features must be (samples, values), not {x.shape}")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if bad.size:
        raise DataError(f"sample {bad[0]} has NaN or infinite features ({bad.size} samples have)")
    return x @ x.T


def predict_grid(
    gram: Floats, labels: Indices, train: Indices, test: Indices, grid: PolynomialGrid
) -> NDArray[np.uint8]:
    """Train on some samples with every setting, and predict others.

    Parameters
    ----------
    gram, labels : array, (n, n), and (n,), int
        See `gram_matrix`; classes 0 … 254.
    train, test : array of int
        Samples to train on and to predict; DataError if the former have fewer than two classes.

    Returns
    -------
    array, (len(test), len(grid)), uint8
        Predicted classes; those of ``SVC(kernel="poly")`` with the same setting.
    """
    train = np.asarray(train)[np.argsort(labels[train], kind="stable")]
    known = np.unique(labels[train])
    if len(known) < 2:
        raise DataError(
            f"a classifier needs two classes to learn, the {len(train)} training samples have "
            f"{len(known)}", todo="leave out this subject, or merge classes in the manifest",
        )  # fmt: skip
    *kernels, place = grid.plan
    square, across = (np.ascontiguousarray(gram[np.ix_(of, train)]) for of in (train, test))
    told = labels[train].astype(np.int64)
    return predict_kernels(square, across, told, int(known[-1]) + 1, *kernels)[place].T
