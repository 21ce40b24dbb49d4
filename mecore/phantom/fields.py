"""Displacement fields and furrows of the animation controls on one person's face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mecore.phantom.action_units import ACTION_UNITS, Point, parts_of
from mecore.phantom.anatomy import CANONICAL, CENTRE_X, EYE_LINE, Anatomy
from mecore.phantom.canvas import Canvas, Image, both


def _anchors(anatomy: Anatomy) -> dict[str, Point]:
    """Anchor points of the right half of the picture, in feature coordinates."""
    points = anatomy.landmarks - np.array([CENTRE_X, EYE_LINE])

    def landmark(index: int, du: float = 0.0, dv: float = 0.0) -> Point:
        return float(points[index, 0]) + du, float(points[index, 1]) + dv

    eye = anatomy.eye_centres[1] - np.array([CENTRE_X, EYE_LINE])
    return {
        "inner brow": landmark(22),
        "outer brow": landmark(25),
        "glabella": (0.0, float(points[22, 1])),
        "eye": (float(eye[0]), float(eye[1])),
        "outer eye": landmark(45),
        "cheek": (float(eye[0]) + 6.0, 21.0),
        "nose side": (7.5, float(points[29, 1])),
        "ala": landmark(35, 0.0, -2.0),
        "upper lip": landmark(51),
        "lip corner": landmark(54),
        "lower lip": landmark(57, 0.0, -3.0),
        "chin": landmark(8, 0.0, -8.0),
        "jaw": landmark(11, -4.0, -4.0),
    }


def _half(u: Image, side: int) -> Image | float:
    """Weight of one half of the face; both halves add to 1."""
    return 1.0 if side == 0 else 1 / (1 + np.exp(-side * u / np.float32(1.6)))


def displacement(anatomy: Anatomy, control: str) -> NDArray[np.float32]:
    """Displacement field of the skin under a control at intensity 1, (n, n, 2).

    Parameters
    ----------
    anatomy : Anatomy
    control : str
        One of `CONTROLS`.

    Returns
    -------
    ndarray, float32
        x right, y down, canonical pixels; without the lids and lips (see `motion`).
    """
    number, side = parts_of(control)
    canvas, anchors = Canvas(1), _anchors(anatomy)
    field = np.zeros((CANONICAL, CANONICAL, 2), np.float32)
    outwards = np.tanh(canvas.u / 2.0)
    for pull in ACTION_UNITS[number].pulls:
        u, v = (a + b for a, b in zip(anchors[pull.anchor], pull.at, strict=True))
        hill = canvas.bump(u, v, *pull.size)
        if pull.under is not None:
            hill = np.where(canvas.v < v, hill, canvas.bump(u, v, pull.size[0], pull.under))
        hill = hill * _half(canvas.u, side)
        field[..., 0] += (pull.by[0] - pull.gather * (np.abs(canvas.u) - u)) * outwards * hill
        field[..., 1] += (pull.by[1] - pull.gather * (canvas.v - v)) * hill
    return field


def furrows(canvas: Canvas, anatomy: Anatomy, control: str) -> Image:
    """Change of the surface's height under a control at intensity 1.

    Parameters
    ----------
    canvas : Canvas
    anatomy : Anatomy
    control : str
        One of `CONTROLS`.

    Returns
    -------
    ndarray (n, n)
        Canonical pixels towards the viewer: furrows are negative, bulges positive.
    """
    number, side = parts_of(control)
    unit, anchors = ACTION_UNITS[number], _anchors(anatomy)
    height = canvas.blank()
    for line in unit.lines:
        u, v = anchors[line.anchor]
        curve = both([(u + x, v + y) for x, y in line.points])
        height += line.height * canvas.stroke(curve, line.radius, taper=0.4)
    for bulge in unit.bulges:
        u, v = (a + b for a, b in zip(anchors[bulge.anchor], bulge.at, strict=True))
        height += bulge.height * canvas.bump(u, v, *bulge.size)
    return np.asarray(height * _half(canvas.u, side), np.float32)
