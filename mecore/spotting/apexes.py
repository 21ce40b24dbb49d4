"""Windows that hold a micro-expression: training targets, and from scores to apex frames.

Tran et al. (2019). A window i covers the L frames [i, i + L). Both targets are 1 for a window that
fits an expression best and 0 below 0.5. The paper's own limits, [i, i + L] with L + 1 frames, are
the option ``inclusive``: its overlap score then exceeds 1 and is clipped.

A scanning window holds M such positions («Proposed Method»). Scores of overlapping scanning windows
are averaged; local maxima above a threshold stay, of those that share frames the highest.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from mecore.errors import DataError
from mecore.spotting._checks import as_scores, as_whole, intervals_inside
from mecore.spotting.peaks import apart, is_flat

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
_ZERO = 1e-6  # scores of a sigmoid are never 0; up to here they count as such


def n_windows(n_frames: int, length: int) -> int:
    """Number of windows of L frames in a video; DataError if it is shorter than one."""
    if length < 2:
        raise DataError(f"a window of {length} frames shows no motion; at least 2 are needed")
    if n_frames < length:
        todo = "exclude this video in the manifest, or take a shorter window"
        raise DataError(f"{n_frames} frames are fewer than one window of L = {length}", todo=todo)
    return n_frames - length + 1


def overlap_scores(
    intervals: ArrayLike, n_frames: int, length: int, *, cut: float = 0.5, inclusive: bool = False
) -> Floats:
    """Share of each window that lies in an expression (Eq. 1), (windows,) of float32 in [0, 1].

    Parameters
    ----------
    intervals : array_like, (n, 2)
        Onset and offset, inclusive; n may be 0. DataError for one outside the video.
    n_frames, length : int
        Of the video, and of a window (L); DataError if the window is longer.
    cut : float
        Scores below it become 0; an expression shorter than ``cut · L`` thus has no target.
    inclusive : bool
        The limits of the paper: L + 1 frames over L, at most 1.
    """
    n = n_windows(n_frames, length)
    inside = np.zeros(n_frames + 1)
    for onset, offset in intervals_inside(intervals, n_frames):
        inside[onset : offset + 1] = 1
    total = np.concatenate([[0], np.cumsum(inside)])
    share = (total[length + inclusive :][:n] - total[:n]) / length
    return _cut(np.minimum(share, 1), cut)


def apex_scores(
    apexes: ArrayLike, n_frames: int, length: int, *, cut: float = 0.5, ramp: bool = False,
    inclusive: bool = False,
) -> Floats:  # fmt: skip
    """Closeness of the apex to the middle of each window that holds it (Eq. 2).

    Otherwise as `overlap_scores`.

    Parameters
    ----------
    apexes : array_like, (n,)
        Apex frames, inside the video; n may be 0. Of several in one window the nearest counts.
    cut : float
        Scores below it become 0. As written it never acts: inside a window the distance is at most
        L/2, and the score at least 0.5.
    ramp : bool
        1 − 2 d / L in place of 1 − d / L, which falls to 0 at the ends of the window.
    inclusive : bool
        The limits of the paper, [i, i + L] around i + L/2.
    """
    n = n_windows(n_frames, length)
    frames = as_whole(apexes, "apexes").ravel()
    outside = frames[(frames < 0) | (frames >= n_frames)]
    if outside.size:
        raise DataError(f"apex {outside[0]} lies outside {n_frames} frames")
    reach = length if inclusive else length - 1
    middle = np.arange(n)[:, None] + reach / 2
    distance = np.abs(frames[None] - middle)
    score = 1 - (2 if ramp else 1) * distance / length
    score[distance > reach / 2] = 0
    return _cut(score.max(axis=1, initial=0), cut)


def _cut(scores: NDArray[np.float64], cut: float) -> Floats:
    # A share of whole frames may miss the cut by a rounding error.
    return np.where(scores < cut - 1e-9, 0, scores).astype(np.float32)


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
        Scores of the positions of each scanning window, of one network or of several; DataError
        if one is not finite.
    starts : array_like, (windows,)
        Their first positions, no two alike; what reaches beyond ``n`` is padding. DataError for
        a position in no window.
    n : int
        Positions of the video; the result is (…, n) of float64.
    skip : int
        First positions of every window that are left out, because an LSTM has seen little there;
        positions that no other window holds keep them.
    """
    table = np.asarray(scores)
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        raise DataError("a score is NaN or infinite", where=f"window {bad[0][-2]}")
    first = np.asarray(starts, np.int64)
    count, total = _sums(first, table, n, skip)
    if (alone := count == 0).any():
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
