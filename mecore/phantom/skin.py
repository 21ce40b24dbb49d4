"""Colour of the skin: pigment and blood, lips, beard shadow, freckles, moles, shadows of the eyes.

Two pigments absorb light, melanin and haemoglobin; maps of both give the skin its natural range of
hues without painting it.
"""

import numpy as np

from mecore.phantom.anatomy import CENTRE_X, EYE_LINE, Anatomy, Floats, closed
from mecore.phantom.canvas import Canvas, Image, smoothstep
from mecore.phantom.identity import Identity, Rng
from mecore.phantom.relief import crease_curves, lip_coordinates

_UNPIGMENTED = np.array([0.93, 0.82, 0.66], np.float32)
_MELANIN = np.array([0.74, 1.0, 1.22], np.float32)
_BLOOD = np.array([0.06, 0.52, 0.40], np.float32)


def lip_mask(canvas: Canvas, anatomy: Anatomy) -> Image:
    """Red of the lips, 0 ... 1, with the soft border of real lips."""
    t, upper, lower = lip_coordinates(canvas, anatomy)
    inside = smoothstep(-0.1, 0.25, upper) * smoothstep(1.08, 0.72, lower)
    return canvas.blur(inside * smoothstep(1.0, 0.96, np.abs(t)), 0.35)


def beard_region(canvas: Canvas, anatomy: Anatomy, lips: Image) -> Image:
    """Where a beard grows, 0 ... 1: moustache, chin, jaw and sideburns; not on the red `lips`."""
    line = float(anatomy.mouth.upper[0] - EYE_LINE)
    half = np.array([(0, line - 13), (9, line - 13), (18, line - 10), (27, line - 1),
                     (35, line - 9), (47, 24), (53, 12), (62, 10), (64, 60), (30, 100),
                     (0, 104)])  # fmt: skip
    region = canvas.blur(canvas.fill(closed(half)), 3.2)
    bare = 0.85 * canvas.bump(13, line + 11.5, 5.5, 3.2)  # beside the lower lip little grows
    return region * (1 - bare) * (1 - canvas.blur(lips, 0.8))


def scattered_points(rng: Rng, count: int) -> Floats:
    """Points (u, v) over the face, denser on nose and cheeks."""
    return np.column_stack([rng.normal(0, 24, count), rng.normal(12, 24, count)])


def _blood(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng, lips: Image) -> Image:
    blood = 0.62 + 0.05 * canvas.noise(rng, 9.0) + 0.05 * canvas.noise(rng, 3.0)
    blood += 0.035 * canvas.noise(rng, 1.2)
    blood += 0.34 * canvas.bump(32, 27, 12, 11) + 0.30 * canvas.bump(0, 29, 8, 7, mirror=False)
    blood += 0.14 * canvas.bump(0, 84, 12, 8, mirror=False) - 0.10 * canvas.bump(0, -40, 34, 18)
    blood += 0.22 * canvas.bump(float(anatomy.eye_centres[1, 0]) - CENTRE_X, 1, 11, 6)
    blood += 0.25 * canvas.bump(9.0, 33, 3.5, 4)
    return np.asarray(blood * who.redness + (1.0 + 0.4 * who.lip_colour) * lips, np.float32)


def _pigment(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng, lips: Image) -> Image:
    pigment = 1 + 0.045 * canvas.noise(rng, 12.0) + 0.03 * canvas.noise(rng, 2.5)
    pigment += 0.025 * canvas.noise(rng, 0.9)
    pigment *= who.melanin
    pigment += 0.09 + 0.012 * canvas.noise(rng, 2.0)
    eye = float(anatomy.eye_centres[1, 0] - CENTRE_X)
    pigment += (0.10 + 0.12 * who.wrinkles) * canvas.bump(eye - 3, 8, 9, 4)
    pigment += 0.05 * canvas.bump(eye, -4, 10, 4)
    pigment += 0.16 * (1 + who.melanin) * lips
    if who.freckles > 0:
        spots = smoothstep(1.1, 2.3, canvas.noise(rng, 1.1))
        pigment += 0.5 * who.freckles * spots * canvas.bump(14, 17, 24, 15)
    for u, v in scattered_points(rng, who.moles):
        size = rng.uniform(0.5, 0.95)
        pigment += rng.uniform(0.7, 1.4) * canvas.bump(u, v, size, size, mirror=False, power=3)
    for u, v in scattered_points(rng, int(14 * max(0.0, who.wrinkles - 0.35))):
        size = rng.uniform(1.0, 2.4)
        pigment += 0.14 * canvas.bump(u, v - 14, size, 0.8 * size, mirror=False)
    return np.asarray(pigment, np.float32)


def _openings(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    """Light that is swallowed by nostrils and between the lips, 1 where none is."""
    wide, long = 1 + 0.085 * who.nose_width, 1 + 0.045 * who.nose_length
    dark = 1 - 0.85 * canvas.bump(5.6 * wide, 35.5 * long, 2.5 * wide, 1.1, power=3.0)
    crease = canvas.stroke(crease_curves(anatomy, who), 0.55, taper=0.2)
    dark *= 1 - 0.30 * who.crease * np.minimum(crease, 1)
    line = canvas.stroke([anatomy.mouth.margin()[1:-1]], 0.5, taper=0.04)
    return np.asarray(dark * (1 - 0.62 * np.minimum(line, 1)))


def albedo(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng) -> Image:
    """Linear RGB reflectance of the skin, 0 ... 1, (n, n, 3) float32; lids and lips are closed."""
    lips = lip_mask(canvas, anatomy)
    blood = _blood(canvas, anatomy, who, rng, lips)
    pigment = _pigment(canvas, anatomy, who, rng, lips)
    absorbed = pigment[..., None] * _MELANIN + blood[..., None] * _BLOOD
    colour = _UNPIGMENTED * np.exp(-absorbed)
    shadow = max(who.stubble, 2.4 * who.beard) * beard_region(canvas, anatomy, lips)
    shadow = shadow * (0.9 + 0.12 * canvas.noise(rng, 0.8))
    grey_hair = np.array(who.hair, np.float32) * (1 - who.grey) + 0.3 * who.grey
    colour += 0.36 * shadow[..., None] * (0.5 * grey_hair + 0.5 * colour * 0.45 - colour)
    return np.asarray(colour * _openings(canvas, anatomy, who)[..., None], np.float32)


def roughness_relief(canvas: Canvas, who: Identity, rng: Rng) -> Image:
    """Pores and fine lines, canonical pixels of height."""
    grain = 0.035 * canvas.noise(rng, 0.55) + 0.03 * canvas.noise(rng, 1.3)
    return np.asarray(grain * (0.7 + 0.8 * who.wrinkles + 0.25 * who.male), np.float32)
