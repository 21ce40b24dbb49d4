"""Follow one face through a video: Viola-Jones once, then KLT points, and detection when lost.

Tomasi, Kanade (1991): corners inside the face are tracked from frame to frame, and the similarity
that moves most of them from the frame of the detection is the motion of the head. What the face
does besides is left in the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import FaceError
from mecore.preprocessing.crop import to_grey
from mecore.preprocessing.faces import Box
from mecore.preprocessing.viola_jones import find_faces

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
State = Literal["found", "tracked", "found again", "lost"]
_POINTS, _FEWEST = 150, 15
_PATIENCE = 250  # frames that are kept while no face has been seen yet


class Sight(NamedTuple):
    """Where the face is in one frame.

    ``box`` is the face where it was found last, ``matrix`` (2, 3) takes points of that frame to
    this one, and ``state`` says how it is known; a frame that is ``"lost"`` keeps the last matrix.
    """

    box: Box
    matrix: NDArray[np.float64]
    state: State


def track_face(frames: Iterable[Image], where: object = None) -> Iterator[tuple[Image, Sight]]:
    """Follow the largest face through a video of grey or RGB frames, read once.

    Each comes back in grey, with where the face is in it; frames before the first face are
    ``"lost"`` and take its box. ``where`` is the name of the video, for the message.

    Raises
    ------
    FaceError
        No frame shows a face, or none of the first 250.
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


_STILL = np.eye(2, 3)


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
        box = np.array([[self.box.left, self.box.top], [self.box.right, self.box.bottom]], float)
        low, high = np.sort(box @ self.matrix[:, :2].T + self.matrix[:, 2], axis=0).astype(int)
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
