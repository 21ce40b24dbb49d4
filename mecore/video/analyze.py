"""One video in, micro-expression intervals with emotions out: MEAN with its published weights.

Frames are read once and kept no longer than a pair needs them, so memory does not grow with the
length of the video. Stretches without a face are left out and named.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, groupby, islice
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.descriptors.flow.engines import Engine, flow_stream
from mecore.errors import FaceError
from mecore.models.mean.inputs import CROP, crop_landmarks, flow_inputs
from mecore.models.mean.options import MeanOptions, preset
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import Box
from mecore.spotting.intervals import spot_emotions
from mecore.spotting.labels import flow_distance
from mecore.spotting.peaks import threshold
from mecore.spotting.smoothing import smooth
from mecore.video.faces import FacePictures, Placed, Which, face_boxes, may_show
from mecore.video.report import Report, open_video, watched, write_report

if TYPE_CHECKING:
    from mecore.models.mean.stacked import MeanStack

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
T = TypeVar("T")
BATCH = 64


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames with one face in one place, or without a face.

    ``start`` is the first frame, ``stop`` that behind the last, ``box`` the face in the first one.
    ``scores`` (n,) are those of frames ``start`` … ``stop - k - 1``, none where the stretch is too
    short; ``classes`` (n, C) the class probabilities of the same frames.
    """

    start: int
    stop: int
    box: Box | None
    scores: Floats
    classes: Floats


def analyze_video(
    video: Path, weights: str, out: Path, *, face: Which = "only", fps: float | None = None,
    p: float = 0.55, engine: Engine = "dual",
) -> Report:  # fmt: skip
    """Find micro-expressions in a video and report them.

    Parameters
    ----------
    video, fps
        See `mecore.video.report.open_video`; read once.
    weights : str
        Set of published networks, see `mecore.models.mean.weights.SETS`.
    out : Path
        Folder for ``intervals.csv``, ``frames.csv`` and ``scores.png``.
    face : {"only", "largest"}
        What to do with several faces.
    p : float
        Threshold between mean (0) and maximum (1) of the scores.
    engine : {"dual", "opencv", "fast", "graph", "dis"}
        Optical flow. The networks were trained on that of OpenCV and know its errors, which
        ``dual`` repeats; on another flow they give other scores.

    Raises
    ------
    DataError, FaceError, ExternalFileError, OptionError
        No such video, no face in it, weights not there, no such option.
    """
    from mecore.models.mean.stacked import MeanStack
    from mecore.models.mean.weights import SETS, published_networks

    options = preset("as_released", engine=engine, faces=face, p=p, clip=True,
                     smoothing="normalised", without_peak="nothing")  # fmt: skip
    source, shown = open_video(video, fps), may_show(video)
    stack = MeanStack(published_networks(weights), options)
    about = SETS[weights]
    half = half_length(source.fps, about["k_prime"], about["fps"])
    title = f"{video.name}, weights {weights}"
    with TemporaryFile() as file:
        pictures = FacePictures(file)
        placed = face_boxes(watched(source), source.fps, face, video)
        placed = pictures.keep(placed) if shown else placed
        stretches = score_video(placed, source.fps, stack, options, os.cpu_count() or 1, video)
        intervals, frames = spot(stretches, source.fps, half, about["classes"], options)
        notes = [f"{len(frames)} frames at {source.fps:g} per second, {stack.size} networks of "
                 f"{weights}", *_left_out(stretches)]  # fmt: skip
        if not shown:
            notes.append("No face is shown: the video lies in the folder of a licensed database")
        picture = pictures if shown else None
        return write_report(out, title, intervals, frames, source.fps, notes, picture)


def _left_out(stretches: Sequence[Stretch]) -> Iterator[str]:
    for what, left in (
        ("No face in", [s for s in stretches if s.box is None]),
        ("Too short a stretch to score,", [s for s in stretches if s.box and not len(s.scores)]),
    ):
        spans = ", ".join(f"{s.start}-{s.stop - 1}" for s in left)
        if left:
            yield f"{what} {sum(s.stop - s.start for s in left)} frames: {spans}"


def score_video(
    placed: Iterable[Placed], fps: float, stack: "MeanStack", options: MeanOptions,
    threads: int = 1, where: object = None,
) -> list[Stretch]:  # fmt: skip
    """Score every frame of a video with the mean of some networks.

    Parameters
    ----------
    placed : iterable of (array, (H, W, 3), uint8; Box or None)
        Its frames from the first to the last, see `mecore.video.faces.face_boxes`; read once.
    fps : float
        Frames per second.
    options : MeanOptions
        Only the group ``features`` matters.
    threads : int
        Pairs whose flow is computed at once; they do not change a score.
    where : object, optional
        Name of the video, for the FaceError if no frame shows a face.
    """
    pairs = partial(flow_stream, distance=flow_distance(fps, options.k_seconds),
                    engine=options.engine, threads=threads)  # fmt: skip
    stretches: list[Stretch] = []
    start = 0
    for box, group in groupby(placed, key=itemgetter(1)):
        number = count(start)
        images = (image for (image, _), _ in zip(group, number, strict=False))
        parts = [(np.empty(0, np.float32), np.empty((0, stack.n_classes), np.float32))]
        if box is not None:
            parts += [asked(stack, x) for x in one_ahead(_inputs(images, box, pairs, options))]
        for _ in images:
            pass  # without a face, a frame only counts
        stop = next(number)
        stretches.append(Stretch(start, stop, box, *map(np.concatenate, zip(*parts, strict=True))))
        start = stop
    if all(s.box is None for s in stretches):
        raise FaceError(
            f"no face found in any of the {start} frames", where=where,
            todo="faces must be frontal, upright and at least about 40 pixels wide",
        )  # fmt: skip
    return stretches


def _inputs(
    images: Iterator[Image], box: Box, pairs: Callable[..., Iterator[Floats]], options: MeanOptions
) -> Iterator[Floats]:
    """Network inputs of the frames of a stretch, some at a time."""
    first = next(images)
    points = crop_landmarks(first, box, options)
    flows = pairs(crop_face(x, box, CROP, options.jpeg_quality) for x in chain([first], images))
    while batch := list(islice(flows, BATCH)):
        yield flow_inputs(np.stack(batch), points, options)


def asked(stack: "MeanStack", features: Floats) -> tuple[Floats, Floats]:
    """Mean scores (n,) and class probabilities (n, C) of features (n, 42, 42, 3) over networks."""
    scores, classes = stack(features)
    return scores.mean(axis=0), classes.mean(axis=0)


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items, each computed in another thread while the one before it is used."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, source, end)
            yield item  # type: ignore[misc]


def spot(
    stretches: Sequence[Stretch], fps: float, half: int, classes: Sequence[str],
    options: MeanOptions,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Turn frame scores into intervals with emotions.

    Parameters
    ----------
    stretches : sequence of Stretch
        See `score_video`; each is searched on its own.
    fps, half : float and int
        Frames per second; k', half the length of an expression in frames.
    classes : sequence of str
        Names in the order of the probabilities.
    options : MeanOptions
        Only the group ``spotting`` matters.

    Returns
    -------
    intervals, frames : DataFrame
        See `mecore.video.report.Report`. Intervals also have emotion, threshold and p_<class> …;
        frames have seconds, face (found or not), smoothed score and threshold of their stretch,
        missing values where it has no score.
    """
    tables = [_frame_table(stretch, fps, half, options) for stretch in stretches]
    rows = [
        _interval_table(stretch, fps, half, classes, options, table.threshold[0])
        for stretch, table in zip(stretches, tables, strict=True)
    ]
    return pd.concat(rows, ignore_index=True), pd.concat(tables, ignore_index=True)


def _frame_table(stretch: Stretch, fps: float, half: int, options: MeanOptions) -> pd.DataFrame:
    frame = pd.Series(range(stretch.start, stretch.stop))
    smoothed = smooth(stretch.scores, half, method=options.smoothing, width=options.smoothing_width)
    # Scores end before the table: the last frames of a stretch have no pair.
    return pd.DataFrame({
        "frame": frame, "seconds": (frame / fps).round(3), "face": stretch.box is not None,
        "score": pd.Series(stretch.scores), "smoothed": pd.Series(smoothed),
        "threshold": threshold(smoothed, options.p),
    })  # fmt: skip


def _interval_table(
    stretch: Stretch, fps: float, half: int, classes: Sequence[str], options: MeanOptions,
    level: float,
) -> pd.DataFrame:  # fmt: skip
    n = stretch.stop - stretch.start
    found = spot_emotions(stretch.scores, stretch.classes, half, options, n_frames=n)
    onset, offset = found.intervals.T
    table = stretch.start + pd.DataFrame({"onset": onset, "apex": found.peaks, "offset": offset})
    table = table.join((table / fps).round(3).add_suffix("_s"))
    table["emotion"] = [classes[number] for number in found.classes]
    table["score"], table["threshold"] = found.scores, level
    return table.join(pd.DataFrame(found.probabilities, columns=[f"p_{c}" for c in classes]))


def half_length(fps: float, k_prime: int, set_fps: float) -> int:
    """Scale k' of the database that a network was trained on to the frame rate of a video."""
    return max(1, int(np.floor(k_prime / set_fps * fps + 0.5)))
