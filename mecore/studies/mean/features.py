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
from mecore.data.places import cache_home
from mecore.descriptors.flow.engines import flow_pairs, optical_flow
from mecore.errors import DataError
from mecore.evaluation import videos
from mecore.evaluation.videos import VideoItem, prepare
from mecore.models.mean.inputs import CROP, face_crops, find_apex, flow_inputs
from mecore.models.mean.options import MeanOptions
from mecore.spotting.labels import flow_distance

Floats = NDArray[np.float32]


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


def prepare_features(
    items: Iterable[VideoItem], options: MeanOptions, executor: Executor, *, progress: bool = True
) -> None:
    """Compute the features of many videos, see `mecore.evaluation.videos.prepare`."""
    prepare(partial(video_features, options=options), items, executor, progress=progress)
