"""Histograms of oriented optical flow: HOOF and Bi-WOOF.

HOOF: Chaudhry, Ravichandran, Hager, Vidal, CVPR 2009. Bi-WOOF: Liong, See, Wong, Phan, «Less is
more: micro-expression recognition from video using apex frame», SPIC 62, 2018, section 3.2.
"""

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.strain import optical_strain
from mecore.descriptors.registry import descriptor
from mecore.descriptors.top.grid import block_of

Floats = NDArray[np.float64]
Field = NDArray[np.floating]


def hoof(flow: Field, bins: int = 8, *, folded: bool = False) -> Floats:
    """Histogram of oriented optical flow, weighted by magnitude, (bins,).

    Its sum is 1, or 0 where nothing moves. ValueError as of `block_hoof`.

    Parameters
    ----------
    flow : array, (..., 2)
        u (right), v (down); all vectors are pooled.
    bins : int
        Number of directions.
    folded : bool
        Fold left onto right, as in the original: angles to the horizontal in [-π/2, π/2]. The
        papers on micro-expressions mostly use the full circle, from -π on.
    """
    return block_hoof(np.asarray(flow).reshape(1, -1, 2), 1, bins, folded=folded)[0, 0]


def block_hoof(flow: Field, blocks: int, bins: int = 8, *, folded: bool = False) -> Floats:
    """HOOF of every block of a field (H, W, 2), each with sum 1, (blocks, blocks, bins).

    ``blocks`` are rows and columns of equal blocks; for ``bins`` and ``folded`` see `hoof`.
    ValueError for NaN, another shape, no bin, or more blocks than pixels.
    """
    field = np.asarray(flow, np.float64)
    if field.ndim != 3 or field.shape[-1] != 2 or not np.isfinite(field).all():
        raise ValueError(f"flow must be finite and (H, W, 2), not {field.shape}")
    if bins < 1 or not 1 <= blocks <= min(field.shape[:2]):
        raise ValueError(f"{blocks}×{blocks} blocks of {bins} bins on a field of {field.shape[:2]}")
    u, v = field[..., 0], field[..., 1]
    turn = np.arctan2(v, np.abs(u)) / np.pi + 0.5 if folded else np.arctan2(v, u) / np.pi / 2 + 0.5
    # π is -π on the full circle; folded, straight down is the end of the last bin.
    index = np.floor(turn * bins).astype(np.int64)
    index = np.minimum(index, bins - 1) if folded else index % bins
    cell = block_of(field.shape[:2], blocks) * bins + index
    votes = np.bincount(cell.ravel(), np.hypot(u, v).ravel(), blocks * blocks * bins)
    votes = votes.reshape(blocks, blocks, bins)
    total = votes.sum(axis=-1, keepdims=True)
    return np.divide(votes, total, out=np.zeros(votes.shape), where=total > 0)


def biwoof(flow: Field, blocks: int = 5, bins: int = 8, strain: Field | None = None) -> Floats:
    """Bi-weighted oriented optical flow from onset to apex, (blocks, blocks, bins).

    Directions are weighted by magnitude inside a block, and blocks by their mean optical strain:
    ``strain`` (H, W) where it is known, else that of the flow. Otherwise as `block_hoof`.
    """
    histograms = block_hoof(flow, blocks, bins)
    if strain is None:
        strain = optical_strain(np.asarray(flow, np.float32), "central")
    block = block_of(strain.shape, blocks).ravel()
    total = np.bincount(block, strain.ravel().astype(np.float64), blocks * blocks)
    mean = total / np.bincount(block, minlength=blocks * blocks)
    return histograms * mean.reshape(blocks, blocks, 1)


@descriptor("hoof", "HOOF")
def _hoof(aligned: NDArray[np.float32]) -> Floats:
    return np.mean([block_hoof(flow, 5) for flow in aligned], axis=0)


@descriptor("biwoof", "Bi-WOOF")
def _biwoof(apex_flow: NDArray[np.float32]) -> Floats:
    return biwoof(apex_flow)
