"""Faces and landmarks: dlib's frontal detector and its 5- and 68-point shape predictors."""

from functools import cache
from typing import Any, Literal, NamedTuple

import dlib
import numpy as np
from numpy.typing import NDArray

from mecore.data.external import landmark_model
from mecore.errors import FaceError

Image = NDArray[np.uint8]


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top


@cache
def _detector() -> Any:
    return dlib.get_frontal_face_detector()


@cache
def _predictor(points: int) -> Any:
    return dlib.shape_predictor(str(landmark_model(points)))


def detect_faces(image: Image, upsample: int = 1) -> list[Box]:
    """Find frontal faces of a grey or RGB image, (H, W) or (H, W, 3) of uint8, the largest first.

    The image is doubled ``upsample`` times before the search; 1 finds faces from about 40 pixels.
    """
    found = _detector()(image, upsample)
    boxes = [Box(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in found]
    return sorted(boxes, key=lambda b: (-b.width * b.height, b))


def one_face(
    image: Image, which: Literal["only", "largest"] = "only", upsample: int = 1,
    where: object = None,
) -> Box:  # fmt: skip
    """Find the face of a frame, see `detect_faces`; FaceError if there is none.

    Of several faces take the ``"largest"``, or refuse them where the ``"only"`` one is asked for.
    ``where`` is frame and video, for the message.
    """
    faces = detect_faces(image, upsample)
    height, width = image.shape[:2]
    if not faces:
        raise FaceError(
            f"no frontal face found in this frame ({width}×{height} pixels)", where=where,
            todo="faces must be frontal, upright and at least about 40 pixels wide",
        )  # fmt: skip
    if len(faces) > 1 and which == "only":
        boxes = "; ".join(f"{b.width}×{b.height} pixels at ({b.left}, {b.top})" for b in faces)
        raise FaceError(
            f"{len(faces)} faces found in this frame: {boxes}", where=where,
            todo="take the largest with face='largest' (on the command line --face largest)",
        )  # fmt: skip
    return faces[0]


def landmarks(image: Image, box: Box, points: Literal[5, 68] = 68) -> NDArray[np.float32]:
    """Predict facial landmarks inside a face box (Kazemi and Sullivan, CVPR 2014).

    Of a grey or RGB image of uint8; 5 are eye corners and nose, 68 the iBUG layout (0-based).

    Returns
    -------
    array, (points, 2), float32
        x and y in pixels of ``image``.
    """
    rectangle = dlib.rectangle(box.left, box.top, box.right - 1, box.bottom - 1)
    shape = _predictor(points)(np.ascontiguousarray(image), rectangle)
    return np.array([(p.x, p.y) for p in shape.parts()], np.float32)
