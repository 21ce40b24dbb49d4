"""From scores of positions to rows and measures, and what is chosen on whom.

* **honest**: epoch and floor of a network, threshold and floor of a spotter without learning, are
  those that score best on subjects that are not left out.
* **oracle**: one epoch and floor for all folds, the best on the left-out subjects (the paper
  selects «the epoch having the best results»); for spotters without learning, one setting for all.
* **chance**: the honest choice of networks that learnt from permuted labels; what a spotter
  without learning finds, scored against annotations that were turned round the end of the video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.videos import VideoItem
from mecore.metrics import apex_spotting
from mecore.metrics.spotting import Counts, precision_recall_f1
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


@dataclass(frozen=True)
class Choice:
    """Settings of one technique for one fold: (epoch, floor), or (p, floor) without learning."""

    technique: str
    subject: str
    setting: Setting


def spotted_windows(scores: Any, length: int, floor: float) -> Spotted:
    """Apexes and intervals, the windows themselves, of the scores of one video."""
    values = np.asarray(scores, np.float64)
    peaks = spot_apexes(values, length, floor or None)
    intervals = np.stack([peaks, peaks + length - 1], axis=1)
    return Spotted(intervals, apex_frames(peaks, length), values[peaks])


def settings_of(technique: str, epochs: Sequence[int] = ()) -> list[Setting]:
    """Settings that can be chosen, the plainest first."""
    if technique in METHODS:
        usual = METHODS[technique].p
        p = sorted(_P, key=lambda x: abs(x - usual))
        return list(product(p, _FREE_FLOORS[technique]))
    return list(product([float(e) for e in epochs], FLOORS))


def count(found: Iterable[tuple[Spotted, NDArray[np.int64]]]) -> NDArray[np.int64]:
    """True positives, false positives, false negatives of some videos, summed."""
    pairs = [(spotted.apexes, annotated) for spotted, annotated in found]
    return np.array(apex_spotting.count_apexes(pairs))


def best(settings: Sequence[Setting], counts: Callable[[Setting], NDArray[np.int64]]) -> Setting:
    """The setting of the highest F1; of equal ones that of fewest false positives, then the first.

    Where nothing is ever found, this prefers a setting that claims little.
    """
    found = [Counts(*counts(s).tolist()) for s in settings]
    return settings[max(
        range(len(settings)), key=lambda i: (precision_recall_f1(*found[i])[2], -found[i].fp, -i)
    )]  # fmt: skip


class FreeSpotters:
    """What the spotters without learning find in some videos, with every setting.

    Parameters
    ----------
    scores : dict of str to dict of str to array
        Frame scores by technique and video key.
    items : dict of str to VideoItem
        The videos.
    """

    def __init__(
        self, scores: dict[str, dict[str, NDArray[np.float64]]], items: dict[str, VideoItem]
    ) -> None:
        self.scores, self.items = scores, items
        self.found = cache(self._found)
        self._counts = cache(self._count)

    def _found(self, technique: str, key: str, setting: Setting) -> Spotted:
        p, floor = setting
        fps = self.items[key].fps
        return spot(self.scores[technique][key], technique, fps, p, floor or None)

    def _count(self, technique: str, key: str, setting: Setting, turn: int) -> NDArray[np.int64]:
        found = self.found(technique, key, setting)
        return count([(found, turned(self.items[key], turn))])

    def counts(
        self, technique: str, keys: Sequence[str], setting: Setting, turn: int = 0
    ) -> NDArray[np.int64]:
        """Counts over some videos; with a ``turn``, against annotations turned round."""
        none = np.zeros(3, np.int64)
        return sum((self._counts(technique, k, setting, turn) for k in keys), none)

    def choose(self, technique: str, subject: str | None, turn: int = 0) -> Setting:
        """The best setting on everybody but one subject, or on everybody."""
        keys = [k for k, item in self.items.items() if item.subject != subject]
        return best(settings_of(technique), lambda s: self.counts(technique, keys, s, turn))


def turned(item: VideoItem, turn: int) -> NDArray[np.int64]:
    """Annotated intervals, all shifted round the end of the video; turn 0 leaves them.

    An interval that would run over the end is laid before it.
    """
    if not turn or not len(item.intervals):
        return item.intervals
    shift = np.random.default_rng([turn, item.n_frames]).integers(item.n_frames)
    lengths = item.intervals[:, 1] - item.intervals[:, 0]
    onset = np.minimum((item.intervals[:, 0] + shift) % item.n_frames, item.n_frames - 1 - lengths)
    return np.stack([onset, onset + lengths], axis=1)


def rows_of(technique: str, item: VideoItem, found: Spotted) -> list[dict[str, Any]]:
    """Annotated and spotted rows of one video."""
    name = {"technique": technique, "subject": item.subject, "video": item.video}
    rows: list[dict[str, Any]] = [
        name | {"source": "annotated", "sample": e.sample, "onset": e.onset, "apex": e.apex,
                "offset": e.offset}
        for e in item.expressions
    ]  # fmt: skip
    spotted = zip(found.intervals.tolist(), found.apexes.tolist(), found.scores, strict=True)
    rows += [
        name | {"source": "spotted", "onset": on, "apex": apex, "offset": off, "score": float(s)}
        for (on, off), apex, s in spotted
    ]
    return rows


def as_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table, frames as nullable integers."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(("onset", "apex", "offset"), "Int64") | {"score": float})


def score_rows(rows: pd.DataFrame, items: Sequence[VideoItem]) -> dict[str, float]:
    """Measures of one technique, over all videos that are listed, found in or not."""
    spotted = rows[rows.source == "spotted"]
    groups = dict(iter(spotted.groupby(["subject", "video"])))
    parts = [groups.get((i.subject, i.video), spotted.iloc[:0]) for i in items]
    apexes = [p.apex.to_numpy(np.int64) for p in parts]
    intervals = [p[["onset", "offset"]].to_numpy(np.int64) for p in parts]
    minutes = sum(i.n_frames / i.fps for i in items) / 60
    pairs = [(a, i.intervals) for a, i in zip(apexes, items, strict=True)]
    return apex_spotting.evaluate(pairs, [i.subject for i in items], minutes, intervals)
