"""Light on a height field: soft key with cast shadows, fill, sky, occlusion, gloss, and skin.

Plain photometry in linear light. Skin scatters what it receives, red light farthest, which is
imitated by blurring the received light by a different amount in each colour.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.phantom.anatomy import CANONICAL
from mecore.phantom.canvas import Canvas, Image
from mecore.phantom.identity import Identity

DISPLAY_POWER = 1 / 2.3  # a factor of light to this power is one of display values
_SCATTER = (1.5, 0.75, 0.45)  # radius of scattering in red, green, blue, canonical pixels


def normals(canvas: Canvas, z: Image) -> Image:
    """Unit normals (n, n, 3), z towards the viewer, of a height field in canonical pixels."""
    gradient = np.float32(canvas.scale / 2)
    step = np.array([[-1, 0, 1]], np.float32)
    dx, dy = (cv2.filter2D(z, -1, kernel) * gradient for kernel in (step, step.T))
    length = np.sqrt(dx * dx + dy * dy + 1)
    return np.dstack([-dx / length, -dy / length, 1 / length])


def direction(azimuth: float, elevation: float) -> NDArray[np.float32]:
    """Unit vector towards a lamp; degrees, azimuth to the right, elevation upwards."""
    a, e = np.deg2rad([azimuth, elevation])
    return np.array([np.sin(a) * np.cos(e), -np.sin(e), np.cos(a) * np.cos(e)], np.float32)


def cast_shadow(canvas: Canvas, z: Image, lamp: NDArray[np.float32]) -> Image:
    """Share of the lamp seen by each sample (0 ... 1): height marched towards the lamp."""
    small = cv2.resize(z, (CANONICAL, CANONICAL), interpolation=cv2.INTER_AREA)
    plane = np.hypot(lamp[0], lamp[1])
    rise = lamp[2] / plane
    hidden, flags = np.zeros_like(small), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for distance in (1.5, 2.5, 4, 6, 8.5, 11.5, 15, 19, 24, 30):
        along = distance * lamp[:2] / plane
        shift = np.array([[1, 0, along[0]], [0, 1, along[1]]], np.float32)
        ahead = cv2.warpAffine(small, shift, small.shape, None, flags, cv2.BORDER_REPLICATE)
        blocked = (ahead - small - distance * rise) / np.float32(0.22 * distance + 0.4)
        hidden = np.maximum(hidden, np.clip(blocked + 0.5, 0, 1))
    full = cv2.resize(hidden, z.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return 1 - canvas.blur(full, 0.9)


def occlusion(z: Image) -> Image:
    """Openness to the sky (0 ... 1): hollows, seen at four sizes, receive less."""
    small = np.maximum(cv2.resize(z, (CANONICAL, CANONICAL), interpolation=cv2.INTER_AREA), -30)
    total = np.zeros_like(small)
    for sigma, weight in ((1.2, 0.20), (3.0, 0.26), (7.0, 0.28), (14.0, 0.22)):
        around = cv2.GaussianBlur(small, (0, 0), sigma)
        total += weight * np.clip((around - small) / sigma, 0, 1.6)
    return np.exp(-1.15 * cv2.resize(total, z.shape[::-1], interpolation=cv2.INTER_LINEAR))


def lamps(who: Identity) -> list[tuple[NDArray[np.float32], float]]:
    """Directions and strengths of the key light (a wide soft box) and the fill light."""
    a, e = who.key_azimuth, who.key_elevation
    side = np.sign(a)
    key = [(a, e, 0.42), (a + 13 * side, e + 4, 0.22), (a - 12 * side, e - 3, 0.22)]
    fill = [(-1.15 * a - 12 * side, 14.0, 0.15), (5.0 * side, 10.0, 0.10)]
    return [(direction(x, y), strength) for x, y, strength in key + fill]


@dataclass(frozen=True)
class Lighting:
    """Lamps of a session and what each sample of the scene sees of them."""

    lamps: list[tuple[NDArray[np.float32], float]]  # directions (3,), strengths; key light first
    visible: list[Image]  # share of each lamp that is not hidden, (n, n)
    open_sky: Image  # openness to the sky, (n, n)


def set_lights(canvas: Canvas, z: Image, who: Identity) -> Lighting:
    """Lamps of a person's session; `z` (n, n) are the heights of the whole scene."""
    all_lamps = lamps(who)
    key, fill = cast_shadow(canvas, z, all_lamps[0][0]), cast_shadow(canvas, z, all_lamps[3][0])
    return Lighting(all_lamps, [key, key, key, fill, fill], occlusion(z))


def received(n: Image, lighting: Lighting) -> Image:
    """Light that arrives at a surface with unit normals (h, w, 3): (h, w) float32.

    About 1 where the surface faces the key light.
    """
    light = (0.62 - 0.38 * n[..., 1]) * np.float32(0.31) * lighting.open_sky
    for (lamp, strength), visible in zip(lighting.lamps, lighting.visible, strict=True):
        wrapped = np.clip((n @ lamp + np.float32(0.18)) / np.float32(1.18), 0, None)
        light += np.float32(1.05 * strength) * wrapped * visible
    return np.asarray(light, np.float32)


def gloss(n: Image, lighting: Lighting, roughness: float) -> Image:
    """Specular reflection towards the viewer, Blinn-Phong with a Fresnel-like rise at the rim."""
    shine = np.zeros(n.shape[:2], np.float32)
    for (lamp, strength), visible in zip(lighting.lamps, lighting.visible, strict=True):
        half = lamp + np.array([0, 0, 1], np.float32)
        half /= np.linalg.norm(half)
        lobe = cv2.pow(np.clip(n @ half, 0, 1), 2 / roughness**2)
        shine += np.float32(strength) * lobe * visible
    return shine * (1 + 2 * (1 - n[..., 2]) ** 3)


def scatter(canvas: Canvas, light: Image) -> Image:
    """Received light after scattering in skin, (n, n, 3)."""
    spread = [0.35 * light + 0.65 * canvas.blur(light, radius) for radius in _SCATTER]
    return np.dstack(spread).astype(np.float32)


def to_display(linear: Image) -> NDArray[np.uint8]:
    """Linear light to sRGB 0 ... 255 with a soft shoulder in the highlights."""
    x = np.asarray(np.maximum(linear, 0), np.float32)
    bright = x > 0.6
    x[bright] = 0.6 + 0.4 * np.tanh((x[bright] - 0.6) / 0.4)
    root = cv2.pow(x.reshape(-1, 1), 1 / 2.4).reshape(x.shape)
    s = np.where(x <= 0.0031308, 12.92 * x, 1.055 * root - 0.055)
    return np.asarray(np.clip(s * 255 + 0.5, 0, 255), np.uint8)
