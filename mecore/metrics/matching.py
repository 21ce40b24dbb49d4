"""One-to-one matching of predicted with annotated intervals.

Only intervals of the same video can match, and each takes part in one match at most. Two rules:

``"maximum"`` (default)
    As many pairs as possible with IoU at or above the threshold, so that the counts do not depend
    on any order. Among the largest matchings one is chosen by IoU and time; only between
    identical intervals does the order given decide who is matched.
``"best"``
    The rule of the code released with Liong, See, Chan (2022): predictions in time order, each
    tries only the annotation of highest IoU and is a false positive if that one is taken.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import check_option
from mecore.metrics.intervals import CheckedVideo, as_intervals, iou_of, time_order

MatchRule: TypeAlias = Literal["maximum", "best"]


def check_iou(iou: float) -> None:
    """Refuse an IoU threshold outside (0, 1]."""
    if not 0 < iou <= 1:
        raise ValueError(f"iou: expected a threshold in (0, 1], found {iou}")


class Pairs(NamedTuple):
    """Overlapping (prediction, annotation) pairs, numbered through all videos in their order.

    Sorted by prediction, then falling IoU, then annotation.
    """

    predicted: NDArray[np.int64]
    annotated: NDArray[np.int64]
    iou: NDArray[np.float64]

    def take(self, which: NDArray[Any]) -> "Pairs":
        """Return the pairs of a mask, or in an order."""
        return Pairs(self.predicted[which], self.annotated[which], self.iou[which])

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Yield prediction and annotation of each pair."""
        return zip(self.predicted.tolist(), self.annotated.tolist(), strict=True)


def overlapping_pairs(videos: Sequence[CheckedVideo], iou: float) -> Pairs:
    """Pairs of at least this IoU within each video, see `mecore.metrics.intervals.as_videos`."""
    n_predicted = np.array([len(p) for p, _ in videos], np.int64)
    n_annotated = np.array([len(a) for _, a in videos], np.int64)
    n_pairs = n_predicted * n_annotated
    video = np.repeat(np.arange(len(videos)), n_pairs)
    within = np.arange(n_pairs.sum()) - (np.cumsum(n_pairs) - n_pairs)[video]
    predicted = (np.cumsum(n_predicted) - n_predicted)[video] + within // n_annotated[video]
    annotated = (np.cumsum(n_annotated) - n_annotated)[video] + within % n_annotated[video]
    empty = np.empty((0, 2), np.int64)
    all_predicted = np.concatenate([empty, *(p for p, _ in videos)])
    all_annotated = np.concatenate([empty, *(a for _, a in videos)])
    overlap = iou_of(all_predicted[predicted], all_annotated[annotated])
    pairs = Pairs(predicted, annotated, overlap).take(overlap >= iou)
    return pairs.take(np.lexsort((pairs.annotated, -pairs.iou, pairs.predicted)))


def match_intervals(
    predicted: ArrayLike, annotated: ArrayLike, iou: float = 0.5, rule: MatchRule = "maximum"
) -> NDArray[np.int64]:
    """Match the predictions of one video with its annotations, one to one.

    Parameters
    ----------
    predicted, annotated : array_like, shapes (n, 2) and (m, 2)
        Inclusive intervals in any order.
    iou : float
        Least IoU of a match, in (0, 1].
    rule : {"maximum", "best"}
        See the head of this module.

    Returns
    -------
    ndarray, shape (n,)
        Index of the annotation of each prediction, −1 for a false positive.

    Raises
    ------
    ValueError
        Intervals, threshold or rule that are not valid.
    """
    check_iou(iou)
    left, right = as_intervals(predicted, "predicted"), as_intervals(annotated, "annotated")
    left_order, right_order = time_order(left), time_order(right)
    pairs = overlapping_pairs([(left[left_order], right[right_order])], iou)
    matches = np.full(len(left), -1, np.int64)
    for first, second in match_pairs(pairs, rule).items():
        matches[left_order[first]] = right_order[second]
    return matches


def match_pairs(pairs: Pairs, rule: MatchRule) -> dict[int, int]:
    """Match predictions, numbered in time order, by a rule: prediction → annotation."""
    check_option(rule, get_args(MatchRule), "rule", ValueError)
    return _maximum_matching(pairs) if rule == "maximum" else _best_matching(pairs)


def _best_matching(pairs: Pairs) -> dict[int, int]:
    """Each prediction claims its best annotation; the first claim in time wins."""
    claimants, first = np.unique(pairs.predicted, return_index=True)
    taken, winner = np.unique(pairs.annotated[first], return_index=True)
    return dict(zip(claimants[winner].tolist(), taken.tolist(), strict=True))


def _maximum_matching(pairs: Pairs) -> dict[int, int]:
    """Maximum bipartite matching: each prediction joins if others can move over."""
    neighbours: dict[int, list[int]] = {}
    for prediction, annotation in pairs.numbers():
        neighbours.setdefault(prediction, []).append(annotation)
    partner: dict[int, int] = {}
    owner: dict[int, int] = {}
    for newcomer in neighbours:
        free, reached_from = _free_annotation(newcomer, neighbours, owner)
        # From the free annotation back to the newcomer, each takes what it was offered.
        while free is not None:
            mover = reached_from[free]
            partner[mover], owner[free], free = free, mover, partner.get(mover)
    return partner


def _free_annotation(
    newcomer: int, neighbours: dict[int, list[int]], owner: dict[int, int]
) -> tuple[int | None, dict[int, int]]:
    """Nearest free annotation, breadth first, and which prediction each one was reached from."""
    reached_from: dict[int, int] = {}
    queue = deque([newcomer])
    while queue:
        prediction = queue.popleft()
        for annotation in neighbours[prediction]:
            if annotation not in reached_from:
                reached_from[annotation] = prediction
                if annotation not in owner:
                    return annotation, reached_from
                queue.append(owner[annotation])
    return None, reached_from
