"""From scores of positions to spotted apexes, to what is chosen, to rows, and to counts.

A setting is a pair: for networks an epoch and a floor, for spotters without learning the place p
of the threshold and a floor. Candidates are what is found in some videos at each first part.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.videos import VideoItem
from mecore.metrics import spotting
from mecore.metrics.apex_spotting import count_apexes
from mecore.models.dense_lstm.inputs import Inputs
from mecore.spotting.apexes import apex_frames, spot_apexes
from mecore.spotting.learning_free import METHODS, Spotted, spot

FLOORS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
# Thresholds between mean and maximum, and floors: contrast, pixels, pixels.
_P = (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_FREE_FLOORS = {
    "chi2": (0.0, 0.004, 0.006, 0.008, 0.012, 0.02),
    "mdmd": (0.0, 0.1, 0.2, 0.3, 0.4),
    "flow-peaks": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3),
}
COLUMNS = ["technique", "subject", "video", "source", "sample", "onset", "apex", "offset", "score"]
Setting = tuple[float, float]
Found = Mapping[str, Spotted]
Candidates = Mapping[float, Found]
Annotated = Mapping[str, NDArray[np.int64]]
NOTHING = Spotted(np.empty((0, 2), np.int64), np.empty(0, np.int64), np.empty(0))


def above(found: Spotted, floor: float) -> Spotted:
    """What reaches a floor; 0 leaves everything.

    A lower peak never hides a higher one, so that it does not matter that the floor comes last.
    """
    kept = found.scores >= floor if floor else slice(None)
    return Spotted(found.intervals[kept], found.apexes[kept], found.scores[kept])


def floors(technique: str) -> tuple[float, ...]:
    """Floors that can be chosen."""
    return _FREE_FLOORS.get(technique, FLOORS)


def candidates(scores: pd.DataFrame) -> Candidates:
    """What one network finds in some videos after each epoch; intervals are windows.

    The columns are epoch, video, length, scores of its positions.
    """
    found: dict[float, dict[str, Spotted]] = {}
    for row in scores.itertuples():
        values, length = np.asarray(row.scores, np.float64), int(row.length)
        peaks = spot_apexes(values, length)
        intervals = np.stack([peaks, peaks + length - 1], axis=1)
        spotted = Spotted(intervals, apex_frames(peaks, length), values[peaks])
        found.setdefault(float(row.epoch), {})[row.video] = spotted
    return found


def free_candidates(
    inputs: Mapping[str, Inputs], fps: Mapping[str, float]
) -> dict[str, Candidates]:
    """What each spotter without learning finds with each threshold, its usual one first."""
    return {
        name: {
            p: {key: spot(own.scores[name], name, fps[key], p) for key, own in inputs.items()}
            for _, p in sorted((abs(p - method.p), p) for p in _P)
        }
        for name, method in METHODS.items()
    }


def choose(found: Candidates, levels: Sequence[float], annotated: Annotated) -> Setting:
    """The setting of the highest F1; of equal ones that of fewest false positives, then the first.

    Where nothing is ever found, this prefers a setting that claims little. The floors are
    ``levels``; without intervals (n, 2) of videos to choose on, the last of ``found`` is taken, and
    the first floor.
    """
    best, highest = (float([*found][-1]), levels[0]), (-1.0, 0)
    for first, videos in found.items() if annotated else ():
        for floor in levels:
            pairs = [(above(videos[key], floor).apexes, own) for key, own in annotated.items()]
            counts = count_apexes(pairs)
            reached = spotting.precision_recall_f1(*counts)[2], -counts.fp
            if reached > highest:
                best, highest = (first, floor), reached
    return best


def found_rows(found: Mapping[str, Found], items: Sequence[VideoItem]) -> pd.DataFrame:
    """Annotated intervals, and those that each technique spotted; frames are nullable integers."""
    rows: list[dict[str, Any]] = []
    for technique, item in product(found, items):
        name = {"technique": technique, "subject": item.subject, "video": item.video}
        rows += [name | {"source": "annotated"} | vars(e) for e in item.expressions]
        own = found[technique][item.key]
        rows += [
            name | {"source": "spotted", "onset": on, "apex": apex, "offset": off, "score": score}
            for (on, off), apex, score in zip(own.intervals, own.apexes, own.scores, strict=True)
        ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(("onset", "apex", "offset"), "Int64") | {"score": float})


def spotted_in(rows: pd.DataFrame, items: Iterable[VideoItem]) -> dict[str, Spotted]:
    """What the rows of one technique say was found in each video, by its key."""
    spotted = rows[rows.source == "spotted"]
    found: dict[str, Spotted] = {item.key: NOTHING for item in items}
    for (subject, video), own in spotted.groupby(["subject", "video"]):
        intervals, apexes = (own[c].to_numpy(np.int64) for c in (["onset", "offset"], "apex"))
        found[f"{subject}/{video}"] = Spotted(intervals, apexes, own.score.to_numpy())
    return found


def count_by_subject(found: Found, items: Iterable[VideoItem]) -> dict[str, NDArray[np.float64]]:
    """Counts of each subject, in the sorted order of the subjects.

    True positives, false positives, false negatives (S, 3): ``one``, an apex to an expression;
    ``many``, any number; ``iou``, intervals at IoU ≥ 0.5. F1 and number (S, 2) of ``subjects`` and
    ``videos``; one without expressions in which nothing is found has 1. And ``minutes`` (S,).
    """
    items = list(items)
    subjects = sorted({i.subject for i in items})
    n = len(subjects)
    counts: dict[str, NDArray[np.float64]] = {k: np.zeros((n, 3)) for k in ("one", "many", "iou")}
    counts |= {"videos": np.zeros((n, 2)), "minutes": np.zeros(n)}
    for item in items:
        s, own = subjects.index(item.subject), found[item.key]
        apexes = [(own.apexes, item.intervals)]
        one = count_apexes(apexes)
        counts["one"][s] += one
        counts["many"][s] += count_apexes(apexes, "many")
        counts["iou"][s] += spotting.count_matches([(own.intervals, item.intervals)])
        counts["videos"][s] += _f1_or_right(one), 1
        counts["minutes"][s] += item.n_frames / item.fps / 60
    return counts | {"subjects": np.array([(_f1_or_right(c), 1) for c in counts["one"]])}


def _f1_or_right(counts: Iterable[float]) -> float:
    tp, fp, fn = (int(c) for c in counts)
    return spotting.precision_recall_f1(tp, fp, fn)[2] if tp + fp + fn else 1.0


def measure(counts: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Measures of counts (…) that were added up over subjects, see `count_by_subject`.

    ``tp, fp, fn, precision, recall, f1``, ``f1_many``, ``f1_iou``, means ``f1_subjects`` and
    ``f1_videos``, ``fp_per_minute``.
    """
    f1 = {f"f1_{name}": spotting.measures(counts[name])["f1"] for name in ("many", "iou")}
    f1 |= {f"f1_{k}": counts[k][..., 0] / counts[k][..., 1] for k in ("subjects", "videos")}
    one = spotting.measures(counts["one"])
    return one | f1 | {"fp_per_minute": one["fp"] / counts["minutes"]}
