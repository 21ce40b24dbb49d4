"""What a spotter is trained on: pseudo-labels of frames, and as many frames as are balanced.

Liong, See, Chan (2022), Eqs. 5-6: which frames should score high. Section 4.3 keeps 8 negatives per
positive. Their code passes 5 and has a rule of its own, offered as ``"released"``.
"""

import math
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import DataError, check_option
from mecore.spotting._checks import as_whole, check_half_length, intervals_inside

TargetCount: TypeAlias = Literal["features", "written"]
BalanceRule: TypeAlias = Literal["ratio", "released"]


def k_prime(durations: ArrayLike) -> int:
    """Half the mean length of the expressions of a data set, k' = ⌊(N + 1) / 2⌋ (section 3.3).

    In frames, at least 1. N is the mean of ``durations``, ``offset - onset`` of every expression in
    frames. The paper takes all samples of a data set; given the training samples only, nothing of
    the test subject enters. DataError for none, a negative one, or a mean under one frame.
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


def balance(
    targets: ArrayLike, priority: ArrayLike, *, ratio: float = 8.0, rule: BalanceRule = "ratio"
) -> NDArray[np.int64]:
    """Choose the frames to train on: indices into ``targets``, ascending, without repetition.

    Parameters
    ----------
    targets : array_like, shape (n,)
        0 or 1, of all training frames of a fold; DataError if one is neither, or all are alike.
    priority : array_like, shape (n,)
        Frames of the lowest numbers are kept first. Uniform random numbers make a uniform draw;
        folds that share them share most of their frames.
    ratio : float
        Negatives per positive, above 0. The paper has 8, the released code is run with 5.
    rule : {"ratio", "released"}
        ``"ratio"``: all positives and ``ratio`` times as many negatives; with too few negatives
        for that, all negatives and as many positives as fit the ratio, at least one.
        ``"released"``: with m the size of the smaller class and N = n, ``int(m·ratio)`` negatives
        and all positives if that number is at most N, otherwise all negatives and
        ``int(max class / ratio)`` positives. Between the two it asks for more frames than there
        are: that gap is a DataError here.
    """
    check_option(rule, get_args(BalanceRule), "rule")
    if not 0 < ratio < float("inf"):
        raise DataError(f"ratio: expected negatives per positive above 0, found {ratio}")
    labels = np.asarray(targets)
    if labels.ndim != 1 or not np.isin(labels, (0, 1)).all():
        raise DataError(f"targets: expected shape (n,) of 0 and 1, found shape {labels.shape}")
    negative, positive = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    if not (negative.size and positive.size):
        found = f"{negative.size} negative and {positive.size} positive frames"
        raise DataError(f"{found} cannot be balanced")
    sizes = _released_sizes if rule == "released" else _ratio_sizes
    both = zip((negative, positive), sizes(negative.size, positive.size, ratio), strict=True)
    rank = np.asarray(priority)
    kept = [side[np.argsort(rank[side], kind="stable")[:size]] for side, size in both]
    return np.sort(np.concatenate(kept))


def _ratio_sizes(n_negative: int, n_positive: int, ratio: float) -> tuple[int, int]:
    """Keep the ratio by dropping from the class that has too many."""
    if ratio * n_positive <= n_negative:
        return int(ratio * n_positive), n_positive
    return n_negative, max(1, int(n_negative / ratio))


def _released_sizes(n_negative: int, n_positive: int, ratio: float) -> tuple[int, int]:
    """Sizes of the released rule, where they exist."""
    n_drawn = int(min(n_negative, n_positive) * ratio)
    if n_drawn > n_negative + n_positive:
        return n_negative, int(max(n_negative, n_positive) / ratio)
    if n_drawn > n_negative:
        raise DataError(
            f"the released rule asks for {n_drawn} of {n_negative} negative frames "
            f"beside {n_positive} positive ones at ratio {ratio}",
            todo="use rule='ratio', or another ratio",
        )
    return n_drawn, n_positive
