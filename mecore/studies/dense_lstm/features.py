"""What dense LSTM spotting sees of a video: votes of every frame, and scores that need no learning.

Frames are registered and described in one pass, once per video. Kept are the histograms of single
frames, from which windows of any length L follow by sums, so that all folds share them whatever L
their training subjects give. No face is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from mecore.data.files import source_digest
from mecore.data.places import cache_home
from mecore.descriptors.top.histograms import frame_histograms
from mecore.descriptors.top.options import TopOptions
from mecore.descriptors.top.windows import sum_windows
from mecore.errors import DataError
from mecore.evaluation.videos import VideoItem
from mecore.models.dense_lstm.options import DESCRIPTORS, DenseOptions
from mecore.preprocessing.registration import Registered, register_clip
from mecore.spotting.learning_free import METHODS, frame_scores

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DenseFeatures:
    """Features of one video.

    Parameters
    ----------
    votes : dict of str to array, (T - 2 m, rows, columns, planes, bins)
        Histograms of each frame by descriptor; uint16 counts, or float32 for HOG.
    scores : dict of str to array, (T,)
        Frame scores of the learning-free spotters; empty where the video is too short.
    states : dict of str to int
        Frames in which the face was found, tracked, found again, lost.
    """

    votes: dict[str, NDArray[Any]]
    scores: dict[str, NDArray[np.float64]]
    states: dict[str, int]

    def windows(self, descriptor: str, options: DenseOptions, length: int) -> Floats:
        """Vectors of all windows of L frames, (T - L + 1, D)."""
        return sum_windows(self.votes[descriptor], descriptor_options(descriptor, options), length)


def descriptor_options(kind: str, options: DenseOptions) -> TopOptions:
    """The descriptor of a reading of the paper."""
    return TopOptions(
        kind=kind, rows=options.blocks, columns=options.blocks, bins=options.bins,  # type: ignore[arg-type]
        radii=(options.radius, options.radius, options.radius),
    )  # fmt: skip


def video_features(item: VideoItem, options: DenseOptions) -> DenseFeatures:
    """Return the features of one video, from the cache where they are there.

    Raises
    ------
    FaceError
        No frame shows a face.
    DataError
        The video is shorter than the descriptors need, or a frame cannot be read.
    """
    memory = joblib.Memory(cache_home() / "features", mmap_mode="r", verbose=0)
    chosen = (options.geometry, options.follow, options.size, options.blocks, options.radius,
              options.bins)  # fmt: skip
    code = source_digest("data", "preprocessing", "descriptors", "spotting")
    compute = memory.cache(_compute, ignore=["options"])
    return DenseFeatures(*compute(item, chosen, code, options))


def _compute(item: VideoItem, chosen: Any, code: str, options: DenseOptions) -> tuple[Any, ...]:
    needed = 2 * options.radius + 1
    if item.n_frames < needed:
        raise DataError(
            f"{item.n_frames} frames; descriptors with radius {options.radius} need {needed}",
            where=item.path, todo="exclude this video in the manifest",
        )  # fmt: skip
    seen = register_clip(
        item.frames(), options.size, geometry=options.geometry, follow=options.follow,
        where=item.path,
    )  # fmt: skip
    return (*describe_faces(seen, item.fps, options), seen.states)


def describe_faces(
    seen: Registered, fps: float, options: DenseOptions
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.float64]]]:
    """Votes and learning-free scores of a registered video, see `DenseFeatures`."""
    votes, clip = {}, seen.clip
    for kind in DESCRIPTORS:
        counted = frame_histograms(clip, descriptor_options(kind, options))
        votes[kind] = counted.astype(np.float32 if kind == "hog" else np.uint16)
    scores = {}
    for name in METHODS:
        try:
            scores[name] = frame_scores(clip, name, fps, broken=seen.broken)
        except DataError:  # too short for this one: it finds nothing
            scores[name] = np.full(len(clip), np.nan)
    return votes, scores
