"""The six regions of Aouayeb et al. (2019): boxes from 68 landmarks, and patches cut by them.

Sizes are those of section 4.1.2, in pixels of a face whose brows, outer end to outer end, are 200
wide. «Left» and «right» are those of the image. Two layouts say where the boxes lie:

* ``"landmark"``: each box is centred at its own part of the face;
* ``"released"``: the face, brow to chin, is fitted to a canvas of 240×280, and the boxes lie at
  fixed places of the canvas, as in the code that the group published later.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError
from mecore.preprocessing.faces import Box

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Layout = Literal["landmark", "released"]

BROWS = 200
CANVAS = (240, 280)
FACE = "face"
# Width, height, and where the released code puts the box on the canvas: left, top.
REGIONS: dict[str, tuple[int, int, int, int]] = {
    "eye, image left": (100, 80, 0, 20), "eye, image right": (100, 80, 140, 20),
    "nose": (120, 80, 60, 80), "cheek, image left": (60, 60, 0, 120),
    "cheek, image right": (60, 60, 180, 120), "mouth": (160, 60, 40, 180), FACE: (*CANVAS, 0, 0),
}  # fmt: skip
SIX = tuple(name for name in REGIONS if name != FACE)
# Landmarks whose mean is the centre of a region.
_GROUPS = {
    "eye, image left": [*range(17, 22), *range(36, 42)], "nose": [*range(27, 36)],
    "eye, image right": [*range(22, 27), *range(42, 48)], "mouth": [*range(48, 68)],
}  # fmt: skip
_BROW_TOPS = (18, 25)


class RegionBox(NamedTuple):
    """Where one region is cut: a box of the frame, and the part of the frame that it may show."""

    name: str
    box: Box
    shown: Box


@dataclass(frozen=True)
class Patches:
    """Patches of one clip, of all regions, laid out one after the other.

    ``frames`` is (T, P, 3) of uint8, possibly a memory map; P is the number of pixels of all
    patches of a frame. ``mask``, (P,) of uint8, is 1 where there is a picture, 0 in the padding.
    """

    frames: Image
    mask: Image


def patch_size(name: str, scale: float) -> tuple[int, int]:
    """Height and width in pixels of the patch of a region, of at least 8×8.

    Examples
    --------
    >>> patch_size("mouth", 0.5)
    (30, 80)
    """
    width, height, *_ = REGIONS[name]
    return max(8, round(height * scale)), max(8, round(width * scale))


def region_boxes(
    points: Floats, frame: tuple[int, int], layout: Layout = "landmark",
    names: tuple[str, ...] = SIX, *, enlarge: bool = True, where: object = None,
) -> list[RegionBox]:  # fmt: skip
    """Place the regions on a frame.

    Parameters
    ----------
    points, frame : array, (68, 2), and (int, int)
        Landmarks x, y in pixels of the frame, DataError if they span no face; its height and width.
    layout : {"landmark", "released"}
        See the head of this module. By landmarks, DataError for a region outside the frame.
    names : tuple of str
        Keys of `REGIONS`.
    enlarge : bool
        In the released layout, also enlarge faces that are smaller than the canvas; the released
        code leaves them small, with padding all round.
    where : object, optional
        Video and frame, for messages.
    """
    points = np.asarray(points, np.float32)
    if points.shape != (68, 2) or not points[26, 0] - points[17, 0] > 1:
        found = f"expected 68 landmarks of an upright face, found {points.shape}"
        raise DataError(found, where=where)
    place = _by_landmark if layout == "landmark" else _on_canvas
    height, width = frame
    boxes = [RegionBox(name, *place(points, frame, name, enlarge)) for name in names]
    # Fixed boxes may miss the picture: that is their padding. Others belong on the face.
    for name, box, _ in boxes if layout == "landmark" else ():
        if box.left >= width or box.right <= 0 or box.top >= height or box.bottom <= 0:
            raise DataError(
                f"the region «{name}» lies outside the picture ({width}×{height} pixels): {box}",
                where=where, todo="exclude this video in the manifest with a reason",
            )  # fmt: skip
    return boxes


def _by_landmark(points: Floats, frame: tuple[int, int], name: str, _: bool) -> tuple[Box, Box]:
    unit = (points[26, 0] - points[17, 0]) / BROWS
    width, height, *_rest = REGIONS[name]
    centre, half = _centre(points, name), np.array([width, height]) * unit / 2
    return _box(centre - half, centre + half), Box(0, 0, frame[1], frame[0])


def _centre(points: Floats, name: str) -> Floats:
    if name in _GROUPS:
        return points[_GROUPS[name]].mean(axis=0)
    if name == FACE:
        top = points[_BROW_TOPS, 1].min()
        return np.array([points[[17, 26], 0].mean(), (top + points[8, 1]) / 2])
    eye, lip = (36, 48) if "left" in name else (45, 54)
    return np.array([points[eye, 0], (points[30, 1] + points[lip, 1]) / 2])


def _on_canvas(points: Floats, frame: tuple[int, int], name: str, enlarge: bool) -> tuple[Box, Box]:
    low = np.array([points[17, 0], points[_BROW_TOPS, 1].min()])
    high = np.array([points[26, 0], points[8, 1]])
    canvas = np.array(CANVAS)
    # Frame pixels per canvas pixel: the face fits into the canvas and lies in its middle.
    unit = float(((high - low) / canvas).max())
    unit = unit if enlarge else max(unit, 1.0)
    corner = (low + high) / 2 - unit * canvas / 2
    width, height, left, top = REGIONS[name]
    first = corner + unit * np.array([left, top])
    shown = _common(_box(low, high), Box(0, 0, frame[1], frame[0]))
    return _box(first, first + unit * np.array([width, height])), shown


def _common(a: Box, b: Box) -> Box:
    return Box(*map(max, a[:2], b[:2]), *map(min, a[2:], b[2:]))


def _box(low: Floats, high: Floats) -> Box:
    left, top, right, bottom = (int(v) for v in np.round([*low, *high]))
    return Box(left, top, max(right, left + 1), max(bottom, top + 1))


def cut_patch(image: Image, region: RegionBox, size: tuple[int, int]) -> Image:
    """Cut one region (see `region_boxes`) from a frame; black where the region shows nothing.

    The frame is grey or RGB, uint8. ``size`` is height and width of the patch; it has the shape of
    the box, so nothing is stretched.
    """
    box, (left, top, right, bottom) = region.box, _common(region.box, region.shown)
    patch = np.zeros((box.height, box.width, *image.shape[2:]), np.uint8)
    if left < right and top < bottom:
        target = slice(top - box.top, bottom - box.top), slice(left - box.left, right - box.left)
        patch[target] = image[top:bottom, left:right]
    way = cv2.INTER_AREA if box.width > size[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(patch, size[::-1], interpolation=way), np.uint8)


def patch_mask(region: RegionBox, frame: tuple[int, int], size: tuple[int, int]) -> Image:
    """Mask of a patch, (height, width) of 0 and 1: where there is a picture."""
    white = np.full(frame, 255, np.uint8)
    return (cut_patch(white, region, size) > 127).astype(np.uint8)
