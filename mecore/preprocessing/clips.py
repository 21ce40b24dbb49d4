"""Face clips: the expressions of a video, each cut out as a grey face with its landmarks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mecore.data.frames import Footage, clip_frames
from mecore.errors import DataError
from mecore.preprocessing.apex import Span
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import Box, landmarks, one_face

FaceClip = tuple[NDArray[np.uint8], NDArray[np.float32]]
SIDE = 128
# The detector's box ends at the chin and above the brows; regions of the face reach further.
GROWTH = 0.15


def face_clips(footage: Footage, spans: Sequence[Span]) -> list[FaceClip]:
    """Cut the face out of every frame of some expressions, each by the box of its first frame.

    Parameters
    ----------
    footage : Footage
        Frames of the video; decoded once.
    spans : sequence of (onset, apex, offset)
        The expressions.

    Returns
    -------
    list of (array, (T, 128, 128), uint8; array, (68, 2), float32)
        Grey faces from onset to offset; landmarks of the first, in pixels of the crop.

    Raises
    ------
    DataError
        An expression of fewer than two frames (nothing moves), or beyond the video.
    FaceError
        No face in a first frame.
    """
    for onset, _, offset in spans:
        if offset <= onset:
            todo = "correct onset or offset in the manifest, or exclude the video"
            where = f"{footage.path}, frame {onset}"
            raise DataError("an expression of one frame holds no motion", where=where, todo=todo)
    found: dict[int, FaceClip] = {}
    for number, frames in clip_frames(footage.frames(), spans):
        face = one_face(frames[0], "largest", where=f"{footage.path}, frame {spans[number][0]}")
        box = grown(face, GROWTH)
        scale = SIDE / np.array([box.width, box.height], np.float32)
        points = (landmarks(frames[0], face) - np.array([box.left, box.top], np.float32)) * scale
        crops = np.stack([crop_face(frame, box, SIDE) for frame in frames])
        found[number] = crops, points.astype(np.float32)
    if missing := [spans[n] for n in range(len(spans)) if n not in found]:
        raise DataError(
            f"{footage.n_frames} frames, but an expression ends at frame {missing[0][2]}",
            where=footage.path, todo="correct the offset in the manifest, or exclude the video",
        )  # fmt: skip
    return [found[n] for n in range(len(spans))]


def grown(box: Box, share: float) -> Box:
    """Enlarge a box on every side by a share of its size."""
    dx, dy = round(share * box.width), round(share * box.height)
    return Box(box.left - dx, box.top - dy, box.right + dx, box.bottom + dy)
