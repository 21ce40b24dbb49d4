"""What the animation controls do to one person's face: to the skin, its furrows, lids and lips.

Lids and lips are slits of the skin, whose margins part and close.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mecore.phantom.action_units import ACTION_UNITS, CONTROLS, Bulge, Line, Point, Pull, parts_of
from mecore.phantom.anatomy import CANONICAL, ORIGIN, Anatomy, Floats, Slit
from mecore.phantom.canvas import Canvas, Image, both

Box = tuple[float, float, float, float]  # x0, x1, y0, y1
Bools = NDArray[np.bool_]
_CLOSING_LINE = 0.85  # where the lids meet, from the upper margin (0) to the lower (1)
_RIM = 0.75  # canonical pixels from a margin that show some of the inside of the slit


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


@dataclass(frozen=True)
class Aperture:
    """A slit in one frame: distances from its margins (positive inside) and where along it."""

    below_upper: Floats
    above_lower: Floats
    along: Floats  # 0 ... 1 between the corners

    def at(self, where: Bools) -> "Aperture":
        """The points of a mask, as flat arrays."""
        return Aperture(self.below_upper[where], self.above_lower[where], self.along[where])

    def coverage(self, pixel: float) -> Floats:
        """Share of each pixel (of side `pixel`) that lies within the slit, 0 ... 1."""
        nearest = np.minimum(self.below_upper, self.above_lower) / pixel
        thickness = (self.below_upper + self.above_lower) / pixel
        inside = (self.along > 0) & (self.along < 1)
        return np.asarray(np.clip(nearest + 0.5, 0, 1) * np.clip(thickness, 0, 1) * inside)

    @property
    def open(self) -> Bools:
        """Points inside the slit or at its rim."""
        within = (self.along > 0) & (self.along < 1)
        return within & (self.below_upper > -_RIM) & (self.above_lower > -_RIM)


@dataclass(frozen=True)
class Opening:
    """A slit in a window of a frame, and where the pixels of the window are in it."""

    window: tuple[slice, slice]
    x: Floats  # canonical coordinates before the margins are put back
    y: Floats
    place: Aperture


def _smooth(q: Floats) -> Floats:
    q = np.clip(q, 0.0, 1.0)
    return np.asarray(q * q * (3 - 2 * q))


class SlitMotion:
    """How one slit opens and closes.

    `lift` and `drop`, both (k, n), are the displacement (down positive) of its upper and its lower
    margin under each control.
    """

    def __init__(self, slit: Slit, lift: Floats, drop: Floats) -> None:
        self.slit = slit
        self._lift, self._drop = lift, drop
        self._active = (lift != 0).any(axis=1) | (drop != 0).any(axis=1)
        top, bottom = slit.upper.min() - slit.reach_up, slit.lower.max() + slit.reach_down
        self.box: Box = (float(slit.x[0]), float(slit.x[-1]), float(top), float(bottom))

    def near(self, x: Floats, y: Floats) -> Bools:
        """Points that the slit may move: those in its `box`."""
        x0, x1, y0, y1 = self.box
        return (x > x0) & (x < x1) & (y > y0) & (y < y1)

    def below(self, x: Floats, y: Floats) -> Bools:
        """Canonical points of the skin below the slit, among those near it."""
        middle = 0.5 * (self.slit.upper + self.slit.lower)
        return self.near(x, y) & (y > np.interp(x, self.slit.x, middle))

    def rests(self, controls: Floats) -> bool:
        """Whether no control that moves the margins is at work."""
        return not controls[self._active].any()

    def apply(
        self, controls: Floats, x: Floats, y: Floats, lower: Bools | None = None
    ) -> tuple[Floats, Aperture]:
        """Canonical height of points whose skin has been put back, and their place in the slit.

        `lower` says which points belong to the skin below the slit; by default those nearer to
        its lower margin. Between the margins the skin of either side is continued.
        """
        slit = self.slit
        rest_up, rest_low = np.interp(x, slit.x, slit.upper), np.interp(x, slit.x, slit.lower)
        along = (x - slit.x[0]) / slit.width
        if self.rests(controls):
            return y, Aperture(y - rest_up, rest_low - y, along)
        raised, dropped = controls @ self._lift, controls @ self._drop
        raised = np.minimum(raised, slit.lower + dropped - slit.upper)
        move_up = np.interp(x, slit.x, raised, left=0.0, right=0.0)
        move_low = np.interp(x, slit.x, dropped, left=0.0, right=0.0)
        now_up, now_low = rest_up + move_up, rest_low + move_low
        ceiling, floor = rest_up - slit.reach_up, rest_low + slit.reach_down
        above = y - move_up * _smooth((y - ceiling) / (now_up - ceiling))
        below = y - move_low * _smooth((floor - y) / (floor - now_low))
        if lower is None:
            lower = 2 * y > now_up + now_low
        return np.where(lower, below, above), Aperture(y - now_up, now_low - y, along)


def lid_motion(slit: Slit, side: int) -> SlitMotion:
    """Motion of the lids on one side of the picture (-1 left, +1 right)."""
    profile = np.sin(np.pi * np.linspace(0, 1, len(slit.x))).clip(0) ** 0.7
    meeting = slit.upper + _CLOSING_LINE * (slit.lower - slit.upper)
    moves = np.zeros((2, len(CONTROLS), len(slit.x)))
    for row, (number, where) in enumerate(map(parts_of, CONTROLS)):
        unit = ACTION_UNITS[number]
        for move, margin, share in zip(moves, (slit.upper, slit.lower), unit.lids, strict=True):
            if where == side:
                move[row] = (meeting - margin) if unit.closes else share * profile
    return SlitMotion(slit, *moves)


def lip_motion(slit: Slit) -> SlitMotion:
    """Motion of the inner margins of the lips."""
    profile = np.sin(np.pi * np.linspace(0, 1, len(slit.x))).clip(0)
    t = np.linspace(-1, 1, len(slit.x))
    moves = np.zeros((2, len(CONTROLS), len(slit.x)))
    for row, (number, where) in enumerate(map(parts_of, CONTROLS)):
        half = 1.0 if where == 0 else 1 / (1 + np.exp(-6.0 * where * t))
        for move, share in zip(moves, ACTION_UNITS[number].lips, strict=True):
            move[row] = share * profile * half
    return SlitMotion(slit, *moves)
