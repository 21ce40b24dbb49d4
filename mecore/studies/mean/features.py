"""MEAN's input features of whole videos, from the cache. What is kept is flow; no face is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mecore.evaluation.cache import cached
from mecore.evaluation.videos import VideoItem
from mecore.models.choices import group
from mecore.models.mean.inputs import video_inputs
from mecore.models.mean.options import MeanOptions

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class VideoFeatures:
    """Features of one video; see `mecore.models.mean.inputs.video_inputs`."""

    spot: Floats
    recog: Floats
    apexes: tuple[int, ...]
    k: int


def video_features(item: VideoItem, options: MeanOptions) -> VideoFeatures:
    """Return the features of one video, computed where they are not in the cache."""
    chosen = group(options, "features")
    return VideoFeatures(*cached(video_inputs, item.footage, item.spans, chosen))
