"""Checks shared by the spotting steps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import DataError


def check_half_length(k_prime: int) -> None:
    """Refuse half an expression length that is not a whole number of at least one frame."""
    if k_prime != int(k_prime) or k_prime < 1:
        raise DataError(f"k_prime: expected a whole number of frames, at least 1; found {k_prime}")


def check_length(n_frames: int, k: int, times: int, plus: int, method: str) -> None:
    """Refuse a video of fewer than ``times * k + plus`` frames, or a k below 1."""
    least = times * max(k, 1) + plus
    if k < 1 or n_frames < least:
        raise DataError(f"{n_frames} frames: {method} with k = {k} needs {least}")


def as_scores(scores: ArrayLike, *, allow_nan: bool = False) -> NDArray[np.float64]:
    """Return one score per frame as float64, refusing other shapes, infinities and NaN."""
    array = _as_floats(scores, "scores")
    if array.ndim != 1:
        raise DataError(f"scores: expected shape (n_frames,), found {array.shape}")
    bad = np.flatnonzero(np.isinf(array) if allow_nan else ~np.isfinite(array))
    if bad.size:
        raise DataError(f"the score is {array[bad[0]]}", where=f"frame {bad[0]}")
    return array


def as_whole(values: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return whole numbers as int64, refusing NaN and fractions."""
    array = _as_floats(values, name)
    bad = np.argwhere(~np.isfinite(array) | (array != np.floor(array)))
    if bad.size:
        place = tuple(bad[0].tolist())
        raise DataError(f"{name}: {array[place]} is not a whole frame", where=f"position {place}")
    return array.astype(np.int64)


def intervals_inside(intervals: ArrayLike, n_frames: int) -> NDArray[np.int64]:
    """Intervals that lie in a video of ``n_frames`` frames, or an error that names the row."""
    array = as_whole(intervals, "intervals")
    if array.size == 0:
        return np.empty((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise DataError(f"intervals: expected shape (n, 2), found {array.shape}")
    onset, offset = array.T
    bad = np.flatnonzero((onset < 0) | (onset > offset) | (offset >= n_frames))
    if bad.size:
        what = f"expression {array[bad[0]].tolist()} is backwards or outside {n_frames} frames"
        raise DataError(what, where=f"intervals, row {bad[0]}")
    return array


def _as_floats(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return numbers as float64, refusing what is none."""
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected numbers; {error}") from error
