"""The report on one video: tables of intervals and frames, and a picture of the score curve."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray
from tqdm import tqdm

from mecore.data.files import write_whole
from mecore.data.frames import FrameSource, stream_video, video_file
from mecore.descriptors.flow.engines import Engine
from mecore.models.mean.options import preset
from mecore.preprocessing.crop import cut_face
from mecore.preprocessing.faces import Box
from mecore.report.style import COLOURS, styled
from mecore.video.analyze import Analysis, Stretch, Which, half_length, score_video, spot

Image = NDArray[np.uint8]
MOST_FACES = 6


@dataclass(frozen=True)
class Report:
    """What was written, and what to tell the user."""

    analysis: Analysis
    files: list[Path]
    summary: str


def analyze_video(
    video: Path,
    weights: str,
    out: Path,
    *,
    face: Which = "only",
    fps: float | None = None,
    p: float = 0.55,
    engine: Engine = "dual",
) -> Report:
    """Find micro-expressions in a video file and report them.

    Parameters
    ----------
    video : Path
        Any file that OpenCV reads.
    weights : str
        Set of published networks, see `mecore.models.mean.weights.SETS`.
    out : Path
        Folder for ``intervals.csv``, ``frames.csv`` and ``scores.png``.
    face : {"only", "largest"}
        What to do with several faces.
    fps : float, optional
        Frame rate, where the file states it wrongly.
    p : float
        Threshold between mean and maximum of the scores.
    engine : {"dual", "opencv", "fast", "graph", "dis"}
        Optical flow. The networks were trained on that of OpenCV and know its errors, which
        ``dual`` repeats; on another flow they give other scores.

    Raises
    ------
    DataError, FaceError, ExternalFileError
        No such video, no face in it, weights not there.
    """
    from mecore import runtime
    from mecore.models.mean.weights import SETS, published_networks

    source = video_file(video, fps)
    runtime.configure()
    networks = published_networks(weights)
    about = SETS[weights]
    options = replace(preset("as_released"), engine=engine, faces=face, p=p, clip=True,
                      smoothing="normalised", without_peak="nothing")  # fmt: skip
    # One thread per pair: OpenCV's own would compete with them for the same cores.
    cv2.setNumThreads(1)
    stretches = score_video(source, _progress(source), networks, options, os.cpu_count() or 1)
    half = half_length(source.fps, about["k_prime"], about["fps"])
    analysis = spot(stretches, source.fps, half, about["classes"], options)
    files = _write(analysis, source, stretches, out, f"{video.name}, weights {weights}")
    return Report(analysis, files, _summary(analysis, source, len(networks), weights))


def _progress(source: FrameSource) -> Iterator[Image]:
    frames = stream_video(source.path)
    hidden = not sys.stderr.isatty()
    return iter(tqdm(frames, total=len(source) or None, desc="frames", disable=hidden, leave=False))


def _summary(analysis: Analysis, source: FrameSource, n: int, weights: str) -> str:
    frames, intervals = analysis.frames, analysis.intervals
    lines = [f"{len(frames)} frames at {source.fps:g} per second, {n} networks of {weights}"]
    missing = frames[~frames.face]
    if len(missing):
        lines.append(f"No face in {len(missing)} frames: {_runs(missing.frame.to_numpy())}")
    short = frames[frames.face & frames.score.isna().groupby(_stretch(frames)).transform("all")]
    if len(short):
        lines.append(f"Too short a stretch to score: {_runs(short.frame.to_numpy())}")
    if intervals.empty:
        return "\n".join([*lines, "No interval stands out of the scores."])
    shown = intervals[["onset", "apex", "offset", "onset_s", "offset_s", "emotion", "score"]]
    return "\n".join([*lines, shown.round({"score": 3}).to_string(index=False)])


def _stretch(frames: pd.DataFrame) -> pd.Series:
    """Number the stretches: they differ in their threshold, which is missing without a face."""
    threshold = frames.threshold.fillna(-1)
    return threshold.ne(threshold.shift()).cumsum()


def _runs(frames: NDArray[np.int64]) -> str:
    """Frame numbers as ranges.

    Examples
    --------
    >>> _runs(np.array([0, 1, 2, 7, 9, 10]))
    '0-2, 7, 9-10'
    """
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return ", ".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts if len(p))


def _write(
    analysis: Analysis, source: FrameSource, stretches: list[Stretch], out: Path, title: str
) -> list[Path]:
    tables = {"intervals.csv": analysis.intervals, "frames.csv": analysis.frames.round(6)}
    for name, table in tables.items():
        write_whole(out / name, lambda aside, t=table: t.to_csv(aside, index=False))  # type: ignore[misc]
    faces = apex_faces(analysis, source, stretches)
    with styled():
        figure = draw_report(analysis, faces, title)
        write_whole(out / "scores.png", lambda aside: figure.savefig(aside, format="png"))
        plt.close(figure)
    return [out / name for name in (*tables, "scores.png")]


def apex_faces(
    analysis: Analysis, source: FrameSource, stretches: list[Stretch]
) -> list[tuple[Image, Image]]:
    """Face at onset and apex of the highest intervals, in order of time; read in a second pass."""
    best = analysis.intervals.nlargest(MOST_FACES, "score").sort_index()
    wanted = {int(i) for i in {*best.onset, *best.apex}}
    boxes: dict[int, Box] = {}
    for s in stretches:
        boxes |= {i: s.box for i in wanted if s.box is not None and s.start <= i < s.stop}
    last, faces = max(wanted, default=-1), {}
    for index, frame in enumerate(stream_video(source.path) if wanted else ()):
        if index in wanted:
            faces[index] = cut_face(frame, boxes[index], 160)
        if index == last:
            break
    return [(faces[i], faces[j]) for i, j in zip(best.onset, best.apex, strict=True)]


def draw_report(analysis: Analysis, faces: list[tuple[Image, Image]], title: str) -> plt.Figure:
    """Score curve with spotted intervals, and below it onset | apex of the highest ones."""
    columns = max(len(faces), 1)
    figure = plt.figure(figsize=(11, 4.2 if not faces else 6.4))
    grid = figure.add_gridspec(
        2 if faces else 1, columns, height_ratios=[1.5, 1][: 2 if faces else 1]
    )
    figure.suptitle(title)
    draw_scores(figure.add_subplot(grid[0, :]), analysis)
    best = analysis.intervals.nlargest(MOST_FACES, "score").sort_index()
    for column, (pair, row) in enumerate(zip(faces, best.itertuples(), strict=True)):
        ax = figure.add_subplot(grid[1, column])
        ax.imshow(np.hstack(pair))
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"frames {row.onset} | {row.apex}\n{row.emotion} {row.score:.2f}", fontsize=9)
    return figure


def draw_scores(ax: Axes, analysis: Analysis) -> Axes:
    """Draw scores against seconds: raw, smoothed, threshold, intervals, frames without a face."""
    frames, intervals = analysis.frames, analysis.intervals
    ax.plot(frames.seconds, frames.score, color="0.75", lw=0.8, label="score of a frame")
    ax.plot(frames.seconds, frames.smoothed, color=COLOURS["blue"], lw=1.6, label="smoothed")
    for number, (_, part) in enumerate(frames.groupby(_stretch(frames))):
        label = None if number else "threshold"
        ax.plot(part.seconds, part.threshold, color=COLOURS["red"], lw=1, ls="--", label=label)
    for number, row in enumerate(intervals.itertuples()):
        label = "spotted interval" if not number else None
        ax.axvspan(row.onset_s, row.offset_s, color=COLOURS["sky"], alpha=0.35, lw=0, label=label)
        ax.annotate(row.emotion, (row.apex_s, row.score), xytext=(0, 6), ha="center",
                    textcoords="offset points", fontsize=8)  # fmt: skip
    for number, (_, part) in enumerate(frames[~frames.face].groupby(_stretch(frames))):
        label = "no face" if not number else None
        seconds = part.seconds.iloc[[0, -1]]
        ax.axvspan(*seconds, fc="0.92", ec="0.7", hatch="//", lw=0, label=label)
    ax.set(xlabel="seconds", ylabel="score", xlim=(0, max(frames.seconds.iloc[-1], 1e-3)))
    ax.margins(y=0.18)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, frameon=False)
    return ax
