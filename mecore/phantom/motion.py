"""Where every point of a face is in a frame: the exact map behind the pictures and the truth.

A frame is the neutral picture seen through a backward map: the canonical point of an output point
x is ``X(x) = slits(x - pose(x) - skin(x - pose(x)))``. Everything else follows from that map: the
true flow from frame i to frame j at x is ``y - x`` where ``X_j(y) = X_i(x)``, and a landmark at
the canonical point p lies at the y where ``X(y) = p``.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.phantom.action_units import CONTROLS
from mecore.phantom.anatomy import CANONICAL, CENTRE_X, EYE_LINE, LOWER_MARGIN, Anatomy, Floats
from mecore.phantom.canvas import Canvas, smoothstep
from mecore.phantom.controls import Bools, displacement, lid_motion, lip_motion
from mecore.phantom.identity import Identity
from mecore.phantom.relief import skull

Field = NDArray[np.float32]

_NECK_Y = EYE_LINE + 40.0  # height of the axis of roll
POSE = ("right", "down", "roll", "yaw", "pitch")  # canonical pixels twice, degrees thrice
POSE_RIGHT, POSE_DOWN = [0, 3, 2], [1, 4, 2]  # entries that move points right, and down
_FACE = np.s_[34:228, 34:202]  # canonical rows and columns that action units move
_STEPS = 100
_TOLERANCE = 1e-3  # largest error of a solution, canonical pixels
_RELAXATION = 0.85  # converges where skin is stretched or squeezed up to twofold


@dataclass(frozen=True)
class State:
    """One frame of the animation."""

    controls: Floats  # (k,): intensities of `CONTROLS`, 0 ... 1
    pose: Floats  # (5,): translation in canonical pixels and rotation in degrees, see `POSE`
    gaze: Floats  # (2,): displacement of the irises in canonical pixels, right and down

    @staticmethod
    def neutral() -> "State":
        """The state without any action."""
        return State(np.zeros(len(CONTROLS)), np.zeros(len(POSE)), np.zeros(2))


def _ripple(values: tuple[float, ...], canvas: Canvas) -> Field:
    """Smooth displacement of about a pixel that differs between the halves of a face."""
    a, b, c, d, e, f = (np.clip(value, -1.8, 1.8) for value in values)
    u, v = canvas.u / 60, canvas.v / 60
    inside = smoothstep(1.25, 0.6, np.hypot(canvas.u / 62, (canvas.v - 5) / 92))
    dx = 0.45 * a * np.sin(2.2 * v + 0.7) + 0.6 * b * u * u + 0.5 * c * v
    dy = 0.65 * d * u + 0.45 * e * np.sin(2.6 * u + 0.5) * np.cos(1.7 * v) + 0.35 * f * u * v
    return np.dstack([dx * inside, dy * inside]).astype(np.float32)


def _head_maps(anatomy: Anatomy) -> Field:
    """Hold and lever of the head, (n, n, 2), see `Rig.head`; the shoulders stay."""
    canvas = Canvas(1)
    depth = canvas.blur(np.maximum(skull(canvas, anatomy), -60.0), 3.0)
    depth += 15 * canvas.bump(0, 27, 7, 9, mirror=False)
    held = smoothstep(1.42, 1.0, np.hypot(canvas.u / 76, (canvas.v - 2) / 92))
    return np.dstack([held, depth + 28.0]).astype(np.float32)


def pose_basis(x: Floats, y: Floats, head: Floats) -> tuple[Floats, Floats]:
    """Displacement of points (...) per unit of the pose, to first order in its angles.

    `x`, `y` are canonical pixels of the frame, `head` (..., 2) is `Rig.head` there. Right and down,
    both (3, ...), are to be weighted with the entries `POSE_RIGHT` and `POSE_DOWN` of the pose and
    added up.
    """
    held, lever = head[..., 0], head[..., 1]
    turned = np.deg2rad(held)
    right = np.stack([held, turned * lever, turned * (_NECK_Y - y)])
    down = np.stack([held, turned * lever, turned * (x - CENTRE_X)])
    return right, down


def sample(field: Field, x: Floats, y: Floats) -> Floats:
    """Bilinear samples of a canonical field (n, n, k) at points (...), (..., k); edges repeated."""
    x, y = (np.minimum(np.maximum(place, 0), CANONICAL - 1.001) for place in (x, y))
    column, row = x.astype(np.intp), y.astype(np.intp)
    fx, fy = (x - column)[..., None], (y - row)[..., None]
    first, flat = row * CANONICAL + column, field.reshape(-1, field.shape[-1])
    corners = (flat.take(first + step, axis=0) for step in (0, 1, CANONICAL, CANONICAL + 1))
    top_left, top_right, bottom_left, bottom_right = corners
    top = top_left * (1 - fx) + top_right * fx
    bottom = bottom_left * (1 - fx) + bottom_right * fx
    return np.asarray(top * (1 - fy) + bottom * fy)


class Rig:
    """The moving parts of one face: fields of pose and action units, lids and lips.

    `head` says how much each canonical point moves with the head (0 ... 1), and its distance in
    depth from the axes of yaw and pitch; `asymmetry` is the displacement of the skin that makes the
    neutral halves differ (both (n, n, 2) float32). `slits` are the left and right lids of the
    picture, and the lips. `probes` (m, 2) are canonical points all over the skin and its margins,
    `probes_lower` (m,) says which lie below a slit.
    """

    def __init__(self, anatomy: Anatomy, who: Identity) -> None:
        self.anatomy = anatomy
        self.head = _head_maps(anatomy)
        self._skin_fields = np.stack([displacement(anatomy, c)[_FACE] for c in CONTROLS])
        self.asymmetry = _ripple(who.asymmetry, Canvas(1))
        left, right = anatomy.eyes
        self.slits = (lid_motion(left, -1), lid_motion(right, 1), lip_motion(anatomy.mouth))
        self.probes, self.probes_lower = self._probes()
        margins = np.isin(np.arange(len(anatomy.landmarks)), LOWER_MARGIN)
        self._landmarks_lower = self.below_slit(anatomy.landmarks) | margins

    @cached_property
    def still(self) -> Floats:
        """Where the probes are in the neutral state."""
        return self.forward(State.neutral(), self.probes, lower=self.probes_lower)

    def skin_field(self, state: State) -> Field:
        """Displacement of the skin by the controls, on the canonical grid, (n, n, 2)."""
        skin = self.asymmetry.copy()
        face = skin[_FACE]
        for index in np.flatnonzero(state.controls):
            cv2.scaleAdd(self._skin_fields[index], float(state.controls[index]), face, face)
        return skin

    def backward(self, state: State, x: Floats, y: Floats) -> tuple[Floats, Bools]:
        """Canonical points (..., 2) of output points (...), and which of them show skin (...).

        Inside an open slit and at its rim there is none.
        """
        x, y = self._upright(state, self.skin_field(state), x, y)
        skin = np.ones(x.shape, bool)
        for motion in self.slits:
            skin &= ~motion.apply(state.controls, x, y)[1].open
        return np.stack([x, self._close(state, x, y, None)], axis=-1), skin

    def _upright(self, state: State, field: Field, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Points with the pose and the displacement of the skin taken away."""
        right, down = pose_basis(x, y, sample(self.head, x, y))
        x = x - np.dot(state.pose[None, POSE_RIGHT], right.reshape(3, -1)).reshape(x.shape)
        y = y - np.dot(state.pose[None, POSE_DOWN], down.reshape(3, -1)).reshape(x.shape)
        moved = sample(field, x, y)
        return x - moved[..., 0], y - moved[..., 1]

    def _close(self, state: State, x: Floats, y: Floats, lower: Bools | None) -> Floats:
        """Heights of upright points with all slits put back to their neutral opening."""
        y = y.copy()
        for motion in self.slits:
            if motion.rests(state.controls):
                continue
            near = motion.near(x, y)
            side = None if lower is None else lower[near]
            y[near] = motion.apply(state.controls, x[near], y[near], side)[0]
        return y

    def below_slit(self, points: Floats) -> Bools:
        """Whether canonical points (..., 2) belong to the skin below a slit, (...)."""
        sides = [motion.below(points[..., 0], points[..., 1]) for motion in self.slits]
        return np.asarray(np.any(sides, axis=0))

    def forward(
        self, state: State, points: Floats, start: Floats | None = None, *,
        lower: Bools | None = None, field: Field | None = None,
    ) -> Floats:  # fmt: skip
        """Output points y (..., 2) with ``X(y) = points``, by damped fixed-point iteration.

        Parameters
        ----------
        points : ndarray (..., 2)
            Canonical points of the skin; those without a solution give NaN.
        start : ndarray (..., 2), optional
            Where to begin, such as the solution of the frame before.
        lower : ndarray (...) of bool, optional
            Which points belong to the skin below a slit; by default from their position.
        field : ndarray, optional
            What ``skin_field(state)`` returned, where it is at hand.
        """
        field = self.skin_field(state) if field is None else field
        lower = self.below_slit(points) if lower is None else lower
        shape, points, lower = points.shape, points.reshape(-1, 2), lower.reshape(-1)
        at = (points if start is None else start).astype(float).reshape(-1, 2)
        todo = np.arange(len(at))
        for _ in range(_STEPS):
            x, y = self._upright(state, field, *at[todo].T)
            error = points[todo] - np.stack([x, self._close(state, x, y, lower[todo])], axis=-1)
            at[todo] += _RELAXATION * error
            todo = todo[np.abs(error).max(axis=1) >= _TOLERANCE]
            if not todo.size:
                break
        at[todo] = np.nan
        return at.reshape(shape)

    def landmarks(
        self, state: State, start: Floats | None = None, field: Field | None = None
    ) -> Floats:
        """The 68 landmarks of a state, (68, 2) canonical pixels; see `forward` for the rest."""
        points = self.anatomy.landmarks
        return self.forward(state, points, start, lower=self._landmarks_lower, field=field)

    def _probes(self) -> tuple[Floats, Bools]:
        """Canonical points all over the skin of the face and on all margins; which are lower."""
        line = np.arange(2.0, CANONICAL, 2.0)
        grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        face = Canvas(1).fill(self.anatomy.outline) > 0.5
        known = self.backward(State.neutral(), grid[:, 0], grid[:, 1])[1]
        skin = grid[known & face[grid[:, 1].astype(int), grid[:, 0].astype(int)]]
        own = [motion.slit for motion in self.slits]
        upper, lower = (np.vstack([s.margin(lower=k)[2:-2:4] for s in own]) for k in (False, True))
        sides = np.repeat([False, True], [len(upper), len(lower)])
        return np.vstack([skin, upper, lower]), np.concatenate([self.below_slit(skin), sides])
