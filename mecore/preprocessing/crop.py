"""Crops: a face box cut from a frame, brought to a fixed size, in grey."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.preprocessing.faces import Box

Image = NDArray[np.uint8]


def to_grey(image: Image) -> Image:
    """Return an image (H, W) of uint8 from RGB (H, W, 3) or grey (ITU-R BT.601 weights)."""
    return (
        image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    )


def cut_face(image: Image, box: Box, size: int = 128) -> Image:
    """Cut a face box from a frame, (H, W) or (H, W, 3) uint8, and resize it, bilinear.

    Parts of the box outside the frame repeat its border.

    Parameters
    ----------
    image : array, (H, W) or (H, W, 3), uint8
        Grey or RGB.
    box : Box
        The face; need not lie inside the image.
    size : int
        Side of the square result in pixels.

    Returns
    -------
    array, (size, size) or (size, size, 3), uint8
    """
    height, width = image.shape[:2]
    top, bottom = max(0, -box.top), max(0, box.bottom - height)
    left, right = max(0, -box.left), max(0, box.right - width)
    if top or bottom or left or right:
        image = _repeat_border(image, top, bottom, left, right)
    y, x = box.top + top, box.left + left
    face = image[y : y + box.height, x : x + box.width]
    return np.asarray(cv2.resize(face, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def crop_face(image: Image, box: Box, size: int = 128, jpeg_quality: int | None = None) -> Image:
    """Cut a face box from a frame (`cut_face`), in grey.

    With ``jpeg_quality`` (1 to 100) the crop goes through JPEG, as in the released code of MEAN,
    which saves its crops (quality 95).

    Returns
    -------
    array, (size, size), uint8
    """
    face = cut_face(image, box, size)
    return to_grey(face) if jpeg_quality is None else through_jpeg(face, jpeg_quality)


def _repeat_border(image: Image, top: int, bottom: int, left: int, right: int) -> Image:
    around = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return np.asarray(around, np.uint8)


def through_jpeg(image: Image, quality: int) -> Image:
    """Compress an image (grey or RGB, uint8) as JPEG and read its luma back, (H, W) uint8."""
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
