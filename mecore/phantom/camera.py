"""The camera: exposure, sensor noise, and coding to image files or to a video file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.phantom.spec import PhantomSpec

_PATTERNS = 12  # stored noise patterns; each frame takes one, shifted at random
_MARGIN = 48


class Camera:
    """Turns clean frames into recorded ones, with the size and the noise of a `PhantomSpec`."""

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
        pattern, size = self._noise[int(rng.integers(_PATTERNS))], self._size
        noise = pattern[row : row + size, column : column + size]
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
        if not cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), self._quality):
            raise DataError("the frame cannot be written", where=path, todo="check the disk space")

    def close(self) -> None:
        """Nothing is left open between frames."""


class VideoFile:
    """Writes frames into an ``.avi`` file."""

    def __init__(self, path: Path, spec: PhantomSpec) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        codec, size = spec.nuisance.codec, (spec.size, spec.size)
        motion_jpeg = codec == "MJPG"
        backend = cv2.CAP_OPENCV_MJPEG if motion_jpeg else cv2.CAP_FFMPEG
        fourcc = cv2.VideoWriter.fourcc(*codec)
        self._writer = cv2.VideoWriter(str(path), backend, fourcc, float(spec.fps), size)
        if not self._writer.isOpened():
            todo = "use Nuisance(codec='MJPG')"
            raise DataError(f"OpenCV cannot write {codec} videos", where=path, todo=todo)
        if motion_jpeg:
            self._writer.set(cv2.VIDEOWRITER_PROP_QUALITY, spec.nuisance.video_quality)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame (RGB)."""
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()
