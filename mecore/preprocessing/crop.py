"""Crops: a face box cut from a frame, brought to a fixed size, in grey."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.preprocessing.faces import Box

Image = NDArray[np.uint8]


def to_grey(image: Image) -> Image:
    """Return an image (H, W) of uint8 from RGB (H, W, 3) or grey (ITU-R BT.601 weights)."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def cut_face(image: Image, box: Box, size: int = 128) -> Image:
    """Cut a face box from a grey or RGB frame of uint8, resized to a square, bilinear.

    ``size`` is its side in pixels. Parts of the box outside the frame repeat its border.
    """
    height, width = image.shape[:2]
    top, bottom = max(0, -box.top), max(0, box.bottom - height)
    left, right = max(0, -box.left), max(0, box.right - width)
    if top or bottom or left or right:
        border = top, bottom, left, right
        image = np.asarray(cv2.copyMakeBorder(image, *border, cv2.BORDER_REPLICATE), np.uint8)
    y, x = box.top + top, box.left + left
    face = image[y : y + box.height, x : x + box.width]
    return np.asarray(cv2.resize(face, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def crop_face(image: Image, box: Box, size: int = 128, jpeg_quality: int | None = None) -> Image:
    """Cut a face box from a frame (`cut_face`), in grey, (size, size) of uint8.

    With ``jpeg_quality`` (1 to 100) the crop goes through JPEG, as in the released code of MEAN,
    which saves its crops (quality 95).
    """
    face = cut_face(image, box, size)
    return to_grey(face) if jpeg_quality is None else through_jpeg(face, jpeg_quality)


def through_jpeg(image: Image, quality: int) -> Image:
    """Compress an image (grey or RGB, uint8) as JPEG and read its luma back, (H, W) uint8."""
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
