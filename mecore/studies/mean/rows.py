"""From what MEAN says of each frame to rows: spotted intervals with emotions, beside the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.videos import VideoItem
from mecore.models.mean.options import MeanOptions
from mecore.spotting.intervals import peak_intervals, vote_emotions
from mecore.spotting.peaks import find_peaks
from mecore.spotting.smoothing import smooth

Floats = NDArray[np.float32]


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


def interval_rows(
    frames: pd.DataFrame,
    items: Sequence[VideoItem],
    classes: Sequence[str],
    options: MeanOptions,
    short: bool,
    head: str = "p",
) -> pd.DataFrame:
    """Spotted and annotated intervals of some videos.

    Parameters
    ----------
    frames : DataFrame
        See `frame_table`, with a column ``k_prime``.
    items : sequence of VideoItem
        The videos.
    classes : sequence of str
        Names in the order of the probabilities.
    options : MeanOptions
        Only the group ``spotting`` matters.
    short : bool
        One peak per video, without threshold.
    head : {"p", "alone"}
        Which probabilities vote.

    Returns
    -------
    DataFrame
        subject, video, source (``spotted`` or ``annotated``), sample, onset, apex, offset, score,
        emotion (class, or missing where an annotated emotion is in none), p_<class> ….
    """
    tables = dict(iter(frames.groupby(["subject", "video"], sort=False)))
    rows: list[dict[str, Any]] = []
    for item in items:
        rows += _annotated(item)
        rows += _spotted(item, tables[item.subject, item.video], classes, options, short, head)
    columns = [
        "subject",
        "video",
        "source",
        "sample",
        "onset",
        "apex",
        "offset",
        "score",
        "emotion",
    ]
    table = pd.DataFrame(rows, columns=[*columns, *(f"p_{c}" for c in classes)])
    return table.astype(dict.fromkeys(("onset", "apex", "offset"), "Int64") | {"score": float})


def _annotated(item: VideoItem) -> list[dict[str, Any]]:
    return [
        {"subject": item.subject, "video": item.video, "source": "annotated", "sample": e.sample,
         "onset": e.onset, "apex": e.apex, "offset": e.offset, "emotion": e.label}
        for e in item.expressions
    ]  # fmt: skip


def _spotted(
    item: VideoItem,
    frames: pd.DataFrame,
    classes: Sequence[str],
    options: MeanOptions,
    short: bool,
    head: str,
) -> Iterable[dict[str, Any]]:
    half = int(frames.k_prime.iloc[0])
    smoothed = smooth(frames.spot, half, method=options.smoothing, width=options.smoothing_width)
    peaks = find_peaks(smoothed, half, p=options.p, single=short)
    intervals = peak_intervals(
        peaks, half, rule=options.interval, without_peak=options.without_peak,
        clip_to=item.n_frames if options.clip else None,
    )  # fmt: skip
    if not len(peaks):
        # The dummy interval of the released code stands at frame 0, where no peak is.
        peaks = np.zeros(len(intervals), int)
        smoothed = np.nan_to_num(smoothed)
    probabilities = frames[[f"{head}{c}" for c in range(len(classes))]].to_numpy()
    elected, means = vote_emotions(probabilities, peaks, half, part=options.vote)
    for peak, (onset, offset), emotion, mean in zip(peaks, intervals, elected, means, strict=True):
        yield {
            "subject": item.subject, "video": item.video, "source": "spotted",
            "onset": onset, "apex": peak, "offset": offset, "score": float(smoothed[peak]),
            "emotion": classes[emotion],
        } | {f"p_{c}": m for c, m in zip(classes, mean, strict=True)}  # fmt: skip
