"""What the choice of optical flow does to the spotters that learn nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd

from benchmarks.common import Result
from benchmarks.engines import ENGINES, NAMES
from mecore.data.datasets import open_dataset
from mecore.descriptors.flow.engines import Engine
from mecore.evaluation.videos import VideoItem, list_videos
from mecore.metrics.apex_spotting import count_apexes
from mecore.metrics.average_precision import average_precision
from mecore.metrics.spotting import precision_recall_f1
from mecore.preprocessing.registration import Registered, register_clip
from mecore.spotting.learning_free import METHODS, Method, frame_scores, spot

SPOTTERS: tuple[Method, ...] = ("mdmd", "flow-peaks")
Seen = list[tuple[VideoItem, Registered]]


def measure(quick: bool) -> Iterator[Result]:
    """MDMD and flow peaks with their usual thresholds on every engine."""
    database = open_dataset("phantom-long", scale="small")
    items = list_videos(database)[: 2 if quick else None]
    seen = [(item, register_clip(item.frames())) for item in items]
    rows = {
        (METHODS[name].title, NAMES[engine]): spotted(seen, name, engine)
        for name in SPOTTERS
        for engine in ENGINES
    }
    table = pd.DataFrame(rows).T
    table.index = pd.Index([", ".join(pair) for pair in table.index], name="spotter, optical flow")
    yield Result("engines_spotters", f"Spotters without learning on {len(items)} videos of "
                 "phantom-long, small, usual thresholds, by optical flow", table)  # fmt: skip


def spotted(seen: Seen, name: Method, engine: Engine) -> dict[str, float]:
    """F1 of apexes, AP of intervals, and milliseconds of a core per frame."""
    begun = time.process_time()
    found = [
        spot(frame_scores(face.clip, name, item.fps, engine, face.broken), name, item.fps)
        for item, face in seen
    ]
    seconds = time.process_time() - begun
    apexes = [(f.apexes, item.intervals) for f, (item, _) in zip(found, seen, strict=True)]
    intervals = [(f.intervals, item.intervals) for f, (item, _) in zip(found, seen, strict=True)]
    counts = count_apexes(apexes)
    return {
        "F1 of apexes": precision_recall_f1(*counts)[2],
        "AP of intervals, IoU 0.5": average_precision(intervals, [f.scores for f in found]),
        "ms per frame": 1e3 * seconds / sum(len(face.clip) for _, face in seen),
    }
