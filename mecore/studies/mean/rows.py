"""From what MEAN says of each frame to intervals with emotions, to rows, and to counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.videos import VideoItem
from mecore.metrics import recognition, spotting
from mecore.metrics.average_precision import ap_50_95
from mecore.metrics.matching import match_intervals
from mecore.models.mean.options import MeanOptions
from mecore.spotting.emotions import SpottedEmotions, spot_emotions

Floats = NDArray[np.float32]
Found = Mapping[str, SpottedEmotions]
Counts = dict[str, NDArray[np.float64]]
# What Tables 7 and 8 of the paper compare on the left-out subjects, and thresholds around 0.55.
ORACLE_GRID: dict[str, tuple[Any, ...]] = {
    "smoothing": (("normalised", None), ("gaussian", 1.0), ("gaussian", 3.0),
                  ("exponential", 1.0), ("exponential", 3.0)),
    "vote": ("onset_to_apex", "apex", "onset_to_offset"),
    "p": (0.35, 0.45, 0.55, 0.65, 0.75),
}  # fmt: skip


def frame_table(
    item: VideoItem, score: Floats, classes: Floats, alone: Floats | None = None
) -> pd.DataFrame:
    """One row per frame of a video.

    Parameters
    ----------
    item : VideoItem
        The video.
    score : array, (n,)
        Spotting score.
    classes : array, (n, C)
        Class probabilities, kept as ``p0``, ``p1``, ….
    alone : array, (n, C), optional
        Those of the network without transfer, kept as ``alone0``, ``alone1``, ….
    """
    table = pd.DataFrame({"subject": item.subject, "video": item.video, "frame": range(len(score))})
    table["spot"] = score
    for name, values in (("p", classes), ("alone", alone)):
        for c, column in enumerate(values.T if values is not None else ()):
            table[f"{name}{c}"] = column
    return table


class VideoScores(NamedTuple):
    """What a network says of the frames of one video: scores (n,), probabilities (n, C), and k'."""

    spot: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    half: int


def video_scores(frames: pd.DataFrame, head: str = "p") -> dict[str, VideoScores]:
    """Scores of each video by its key.

    Parameters
    ----------
    frames : DataFrame
        See `frame_table`, with a column ``k_prime``.
    head : {"p", "alone"}
        Which probabilities vote.
    """
    columns = [c for c in frames if c.startswith(head) and c.removeprefix(head).isdigit()]
    return {
        f"{subject}/{video}": VideoScores(
            own.spot.to_numpy(), own[columns].to_numpy(), int(own.k_prime.iloc[0])
        )
        for (subject, video), own in frames.groupby(["subject", "video"], sort=False)
    }


def find_emotions(
    scores: Mapping[str, VideoScores], items: Iterable[VideoItem], options: MeanOptions, short: bool
) -> dict[str, SpottedEmotions]:
    """Spot every video and name the emotions.

    Parameters
    ----------
    scores : mapping
        See `video_scores`.
    items : iterable of VideoItem
        The videos.
    options : MeanOptions
        Only the group ``spotting`` matters.
    short : bool
        One peak per video, without threshold.

    Returns
    -------
    dict
        By the key of the video.
    """
    return {
        item.key: spot_emotions(*scores[item.key], options, n_frames=item.n_frames, single=short)
        for item in items
    }


def interval_rows(
    frames: pd.DataFrame,
    items: Sequence[VideoItem],
    classes: Sequence[str],
    options: MeanOptions,
    short: bool,
) -> pd.DataFrame:
    """Spotted and annotated intervals of some videos, of frames as `video_scores` takes them.

    Returns
    -------
    DataFrame
        subject, video, source (``spotted`` or ``annotated``), sample, onset, apex, offset, score,
        emotion (class, or missing where an annotated emotion is in none), p_<class> ….
    """
    found = find_emotions(video_scores(frames), items, options, short)
    rows: list[dict[str, Any]] = []
    for item in items:
        who = {"subject": item.subject, "video": item.video}
        rows += [
            {**who, "source": "annotated", "sample": e.sample, "onset": e.onset, "apex": e.apex,
             "offset": e.offset, "emotion": e.label}
            for e in item.expressions
        ]  # fmt: skip
        own = found[item.key]
        spotted = zip(
            own.peaks, own.intervals, own.scores, own.classes, own.probabilities, strict=True
        )
        rows += [
            {**who, "source": "spotted", "onset": onset, "apex": peak, "offset": offset,
             "score": float(score), "emotion": classes[emotion],
             **{f"p_{c}": p for c, p in zip(classes, means, strict=True)}}
            for peak, (onset, offset), score, emotion, means in spotted
        ]  # fmt: skip
    columns = ["subject", "video", "source", "sample", "onset", "apex", "offset", "score",
               "emotion", *(f"p_{c}" for c in classes)]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(("onset", "apex", "offset"), "Int64") | {"score": float})


def count_by_subject(
    found: Found, items: Sequence[VideoItem], classes: Sequence[str], options: MeanOptions
) -> Counts:
    """Counts of each subject, in the sorted order of the subjects.

    Returns
    -------
    dict
        ``spotting`` (S, 3): true positives, false positives, false negatives. ``hits`` (S, C, C):
        confusion of the emotions of true positives. Of videos with exactly one expression, as
        Tables 2 and 3 of the paper score them: ``all`` (S, C, C), confusion whether it was hit or
        not; ``apex`` (S, 4): videos, apexes strictly inside, known apexes, frames off them.
    """
    subjects = sorted({i.subject for i in items})
    place = {c: n for n, c in enumerate(classes)}
    shape = (len(subjects), len(classes), len(classes))
    counts = {"spotting": np.zeros((len(subjects), 3)), "hits": np.zeros(shape),
              "all": np.zeros(shape), "apex": np.zeros((len(subjects), 4))}  # fmt: skip
    for item in items:
        s, own = subjects.index(item.subject), found[item.key]
        matches = match_intervals(own.intervals, item.intervals, rule=options.matching)
        hits = int((matches >= 0).sum())
        counts["spotting"][s] += hits, len(matches) - hits, len(item.expressions) - hits
        for spotted, annotated in enumerate(matches):
            label = item.expressions[annotated].label if annotated >= 0 else None
            if label is not None:
                counts["hits"][s, place[label], own.classes[spotted]] += 1
        if len(item.expressions) == 1 and len(own.peaks) <= 1:
            _count_only(item, own, place, counts["all"][s], counts["apex"][s])
    return counts


def _count_only(
    item: VideoItem, own: SpottedEmotions, place: dict[str, int], confusion: Any, apex: Any
) -> None:
    """Count a video with one expression and at most one spotted interval."""
    only = item.expressions[0]
    apex[0] += 1
    for peak, emotion in zip(own.peaks, own.classes, strict=True):
        apex[1] += only.onset < peak < only.offset
        if only.apex is not None:
            apex[2:] += 1, abs(peak - only.apex)
        if only.label is not None:
            confusion[place[only.label], emotion] += 1


def measure(counts: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Measures of counts (…) that were added up over subjects.

    Spotting: ``tp, fp, fn, precision, recall, f1``; of the emotions of true positives
    ``recognition_…``; ``strs``; of videos with one expression ``asr, apex_mae`` and ``all_…``.
    """
    spotted = spotting.measures(counts["spotting"])
    hits, everything = (recognition.measures(counts[k]) for k in ("hits", "all"))
    videos, inside, known, off = np.moveaxis(counts["apex"], -1, 0)
    result = spotted | {"n_annotated": spotted["tp"] + spotted["fn"]}
    result |= {f"recognition_{k}": v for k, v in hits.items()}
    result["strs"] = spotted["f1"] * hits["f1_of_means"]
    with np.errstate(invalid="ignore", divide="ignore"):
        result |= {"asr": inside / videos, "apex_mae": off / known, "videos_of_one": videos}
    return result | {f"all_{k}": v for k, v in everything.items()}


def precision_averages(found: Found, items: Sequence[VideoItem]) -> dict[str, float]:
    """AP@[.5:.95], ranked by score and as the paper's code has it; no sum of counts."""
    videos = [(found[i.key].intervals, i.intervals) for i in items]
    scores = [found[i.key].scores for i in items]
    return {
        "ap_50_95": ap_50_95(videos, scores),
        "ap_50_95_unranked": ap_50_95(videos, compat="mean"),
    }


def oracle_options(
    frames: pd.DataFrame, items: Sequence[VideoItem], classes: Sequence[str],
    options: MeanOptions, short: bool,
) -> MeanOptions:  # fmt: skip
    """Choose smoothing, voting frames and threshold on the left-out subjects, as the paper did.

    Tables 6 to 8 compare settings by their score on the very subjects that are left out, and the
    best is what the other tables report. The setting of the highest STRS is returned; of equal
    ones the first of `ORACLE_GRID`.
    """
    thresholds = (options.p,) if short else ORACLE_GRID["p"]
    settings = [
        replace(options, smoothing=smoothing, smoothing_width=width, vote=vote, p=p)
        for (smoothing, width), vote, p in product(
            ORACLE_GRID["smoothing"], ORACLE_GRID["vote"], thresholds
        )
    ]

    scores = video_scores(frames)

    def score(setting: MeanOptions) -> float:
        found = find_emotions(scores, items, setting, short)
        counts = count_by_subject(found, items, classes, setting)
        return float(measure({k: v.sum(axis=0) for k, v in counts.items()})["strs"])

    return max(settings, key=score)
