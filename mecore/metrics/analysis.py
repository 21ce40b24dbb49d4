"""Spot-then-recognise: the emotion of spotted intervals, and both tasks in one score.

Convention (Liong, See, Chan 2022, sections 4.2 and 5). Two ways of scoring the emotions:

``"true_positives"``
    Only intervals matched with an annotation at IoU >= 0.5 are scored, each against the emotion of
    its annotation (Tables 5, 8; the one that STRS multiplies). How many samples that leaves
    depends on the spotter: read the score beside its ``n``.
``"all_spotted"``
    Short videos: the one spotted interval of each video is scored against the label of the video,
    whether it overlaps the expression or not (Tables 2, 3).

Annotated samples whose emotion is not among the classes («others») take part in spotting and are
left out of recognition. A predicted emotion must be one of the classes.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mecore.errors import check_option
from mecore.metrics import recognition, spotting
from mecore.metrics.intervals import as_intervals
from mecore.metrics.matching import MatchRule, match_intervals

Scoring: TypeAlias = Literal["true_positives", "all_spotted"]


class AnalysedVideo(NamedTuple):
    """Inclusive intervals (n, 2) of one video and their emotions (n,), predicted and annotated."""

    predicted: ArrayLike
    predicted_emotions: ArrayLike
    annotated: ArrayLike
    annotated_emotions: ArrayLike


def _validate(number: int, video: AnalysedVideo, labels: Sequence[object]) -> None:
    sides = {"predicted": video[:2], "annotated": video[2:]}
    for name, (intervals, emotions) in sides.items():
        where = f"video {number}, {name}"
        n_intervals, shape = len(as_intervals(intervals, where)), np.asarray(emotions).shape
        if shape != (n_intervals,):
            raise ValueError(f"{where}: {n_intervals} intervals but emotions of shape {shape}")
    if pd.isna(np.asarray(video.annotated_emotions, object)).any():
        raise ValueError(f"video {number}, annotated: an emotion is missing; name it, if other")
    for emotion in np.asarray(video.predicted_emotions).tolist():
        if emotion not in labels:
            raise ValueError(
                f"video {number}: predicted emotion {emotion!r} is not among {list(labels)}"
            )


def strs(f1_spotting: float, f1_recognition: float) -> float:
    """Spot-then-recognise score: the product of the two F1 scores (Eq. 24), each in [0, 1].

    The second is the harmonic mean of mean precision and mean recall on the true positives
    (:func:`mecore.metrics.recognition.f1_of_means`), not UF1.
    """
    recognition.check_share(f1_spotting, "f1_spotting")
    recognition.check_share(f1_recognition, "f1_recognition")
    return f1_spotting * f1_recognition


def scored_emotions(
    videos: Sequence[AnalysedVideo],
    labels: Sequence[object],
    *,
    scoring: Scoring = "true_positives",
    iou: float = 0.5,
    rule: MatchRule = "maximum",
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Pair every scored interval with the emotion it should have.

    Parameters
    ----------
    videos, labels, scoring : sequence of AnalysedVideo, sequence, and str
        What is scored, its classes, and how; see the head of this module.
    iou, rule
        How intervals are matched; of no effect on ``"all_spotted"``.

    Returns
    -------
    truth, predicted : ndarray of object, shape (n,)
        One entry per scored interval, in the order of the videos. ValueError for intervals that are
        none, a number of emotions that is not theirs, an annotated emotion that is missing, or a
        predicted one that is no label; ``"all_spotted"``: more than one predicted interval, or not
        exactly one annotated.
    """
    check_option(scoring, get_args(Scoring), "scoring", ValueError)
    for number, video in enumerate(videos):
        _validate(number, video, labels)
    truth: list[object] = []
    predicted: list[object] = []
    for number, video in enumerate(videos):
        if scoring == "all_spotted":
            matches = _only_one(video, number)
        else:
            matches = match_intervals(video.predicted, video.annotated, iou, rule)
        annotated_emotions = np.asarray(video.annotated_emotions).tolist()
        predicted_emotions = np.asarray(video.predicted_emotions).tolist()
        for prediction, annotation in enumerate(matches.tolist()):
            if annotation >= 0 and annotated_emotions[annotation] in labels:
                truth.append(annotated_emotions[annotation])
                predicted.append(predicted_emotions[prediction])
    return np.array(truth, object), np.array(predicted, object)


def _only_one(video: AnalysedVideo, number: int) -> NDArray[np.int64]:
    """Give the one prediction of a short video its one expression."""
    n_predicted = len(as_intervals(video.predicted))
    n_annotated = len(as_intervals(video.annotated))
    if n_predicted > 1 or n_annotated != 1:
        raise ValueError(
            f"video {number}: scoring='all_spotted' is for short videos with one expression and at "
            f"most one spotted interval; found {n_annotated} and {n_predicted}"
        )
    return np.zeros(n_predicted, np.int64)


def evaluate(
    videos: Sequence[AnalysedVideo],
    labels: Sequence[object],
    *,
    scoring: Scoring = "true_positives",
    iou: float = 0.5,
    rule: MatchRule = "maximum",
) -> dict[str, float]:
    """Spotting, recognition of what was spotted, and their product; see `scored_emotions`.

    Returns
    -------
    dict
        The measures of ``spotting.evaluate`` with the prefix ``spotting_``, those of
        ``recognition.evaluate`` with the prefix ``recognition_``, ``n_left_out`` (matched samples
        of other emotions) and, when true positives are scored, ``strs``. Scoring all spotted
        intervals gives no ``strs``, because Eq. 24 is not defined on them.
    """
    truth, predicted = scored_emotions(videos, labels, scoring=scoring, iou=iou, rule=rule)
    intervals = [(video.predicted, video.annotated) for video in videos]
    spotted = spotting.evaluate(intervals, iou=iou, rule=rule)
    recognised = recognition.evaluate(truth, predicted, labels)
    only_hits = scoring == "true_positives"
    n_candidates = spotted["tp"] if only_hits else spotted["n_predicted"]
    result = {f"spotting_{name}": value for name, value in spotted.items()}
    result |= {f"recognition_{name}": value for name, value in recognised.items()}
    result["n_left_out"] = n_candidates - recognised["n"]
    if only_hits:
        result["strs"] = strs(spotted["f1"], recognised["f1_of_means"])
    return result
