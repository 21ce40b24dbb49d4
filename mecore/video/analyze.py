"""One video in, micro-expression intervals out: MEAN with its published weights.

Frames are read once and kept no longer than a pair needs them, so memory does not grow with the
length of the video. Stretches without a face are left out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.frames import FrameSource
from mecore.descriptors.flow.engines import flow_stream
from mecore.errors import FaceError
from mecore.models.mean.inputs import CROP, crop_landmarks, flow_inputs
from mecore.models.mean.options import MeanOptions
from mecore.preprocessing.crop import crop_face, cut_face, to_grey
from mecore.preprocessing.faces import Box, detect_faces, one_face
from mecore.spotting.intervals import peak_intervals, vote_emotions
from mecore.spotting.labels import flow_distance
from mecore.spotting.peaks import find_peaks, threshold
from mecore.spotting.smoothing import smooth

if TYPE_CHECKING:
    from mecore.models.mean.ensemble import Ensemble
    from mecore.models.mean.network import Mean

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Which = Literal["only", "largest"]
T = TypeVar("T")
CHECK_SECONDS = 0.25
# Width of a face in the picture in which it is looked for again; the detector's window is 80.
FACE = 110
BATCH = 64


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames with one face in one place, or without a face.

    Parameters
    ----------
    start, stop : int
        First frame, and the frame behind the last.
    box : Box or None
        The face in the first frame.
    scores : array, (n,)
        Spotting score of frames ``start`` … ``stop - k - 1``; empty where the stretch is too short.
    classes : array, (n, C)
        Class probabilities of the same frames.
    """

    start: int
    stop: int
    box: Box | None
    scores: Floats
    classes: Floats


def face_boxes(
    frames: Iterable[Image], fps: float, which: Which, name: object
) -> Iterator[tuple[Image, Box | None]]:
    """Yield every frame with the box of its face, which stays while the face stays inside it.

    The face is looked for four times a second; where it comes, goes or moves on, in every frame in
    between.
    """
    block: list[Image] = []
    step = max(1, round(CHECK_SECONDS * fps))
    box: Box | None = None
    index = 0
    for frame in frames:
        block.append(frame)
        if len(block) == step or index == 0:
            for held in _place(block, box, which, f"{name}, frame {index}"):
                yield held
                box = held[1]
            block = []
        index += 1
    yield from _place(block, box, which, f"{name}, frame {index}") if block else ()


def _place(
    block: list[Image], box: Box | None, which: Which, where: str
) -> Iterator[tuple[Image, Box | None]]:
    """Give boxes to a block of frames, looking into each of them only if the last one differs."""
    if _follow(block[-1], box, which, where) == box:
        yield from ((frame, box) for frame in block)
        return
    for frame in block:
        box = _follow(frame, box, which, where)
        yield frame, box


def _follow(frame: Image, box: Box | None, which: Which, where: str) -> Box | None:
    """The old box while the face is still in it, else the new one, or None."""
    if box is not None and _still_there(frame, box):
        return box
    grey = to_grey(frame)  # a third of the time that colour takes
    faces = detect_faces(grey, 0) or detect_faces(grey, 1)
    if not faces:
        return None
    if box is not None and any(_overlap(face, box) > 0.5 for face in faces):
        return box
    return one_face(frame, which, 0 if len(faces) > 1 else 1, where)


def _still_there(frame: Image, box: Box) -> bool:
    """Whether a small grey picture of the box and what is around it shows a face in its middle.

    It takes a tenth of the time of a search in the whole frame, and finds almost every face.
    """
    x, y = box.width // 2, box.height // 2
    around = Box(box.left - x, box.top - y, box.right + x, box.bottom + y)
    middle = Box(FACE // 2, FACE // 2, 3 * FACE // 2, 3 * FACE // 2)
    found = detect_faces(to_grey(cut_face(frame, around, 2 * FACE)), 0)
    return any(_overlap(face, middle) > 0.5 for face in found)


def _overlap(a: Box, b: Box) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def score_video(
    source: FrameSource,
    frames: Iterable[Image],
    networks: list[Mean],
    options: MeanOptions,
    threads: int = 1,
) -> list[Stretch]:
    """Score every frame of a video with the mean of some networks.

    Parameters
    ----------
    source : FrameSource
        For its name and frame rate.
    frames : iterable of array, (H, W, 3), uint8
        Its frames, from the first to the last; read once.
    networks : list of Mean
        Their outputs are averaged.
    options : MeanOptions
        Only the group ``features`` matters.
    threads : int
        Pairs whose flow is computed at once; they do not change a score.

    Raises
    ------
    FaceError
        No frame shows a face; or several faces are seen and ``options.faces`` is ``"only"``.
    """
    from mecore.models.mean.ensemble import Ensemble

    placed = face_boxes(frames, source.fps, options.faces, source.path)
    ensemble = Ensemble(networks)
    stretches: list[Stretch] = []
    for box, group in groupby(placed, key=itemgetter(1)):
        start = stretches[-1].stop if stretches else 0
        images = (image for image, _ in group)
        pairs = partial(
            flow_stream, distance=flow_distance(source.fps, options.k_seconds),
            engine=options.engine, threads=threads,
        )  # fmt: skip
        stretches.append(_score_stretch(images, box, start, pairs, ensemble, options))
    if all(s.box is None for s in stretches):
        n = stretches[-1].stop if stretches else 0
        raise FaceError(
            f"no face found in any of the {n} frames", where=source.path,
            todo="faces must be frontal, upright and at least about 40 pixels wide",
        )  # fmt: skip
    return stretches


def _score_stretch(
    images: Iterator[Image],
    box: Box | None,
    start: int,
    pairs: Callable[[Iterable[Image]], Iterator[Floats]],
    ensemble: Ensemble,
    options: MeanOptions,
) -> Stretch:
    parts = [(np.empty(0, np.float32), np.empty((0, ensemble.n_classes), np.float32))]
    if box is None:
        return Stretch(start, start + sum(1 for _ in images), None, *parts[0])
    first = next(images)
    points = crop_landmarks(first, box, options)
    count = [0]
    flows = pairs(_crops(chain([first], images), box, options, count))
    batches = iter(lambda: list(islice(flows, BATCH)), [])
    inputs = (flow_inputs(np.stack(batch), points, options) for batch in batches)
    parts += [ensemble(features) for features in one_ahead(inputs)]
    scores, classes = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Stretch(start, start + count[0], box, scores, classes)


def _crops(
    images: Iterable[Image], box: Box, options: MeanOptions, count: list[int]
) -> Iterator[Image]:
    for image in images:
        count[0] += 1
        yield crop_face(image, box, CROP, options.jpeg_quality)


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items, each computed in another thread while the one before it is used."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, source, end)
            yield item  # type: ignore[misc]


@dataclass(frozen=True)
class Analysis:
    """What was found in one video.

    Parameters
    ----------
    intervals : DataFrame
        One row per micro-expression: onset, apex, offset (frames from 0, inclusive), the same in
        seconds, emotion, score, threshold, p_<class> ….
    frames : DataFrame
        One row per frame: frame, seconds, face (found or not), score, smoothed score, threshold of
        its stretch; missing values where the stretch has no score.
    """

    intervals: pd.DataFrame
    frames: pd.DataFrame


def spot(
    stretches: list[Stretch], fps: float, half: int, classes: list[str], options: MeanOptions
) -> Analysis:
    """Turn frame scores into intervals with emotions.

    Parameters
    ----------
    stretches : list of Stretch
        See `score_video`; each is searched on its own.
    fps : float
        Frames per second.
    half : int
        k', half the length of an expression in frames.
    classes : list of str
        Names in the order of the probabilities.
    options : MeanOptions
        Only the group ``spotting`` matters.
    """
    rows: list[dict[str, Any]] = []
    tables = []
    for stretch in stretches:
        smoothed = smooth(stretch.scores, half, method=options.smoothing)
        level = threshold(smoothed, options.p) if len(smoothed) else np.nan
        tables.append(_frame_table(stretch, smoothed, level))
        peaks = find_peaks(smoothed, half, p=options.p) if len(smoothed) else np.empty(0, int)
        spans = peak_intervals(
            peaks, half, rule=options.interval, clip_to=stretch.stop - stretch.start
        )
        elected, means = vote_emotions(stretch.classes, peaks, half, part=options.vote)
        for peak, span, emotion, mean in zip(peaks, spans, elected, means, strict=True):
            frames = dict(zip(("onset", "apex", "offset"), (span[0], peak, span[1]), strict=True))
            row: dict[str, Any] = {
                name: int(frame) + stretch.start for name, frame in frames.items()
            }
            row |= {f"{name}_s": round(frame / fps, 3) for name, frame in row.items()}
            row |= {"emotion": classes[emotion], "score": float(smoothed[peak]), "threshold": level}
            rows.append(row | {f"p_{c}": float(p) for c, p in zip(classes, mean, strict=True)})
    columns = [*("onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "emotion", "score",
                 "threshold"), *(f"p_{c}" for c in classes)]  # fmt: skip
    frames = pd.concat(tables, ignore_index=True)
    frames.insert(1, "seconds", (frames.frame / fps).round(3))
    return Analysis(pd.DataFrame(rows, columns=columns), frames)


def _frame_table(stretch: Stretch, smoothed: NDArray[np.float64], level: float) -> pd.DataFrame:
    table = pd.DataFrame({"frame": range(stretch.start, stretch.stop)})
    table["face"] = stretch.box is not None
    for name, values in (("score", stretch.scores), ("smoothed", smoothed)):
        table[name] = np.nan
        table.loc[: len(values) - 1, name] = values
    table["threshold"] = level
    return table


def half_length(fps: float, k_prime: int, set_fps: float) -> int:
    """Scale k' of the database that a network was trained on to the frame rate of a video."""
    return max(1, int(np.floor(k_prime / set_fps * fps + 0.5)))
