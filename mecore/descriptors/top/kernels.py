"""Compiled loops that count votes of every frame, row by row.

Codes and differences of a row are computed in simple loops over its pixels, which the compiler
turns into vector instructions; only the votes themselves go pixel by pixel.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled

Bytes = NDArray[np.uint8]
Indices = NDArray[np.int64]
# Differences of grey levels lie in [-255, 255].
REACH = 255
SPAN = 2 * REACH + 1


@compiled
def lbp_votes(
    clip: Bytes, offsets: Indices, labels: Bytes, first: Indices, rows: Indices,
    columns: Indices, rows_2: Indices, columns_2: Indices, votes: Any,
) -> None:  # fmt: skip
    """Count local binary patterns.

    ``first`` is (t, y, x) of the first centre; ``rows`` and ``columns`` are the blocks of centres,
    ``rows_2`` and ``columns_2`` the second blocks; ``votes`` (frames, rows, columns, planes, bins).
    """
    n_x = columns.size
    codes = np.empty(n_x, np.uint8)
    for t in range(votes.shape[0]):
        for plane in range(offsets.shape[0]):
            for y in range(rows.size):
                ct, cy, cx = first[0] + t, first[1] + y, first[2]
                centre = clip[ct, cy, cx : cx + n_x]
                codes[:] = 0
                for p in range(offsets.shape[1]):
                    dt, dy, dx = offsets[plane, p, 0], offsets[plane, p, 1], offsets[plane, p, 2]
                    other = clip[ct + dt, cy + dy, cx + dx : cx + dx + n_x]
                    bit = np.uint8(1 << p)
                    for x in range(n_x):
                        codes[x] |= bit if other[x] >= centre[x] else np.uint8(0)
                row, row_2 = rows[y], rows_2[y]
                for x in range(n_x):
                    label = labels[codes[x]]
                    votes[t, row, columns[x], plane, label] += 1
                    if row != row_2 or columns[x] != columns_2[x]:
                        votes[t, row_2, columns_2[x], plane, label] += 1


@compiled
def gradient_votes(
    clip: Bytes, axes: Indices, bins: Bytes, weighted: bool, least: float, first: Indices,
    rows: Indices, columns: Indices, rows_2: Indices, columns_2: Indices, votes: Any,
) -> None:  # fmt: skip
    """Count directions of gradients, weighted by magnitude or not.

    ``axes`` (planes, 2) names the two differences of each plane: 0 along t, 1 along y, 2 along x;
    ``bins`` (511 × 511) is the bin of every pair of differences. Otherwise as `lbp_votes`.
    """
    n_x = columns.size
    steps = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    place = np.empty(n_x, np.int32)
    weight = np.empty(n_x, np.float64)
    for t in range(votes.shape[0]):
        for plane in range(axes.shape[0]):
            one, two = steps[axes[plane, 0]], steps[axes[plane, 1]]
            for y in range(rows.size):
                ct, cy, cx = first[0] + t, first[1] + y, first[2]
                high_a = clip[ct + one[0], cy + one[1], cx + one[2] : cx + one[2] + n_x]
                low_a = clip[ct - one[0], cy - one[1], cx - one[2] : cx - one[2] + n_x]
                high_b = clip[ct + two[0], cy + two[1], cx + two[2] : cx + two[2] + n_x]
                low_b = clip[ct - two[0], cy - two[1], cx - two[2] : cx - two[2] + n_x]
                for x in range(n_x):
                    a = np.int32(high_a[x]) - np.int32(low_a[x])
                    b = np.int32(high_b[x]) - np.int32(low_b[x])
                    place[x] = (a + REACH) * SPAN + b + REACH
                    weight[x] = np.sqrt(np.float64(a * a + b * b))
                row, row_2 = rows[y], rows_2[y]
                for x in range(n_x):
                    if weight[x] >= least:
                        label, vote = bins[place[x]], weight[x] if weighted else 1.0
                        votes[t, row, columns[x], plane, label] += vote
                        if row != row_2 or columns[x] != columns_2[x]:
                            votes[t, row_2, columns_2[x], plane, label] += vote
