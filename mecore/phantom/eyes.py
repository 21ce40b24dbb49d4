"""The eyes: a texture of sclera and iris that gaze slides under the lids, and how it is set in."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.phantom.anatomy import Floats
from mecore.phantom.canvas import Image, smoothstep
from mecore.phantom.controls import Aperture, Opening
from mecore.phantom.identity import Identity
from mecore.phantom.light import DISPLAY_POWER, direction, to_display

_SCALE = 8  # samples of the texture per canonical pixel
_REACH = 18.0  # half the side of the texture, canonical pixels
_IRIS = 4.25  # radius
_PUPIL = 1.8
_BLUR = 0.42  # radius of the lens's blur, pixels of the frame
_CARUNCLE = np.array([168.0, 108.0, 98.0])


def eyeball(who: Identity) -> NDArray[np.uint8]:
    """Front of an eyeball, straight gaze, (n, n, 3) uint8 display RGB, without lamp and lids."""
    n = int(2 * _REACH * _SCALE)
    line = (np.arange(n, dtype=np.float32) + 0.5) / _SCALE - np.float32(_REACH)
    x, y = np.meshgrid(line, line)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    rng = np.random.default_rng([who.texture_seed, 3])
    white = np.array([0.54, 0.50, 0.47], np.float32) * (1 - 0.10 * who.wrinkles)
    veins = 0.05 * smoothstep(7.0, 12.0, radius)[..., None] * np.array([0.3, 1.0, 0.9])
    colour = white * (1 - veins)

    fibres = np.zeros_like(radius)
    for waves in (9, 17, 31, 53):
        fibres += np.cos(waves * angle + rng.uniform(0, 6.3) + rng.uniform(-0.4, 0.4) * radius)
    spread = 1 + 0.16 * fibres * smoothstep(1.6, 3.0, radius)
    spread *= 0.8 + 0.55 * smoothstep(4.0, 1.8, radius)
    warm = 1 + 0.55 * np.exp(-0.5 * ((radius - 2.3) / 0.7) ** 2)
    iris = np.array(who.iris) * spread[..., None]
    iris = iris * np.dstack([warm, 0.5 + 0.5 * warm, np.ones_like(warm)])
    iris *= (1 - 0.72 * smoothstep(_IRIS - 1.1, _IRIS + 0.05, radius))[..., None]
    edge = smoothstep(_IRIS + 0.35, _IRIS - 0.35, radius)[..., None]
    colour = colour * (1 - edge) + iris * edge
    pupil = smoothstep(_PUPIL + 0.25, _PUPIL - 0.2, radius)[..., None]
    return to_display((colour * (1 - pupil) + 0.004 * pupil).astype(np.float32))


class EyePainter:
    """Sets one eye into frames: eyeball, reflections of the lamps, shadow and lashes of the lids.

    `centre` (2,) is canonical; `side` is 0 on the left of the picture, 1 on the right; `light` is
    what the eye receives, `pixel` the side of a pixel of the frames in canonical pixels.
    """

    def __init__(
        self, who: Identity, centre: Floats, side: int, light: float, pixel: float
    ) -> None:
        self._centre, self._side, self._pixel = centre.astype(np.float32), side, pixel
        self._texture = cv2.GaussianBlur(eyeball(who), (0, 0), _BLUR * pixel * _SCALE)
        self._gain = np.float32(light**DISPLAY_POWER)
        self._lash = 0.62 if who.male else 0.8
        key = direction(who.key_azimuth, who.key_elevation)
        self._spark = np.array([2.6 * key[0], 2.8 * key[1]], np.float32)

    def paint(self, frame: Image, opening: Opening, gaze: Floats) -> None:
        """Paint the eye between the lids into a window (h, w, 3) of the frame, in place.

        `gaze` (2,) is the displacement of the iris.
        """
        place = opening.place
        near = (place.below_upper > -2.5) & (place.above_lower > -2.5)
        near &= (place.along > -0.03) & (place.along < 1.03)
        x, y, place = opening.x[near], opening.y[near], place.at(near)
        inner = place.along if self._side else 1 - place.along
        colour = self._ball(x, y, gaze.astype(np.float32), place, inner)
        cover = place.coverage(self._pixel)[:, None]
        pixels = frame[near]
        pixels += cover * (colour - pixels)
        frame[near] = pixels * self._lashes(place, 1 - inner)[:, None]

    def _ball(self, x: Floats, y: Floats, gaze: Floats, place: Aperture, inner: Floats) -> Floats:
        (cx, cy), (gx, gy) = self._centre, gaze
        away = (x - cx - gx, y - cy - gy)
        maps = (((d + _REACH) * _SCALE - 0.5).astype(np.float32) for d in away)
        edge = cv2.BORDER_REPLICATE
        ball = cv2.remap(self._texture, *maps, cv2.INTER_LINEAR, None, edge).reshape(-1, 3)
        gain = self._gain * (1.02 - 0.30 * ((x - cx) / 10.5) ** 2)
        gain *= 1 - 0.52 * np.exp(-np.maximum(place.below_upper, 0) / 1.5)
        gain *= 1 - 0.20 * np.exp(-np.maximum(place.above_lower, 0) / 0.9)
        pink = 0.75 * np.exp(-((inner / 0.10) ** 2))[:, None]
        colour = gain[:, None] * (ball * (1 - pink) + pink * _CARUNCLE)
        colour += (26 * np.exp(-(((place.above_lower - 0.45) / 0.4) ** 2)))[:, None]
        sx, sy = self._centre + 0.3 * gaze + self._spark
        spark = np.exp(-((((x - sx) / 0.85) ** 2 + ((y - sy) / 0.85) ** 2) ** 1.5))
        spark += 0.2 * np.exp(-((x - 2 * cx + sx) ** 2 + (y - cy - 0.9) ** 2) / 0.5)
        return np.asarray(colour * (1 - spark[:, None]) + 244 * spark[:, None])

    def _lashes(self, place: Aperture, outer: Floats) -> Floats:
        """What the lashes leave of the light along both margins."""
        within = np.clip((1.02 - outer) / 0.05, 0, 1) * np.clip((outer + 0.02) / 0.05, 0, 1)
        depth = self._lash * (0.55 + 0.45 * np.clip(outer, 0, 1))
        upper = depth * np.exp(-(((place.below_upper - 0.05) / 0.8) ** 2)) * within
        lower = 0.24 * np.exp(-(((place.above_lower + 0.3) / 0.6) ** 2)) * within
        return np.asarray((1 - upper) * (1 - lower))
