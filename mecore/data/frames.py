"""Frame sources: the frames of a folder of images or of a video file, one at a time.

A source never holds a video in memory. Frames are (H, W, 3) uint8 RGB, indexed from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError

Image = NDArray[np.uint8]
_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}


class FrameSource(Protocol):
    """Frames of one video in order."""

    @property
    def path(self) -> Path:
        """Folder of images or video file."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second."""
        ...

    def __len__(self) -> int:
        """Count the frames."""
        ...

    def __iter__(self) -> Iterator[Image]:
        """Yield the frames from the first to the last."""
        ...

    def read(self, index: int) -> Image:
        """Return one frame.

        Raises
        ------
        DataError
            The index lies outside the video, or the frame cannot be decoded.
        """
        ...


@dataclass(frozen=True)
class ImageFolder:
    """Frames kept as numbered images.

    Parameters
    ----------
    path : Path
        The folder.
    paths : tuple of Path
        Images in the order of their numbers, see `image_folder`.
    fps : float
        Frames per second.
    """

    path: Path
    paths: tuple[Path, ...]
    fps: float

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Image]:
        return (self.read(i) for i in range(len(self)))

    def read(self, index: int) -> Image:
        """Return one frame, see `FrameSource.read`."""
        _check_index(index, len(self), self.path)
        # imdecode, because imread fails on paths with letters outside the system's code page.
        raw = np.fromfile(self.paths[index], np.uint8)
        frame = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
        if frame is None:
            raise DataError(
                f"frame {index} cannot be decoded ({raw.size} bytes)",
                where=self.paths[index],
                todo="copy this image again, or exclude the video in the manifest",
            )
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def image_folder(folder: Path, pattern: str, fps: float, first_frame: int = 1) -> ImageFolder:
    """Open a folder of numbered images.

    Parameters
    ----------
    folder : Path
        Folder of one video.
    pattern : str
        Name of a frame with ``{frame}`` for its number; the ending may be that of any image
        format, zero padding may be of any width.
    fps : float
        Frames per second.
    first_frame : int
        Number of the first frame on disk.

    Raises
    ------
    DataError
        No folder, no image of that name, a number missing in between, or another first number.
    """
    if not folder.is_dir():
        raise DataError("folder of frames not found", where=folder)
    stem = re.escape(Path(pattern).stem).replace(r"\{frame\}", r"0*(\d+)")
    numbered: dict[int, Path] = {}
    for path in folder.iterdir():
        found = re.fullmatch(stem, path.stem, re.IGNORECASE)
        if found and path.suffix.lower() in _ENDINGS:
            numbered[int(found[1])] = path
    if not numbered:
        raise DataError(f"no image is called like {pattern!r}", where=folder)
    _check_numbers(sorted(numbered), first_frame, folder)
    return ImageFolder(folder, tuple(numbered[n] for n in sorted(numbered)), fps)


def _check_numbers(numbers: list[int], first: int, folder: Path) -> None:
    if numbers[0] != first:
        raise DataError(
            f"the first image is number {numbers[0]}, the manifest says {first}", where=folder
        )
    missing = sorted(set(range(first, numbers[-1])) - set(numbers))
    if missing:
        some = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise DataError(f"{len(missing)} images are missing: {some}", where=folder)


@dataclass(frozen=True)
class VideoFile:
    """Frames of a video file.

    Parameters
    ----------
    path : Path
        Any file that OpenCV's FFmpeg reads.
    fps : float
        Frames per second.
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
            raise DataError(
                f"ends after {n} frames, its header promises {self.n_frames}", where=self.path,
                todo="copy the video again",
            )  # fmt: skip

    def read(self, index: int) -> Image:
        """Return one frame, see `FrameSource.read`.

        The video is decoded from its start: seeking lands on other frames in some containers.
        """
        _check_index(index, self.n_frames, self.path)
        for i, frame in enumerate(stream_video(self.path)):
            if i == index:
                return frame
        raise DataError(f"frame {index} cannot be decoded", where=self.path)


def stream_video(path: Path) -> Iterator[Image]:
    """Yield the frames of a video file of any length, whatever its header says of their number."""
    capture = _open(path)
    try:
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
    finally:
        capture.release()


def video_file(path: Path, fps: float | None = None) -> VideoFile:
    """Open a video file.

    Parameters
    ----------
    path : Path
        The file.
    fps : float, optional
        Frames per second, where it is known better than the file does.

    Raises
    ------
    DataError
        No such file, or one that cannot be decoded or states no frame rate.
    """
    capture = _open(path)
    try:
        rate = fps or float(capture.get(cv2.CAP_PROP_FPS))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    if not rate > 0:
        raise DataError("states no frame rate", where=path, todo="give it with --fps")
    return VideoFile(path, rate, count)


def open_frames(
    path: Path, fps: float, image: str | None = None, first_frame: int = 1
) -> FrameSource:
    """Open a video: a folder of images called like ``image``, or a video file where it is None."""
    return video_file(path, fps) if image is None else image_folder(path, image, fps, first_frame)


def _open(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise DataError("video not found", where=path)
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise DataError(
            f"cannot be decoded as a video ({path.stat().st_size} bytes)", where=path,
            todo="play it with a video player; if it plays, convert it to .mp4 and try again",
        )  # fmt: skip
    return capture


def _check_index(index: int, n: int, path: Path) -> None:
    if not 0 <= index < n:
        raise DataError(f"frame {index} asked for, there are frames 0 to {n - 1}", where=path)
