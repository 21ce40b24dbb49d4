"""Histograms of oriented optical flow: HOOF and Bi-WOOF.

HOOF: Chaudhry, Ravichandran, Hager, Vidal, CVPR 2009. Bi-WOOF: Liong, See, Wong, Phan, «Less is
more: micro-expression recognition from video using apex frame», SPIC 62, 2018, section 3.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.strain import optical_strain
from mecore.descriptors.registry import descriptor
from mecore.descriptors.top.grid import bounds

Floats = NDArray[np.float64]


def hoof(flow: NDArray[np.floating], bins: int = 8, *, folded: bool = False) -> Floats:
    """Histogram of oriented optical flow, weighted by magnitude, with sum 1.

    Parameters
    ----------
    flow : array, (..., 2)
        u (right), v (down); all vectors are pooled.
    bins : int
        Number of directions.
    folded : bool
        Fold left onto right, as in the original: angles to the horizontal in [-π/2, π/2]. The
        papers on micro-expressions mostly use the full circle, from -π on.

    Returns
    -------
    array, (bins,)
        All 0 where nothing moves.

    Raises
    ------
    ValueError
        NaN, another shape, or no bin.
    """
    vectors = np.asarray(flow).reshape(1, -1, 2)
    return block_hoof(vectors, 1, bins, folded=folded)[0, 0]


def block_hoof(
    flow: NDArray[np.floating], blocks: int, bins: int = 8, *, folded: bool = False
) -> Floats:
    """HOOF of every block of a field, each with sum 1.

    Parameters
    ----------
    flow : array, (H, W, 2)
        Pixels.
    blocks : int
        Rows and columns of equal blocks; of a field of one row, columns only.
    bins, folded
        See `hoof`.

    Returns
    -------
    array, (blocks, blocks, bins)

    Raises
    ------
    ValueError
        NaN, another shape, or more blocks than pixels.
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
    cell = _block_of(field.shape[:2], blocks) * bins + index
    counts = np.bincount(cell.ravel(), np.hypot(u, v).ravel(), blocks * blocks * bins)
    return _unit_sum(counts.astype(np.float64).reshape(blocks, blocks, bins))


def biwoof(
    flow: NDArray[np.floating], blocks: int = 5, bins: int = 8,
    strain: NDArray[np.floating] | None = None,
) -> Floats:  # fmt: skip
    """Bi-weighted oriented optical flow from onset to apex.

    Directions are weighted by magnitude inside a block, and blocks by their mean optical strain.

    Parameters
    ----------
    flow : array, (H, W, 2)
        From onset to apex, pixels.
    blocks, bins : int
        See `block_hoof`.
    strain : array, (H, W), optional
        Optical strain where it is known; else that of the flow.

    Returns
    -------
    array, (blocks, blocks, bins)

    Raises
    ------
    ValueError
        See `block_hoof`.
    """
    histograms = block_hoof(flow, blocks, bins)
    if strain is None:
        strain = optical_strain(np.asarray(flow, np.float32), "central")
    block = _block_of(strain.shape, blocks).ravel()
    total = np.bincount(block, strain.ravel().astype(np.float64), blocks * blocks)
    mean = total / np.bincount(block, minlength=blocks * blocks)
    return histograms * mean.reshape(blocks, blocks, 1)


def _block_of(shape: tuple[int, ...], blocks: int) -> NDArray[np.int64]:
    """Number of the block of each pixel, (H, W)."""
    rows, columns = (
        np.searchsorted(bounds(n, blocks), np.arange(n), side="right") - 1 for n in shape
    )
    return rows[:, None] * blocks + columns


def _unit_sum(histograms: Floats) -> Floats:
    total = histograms.sum(axis=-1, keepdims=True)
    return np.divide(histograms, total, out=np.zeros(histograms.shape), where=total > 0)


@descriptor("hoof", "HOOF")
def _hoof(aligned: NDArray[np.float32]) -> Floats:
    return np.mean([block_hoof(flow, 5) for flow in aligned], axis=0)


@descriptor("biwoof", "Bi-WOOF")
def _biwoof(apex_flow: NDArray[np.float32]) -> Floats:
    return biwoof(apex_flow)
