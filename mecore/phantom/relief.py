"""The head as a height field: skull, sockets, nose, lips, chin, and the lines of age.

Heights are canonical pixels towards the viewer. Horizontal sections of the head are ellipses of
the outline's width around a midline profile; features are smooth hills, hollows and furrows.
"""

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from mecore.phantom.anatomy import CENTRE_X, EYE_LINE, ORIGIN, Anatomy, Floats, Slit
from mecore.phantom.canvas import Canvas, Image, both
from mecore.phantom.identity import Identity


def _curve(knots: list[tuple[float, float]], v: Floats) -> Floats:
    x, y = np.array(knots, float).T
    return np.asarray(PchipInterpolator(x, y, extrapolate=False)(np.clip(v, x[0], x[-1])))


def skull(canvas: Canvas, anatomy: Anatomy) -> Image:
    """Smooth head without features; falls off steeply at the outline and outside it."""
    outline = anatomy.outline[: len(anatomy.outline) // 2] - ORIGIN
    v = canvas.v[:, 0].astype(float)
    top, chin = outline[0, 1], outline[-1, 1]
    width = np.interp(v, outline[:, 1], outline[:, 0])
    width = np.where((v > top) & (v < chin), np.maximum(width, 2.0), 2.0)
    s = np.where(v < 0, v / -top, v / chin)
    profile = _curve([(-1, -58), (-0.85, -30), (-0.65, -11), (-0.4, -2.0), (-0.17, 0.3),
                      (0.02, -1.2), (0.2, -1.8), (0.4, 0.0), (0.56, 1.5), (0.75, 0.0), (0.88, 0.5),
                      (0.95, -4.0), (1.0, -16)], s)  # fmt: skip
    depth = np.minimum(1.08 * width, 62.0)
    ratio = np.minimum(np.abs(canvas.u) / width[:, None], 1.0)
    section = np.sqrt(1.0 - ratio**2.15) - 1.0
    return np.asarray(profile[:, None] + depth[:, None] * section, np.float32)


def _nose(canvas: Canvas, who: Identity) -> Image:
    long, bridge = 1 + 0.045 * who.nose_length, 1 + 0.16 * who.nose_bridge
    wide = 1 + 0.085 * who.nose_width
    v = canvas.v[:, 0].astype(float) / long
    height = _curve([(-14, 0), (-4, 2.6 * bridge), (7, 6.5 * bridge), (17, 11.5 * bridge**0.5),
                     (24, 16.0), (28.5, 17.4), (32, 15.8), (34.6, 10.5), (36.8, 5.0), (39, 1.8),
                     (43.5, 0)], v)  # fmt: skip
    half = _curve([(-14, 10), (-4, 6.0), (7, 5.6), (17, 6.6), (25, 7.8), (33, 8.8), (43, 9)], v)
    half = half * (0.4 + 0.6 * wide)
    z = height[:, None] * np.exp(-0.75 * (np.abs(canvas.u) / half[:, None]) ** 2.3)
    tip = 1 + 0.1 * who.nose_tip
    half = 4.9 * tip * wide**0.5
    z += 4.0 * tip * canvas.bump(0, 28.3 * long, half, 4.6, mirror=False, power=2.8)
    z += 5.5 * canvas.bump(9.4 * wide, 31.4 * long, 3.3 * wide, 4.0, power=3.4)
    z += 2.2 * canvas.bump(0, 36.2 * long, 2.1, 2.6, mirror=False)
    w = 8.4 * wide
    crease = both([(w - 1.5, 25.6 * long), (w + 4.0, 28.2 * long), (w + 5.3, 33.5 * long)])
    z -= 1.3 * canvas.stroke(crease, 0.9)
    z -= 1.0 * canvas.stroke(both([(w - 3.4, 26.5 * long), (w - 2.9, 32.0 * long)]), 1.0)
    return np.asarray(z, np.float32)


def lip_coordinates(canvas: Canvas, anatomy: Anatomy) -> tuple[Image, Image, Image]:
    """Position in the lips: across the mouth (-1 ... 1), down the upper lip, down the lower lip.

    The last two run from 0 to 1 within their lip and are -1 or 2 beyond it.
    """
    slit = anatomy.mouth
    x = canvas.u[0] + CENTRE_X
    t = (2 * (x - slit.x[0]) / slit.width - 1).astype(np.float32)
    curves = (slit.margin(), anatomy.lip_top, anatomy.lip_bottom)
    margin, top, bottom = (np.interp(x, *curve.T) for curve in curves)
    y, inside = canvas.v + EYE_LINE, np.abs(t) < 1
    upper = (y - top) / np.maximum(margin - top, 0.05)
    lower = (y - margin) / np.maximum(bottom - margin, 0.05)
    upper = np.where(inside, np.clip(upper, -1, 2), -1.0)
    lower = np.where(inside, np.clip(lower, -1, 2), 2.0)
    shape = canvas.u.shape
    return np.broadcast_to(t, shape), upper.astype(np.float32), lower.astype(np.float32)


def _mouth(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    t, upper, lower = lip_coordinates(canvas, anatomy)
    line = float(anatomy.mouth.upper[0] - EYE_LINE)
    across = np.clip(1 - t * t, 0, 1) ** 0.7
    up, low = np.clip(upper, 0, 1), np.clip(lower, 0, 1)
    hill = (1.7 + 0.3 * who.upper_lip) * across * np.sin(np.pi * up**0.8).clip(0) ** 0.7
    z = np.where((upper > 0) & (upper < 1), hill, 0)
    hill = (2.9 + 0.4 * who.lower_lip) * across * np.sin(np.pi * low**0.72).clip(0) ** 0.8
    z += np.where((lower >= 0) & (lower < 1), hill, 0)
    folds = np.random.default_rng([who.texture_seed, 2]).normal(0, 1, (3, 70)).astype(np.float32)
    z *= 1 + 0.035 * cv2.resize(folds, (canvas.size, canvas.size), interpolation=cv2.INTER_CUBIC)
    z = canvas.blur(z, 0.45)
    z += 4.5 * canvas.bump(0, line - 1, 22, 13, mirror=False)
    z -= 0.8 * canvas.bump(0, line - 10, 1.5, 4.5, mirror=False)  # philtrum
    z += 0.55 * canvas.bump(3.2, line - 9.5, 1.2, 4.5)
    z -= 2.2 * canvas.bump(0, line + 16.5, 13, 3.6, mirror=False)  # mentolabial sulcus
    z -= 1.3 * canvas.bump(anatomy.mouth.width / 2 + 1.6, line + 0.6, 2.4, 3.0)  # corner
    return z


def _lid_curves(eyes: tuple[Slit, Slit], drop: float, fade: float) -> list[Floats]:
    """Curves `drop` below the lower lid margins (if negative above the upper), close at corners."""
    curves = [slit.margin(lower=drop > 0) for slit in eyes]
    for slit, curve in zip(eyes, curves, strict=True):
        t = (slit.x - slit.x[0]) / slit.width
        curve[:, 1] += drop * np.sin(np.pi * np.clip(0.06 + 0.88 * t, 0, 1)) ** fade
    return curves


def crease_curves(anatomy: Anatomy, who: Identity) -> list[Floats]:
    """Creases of the two upper lids."""
    return _lid_curves(anatomy.eyes, -(2.6 + 0.5 * who.brow_height), 0.45)


def _sockets(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    centre = float(anatomy.eye_centres[1, 0] - CENTRE_X)
    ridge = 1.3 + 0.8 * who.brow_ridge
    z = -5.0 * canvas.bump(centre - 1, -1.0, 11.5, 7.5)
    z -= 4.0 * canvas.bump(centre - 12.5, -1.0, 4.6, 5.5)
    z += 4.2 * canvas.bump(centre, 0.2, 8.0, 5.4, power=2.6)
    z += ridge * canvas.bump(centre + 1, -15.5 - who.brow_height, 13, 5.2)
    z += 0.5 * ridge * canvas.bump(0, -12, 8, 5, mirror=False)
    z += 1.2 * canvas.bump(centre + 4, -9.5, 9, 3.0)  # fold under the brow
    z -= 1.2 * who.crease * canvas.stroke(crease_curves(anatomy, who), 0.75, taper=0.2)
    z += 0.45 * canvas.stroke(_lid_curves(anatomy.eyes, 1.5, 0.6), 1.1)
    z -= (0.35 + 1.15 * who.wrinkles) * canvas.stroke(_lid_curves(anatomy.eyes, 4.2, 0.6), 1.1)
    z += 0.8 * who.wrinkles * canvas.bump(centre + 1, 6.2, 6.5, 1.6)
    trough = both([(centre - 9.5, 4.5), (centre - 5, 10.0), (centre + 2, 13.5)])
    z -= (0.6 + 1.1 * who.wrinkles) * canvas.stroke(trough, 1.9)
    return z


def _cheeks_and_jaw(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    chin = float(anatomy.landmarks[8, 1] - EYE_LINE)
    full = who.cheek_fullness
    z = (3.4 + 0.4 * full) * canvas.bump(33, 20, 13, 9.5)
    z -= (2.2 - 1.3 * full) * canvas.bump(38, 46, 9, 13)
    z += (1.5 + 0.8 * full) * canvas.bump(27, 42, 9, 9)
    z -= 3.0 * canvas.bump(50, -22, 9, 17)
    z += 1.0 * canvas.bump(17, -38, 14, 12)
    z += 4.2 * canvas.bump(0, chin - 10.5, 12, 8.0, mirror=False)
    z += 1.0 * who.chin_width * canvas.bump(11, chin - 9.5, 7, 6)
    z += 1.3 * who.wrinkles * canvas.bump(31, chin - 20, 6.5, 6)  # jowls
    z -= 1.6 * who.wrinkles * canvas.bump(41, 34, 8, 12)
    return z


def _lines_of_age(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    old, corner = who.wrinkles, anatomy.mouth.width / 2
    fold = both([(11.5, 31), (17, 37), (21.5, 44.5), (corner + 3.0, 53)])
    z = -(0.35 + 1.5 * old) * canvas.stroke(fold, 1.3, taper=0.45)
    z += (0.35 + 1.3 * old) * canvas.bump(25, 39, 7, 7.5)
    if old > 0.1:
        for v in (-26.0, -33.5, -41.0):
            line = both([(0, v), (14, v - 1.5), (27, v + 1.2), (34, v + 4)])
            z -= 0.62 * old * canvas.stroke(line, 0.85, taper=0.5)
        frown = both([(4.2, -16.5), (4.8, -12), (4.4, -7)])
        z -= 0.85 * old * canvas.stroke(frown, 0.9)
        for v, drop in ((-3.0, -2.5), (0.0, 0.5), (2.5, 4.0)):
            line = both([(38.0, v), (43.0, v + 0.4 * drop), (48.0, v + drop)])
            z -= 0.62 * old * canvas.stroke(line, 0.7)
        marionette = both([(corner + 1.5, 56), (corner + 1.0, 64), (corner - 1.5, 72)])
        z -= 1.15 * old * canvas.stroke(marionette, 1.3)
    return z


def head_relief(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    """Height of the neutral face and skull over the canonical plane, (n, n) float32.

    Canonical pixels towards the viewer, about 20 at the tip of the nose.
    """
    z = skull(canvas, anatomy) + _nose(canvas, who)
    for feature in (_sockets, _cheeks_and_jaw, _mouth, _lines_of_age):
        z += feature(canvas, anatomy, who)
    return z
