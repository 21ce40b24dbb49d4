"""Registration: every frame of a video brought to one face template, in grey.

The face is found and followed by `mecore.preprocessing.tracking`, landmarks are dlib's. What moves
the face to the template is a similarity from 5 points, or the local weighted mean from 68; the
paper's combination, a local weighted mean from 5 points, does not determine its polynomials.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.preprocessing import local_weighted_mean
from mecore.preprocessing.faces import Box, landmarks
from mecore.preprocessing.template import template
from mecore.preprocessing.tracking import Sight, track_face

Image = NDArray[np.uint8]
Geometry = Literal["similarity", "lwm"]
Follow = Literal["track", "landmarks", "first"]


@dataclass(frozen=True)
class Registered:
    """A registered video: grey faces on the template, (T, size, size) of uint8.

    ``states`` counts the frames that were found, tracked, found again, lost; ``broken``, (T,), are
    those that do not go on from the one before: lost, or found again.
    """

    clip: Image
    states: dict[str, int]
    broken: NDArray[np.bool_]


def similarity(points: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Least-squares similarity (2, 3) that takes points to targets, (n, 2) each.

    Scale, rotation and translation, no reflection (Umeyama 1991). ValueError if all points
    coincide.
    """
    p, q = (np.asarray(a, np.float64) for a in (points, targets))
    a, b = ((z - z.mean(axis=0)) @ [1, 1j] for z in (p, q))
    if not np.abs(a).max() > 0:
        raise ValueError("all points coincide")
    # In the complex plane a similarity is a multiplication.
    turn = np.vdot(a, b) / np.vdot(a, a)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, q.mean(axis=0) - linear @ p.mean(axis=0)])


def register(
    frames: Iterable[Image], size: int = 128, *, geometry: Geometry = "similarity",
    follow: Follow = "track", where: object = None,
) -> Iterator[tuple[Image, Sight]]:  # fmt: skip
    """Register the face of every frame: (size, size) of uint8 each, and where it was seen.

    Parameters
    ----------
    frames, where
        See `mecore.preprocessing.tracking.track_face`, which also says what is raised.
    size : int
        Side of the template in pixels.
    geometry : {"similarity", "lwm"}
        From 5 landmarks, or local weighted mean from 68.
    follow : {"track", "landmarks", "first"}
        Landmarks of the frame in which the face was found, carried along by the tracked points
        (they move as little as the head does); landmarks of every frame, as the paper has it
        (they tremble by a third of a pixel); or the place of the first frame throughout.
    """
    box, chart = None, np.zeros((size, size, 2))
    for frame, sight in track_face(frames, where):
        if follow == "landmarks" and sight.state != "lost":
            now = Box(*np.rint(sight.corners().ravel()).astype(int).tolist())
            chart = _chart(frame, now, size, geometry)
        elif sight.box != box and (box is None or follow == "track"):
            box, chart = sight.box, _chart(frame, sight.box, size, geometry)
        matrix = sight.matrix if follow == "track" else np.eye(2, 3)
        at = (chart @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        way = {"interpolation": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
        face = cv2.remap(frame, at[..., 0], at[..., 1], **way)
        yield np.asarray(face, np.uint8), sight


def register_clip(frames: Iterable[Image], size: int = 128, **options: Any) -> Registered:
    """Register a video and keep it in memory, with the number of frames in each state."""
    faces, sights = zip(*register(frames, size, **options), strict=True)
    states = [sight.state for sight in sights]
    broken = np.isin(states, ("lost", "found again"))
    return Registered(np.stack(faces), dict(Counter(states)), broken)


def _chart(frame: Image, box: Box, size: int, geometry: Geometry) -> NDArray[np.float64]:
    """Where each pixel of the template lies in a frame, (size, size, 2) of x and y."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    grid = np.stack([x, y], axis=-1)
    if geometry == "lwm":
        return local_weighted_mean.fit(template(size), landmarks(frame, box))(grid)
    back = similarity(template(size, 5), landmarks(frame, box, 5))
    return grid @ back[:, :2].T + back[:, 2]
