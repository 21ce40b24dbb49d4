"""DualTVL1 of OpenCV computed anew: the same flow to the last bit, in a fraction of the time.

Zach, Pock, Bischof (2007) as OpenCV's contributed module ``optflow`` has it, with its defaults. Its
early stop makes it chaotic: a frame that differs by a hundred-thousandth of a grey level gives a
flow that differs by a hundredth of a pixel, and by a whole one at the border. Networks trained on
its flow therefore need exactly its arithmetic: loops fused and vectorised, but each operation
rounded as there. What takes little time (pyramid, warp, median filter) is left to OpenCV.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.dual_tvl1_kernels import Plan, Planes, iterate, linearise
from mecore.descriptors.flow.tvl1 import aligned_planes

Floats = NDArray[np.float32]
TAU, LAMBDA, THETA, EPSILON = 0.25, 0.15, 0.3, 0.01
SCALES, SCALE_STEP, SMALLEST = 5, 0.8, 16
WARPS, OUTER_ITERATIONS, INNER_ITERATIONS, MEDIAN = 5, 10, 30, 5


class Level(NamedTuple):
    """One level of a frame's pyramid."""

    value: Floats  # (H, W), grey levels 0-255
    moving: Floats  # (H, W, 3), grey levels and their central differences along x and y


def pyramid(frame: Floats) -> list[Level]:
    """Levels of one frame (H, W), float32, grey levels 0-255; full size first."""
    levels = [_level(frame)]
    for _ in range(SCALES - 1):
        frame = cv2.resize(frame, None, fx=SCALE_STEP, fy=SCALE_STEP)
        if min(frame.shape) < SMALLEST:
            break
        levels.append(_level(frame))
    return levels


def _level(frame: Floats) -> Level:
    wide = cv2.copyMakeBorder(frame, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    along_x = np.float32(0.5) * (wide[1:-1, 2:] - wide[1:-1, :-2])
    along_y = np.float32(0.5) * (wide[2:, 1:-1] - wide[:-2, 1:-1])
    return Level(frame, np.stack([frame, along_x, along_y], axis=-1))


class DualTVL1:
    """Solver for frames of one height and width, at least 16. For one thread at a time."""

    def __init__(self, shape: tuple[int, int]) -> None:
        shapes = [level.value.shape for level in pyramid(np.zeros(shape, np.float32))]
        self._works = [_Work(*s) for s in shapes]

    def flow(self, reference: list[Level], moved: list[Level]) -> Floats:
        """Flow between two frames, from their pyramids; see `optical_flow`."""
        start = [np.zeros_like(reference[-1].value)] * 2
        for work, one, other in zip(self._works[::-1], reference[::-1], moved[::-1], strict=True):
            start = work.solve(start, one, other)
        return np.stack(start, axis=-1)


class _Work:
    """Working memory of one level."""

    def __init__(self, height: int, width: int) -> None:
        self._planes = Planes._make(aligned_planes(len(Planes._fields), (height + 2) * width))
        self._u, self._v = (p.reshape(height + 2, width)[1:-1] for p in self._planes[:2])
        self._y, self._x = np.mgrid[:height, :width].astype(np.float32)
        numbers = LAMBDA * THETA, THETA, TAU / THETA, EPSILON**2 * (height * width)
        self._plan = Plan._make([width, *map(np.float32, numbers), INNER_ITERATIONS])

    def solve(self, start: list[Floats], reference: Level, moved: Level) -> list[Floats]:
        """Improve the flow of a coarser level, or zero; its components are views."""
        for plane in (self._planes.p11, self._planes.p12, self._planes.p21, self._planes.p22):
            plane[:] = 0
        for plane, coarse in ((self._u, start[0]), (self._v, start[1])):
            if coarse.shape == plane.shape:
                plane[:] = coarse
            else:
                cv2.multiply(cv2.resize(coarse, plane.shape[::-1]), 1 / SCALE_STEP, plane)
        for _ in range(WARPS):
            to_x, to_y = self._x + self._u, self._y + self._v
            # Zeros lie outside the image: what leaves it makes an edge there.
            warped = cv2.remap(moved.moving, to_x, to_y, cv2.INTER_CUBIC)
            linearise(self._planes, self._plan, reference.value.ravel(), warped.ravel())
            for _ in range(OUTER_ITERATIONS):
                self._u[:] = cv2.medianBlur(self._u, MEDIAN)
                self._v[:] = cv2.medianBlur(self._v, MEDIAN)
                if iterate(self._planes, self._plan) <= self._plan.tolerance:
                    break
        return [self._u, self._v]
