"""Every window of a video: votes of each frame are counted once, windows are differences of sums.

A window of L frames is described as if it were a clip of its own (its first and last m frames are
no centres), at a cost that does not depend on L (Tran et al. 2019, «from each position»).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.top.grid import bounds
from mecore.descriptors.top.histograms import Bytes, check_time_blocks, frame_histograms, normalise
from mecore.descriptors.top.options import TopOptions

Floats = NDArray[np.float32]


def dense_windows(clip: Bytes, options: TopOptions, length: int) -> Floats:
    """Vectors of all windows [i, i + length) of a clip (T, H, W), uint8, of grey frames.

    (T - length + 1, options.length), float32. ValueError for a window longer than the clip, or
    shorter than the descriptor needs; else as `mecore.descriptors.top.histograms.check_clip`.
    """
    _check_length(length, options)
    return sum_windows(frame_histograms(clip, options), options, length)


def stream_windows(
    frames: Iterable[Bytes], options: TopOptions, length: int, chunk: int = 256
) -> Iterator[Floats]:
    """Vectors of all windows while frames arrive, in constant memory.

    Frames (H, W), uint8, are read once; ``chunk`` windows are computed at once. Gives, in order,
    (at most chunk, options.length), float32; nothing if there are fewer than ``length`` frames.
    ValueError as of `dense_windows`, or for frames that differ in size.
    """
    _check_length(length, options)
    waiting: list[Bytes] = []
    for number, frame in enumerate(frames):
        if waiting and frame.shape != waiting[0].shape:
            raise ValueError(f"frame {number}: {frame.shape}, the frames before {waiting[0].shape}")
        waiting.append(frame)
        if len(waiting) == length - 1 + chunk:
            yield dense_windows(np.stack(waiting), options, length)
            waiting = waiting[chunk:]
    if len(waiting) >= length:
        yield dense_windows(np.stack(waiting), options, length)


def sum_windows(votes: NDArray[Any], options: TopOptions, length: int) -> Floats:
    """Vectors of all windows from the votes of single frames; result and errors of `dense_windows`.

    ``votes`` are (T - 2 m, rows, columns, planes, bins), those of
    `mecore.descriptors.top.histograms.frame_histograms` in any type that holds them.
    """
    _check_length(length, options)
    centres = length - 2 * options.time_margin
    if centres > len(votes):
        n = len(votes) + 2 * options.time_margin
        raise ValueError(f"a window of {length} frames is longer than the clip of {n}")
    kind = np.int32 if votes.dtype.kind in "iu" else np.float64
    total = np.zeros((len(votes) + 1, *votes.shape[1:]), kind)
    np.cumsum(votes, axis=0, out=total[1:])
    n, cut = len(votes) - centres + 1, bounds(centres, options.time_blocks)
    blocks = [total[b : b + n] - total[a : a + n] for a, b in pairwise(cut)]
    sums = blocks[0][:, None] if len(blocks) == 1 else np.stack(blocks, axis=1)
    return normalise(sums, options).astype(np.float32)


def _check_length(length: int, options: TopOptions) -> None:
    needed = 2 * options.time_margin + 1
    if length < needed:
        raise ValueError(f"{options.kind} needs windows of {needed} frames, not of {length}")
    check_time_blocks(length - 2 * options.time_margin, options)
