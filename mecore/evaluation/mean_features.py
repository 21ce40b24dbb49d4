"""MEAN's input features of whole videos: computed once, kept in the cache, read as memory maps.

Frames → face box → crops of 128×128 → flow and strain of frame pairs → 42×42×3. What is cached is
flow of eyes and mouth; no face is.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.data.files import source_digest
from mecore.data.frames import FrameSource, open_frames
from mecore.data.places import cache_home
from mecore.descriptors.flow import flow_pairs, optical_flow
from mecore.descriptors.mean_input import mask_eyes, mean_input, mean_regions, subtract_nose
from mecore.errors import DataError, MecoreError
from mecore.evaluation.progress import progress_bar
from mecore.models.mean.options import MeanOptions
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import Box, landmarks, one_face
from mecore.spotting.labels import flow_distance

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
CROP = 128


@dataclass(frozen=True)
class Expression:
    """One annotated micro-expression: its id, its frames (0-based, inclusive) and its class."""

    sample: str
    onset: int
    apex: int | None
    offset: int
    label: str | None


@dataclass(frozen=True)
class VideoItem:
    """One video of a study, with all that its features depend on.

    Parameters
    ----------
    subject, video : str
        Ids.
    path : Path
        Folder of images or video file.
    image, first_frame, fps
        How to read it, see `mecore.data.frames.open_frames`.
    n_frames : int
        Its length.
    stamp : str
        Changes when the files change.
    expressions : tuple of Expression
        Annotated micro-expressions in order of time.
    """

    subject: str
    video: str
    path: Path
    image: str | None
    first_frame: int
    fps: float
    n_frames: int
    stamp: str
    expressions: tuple[Expression, ...]

    def frames(self) -> FrameSource:
        """Open its frames."""
        return open_frames(self.path, self.fps, self.image, self.first_frame)

    @property
    def intervals(self) -> NDArray[np.int64]:
        """Onset and offset of every expression, (n, 2)."""
        return np.array([(e.onset, e.offset) for e in self.expressions], np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class VideoFeatures:
    """Features of one video.

    Parameters
    ----------
    spot : array, (n_frames - k, 42, 42, 3), float32
        Of the pairs (i, i + k).
    recog : array, (n_expressions, 42, 42, 3), float32
        Of the pairs (onset, apex).
    apexes : tuple of int
        The apex of each expression, found where it was not annotated.
    k : int
        Distance of a pair in frames.
    """

    spot: Floats
    recog: Floats
    apexes: tuple[int, ...]
    k: int


def list_videos(database: Database, options: MeanOptions) -> list[VideoItem]:
    """List the videos that a study trains and is scored on, with their micro-expressions.

    Macro-expressions are background. ``options.videos`` says whether videos without a
    micro-expression of the classes take part.
    """
    micro = database.samples[database.samples.kind == "micro"].copy()
    micro["label"] = database.classes(micro)
    groups = dict(iter(micro.groupby(["subject", "video"])))
    items = []
    for row in database.videos.itertuples():
        part = groups.get((row.subject, row.video))
        expressions = tuple(_expressions(part)) if part is not None else ()
        if options.videos == "all" or any(e.label for e in expressions):
            items.append(_item(database, row, expressions))
    return items


def _expressions(samples: pd.DataFrame) -> Iterable[Expression]:
    for s in samples.sort_values(["onset", "sample"]).itertuples():
        apex = None if s.apex is pd.NA else int(s.apex)
        label = None if pd.isna(s.label) else str(s.label)
        yield Expression(str(s.sample), int(s.onset), apex, int(s.offset), label)


def _item(database: Database, row: Any, expressions: tuple[Expression, ...]) -> VideoItem:
    layout, path = database.manifest.layout, database.root / row.path
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stamp = joblib.hash([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files])
    return VideoItem(
        row.subject, row.video, path, layout.image, layout.first_frame, database.manifest.fps,
        int(row.n_frames), stamp, expressions,
    )  # fmt: skip


def video_features(item: VideoItem, options: MeanOptions) -> VideoFeatures:
    """Return the features of one video, from the cache where they are there.

    A damaged cache entry is computed anew.

    Raises
    ------
    FaceError
        No face, or several, in the first frame.
    DataError
        The video is not longer than k frames, or a frame cannot be read.
    """
    # numpy arrays in the cache are opened as memory maps: a database need not fit into memory.
    memory = joblib.Memory(cache_home() / "features", mmap_mode="r", verbose=0)
    chosen = tuple(sorted(options.group("features").items()))
    code = source_digest("data", "preprocessing", "descriptors")
    spot, recog, apexes, k = memory.cache(_compute, ignore=["options"])(item, chosen, code, options)
    return VideoFeatures(spot, recog, apexes, k)


def _compute(item: VideoItem, chosen: Any, code: str, options: MeanOptions) -> tuple[Any, ...]:
    k = flow_distance(item.fps, options.k_seconds)
    if item.n_frames <= k:
        raise DataError(
            f"{item.n_frames} frames, but pairs lie {k} frames apart", where=item.path,
            todo="exclude this video in the manifest",
        )  # fmt: skip
    crops, points = face_crops(item.frames(), options)
    apexes = tuple(find_apex(e, crops, points, options) for e in item.expressions)
    flows = [
        optical_flow(crops[e.onset], crops[a], engine=options.engine)
        for e, a in zip(item.expressions, apexes, strict=True)
    ]
    recog = flow_inputs(np.array(flows, np.float32).reshape(-1, CROP, CROP, 2), points, options)
    pairs = flow_pairs(crops, k, engine=options.engine)
    spot = np.concatenate([flow_inputs(f[None], points, options) for f in pairs])
    return spot, recog, apexes, k


def face_crops(source: FrameSource, options: MeanOptions) -> tuple[Bytes, Floats]:
    """Cut the face of the first frame's box out of every frame.

    Returns
    -------
    crops : array, (n, 128, 128), uint8
        Grey.
    points : array, (68, 2), float32
        Landmarks of the first frame, on the crop.
    """
    first = source.read(0)
    box = one_face(first, options.faces, where=f"{source.path}, frame 0")
    crops = [crop_face(frame, box, CROP, options.jpeg_quality) for frame in source]
    return np.stack(crops), crop_landmarks(first, box, options)


def crop_landmarks(frame: Bytes, box: Box, options: MeanOptions) -> Floats:
    """Predict 68 landmarks, on the frame or on the crop, in pixels of the crop."""
    if options.landmarks_from == "crop":
        crop = crop_face(frame, box, CROP, options.jpeg_quality)
        return landmarks(crop, Box(0, 0, CROP, CROP))
    scale = CROP / np.array([box.width, box.height], np.float32)
    corner = np.array([box.left, box.top], np.float32)
    return ((landmarks(frame, box) - corner) * scale).astype(np.float32)


def flow_inputs(flow: Floats, points: Floats, options: MeanOptions) -> Floats:
    """Return network inputs (n, 42, 42, 3) of flow (n, 128, 128, 2), as the options have it."""
    if options.nose_reference:
        flow = subtract_nose(flow, points)
    if options.eye_mask:
        flow = mask_eyes(flow, points)
    return mean_input(
        flow, mean_regions(points, eyes=options.eyes), normalise=options.normalise,
        differences=options.differences, absolute=options.absolute_flow,
    )  # fmt: skip


def find_apex(expression: Expression, crops: Bytes, points: Floats, options: MeanOptions) -> int:
    """The annotated apex, or the frame that differs most from the onset (section 4.3)."""
    if expression.apex is not None:
        return expression.apex
    onset, offset = expression.onset, expression.offset
    if options.missing_apex == "difference":
        later = crops[onset + 1 : offset + 1].astype(np.float32)
        difference = np.abs(later - crops[onset]).mean(axis=(1, 2))
        return onset + 1 + int(difference.argmax()) if len(later) else onset
    sums = [
        flow_inputs(
            optical_flow(crops[onset], crops[j], engine=options.engine)[None], points, options
        ).sum()
        for j in range(onset, max(offset, onset + 1))
    ]
    return onset + int(np.argmax(sums))


def prepare_features(
    items: Iterable[VideoItem], options: MeanOptions, executor: Executor, *, progress: bool = True
) -> None:
    """Compute the features of many videos; what is in the cache is not computed again.

    Raises
    ------
    DataError
        Some videos cannot be used: all of them are named, and the others are kept.
    """
    items = list(items)
    futures = [executor.submit(_prepare, item, options) for item in items]
    done = progress_bar((f.result() for f in futures), len(items), "features", progress)
    problems = [p for p in done if p]
    if problems:
        raise DataError(
            f"{len(problems)} of {len(items)} videos cannot be used:\n  " + "\n  ".join(problems),
            todo="exclude them in the manifest with a reason; the others are in the cache",
        )


def _prepare(item: VideoItem, options: MeanOptions) -> str | None:
    try:
        video_features(item, options)
    except MecoreError as error:
        return f"subject {item.subject}, video {item.video}: {error}"
    return None
