"""What is around the face: ears, neck, clothes and backdrop, as shapes and heights."""

from dataclasses import dataclass

import numpy as np

from mecore.phantom.anatomy import CENTRE_X, ORIGIN, Anatomy, Floats, arc_points, closed, mirrored
from mecore.phantom.canvas import Canvas, Image, both, smoothstep
from mecore.phantom.identity import Identity


@dataclass(frozen=True)
class Shape:
    """A part of the picture: its coverage (0 ... 1) and its height, both (n, n)."""

    cover: Image
    height: Image


# Rim of the right ear from the top of its root to the lobe, on a head of half width 59.
_EAR = np.array([(56, -9), (59.5, -15), (64, -16.5), (67.5, -13), (68.4, -5), (67, 4), (64.6, 13),
                 (62.5, 21), (60.6, 28), (57.5, 31.5), (54, 29)], dtype=float)  # fmt: skip


def ears(canvas: Canvas, anatomy: Anatomy) -> Shape:
    """Both ears: a rolled rim around a hollow, with a lobe."""
    root = float(np.max(anatomy.outline[:, 0]) - CENTRE_X) - 59.0
    rim = arc_points(_EAR + np.array([root, 0.0]), np.linspace(0, 1, 60))
    edges = [rim + ORIGIN, mirrored(rim) + ORIGIN]
    cover = np.maximum(*(canvas.fill(edge) for edge in edges))
    fold = (rim * np.array([1.0, 0.96]) + np.array([-3.6, 0.3]))[12:44]
    height = 3.2 * canvas.stroke(edges, 1.5, taper=0.08)
    height -= 2.2 * canvas.stroke([fold + ORIGIN, mirrored(fold) + ORIGIN], 1.1)
    root = rim[:, 0].max()
    height -= 3.0 * canvas.bump(root - 8.4, 9, 2.2, 5.0)
    height += 2.4 * canvas.bump(root - 7.8, 25, 3.2, 4.2)
    return Shape(cover, height - 40.0)


def _half_neck(who: Identity) -> float:
    return 37.5 + 3.0 * who.male + 0.8 * who.jaw_width


def neck(canvas: Canvas, who: Identity) -> Shape:
    """The neck down to the shoulders."""
    half = _half_neck(who)
    side = np.array([(half + 1, 20), (half, 70), (half - 0.5, 92), (half + 3, 105),
                     (half + 13, 114), (half + 42, 124), (150, 138), (150, 175)])  # fmt: skip
    cover = canvas.fill(closed(arc_points(side, np.linspace(0, 1, 60))))
    ratio = np.clip(np.abs(canvas.u) / (half + 2), 0, 1)
    height = 33 * (np.sqrt(1 - ratio**2.4) - 1) - 30.0
    cords = both([(27, 78), (21, 98), (11, 118), (5, 127)])
    height += (1.6 + 0.8 * who.male) * canvas.stroke(cords, 3.4)
    height += (1.4 * who.male) * canvas.bump(0, 112, 4.5, 6.0, mirror=False)
    height -= 2.0 * canvas.bump(0, 128, 6.0, 4.0, mirror=False)
    return Shape(cover, np.asarray(height, np.float32))


def _collar(who: Identity) -> Floats:
    """Edge of the cloth from the middle outwards, in feature coordinates."""
    half = _half_neck(who)
    edge = {
        "crew neck": [(0, 124), (14, 122.5), (28, 116), (half + 2, 106)],
        "v neck": [(0, 139), (12, 127), (25, 115), (half + 3, 105)],
        "shirt": [(0, 129), (9, 123), (24, 112), (half + 1, 99)],
        "turtleneck": [(0, 109), (16, 108), (30, 103), (half + 1, 95)],
    }[who.cloth]
    return np.array(edge, dtype=float)


def cloth(canvas: Canvas, who: Identity) -> Shape:
    """The garment: shoulders, a collar, folds."""
    inner = _collar(who)
    shoulder = np.array([inner[-1] + (0.5, 0), inner[-1] + (4, 6), (62, 117), (92, 123), (150, 136),
                         (150, 190), (0, 190)])  # fmt: skip
    cover = canvas.fill(closed(np.vstack([arc_points(inner, np.linspace(0, 1, 40)), shoulder])))
    rng = np.random.default_rng([who.texture_seed, 5])
    height = canvas.blank() - 26.0
    height += 3.0 * canvas.stroke(both([(x, y) for x, y in inner]), 2.0, taper=0.01)
    height -= 0.002 * np.abs(canvas.u) ** 2
    height -= 0.004 * np.maximum(canvas.v - 110, 0) ** 2
    height += 1.6 * canvas.noise(rng, 22.0) * smoothstep(116, 140, canvas.v)
    if who.cloth == "shirt":
        collar = [(0, 129), (13, 140), (31, 134), (42, 108)]
        for spread in ([(0, 129), (9, 123), (24, 112)], collar):
            height += 1.6 * canvas.stroke(both(spread), 1.2, taper=0.02)
        height -= 1.6 * canvas.stroke(both([(0, 130), (0, 150)]), 0.8, taper=0.02)
    if who.cloth == "turtleneck":
        height += 6.0 * canvas.stroke(both([(0, 113), (18, 112), (38, 102)]), 4.0, taper=0.02)
        height -= 2.0 * canvas.stroke(both([(0, 120), (20, 119), (43, 108)]), 1.5, taper=0.02)
    return Shape(cover, np.asarray(height, np.float32))


def cloth_colour(canvas: Canvas, who: Identity) -> Image:
    """Linear RGB reflectance of the garment with its weave, (n, n, 3)."""
    rng = np.random.default_rng([who.texture_seed, 6])
    weave = 1 + 0.045 * canvas.noise(rng, 0.7) + 0.015 * canvas.noise(rng, 4.0)
    return np.asarray(weave[..., None] * np.array(who.cloth_colour, np.float32), np.float32)


def backdrop(canvas: Canvas, who: Identity) -> Image:
    """Studio wall with a soft pool of light behind the head, linear RGB (n, n, 3)."""
    side = 18.0 * np.sign(who.key_azimuth)
    square = ((canvas.u + side) / 150) ** 2 + ((canvas.v + 5) / 170) ** 2
    light = 0.62 + 0.55 * np.exp(-1.3 * square)
    return np.asarray(light[..., None] * np.array(who.backdrop, np.float32), np.float32)
