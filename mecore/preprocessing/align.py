"""Alignment: the motion of the head taken out, in the image or in the optical flow.

Both fit one affine motion to landmarks. In the image, frames are warped back. In the flow, nothing
is resampled: the affine motion of 13 points that no expression moves (jaw line and nasion) is
subtracted (Liu et al., TAC 2016, section 3.2; thesis, section 3.2.2).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import FaceError

Floats = NDArray[np.float64]
# 0-based iBUG landmarks: the upper ends of the jaw line and the root of the nose.
STILL_POINTS = (0, 1, 2, 3, 4, 5, 27, 11, 12, 13, 14, 15, 16)


def fit_affine(source: ArrayLike, target: ArrayLike) -> Floats:
    """Affine motion H (3, 2), with [x, y, 1] H closest to the target in least squares.

    Of points x, y, (n, 2); FaceError for fewer than three, points on one line, or NaN.
    """
    points, goals = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if points.shape != goals.shape or not np.isfinite(points + goals).all():
        raise FaceError("points to align must be finite, and as many before as after")
    matrix = np.column_stack([points, np.ones(len(points))])
    solution, _, rank, _ = np.linalg.lstsq(matrix, goals, rcond=None)
    if rank < 3:
        raise FaceError(f"an affine motion needs three points off one line, not {len(points)}")
    return np.asarray(solution, np.float64)


def align_clip(clip: NDArray[Any], points: ArrayLike) -> NDArray[Any]:
    """Warp every frame so that its landmarks come to lie on those of the first.

    Of a clip, (T, H, W) or (T, H, W, 3), and the same landmarks in every frame, (T, n, 2); points
    that no expression moves serve best. The first frame is unchanged; borders are repeated.
    """
    places = np.asarray(points, np.float64)
    frames = [clip[0]]
    for frame, now in zip(clip[1:], places[1:], strict=True):
        # warpAffine asks for the way from the result to the picture.
        there, flags = fit_affine(places[0], now).T, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frames.append(cv2.warpAffine(frame, there, frame.shape[1::-1], flags=flags,
                                     borderMode=cv2.BORDER_REPLICATE))  # fmt: skip
    return np.stack(frames)


def align_flow(flow: NDArray[Any], points: ArrayLike) -> NDArray[np.float32]:
    """Subtract the motion of the head from optical flow.

    Parameters
    ----------
    flow : array, (..., H, W, 2)
        Flow from the first frame, pixels.
    points : array, (68, 2)
        Landmarks of the first frame; those outside the flow are moved to its border.

    Returns
    -------
    array, (..., H, W, 2), float32
        [x + u, y + v, 1] H - [x, y]: zero where the head moves affinely and nothing else does.
    """
    fields = np.asarray(flow, np.float64)
    height, width = fields.shape[-3:-1]
    still = np.asarray(points, np.float64)[list(STILL_POINTS)]
    before = np.clip(np.rint(still), 0, (width - 1, height - 1))
    columns, rows = before.astype(int).T
    x, y = np.arange(width), np.arange(height)[:, None]
    out = np.empty(fields.shape, np.float32)
    for index in np.ndindex(fields.shape[:-3]):
        field = fields[index]
        h = fit_affine(before + field[rows, columns], before)
        u, v = x + field[..., 0], y + field[..., 1]
        for axis, at in enumerate((x, y)):
            out[index][..., axis] = u * h[0, axis] + v * h[1, axis] + h[2, axis] - at
    return out
