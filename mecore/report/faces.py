"""Faces in figures: shown where the licence allows it, otherwise a neutral outline.

By default no face of a licensed database reaches a figure. Flow, strain and heat maps are then
drawn on the outline of nobody, the mean of the phantom's faces.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.descriptors.mean_input import SIDE, Region
from mecore.preprocessing.faces import Box
from mecore.preprocessing.template import NEUTRAL
from mecore.report.style import COLOURS, HEAT, MAGNITUDE, SIGNED

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

# iBUG landmarks that are joined by lines: jaw, brows, nose, eyes and lips, which close.
_LINES = [
    [*range(17)], [*range(17, 22)], [*range(22, 27)], [*range(27, 31)], [*range(31, 36)],
    [*range(36, 42), 36], [*range(42, 48), 42], [*range(48, 60), 48], [*range(60, 68), 60],
]  # fmt: skip


def face_or_blank(database: Database, subject: str, face: Image) -> Image:
    """Return the face, or a light grey area of its size where it may not be shown."""
    return face if database.manifest.figures.may_show(subject) else np.full_like(face, 235)


def outline_points(database: Database, subject: str, points: Floats) -> Floats:
    """Return landmarks of a face that may be shown, or those of nobody."""
    return points if database.manifest.figures.may_show(subject) else NEUTRAL


def draw_outline(ax: Axes, points: Floats, colour: str = "0.4") -> Axes:
    """Draw the lines of 68 landmarks (x, y in pixels of the axes)."""
    for line in _LINES:
        ax.plot(*points[line].T, color=colour, lw=0.8, alpha=0.9)
    return ax


def show_image(ax: Axes, image: Image, title: str = "") -> Axes:
    """Show a grey or RGB image without axes."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    return _bare(ax, title)


def show_boxes(ax: Axes, box: Box, colour: str = COLOURS["yellow"]) -> Axes:
    """Draw a face box."""
    _frame(ax, box.left, box.top, box.width, box.height, ec=colour, lw=1.5)
    return ax


def show_regions(ax: Axes, regions: Sequence[Region]) -> Axes:
    """Draw the regions that are cut out of a face crop."""
    for region, colour in zip(regions, ("sky", "orange", "green"), strict=False):
        (top, bottom), (left, right) = region.rows, region.columns
        _frame(ax, left, top, right - left, bottom - top, ec=COLOURS[colour], lw=1.8)
    return ax


def show_signed(ax: Axes, component: Floats, limit: float, title: str = "") -> Axes:
    """Show a signed map, such as u or v in pixels: blue negative, white zero, red positive."""
    ax.imshow(component, cmap=SIGNED, vmin=-limit, vmax=limit)
    return _bare(ax, title)


def show_magnitude(ax: Axes, magnitude: Floats, limit: float, title: str = "") -> Axes:
    """Show a map that is never negative, such as strain: dark is zero."""
    ax.imshow(magnitude, cmap=MAGNITUDE, vmin=0, vmax=limit)
    return _bare(ax, title)


def show_heat(ax: Axes, face: Image, heat: Floats, title: str = "") -> Axes:
    """Lay heat in [0, 1] over a face crop of the same size; transparent where it is cold."""
    ax.imshow(face, cmap="gray", vmin=0, vmax=255)
    ax.imshow(heat, cmap=HEAT, vmin=0, vmax=1, alpha=0.75 * np.clip(heat, 0, 1))
    return _bare(ax, title)


def heat_on_crop(heat: Floats, regions: Sequence[Region], size: int = 128) -> Floats:
    """Put heat over the assembled 42×42 input back to the places of a face crop it came from.

    Heat is (h, w) of float32 in any resolution (14×14 for MEAN), the result (size, size): 0 outside
    the regions, the larger value where they overlap.
    """
    large = cv2.resize(heat, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    out = np.zeros((size, size), np.float32)
    for (top, bottom), (left, right), target in regions:
        place = out[top:bottom, left:right]
        place[:] = np.maximum(place, cv2.resize(large[target], place.shape[::-1]))
    return out


def _frame(ax: Axes, x: int, y: int, width: int, height: int, **how: Any) -> None:
    ax.add_patch(Rectangle((x, y), width, height, fill=False, **how))


def _bare(ax: Axes, title: str) -> Axes:
    ax.set(xticks=[], yticks=[], title=title)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax
