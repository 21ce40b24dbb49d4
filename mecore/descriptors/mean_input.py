"""The input of MEAN: flow and strain of three facial regions as one 42×42 image per pair.

Liong, See, Chan (2023), section 3.1: eyes with brows and mouth are cut out of horizontal flow u,
vertical flow v and optical strain, resized and assembled: rows 0-20 eyes, rows 21-41 mouth.
"""

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
        x, y on the face crop; FaceError if a region lies outside it, so they cannot be right.
    eyes : {"band", "two"}
        One band over both eyes and brows (released code), or one piece each (paper).
    margin, size : int
        Pixels added on each side; side of the face crop, at whose border rectangles are cut.
    """
    x, y = np.asarray(landmarks, np.float64).T
    first, second, whole = slice(0, SIDE // 2), slice(SIDE // 2, SIDE), slice(0, SIDE)
    boxes = [((y[50], y[57], x[60], x[64]), (second, whole))]
    if eyes == "band":
        brows, lids = min(y[19], y[24]), max(y[41], y[46])
        boxes.append(((brows, lids, x[17], x[26]), (first, whole)))
    else:
        for at, half in ((_LEFT_EYE, first), (_RIGHT_EYE, second)):
            box = y[at].min(), y[at].max(), x[at].min(), x[at].max()
            boxes.append((box, (first, half)))
    return [_region(box, target, margin, size) for box, target in boxes]


def _region(box: tuple[float, ...], target: tuple[slice, slice], margin: int, size: int) -> Region:
    """Widen a rectangle y0, y1, x0, x1, and cut it at the border of the crop."""
    widened = np.add(box, (-margin, margin, -margin, margin))
    y0, y1, x0, x1 = map(int, np.clip(widened, 0, size))
    if y1 - y0 < 2 or x1 - x0 < 2:
        at = f"rows {(y0, y1)}, columns {(x0, x1)}"
        raise FaceError(f"landmarks put a region at {at} of the face crop")
    return Region((y0, y1), (x0, x1), target)


def mean_input(
    flow: Floats, regions: list[Region], *, normalise: Normalisation = "frame",
    differences: Differences = "backward", absolute: bool = False,
) -> Floats:  # fmt: skip
    """Assemble the network's input from optical flow: u, v, strain, (n, 42, 42, 3), float32.

    Parameters
    ----------
    flow : array, (n, H, W, 2), float32
        Pixels, x right, y down, on the face crop of the `mean_regions`; n may be 0.
    normalise : {"frame", "crop", "none"}
        Scale each channel of each pair to [0, 1] over the whole face crop (released code), over
        the assembled 42×42 image (SOFTNet), or not at all. A constant channel becomes 0.
    differences, absolute
        See `mecore.descriptors.flow.strain.optical_strain`; take |u| and |v| (SOFTNet).
    """
    u, v = (np.ascontiguousarray(flow[..., c]) for c in range(2))
    planes = [*(np.abs([u, v]) if absolute else (u, v)), optical_strain(flow, differences)]
    out = np.empty((len(flow), SIDE, SIDE, len(planes)), np.float32)
    for channel, plane in enumerate(planes):
        assembled = np.empty(out.shape[:3], np.float32)
        for image, target in zip(plane, assembled, strict=True):
            for rows, columns, place in regions:
                piece, size = image[slice(*rows), slice(*columns)], target[place].shape[::-1]
                target[place] = cv2.resize(piece, size, interpolation=cv2.INTER_LINEAR)
        # Scaling after resizing gives the same numbers and takes a tenth of the pixels.
        scale = {"frame": plane, "crop": assembled, "none": None}[normalise]
        out[..., channel] = assembled if scale is None else _to_unit_range(assembled, scale)
    return out


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
    """Set the flow (n, H, W, 2) of both eyes to zero, against blinks (SOFTNet).

    The outline of the lids, of landmarks (68, 2), is widened by so many pixels.
    """
    mask = np.zeros(flow.shape[1:3], np.uint8)
    for outline in (landmarks[36:42], landmarks[42:48]):
        cv2.fillConvexPoly(mask, np.rint(outline).astype(np.int32), 1)
    mask = np.asarray(cv2.dilate(mask, np.ones((2 * widen + 1,) * 2, np.uint8)), np.uint8)
    return flow * (mask == 0)[..., None]
