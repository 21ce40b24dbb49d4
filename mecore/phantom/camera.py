"""The camera: exposure, sensor noise, and coding to image files or to a video file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.phantom.spec import PhantomSpec

Write = Callable[[NDArray[np.uint8]], None]
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


@contextmanager
def image_folder(folder: Path, spec: PhantomSpec) -> Iterator[Write]:
    """Writer of frames (RGB) as ``img1.jpg``, ``img2.jpg`` ... into a folder."""
    folder.mkdir(parents=True)
    numbers, quality = count(1), [cv2.IMWRITE_JPEG_QUALITY, spec.nuisance.jpeg_quality]

    def write(frame: NDArray[np.uint8]) -> None:
        path = folder / f"img{next(numbers)}.jpg"
        if not cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality):
            raise DataError("the frame cannot be written", where=path, todo="check the disk space")

    yield write


@contextmanager
def video_file(path: Path, spec: PhantomSpec) -> Iterator[Write]:
    """Writer of frames (RGB) into an ``.avi`` file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, size = spec.nuisance.codec, (spec.size, spec.size)
    backend = cv2.CAP_OPENCV_MJPEG if codec == "MJPG" else cv2.CAP_FFMPEG
    fourcc = cv2.VideoWriter.fourcc(*codec)
    writer = cv2.VideoWriter(str(path), backend, fourcc, float(spec.fps), size)
    if not writer.isOpened():
        todo = "use Nuisance(codec='MJPG')"
        raise DataError(f"OpenCV cannot write {codec} videos", where=path, todo=todo)
    if codec == "MJPG":
        writer.set(cv2.VIDEOWRITER_PROP_QUALITY, spec.nuisance.video_quality)
    try:
        yield lambda frame: writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()
