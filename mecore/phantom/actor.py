"""Frames: the neutral picture warped, relit by its furrows, with eyes and mouth set in."""

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import OptionError, nearest
from mecore.phantom.action_units import CONTROLS, controls_of
from mecore.phantom.anatomy import CANONICAL, Slit, build_anatomy, pixel_grid
from mecore.phantom.canvas import Canvas, Image
from mecore.phantom.controls import Box, Opening, SlitMotion, furrows
from mecore.phantom.eyes import EyePainter
from mecore.phantom.identity import Identity, draw_identity
from mecore.phantom.light import DISPLAY_POWER, Lighting, normals, received
from mecore.phantom.motion import POSE_DOWN, POSE_RIGHT, Field, Rig, State, pose_basis, sample
from mecore.phantom.painting import SCALE, Painting, paint

_OPTICS = 0.42  # radius of the lens's blur, pixels of the frame
_SLACK = 6.0  # canonical pixels by which the skin around a slit may move against its middle
_EDGE = cv2.BORDER_REPLICATE
_UNSEEN = 0.006  # intensity of an action unit that changes no pixel by half a grey level


def _small(image: Image) -> Image:
    return cv2.resize(image, (CANONICAL, CANONICAL), interpolation=cv2.INTER_AREA)


def _shading(painting: Painting, rig: Rig, who: Identity) -> dict[int, Image]:
    """Relative change of brightness under each control at intensity 1, by its position."""
    canvas = Canvas(1)
    relief, light = _small(painting.relief), painting.lighting
    small = Lighting(light.lamps, [_small(v) for v in light.visible], _small(light.open_sky))
    before = received(normals(canvas, relief), small)
    depth = np.float32(0.75 + 0.5 * who.wrinkles)
    skin = canvas.blur(_small(painting.face), 1.0)  # hair in front of a furrow hides it
    changes = {}
    for index, control in enumerate(CONTROLS):
        height = depth * furrows(canvas, rig.anatomy, control)
        if not height.any():
            continue
        after = received(normals(canvas, relief + height), small)
        hollow = np.float32(0.11) * np.minimum(height, 0)
        ratio = np.clip((after + 0.05) / (before + 0.05), 0.3, 1.8)
        changes[index] = skin * (ratio**DISPLAY_POWER - 1 + hollow)
    return changes


@lru_cache(maxsize=4)
def _painting(who: Identity) -> Painting:
    return paint(build_anatomy(who), who)


class Actor:
    """A person ready to be rendered: painted once, then one call per square frame of `size` pixels.

    `rig` are the moving parts, from which the truth is computed, `face` (n, n) float32 is the share
    of visible skin of the face on the canonical grid.
    """

    def __init__(self, who: Identity, size: int = 256) -> None:
        anatomy = build_anatomy(who)
        self.rig = Rig(anatomy, who)
        painting = _painting(who)
        self.face = _small(painting.face)
        self._size, self._pixel = size, CANONICAL / size
        picture = cv2.GaussianBlur(painting.picture, (0, 0), _OPTICS * self._pixel * SCALE)
        self._picture = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)  # four channels remap faster
        self._shading = _shading(painting, self.rig, who)
        sides = zip(anatomy.eye_centres, (0, 1), painting.eye_light, strict=True)
        self._eyes = [EyePainter(who, *eye, self._pixel) for eye in sides]
        self._mouth_light = painting.eye_light[0] ** DISPLAY_POWER
        x, y = pixel_grid(size)
        basis = pose_basis(x, y, sample(self.rig.head, x, y))
        self._right, self._down = (part.astype(np.float32) for part in basis)
        self._x, self._y = x.astype(np.float32), y.astype(np.float32)

    def render(self, state: State, field: Field | None = None) -> NDArray[np.float32]:
        """The clean frame of a state, (size, size, 3) float32 display RGB 0 ... 255.

        `field` is ``rig.skin_field(state)``, where it is at hand.
        """
        skin = self.rig.skin_field(state) if field is None else field
        x, y = self._x.copy(), self._y.copy()
        for k, (right, down) in enumerate(zip(POSE_RIGHT, POSE_DOWN, strict=True)):
            cv2.scaleAdd(self._right[k], -float(state.pose[right]), x, x)
            cv2.scaleAdd(self._down[k], -float(state.pose[down]), y, y)
        right, down = cv2.split(cv2.remap(skin, x, y, cv2.INTER_LINEAR))
        x, y = x - right, y - down
        *lids, lips = self.rig.slits
        eyes = [self._open(motion, state, x, y) for motion in lids]
        mouth = None if lips.rests(state.controls) else self._open(lips, state, x, y)
        across, along = (SCALE * place + np.float32(0.5 * SCALE - 0.5) for place in (x, y))
        drawn = cv2.remap(self._picture, across, along, cv2.INTER_LINEAR, None, _EDGE)
        frame = cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB).astype(np.float32)
        frame = self._relight(frame, state, x, y)
        for painter, opening in zip(self._eyes, eyes, strict=True):
            painter.paint(frame[opening.window], opening, state.gaze)
        if mouth is not None:
            _show_mouth(frame, mouth, lips.slit, self._mouth_light, self._pixel)
        return frame

    def _relight(self, frame: Image, state: State, x: Image, y: Image) -> Image:
        """Deepen the furrows of the action units that are at work."""
        active = [index for index in self._shading if abs(state.controls[index]) > _UNSEEN]
        if not active:
            return frame
        gain = np.ones((CANONICAL, CANONICAL), np.float32)
        for index in active:
            cv2.scaleAdd(self._shading[index], float(state.controls[index]), gain, gain)
        here = cv2.remap(gain, x, y, cv2.INTER_LINEAR, None, _EDGE)
        np.clip(here, 0.35, 1.6, out=here)
        return np.asarray(cv2.multiply(frame, cv2.merge([here] * 3), dst=frame))

    def _open(self, motion: SlitMotion, state: State, x: Image, y: Image) -> Opening:
        """Put the skin around a slit back in place, in `y`; where the slit is."""
        window = self._window(motion.box, x, y)
        near_x, near_y = x[window], y[window].copy()
        back, place = motion.apply(state.controls, near_x, near_y)
        if back is not near_y:
            y[window] = np.where(motion.near(near_x, near_y), back, near_y)
        return Opening(window, near_x, near_y, place)

    def _window(self, box: Box, x: Image, y: Image) -> tuple[slice, slice]:
        """Rows and columns of the frame that may show a canonical box."""
        x0, x1, y0, y1 = box
        column, row = (int((m / 2 + 0.5) / self._pixel) for m in (x0 + x1, y0 + y1))
        right = float(self._x[row, column] - x[row, column])
        down = float(self._y[row, column] - y[row, column])
        first = np.array([y0 + down, x0 + right]) - _SLACK
        last = np.array([y1 + down, x1 + right]) + _SLACK
        corners = np.clip(np.array([first, last]) / self._pixel, 0, self._size).astype(int)
        rows, columns = corners.T.tolist()
        return slice(*rows), slice(*columns)


def _show_mouth(frame: Image, lips: Opening, slit: Slit, light: float, pixel: float) -> None:
    """Paint what parted lips show: upper teeth, and darkness below."""
    cover = lips.place.coverage(pixel)
    seen = cover > 0
    if not seen.any():
        return
    x, y, below = lips.x[seen], lips.y[seen], lips.place.below_upper[seen]
    cx, cy = float(slit.x.mean()), float(slit.upper.mean())
    across = (x - cx) / 17.0
    shade = light * np.clip(1.05 - 0.55 * across**2, 0, 1)
    shade *= 1 - 0.45 * np.exp(-np.maximum(below, 0) / 1.1)
    teeth = np.clip((cy + 2.6 - 1.2 * across**2 - y) / (0.6 * pixel), 0, 1)[..., None]
    gaps = 1 - 0.22 * np.exp(-((((np.abs((x - cx) / 4.4) % 1.0 - 0.5) * 2 - 1) / 0.16) ** 2))
    white = np.array([212.0, 203.0, 188.0]) * (shade * gaps)[..., None]
    tongue = 14 * np.exp(-(((y - cy - 7) / 3.0) ** 2))[..., None]
    dark = np.array([46.0, 17.0, 16.0]) + tongue
    colour = dark + teeth * (white - dark)
    window = frame[lips.window]
    window[seen] += cover[seen][..., None] * (colour - window[seen])


def portrait(
    seed: int, subject: int, action_units: Mapping[int | str, float] | None = None, size: int = 256
) -> NDArray[np.uint8]:
    """Picture of one person, (size, size, 3) uint8 RGB, without camera noise.

    Parameters
    ----------
    seed, subject : int
        Seed of the population, such as ``SHORT.seed``, and index of the person, from 0.
    action_units : mapping, optional
        Intensity (0 ... 1) by number (both sides), or by name for one side: ``{12: 1.0}`` or
        ``{"L12": 1.0}``; OptionError for a unit that the phantom does not have.
    size : int
        Side of the picture, pixels.

    Examples
    --------
    >>> portrait(348, 0, {12: 0.5}, size=64).shape
    (64, 64, 3)
    """
    state = State.neutral()
    for unit, intensity in (action_units or {}).items():
        if not controls_of(unit):
            raise OptionError(f"no action unit {unit!r}", todo=nearest(str(unit), CONTROLS))
        state.controls[controls_of(unit)] = intensity
    frame = _actor(seed, subject, size).render(state)
    return np.clip(frame + 0.5, 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _actor(seed: int, subject: int, size: int) -> Actor:
    return Actor(draw_identity(seed, subject), size)
