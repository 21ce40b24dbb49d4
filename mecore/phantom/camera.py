"""The camera: exposure, sensor noise, and coding to image files or to a video file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.phantom.spec import PhantomSpec

_PATTERNS = 12  # stored noise patterns; each frame takes one, shifted at random
_MARGIN = 48


class Camera:
    """Turns clean frames into recorded ones.

    Parameters
    ----------
    spec : PhantomSpec
        Size of the frames and noise of the sensor.
    """

    def __init__(self, spec: PhantomSpec) -> None:
        rng = np.random.default_rng([spec.seed, 40])
        side = spec.size + _MARGIN
        patterns = rng.standard_normal((_PATTERNS, side, side, 3), dtype=np.float32)
        self._noise = patterns * np.float32(spec.nuisance.noise)
        self._size = spec.size

    def expose(
        self, frame: NDArray[np.float32], tone: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Record a clean frame (h, w, 3) with a gain and a gamma, as uint8 RGB."""
        gain, gamma = (float(value) for value in tone)
        # a parabola through black, middle grey and white stands in for the power law
        middle = gain * (128 / 255) ** gamma * 255 / 128
        bend = (gain - middle) / 127
        curved = cv2.multiply(frame, frame, scale=bend)
        curved = cv2.scaleAdd(frame, middle - 128 * bend, curved)
        row, column = rng.integers(0, _MARGIN, 2)
        noise = self._noise[int(rng.integers(_PATTERNS))]
        noise = noise[row : row + self._size, column : column + self._size]
        return np.asarray(cv2.add(curved, noise, dtype=cv2.CV_8U))


class ImageFolder:
    """Writes frames as ``img1.jpg``, ``img2.jpg`` ... into a folder."""

    def __init__(self, folder: Path, spec: PhantomSpec) -> None:
        folder.mkdir(parents=True)
        self._folder, self._count = folder, 0
        self._quality = [cv2.IMWRITE_JPEG_QUALITY, spec.nuisance.jpeg_quality]

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame (RGB)."""
        self._count += 1
        path = self._folder / f"img{self._count}.jpg"
        if not cv2.imwrite(str(path), frame[..., ::-1], self._quality):
            raise DataError("the frame cannot be written", where=path, todo="check the disk space")

    def __enter__(self) -> ImageFolder:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class VideoFile:
    """Writes frames into an ``.avi`` file."""

    def __init__(self, path: Path, spec: PhantomSpec) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fourcc = cv2.VideoWriter.fourcc(*spec.nuisance.codec)
        motion_jpeg = spec.nuisance.codec == "MJPG"
        backend = cv2.CAP_OPENCV_MJPEG if motion_jpeg else cv2.CAP_FFMPEG
        self._writer = cv2.VideoWriter(
            str(path), backend, fourcc, float(spec.fps), (spec.size, spec.size)
        )
        if not self._writer.isOpened():
            raise DataError(
                f"OpenCV cannot write {spec.nuisance.codec} videos", where=path,
                todo="use Nuisance(codec='MJPG')",
            )  # fmt: skip
        if motion_jpeg:
            self._writer.set(cv2.VIDEOWRITER_PROP_QUALITY, spec.nuisance.video_quality)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame (RGB)."""
        self._writer.write(np.ascontiguousarray(frame[..., ::-1]))

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._writer.release()
