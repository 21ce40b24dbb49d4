"""What a phantom data set consists of, and the dials of everything that is not expression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mecore.errors import OptionError


@dataclass(frozen=True)
class Nuisance:
    """Everything that moves or changes the picture without being an expression.

    Parameters
    ----------
    drift : float
        Slow sway of the head, canonical pixels (236 to the side of a frame, about 118 to the width
        of a face), standard deviation.
    rotation : float
        Slow roll, yaw and pitch of the head, degrees, standard deviation.
    tremor : float
        Fast, small shake of the head, canonical pixels, standard deviation.
    placement : float
        How far the head of each video is from the middle of the frame, canonical pixels.
    blinks, saccades, fidgets : float
        Blinks, jumps of the gaze, and slow small movements without emotion, per second.
    tonus : float
        Restlessness of the muscles of brow and mouth, intensity, standard deviation.
    macros : float
        Mean number of macro-expressions in half a minute (long videos only).
    noise : float
        Noise of the sensor, grey levels, standard deviation in each colour.
    flicker : float
        Flicker of the lamps, relative standard deviation.
    gamma : float
        Spread of exposure and gamma from video to video, relative standard deviation.
    jpeg_quality : int
        Quality of the frames of short clips, 1 ... 100.
    codec : str
        Four-character code of long videos: ``MJPG`` codes frames on their own, ``MP4V`` predicts
        them from one another.
    video_quality : int
        Quality of ``MJPG`` videos, 1 ... 100.
    """

    drift: float = 1.0
    rotation: float = 0.7
    tremor: float = 0.025
    placement: float = 2.5
    blinks: float = 0.25
    saccades: float = 0.5
    fidgets: float = 0.5
    tonus: float = 0.004
    macros: float = 2.0
    noise: float = 1.0
    flicker: float = 0.0015
    gamma: float = 0.03
    jpeg_quality: int = 95
    codec: str = "MJPG"
    video_quality: int = 95

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, (int, float)) and value < 0:
                raise OptionError(f"Nuisance.{name} cannot be negative, got {value}")
        for name in ("jpeg_quality", "video_quality"):
            if not 1 <= getattr(self, name) <= 100:
                raise OptionError(f"Nuisance.{name} is 1 ... 100, got {getattr(self, name)}")
        if len(self.codec) != 4:
            raise OptionError(f"Nuisance.codec is a four-character code, got {self.codec!r}")

    @staticmethod
    def none() -> Nuisance:
        """A still head, open eyes, a perfect camera: only expressions change the picture."""
        return Nuisance(
            drift=0, rotation=0, tremor=0, placement=0, blinks=0, saccades=0, fidgets=0, tonus=0,
            macros=0, noise=0, flicker=0, gamma=0, jpeg_quality=100, video_quality=100,
        )  # fmt: skip


@dataclass(frozen=True)
class PhantomSpec:
    """Size and kind of a phantom data set.

    Parameters
    ----------
    name : str
        Name of the data set; the annotation file is ``<name>-coding.xlsx``.
    layout : {"clips", "videos"}
        ``clips``: folders of numbered images around one micro-expression each, like CASME II.
        ``videos``: video files with any number of expressions, like CAS(ME)^2.
    seed : int
        Seed of the people and of everything they do.
    subjects, recordings : int
        Number of people, and of clips or videos in all.
    fps : int
        Frames per second.
    seconds : (float, float)
        Shortest and longest recording. For clips: of the still part around the expression.
    size : int
        Side of the square frames, pixels; the face is about half as wide.
    nuisance : Nuisance
    """

    name: str
    layout: Literal["clips", "videos"]
    seed: int
    subjects: int
    recordings: int
    fps: int
    seconds: tuple[float, float]
    size: int = 256
    nuisance: Nuisance = Nuisance()

    def __post_init__(self) -> None:
        if self.layout not in ("clips", "videos"):
            raise OptionError(f"layout is 'clips' or 'videos', got {self.layout!r}")
        if self.subjects < 1 or self.recordings < self.subjects:
            raise OptionError(
                f"a phantom needs a subject and a recording of each, got {self.subjects} subjects"
                f" and {self.recordings} recordings"
            )
        if not 5 <= self.fps <= 1000 or not 64 <= self.size <= 2048:
            raise OptionError(
                f"fps is 5 ... 1000 and size 64 ... 2048, got {self.fps}, {self.size}"
            )
        if not 0 < self.seconds[0] <= self.seconds[1]:
            raise OptionError(f"seconds is a range of positive durations, got {self.seconds}")

    def small(self) -> PhantomSpec:
        """A quick version with half the people (the same ones) and a quarter of the frames."""
        subjects = min(self.subjects, 4)
        if self.layout == "clips":
            return replace(self, subjects=subjects, recordings=6 * subjects)
        return replace(self, subjects=subjects, recordings=2 * subjects, seconds=(8.0, 12.0))


SHORT = PhantomSpec(
    "phantom-short", "clips", seed=348, subjects=8, recordings=96, fps=100, seconds=(0.35, 0.75)
)
LONG = PhantomSpec(
    "phantom-long", "videos", seed=348, subjects=8, recordings=16, fps=30, seconds=(20.0, 40.0)
)
