"""Global Lagrangian motion magnification (GLMM): motion itself is measured, scaled, drawn again.

Le Ngo, Johnston, Phan, See, «Micro-expression motion magnification: global Lagrangian vs. local
Eulerian approaches», FG 2018. No code of it is public. The published words fix this much: the flow
of every frame from one reference frame, principal components over the clip without the small
ones, scaled coefficients, a warp. The rest is chosen here and said where it is.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def magnify_flows(
    flows: Floats, alpha: float, *, variance: float = 0.95, mean: bool = True
) -> Floats:
    """Scale the motion of a clip in the space of its principal components.

    Parameters
    ----------
    flows : array, (T, H, W, 2)
        Flow from the reference frame to each frame, pixels; so is the result, in float32.
    alpha : float
        Factor, at least 0.
    variance : float
        Components are kept until they explain this share, (0, 1]. Our choice: 0.95.
    mean : bool
        Also scale the mean motion of the clip. Our choice; otherwise what all frames share is lost.

    Raises
    ------
    ValueError
        Flows of another shape or with NaN; a share or factor out of range.
    """
    if flows.ndim != 4 or flows.shape[-1] != 2 or not np.isfinite(flows).all():
        raise ValueError(f"flows must be finite and (T, H, W, 2), not {flows.shape}")
    if not 0 < variance <= 1 or alpha < 0:
        raise ValueError(f"variance {variance} must lie in (0, 1], alpha {alpha} be at least 0")
    columns = flows.reshape(len(flows), -1).astype(np.float64)
    centre = columns.mean(axis=0)
    # Few frames, many pixels: components come from the small matrix of inner products.
    moved = columns - centre
    values, vectors = np.linalg.eigh(moved @ moved.T)
    shares = np.cumsum(values[::-1]) / max(values.sum(), np.finfo(float).tiny)
    kept = vectors[:, ::-1][:, : int(np.searchsorted(shares, variance - 1e-12)) + 1]
    result = alpha * (kept @ (kept.T @ moved) + (centre if mean else 0))
    return result.reshape(flows.shape).astype(np.float32)


def warp(reference: NDArray[Any], flow: Floats, rounds: int = 20) -> NDArray[Any]:
    """Draw a frame after its pixels have moved by a flow, (H, W, 2) of float32.

    The picture at x stems from the point p with p + flow(p) = x, found by fixed-point iteration in
    ``rounds``, which converges where the flow does not fold (its derivatives stay below 1). The
    result is like ``reference``, (H, W) or (H, W, 3); borders are repeated.
    """
    height, width = reference.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    back_x, back_y = x, y
    for _ in range(rounds):
        here = cv2.remap(flow, back_x, back_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        back_x, back_y = x - here[..., 0], y - here[..., 1]
    return cv2.remap(reference, back_x, back_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def magnify_lagrangian(
    reference: NDArray[np.uint8], flows: Floats, alpha: float, *, variance: float = 0.95
) -> NDArray[np.uint8]:
    """Magnify the motion of a clip: the reference frame, moved by every scaled flow.

    ``reference``, (H, W) of uint8, is the frame that all flows start from, see `magnify_flows`;
    the clip is (T, H, W). A factor alpha of 1 draws it as it was, 0 as a still.
    """
    scaled = magnify_flows(flows, alpha, variance=variance)
    return np.stack([warp(reference, flow) for flow in scaled])
