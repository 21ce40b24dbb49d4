"""Motion magnification: changes of brightness amplified, or motion measured, scaled, drawn again.

Eulerian: a band of time and space, Wu et al., «Eulerian video magnification for revealing subtle
changes in the world», SIGGRAPH 2012, in the form used on micro-expressions (Li et al., TAC 2018):
Laplacian pyramid, the difference of two one-pole low-passes in time, and a gain that falls off for
fine bands (their Eq. 14).

Global Lagrangian (GLMM): Le Ngo, Johnston, Phan, See, «Micro-expression motion magnification:
global Lagrangian vs. local Eulerian approaches», FG 2018. No code of it is public. The words fix
this much: the flow of every frame from one reference frame, principal components over the clip
without the small ones, scaled coefficients, a warp. The rest is chosen here and said where it is.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flows = NDArray[np.float32]
# Per-frame coefficients of the two low-passes are those of a camera of 30 frames per second.
COEFFICIENT_FPS = 30.0
EXAGGERATION = 2.0
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def low_pass(series: Floats, r: float) -> Floats:
    """One-pole low-pass along the first axis: l ← (1 - r) l + r x, started at the first value."""
    out = np.empty_like(series)
    state = series[0]
    for t, value in enumerate(series):
        state = (1 - r) * state + r * value
        out[t] = state
    return out


def rate_at(r: float, fps: float, of: float = COEFFICIENT_FPS) -> float:
    """Coefficient that does at ``fps`` what ``r`` does at ``of`` frames per second."""
    return float(1 - (1 - r) ** (of / fps))


def gain_schedule(height: int, width: int, alpha: float, cutoff: float) -> Floats:
    """Gain of each band of the pyramid, from the coarsest to the finest.

    Parameters
    ----------
    height, width : int
        Of the frames, pixels.
    alpha, cutoff : float
        Magnification wanted, and λ_c, the wavelength in pixels below which it is attenuated.

    Returns
    -------
    array, (bands, 3)
        Level (1 is the finest), wavelength in pixels, gain: in [0, alpha], 0 for the coarsest and
        the finest band.
    """
    bands, side = 1, min(height, width)
    while side >= 5:
        bands, side = bands + 1, side // 2
    delta = cutoff / 8 / (1 + alpha)
    wavelengths = np.hypot(height, width) / 3 / 2.0 ** np.arange(bands)
    gains = np.clip((wavelengths / delta / 8 - 1) * EXAGGERATION, 0, alpha)
    gains[[0, -1]] = 0
    return np.column_stack([np.arange(bands, 0, -1), wavelengths, gains])


def magnify_eulerian(
    clip: NDArray[np.uint8], alpha: float = 10.0, *, cutoff: float = 16.0,
    r: tuple[float, float] = (0.4, 0.05), fps: float = COEFFICIENT_FPS, chroma: float = 0.1,
) -> NDArray[np.uint8]:  # fmt: skip
    """Amplify the subtle motion of a clip.

    Parameters
    ----------
    clip : array, (T, H, W) or (T, H, W, 3), uint8
        Grey or RGB frames, at least 5×5.
    alpha, cutoff : float
        Magnification, at least 0, and λ_c in pixels, see `gain_schedule`.
    r : tuple of float
        Coefficients of the fast and the slow low-pass at 30 frames per second.
    fps : float
        Frames per second of the clip; the pass band in hertz does not depend on it.
    chroma : float
        Share of the amplification that colours get.

    Returns
    -------
    array, like ``clip``
        The first frame is unchanged.

    Raises
    ------
    ValueError
        No clip of such frames, frames too small, or a negative ``alpha``.
    """
    if clip.dtype != np.uint8 or clip.ndim not in (3, 4) or min(clip.shape[1:3]) < 5:
        wanted = "(T, H, W) or (T, H, W, 3) of uint8, at least 5×5"
        raise ValueError(f"a clip is {wanted}, not {clip.dtype} {clip.shape}")
    if alpha < 0:
        raise ValueError(f"alpha={alpha}: motion is magnified by at least 0")
    frames = clip / 255.0
    grey = clip.ndim == 3
    channels = [frames] if grey else np.moveaxis(frames @ _TO_YIQ.T, -1, 0)
    rates = [rate_at(x, fps) for x in r]
    shares = (1.0, chroma, chroma)
    moved = [c + s * _band(c, alpha, cutoff, rates) for c, s in zip(channels, shares, strict=False)]
    changed = moved[0] if grey else np.stack(moved, axis=-1) @ np.linalg.inv(_TO_YIQ).T
    return np.rint(255 * np.clip(changed, 0, 1)).astype(np.uint8)


def _band(frames: Floats, alpha: float, cutoff: float, rates: Sequence[float]) -> Floats:
    """What is added to every frame of one channel."""
    gains = gain_schedule(frames.shape[1], frames.shape[2], alpha, cutoff)[::-1, 2]
    bands = _pyramids(frames, len(gains))
    # The gain of the coarsest band is 0.
    total = np.zeros_like(bands[-1])
    for gain, band in zip(gains[-2::-1], bands[-2::-1], strict=True):
        fast, slow = (low_pass(band, rate) for rate in rates)
        total = gain * (fast - slow) + _enlarge(total, band.shape)
    return total


def _pyramids(frames: Floats, n_bands: int) -> list[Floats]:
    """Laplacian pyramid of every frame, from the finest band to the residual."""
    bands = []
    for _ in range(n_bands - 1):
        smaller = np.stack([cv2.pyrDown(f) for f in frames])
        bands.append(frames - _enlarge(smaller, frames.shape))
        frames = smaller
    return [*bands, frames]


def _enlarge(frames: Floats, shape: tuple[Any, ...]) -> Floats:
    return np.stack([cv2.pyrUp(f, dstsize=shape[2:0:-1]) for f in frames])


def magnify_flows(
    flows: Flows, alpha: float, *, variance: float = 0.95, mean: bool = True
) -> Flows:
    """Scale the motion of a clip in the space of its principal components.

    Parameters
    ----------
    flows : array, (T, H, W, 2)
        Flow from the reference frame to each frame, pixels; so is the result, in float32.
        ValueError for another shape, or NaN.
    alpha, variance : float
        Factor, at least 0; components are kept until they explain this share, (0, 1]. Our choice:
        0.95. ValueError for others.
    mean : bool
        Also scale the mean motion of the clip. Our choice; otherwise what all frames share is lost.
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


def warp(reference: NDArray[Any], flow: Flows, rounds: int = 20) -> NDArray[Any]:
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
    reference: NDArray[np.uint8], flows: Flows, alpha: float, *, variance: float = 0.95
) -> NDArray[np.uint8]:
    """Magnify the motion of a clip: the reference frame, moved by every scaled flow.

    ``reference``, (H, W) of uint8, is the frame that all flows start from, see `magnify_flows`;
    the clip is (T, H, W). A factor alpha of 1 draws it as it was, 0 as a still.
    """
    scaled = magnify_flows(flows, alpha, variance=variance)
    return np.stack([warp(reference, flow) for flow in scaled])
