"""Relatives of LBP-TOP: six intersection points (SIP), mean planes (MOP), and ELBP-TOP.

LBP-SIP: Wang, See, Phan, Oh, ACCV 2014. LBP-MOP: the same, PLoS ONE 10(5), 2015. ELBP-TOP: Guo,
Liang, Zhan, Yang, Feng, «Extended local binary patterns for efficient and robust spontaneous facial
micro-expression recognition», IEEE Access 7, 2019. A neighbour that is not darker gives bit 1.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.registry import descriptor
from mecore.descriptors.top.grid import block_of, bounds
from mecore.descriptors.top.histograms import check_clip
from mecore.descriptors.top.options import TopOptions, lbp_offsets, uniform_labels

Bytes = NDArray[np.uint8]
Votes = NDArray[np.int64]
# Offsets (dt, dy, dx) of LBP-SIP: x + 1, y - 1, x - 1, y + 1, t - R, t + R.
_SIP = ((0, 0, 1), (0, -1, 0), (0, 0, -1), (0, 1, 0), (-1, 0, 0), (1, 0, 0))


def lbp_sip(clip: Bytes, blocks: int = 8, *, joint: bool = False, t_radius: int = 1) -> Votes:
    """Votes of LBP on six intersection points, (blocks, blocks, 20 or 64).

    Parameters
    ----------
    clip : array, (T, H, W), uint8
        At least 2 ``t_radius`` + 1 frames; ValueError if it is too short, too small, or no uint8.
    blocks : int
        Rows and columns of equal blocks of the interior.
    joint : bool
        One code of six bits (64 bins), or four spatial and two temporal bits apart (20 bins).
    t_radius : int
        Frames between a voxel and its neighbours in time.
    """
    clip = check_clip(clip, TopOptions(rows=blocks, columns=blocks, radii=(1, 1, t_radius)))
    offsets = np.array(_SIP, np.int64) * np.array((t_radius, 1, 1), np.int64)
    codes = _codes(clip, offsets, np.zeros_like(offsets), (t_radius, 1, 1))
    if joint:
        return _count(codes, 64, blocks)
    space, time = _count(codes & 15, 16, blocks), _count(codes >> 4, 4, blocks)
    return np.concatenate([space, time], axis=-1)


def lbp_mop(clip: NDArray[Any], blocks: int = 8) -> Votes:
    """Votes of LBP on the three mean images of every block of a clip (T, H, W).

    A block is cut out first, then averaged over t, over y and over x; each mean image has its own
    border of one pixel. Means stay floats; differences below 1e-9 are ties. Gives (blocks, blocks,
    3, 59): XY, XT, YT; uniform patterns of 8 neighbours at radius 1. ValueError for fewer than 3
    frames, blocks of fewer than 3 pixels, or NaN.
    """
    frames = np.asarray(clip, np.float64)
    if frames.ndim != 3 or not np.isfinite(frames).all():
        raise ValueError(f"a clip is (T, H, W) of finite numbers, not {frames.shape}")
    rows, columns = (bounds(n, blocks) for n in frames.shape[1:])
    if min(len(frames), np.diff(rows).min(), np.diff(columns).min()) < 3:
        smaller = f"{blocks}×{blocks} blocks of a clip of {frames.shape} are smaller"
        raise ValueError(f"LBP-MOP needs 3 frames and blocks of 3×3 pixels: {smaller}")
    out = np.empty((blocks, blocks, 3, 59), np.int64)
    offsets = lbp_offsets(TopOptions(planes="XY"))[0]
    for i, j in np.ndindex(blocks, blocks):
        block = frames[:, rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
        for axis in range(3):
            image = block.mean(axis=axis)[None]
            codes = _codes(image, offsets, np.zeros_like(offsets), (0, 1, 1))
            out[i, j, axis] = _count(uniform_labels()[codes], 59, 1)[0, 0]
    return out


def elbp_top(
    clip: Bytes, blocks: int = 8, *, radii: tuple[int, int, int] = (3, 3, 3), inner: int = 1
) -> Votes:
    """Votes of LBP-TOP, of radial and of angular differences.

    Radial: a neighbour at the outer radius against the one at the same angle ``inner`` pixels or
    frames further in. Angular: a neighbour against the next on the circle. Neither sees the centre.
    Radii are Rx, Ry, Rt, each more than ``inner``, else ValueError; for the rest see `lbp_sip`.
    Gives (blocks, blocks, 3, 3, 59): differences to centre, radial, angular; planes XY, XT, YT.
    """
    if not 0 < inner < (least := min(radii)):
        raise ValueError(f"the inner circle lies {inner} inside radii {radii}: 1 … {least - 1}")
    options = TopOptions(rows=blocks, columns=blocks, radii=radii)
    clip = check_clip(clip, options)
    small = replace(options, radii=(radii[0] - inner, radii[1] - inner, radii[2] - inner))
    circle = lbp_offsets(options)
    against = np.zeros_like(circle), lbp_offsets(small), np.roll(circle, -1, axis=1)
    border = options.time_margin, options.margin, options.margin
    labels = uniform_labels()
    votes = [
        [_count(labels[_codes(clip, circle[p], other[p], border)], 59, blocks) for p in range(3)]
        for other in against
    ]
    return np.moveaxis(np.array(votes), (0, 1), (2, 3))


def _codes(
    clip: NDArray[Any], first: NDArray[np.int64], second: NDArray[np.int64],
    border: tuple[int, int, int],
) -> Bytes:  # fmt: skip
    """Code of every interior voxel: bit p is set where ``first[p]`` is not below ``second[p]``."""

    def shifted(offset: NDArray[np.int64]) -> NDArray[Any]:
        places = zip(clip.shape, border, offset, strict=True)
        return clip[tuple(slice(b + o, n - b + o) for n, b, o in places)]

    slack = 1e-9 if clip.dtype.kind == "f" else 0
    codes = np.zeros([n - 2 * b for n, b in zip(clip.shape, border, strict=True)], np.uint8)
    for bit, (a, b) in enumerate(zip(first, second, strict=True)):
        codes |= (shifted(a) >= shifted(b) - slack).astype(np.uint8) << np.uint8(bit)
    return codes


def _count(labels: NDArray[np.integer], n_bins: int, blocks: int) -> Votes:
    """Votes of every block, (blocks, blocks, n_bins)."""
    cell = block_of(labels.shape[1:], blocks) * n_bins + labels.astype(np.int64)
    votes = np.bincount(cell.ravel(), minlength=blocks * blocks * n_bins)
    return votes.reshape(blocks, blocks, n_bins)


# What is kept of a clip are counts, none of them large.
@descriptor("lbp_sip", "LBP-SIP", scale="block")
def _sip(short: Bytes) -> NDArray[np.uint32]:
    return lbp_sip(short).astype(np.uint32)


@descriptor("lbp_mop", "LBP-MOP", scale="block")
def _mop(short: Bytes) -> NDArray[np.uint32]:
    return lbp_mop(short).astype(np.uint32)


@descriptor("elbp_top", "ELBP-TOP", scale="block")
def _elbp(short: Bytes) -> NDArray[np.uint32]:
    return elbp_top(short).astype(np.uint32)
