"""Faces by a boosted cascade (Viola, Jones 2001), with OpenCV's detector and trained cascade.

OpenCV 5 no longer carries its cascades; scikit-image carries the one on local binary patterns.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from mecore.preprocessing.crop import to_grey
from mecore.preprocessing.faces import Box

# A box of this cascade in terms of one of dlib's detector, on which dlib's landmarks were trained:
# left, top and side, as shares of its side. Means over the phantom's faces.
_LEFT, _TOP, _SIDE = 0.03, 0.12, 0.94


@cache
def _cascade() -> Any:
    text = Path(skimage.data.lbp_frontal_face_cascade_filename()).read_text(encoding="utf-8")
    # The file misspells a tag that OpenCV looks for.
    text = text.replace("featuhreParams", "featureParams")
    storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    cascade = cv2.CascadeClassifier()
    if not cascade.read(storage.getFirstTopLevelNode()):
        raise RuntimeError("OpenCV cannot read the cascade that scikit-image carries")
    return cascade


def find_faces(image: NDArray[np.uint8], smallest: float = 0.2) -> list[Box]:
    """Find frontal faces, the largest first, in boxes like those of dlib's detector.

    The image is grey or RGB, (H, W) or (H, W, 3) of uint8; ``smallest`` is the side of the smallest
    face, as a share of its shorter side.
    """
    grey = to_grey(image)
    least = max(24, round(smallest * min(grey.shape)))
    found = _cascade().detectMultiScale(grey, 1.05, 3, minSize=(least, least))
    corners = [(x + _LEFT * w, y + _TOP * w, _SIDE * w) for x, y, w, _ in found]
    boxes = [Box(round(x), round(y), round(x + w), round(y + w)) for x, y, w in corners]
    return sorted(boxes, key=lambda b: (-b.width, b))
