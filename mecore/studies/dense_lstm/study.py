"""Dense LSTM spotting on one database: all folds, all techniques, and the three columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mecore.data.database import Database
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.folds import FoldPlan, Labels, leave_one_subject_out
from mecore.evaluation.runner import collect, run_folds
from mecore.evaluation.store import RunStore, open_run
from mecore.evaluation.videos import VideoItem, list_videos, prepare
from mecore.models.dense_lstm.options import DenseOptions, reading
from mecore.spotting.learning_free import METHODS, Spotted, spot
from mecore.studies.dense_lstm.features import DenseFeatures, video_features
from mecore.studies.dense_lstm.fold import DenseTask, key_of
from mecore.studies.dense_lstm.limit import LimitClip, clip_features, limit_clips
from mecore.studies.dense_lstm.scores import (
    FreeSpotters,
    Setting,
    as_rows,
    best,
    count,
    rows_of,
    score_rows,
    settings_of,
    spotted_windows,
)

COLUMN_NAMES = ("honest", "oracle", "chance", "oracle on chance")
_TURNS = 10
# Epochs of a quick run, in which every cell executes but no network is well trained.
_QUICK = {"epochs": 4, "every": 2, "components": 32}


def chapter_options(changes: dict[str, Any], scale: str) -> DenseOptions:
    """Options of a chapter: ours with changes, and fewer epochs at the scale ``small``."""
    return reading(**((_QUICK if scale == "small" else {}) | changes))


@dataclass(frozen=True)
class DenseStudy:
    """A finished run; everything it shows is derived from the scores that its folds stored.

    Parameters
    ----------
    task : DenseTask
        Videos, options, combinations.
    plans : tuple of FoldPlan
        All folds.
    store : RunStore
        Their results.
    """

    task: DenseTask
    plans: tuple[FoldPlan, ...]
    store: RunStore

    @property
    def networks(self) -> list[str]:
        """Techniques that learn, such as ``hog-overlap``."""
        return [f"{d}-{t}" for t in self.task.targets for d in self.task.descriptors]

    @property
    def techniques(self) -> list[str]:
        """All techniques, those without learning first."""
        return [*METHODS, *self.networks]

    def plans_with(self, labels: Labels) -> list[FoldPlan]:
        """Folds with true or with permuted labels."""
        return [p for p in self.plans if p.labels == labels]

    @cached_property
    def items(self) -> dict[str, VideoItem]:
        """Videos by key."""
        return {key_of(i): i for i in self.task.items}

    @cached_property
    def free(self) -> FreeSpotters:
        """The spotters without learning, with all their settings."""
        features = {key: self.features(item) for key, item in self.items.items()}
        scores = {m: {k: f.scores[m] for k, f in features.items()} for m in METHODS}
        return FreeSpotters(scores, self.items)

    def features(self, item: VideoItem) -> DenseFeatures:
        """Features of a video, from the cache."""
        return video_features(item, self.task.options)

    @cached_property
    def _scores(self) -> dict[tuple[str, str, str], dict[tuple[str, int], tuple[Any, int]]]:
        """(labels, fold, technique) → (video, epoch) → scores and L."""
        found: dict[Any, dict[Any, Any]] = {}
        for plan in self.plans:
            for row in self.store.fold_table(plan.name, "scores").itertuples():
                part = found.setdefault((plan.labels, plan.test[0], row.technique), {})
                part[row.video, int(row.epoch)] = row.scores, int(row.length)
        return found

    def scores(
        self, technique: str, key: str, epoch: float, labels: Labels = "true"
    ) -> tuple[Any, int]:
        """Scores of the positions of a left-out video or clip after an epoch, and L."""
        subject = key.split("/")[1 if key.startswith("limit/") else 0]
        return self._scores[labels, subject, technique][key, int(epoch)]

    @cached_property
    def epochs(self) -> list[int]:
        """Epochs that can be chosen."""
        o = self.task.options
        return list(range(o.every, o.epochs + 1, o.every))

    def found(self, technique: str, key: str, setting: Setting, labels: Labels = "true") -> Spotted:
        """What a technique finds in a left-out video with a setting."""
        if technique in METHODS:
            return self.free.found(technique, key, setting)
        scores, length = self.scores(technique, key, setting[0], labels)
        return spotted_windows(scores, length, setting[1])

    def choice(self, technique: str, subject: str, column: str = "honest") -> Setting:
        """Setting of a technique for a left-out subject, in one of the columns."""
        labels: Labels = "permuted" if "chance" in column else "true"
        # An oracle has one setting for all folds.
        left_out = "" if column.startswith("oracle") else subject
        key = technique, left_out, labels
        if key not in self._chosen:
            choose = self._honest if left_out else self._oracle
            self._chosen[key] = choose(*key)
        return self._chosen[key]

    @cached_property
    def _chosen(self) -> dict[tuple[str, str, str], Setting]:
        return {}

    def _honest(self, technique: str, subject: str, labels: Any) -> Setting:
        if technique in METHODS:
            return self.free.choose(technique, subject)
        plan = next(p for p in self.plans_with(labels) if p.test[0] == subject)
        part = self._scores[labels, subject, technique]
        keys = [k for k, item in self.items.items() if item.subject in plan.validation]
        if not keys:
            return float(self.epochs[-1]), 0.0
        floors = settings_of(technique, self.epochs)
        chosen = [s for s in floors if self.task.options.floor or s[1] == 0]
        return best(chosen, lambda s: count(
            (spotted_windows(*part[k, int(s[0])], s[1]), self.items[k].intervals) for k in keys
        ))  # fmt: skip

    def _oracle(self, technique: str, _: str, labels: Any) -> Setting:
        if technique in METHODS:
            return self.free.choose(technique, None)
        return best(settings_of(technique, self.epochs), lambda s: count(
            (self.found(technique, k, s, labels), item.intervals) for k, item in self.items.items()
        ))  # fmt: skip

    def rows(self, technique: str, column: str = "honest") -> pd.DataFrame:
        """Spotted and annotated intervals by one technique, in one of the columns."""
        labels: Labels = "permuted" if "chance" in column else "true"
        rows = []
        for key, item in self.items.items():
            setting = self.choice(technique, item.subject, column)
            rows += rows_of(technique, item, self.found(technique, key, setting, labels))
        return as_rows(rows)

    def score(self, technique: str, column: str = "honest") -> dict[str, float]:
        """Measures of one technique in one of the columns."""
        if technique in METHODS and "chance" in column:
            return self._free_chance(technique, column)
        return score_rows(self.rows(technique, column), self.task.items)

    @cached_property
    def columns(self) -> dict[str, dict[str, dict[str, float]]]:
        """Measures by column and technique; they and the rows behind them are stored."""
        result = {c: {t: self.score(t, c) for t in self.techniques} for c in COLUMN_NAMES}
        self.store.save_metrics(result)
        # Without learning, chance is another truth for the same rows.
        rows = [
            self.rows(t, c).assign(column=c)
            for c in COLUMN_NAMES
            for t in (self.networks if "chance" in c else self.techniques)
        ]
        self.store.save_rows(pd.concat(rows, ignore_index=True))
        return result

    def _free_chance(self, technique: str, column: str) -> dict[str, float]:
        """Mean F1 of a spotter without learning against annotations that were turned round."""
        values = []
        for turn in range(1, _TURNS + 1):
            counts = np.zeros(3, np.int64)
            for key, item in self.items.items():
                left_out = None if column.startswith("oracle") else item.subject
                setting = self.free.choose(technique, left_out, turn)
                counts += self.free.counts(technique, [key], setting, turn)
            values.append(2 * counts[0] / max(2 * counts[0] + counts[1] + counts[2], 1))
        return {"f1": float(np.mean(values))}

    def limit(self) -> pd.DataFrame:
        """Counts on clips of known motion: technique, subject, peak, noise, tp, fp, fn."""
        rows = []
        for clip in self.task.clips:
            features = clip_features(clip, self.task.options)
            for technique in self.techniques:
                setting = self.choice(technique, clip.subject)
                found = self._in_clip(technique, clip, features, setting)
                tp, fp, fn = count([(found, np.array([clip.interval]))]).tolist()
                rows.append({"technique": technique, "subject": clip.subject, "peak": clip.peak,
                             "noise": clip.noise, "tp": tp, "fp": fp, "fn": fn})  # fmt: skip
        return pd.DataFrame(rows)

    def _in_clip(
        self, technique: str, clip: LimitClip, features: DenseFeatures, setting: Setting
    ) -> Spotted:
        if technique in METHODS:
            p, floor = setting
            return spot(features.scores[technique], technique, clip.fps, p, floor or None)
        scores, length = self.scores(technique, clip.name, setting[0])
        return spotted_windows(scores, length, setting[1])

    def history(self) -> pd.DataFrame:
        """Loss by technique, fold and epoch, with true labels."""
        return collect(self.store, self.plans_with("true"), "history")

    def seconds(self) -> float:
        """Median wall-clock seconds of a fold."""
        return float(np.median([self.store.fold_seconds(p.name)["fold"] for p in self.plans]))


def run_dense_lstm(
    database: Database,
    options: DenseOptions,
    results: Path,
    *,
    seed: int = 0,
    workers: Workers = 1,
    labels: Sequence[Labels] = ("true", "permuted"),
    limit_turns: int = 2,
    descriptors: Sequence[str] | None = None,
    progress: bool = True,
) -> DenseStudy:
    """Run dense LSTM spotting on a database, leaving one subject out at a time.

    Parameters
    ----------
    database : Database
        Any database whose videos hold faces.
    options : DenseOptions
        The reading of the paper.
    results : Path
        Where runs are stored; what is there is not computed again.
    seed : int
        Seed of the run.
    workers : int or str
        Processes, or the address of a Dask scheduler; no result depends on it.
    labels : sequence of {"true", "permuted"}
        Permuted labels measure chance.
    limit_turns : int
        Repetitions of each clip of known motion (phantom only); 0 for none.
    descriptors : sequence of str, optional
        Only these.
    progress : bool
        Show bars in a terminal.

    Raises
    ------
    MecoreError
        Videos without a usable face, or folds that failed; what was computed is kept.
    """
    items = tuple(list_videos(database))
    clips = limit_clips(database, limit_turns)
    task = DenseTask(items, options, clips)
    task = replace(task, descriptors=tuple(descriptors)) if descriptors else task
    plans = [p for kind in labels for p in _plans(items, seed, kind, options.validation)]
    parameters = {
        "options": asdict(options), "seed": seed, "descriptors": task.descriptors,
        "clips": [c.name for c in clips], "subjects": sorted({i.subject for i in items}),
    }  # fmt: skip
    store = open_run(results, "dense_lstm", database.manifest.id, parameters, database.fingerprint)
    with executor_for(workers) as executor:
        if not all(store.has_fold(p.name) for p in plans):
            prepare(partial(video_features, options=options), items, executor, progress=progress)
            prepare(partial(clip_features, options=options), clips, executor, progress=progress)
        run_folds(task, plans, store, executor, progress=progress)
    return DenseStudy(task, tuple(plans), store)


def _plans(
    items: Sequence[VideoItem], seed: int, labels: Labels, validation: int
) -> list[FoldPlan]:
    """Leave one subject out, and keep those that follow it in the list for validation."""
    subjects = sorted({i.subject for i in items})
    validation = min(validation, max(len(subjects) - 2, 0))
    plans = []
    for plan in leave_one_subject_out(subjects, seed, labels):
        at = subjects.index(plan.test[0])
        kept = {subjects[(at + 1 + n) % len(subjects)] for n in range(validation)}
        train = tuple(s for s in plan.train if s not in kept)
        plans.append(replace(plan, train=train, validation=tuple(sorted(kept))))
    return plans
