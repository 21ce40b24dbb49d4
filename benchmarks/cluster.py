"""A Dask cluster: one worker against two, and what follows for a database that needs many.

The job is that of a chapter: features of two short videos of each person of phantom-long, then all
folds of MEAN with true and with permuted labels, some of them trained in one graph, on workers that
have done both before. Each round begins with an empty cache; median of the rounds.

From its seconds follow those of part A of CAS(ME)³. Features cost as much per frame, and the
reading of a larger picture on top. A fold costs what it costs to start, and per epoch in proportion
to the expressions that it trains on; both are told apart by training for four times as many epochs.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.common import Result, timed
from mecore.data.database import Database, open_database
from mecore.data.manifest import load_manifest
from mecore.evaluation.cache import prepare
from mecore.evaluation.executors import cluster
from mecore.evaluation.folds import FoldPlan, grouped, leave_one_subject_out
from mecore.evaluation.runner import run_folds
from mecore.evaluation.store import open_run
from mecore.evaluation.study import all_plans, seed_range
from mecore.evaluation.videos import VideoItem, list_videos
from mecore.models.mean.options import preset
from mecore.phantom import LONG, portrait, write_phantom
from mecore.studies.mean.features import video_features
from mecore.studies.mean.fold import MeanTask
from mecore.studies.mean.study import MeanStudy

Items = tuple[VideoItem, ...]
Groups = list[list[FoldPlan]]
OPTIONS, MANY = preset(spot_epochs=5, recog_epochs=50), (1, 16, 98)
# Its owners count 13 videos for each of 100 people, and in part B, filmed alike, over 4,000,000
# frames in 1,508 videos.
LARGE, VIDEOS, FRAMES_EACH = "cas_me_3_a", 1300, 4_000_000 / 1508


def measure(quick: bool) -> Iterator[Result]:
    """Both tables; they are made from the same runs."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _measure(_phantom(Path(folder) / "phantom-long", 4 if quick else 8), quick)


def _phantom(root: Path, people: int) -> Database:
    """Two short videos of each person of phantom-long."""
    write_phantom(replace(LONG.small(), subjects=people, recordings=2 * people), root, workers=2)
    return open_database("phantom-long", root)


def _measure(database: Database, quick: bool) -> Iterator[Result]:
    job = Job(database)
    seconds = {n: job.seconds(n, 1 if quick else 3) for n in (1, 2)}
    table = pd.DataFrame({_workers(n): s for n, s in seconds.items()})
    table["times faster"] = table[_workers(1)] / table[_workers(2)]
    yield Result("cluster", "Seconds on the clock, median", table.rename_axis("job"))
    features = seconds[1].iloc[0] / job.frames + _reading(*load_manifest(LARGE).resolution)
    yield Result("cluster_large", "Part A of CAS(ME)³, extrapolated",
                 large(features, job.large_fold(), job.bytes_per_frame))  # fmt: skip


def _workers(n: int) -> str:
    return f"{n:,} worker{'s' * (n > 1)}"


class Job:
    """Features of all videos of a database, and folds of MEAN."""

    def __init__(self, database: Database) -> None:
        self.items = tuple(list_videos(database))
        self.task = MeanTask(self.items, tuple(database.manifest.classes), OPTIONS, short=False)
        split = partial(leave_one_subject_out, [i.subject for i in self.items])
        self.plans = all_plans(split, seed_range(1))
        self.groups = grouped(self.plans, MeanStudy.group, MeanStudy.together)
        self.frames = sum(i.n_frames for i in self.items)
        self.bytes_per_frame = 0.0

    def seconds(self, workers: int, rounds: int) -> pd.Series:
        """Median seconds of the parts of the job on so many workers."""
        with _local_cluster(workers) as address:
            few = self.items[:workers], self.groups[:workers]
            self._round(address, *few, self.items)
            rows = [self._round(address, self.items, self.groups) for _ in range(rounds)]
        table = pd.DataFrame(rows, columns=[
            f"features of {len(self.items)} videos, {self.frames:,} frames",
            f"{len(self.plans)} folds",
        ])  # fmt: skip
        table["both"] = table.sum(axis=1)
        return table.median()

    def _round(
        self, address: str, items: Items, groups: Groups, others: Items = ()
    ) -> tuple[float, float]:
        compute = partial(video_features, options=OPTIONS)
        with _empty_home() as home, cluster(address) as executor:
            _, features = timed(partial(prepare, compute, items, executor))
            prepare(compute, others, executor)
            size = sum(p.stat().st_size for p in home.rglob("*.pkl"))
            self.bytes_per_frame = size / self.frames
            store = open_run(home, "cluster", "phantom-long", {}, "", MeanTask.__module__)
            _, folds = timed(partial(run_folds, self.task, groups, store, executor))
        return features / 1e3, folds / 1e3

    def large_fold(self) -> float:
        """Seconds of a fold on the large database, one of some that are trained in one graph."""
        epochs = {name: getattr(OPTIONS, name) for name in ("spot_epochs", "recog_epochs")}
        options = replace(OPTIONS, **{name: 4 * n for name, n in epochs.items()})
        tasks = self.task, replace(self.task, options=options)
        with _local_cluster(1) as address, _empty_home(), cluster(address) as executor:
            prepare(partial(video_features, options=OPTIONS), self.items, executor)
            executor.submit(self.task, self.groups[0]).result()  # warm
            results = [executor.submit(t, self.groups[0]).result() for t in 3 * tasks]
            rounds = [pd.DataFrame([fold.seconds for fold in each]).mean() for each in results]
            once, long = (pd.DataFrame(rounds[i::2]).median() for i in range(2))
        expected = load_manifest(LARGE).expected
        people = expected.subjects
        train = [i for i in self.items if i.subject in self.plans[0].train]
        more = expected.kinds["micro"] * (1 - 1 / people) / sum(len(i.expressions) for i in train)
        seconds = once.inference / once.frames * VIDEOS * FRAMES_EACH / people
        for part, (name, few) in zip(("spotting", "recognition"), epochs.items(), strict=True):
            each = (long[part] - once[part]) / (3 * few)
            seconds += once[part] - few * each + getattr(preset(), name) * more * each
        return float(seconds)


def large(per_frame: float, per_fold: float, bytes_per_frame: float) -> pd.DataFrame:
    """Hours on several numbers of workers, and what the cache takes."""
    seeds, together = len(seed_range(0)), MeanStudy.together
    groups = 2 * seeds * math.ceil(load_manifest(LARGE).expected.subjects / together)
    parts = {
        f"features of {VIDEOS:,} videos": (VIDEOS, FRAMES_EACH * per_frame),
        f"{groups} groups of {together} folds, true and permuted labels, {seeds} seeds": (
            groups, together * per_fold
        ),
    }  # fmt: skip
    rows = {
        name: {"seconds for one": seconds}
        | {f"hours, {_workers(n)}": math.ceil(count / n) * seconds / 3600 for n in MANY}
        for name, (count, seconds) in parts.items()
    }
    table = pd.DataFrame(rows).T
    table.loc["both"] = table.sum().where(table.columns != "seconds for one")
    cache = VIDEOS * FRAMES_EACH * bytes_per_frame / 1e9
    return table.assign(**{"cache, GB": [cache, 0, cache]}).rename_axis("part")


def _reading(width: int, height: int) -> float:
    """Seconds that a picture of this size takes longer to read than one of the phantom."""
    face, seconds = portrait(LONG.seed, 0, size=LONG.size), []
    with tempfile.TemporaryDirectory() as folder:
        for size in ((width, height), (LONG.size, LONG.size)):
            path = f"{folder}/{size[0]}.jpg"
            cv2.imwrite(path, cv2.resize(face, size), [cv2.IMWRITE_JPEG_QUALITY, 95])
            seconds.append(np.median([timed(partial(cv2.imread, path))[1] for _ in range(30)]))
    return float(seconds[0] - seconds[1]) / 1e3


@contextmanager
def _local_cluster(workers: int) -> Iterator[str]:
    from distributed import LocalCluster

    quiet = {"dashboard_address": ":0", "silence_logs": logging.ERROR}
    with LocalCluster(n_workers=workers, threads_per_worker=1, **quiet) as local:
        yield local.scheduler_address


@contextmanager
def _empty_home() -> Iterator[Path]:
    saved = os.environ.get("MECORE_CACHE")
    with tempfile.TemporaryDirectory() as home:
        os.environ["MECORE_CACHE"] = home
        try:
            yield Path(home)
        finally:
            os.environ.pop("MECORE_CACHE") if saved is None else os.environ.update(
                MECORE_CACHE=saved
            )
