"""From what a network says of each frame to intervals with emotions (spot, then recognise).

Liong, See, Chan (2022), section 3.4: scores are smoothed, peaks above a threshold become intervals,
and the frames around a peak vote for the emotion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.spotting.intervals import peak_intervals, vote_emotions
from mecore.spotting.peaks import find_peaks
from mecore.spotting.smoothing import smooth


@dataclass(frozen=True)
class SpottedEmotions:
    """What was found in one video, in order of time.

    ``peaks`` are the n frames of the highest score, ``scores`` the smoothed scores there,
    ``intervals`` (n, 2) onset and offset, inclusive, ``classes`` the elected ones, and
    ``probabilities`` (n, C) means over the frames that voted.
    """

    peaks: NDArray[np.int64]
    intervals: NDArray[np.int64]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def spot_emotions(
    scores: ArrayLike, probabilities: ArrayLike, half: int, options: Any, *, n_frames: int,
    single: bool = False,
) -> SpottedEmotions:  # fmt: skip
    """Spot intervals in one video, and elect the emotion of each.

    Parameters
    ----------
    scores, probabilities : array_like, (n,) and (n, C)
        Spotting score and class probabilities of each frame that has them.
    half, n_frames : int
        k', half the length of an expression, and length of the video, to which intervals are cut.
    options : object
        The group ``spotting`` of `mecore.models.mean.options.MeanOptions`: ``smoothing``,
        ``smoothing_width``, ``p``, ``interval``, ``clip``, ``without_peak``, ``vote``.
    single : bool
        One peak, without threshold: the video holds exactly one expression.
    """
    smoothed = smooth(scores, half, method=options.smoothing, width=options.smoothing_width)
    peaks = find_peaks(smoothed, half, p=options.p, single=single)
    intervals = peak_intervals(
        peaks, half, rule=options.interval, without_peak=options.without_peak,
        clip_to=n_frames if options.clip else None,
    )  # fmt: skip
    if not len(peaks):
        # The dummy interval of the released code stands at frame 0, where no peak is.
        peaks, smoothed = np.zeros(len(intervals), np.int64), np.nan_to_num(smoothed)
    classes, means = vote_emotions(probabilities, peaks, half, part=options.vote)
    return SpottedEmotions(peaks, intervals, smoothed[peaks], classes, means)
