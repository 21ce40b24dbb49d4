"""Features made small: standardised, then projected on principal components, by training subjects.

A descriptor has up to 11,328 numbers per position and a database some dozens of expressions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError

Floats = NDArray[np.float32]
_FAINT = 1e-6


@dataclass(frozen=True)
class Projection:
    """A fitted projection.

    Parameters
    ----------
    mean, scale : array, (D,)
        Of the training rows; the scale of constant features is infinite, so that they vanish.
    axes : array, (D, C), or None
        Principal directions, divided by the deviation along the first so that inputs are of
        moderate size and keep their proportions; None keeps the standardised features.
    """

    mean: Floats
    scale: Floats
    axes: Floats | None

    def __call__(self, rows: Floats) -> Floats:
        """Project rows (n, D) to (n, C); DataError for a feature that is NaN or infinite."""
        _check_finite(rows)
        standard: Floats = (rows - self.mean) / self.scale
        return standard if self.axes is None else np.asarray(standard @ self.axes, np.float32)


def fit_projection(rows: Floats, components: int) -> Projection:
    """Fit a projection.

    Parameters
    ----------
    rows : array, (n, D), float32
        Features of training subjects, and of nobody else.
    components : int
        Number of principal components, at most n − 1 and D; 0 for none.

    Raises
    ------
    DataError
        Fewer than two rows, or a feature that is NaN or infinite.
    """
    if len(rows) < 2:
        raise DataError(f"{len(rows)} positions to fit a projection to, at least 2 are needed")
    _check_finite(rows)
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = rows.std(axis=0, dtype=np.float64)
    scale = np.where(deviation > _FAINT, deviation, np.inf).astype(np.float32)
    if not components:
        return Projection(mean, scale, None)
    standard = (rows - mean) / scale
    # Fewer rows than features: the eigenvectors of the small Gram matrix give those of the large.
    values, vectors = np.linalg.eigh((standard @ standard.T).astype(np.float64))
    kept = np.argsort(values)[::-1][: min(components, len(rows) - 1, rows.shape[1])]
    kept = kept[values[kept] > _FAINT * max(values.max(), _FAINT)]
    if not len(kept):  # constant features: one direction, on which everything is 0
        return Projection(mean, scale, np.zeros((rows.shape[1], 1), np.float32))
    axes = standard.T @ (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    # The sign of an eigenvector is arbitrary; this one does not depend on the library.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    first = np.sqrt(values[kept[0]] / len(rows))
    return Projection(mean, scale, (axes / first).astype(np.float32))


@dataclass(frozen=True)
class Positions:
    """Features of the positions of some videos, one under the other.

    Parameters
    ----------
    rows : array, (R, C)
        Row 0 stands for padding.
    places : mapping
        Row of the first position of each video, and how many it has.
    """

    rows: Floats
    places: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, videos: Mapping[str, Floats]) -> Self:
        """Put the features (n, C) of some videos together."""
        nothing = np.zeros_like(next(iter(videos.values()))[:1])
        firsts = np.cumsum([1, *map(len, videos.values())]).tolist()
        places = {k: (first, len(v)) for (k, v), first in zip(videos.items(), firsts, strict=False)}
        return cls(np.concatenate([nothing, *videos.values()]), places)


def _check_finite(rows: Floats) -> None:
    bad = np.argwhere(~np.isfinite(rows))
    if bad.size:
        raise DataError("a feature is NaN or infinite", where=f"position {bad[0][0]}")
