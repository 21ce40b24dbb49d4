"""Spotting by apex: a spotted apex inside an annotated interval is a hit (Tran et al. 2019).

Convention. An apex is one frame, an annotation an inclusive interval of the same video. The main
rule matches one to one, so that a second apex in the same expression is a false positive;
``"many"`` counts every apex inside an expression as a hit, which the paper's wording allows. Counts
are pooled over all videos; means over subjects and videos stand beside them, because the paper
speaks of an average. A video with neither annotation nor detection is right: its F1 is 1.
"""

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import check_option
from mecore.metrics.intervals import as_frames, interval_iou
from mecore.metrics.spotting import Counts, count_matches, precision_recall_f1

ApexRule: TypeAlias = Literal["one", "many"]
ApexVideo: TypeAlias = tuple[ArrayLike, ArrayLike]
# An apex inside an interval overlaps it, by however little.
_ANY = 1e-12


def count_apexes(videos: Sequence[ApexVideo], rule: ApexRule = "one") -> Counts:
    """Count hits, false alarms and misses over all videos.

    Parameters
    ----------
    videos : sequence of (apexes, annotated)
        Spotted apex frames (n,) and annotated intervals (m, 2); ValueError if they are no frames.
    rule : {"one", "many"}
        Whether an expression can be hit once or more often.

    Examples
    --------
    >>> tuple(count_apexes([([5, 6, 20], [(3, 9), (30, 40)])]))
    (1, 2, 1)
    >>> tuple(count_apexes([([5, 6, 20], [(3, 9), (30, 40)])], "many"))
    (2, 1, 1)
    """
    check_option(rule, ("one", "many"), "rule", ValueError)
    if rule == "one":
        return count_matches([(_as_intervals(a), b) for a, b in videos], _ANY)
    inside = [interval_iou(_as_intervals(a), b) > 0 for a, b in videos]
    tp = sum(int(i.any(axis=1).sum()) for i in inside)
    fn = sum(int((~i.any(axis=0)).sum()) for i in inside)
    return Counts(tp, sum(map(len, inside)) - tp, fn)


def _as_intervals(apexes: ArrayLike) -> NDArray[np.int64]:
    return np.repeat(as_frames(apexes, "apexes")[:, None], 2, axis=1)


def mean_f1(videos: Sequence[ApexVideo], groups: Sequence[Hashable]) -> float:
    """Mean of the F1 of each group of videos, such as those of one subject; 0 without videos.

    ValueError if there is not one group name for each video.
    """
    if len(groups) != len(videos):
        raise ValueError(f"{len(videos)} videos, but {len(groups)} group names")
    values = []
    for group in dict.fromkeys(groups):
        counts = count_apexes([v for v, g in zip(videos, groups, strict=True) if g == group])
        values.append(precision_recall_f1(*counts)[2] if any(counts) else 1.0)
    return float(np.mean(values)) if values else 0.0


def evaluate(
    videos: Sequence[ApexVideo], subjects: Sequence[Hashable], minutes: float,
    intervals: Sequence[ArrayLike] | None = None,
) -> dict[str, float]:  # fmt: skip
    """All measures of spotted apexes.

    Parameters
    ----------
    videos, subjects, minutes : sequence of (apexes, annotated), sequence, and float
        See `count_apexes`, whose they are, and how long together, above 0; videos without an
        expression belong into the list.
    intervals : sequence of arrays, (n, 2), optional
        Spotted intervals of each video, for the F1 at IoU ≥ 0.5.

    Returns
    -------
    dict
        ``tp, fp, fn, precision, recall, f1, f1_many, f1_subjects, f1_videos, fp_per_minute`` and,
        with intervals, ``f1_iou``.
    """
    if not minutes > 0:
        raise ValueError(f"minutes: expected a length above 0, found {minutes}")
    counts = count_apexes(videos)
    precision, recall, f1 = precision_recall_f1(*counts)
    result: dict[str, float] = counts._asdict() | {
        "precision": precision, "recall": recall, "f1": f1,
        "f1_many": precision_recall_f1(*count_apexes(videos, "many"))[2],
        "f1_subjects": mean_f1(videos, subjects),
        "f1_videos": mean_f1(videos, range(len(videos))),
        "fp_per_minute": counts.fp / minutes,
    }  # fmt: skip
    if intervals is not None:
        pairs = [(i, annotated) for i, (_, annotated) in zip(intervals, videos, strict=True)]
        result["f1_iou"] = precision_recall_f1(*count_matches(pairs))[2]
    return result
