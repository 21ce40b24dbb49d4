"""Patches of the clips of ROI CNN-LSTM, from the cache.

The cache holds pictures of parts of faces: it lies in the user's cache folder, and nothing else
keeps them.
"""

from __future__ import annotations

from mecore.evaluation.cache import cached
from mecore.evaluation.clips import Clip
from mecore.evaluation.videos import VideoItem
from mecore.models.choices import group
from mecore.models.roi.inputs import video_patches
from mecore.models.roi.options import RoiOptions
from mecore.preprocessing.apex import Span
from mecore.preprocessing.regions import Patches
from mecore.studies.roi_cnn_lstm.noise import NoiseClip

AnyClip = Clip | NoiseClip


def spans_of(item: VideoItem, options: RoiOptions) -> tuple[Span, ...]:
    """Frames that are looked at, for each expression: its own, or all of the video."""
    if options.span == "clip":
        return tuple((0, apex, item.n_frames - 1) for _, apex, _ in item.spans)
    return item.spans


def item_patches(item: VideoItem, options: RoiOptions) -> list[Patches]:
    """Patches of every expression of a video, computed where they are not in the cache."""
    chosen = group(options, "regions")
    found = cached(video_patches, item.footage, spans_of(item, options), chosen)
    return [Patches(*arrays) for arrays in found]


def clip_patches(clip: AnyClip, options: RoiOptions) -> Patches:
    """Patches of one clip."""
    if isinstance(clip, NoiseClip):
        return clip.patches(options)
    return item_patches(clip.item, options)[clip.number]
