"""Peaks of the smoothed scores: where an expression is spotted.

Long videos: local maxima at or above T = mean + p (max − mean) (Liong, See, Chan 2022, Eq. 12,
after Moilanen et al. 2014), at least k' frames apart. Short videos, which hold one expression:
the highest frame, whatever its height (section 4.3).

A threshold relative to the video always lets the maximum pass, so that a video without any
expression has a peak, too; ``floor`` is the remedy, off by default as in the paper.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, signal

from mecore.errors import DataError
from mecore.spotting._checks import as_scores, check_half_length

# scores come from float32 networks: less than this, relative to their size, is no difference
_FLAT = 1e-6
Frames = NDArray[np.int64]


def threshold(scores: ArrayLike, p: float = 0.55) -> float:
    """Threshold T = mean + p (max − mean) of the scores of one video (Eq. 12).

    Smoothed scores, (n_frames,); NaN is ignored, and the result where no score is defined. p lies
    in [0, 1]: the mean … the maximum. DataError for another, or scores infinite or misshapen.
    """
    if not 0 <= p <= 1:
        raise DataError(f"p: expected a share in [0, 1], found {p}")
    values = as_scores(scores, allow_nan=True)
    defined = values[~np.isnan(values)]
    if defined.size == 0:
        return float("nan")
    mean, highest = defined.mean(), defined.max()
    # for p = 1 the sum may exceed the maximum by a rounding error
    return float(min(mean + p * (highest - mean), highest))


def find_peaks(
    scores: ArrayLike, k_prime: int, *, p: float = 0.55, single: bool = False,
    floor: float | None = None,
) -> Frames:  # fmt: skip
    """Peak frames of one video, ascending.

    A plateau counts once, at its middle frame (the earlier of two). Of peaks closer than k' the
    highest stays, of equal ones the earliest. Scores that do not vary have no peak.

    Parameters
    ----------
    scores : array_like, shape (n_frames,)
        Smoothed scores. NaN frames are ignored: the frames beside them are ends of the video, and
        no frame at an end is a local maximum.
    k_prime : int
        Least distance of two peaks in frames, at least 1.
    p : float
        Parameter of `threshold`, which says what is raised; of no effect on single peaks.
    single : bool
        Take the highest frame only, without threshold; of equal ones the earliest. It may lie at
        an end. For videos known to hold exactly one expression.
    floor : float, optional
        Absolute score that a peak must reach as well.
    """
    check_half_length(k_prime)
    values = as_scores(scores, allow_nan=True)
    height = threshold(values, p)
    if is_flat(values):
        return np.empty(0, np.int64)
    if single:
        peaks = np.array([np.nanargmax(values)])
    else:
        found = [r.start + signal.find_peaks(values[r])[0] for r in runs(~np.isnan(values))]
        peaks = np.concatenate(found)
        peaks = apart(peaks[values[peaks] >= height], values, k_prime)
    if floor is not None:
        peaks = peaks[values[peaks] >= floor]
    return peaks.astype(np.int64)


def is_flat(values: NDArray[np.float64]) -> bool:
    """Whether no score is defined or all are equal but for rounding."""
    defined = values[~np.isnan(values)]
    return defined.size == 0 or bool(np.ptp(defined) <= _FLAT * np.abs(defined).max())


def runs(mask: NDArray[np.bool_]) -> list[slice]:
    """Runs of frames that are true, in order."""
    return [run for (run,) in ndimage.find_objects(ndimage.label(mask)[0])]


def apart(peaks: Frames, values: NDArray[np.float64], distance: int) -> Frames:
    """Thin out peaks from the highest down, of equal ones from the first on.

    ``scipy.signal.find_peaks`` has the same rule but leaves ties to an unstable sort.
    """
    keep = np.ones(len(peaks), bool)
    for index in np.argsort(-values[peaks], kind="stable"):
        if keep[index]:
            keep &= np.abs(peaks - peaks[index]) >= distance
            keep[index] = True
    return peaks[keep]
