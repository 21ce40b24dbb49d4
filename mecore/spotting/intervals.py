"""From peaks to what is reported: an interval of fixed length, and the emotion its frames vote for.

Liong, See, Chan (2022, section 3.4 and Fig. 3). Scores are smoothed, peaks above a threshold become
intervals that reach k' frames to either side, and the emotion is the most frequent class of a part
of it, by default from onset to apex.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import DataError, check_option
from mecore.spotting._checks import as_whole, check_half_length
from mecore.spotting.peaks import find_peaks
from mecore.spotting.smoothing import smooth

IntervalRule: TypeAlias = Literal["written", "released"]
WithoutPeak: TypeAlias = Literal["nothing", "dummy"]
VotingPart: TypeAlias = Literal["onset_to_apex", "apex", "onset_to_offset"]


def peak_intervals(
    peaks: ArrayLike, k_prime: int, *, rule: IntervalRule = "written",
    clip_to: int | None = None, without_peak: WithoutPeak = "nothing",
) -> NDArray[np.int64]:  # fmt: skip
    """Extend every peak to an interval.

    Parameters
    ----------
    peaks : array_like, shape (n,)
        Peak frames of one video.
    k_prime : int
        Frames to either side, at least 1.
    rule : {"written", "released"}
        [p − k', p + k' − 1] as in the paper, or [p − k', p + k'] as in the released code; both
        ends inclusive.
    clip_to : int, optional
        Number of frames of the video; intervals are cut to it. By default they may reach beyond
        the video, as in the released code.
    without_peak : {"nothing", "dummy"}
        What to return when there is no peak: no interval, or the single interval [0, 0] of the
        released code, which is scored as one false positive.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Onset and offset, in the order of the peaks.

    Raises
    ------
    DataError
        Peaks that are not whole frames, or outside the video to clip to.
    """
    check_option(rule, get_args(IntervalRule), "rule")
    check_option(without_peak, get_args(WithoutPeak), "without_peak")
    check_half_length(k_prime)
    frames = as_whole(peaks, "peaks").ravel()
    if frames.size == 0:
        return np.zeros((1 if without_peak == "dummy" else 0, 2), np.int64)
    after = k_prime if rule == "released" else k_prime - 1
    intervals = np.stack([frames - k_prime, frames + after], axis=1)
    if clip_to is None:
        return intervals
    if frames.min() < 0 or frames.max() >= clip_to:
        raise DataError(f"peaks {frames.min()} … {frames.max()} do not lie in {clip_to} frames")
    return np.clip(intervals, 0, clip_to - 1)


def voting_frames(
    peak: int, k_prime: int, n_features: int, *, part: VotingPart = "onset_to_apex"
) -> NDArray[np.int64]:
    """Frames whose emotions are counted for one peak.

    Parameters
    ----------
    peak, k_prime : int
        Peak frame p, and frames to either side.
    n_features : int
        Frames 0 … n_features − 1 have a feature; others cannot vote. DataError if there is none.
    part : {"onset_to_apex", "apex", "onset_to_offset"}
        Case 1, [p − k', p − 1]; case 2, [p]; case 3, [p − k', p + k' − 1].

    Returns
    -------
    ndarray of int64, shape (n,)
        Ascending, never empty: when no frame of the part has a feature (p = 0 in case 1), the
        frame nearest to the peak votes alone, as in the released code.
    """
    check_option(part, get_args(VotingPart), "part")
    check_half_length(k_prime)
    if n_features < 1:
        raise DataError("no frame has a feature, so that none can vote")
    first = peak if part == "apex" else peak - k_prime
    last = peak + {"onset_to_apex": -1, "apex": 0, "onset_to_offset": k_prime - 1}[part]
    frames = np.arange(max(first, 0), min(last, n_features - 1) + 1)
    return frames if frames.size else np.array([min(max(peak, 0), n_features - 1)])


def vote_emotions(
    probabilities: ArrayLike, peaks: ArrayLike, k_prime: int, *, part: VotingPart = "onset_to_apex"
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Emotion of every spotted peak, by majority of its frames.

    Parameters
    ----------
    probabilities : array_like, shape (n_features, n_classes)
        Class probabilities (or scores) of every frame with a feature.
    peaks : array_like, shape (n,)
        Peak frames.
    k_prime, part
        Which frames vote; see `voting_frames`.

    Returns
    -------
    classes : ndarray of int64, shape (n,)
        Most frequent class of the voting frames. Of classes with equally many votes, the one that
        is seen first wins, as in the released code.
    mean_probabilities : ndarray of float64, shape (n, n_classes)
        Mean over the voting frames. Its largest entry need not be the elected class.

    Raises
    ------
    DataError
        Probabilities of another shape, NaN or infinite; peaks that are not whole frames.
    """
    table = np.asarray(probabilities, float)
    if table.ndim != 2 or table.shape[1] == 0:
        raise DataError(f"probabilities: expected shape (n_features, n_classes), not {table.shape}")
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        raise DataError("a probability is NaN or infinite", where=f"frame {bad[0][0]}")
    votes = table.argmax(axis=1)
    frames = as_whole(peaks, "peaks").ravel().tolist()
    voters = [voting_frames(peak, k_prime, len(table), part=part) for peak in frames]
    # Of equally frequent ones a counter names the first seen.
    classes = [Counter(votes[who].tolist()).most_common(1)[0][0] for who in voters]
    means = np.array([table[who].mean(axis=0) for who in voters], float)
    return np.array(classes, np.int64), means.reshape(len(frames), table.shape[1])


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
