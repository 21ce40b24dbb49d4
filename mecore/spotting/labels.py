"""Pseudo-labels: which frames a spotter should score high (Liong, See, Chan 2022, Eqs. 5-6)."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import DataError, check_option
from mecore.spotting._checks import as_whole, check_half_length, intervals_inside

TargetCount: TypeAlias = Literal["features", "written"]


def k_prime(durations: ArrayLike) -> int:
    """Half the mean length of the expressions of a data set, k' = ⌊(N + 1) / 2⌋ (section 3.3).

    In frames, at least 1. N is the mean of ``durations``, ``offset - onset`` of every expression in
    frames. The paper takes all samples of a data set; given the training samples only, nothing of
    the test subject enters.

    Raises
    ------
    DataError
        No expression, a negative duration, or a mean duration under one frame.
    """
    frames = as_whole(durations, "durations").ravel()
    if frames.size == 0:
        raise DataError("durations: no expression to take the mean length of")
    if frames.min() < 0:
        raise DataError(f"durations: {frames.min()} frames; offset lies before onset")
    half = int(frames.sum() + frames.size) // (2 * frames.size)
    if half < 1:
        raise DataError("durations: the expressions last less than one frame on average")
    return half


def flow_distance(fps: float, seconds: float = 0.1) -> int:
    """Distance k between the two frames of an optical flow, in frames, at least 1 (section 4.3).

    ``seconds`` is half the duration of a micro-expression. Halves are rounded up: 25 frames per
    second give 2.5 and thus 3, as in the released code. DataError for values not above 0.
    """
    if not (0 < fps < math.inf and 0 < seconds < math.inf):
        raise DataError(f"fps and seconds must be above 0, found {fps} and {seconds}")
    # the product of decimals may miss a half by a rounding error
    return max(1, math.floor(round(fps * seconds, 9) + 0.5))


def pseudo_labels(
    intervals: ArrayLike, n_frames: int, *, k: int, k_prime: int, count: TargetCount = "features"
) -> NDArray[np.uint8]:
    """Label a frame 1 when the window of k' frames that starts there meets an expression.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Onset and offset of the expressions, inclusive; n may be 0.
    n_frames : int
        Length L of the video.
    k : int
        Distance of the flow; a video has features for the frames 0 … L − k − 1.
    k_prime : int
        Length of the window [i, i + k' − 1].
    count : {"features", "written"}
        How many frames get a target: every frame with a feature, L − k (default), or L − k'
        (the paper), of which only those with a feature exist.

    Returns
    -------
    ndarray of uint8, shape (n_targets,)
        0 or 1. The window meets [onset, offset] exactly if their IoU is above 0, which is Eq. 5.

    Raises
    ------
    DataError
        An interval that is backwards or outside the video, or a video that is too short.
    """
    check_option(count, get_args(TargetCount), "count")
    check_half_length(k_prime)
    expressions = intervals_inside(intervals, n_frames)
    n_targets = n_frames - (k if count == "features" else max(k, k_prime))
    if k < 1 or n_targets < 1:
        raise DataError(f"no frame to label in {n_frames} frames with k={k}, k_prime={k_prime}")
    starts = np.arange(n_targets)
    meets = (starts >= expressions[:, :1] - k_prime + 1) & (starts <= expressions[:, 1:])
    return np.asarray(meets.any(axis=0), np.uint8)
