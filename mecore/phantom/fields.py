"""Displacement fields and furrows of the animation controls on one person's face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mecore.phantom.action_units import ACTION_UNITS, Bulge, Line, Point, Pull, parts_of
from mecore.phantom.anatomy import CANONICAL, ORIGIN, Anatomy
from mecore.phantom.canvas import Canvas, Image, both


def _anchors(anatomy: Anatomy) -> dict[str, Point]:
    """Anchor points of the right half of the picture, in feature coordinates."""
    points = (anatomy.landmarks - ORIGIN).tolist()
    u, v = (anatomy.eye_centres[1] - ORIGIN).tolist()
    beside = {"glabella": (0.0, points[22][1]), "eye": (u, v), "cheek": (u + 6.0, 21.0),
              "nose side": (7.5, points[29][1])}  # fmt: skip
    landmark = {
        "inner brow": (22, 0.0, 0.0), "outer brow": (25, 0.0, 0.0), "outer eye": (45, 0.0, 0.0),
        "ala": (35, 0.0, -2.0), "upper lip": (51, 0.0, 0.0), "lip corner": (54, 0.0, 0.0),
        "lower lip": (57, 0.0, -3.0), "chin": (8, 0.0, -8.0), "jaw": (11, -4.0, -4.0),
    }  # fmt: skip
    near = {name: (points[k][0] + du, points[k][1] + dv) for name, (k, du, dv) in landmark.items()}
    return beside | near


def _half(u: Image, side: int) -> Image | float:
    """Weight of one half of the face; both halves add to 1."""
    return 1.0 if side == 0 else 1 / (1 + np.exp(-side * u / np.float32(1.6)))


def displacement(anatomy: Anatomy, control: str) -> NDArray[np.float32]:
    """Displacement field of the skin under one of `CONTROLS` at intensity 1, (n, n, 2) float32.

    x right, y down, canonical pixels; without the lids and lips (see `motion`).
    """
    number, side = parts_of(control)
    canvas, anchors = Canvas(1), _anchors(anatomy)
    field = np.zeros((CANONICAL, CANONICAL, 2), np.float32)
    outwards = np.tanh(canvas.u / 2.0)
    for pull in ACTION_UNITS[number].parts:
        if not isinstance(pull, Pull):
            continue
        u, v = (a + b for a, b in zip(anchors[pull.anchor], pull.at, strict=True))
        hill = canvas.bump(u, v, *pull.size)
        if pull.under is not None:
            hill = np.where(canvas.v < v, hill, canvas.bump(u, v, pull.size[0], pull.under))
        hill = hill * _half(canvas.u, side)
        field[..., 0] += (pull.by[0] - pull.gather * (np.abs(canvas.u) - u)) * outwards * hill
        field[..., 1] += (pull.by[1] - pull.gather * (canvas.v - v)) * hill
    return field


def furrows(canvas: Canvas, anatomy: Anatomy, control: str) -> Image:
    """Change of the surface's height under one of `CONTROLS` at intensity 1, (n, n).

    Canonical pixels towards the viewer: furrows are negative, bulges positive.
    """
    (number, side), anchors = parts_of(control), _anchors(anatomy)
    height = canvas.blank()
    for part in ACTION_UNITS[number].parts:
        u, v = anchors[part.anchor]
        if isinstance(part, Line):
            curve = both([(u + x, v + y) for x, y in part.points])
            height += part.height * canvas.stroke(curve, part.radius, taper=0.4)
        elif isinstance(part, Bulge):
            height += part.height * canvas.bump(u + part.at[0], v + part.at[1], *part.size)
    return np.asarray(height * _half(canvas.u, side), np.float32)
