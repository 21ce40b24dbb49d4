"""Spotting: predicted intervals against annotated ones, and peaks against apexes.

Convention. Intervals and videos are those of ``mecore.metrics.intervals``, matching that of
``mecore.metrics.matching``. A prediction matched with an annotation at IoU >= 0.5 is a true
positive, every other one a false positive; annotations without a match are false negatives
(Liong, See, Chan 2022, Eqs. 14-16; the rule of the MEGC challenges). Counts are pooled over all
videos of all subjects and scored once. 0/0 is 0.

A video without any expression belongs into the list: what is spotted there is a false positive.
Average precision is in ``mecore.metrics.average_precision``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.metrics.average_precision import Scores, ap_50_95, average_precision
from mecore.metrics.intervals import Video, as_frames, as_intervals, as_videos, time_order
from mecore.metrics.matching import MatchRule, check_iou, match_pairs, overlapping_pairs


class Counts(NamedTuple):
    """True positives, false positives and false negatives."""

    tp: int
    fp: int
    fn: int


def count_matches(videos: Sequence[Video], iou: float = 0.5, rule: MatchRule = "maximum") -> Counts:
    """Count true and false positives and false negatives over all videos.

    Parameters
    ----------
    videos : sequence of (predicted, annotated)
        Interval arrays of shapes (n, 2) and (m, 2), in any order; ValueError if they are none, see
        `mecore.metrics.intervals.as_intervals`.
    iou, rule
        See `mecore.metrics.matching.match_intervals`.
    """
    check_iou(iou)
    # in time order, so that of annotations with equal IoU the same one is tried
    checked = [(p[time_order(p)], a[time_order(a)]) for p, a in as_videos(videos)]
    tp = len(match_pairs(overlapping_pairs(checked, iou), rule))
    n_predicted = sum(len(p) for p, _ in checked)
    n_annotated = sum(len(a) for _, a in checked)
    return Counts(tp, n_predicted - tp, n_annotated - tp)


def precision_recall_f1(tp: int, fp: int, fn: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of counts (Eqs. 15 and 16), in [0, 1]; 0 where undefined.

    ValueError if a count is negative or not whole.

    Examples
    --------
    >>> [round(value, 4) for value in precision_recall_f1(17, 206, 40)]
    [0.0762, 0.2982, 0.1214]
    """
    for name, count in (("tp", tp), ("fp", fp), ("fn", fn)):
        if not count >= 0 or count != int(count):
            raise ValueError(f"{name}: expected a count, found {count}")
    found = measures((tp, fp, fn))
    return float(found["precision"]), float(found["recall"]), float(found["f1"])


def measures(counts: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """``tp, fp, fn, precision, recall, f1`` (…) of any number of `Counts` (…, 3), not checked."""
    tp, fp, fn = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    pairs = {"precision": (tp, tp + fp), "recall": (tp, tp + fn), "f1": (2 * tp, 2 * tp + fp + fn)}
    shares = {
        name: np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)
        for name, (part, whole) in pairs.items()
    }
    return {"tp": tp, "fp": fp, "fn": fn} | shares


def apex_spotting_rate(peaks: Sequence[ArrayLike], intervals: ArrayLike) -> float:
    """Share of short videos whose earliest peak lies strictly inside the expression (Eq. 13).

    Parameters
    ----------
    peaks : sequence of n arrays, each of shape (n_peaks,)
        Predicted peak frames per video; a video without a peak counts as missed.
    intervals : array_like, shape (n, 2)
        The one expression of each video. Onset and offset themselves do not count as inside.

    Returns
    -------
    float
        In [0, 1]; 0 without videos.

    Raises
    ------
    ValueError
        Different numbers of videos, or frames that are not whole.
    """
    bounds = as_intervals(intervals, "intervals")
    first = _earliest(peaks, len(bounds), "intervals")
    # NaN, «no peak», compares false
    hits = (bounds[:, 0] < first) & (first < bounds[:, 1])
    return float(hits.mean()) if len(hits) else 0.0


def apex_mae(peaks: Sequence[ArrayLike], apexes: ArrayLike) -> float:
    """Mean distance between the earliest peak of a short video and its apex, in frames.

    Parameters
    ----------
    peaks : sequence of n arrays, each of shape (n_peaks,)
        Predicted peak frames per video. A video without a peak has no distance and is left out;
        the spotting rate is the measure that punishes it.
    apexes : array_like, shape (n,)
        Annotated apex of each video.

    Returns
    -------
    float
        At least 0; NaN when no video has a peak.

    Raises
    ------
    ValueError
        Different numbers of videos, or an apex that is unknown (SMIC annotates none).
    """
    truth = as_frames(apexes, "apexes")
    distance = np.abs(_earliest(peaks, len(truth), "apexes") - truth)
    known = distance[~np.isnan(distance)]
    return float(known.mean()) if len(known) else float("nan")


def _earliest(peaks: Sequence[ArrayLike], n_videos: int, other: str) -> NDArray[np.float64]:
    """First peak of every video in time, NaN where there is none."""
    if len(peaks) != n_videos:
        raise ValueError(f"peaks of {len(peaks)} videos but {other} of {n_videos}")
    checked = [as_frames(frames, f"video {i}, peaks") for i, frames in enumerate(peaks)]
    return np.array([frames.min() if len(frames) else np.nan for frames in checked], float)


def evaluate(
    videos: Sequence[Video], scores: Scores = None, *, iou: float = 0.5, rule: MatchRule = "maximum"
) -> dict[str, float]:
    """All interval measures of a set of videos.

    Parameters
    ----------
    videos, iou, rule
        See `count_matches`; the IoU is also that of ``ap``.
    scores : sequence of arrays, shapes (n,), optional
        Confidence of every prediction.

    Returns
    -------
    dict
        ``n_videos, n_predicted, n_annotated, tp, fp, fn, precision, recall, f1``, with scores
        ``ap, ap_50_95``, and last ``ap_50_95_unranked``, the measure behind the numbers printed
        by Liong et al. (2022), which depends on the order of the videos.
    """
    tp, fp, fn = count_matches(videos, iou, rule)
    precision, recall, f1 = precision_recall_f1(tp, fp, fn)
    result: dict[str, float] = {
        "n_videos": len(videos), "n_predicted": tp + fp, "n_annotated": tp + fn, "tp": tp, "fp": fp,
        "fn": fn, "precision": precision, "recall": recall, "f1": f1,
    }  # fmt: skip
    if scores is not None:
        result["ap"] = average_precision(videos, scores, iou=iou)
        result["ap_50_95"] = ap_50_95(videos, scores)
    result["ap_50_95_unranked"] = ap_50_95(videos, compat="mean")
    return result
