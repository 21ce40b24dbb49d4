"""Average precision of spotted intervals, ranked by confidence, and the unranked published form.

Ranked (default): the detections of all videos in one list, highest score first, as in object
detection (COCO). In that order each takes the free annotation of highest IoU at or above the
threshold. Detections of equal score enter together, as one point of the curve, so that neither
the order of the videos nor that of the detections matters.

``compat="mean"``: the measure in the code released with Liong, See, Chan (2022). Detections have
no score there and keep the order of the data set; every detection is a point of its own. It is
not a ranking measure (the numbers change when the subjects are sorted differently) and is offered
to compare with the printed AP@[.5:.95] only.

Both interpolate at all points (Eq. 17), not at 101 recall values as COCO does.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import check_option
from mecore.metrics.intervals import CheckedVideo, Video, as_videos, time_order
from mecore.metrics.matching import Pairs, check_iou, overlapping_pairs

Scores: TypeAlias = Sequence[ArrayLike] | None
Compat: TypeAlias = Literal["mean"] | None
# divided, not summed up: 0.6 must be the same number as the IoU 3/5
IOU_THRESHOLDS: tuple[float, ...] = tuple(percent / 100 for percent in range(50, 100, 5))


def average_precision(
    videos: Sequence[Video], scores: Scores = None, *, iou: float = 0.5, compat: Compat = None
) -> float:
    """Area under the interpolated precision-recall curve at one IoU threshold (Eq. 17).

    Parameters
    ----------
    videos : sequence of (predicted, annotated)
        Interval arrays of shapes (n, 2) and (m, 2).
    scores : sequence of arrays, shapes (n,)
        Confidence of every prediction, any scale, higher is surer. Not with ``compat``.
    iou : float
        Least IoU of a match, in (0, 1].
    compat : {"mean"}, optional
        The unranked form; see the head of this module.

    Returns
    -------
    float
        0 when nothing is annotated.

    Raises
    ------
    ValueError
        Bad videos or threshold; scores that are missing, not finite or of the wrong number.
    """
    check_iou(iou)
    return float(_average_precisions(videos, scores, compat, (iou,))[0])


def ap_50_95(videos: Sequence[Video], scores: Scores = None, *, compat: Compat = None) -> float:
    """Mean `average_precision` over the IoU thresholds .50, .55, …, .95 (AP@[.5:.95])."""
    return float(_average_precisions(videos, scores, compat, IOU_THRESHOLDS).mean())


def _average_precisions(
    videos: Sequence[Video], scores: Scores, compat: Compat, thresholds: Sequence[float]
) -> NDArray[np.float64]:
    checked = as_videos(videos)
    if compat is None:
        checked, ranking = _in_time_order(checked, _as_scores(scores, checked))
    else:
        check_option(compat, ("mean",), "compat", ValueError)
        if scores is not None:
            raise ValueError("scores: compat='mean' ranks by the order of the data set, not scores")
        ranking = -np.arange(sum(len(p) for p, _ in checked), dtype=float)
    n_annotated = sum(len(a) for _, a in checked)
    if n_annotated == 0 or ranking.size == 0:
        return np.zeros(len(thresholds))
    rank = np.argsort(-ranking, kind="stable")
    pairs = _by_rank(overlapping_pairs(checked, min(thresholds)), rank)
    ends = np.flatnonzero(np.append(np.diff(ranking[rank]) != 0, True))
    hits = (_hits(pairs.take(pairs.iou >= iou), len(rank)) for iou in thresholds)
    return np.array([_area(hit, ends, n_annotated) for hit in hits])


def _as_scores(scores: Scores, videos: Sequence[CheckedVideo]) -> list[NDArray[np.float64]]:
    """One finite score per prediction, or an error that names the video."""
    if scores is None:
        raise ValueError("scores: a ranked average precision needs the score of every prediction")
    if len(scores) != len(videos):
        raise ValueError(f"scores of {len(scores)} videos but intervals of {len(videos)}")
    checked = []
    for number, (values, (predicted, _)) in enumerate(zip(scores, videos, strict=True)):
        array = np.asarray(values, float)
        if array.shape != (len(predicted),):
            raise ValueError(
                f"video {number}: {len(predicted)} predictions but scores of shape {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"video {number}: a score is NaN or infinite")
        checked.append(array)
    return checked


def _in_time_order(
    videos: Sequence[CheckedVideo], scores: Sequence[NDArray[np.float64]]
) -> tuple[list[CheckedVideo], NDArray[np.float64]]:
    """Sort each video in time, so that equal scores are matched in time order."""
    orders = [time_order(predicted) for predicted, _ in videos]
    pairs = zip(videos, orders, strict=True)
    sorted_videos = [(p[order], a[time_order(a)]) for (p, a), order in pairs]
    moved = [values[order] for values, order in zip(scores, orders, strict=True)]
    return sorted_videos, np.concatenate([np.empty(0), *moved])


def _by_rank(pairs: Pairs, rank: NDArray[np.int64]) -> Pairs:
    """Renumber predictions by their place in the ranking and sort by it."""
    place = np.empty_like(rank)
    place[rank] = np.arange(len(rank))
    predicted = place[pairs.predicted]
    return pairs._replace(predicted=predicted).take(np.argsort(predicted, kind="stable"))


def _hits(pairs: Pairs, n_predicted: int) -> NDArray[np.bool_]:
    """Mark the predictions that get an annotation when they choose in the order of the pairs."""
    hit = np.zeros(n_predicted, bool)
    taken: set[int] = set()
    for prediction, annotation in pairs.numbers():
        if not hit[prediction] and annotation not in taken:
            hit[prediction] = True
            taken.add(annotation)
    return hit


def _area(hit: NDArray[np.bool_], ends: NDArray[np.int64], n_annotated: int) -> float:
    """Sum of recall steps times the best precision at that recall or beyond."""
    tp = np.cumsum(hit)[ends]
    precision = tp / (ends + 1)
    best_beyond = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(tp, prepend=0) / n_annotated * best_beyond))
