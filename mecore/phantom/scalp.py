"""Scalp coordinates: where hair grows, whatever the shape of the head."""

from __future__ import annotations

import numpy as np

from mecore.phantom.anatomy import CENTRE_X, EYE_LINE, Anatomy, Floats

_PIVOT = np.array([0.0, -18.0])
_OFFSET = np.array([CENTRE_X, EYE_LINE])


class Scalp:
    """Turns scalp coordinates into feature coordinates for one head.

    Scalp coordinates are (angle, s): the angle around the middle of the head, 0 upwards, positive
    to the right; s is 0 at the hairline and 1 at the outer border of the hair.

    Parameters
    ----------
    anatomy : Anatomy
    volume : float
        Height of the hair over the skull, canonical pixels.
    recede : float
        How far the hairline has drawn back, 0 ... 1.
    """

    def __init__(self, anatomy: Anatomy, volume: float, *, recede: float = 0.0) -> None:
        self._angles = np.deg2rad(np.linspace(-115, 115, 240))
        self._inner = self._radius(anatomy.hairline - _OFFSET)
        temple = np.exp(-0.5 * ((np.abs(self._angles) - 0.7) / 0.34) ** 2)
        crown = np.exp(-0.5 * (self._angles / 0.5) ** 2)
        self._inner = self._inner + recede * (9 * temple + 6 * crown)
        outer = self._radius(anatomy.outline - _OFFSET)
        fade = np.clip((2.0 - np.abs(self._angles)) / 0.9, 0, 1)
        self._outer = outer + volume * fade * (0.8 + 0.2 * np.cos(self._angles))
        self._inner = np.minimum(self._inner, self._outer - 1.0)

    def _radius(self, curve: Floats) -> Floats:
        angle = self.angle(curve)
        order = np.argsort(angle)
        return np.interp(self._angles, angle[order], np.hypot(*(curve - _PIVOT).T)[order])

    @staticmethod
    def angle(points: Floats) -> Floats:
        """Angle of feature coordinates (..., 2), radians."""
        away = points - _PIVOT
        return np.arctan2(away[..., 0], -away[..., 1])

    def place(self, angle: Floats, s: Floats) -> Floats:
        """Feature coordinates of scalp coordinates, shape (..., 2)."""
        inner = np.interp(angle, self._angles, self._inner)
        outer = np.interp(angle, self._angles, self._outer)
        radius = inner + s * (outer - inner)
        return np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=-1) + _PIVOT
