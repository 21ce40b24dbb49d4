"""Clips of ROI CNN-LSTM and their patches: cut from videos and cached, or drawn as noise.

The cache holds pictures of parts of faces: it lies in the user's cache folder, and nothing else
keeps them. Noise looks like faces to a protocol, not to a person: every subject has a look of its
own, every clip of a subject a slightly different one, and every frame fresh noise; classes are
drawn independently of all that. Whatever a protocol scores above chance there, it scores without a
signal: it has seen the clips of the left-out subject before.
"""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.evaluation.cache import cached
from mecore.evaluation.clips import Clip
from mecore.evaluation.videos import VideoItem
from mecore.models.choices import group
from mecore.models.roi.inputs import region_names, video_patches
from mecore.models.roi.options import RoiOptions
from mecore.preprocessing.apex import Span
from mecore.preprocessing.regions import Patches, patch_size

Floats = NDArray[np.float32]
# Standard deviations in grey levels: of the look of a subject, of a clip, and of a frame.
SUBJECT, CLIP, FRAME = 40.0, 12.0, 3.0
SHARES = {"negative": 250, "positive": 109, "surprise": 83}


@dataclass(frozen=True)
class NoiseClip:
    """One clip of noise; see `mecore.evaluation.clips.Clip`.

    Its numbers are those of seed, subject and clip, from which the patches are drawn.
    """

    database: str
    subject: str
    video: str
    sample: str
    label: str
    units: tuple[int, ...]
    numbers: tuple[int, int, int]
    n_frames: int

    def patches(self, options: RoiOptions) -> Patches:
        """Draw the patches; the same ones each time."""
        seed, subject, clip = self.numbers
        of_subject = np.random.default_rng([seed, subject])
        of_clip = np.random.default_rng([seed, subject, clip])
        strips = []
        for name in region_names(options):
            size = patch_size(name, options.patch_scale)
            look = 128 + _texture(of_subject, size, SUBJECT) + _texture(of_clip, size, CLIP)
            noise = of_clip.normal(0, FRAME, (self.n_frames, *look.shape))
            strips.append((look + noise).reshape(self.n_frames, -1, 3))
        frames = np.concatenate(strips, axis=1).round().clip(0, 255).astype(np.uint8)
        return Patches(frames, np.ones(frames.shape[1], np.uint8))


def _texture(rng: np.random.Generator, size: tuple[int, int], deviation: float) -> Floats:
    """A smooth colour texture (H, W, 3) of a given standard deviation."""
    coarse = rng.normal(0, deviation, (5, 5, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def noise_clips(subjects: int = 8, clips_each: int = 12, seed: int = 0) -> list[NoiseClip]:
    """Draw clips of noise; classes have the shares of the composite of MEGC2019.

    The default numbers are those of phantom-short; looks, labels and lengths follow from the seed.
    """
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(SHARES), subjects * clips_each, p=[n / 442 for n in SHARES.values()])
    places = product(range(subjects), range(clips_each))
    return [
        NoiseClip("noise", f"s{s:02}", f"c{c:02}", "1", str(label), (), (seed, s, c),
                  int(rng.integers(10, 20)))
        for (s, c), label in zip(places, labels, strict=True)
    ]  # fmt: skip


AnyClip = Clip | NoiseClip


def spans_of(item: VideoItem, options: RoiOptions) -> tuple[Span, ...]:
    """Frames that are looked at, for each expression: its own, or all of the video."""
    if options.span == "clip":
        return tuple((0, apex, item.n_frames - 1) for _, apex, _ in item.spans)
    return item.spans


def item_patches(item: VideoItem, options: RoiOptions) -> list[Patches]:
    """Patches of every expression of a video, computed where they are not in the cache."""
    keys = item.footage, spans_of(item, options), group(options, "regions")
    return [Patches(*arrays) for arrays in cached(video_patches, *keys)]


def clip_patches(clip: AnyClip, options: RoiOptions) -> Patches:
    """Patches of one clip."""
    if isinstance(clip, NoiseClip):
        return clip.patches(options)
    return item_patches(clip.item, options)[clip.number]
