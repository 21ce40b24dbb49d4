"""Spotting by optical flow that goes and comes back, without learning.

Rules on the flow of a few facial regions lead the challenge tables on micro-expressions of long
videos (He et al. 2021; Zhao et al. 2022). This one follows them in what it looks at: brows, nose
and mouth, the motion of the head taken off, eyes left out because of blinks. Its score asks for
what makes an expression micro: the region has moved one way during the last k frames and moves the
opposite way during the next. A slow movement goes on, a head that turns goes on; neither scores.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.preprocessing.template import template
from mecore.spotting._checks import check_length

Floats = NDArray[np.float64]


class Regions(NamedTuple):
    """Weights of pixels: of each region, (n, H, W), and of the still part of the face, (H, W)."""

    moving: NDArray[np.float32]
    still: NDArray[np.float32]


# Landmarks (iBUG) whose mean is the middle of a region: brows, beside the nose, mouth, chin.
_MOVING = {
    "outer brow, left": (17, 18), "inner brow, left": (20, 21), "inner brow, right": (22, 23),
    "outer brow, right": (25, 26), "between the brows": (21, 22, 27),
    "nose wing, left": (31,), "nose wing, right": (35,), "upper lip": (51,), "lower lip": (57,),
    "mouth corner, left": (48,), "mouth corner, right": (54,), "chin": (8, 57),
    "cheek, left": (2, 31, 41), "cheek, right": (14, 35, 46),
}  # fmt: skip
_STILL = (27, 28, 29, 30)


def regions(size: int = 128, width: float = 0.045) -> Regions:
    """Gaussian windows around landmarks of the face template, of a side of ``size`` pixels.

    ``width`` is the standard deviation of a window as a share of the side.
    """
    points = template(size).astype(np.float64)
    y, x = np.mgrid[:size, :size]

    def window(middle: Floats) -> NDArray[np.float32]:
        square = (x - middle[0]) ** 2 + (y - middle[1]) ** 2
        weight = np.exp(-square / (2 * (width * size) ** 2))
        return (weight / weight.sum()).astype(np.float32)

    moving = np.stack([window(points[list(w)].mean(axis=0)) for w in _MOVING.values()])
    still = np.mean([window(points[i]) for i in _STILL], axis=0)
    return Regions(moving, still.astype(np.float32))


def region_motion(flows: Iterable[NDArray[np.float32]]) -> Floats:
    """Mean flow of each region relative to the bridge of the nose, pixels.

    Flows of registered faces, (H, H, 2) each, in pixels, give (n_flows, regions, 2).
    """
    rows = []
    where: Regions | None = None
    for flow in flows:
        where = where or regions(len(flow))
        rows.append(np.tensordot(where.moving, flow, 2) - np.tensordot(where.still, flow, 2))
    return np.array(rows, np.float64).reshape(len(rows), -1, 2)


def flow_peak_scores(motion: Floats, k: int, n_frames: int) -> Floats:
    """How far some region has gone by a frame and comes back after it.

    With a the motion of the last k frames and b that of the next, the score of a region is
    −a·b / max(|a|, |b|): the shorter of the two where they are opposite, 0 where they are not.

    Parameters
    ----------
    motion : array, (n_frames - k, regions, 2)
        Motion of each region over the pairs (i, i + k), see `region_motion`.
    k, n_frames : int
        Frames of a pair, and of the video; DataError if fewer than 2k + 1.

    Returns
    -------
    array, (n_frames,)
        Pixels, at least 0, of the region that scores most; NaN in the first and last k frames.
    """
    check_length(n_frames, k, 2, 1, "flow-peak spotting")
    before, after = motion[:-k], motion[k:]
    size = np.maximum(np.linalg.norm(before, axis=-1), np.linalg.norm(after, axis=-1))
    back = -(before * after).sum(axis=-1)
    score = np.divide(back, size, out=np.zeros_like(back), where=size > 0)
    return np.pad(np.maximum(score, 0).max(axis=1), k, constant_values=np.nan)
