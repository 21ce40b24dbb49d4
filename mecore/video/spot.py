"""One video, spotted by rules that learn nothing: intervals, frame scores, and a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from tqdm import tqdm

from mecore.data.files import write_whole
from mecore.data.frames import FrameSource, Image, image_folder, stream_video, video_file
from mecore.errors import DataError
from mecore.preprocessing.registration import Registered, register_clip
from mecore.report.style import COLOURS, styled
from mecore.spotting.learning_free import Floats, Spotted, frame_scores, method, spot


@dataclass(frozen=True)
class SpotReport:
    """What was found: intervals, a summary to print, and the files that hold it."""

    intervals: pd.DataFrame
    summary: str
    files: list[Path]


def spot_video(
    video: Path,
    name: str,
    out: Path,
    *,
    fps: float | None = None,
    p: float | None = None,
    floor: float | None = None,
) -> SpotReport:
    """Spot micro-expressions in one video.

    Parameters
    ----------
    video : Path
        Video file, or folder of images numbered from 1.
    name : {"chi2", "mdmd", "mdmd-released", "flow-peaks"}
        Spotter.
    out : Path
        Folder for ``intervals.csv``, ``frames.csv`` and ``scores.png``.
    fps : float, optional
        Frame rate, where the file states it wrongly; needed for a folder.
    p, floor
        See `mecore.spotting.learning_free.spot`.

    Raises
    ------
    DataError, FaceError, OptionError
        No such video or spotter, no face, or fewer frames than the spotter needs.
    """
    spotter = method(name)
    source = _open(video, fps)
    # One core for OpenCV's many small calls is faster than several that wait for each other.
    cv2.setNumThreads(1)
    seen = register_clip(_progress(source), where=video)
    try:
        scores = frame_scores(seen.clip, name, source.fps, broken=seen.broken)
    except DataError as error:
        raise DataError(
            error.what, where=video, todo="mecore spot --method flow-peaks needs the fewest"
        ) from error
    found = spot(scores, name, source.fps, p, floor)
    table = _table(found, source.fps)
    title = f"{video.name}, {spotter.title}"
    files = _write(table, scores, found, source.fps, out, title)
    return SpotReport(table, _summary(table, seen, source.fps, spotter.title), files)


def _open(video: Path, fps: float | None) -> FrameSource:
    if not video.is_dir():
        return video_file(video, fps)
    if fps is None:
        raise DataError(
            "a folder of images states no frame rate", where=video, todo="give it with --fps"
        )
    names = sorted(p.name for p in video.iterdir() if p.stem[-1:].isdigit())
    if not names:
        raise DataError("no numbered image in this folder", where=video)
    stem = Path(names[0]).stem.rstrip("0123456789")
    return image_folder(video, f"{stem}{{frame}}{Path(names[0]).suffix}", fps)


def _progress(source: FrameSource) -> Iterator[Image]:
    frames = iter(source) if source.path.is_dir() else stream_video(source.path)
    hidden = not sys.stderr.isatty()
    return iter(tqdm(frames, total=len(source) or None, desc="frames", disable=hidden, leave=False))


def _table(found: Spotted, fps: float) -> pd.DataFrame:
    table = pd.DataFrame(
        {"onset": found.intervals[:, 0], "apex": found.apexes, "offset": found.intervals[:, 1],
         "onset_s": found.intervals[:, 0] / fps, "offset_s": (found.intervals[:, 1] + 1) / fps,
         "score": found.scores}
    )  # fmt: skip
    return table.round({"onset_s": 3, "offset_s": 3, "score": 6})


def _summary(table: pd.DataFrame, seen: Registered, fps: float, title: str) -> str:
    lines = [f"{len(seen.clip)} frames at {fps:g} per second, {title}"]
    for state, what in (("lost", "No face in"), ("found again", "Face lost and found again in")):
        if seen.states.get(state):
            lines.append(f"{what} {seen.states[state]} frames; nothing is spotted near them")
    if table.empty:
        return "\n".join([*lines, "Nothing stands out of the scores."])
    return "\n".join([*lines, table.to_string(index=False)])


def _write(
    table: pd.DataFrame, scores: Floats, found: Spotted, fps: float, out: Path, title: str
) -> list[Path]:
    frames = pd.DataFrame({"frame": np.arange(len(scores)), "score": scores.round(6)})
    for name, part in {"intervals.csv": table, "frames.csv": frames}.items():
        write_whole(out / name, lambda aside, t=part: t.to_csv(aside, index=False))  # type: ignore[misc]
    with styled():
        fig, ax = plt.subplots(figsize=(10, 3))
        for onset, offset in found.intervals:
            ax.axvspan(onset / fps, (offset + 1) / fps, color=COLOURS["orange"], alpha=0.3, lw=0)
        ax.plot(frames.frame / fps, scores, color=COLOURS["blue"], lw=1.2)
        ax.plot(found.apexes / fps, found.scores, "v", color=COLOURS["red"], ms=6)
        ax.set(xlabel="seconds", ylabel="score", title=title, xlim=(0, len(scores) / fps))
        write_whole(out / "scores.png", lambda aside: fig.savefig(aside, metadata={"Software": ""}))
        plt.close(fig)
    return [out / "intervals.csv", out / "frames.csv", out / "scores.png"]
