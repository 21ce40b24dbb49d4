"""Follow one face through a video: Viola-Jones once, then KLT points, and detection when lost.

Viola, Jones (2001): a boosted cascade, here OpenCV's detector. OpenCV 5 no longer carries its
cascades; scikit-image carries the one on local binary patterns.

Tomasi, Kanade (1991): corners inside the face are tracked from frame to frame, and the similarity
that moves most of them from the frame of the detection is the motion of the head. What the face
does besides is left in the picture.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from mecore.errors import FaceError
from mecore.preprocessing.crop import to_grey
from mecore.preprocessing.faces import Box

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
State = Literal["found", "tracked", "found again", "lost"]
_POINTS, _FEWEST = 150, 15
_PATIENCE = 250  # frames that are kept while no face has been seen yet
_STILL = np.eye(2, 3)
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


def find_faces(image: Image, smallest: float = 0.2) -> list[Box]:
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


class Sight(NamedTuple):
    """Where the face is in one frame.

    ``box`` is the face where it was found last, ``matrix`` (2, 3) takes points of that frame to
    this one, and ``state`` says how it is known; a frame that is ``"lost"`` keeps the last matrix.
    """

    box: Box
    matrix: NDArray[np.float64]
    state: State

    def corners(self) -> NDArray[np.float64]:
        """Corners of the box in this frame, (2, 2) of x and y."""
        corners = np.array([self.box[:2], self.box[2:]], float)
        return corners @ self.matrix[:, :2].T + self.matrix[:, 2]


def track_face(frames: Iterable[Image], where: object = None) -> Iterator[tuple[Image, Sight]]:
    """Follow the largest face through a video of grey or RGB frames, read once.

    Each comes back in grey, with where the face is in it; frames before the first face are
    ``"lost"`` and take its box. FaceError, which says ``where``, the name of the video, if no frame
    shows a face, or none of the first 250.
    """
    track: _Track | None = None
    early: list[Image] = []
    for frame in frames:
        grey = to_grey(frame)
        if track is not None:
            yield grey, track.follow(grey)
            continue
        if faces := find_faces(grey):
            track = _Track(grey, faces[0])
            yield from ((image, Sight(faces[0], _STILL, "lost")) for image in early)
            yield grey, Sight(faces[0], _STILL, "found")
            early = []
        elif len(early) == _PATIENCE:
            break
        else:
            early.append(grey)
    if track is None:
        raise FaceError(
            f"no frontal face found in {len(early)} frames", where=where,
            todo="faces must be frontal, upright and at least a fifth of the picture's height",
        )  # fmt: skip


class _Track:
    """Points of one face, where they were when it was found and where they are now."""

    def __init__(self, grey: Image, box: Box) -> None:
        self.box, self.matrix, self.last = box, _STILL, grey
        self.lost = False
        self.origin, self.points = self._corners(grey)

    def follow(self, grey: Image) -> Sight:
        """Track into the next frame."""
        matrix = None if self.lost else self._move(grey)
        self.last = grey
        state: State = "tracked"
        if matrix is not None:
            self.matrix = matrix
        elif faces := find_faces(grey):
            self.box, self.matrix, state = faces[0], _STILL, "found again"
        else:
            state = "lost"
        self.lost = state == "lost"
        if state == "found again" or (state == "tracked" and len(self.points) < _POINTS // 2):
            self.origin, self.points = self._corners(grey)
        return Sight(self.box, self.matrix, state)

    def _corners(self, grey: Image) -> tuple[Floats, Floats]:
        """Corners inside the face, where it was found and in this frame."""
        corners = Sight(self.box, self.matrix, "tracked").corners()
        low, high = np.sort(corners, axis=0).astype(int)
        mask = np.zeros_like(grey)
        mask[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)] = 255
        found = cv2.goodFeaturesToTrack(grey, _POINTS, 0.01, self.box.width / 30, mask=mask)
        points = np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2)
        back = cv2.invertAffineTransform(self.matrix)
        return (points @ back[:, :2].T + back[:, 2]).astype(np.float32), points

    def _move(self, grey: Image) -> NDArray[np.float64] | None:
        """Head motion up to this frame, or None where too few points agree on one."""
        if len(self.points) < _FEWEST:
            return None
        window = {"winSize": (15, 15), "maxLevel": 3}
        there, seen, _ = cv2.calcOpticalFlowPyrLK(self.last, grey, self.points, None, **window)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(grey, self.last, there, None, **window)
        # A point that does not come back was never followed.
        kept = (seen & returned).ravel().astype(bool)
        kept &= np.linalg.norm(back - self.points, axis=1) < 0.5
        self.origin, self.points = self.origin[kept], there[kept]
        if len(self.points) < _FEWEST:
            return None
        reach = {"ransacReprojThreshold": self.box.width / 60}
        matrix, agree = cv2.estimateAffinePartial2D(self.origin, self.points, **reach)
        return None if matrix is None or agree.mean() < 0.5 else np.asarray(matrix, np.float64)
