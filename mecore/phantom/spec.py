"""What a phantom data set consists of, and the dials of everything that is not expression."""

from dataclasses import dataclass, replace
from typing import Literal

from mecore.errors import OptionError


@dataclass(frozen=True)
class Nuisance:
    """Everything that moves or changes the picture without being an expression.

    Drift, rotation, tremor, tonus, noise, flicker and gamma are standard deviations. The side of a
    frame is 236 canonical pixels, a face is about 118 wide.
    """

    drift: float = 1.0  # slow sway of the head, canonical pixels
    rotation: float = 0.7  # slow roll, yaw and pitch of the head, degrees
    tremor: float = 0.025  # fast, small shake of the head, canonical pixels
    placement: float = 2.5  # distance of the head from the middle of the frame, canonical pixels
    blinks: float = 0.25  # per second
    saccades: float = 0.5  # jumps of the gaze per second
    fidgets: float = 0.5  # slow small movements without emotion, per second
    tonus: float = 0.004  # restlessness of the muscles of brow and mouth, intensity
    macros: float = 2.0  # mean number of macro-expressions in half a minute (long videos only)
    noise: float = 1.0  # of the sensor, grey levels in each colour
    flicker: float = 0.0015  # of the lamps, relative
    gamma: float = 0.03  # spread of exposure and gamma from video to video, relative
    jpeg_quality: int = 95  # of the frames of short clips, 1 ... 100
    codec: str = "MJPG"  # of long videos: MJPG codes frames alone, MP4V from one another
    video_quality: int = 95  # of MJPG videos, 1 ... 100

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
    def none() -> "Nuisance":
        """A still head, open eyes, a perfect camera: only expressions change the picture."""
        return Nuisance(
            drift=0, rotation=0, tremor=0, placement=0, blinks=0, saccades=0, fidgets=0, tonus=0,
            macros=0, noise=0, flicker=0, gamma=0, jpeg_quality=100, video_quality=100,
        )  # fmt: skip


@dataclass(frozen=True)
class PhantomSpec:
    """Size and kind of a phantom data set.

    ``clips`` are folders of numbered images around one micro-expression each, like CASME II,
    ``videos`` video files with any number of expressions, like CAS(ME)^2.
    """

    name: str  # the annotation file is ``<name>-coding.xlsx``
    layout: Literal["clips", "videos"]
    seed: int  # of the people and of everything they do
    subjects: int
    recordings: int  # clips or videos in all
    fps: int  # frames per second
    seconds: tuple[float, float]  # shortest, longest; of clips: their still part
    size: int = 256  # side of the square frames, pixels; the face is about half as wide
    nuisance: Nuisance = Nuisance()

    def __post_init__(self) -> None:
        if self.layout not in ("clips", "videos"):
            raise OptionError(f"layout is 'clips' or 'videos', got {self.layout!r}")
        if self.subjects < 1 or self.recordings < self.subjects:
            given = f"got {self.subjects} subjects and {self.recordings} recordings"
            raise OptionError(f"a phantom needs a subject and a recording of each, {given}")
        if not 5 <= self.fps <= 1000 or not 64 <= self.size <= 2048:
            given = f"got {self.fps}, {self.size}"
            raise OptionError(f"fps is 5 ... 1000 and size 64 ... 2048, {given}")
        if not 0 < self.seconds[0] <= self.seconds[1]:
            raise OptionError(f"seconds is a range of positive durations, got {self.seconds}")

    def small(self) -> "PhantomSpec":
        """A quick version with half the people (the same ones) and a quarter of the frames."""
        subjects = min(self.subjects, 4)
        clips = self.layout == "clips"
        seconds, each = (self.seconds, 6) if clips else ((8.0, 12.0), 2)
        return replace(self, subjects=subjects, recordings=each * subjects, seconds=seconds)


SHORT = PhantomSpec("phantom-short", "clips", seed=348, subjects=8, recordings=96, fps=100,
                    seconds=(0.35, 0.75))  # fmt: skip
LONG = PhantomSpec("phantom-long", "videos", seed=348, subjects=8, recordings=16, fps=30,
                   seconds=(20.0, 40.0))  # fmt: skip
