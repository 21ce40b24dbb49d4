"""The drawing surface: a supersampled raster in feature coordinates, and the few marks made on it.

`u` runs right from the midline, `v` down from the eye line, both in canonical pixels.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from mecore.phantom.anatomy import CANONICAL, CENTRE_X, EYE_LINE, ORIGIN, Floats, mirrored

Image = Floats

SUBPIXEL = 4  # fractional bits of OpenCV's drawing coordinates


class Canvas:
    """Raster of `scale` samples per canonical pixel over the whole canonical frame.

    `u`, `v`, both (n, n) float32, are the feature coordinates of the samples.
    """

    def __init__(self, scale: int) -> None:
        self.scale = scale
        self.size = CANONICAL * scale
        line = (np.arange(self.size, dtype=np.float32) + 0.5) / scale - 0.5
        self.u = np.broadcast_to(line - np.float32(CENTRE_X), (self.size, self.size))
        self.v = np.broadcast_to((line - np.float32(EYE_LINE))[:, None], (self.size, self.size))

    def blank(self) -> Image:
        """An image of zeros."""
        return np.zeros((self.size, self.size), np.float32)

    def fixed(self, points: Floats) -> NDArray[np.int32]:
        """Canonical points as OpenCV's fixed-point drawing coordinates."""
        return np.round(((points + 0.5) * self.scale - 0.5) * 2**SUBPIXEL).astype(np.int32)

    def blur(self, image: Image, sigma: float) -> Image:
        """Gaussian blur; `sigma` in canonical pixels."""
        return cv2.GaussianBlur(image, (0, 0), sigma * self.scale)

    def fill(self, polygon: Floats) -> Image:
        """Coverage (0 ... 1) of a closed polygon in canonical points."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [self.fixed(polygon)], 255, cv2.LINE_AA, SUBPIXEL)
        return mask.astype(np.float32) / 255

    def bump(
        self, u: float, v: float, su: float, sv: float, *, mirror: bool = True, power: float = 2.0
    ) -> Image:
        """Smooth hill of height 1 and radii `su`, `sv` at (u, v), mirrored at the midline.

        `power` 2 is a Gaussian, larger ones have a flat top.
        """
        across = np.abs(self.u[0]) - abs(u) if mirror else self.u[0] - u
        along = self.v[:, 0] - v
        if power == 2.0:  # separable
            row, column = np.exp(-0.5 * (across / su) ** 2), np.exp(-0.5 * (along / sv) ** 2)
            return np.outer(column, row).astype(np.float32)
        square = (across[None, :] / su) ** 2 + (along[:, None] / sv) ** 2
        return np.exp(-0.5 * square ** (power / 2)).astype(np.float32)

    def stroke(self, curves: Sequence[Floats], sigma: float, *, taper: float = 0.35) -> Image:
        """Soft lines of height 1 and radius `sigma` along canonical polylines.

        The ends fade over the fraction `taper` of the length.
        """
        points = [self.fixed(curve) for curve in curves]
        whole, margin = np.vstack(points), int(3.5 * sigma * self.scale)
        low = (whole.min(axis=0) >> SUBPIXEL) - margin - 1
        high = (whole.max(axis=0) >> SUBPIXEL) + margin + 2
        first, last = np.clip([low, high], 0, self.size)
        part, corner = np.zeros((last - first)[::-1], np.float32), first << SUBPIXEL
        for line in points:
            place = np.linspace(0, 1, len(line))[1:]
            ends = np.minimum(place, 1 - place + 1 / len(line))
            fade = np.clip(ends / max(taper, 1e-3), 0.0, 1.0)
            here = (line - corner).tolist()
            for start, stop, value in zip(here[:-1], here[1:], fade.tolist(), strict=True):
                cv2.line(part, start, stop, value, 1, cv2.LINE_8, SUBPIXEL)
        image = self.blank()
        height = np.float32(sigma * self.scale * 2.3)
        image[first[1] : last[1], first[0] : last[0]] = self.blur(part, sigma) * height
        return image

    def noise(self, rng: np.random.Generator, sigma: float) -> Image:
        """Band-limited noise of unit variance; `sigma` is its grain in canonical pixels."""
        n = max(8, int(CANONICAL / sigma))
        coarse = rng.standard_normal((n, n), dtype=np.float32)
        fine = cv2.resize(coarse, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        return fine / np.float32(fine.std())


def smoothstep(low: float, high: float, value: Image) -> Image:
    """0 below `low`, 1 above `high` (or the other way round), smooth in between."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def both(curve: Sequence[tuple[float, float]], n: int = 24) -> list[Floats]:
    """A smooth curve through points (u, v) and its mirror image, in canonical coordinates."""
    smooth = PchipInterpolator(np.arange(len(curve)), np.asarray(curve, float))
    smooth = np.asarray(smooth(np.linspace(0, len(curve) - 1, n)))
    return [smooth + ORIGIN, mirrored(smooth) + ORIGIN]
