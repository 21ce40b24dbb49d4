"""Temporal interpolation (TIM): any number of frames from a clip, as one small matrix.

Zhou, Zhao, Pietikäinen, «Towards a practical lipreading system», CVPR 2011. The published
algorithm embeds the frames of a clip as a curve through the eigenvectors of a path graph. These
are cosines whatever the frames show, and its singular value decomposition cancels: what is left
is a fixed matrix, without the failures of the published code on frames that are alike.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def tim_matrix(n: int, length: int) -> Floats:
    """Weights of n frames in each of the interpolated ones.

    Parameters
    ----------
    n, length : int
        Frames of the clip, and frames wanted; ValueError if one is below 1.

    Returns
    -------
    array, (length, n)
        Rows sum to 1. The first and the last frame are kept; ``length = n`` gives the identity.
        Where a position falls on a frame, that frame comes back: no low-pass filter is applied.
    """
    if n < 1 or length < 1:
        what = f"{length} frames cannot be interpolated from {n}"
        raise ValueError(f"{what}: both must be at least 1")
    place = np.linspace(0, n - 1, length)[:, None, None]
    k, frame = np.arange(1, n)[None, None, :], np.arange(n)[None, :, None]
    waves = np.cos(k * np.pi * (place + 0.5) / n) * np.cos(k * np.pi * (frame + 0.5) / n)
    return 1 / n + 2 / n * waves.sum(axis=-1)


def interpolate(clip: NDArray[Any], length: int) -> Floats:
    """Bring a clip, (T, ...), to a number of frames, (length, ...) of float64.

    The result may leave the range of the clip: see `to_bytes`. ValueError as `tim_matrix`, or for
    NaN or infinite values.
    """
    frames = np.asarray(clip, np.float64)
    if not np.isfinite(frames).all():
        raise ValueError("a clip with NaN or infinite values cannot be interpolated")
    return np.tensordot(tim_matrix(len(frames), length), frames, axes=1)


def to_bytes(clip: Floats) -> NDArray[np.uint8]:
    """Round grey levels to uint8; what lies outside 0 … 255 is clipped first, it would wrap."""
    return np.clip(np.rint(clip), 0, 255).astype(np.uint8)
