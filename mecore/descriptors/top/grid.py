"""Which block a position belongs to: equal blocks, and the overlapping ones of the Oulu code."""

import math

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def bounds(n: int, blocks: int) -> Indices:
    """Borders of equal blocks, (blocks + 1,): block i is [b[i], b[i+1])."""
    return np.arange(blocks + 1) * n // blocks


def block_of(shape: tuple[int, ...], blocks: int) -> Indices:
    """Number of the block of each pixel of a grid of ``blocks``² equal blocks, (H, W)."""
    rows, columns = (block_votes(n, blocks, None)[0] for n in shape)
    return rows[:, None] * blocks + columns


def block_votes(n: int, blocks: int, overlap: float | None) -> tuple[Indices, Indices]:
    """Blocks that each of n positions along one axis belongs to.

    With an overlap w, blocks are B = ⌊(n + o (b − 1)) / b⌋ long and overlap by
    o = max(⌈(⌈n/b⌉ − 1) w⌉ − 1, 0) positions, so that w = 0.7 is not 70 %. A voxel votes for the
    block of its two first indices (row, column) and, if either differs, for that of its two second
    ones: never for the two mixed blocks (Oulu's LBP-TOP of 2010-2015; the thesis' baseline). First
    and second block are (n,) each, equal where a position belongs to one block only.
    """
    at = np.arange(n)
    if overlap is None:
        only = np.searchsorted(bounds(n, blocks), at, side="right") - 1
        return only, only
    shared = max(math.ceil((math.ceil(n / blocks) - 1) * overlap) - 1, 0)
    long = (n + shared * (blocks - 1)) // blocks
    step = long - shared
    number = at + 1
    first = np.where(number <= long, 0, (number - long - 1) // step + 1)
    second = -(-(number + (first + 1) * shared) // long) - 1
    return np.minimum(first, blocks - 1), np.minimum(second, blocks - 1)
