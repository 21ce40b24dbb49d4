"""The face of nobody: 68 landmarks that others are registered to, or that stand in for them."""

import numpy as np
from numpy.typing import NDArray

# Landmarks of nobody on a crop of 128×128: the mean of the phantom's faces and their mirror images.
NEUTRAL: NDArray[np.float32] = np.array([
    (-3, 36), (-2, 53), (0, 71), (4, 88), (11, 103), (20, 118), (33, 130), (47, 139),
    (64, 143), (81, 139), (95, 130), (108, 118), (117, 103), (124, 88), (128, 71), (130, 53),
    (131, 36), (11, 26), (21, 21), (32, 20), (43, 21), (53, 23), (75, 23), (85, 21),
    (96, 20), (107, 21), (117, 26), (64, 37), (64, 49), (64, 60), (64, 72), (52, 81),
    (58, 83), (64, 84), (70, 83), (76, 81), (26, 41), (33, 36), (41, 36), (49, 42),
    (41, 44), (33, 44), (79, 42), (87, 36), (95, 36), (102, 41), (95, 44), (87, 44),
    (40, 98), (49, 94), (58, 91), (64, 94), (70, 91), (79, 94), (88, 98), (80, 106),
    (71, 109), (64, 111), (57, 109), (48, 106), (44, 98), (57, 98), (64, 100), (71, 98),
    (84, 98), (71, 98), (64, 100), (57, 98),
], np.float32)  # fmt: skip
# The 68 landmarks that dlib's 5 points are: outer and inner eye corners, base of the nose.
FIVE = (45, 42, 36, 39, 33)
# From ear to ear and from the brows to the chin.
_SHRINK, _RAISE = 0.85, 8


def template(size: int = 128, points: int = 68) -> NDArray[np.float32]:
    """Where 5 or 68 landmarks lie on a registered face, (points, 2) of float32.

    x and y in pixels of a square image of side ``size``; the outer corners of the eyes are half
    the width apart.
    """
    face = ((NEUTRAL - 64) * _SHRINK + 64 - (0, _RAISE)) * size / 128
    return np.asarray(face if points == 68 else face[list(FIVE)], np.float32)
