"""The input of MEAN: flow and strain of three facial regions as one 42×42 image per pair.

Liong, See, Chan (2023), section 3.1: eyes with brows and mouth are cut out of horizontal flow u,
vertical flow v and optical strain, resized and assembled: rows 0-20 eyes, rows 21-41 mouth.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.strain import Differences, optical_strain
from mecore.errors import FaceError

Floats = NDArray[np.float32]
Normalisation = Literal["frame", "crop", "none"]

SIDE = 42
_LEFT_EYE, _RIGHT_EYE = [*range(17, 22), *range(36, 42)], [*range(22, 27), *range(42, 48)]


class Region(NamedTuple):
    """A rectangle of the face crop, rows and columns half-open, and its place in the input."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    target: tuple[slice, slice]


def mean_regions(
    landmarks: Floats, *, eyes: Literal["band", "two"] = "band", margin: int = 12, size: int = 128
) -> list[Region]:
    """Rectangles of eyes and mouth on the face crop.

    Parameters
    ----------
    landmarks : array, (68, 2)
        x, y on the face crop.
    eyes : {"band", "two"}
        One band over both eyes and brows (released code), or one piece each (paper).
    margin : int
        Pixels added on each side.
    size : int
        Side of the face crop; rectangles are cut at its border.

    Raises
    ------
    FaceError
        A region lies outside the crop, so the landmarks cannot be right.
    """
    points = np.asarray(landmarks, np.float64)
    x, y = points[:, 0], points[:, 1]
    top, bottom = slice(0, SIDE // 2), slice(SIDE // 2, SIDE)
    left, right = slice(0, SIDE // 2), slice(SIDE // 2, SIDE)
    boxes = [(y[50], y[57], x[60], x[64], (bottom, slice(0, SIDE)))]
    if eyes == "band":
        band = (min(y[19], y[24]), max(y[41], y[46]), x[17], x[26])
        boxes.append((*band, (top, slice(0, SIDE))))
    else:
        for indices, columns in ((_LEFT_EYE, left), (_RIGHT_EYE, right)):
            box = (y[indices].min(), y[indices].max(), x[indices].min(), x[indices].max())
            boxes.append((*box, (top, columns)))
    return [_region(*box, margin=margin, size=size) for box in boxes]


def _region(
    y0: float,
    y1: float,
    x0: float,
    x1: float,
    target: tuple[slice, slice],
    *,
    margin: int,
    size: int,
) -> Region:
    rows, columns = (
        (int(np.clip(a - margin, 0, size)), int(np.clip(b + margin, 0, size)))
        for a, b in ((y0, y1), (x0, x1))
    )
    if rows[1] - rows[0] < 2 or columns[1] - columns[0] < 2:
        raise FaceError(
            f"landmarks put a region at rows {rows}, columns {columns} of the face crop"
        )
    return Region(rows, columns, target)


def mean_input(
    flow: Floats,
    regions: list[Region],
    *,
    normalise: Normalisation = "frame",
    differences: Differences = "backward",
    absolute: bool = False,
) -> Floats:
    """Assemble the network's input from optical flow.

    Parameters
    ----------
    flow : array, (n, H, W, 2), float32
        Pixels, x right, y down, on the face crop; n may be 0.
    regions : list of Region
        See `mean_regions`.
    normalise : {"frame", "crop", "none"}
        Scale each channel of each pair to [0, 1] over the whole face crop (released code), over
        the assembled 42×42 image (SOFTNet), or not at all. A constant channel becomes 0.
    differences : {"backward", "forward", "central"}
        Finite differences of the strain.
    absolute : bool
        Take |u| and |v| (SOFTNet).

    Returns
    -------
    array, (n, 42, 42, 3), float32
        Channels u, v, strain.
    """
    u, v = (np.ascontiguousarray(flow[..., c]) for c in range(2))
    planes = [*(np.abs([u, v]) if absolute else (u, v)), optical_strain(flow, differences)]
    out = np.empty((len(flow), SIDE, SIDE, len(planes)), np.float32)
    for channel, plane in enumerate(planes):
        assembled = np.empty(out.shape[:3], np.float32)
        for image, target in zip(plane, assembled, strict=True):
            _assemble(image, regions, target)
        # Scaling after resizing gives the same numbers and takes a tenth of the pixels.
        scale = {"frame": plane, "crop": assembled, "none": None}[normalise]
        out[..., channel] = assembled if scale is None else _to_unit_range(assembled, scale)
    return out


def _assemble(image: Floats, regions: list[Region], out: Floats) -> None:
    for rows, columns, target in regions:
        height, width = out[target].shape
        piece = image[slice(*rows), slice(*columns)]
        out[target] = cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR)


def _to_unit_range(values: Floats, reference: Floats) -> Floats:
    """Scale each image so that its reference spans [0, 1]; a constant reference gives 0."""
    low, high = (f(axis=(1, 2), keepdims=True) for f in (reference.min, reference.max))
    return (values - low) / np.where(high > low, high - low, 1)


def subtract_nose(flow: Floats, landmarks: Floats) -> Floats:
    """Subtract the mean flow of the 11×11 patch at landmark 28, the bridge of the nose (SOFTNet).

    Removes the translation of the head from flow (n, H, W, 2) on the crop of ``landmarks``.
    """
    x, y = np.rint(landmarks[28]).astype(int)
    patch = flow[:, max(0, y - 5) : y + 6, max(0, x - 5) : x + 6]
    return (flow - patch.mean(axis=(1, 2), keepdims=True)).astype(np.float32)


def mask_eyes(flow: Floats, landmarks: Floats, widen: int = 15) -> Floats:
    """Set the flow of both eyes to zero, against blinks (SOFTNet).

    Parameters
    ----------
    flow : array, (n, H, W, 2)
        Pixels on the face crop.
    landmarks : array, (68, 2)
        x, y on the face crop.
    widen : int
        Pixels by which the outline of the lids is widened.
    """
    mask = np.zeros(flow.shape[1:3], np.uint8)
    for outline in (landmarks[36:42], landmarks[42:48]):
        cv2.fillConvexPoly(mask, np.rint(outline).astype(np.int32), 1)
    mask = np.asarray(cv2.dilate(mask, np.ones((2 * widen + 1,) * 2, np.uint8)), np.uint8)
    return flow * (mask == 0)[..., None]
