"""MEAN's input features of whole videos, from the cache. What is kept is flow; no face is."""

from mecore.evaluation.cache import cached
from mecore.evaluation.videos import VideoItem
from mecore.models.choices import group
from mecore.models.mean.inputs import Inputs, video_inputs
from mecore.models.mean.options import MeanOptions


def video_features(item: VideoItem, options: MeanOptions) -> Inputs:
    """Return the features of one video, computed where they are not in the cache."""
    return cached(video_inputs, item.footage, item.spans, group(options, "features"))
