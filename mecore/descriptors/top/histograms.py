"""Histograms of single frames, and of a whole clip, on three orthogonal planes."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.top import kernels
from mecore.descriptors.top.grid import block_votes, bounds
from mecore.descriptors.top.options import TopOptions, lbp_offsets

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

# The two differences of a plane, first and second argument of the direction: t 0, y 1, x 2.
_AXES = np.array([(2, 1), (2, 0), (1, 0)])


def frame_histograms(clip: Bytes, options: TopOptions) -> NDArray[Any]:
    """Votes of every frame of a clip (T, H, W), uint8, that can be a centre.

    (T - 2 m, rows, columns, planes, bins) of the frames m … T − m − 1, m being the time margin of
    the options: int32 counts for LBP, float64 for gradients. Time blocks and norm do not matter
    here. ValueError as of `check_clip`.
    """
    clip = check_clip(clip, options)
    m, b = options.time_margin, options.margin
    rows, rows_2 = block_votes(clip.shape[1] - 2 * b, options.rows, options.overlap)
    columns, columns_2 = block_votes(clip.shape[2] - 2 * b, options.columns, options.overlap)
    kind = np.int32 if options.kind == "lbp" else np.float64
    votes = np.zeros((len(clip) - 2 * m, *options.shape[1:]), kind)
    place = np.array([m, b, b]), rows, columns, rows_2, columns_2, votes
    if options.kind == "lbp":
        kernels.lbp_votes(clip, lbp_offsets(options), options.labels, *place)
    else:
        axes = _AXES[list(options.chosen)]
        weighted, least = options.kind == "hog", float(options.min_magnitude)
        kernels.gradient_votes(clip, axes, direction_bins(options.bins), weighted, least, *place)
    return votes


def describe(clip: Bytes, options: TopOptions) -> Floats:
    """Vector of a whole clip (T, H, W), uint8: (options.length,), float64.

    In the order of ``options.shape``. ValueError as of `frame_histograms`, or for fewer centre
    frames than time blocks.
    """
    votes = frame_histograms(clip, options)
    check_time_blocks(len(votes), options)
    cut = bounds(len(votes), options.time_blocks)
    sums = np.add.reduceat(votes, cut[:-1], axis=0, dtype=np.float64)
    return normalise(sums[None], options)[0]


def normalise(sums: Floats, options: TopOptions) -> Floats:
    """Normalise sums of votes of n clips by ``options.norm``, and flatten them.

    From (n, time_blocks, rows, columns, planes, bins) to (n, options.length), of the same type or
    float64.
    """
    if options.norm == "none":
        return sums.reshape(len(sums), -1)
    if options.norm == "block-l2":
        size = np.sqrt((sums.astype(np.float64) ** 2).sum(axis=-1, keepdims=True))
    else:
        axes = {"block": (5,), "plane": (1, 2, 3, 5), "vector": (1, 2, 3, 4, 5)}[options.norm]
        size = sums.sum(axis=axes, keepdims=True)
    return (sums / np.where(size == 0, 1, size)).reshape(len(sums), -1)


@cache
def direction_bins(bins: int) -> Bytes:
    """Bin of atan2(second, first) for all differences in [−255, 255], flat, first difference first.

    Bins divide (−π, π] from −π on; π itself falls into bin 0, and no gradient counts as angle 0.
    """
    d = np.arange(-kernels.REACH, kernels.REACH + 1)
    turn = (np.arctan2(d[None, :], d[:, None]) + np.pi) / (2 * np.pi) * bins
    # Diagonals lie on borders of bins; rounding puts them there to the last digit.
    return (np.floor(np.round(turn, 9)) % bins).astype(np.uint8).ravel()


def check_clip(clip: Any, options: TopOptions) -> Bytes:
    """Refuse what cannot be described, saying what is needed and what was found.

    ValueError for no clip of uint8, one too short, or a grid finer than its interior.
    """
    if np.ndim(clip) != 3 or getattr(clip, "dtype", None) != np.uint8:
        kind = getattr(clip, "dtype", type(clip).__name__)
        raise ValueError(f"a clip is (T, H, W) of uint8, not {kind} of shape {np.shape(clip)}")
    needed = 2 * options.time_margin + 1
    if len(clip) < needed:
        raise ValueError(f"{options.kind} needs {needed} frames, this clip has {len(clip)}")
    height, width = (max(n - 2 * options.margin, 0) for n in clip.shape[1:])
    if height < options.rows or width < options.columns:
        grid = f"{options.rows}×{options.columns} blocks"
        raise ValueError(f"a grid of {grid} is finer than the interior of {height}×{width} pixels")
    return np.ascontiguousarray(clip)


def check_time_blocks(frames: int, options: TopOptions) -> None:
    """Refuse more time blocks than there are centre frames."""
    if frames < options.time_blocks:
        raise ValueError(f"{options.time_blocks} time blocks, but {frames} frames to divide")
