"""From what MEAN says of each frame to intervals with emotions, to rows, and to counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.videos import Expression, VideoItem
from mecore.metrics import recognition, spotting
from mecore.metrics.matching import match_intervals
from mecore.models.mean.options import MeanOptions
from mecore.spotting.intervals import SpottedEmotions, spot_emotions

Floats = NDArray[np.float32]
Found = Mapping[str, SpottedEmotions]
VideoScores = tuple[NDArray[np.float64], NDArray[np.float64], int]
Counts = dict[str, NDArray[np.float64]]


def frame_table(
    item: VideoItem, score: Floats, classes: Floats, alone: Floats | None = None
) -> pd.DataFrame:
    """One row per frame of a video: its spotting score (n,) and class probabilities (n, C).

    Probabilities are kept as ``p0``, ``p1``, …; those of the network without transfer, if there is
    one, as ``alone0``, ``alone1``, ….
    """
    table = pd.DataFrame({"subject": item.subject, "video": item.video, "frame": range(len(score))})
    table["spot"] = score
    for name, values in (("p", classes), ("alone", alone)):
        for c, column in enumerate(values.T if values is not None else ()):
            table[f"{name}{c}"] = column
    return table


def video_scores(frames: pd.DataFrame, head: str = "p") -> dict[str, VideoScores]:
    """Scores (n,), class probabilities (n, C) and k' of each video, by its key.

    Frames are those of `frame_table` with a column ``k_prime``; the probabilities of the ``head``,
    ``"p"`` or ``"alone"``, vote.
    """
    columns = [c for c in frames if c.startswith(head) and c.removeprefix(head).isdigit()]
    return {
        f"{subject}/{video}": (
            own.spot.to_numpy(),
            own[columns].to_numpy(),
            int(own.k_prime.iloc[0]),
        )
        for (subject, video), own in frames.groupby(["subject", "video"], sort=False)
    }


def find_emotions(
    scores: Mapping[str, VideoScores], items: Iterable[VideoItem], options: MeanOptions, short: bool
) -> dict[str, SpottedEmotions]:
    """Spot every video and name the emotions, by the key of the video.

    Of the options the group ``spotting`` matters; ``short`` videos have one peak, no threshold.
    """
    return {
        item.key: spot_emotions(*scores[item.key], options, n_frames=item.n_frames, single=short)
        for item in items
    }


def interval_rows(
    frames: pd.DataFrame, items: Sequence[VideoItem], classes: Sequence[str],
    options: MeanOptions, short: bool,
) -> pd.DataFrame:  # fmt: skip
    """Spotted and annotated intervals of some videos, of frames as `video_scores` takes them.

    Columns: subject, video, source (``spotted`` or ``annotated``), sample, onset, apex, offset,
    score, emotion (class, or missing where an annotated emotion is in none), p_<class> ….
    """
    found = find_emotions(video_scores(frames), items, options, short)
    means = [f"p_{c}" for c in classes]
    rows: list[dict[str, Any]] = []
    for item in items:
        who = {"subject": item.subject, "video": item.video}
        annotated, spotted = who | {"source": "annotated"}, who | {"source": "spotted"}
        rows += [annotated | vars(e) | {"emotion": e.label} for e in item.expressions]
        own = found[item.key]
        rows += [
            {**spotted, "onset": onset, "apex": peak, "offset": offset, "score": float(score),
             "emotion": classes[emotion], **dict(zip(means, probabilities, strict=True))}
            for peak, (onset, offset), score, emotion, probabilities in zip(
                own.peaks, own.intervals, own.scores, own.classes, own.probabilities, strict=True
            )
        ]  # fmt: skip
    columns = ["subject", "video", "source", "sample", "onset", "apex", "offset", "score",
               "emotion", *means]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(("onset", "apex", "offset"), "Int64") | {"score": float})


def count_by_subject(
    found: Found, items: Sequence[VideoItem], classes: Sequence[str], options: MeanOptions
) -> Counts:
    """Counts of each subject, in the sorted order of the subjects.

    ``spotting`` (S, 3): true positives, false positives, false negatives. ``hits`` (S, C, C):
    confusion of the emotions of true positives. Of videos with exactly one expression, as Tables 2
    and 3 of the paper score them: ``all`` (S, C, C), confusion whether it was hit or not; ``apex``
    (S, 4): videos, apexes strictly inside, known apexes, frames off them.
    """
    subjects = sorted({i.subject for i in items})
    shape = (len(subjects), len(classes), len(classes))
    counts = {"spotting": np.zeros((len(subjects), 3)), "hits": np.zeros(shape),
              "all": np.zeros(shape), "apex": np.zeros((len(subjects), 4))}  # fmt: skip
    for item in items:
        s, own = subjects.index(item.subject), found[item.key]
        labels = [e.label for e in item.expressions]
        matches = match_intervals(own.intervals, item.intervals, rule=options.matching)
        hits = [(labels[a], own.classes[p]) for p, a in enumerate(matches) if a >= 0]
        counts["spotting"][s] += len(hits), len(matches) - len(hits), len(labels) - len(hits)
        _count(counts["hits"][s], hits, classes)
        if len(labels) == 1 and len(own.peaks) <= 1:
            _count(counts["all"][s], [(labels[0], emotion) for emotion in own.classes], classes)
            counts["apex"][s] += _apex_counts(item.expressions[0], own.peaks)
    return counts


def _count(confusion: Any, pairs: Iterable[tuple[Any, int]], classes: Sequence[str]) -> None:
    """Count annotated and elected emotions; those of no class are not recognised."""
    for label, emotion in pairs:
        if label is not None:
            confusion[classes.index(label), emotion] += 1


def _apex_counts(only: Expression, peaks: NDArray[np.int64]) -> tuple[int, int, int, int]:
    """Video, apex strictly inside, known apex, frames off it; of at most one peak."""
    inside = sum(only.onset < peak < only.offset for peak in peaks)
    off = [abs(int(peak) - only.apex) for peak in peaks if only.apex is not None]
    return 1, inside, len(off), sum(off)


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
