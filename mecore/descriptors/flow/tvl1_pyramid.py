"""What TV-L1 needs of one frame, computed once and used in every pair the frame belongs to.

A frame is a cubic B-spline whose coefficients are its pixels: smoothing, values and exact
derivatives in one model (Unser 1999), and no prefilter. Its pyramid halves the coefficients
(coarse-to-fine flow: Sánchez, Meinhardt-Llopis, Facciolo 2013).
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled

Floats = NDArray[np.float32]
# A level has at least this side: on less, there is no neighbourhood to smooth over.
SMALLEST = 16
# A gradient of less than a tenth of a grey level per pixel says nothing about motion.
LEAST_SQUARED_GRADIENT = np.float32(0.01)
_ONE, _TWO, _FOUR = np.float32(1), np.float32(2), np.float32(4)
_NEAR, _FAR = np.float32(0.75), np.float32(0.25)
_TWELFTH, _THIRTY_SIXTH = np.float32(1 / 12), np.float32(1 / 36)
_HALVE = np.array([1, 3, 3, 1], np.float32) / 8


class Level(NamedTuple):
    """One level of a frame's pyramid; images are flattened row by row, (height * width,).

    ``patches``, ((height + 4) * (width + 4),), are spline coefficients with a replicated border
    (one row and column before, three behind); each packs four neighbours of a row as 16 bytes.
    """

    height: int
    width: int
    value: Floats  # the spline at the pixels, grey levels
    grad_x: Floats  # its derivatives, grey levels per pixel
    grad_y: Floats
    inverse_norm: Floats  # 1 / (grad_x² + grad_y²), bounded
    patches: NDArray[np.complex128]


def level_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of all levels, from full size to the smallest side of at least 16."""
    shapes = [shape]
    while (min(shapes[-1]) + 1) // 2 >= SMALLEST:
        shapes.append(((shapes[-1][0] + 1) // 2, (shapes[-1][1] + 1) // 2))
    return shapes


def pyramid(frame: Floats) -> list[Level]:
    """Levels of one frame (H, W), float32, grey levels 0-255, at least 16×16; full size first."""
    # Sums of squares stay small, hence exact enough in single precision, around a mean of zero.
    coefficients = frame - np.float32(frame.mean())
    levels = [_level(coefficients)]
    for _ in level_shapes(frame.shape)[1:]:
        # A binomial of even length, and every second row and column of what it smoothed.
        smooth = cv2.sepFilter2D(coefficients, -1, _HALVE, _HALVE, anchor=(1, 1),
                                 borderType=cv2.BORDER_REPLICATE)  # fmt: skip
        coefficients = np.ascontiguousarray(smooth[::2, ::2])
        levels.append(_level(coefficients))
    return levels


def _level(coefficients: Floats) -> Level:
    height, width = coefficients.shape
    padded = cv2.copyMakeBorder(coefficients, 1, 3, 1, 3, cv2.BORDER_REPLICATE)
    planes = np.empty((4, height, width), np.float32)
    packed = np.zeros((padded.size, 4), np.float32)
    _evaluate(padded, *planes)
    _pack(padded.ravel(), packed.ravel())
    patches = packed.view(np.complex128).ravel()
    return Level._make([height, width, *(p.ravel() for p in planes), patches])


@compiled
def _evaluate(
    padded: Floats, value: Floats, grad_x: Floats, grad_y: Floats, inverse_norm: Floats
) -> None:
    """Cubic B-spline and its derivatives at the pixels; 1, 4, 1 and -1, 0, 1 are its weights."""
    height, width = value.shape
    for y in range(height):
        above, here, below = padded[y], padded[y + 1], padded[y + 2]
        value_row, norm_row = value[y], inverse_norm[y]
        x_row, y_row = grad_x[y], grad_y[y]
        for x in range(width):
            left = above[x] + _FOUR * here[x] + below[x]
            middle = above[x + 1] + _FOUR * here[x + 1] + below[x + 1]
            right = above[x + 2] + _FOUR * here[x + 2] + below[x + 2]
            fall = below[x] - above[x] + below[x + 2] - above[x + 2]
            gx = _TWELFTH * (right - left)
            gy = _TWELFTH * (fall + _FOUR * (below[x + 1] - above[x + 1]))
            value_row[x] = _THIRTY_SIXTH * (left + _FOUR * middle + right)
            x_row[x], y_row[x] = gx, gy
            norm_row[x] = _ONE / max(gx * gx + gy * gy, LEAST_SQUARED_GRADIENT)


@compiled
def _pack(padded: Floats, packed: Floats) -> None:
    """Write each coefficient with the three that follow it."""
    for i in range(padded.size - 3):
        for k in range(4):
            packed[4 * i + k] = padded[i + k]


@compiled
def enlarge(coarse: Floats, width: int, fine: Floats, fine_width: int) -> None:
    """Double a component of the flow in size and in length, bilinearly.

    Both planes carry a row above and one below. Pixel x of the fine image lies at (x - ½) / 2 of
    the coarse one: a quarter of the way to a neighbour, replicated at the border.
    """
    end = coarse.size - width
    for x in range(width):
        coarse[x], coarse[end + x] = coarse[width + x], coarse[end - width + x]
    blend = np.empty(width + 2, np.float32)
    for y in range(fine.size // fine_width - 2):
        near = (y // 2 + 1) * width
        far = near + width if y % 2 else near - width
        here, other = coarse[near : near + width], coarse[far : far + width]
        for x in range(width):
            blend[x + 1] = _TWO * (_NEAR * here[x] + _FAR * other[x])
        blend[0], blend[width + 1] = blend[1], blend[width]
        out = fine[(y + 1) * fine_width : (y + 2) * fine_width]
        for x in range(fine_width // 2):
            out[2 * x] = _NEAR * blend[x + 1] + _FAR * blend[x]
            out[2 * x + 1] = _NEAR * blend[x + 1] + _FAR * blend[x + 2]
        if fine_width % 2:
            out[fine_width - 1] = _NEAR * blend[width] + _FAR * blend[width - 1]
