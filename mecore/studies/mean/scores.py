"""Scores of MEAN from stored rows, and what each of the three columns stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.videos import VideoItem
from mecore.metrics import analysis, recognition, spotting
from mecore.metrics.analysis import AnalysedVideo
from mecore.models.mean.options import MeanOptions
from mecore.studies.mean.rows import interval_rows

NO_CLASS = "other"
# What Tables 7 and 8 of the paper compare on the left-out subjects, and thresholds around 0.55.
ORACLE_GRID: dict[str, tuple[Any, ...]] = {
    "smoothing": (("normalised", None), ("gaussian", 1.0), ("gaussian", 3.0),
                  ("exponential", 1.0), ("exponential", 3.0)),
    "vote": ("onset_to_apex", "apex", "onset_to_offset"),
    "p": (0.35, 0.45, 0.55, 0.65, 0.75),
}  # fmt: skip


def analysed_videos(rows: pd.DataFrame) -> tuple[list[AnalysedVideo], list[NDArray[np.float64]]]:
    """Group rows by video: intervals and emotions for the metrics, and scores of what was spotted.

    Annotated emotions outside the classes are called ``"other"``.
    """
    videos, scores = [], []
    for _, part in rows.groupby(["subject", "video"], sort=True):
        spotted, annotated = (part[part.source == s] for s in ("spotted", "annotated"))
        videos.append(AnalysedVideo(
            _intervals(spotted), spotted.emotion.to_numpy(object),
            _intervals(annotated), annotated.emotion.fillna(NO_CLASS).to_numpy(object),
        ))  # fmt: skip
        scores.append(spotted.score.to_numpy(float))
    return videos, scores


def _intervals(rows: pd.DataFrame) -> NDArray[np.int64]:
    return rows[["onset", "offset"]].to_numpy(np.int64)


def score_rows(
    rows: pd.DataFrame, classes: Sequence[str], options: MeanOptions, short: bool
) -> dict[str, float]:
    """Score spotting, recognition of what was spotted, and both together.

    Parameters
    ----------
    rows : DataFrame
        See `mecore.studies.mean.rows.interval_rows`; all videos that are scored must have an
        annotated or a spotted row, or they do not count (as it should be: they are right).
    classes : sequence of str
        Emotion classes.
    options : MeanOptions
        Only ``matching`` matters.
    short : bool
        Also score apex spotting and «all spotted» recognition, defined for one expression per
        video.

    Returns
    -------
    dict
        Spotting: ``tp, fp, fn, precision, recall, f1, ap_50_95, ap_50_95_unranked``; recognition
        of true positives: ``n, accuracy, f1_of_means, uf1, uar``; ``strs``; for short videos
        ``asr, apex_mae`` and ``all_f1_of_means, all_uf1, all_uar, all_accuracy``.
    """
    videos, scores = analysed_videos(rows)
    intervals = [(v.predicted, v.annotated) for v in videos]
    spotted = spotting.evaluate(intervals, scores, rule=options.matching)
    hits = analysis.evaluate(videos, classes, rule=options.matching)
    result = {k: v for k, v in spotted.items() if k not in ("n_videos", "ap")}
    names = ("n", "accuracy", "precision", "recall", "f1_of_means", "uf1", "uar")
    result |= {f"recognition_{k}": hits[f"recognition_{k}"] for k in names} | {"strs": hits["strs"]}
    if short and all(len(v.annotated) == 1 for v in videos):  # type: ignore[arg-type]
        result |= _short_scores(rows, videos, classes)
    return result


def _short_scores(
    rows: pd.DataFrame, videos: list[AnalysedVideo], classes: Sequence[str]
) -> dict[str, float]:
    groups = [part for _, part in rows.groupby(["subject", "video"], sort=True)]
    peaks = [g.apex[g.source == "spotted"].to_numpy(np.int64) for g in groups]
    truth = pd.concat([g[g.source == "annotated"] for g in groups])
    result = {"asr": spotting.apex_spotting_rate(peaks, _intervals(truth))}
    if truth.apex.notna().all():
        result["apex_mae"] = spotting.apex_mae(peaks, truth.apex.to_numpy(np.int64))
    pairs = analysis.scored_emotions(videos, classes, scoring="all_spotted")
    everything = recognition.evaluate(*pairs, classes)
    names = ("accuracy", "f1_of_means", "uf1", "uar")
    return result | {f"all_{name}": everything[name] for name in names}


def confusion(
    rows: pd.DataFrame, classes: Sequence[str], options: MeanOptions
) -> NDArray[np.int64]:
    """Confusion matrix of the emotions of true positives, truth in rows."""
    videos, _ = analysed_videos(rows)
    pairs = analysis.scored_emotions(videos, classes, rule=options.matching)
    return recognition.confusion_matrix(*pairs, classes)


def oracle_options(
    frames: pd.DataFrame,
    items: Sequence[VideoItem],
    classes: Sequence[str],
    options: MeanOptions,
    short: bool,
) -> MeanOptions:
    """Choose smoothing, voting frames and threshold on the left-out subjects, as the paper did.

    Tables 6 to 8 compare settings by their score on the very subjects that are left out, and the
    best is what the other tables report. The setting of the highest STRS is returned; of equal
    ones the first of `ORACLE_GRID`.
    """
    best, highest = options, -1.0
    thresholds = (options.p,) if short else ORACLE_GRID["p"]
    for (smoothing, width), vote, p in product(
        ORACLE_GRID["smoothing"], ORACLE_GRID["vote"], thresholds
    ):
        setting = replace(options, smoothing=smoothing, smoothing_width=width, vote=vote, p=p)
        rows = interval_rows(frames, items, classes, setting, short)
        score = score_rows(rows, classes, setting, short)["strs"]
        if score > highest:
            best, highest = setting, score
    return best
