"""Clips without any class signal: noise that looks like faces to a protocol, not to a person.

Every subject has a look of its own, every clip of a subject a slightly different one, and every
frame fresh noise; classes are drawn independently of all that. Whatever a protocol scores above
chance here, it scores without a signal: it has seen the clips of the left-out subject before.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.models.roi.inputs import region_names
from mecore.models.roi.options import RoiOptions
from mecore.preprocessing.regions import Patches, patch_size

# Standard deviations in grey levels: of the look of a subject, of a clip, and of a frame.
SUBJECT, CLIP, FRAME = 40.0, 12.0, 3.0
SHARES = {"negative": 250, "positive": 109, "surprise": 83}


@dataclass(frozen=True)
class NoiseClip:
    """One clip of noise; see `mecore.evaluation.clips.Clip`.

    Parameters
    ----------
    database, subject, video, sample, label, units
        See there.
    numbers : (int, int, int)
        Seed, subject and clip, from which the patches are drawn.
    n_frames : int
        Its length.
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


def _texture(
    rng: np.random.Generator, size: tuple[int, int], deviation: float
) -> NDArray[np.float32]:
    """A smooth colour texture (H, W, 3) of a given standard deviation."""
    coarse = rng.normal(0, deviation, (5, 5, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def noise_clips(subjects: int = 8, clips_each: int = 12, seed: int = 0) -> list[NoiseClip]:
    """Draw clips of noise; classes have the shares of the composite of MEGC2019.

    Parameters
    ----------
    subjects, clips_each : int
        How many; the defaults are those of phantom-short.
    seed : int
        Seed of looks, labels and lengths.
    """
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(SHARES), subjects * clips_each, p=[n / 442 for n in SHARES.values()])
    return [
        NoiseClip("noise", f"s{s:02}", f"c{c:02}", "1", str(labels[s * clips_each + c]), (),
                  (seed, s, c), int(rng.integers(10, 20)))
        for s in range(subjects)
        for c in range(clips_each)
    ]  # fmt: skip
