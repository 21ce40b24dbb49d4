"""The report on one video, by whatever method: tables, a picture of the scores, a summary."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from tqdm import tqdm

from mecore.data.files import write_whole
from mecore.data.frames import FrameSource, Image, image_folder, stream_video, video_file
from mecore.data.guess import image_pattern
from mecore.errors import DataError
from mecore.report.style import COLOURS, styled

MOST_FACES = 6
_LISTED = ("onset", "apex", "offset", "onset_s", "offset_s", "emotion", "score")


@dataclass(frozen=True)
class Report:
    """What was found in one video, and what is said of it.

    ``intervals`` has one row per micro-expression: onset, apex, offset (frames from 0, inclusive),
    the same in seconds, score, and what else the method says of it; ``frames`` one per frame:
    frame, score (missing where it has none), and what else there is. ``summary`` is to be printed;
    ``files`` are ``intervals.csv``, ``frames.csv`` and ``scores.png``.
    """

    intervals: pd.DataFrame
    frames: pd.DataFrame
    summary: str
    files: list[Path]


def open_video(video: Path, fps: float | None = None) -> FrameSource:
    """Open a video file that OpenCV reads, or a folder of numbered images.

    ``fps`` is the frames per second, where a file states it wrongly; needed for a folder.

    Raises
    ------
    DataError
        No such video, no numbered image in the folder, or no frame rate.
    """
    if not video.is_dir():
        return video_file(video, fps)
    if fps is None:
        raise DataError(
            "a folder of images states no frame rate", where=video, todo="give it with --fps"
        )
    pattern, first = image_pattern(video)
    return image_folder(video, pattern, fps, first)


def watched(source: FrameSource) -> Iterator[Image]:
    """Yield all frames of a video, whatever its header says, with a progress bar in a terminal."""
    frames = source if source.path.is_dir() else stream_video(source.path)
    hidden = not sys.stderr.isatty()
    return iter(tqdm(frames, total=len(source) or None, desc="frames", disable=hidden, leave=False))


def write_report(
    out: Path, title: str, intervals: pd.DataFrame, frames: pd.DataFrame, fps: float,
    notes: Sequence[str], face: Callable[[int], Image] | None = None,
) -> Report:  # fmt: skip
    """Write tables and picture (`draw_report`) into a folder, which is made if need be.

    ``notes`` are lines of the summary before the intervals.
    """
    files = [out / name for name in ("intervals.csv", "frames.csv", "scores.png")]
    write_whole(files[0], lambda aside: intervals.to_csv(aside, index=False))
    write_whole(files[1], lambda aside: frames.round(6).to_csv(aside, index=False))
    with styled():
        figure = draw_report(intervals, frames, fps, title, face)
        write_whole(files[2], lambda aside: figure.savefig(aside, metadata={"Software": None}))
        plt.close(figure)
    listed = intervals.filter(items=_LISTED).round({"score": 3}).to_string(index=False)
    listed = listed if len(intervals) else "Nothing stands out of the scores."
    return Report(intervals, frames, "\n".join([*notes, listed]), files)


def draw_report(
    intervals: pd.DataFrame, frames: pd.DataFrame, fps: float, title: str,
    face: Callable[[int], Image] | None = None,
) -> plt.Figure:  # fmt: skip
    """Score curve with spotted intervals, and below it onset | apex of the highest ones.

    For intervals and frames see `Report`; ``face`` takes the number of a frame and gives its face
    (S, S, 3) of uint8; without it, none is shown.
    """
    best = intervals.nlargest(MOST_FACES if face else 0, "score").sort_index()
    figure = plt.figure(figsize=(11, 6.4 if len(best) else 4.2))
    figure.suptitle(title)
    grid = figure.add_gridspec(2, max(len(best), 1), height_ratios=[1.5, 1])
    curve = figure.add_subplot(grid[0 if len(best) else slice(None), :])
    draw_scores(curve, intervals, frames, fps)
    for column, row in enumerate(best.to_dict("records")):
        ax = figure.add_subplot(grid[1, column], xticks=[], yticks=[])
        ax.imshow(np.hstack([face(row["onset"]), face(row["apex"])]))  # type: ignore[misc]
        named = f"{row.get('emotion', '')} {row['score']:.2f}"
        ax.set_title(f"frames {row['onset']} | {row['apex']}\n{named}", fontsize=9)
    return figure


def draw_scores(ax: Axes, intervals: pd.DataFrame, frames: pd.DataFrame, fps: float) -> Axes:
    """Draw scores against seconds: raw, smoothed, threshold, intervals, frames without a face."""
    seconds, smoothed = frames.frame / fps, "smoothed" in frames
    ax.plot(seconds, frames.score, color="0.75" if smoothed else COLOURS["blue"],
            lw=0.8 if smoothed else 1.2, label="score of a frame")  # fmt: skip
    if smoothed:
        ax.plot(seconds, frames.smoothed, color=COLOURS["blue"], lw=1.6, label="smoothed")
        # Where another stretch begins, with another threshold, the line is broken.
        level = frames.threshold.mask(frames.threshold != frames.threshold.shift())
        ax.plot(seconds, level, color=COLOURS["red"], lw=1, ls="--", label="threshold")
        label = "" if frames.face.all() else "no face"
        ax.fill_between(seconds, 0, 1, ~frames.face, transform=ax.get_xaxis_transform(), fc="0.92",
                        ec="0.7", hatch="//", lw=0, label=label)  # fmt: skip
    for number, row in enumerate(intervals.itertuples()):
        label = "" if number else "spotted interval"
        ax.axvspan(row.onset_s, row.offset_s, color=COLOURS["sky"], alpha=0.35, lw=0, label=label)
        ax.annotate(getattr(row, "emotion", "▾"), (row.apex / fps, row.score), xytext=(0, 6),
                    textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
    ax.set(xlabel="seconds", ylabel="score", xlim=(0, max(seconds.iloc[-1], 1e-3)))
    ax.margins(y=0.18)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, frameon=False)
    return ax
