"""Brows, lashes and beard, hair by hair."""

from __future__ import annotations

import numpy as np

from mecore.phantom.anatomy import ORIGIN, Anatomy, Floats, arc_points, heights, mirrored
from mecore.phantom.canvas import Canvas, Image
from mecore.phantom.hair import Layer, blank_layer, draw_strands, strand_colours
from mecore.phantom.identity import Identity, Rng
from mecore.phantom.skin import beard_region, lip_mask


def _brow_strands(anatomy: Anatomy, who: Identity, rng: Rng) -> Floats:
    """Hairs of the right brow, (n, 4, 2): upwards at its inner end, outwards along it."""
    line = anatomy.brows[1] - ORIGIN
    n = int(280 * (1 + 0.22 * who.brow_weight))
    place = np.sort(rng.beta(1.1, 1.15, n))
    centre = arc_points(line, place)
    ahead = arc_points(line, np.minimum(place + 0.05, 1.0)) - arc_points(line, place - 0.05)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    profile = np.interp(place, [0, 0.12, 0.5, 0.8, 1.0], [0.7, 1.0, 0.95, 0.55, 0.2])
    across = rng.uniform(-0.5, 0.5, n) * anatomy.brow_thickness * profile
    roots = centre + np.column_stack([np.zeros(n), across])
    rise = np.interp(place, [0, 0.2, 0.5, 1.0], [1.15, 0.75, 0.28, -0.05])
    rise = rise + 0.10 * across + rng.normal(0, 0.12, n)
    heading = ahead * np.interp(place, [0, 0.25, 1], [0.45, 0.9, 1.0])[:, None]
    heading = heading + np.column_stack([np.zeros(n), -rise])
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    length = np.interp(place, [0, 0.5, 1.0], [3.6, 4.4, 3.0]) * rng.uniform(0.65, 1.15, n)
    t = np.linspace(0, 1, 4)[None, :, None]
    droop = np.array([0.5, 0.9]) * t**2
    return roots[:, None] + length[:, None, None] * heading[:, None] * t + droop


def _lash_strands(anatomy: Anatomy, who: Identity, rng: Rng) -> Floats:
    """Upper lashes of the right eye, (n, 4, 2): fanned outwards, longer at the outer corner."""
    slit, n = anatomy.eyes[1], 46
    t = np.linspace(0.1, 0.99, n)
    roots = heights(slit.margin() - ORIGIN, t * slit.width + slit.x[0] - ORIGIN[0])
    angle = np.interp(t, [0, 0.5, 1.0], [-0.45, 0.15, 1.15]) + rng.normal(0, 0.08, n)
    length = np.interp(t, [0, 0.5, 1.0], [1.0, 1.7, 2.6]) * (0.85 if who.male else 1.2)
    heading = np.column_stack([np.sin(angle), -np.cos(angle)])
    s = np.linspace(0, 1, 4)[None, :, None]
    return roots[:, None] + (length[:, None, None] * heading[:, None]) * s - [0.0, 0.25] * s**2


def _beard_strands(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng) -> Floats:
    """Hairs of the beard, (n, 4, 2): downwards, and away from the middle."""
    inside = canvas.blur(canvas.fill(anatomy.outline), 1.5)
    region = beard_region(canvas, anatomy, lip_mask(canvas, anatomy))
    region = region * np.clip(2.4 * inside - 1.3, 0, 1)
    n = int(20000 * who.beard)
    roots = np.column_stack([rng.uniform(-62, 62, n), rng.uniform(20, 98, n)])
    column, row = ((roots + ORIGIN + 0.5) * canvas.scale).astype(int).T
    roots = roots[region[row, column] > rng.uniform(0.15, 0.9, n)]
    roots = roots[np.argsort(roots[:, 1])]
    n = len(roots)
    angle = 0.011 * roots[:, 0] + rng.normal(0, 0.3, n)
    length = (0.9 + 1.9 * who.beard) * rng.uniform(0.6, 1.2, n)
    heading = np.column_stack([np.sin(angle), np.cos(angle)])
    t = np.linspace(0, 1, 4)[None, :, None]
    return np.asarray(roots[:, None] + length[:, None, None] * heading[:, None] * t)


def brow_shade(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    """Shade that the hairs of the brows leave on the skin, 1 where none."""
    lines = [arc_points(brow, np.linspace(0, 0.96, 30)) for brow in anatomy.brows]
    soft = canvas.stroke(lines, 0.36 * anatomy.brow_thickness, taper=0.25)
    depth = 0.42 if sum(who.hair) < 0.25 else 0.26
    return 1 - np.float32(depth * (1 - 0.5 * who.grey)) * np.minimum(soft, 1)


def facial_hair(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng) -> Layer:
    """Layer of brows, upper lashes and beard."""
    layer = blank_layer(canvas)
    if who.beard > 0:
        beard = _beard_strands(canvas, anatomy, who, rng)
        draw_strands(canvas, layer, beard, strand_colours(beard, who, rng, shade=0.8), alpha=0.75)
    shade, alpha = (0.55, 0.5) if max(who.hair) > 0.2 else (0.75, 0.66)
    for side in (-1, 1):
        brow, lash = _brow_strands(anatomy, who, rng), _lash_strands(anatomy, who, rng)
        if side < 0:
            brow, lash = mirrored(brow), mirrored(lash)
        draw_strands(canvas, layer, brow, strand_colours(brow, who, rng, shade=shade), alpha)
        black = np.full((*lash.shape[:1], 3, 3), 14, np.uint8)
        draw_strands(canvas, layer, lash, black, alpha=0.55)
    return layer
