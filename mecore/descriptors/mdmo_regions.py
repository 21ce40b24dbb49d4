"""The 36 regions of MDMO: quadrilaterals between landmarks, each around one action unit or more.

Liu, Zhang, Yan, Wang, Zhao, Fu, «A main directional mean optical flow feature for spontaneous
micro-expression recognition», TAC 7(4), 2016, section 3.3. Indices are those of the 68 iBUG
landmarks from 0; the two inner mouth corners that the paper's 66 points lack are not used.
"""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.draw import polygon

Indices = NDArray[np.int64]
N_REGIONS = 36
# Points above the brows lie this share of the distance of the outer eye corners above them. The
# published code has 20 pixels, meant for frames of 640×480.
LIFT = 0.15
_RAISED = {0: 17, 1: 19, 2: 21, 4: 22, 5: 24, 6: 26}
_MIDDLE = {7: (3, 29), 8: (13, 29), 9: (4, 33), 10: (12, 33), 11: (4, 33), 12: (12, 33),
           13: (5, 59), 14: (11, 55), 15: (2, 41), 16: (14, 46), 17: (5, 59), 18: (6, 58),
           19: (8, 57), 20: (10, 56), 21: (11, 55)}  # fmt: skip
# Corners in order; a number from 100 on is an auxiliary point.
_CORNERS = np.array([
    (17, 100, 101, 19), (19, 101, 102, 21), (21, 102, 103, 27), (27, 103, 104, 22),
    (22, 104, 105, 24), (24, 105, 106, 26), (1, 0, 17, 36), (36, 17, 19, 38), (38, 19, 21, 39),
    (39, 21, 27, 28), (28, 27, 22, 42), (42, 22, 24, 43), (43, 24, 26, 45), (45, 26, 16, 15),
    (3, 2, 115, 107), (107, 115, 41, 39), (107, 39, 28, 29), (29, 28, 42, 108), (108, 42, 46, 116),
    (108, 116, 14, 13), (111, 107, 29, 33), (33, 29, 108, 112), (113, 109, 33, 59),
    (55, 33, 110, 114), (118, 117, 59, 58), (119, 118, 58, 57), (120, 119, 57, 56),
    (121, 120, 56, 55), (4, 3, 107, 111), (112, 108, 13, 12), (5, 4, 109, 113), (114, 110, 12, 11),
    (6, 5, 117, 118), (8, 6, 118, 119), (10, 8, 119, 120), (11, 10, 120, 121),
])  # fmt: skip


class Regions(NamedTuple):
    """Pixels of the regions, (n,) each; a pixel on a common border belongs to both."""

    region: Indices  # 0 … 35, ascending
    row: Indices
    column: Indices


def region_polygons(points: ArrayLike, lift: float | None = None) -> NDArray[np.float64]:
    """Corners of the 36 regions, (36, 4, 2); those above the image are moved to its upper border.

    Of landmarks x, y in pixels, (68, 2); ValueError for another shape, or NaN. ``lift`` are the
    pixels between a brow and the upper border of its region; default `LIFT`.
    """
    known = np.asarray(points, np.float64)
    if known.shape != (68, 2) or not np.isfinite(known).all():
        raise ValueError(f"68 finite landmarks are needed, not {known.shape}")
    if lift is None:
        lift = LIFT * float(np.linalg.norm(known[45] - known[36]))
    places = np.zeros((122, 2))
    places[: len(known)], extra = known, places[100:]
    for index, brow in _RAISED.items():
        extra[index] = known[brow, 0], max(known[brow, 1] - lift, 0)
    extra[3] = (extra[2] + extra[4]) / 2
    for index, (a, b) in _MIDDLE.items():
        extra[index] = (known[a] + known[b]) / 2
    return places[_CORNERS]


def mdmo_regions(
    points: ArrayLike, shape: tuple[int, int], *, lift: float | None = None,
    fill: Literal["border", "centre"] = "border",
) -> Regions:  # fmt: skip
    """Pixels of the 36 regions on a flow of the given height and width.

    ``fill`` says whether the border of a polygon belongs to it (the published code), or only pixels
    whose centre lies inside; for ``points`` and ``lift`` see `region_polygons`. ValueError for a
    region without a pixel, which is named by its number and corners.
    """
    found = []
    for number, corners in enumerate(region_polygons(points, lift)):
        whole = corners.astype(np.int32)  # halves are cut off, as in the published code
        if fill == "border":
            mask = np.zeros(shape, np.uint8)
            cv2.drawContours(mask, [whole], 0, 1, cv2.FILLED)
            row, column = np.nonzero(mask)
        else:
            row, column = polygon(whole[:, 1], whole[:, 0], shape)
        if not row.size:
            raise ValueError(
                f"region {number} of 36 has no pixel on an image of {shape[1]}×{shape[0]}; its "
                f"corners are {corners.tolist()}: take a larger crop of the face"
            )
        found.append((np.full(row.size, number), row, column))
    return Regions(*(np.concatenate(parts).astype(np.int64) for parts in zip(*found, strict=True)))
