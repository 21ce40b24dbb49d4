"""Intervals of frames: the convention, and their overlap.

An interval is ``(onset, offset)``, 0-based frames, **both ends inclusive**: ``[3, 3]`` lasts one
frame. Frames may be negative or lie beyond the video, because a fixed-length interval around a
peak near the border does (see ``mecore.spotting.intervals`` for clipping).

A *video* is a pair ``(predicted, annotated)`` of interval arrays; either may be empty.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Intervals: TypeAlias = NDArray[np.int64]
Video: TypeAlias = tuple[ArrayLike, ArrayLike]
CheckedVideo: TypeAlias = tuple[Intervals, Intervals]


def as_frames(values: ArrayLike, where: str = "frames") -> NDArray[np.int64]:
    """Return whole numbers (n,), or floats that are whole, as integers; ``where`` names them.

    ValueError if they are of wrong shape, no numbers, missing, NaN or infinite, or not whole.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{where}: expected shape (n,), found {array.shape}")
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind == "O":
        # nullable integers of pandas arrive as objects
        missing = np.flatnonzero(pd.isna(array))
        if missing.size:
            raise ValueError(f"{where}, position {missing[0]}: a missing value is no frame")
        array = np.array(array.tolist())
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{where}: expected whole numbers, found {array.dtype} values")
    bad = np.flatnonzero(~np.isfinite(array) | (array != np.floor(array)))
    if bad.size:
        raise ValueError(f"{where}, position {bad[0]}: {array[bad[0]]} is not a whole frame")
    return array.astype(np.int64)


def as_intervals(values: ArrayLike, where: str = "intervals") -> Intervals:
    """Return onsets and offsets (n, 2) as integers; anything of size 0 is «no interval».

    ValueError for a wrong shape, what `as_frames` refuses, or an onset after its offset.
    """
    array = np.asarray(values)
    if array.size == 0:
        return np.empty((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{where}: expected shape (n, 2) onset, offset; found {array.shape}")
    whole = as_frames(array.ravel(), where).reshape(array.shape)
    backwards = np.flatnonzero(whole[:, 0] > whole[:, 1])
    if backwards.size:
        onset, offset = whole[backwards[0]]
        raise ValueError(f"{where}, row {backwards[0]}: onset {onset} is after offset {offset}")
    return whole


def as_videos(videos: Sequence[Video]) -> list[CheckedVideo]:
    """Return every video as two checked arrays; ValueError also if it is no pair."""
    checked = []
    for number, video in enumerate(videos):
        if len(video) != 2:
            raise ValueError(f"video {number}: expected (predicted, annotated), found {len(video)}")
        predicted = as_intervals(video[0], f"video {number}, predicted")
        checked.append((predicted, as_intervals(video[1], f"video {number}, annotated")))
    return checked


def interval_iou(predicted: ArrayLike, annotated: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of intervals (n, 2) and (m, 2), every pair of them.

    Returns (n, m) in [0, 1]; intervals that share no frame have 0 (Liong et al. 2022, Eq. 14).
    """
    left = as_intervals(predicted, "predicted")[:, None]
    return iou_of(left, as_intervals(annotated, "annotated")[None])


def iou_of(left: Intervals, right: Intervals) -> NDArray[np.float64]:
    """IoU of intervals in the last axis, broadcast over the others."""
    last = np.minimum(left[..., 1], right[..., 1])
    shared = np.maximum(last - np.maximum(left[..., 0], right[..., 0]) + 1, 0)
    lengths = (left[..., 1] - left[..., 0] + 1) + (right[..., 1] - right[..., 0] + 1)
    return shared / (lengths - shared)


def time_order(intervals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order by onset, then offset; equal intervals keep the order they came in."""
    return np.lexsort((intervals[:, 1], intervals[:, 0]))
