"""From scores of scanning windows to apex frames (Tran et al. 2019, «Proposed Method»).

A scanning window holds M positions, a position is a window of L frames. Scores of overlapping
scanning windows are averaged; local maxima above a threshold stay, of those that share frames the
highest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from mecore.errors import DataError
from mecore.spotting._checks import as_scores
from mecore.spotting.peaks import apart, is_flat

Indices = NDArray[np.int64]
_ZERO = 1e-6  # scores of a sigmoid are never 0; up to here they count as such


def scan_starts(n: int, size: int, stride: int = 1) -> Indices:
    """First positions of scanning windows: every ``stride``, the last flush with the end.

    A video of fewer than ``size`` positions has one window, which is padded and masked.

    Examples
    --------
    >>> scan_starts(10, 4, 4).tolist(), scan_starts(3, 4).tolist()
    ([0, 4, 6], [0])
    """
    if min(n, size, stride) < 1:
        raise DataError(f"no window of {size} positions every {stride} in {n}")
    last = max(n - size, 0)
    return np.append(np.arange(0, last, stride), last).astype(np.int64)


def fuse(scores: ArrayLike, starts: ArrayLike, n: int, skip: int = 0) -> NDArray[np.float64]:
    """Mean score of each position over all scanning windows that hold it.

    Parameters
    ----------
    scores : array_like, (…, windows, size)
        Scores of the positions of each scanning window, of one network or of several.
    starts : array_like, (windows,)
        Their first positions, no two alike; what reaches beyond ``n`` is padding.
    n : int
        Positions of the video; the result is (…, n) of float64.
    skip : int
        First positions of every window that are left out, because an LSTM has seen little there;
        positions that no other window holds keep them.

    Raises
    ------
    DataError
        Scores that are not finite, or a position in no window.
    """
    table = np.asarray(scores)
    if not np.isfinite(table).all():
        bad = np.argwhere(~np.isfinite(table))[0][-2]
        raise DataError("a score is NaN or infinite", where=f"window {bad}")
    first = np.asarray(starts, np.int64)
    count, total = _sums(first, table, n, skip)
    alone = count == 0
    if alone.any():
        count_all, total_all = _sums(first, table, n, 0)
        count[alone], total[..., alone] = count_all[alone], total_all[..., alone]
    if (count == 0).any():
        raise DataError(f"position {np.argmin(count)} of {n} lies in no scanning window")
    return np.asarray(total / count)


def _sums(
    starts: Indices, table: NDArray[Any], n: int, skip: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many windows hold each position from their ``skip``-th on, and the sum of its scores."""
    counts, total = np.zeros(n), np.zeros((*table.shape[:-2], n))
    for place in range(skip, table.shape[-1]):
        inside = starts + place < n
        at = starts[inside] + place
        counts[at] += 1
        total[..., at] += table[..., inside, place]
    return counts, total


def half_threshold(scores: ArrayLike) -> float:
    """Threshold of the paper: the mean of the maximum and the smallest non-zero score of a video.

    NaN where every score is zero. A video whose scores vary always has one above it.
    """
    values = as_scores(scores)
    above = values[values > _ZERO]
    return float((above.max() + above.min()) / 2) if above.size else float("nan")


def spot_apexes(scores: ArrayLike, length: int, floor: float | None = None) -> Indices:
    """Positions of the spotted apexes of one video.

    Parameters
    ----------
    scores : array_like, (n,)
        Score of each position; DataError if it is NaN, infinite or of another shape.
    length : int
        L: of two peaks less than L apart, whose windows share frames, the higher stays, of equal
        ones the first.
    floor : float, optional
        Absolute score that a peak must reach as well. Without it at least one peak is found in
        every video whose scores vary.

    Returns
    -------
    array of int64, (n_peaks,)
        Ascending; the apex frame of position i is that of `apex_frames`.
    """
    values = as_scores(scores)
    height = half_threshold(values)
    if np.isnan(height) or is_flat(values):
        return np.empty(0, np.int64)
    # The first and the last window of a video may hold an expression, too.
    peaks = signal.find_peaks(np.pad(values, 1, constant_values=-1))[0] - 1
    peaks = apart(peaks[values[peaks] >= max(height, floor or 0)], values, length)
    return peaks.astype(np.int64)


def apex_frames(positions: ArrayLike, length: int) -> Indices:
    """Middle frames of windows of L frames, the earlier of two."""
    return np.asarray(positions, np.int64) + (length - 1) // 2
