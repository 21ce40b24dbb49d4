"""Optical strain: how much the face deforms, whatever the head as a whole does.

Magnitude of the infinitesimal strain tensor of the flow; Liong, See, Chan (2023), Eq. 3.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mecore.errors import OptionError, nearest

Floats = NDArray[np.float32]
Differences = Literal["backward", "forward", "central"]


def optical_strain(flow: Floats, differences: Differences = "backward") -> Floats:
    """Strain magnitude of optical flow: sqrt(ux² + vy² + ½ (uy + vx)²), (..., H, W), float32.

    At least 0, no unit (pixels per pixel). Zero for a translation.

    Parameters
    ----------
    flow : array, (..., H, W, 2), float
        Displacements u (right), v (down) in pixels; ValueError for another shape, H or W below 2.
    differences : {"backward", "forward", "central"}
        ``backward``: u[y, x] - u[y, x-1], zero in the first row and column (released MEAN code).
        ``forward``: u[y, x+1] - u[y, x], zero in the last row and column (SOFTNet).
        ``central``: ½ (u[y, x+1] - u[y, x-1]), one-sided on the border. OptionError for others.
    """
    if differences not in get_args(Differences):
        hint = nearest(str(differences), get_args(Differences))
        raise OptionError(f"no differences called {differences!r}: {hint}")
    flow = np.asarray(flow, np.float32)
    if flow.ndim < 3 or flow.shape[-1] != 2 or min(flow.shape[-3:-1]) < 2:
        raise ValueError(f"flow must be (..., H, W, 2) with sides of at least 2, not {flow.shape}")
    dy, dx = (_difference(flow, axis, differences) for axis in (-3, -2))
    shear = dy[..., 0] + dx[..., 1]
    return np.sqrt(dx[..., 0] ** 2 + dy[..., 1] ** 2 + np.float32(0.5) * shear**2)


def _difference(flow: Floats, axis: int, differences: Differences) -> Floats:
    if differences == "central":
        return np.gradient(flow, axis=axis)
    if differences == "backward":
        return np.diff(flow, axis=axis, prepend=np.take(flow, [0], axis=axis))
    return np.diff(flow, axis=axis, append=np.take(flow, [-1], axis=axis))
