"""Main directional maximal difference, MDMD (Wang et al. 2017; baseline of MEGC 2020).

Flow from frame i − k to i and to i + k: an expression that is at its peak in frame i has moved
further by then than it will have k frames later. In each block the pixels of the most frequent
direction are compared, and of blocks and pixels the third that differs most.
"""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError, check_option
from mecore.spotting._checks import check_length
from mecore.spotting.peaks import runs, threshold

Floats = NDArray[np.float64]
Sectors: TypeAlias = Literal["quadrants", "released"]


def block_differences(there: Floats, later: Floats, blocks: int = 6,
                      sectors: Sectors = "quadrants") -> Floats:  # fmt: skip
    """Main directional maximal difference of each block, (blocks²,).

    The mean of the largest third of |there| − |later|, pixels; 0 where no pixel has a direction.

    Parameters
    ----------
    there, later : array, (H, W, 2)
        Flow from frame i − k to i, and to i + k; DataError if they differ in size, or are smaller
        than the blocks.
    blocks : int
        Blocks along each axis, of ⌊H / blocks⌋ × ⌊W / blocks⌋ pixels.
    sectors : {"quadrants", "released"}
        Four quadrants of the direction, as described; or arctan(u/v), as the published script
        computes it: it knows two sectors only, and pixels with v = 0 are in neither.
    """
    check_option(sectors, get_args(Sectors), "sectors")
    if there.shape != later.shape or min(there.shape[:2]) < blocks:
        raise DataError(f"flows {there.shape} and {later.shape} in {blocks}×{blocks} blocks")
    gain = np.hypot(*np.moveaxis(there, -1, 0)) - np.hypot(*np.moveaxis(later, -1, 0))
    parts = zip(_blocks(_sector(there, sectors), blocks), _blocks(gain, blocks), strict=True)
    return np.array([_main_difference(sector, value) for sector, value in parts])


def _sector(flow: Floats, sectors: Sectors) -> NDArray[np.int64]:
    """Sector of each pixel, −1 for none."""
    u, v = np.moveaxis(np.asarray(flow, np.float64), -1, 0)
    if sectors == "quadrants":
        return np.floor(np.arctan2(v, u) / (np.pi / 2)).astype(np.int64) % 4
    return np.where(v == 0, -1, np.where(u / np.where(v == 0, 1, v) < 0, 0, 1))


def _blocks(field: NDArray[Any], blocks: int) -> NDArray[Any]:
    """Pixels of each block, (blocks², pixels)."""
    h, w = field.shape[0] // blocks, field.shape[1] // blocks
    cut = field[: h * blocks, : w * blocks].reshape(blocks, h, blocks, w)
    return cut.swapaxes(1, 2).reshape(blocks * blocks, h * w)


def _main_difference(sector: NDArray[Any], gain: NDArray[Any]) -> float:
    counts = np.bincount(sector[sector >= 0].astype(np.int64), minlength=4)
    return _mean_of_third(gain[sector == counts.argmax()]) if counts.any() else 0.0


def _mean_of_third(values: NDArray[Any]) -> float:
    """Mean of the largest third, halves rounded up, at least one."""
    n = max(1, int(len(values) / 3 + 0.5))
    return float(np.partition(values, len(values) - n)[-n:].mean())


def frame_difference(there: Floats, later: Floats, blocks: int = 6,
                     sectors: Sectors = "quadrants") -> float:  # fmt: skip
    """Mean over the third of the blocks of largest `block_differences`."""
    return _mean_of_third(block_differences(there, later, blocks, sectors))


def mdmd_scores(
    near: Iterable[Floats], far: Iterable[Floats], k: int, n_frames: int,
    sectors: Sectors = "quadrants",
) -> Floats:  # fmt: skip
    """Score of each frame of a video, (n_frames,); NaN where undefined, at either end.

    ``near`` and ``far`` are the flows (H, W, 2) of the pairs (i, i + k) and (i, i + 2k), from i = 0
    on; for ``sectors`` see `block_differences`. DataError for fewer than 4k frames.
    """
    check_length(n_frames, k, 4, 0, "MDMD")
    d = np.full(n_frames, np.nan)
    for i, (there, later) in enumerate(zip(near, far, strict=False)):
        d[i + k] = frame_difference(there, later, sectors=sectors)
    return relative(d, k)


def relative(difference: Floats, k: int) -> Floats:
    """Difference minus the mean of those k − 1 frames before and after; NaN at the ends."""
    step = k - 1
    inner = difference[step : len(difference) - step]
    around = difference[: len(inner)] + difference[2 * step :]
    return np.pad(inner - around / 2, step, constant_values=np.nan)


def mdmd_intervals(
    scores: Floats, p: float = 0.01, shortest: int = 1, longest: int | None = None
) -> NDArray[np.int64]:
    """First and last frames (n, 2) of runs above mean + p (max − mean), if of a wanted length."""
    ends = [(r.start, r.stop - 1) for r in runs(scores > threshold(scores, p))]
    longest = longest or len(scores)
    kept = [(a, b) for a, b in ends if shortest <= b - a + 1 <= longest]
    return np.array(kept, np.int64).reshape(-1, 2)
