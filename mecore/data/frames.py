"""Frame sources: the frames of a folder of images or of a video file, one at a time.

A source has a ``path`` and ``fps`` (frames per second), is iterated from the first frame to the
last, and never holds a video in memory. Frames are (H, W, 3) uint8 RGB, indexed from 0.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.data.images import ENDINGS, image_size, too_large
from mecore.errors import DataError

Image = NDArray[np.uint8]
FirstFrame = int | Literal["any", "gaps"]


@dataclass(frozen=True)
class ImageFolder:
    """Frames kept as numbered images.

    Parameters
    ----------
    path : Path
        The folder.
    paths : tuple of Path
        Images in the order of their numbers, see `image_folder`.
    """

    path: Path
    paths: tuple[Path, ...]
    fps: float

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Image]:
        return (self.read(i) for i in range(len(self)))

    def read(self, index: int) -> Image:
        """Return one frame; one outside the video, or that cannot be decoded, is a `DataError`."""
        _check_index(index, len(self), self.path)
        path = self.paths[index]
        # imdecode, because imread fails on paths with letters outside the system's code page.
        large = too_large(path.stat().st_size, None)
        raw = np.fromfile(path, np.uint8) if not large else np.empty(0, np.uint8)
        large = large or too_large(raw.size, image_size(raw.tobytes()))
        if large:
            raise DataError(f"frame {index} {large}", where=path)
        frame = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
        if frame is None:
            todo = "copy this image again, or exclude the video in the manifest"
            what = f"frame {index} cannot be decoded ({raw.size} bytes)"
            raise DataError(what, where=path, todo=todo)
        return _rgb(frame)


def _rgb(frame: Image) -> Image:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def number_images(folder: Path, pattern: str) -> dict[int, Path]:
    """Return the images of one video's folder by the number in their name, see `image_folder`.

    No folder, one that cannot be read, no image of that name, or two of the same number, are a
    `DataError`.
    """
    if not folder.is_dir():
        raise DataError("folder of frames not found", where=folder)
    stem = re.escape(pattern.rpartition(".")[0]).replace(r"\{frame\}", r"0*(\d+)")
    name = re.compile(stem.replace(r"\*", r"(?:.*\D)?") + r"\.(\w+)", re.IGNORECASE)
    numbered: dict[int, Path] = {}
    try:
        files = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"folder cannot be read: {error.strerror}", where=folder) from error
    for file in files:
        found = name.fullmatch(file)
        if found and f".{found[2].lower()}" in ENDINGS and not file.startswith("."):
            if (n := int(found[1])) in numbered:
                twins = f"{numbered[n].name}, {file}"
                raise DataError(f"two images are number {n}: {twins}", where=folder)
            numbered[n] = folder / file
    if not numbered:
        raise DataError(f"no image is called like {pattern!r}", where=folder)
    return dict(sorted(numbered.items()))


def image_folder(
    folder: Path, pattern: str, fps: float, first_frame: FirstFrame = 1
) -> ImageFolder:
    """Open a folder of numbered images.

    Parameters
    ----------
    pattern : str
        Name of a frame with ``{frame}`` for its number, and ``*`` for any text before it; the
        ending may be that of any image format, zero padding may be of any width.
    first_frame : int, "any" or "gaps"
        Number of the first frame on disk; ``"any"``: whichever comes first, none missing in
        between; ``"gaps"``: the images that are there, one after the other.

    Raises
    ------
    DataError
        See `number_images`; a number missing in between, or another first number.
    """
    numbered = number_images(folder, pattern)
    if isinstance(first_frame, int) and (first := min(numbered)) != first_frame:
        what = f"the first image is number {first}, the manifest says {first_frame}"
        raise DataError(what, where=folder)
    missing = missing_numbers(list(numbered))
    if missing and first_frame != "gaps":
        raise DataError(f"{len(missing)} images are missing: {first_few(missing)}", where=folder)
    return ImageFolder(folder, tuple(numbered.values()), fps)


def first_few(things: Sequence[object], n: int = 5) -> str:
    """List the first ``n`` things for a message, with an ellipsis where there are more."""
    return ", ".join(map(str, things[:n])) + (", …" if len(things) > n else "")


def missing_numbers(numbers: list[int]) -> list[int]:
    """Return the numbers that are missing between the first and the last of a sorted list."""
    # A stray number in the billions must not be counted up to.
    return [n for a, b in pairwise(numbers) for n in range(a + 1, min(b, a + 100_001))]


@dataclass(frozen=True)
class VideoFile:
    """Frames of a video file.

    Parameters
    ----------
    path : Path
        Any file that OpenCV's FFmpeg reads.
    n_frames : int
        As the container states it. Reading fewer is an error (a truncated file).
    """

    path: Path
    fps: float
    n_frames: int

    def __len__(self) -> int:
        return self.n_frames

    def __iter__(self) -> Iterator[Image]:
        n = 0
        for frame in stream_video(self.path):
            yield frame
            n += 1
        if n < self.n_frames:
            what = f"ends after {n} frames, its header promises {self.n_frames}"
            raise DataError(what, where=self.path, todo="copy the video again")

    def read(self, index: int) -> Image:
        """Return one frame, see `ImageFolder.read`; the video is decoded from its start."""
        _check_index(index, self.n_frames, self.path)
        # Seeking lands on other frames in some containers.
        for frame in islice(stream_video(self.path), index, None):
            return frame
        raise DataError(f"frame {index} cannot be decoded", where=self.path)


FrameSource = ImageFolder | VideoFile


def stream_video(path: Path) -> Iterator[Image]:
    """Yield the frames of a video file of any length, whatever its header says of their number."""
    with _opened(path) as capture:
        while (read := capture.read())[0]:
            yield _rgb(read[1])


def video_file(path: Path, fps: float | None = None) -> VideoFile:
    """Open a video file; ``fps`` where it is known better than the file does.

    No such file, or one that cannot be decoded or states no frame rate, is a `DataError`.
    """
    with _opened(path) as capture:
        rate = fps or float(capture.get(cv2.CAP_PROP_FPS))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if not rate > 0:
        raise DataError("states no frame rate", where=path, todo="give it with --fps")
    return VideoFile(path, rate, count)


@dataclass(frozen=True)
class Footage:
    """Where a video lies, and all that a feature of it may depend on.

    Parameters
    ----------
    path, image, first_frame, fps
        How to read it, see `open_frames`.
    n_frames, stamp
        Its length; what changes when its files do, see `mecore.data.files.file_stamp`.
    """

    path: Path
    image: str | None
    first_frame: FirstFrame
    fps: float
    n_frames: int
    stamp: str

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells it from other videos, wherever it lies."""
        return self.image, self.first_frame, self.fps, self.n_frames, self.stamp

    def frames(self) -> FrameSource:
        """Open its frames."""
        return open_frames(self.path, self.fps, self.image, self.first_frame)


def clip_frames(
    frames: Iterable[Image], spans: Sequence[tuple[int, int | None, int]]
) -> Iterator[tuple[int, list[Image]]]:
    """Cut the frames of several expressions out of a video in one pass.

    Parameters
    ----------
    frames : iterable
        Frames of the video; read once, as far as the last offset.
    spans : sequence of (onset, apex, offset)
        They may overlap.

    Yields
    ------
    (int, list)
        Number of the expression and its frames, when its offset has come.
    """
    open_: dict[int, list[Image]] = {}
    last = max((offset for _, _, offset in spans), default=-1)
    for index, frame in enumerate(frames):
        for number, (onset, _, offset) in enumerate(spans):
            if onset <= index <= offset:
                open_.setdefault(number, []).append(frame)
            if index == max(onset, offset):
                yield number, open_.pop(number, [])
        if index >= last:
            return


def open_frames(
    path: Path, fps: float, image: str | None = None, first_frame: FirstFrame = 1
) -> FrameSource:
    """Open a video: a folder of images called like ``image``, a video file, or a single image."""
    if image is not None:
        return image_folder(path, image, fps, first_frame)
    if path.suffix.lower() in ENDINGS:
        return ImageFolder(path, (path,), fps)
    return video_file(path, fps)


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    if not path.is_file():
        raise DataError("video not found", where=path)
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        what = f"cannot be decoded as a video ({path.stat().st_size} bytes)"
        todo = "play it with a video player; if it plays, convert it to .mp4 and try again"
        raise DataError(what, where=path, todo=todo)
    try:
        yield capture
    finally:
        capture.release()


def _check_index(index: int, n: int, path: Path) -> None:
    if not 0 <= index < n:
        raise DataError(f"frame {index} asked for, there are frames 0 to {n - 1}", where=path)
