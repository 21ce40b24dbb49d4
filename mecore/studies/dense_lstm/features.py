"""What dense LSTM spotting sees of a video, from the cache, and the apexes of its expressions."""

from __future__ import annotations

from dataclasses import replace

from mecore.evaluation.cache import cached
from mecore.evaluation.videos import VideoItem
from mecore.models.choices import group
from mecore.models.dense_lstm.inputs import Inputs, video_inputs
from mecore.models.dense_lstm.options import DenseOptions
from mecore.studies.dense_lstm.known_motion import LimitClip, clip_inputs


def video_features(item: VideoItem, options: DenseOptions) -> Inputs:
    """Return the features of one video, computed where they are not in the cache."""
    return Inputs(
        *cached(video_inputs, item.footage, item.spans, group(options, "features", "apex"))
    )


def clip_features(clip: LimitClip, options: DenseOptions) -> Inputs:
    """Return the features of a clip of known motion, computed where they are not in the cache."""
    return Inputs(*cached(clip_inputs, clip, group(options, "features")))


def with_apexes(item: VideoItem, options: DenseOptions) -> VideoItem:
    """The same video with an apex for each expression, where none is annotated by the options."""
    apexes = video_features(item, options).apexes
    pairs = zip(item.expressions, apexes, strict=True)
    return replace(item, expressions=tuple(replace(e, apex=apex) for e, apex in pairs))
