"""MEAN's input features of whole videos: computed once, kept in the cache, read as memory maps.

Frames → face box → crops of 128×128 → flow and strain of frame pairs → 42×42×3. What is cached is
flow of eyes and mouth; no face is.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.data.files import source_digest
from mecore.data.frames import FrameSource
from mecore.data.places import cache_home
from mecore.descriptors.flow import flow_pairs, optical_flow
from mecore.descriptors.mean_input import mask_eyes, mean_input, mean_regions, subtract_nose
from mecore.errors import DataError
from mecore.evaluation import videos
from mecore.evaluation.videos import Expression, VideoItem, prepare
from mecore.models.mean.options import MeanOptions
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import Box, landmarks, one_face
from mecore.spotting.labels import flow_distance

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
CROP = 128


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
    """List the videos that MEAN trains and is scored on, see `mecore.evaluation.videos`."""
    return videos.list_videos(database, without_class=options.videos == "all")


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
    """Compute the features of many videos, see `mecore.evaluation.videos.prepare`."""
    prepare(partial(video_features, options=options), items, executor, progress=progress)
