"""How likely a window holds a micro-expression: training targets of Tran et al. (2019).

A window i covers the L frames [i, i + L). Both targets are 1 for a window that fits an expression
best and 0 below 0.5. The paper's own limits, [i, i + L] with L + 1 frames, are the option
``inclusive``: its overlap score then exceeds 1 and is clipped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import DataError
from mecore.spotting._checks import as_whole, intervals_inside

Floats = NDArray[np.float32]


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
        Onset and offset, inclusive; n may be 0.
    n_frames, length : int
        Of the video, and of a window (L).
    cut : float
        Scores below it become 0; an expression shorter than ``cut · L`` thus has no target.
    inclusive : bool
        The limits of the paper: L + 1 frames over L, at most 1.

    Raises
    ------
    DataError
        A window longer than the video, or an expression outside it.
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

    What is not said here, what is returned and raised is as in `overlap_scores`.

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
