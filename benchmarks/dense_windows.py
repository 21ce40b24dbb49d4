"""Histograms on three orthogonal planes measured: how fast, against whom, and in how much memory.

From one run on one core: LBP-TOP, HOG-TOP and HIGO-TOP of every window of a clip, against
scikit-image's functions per plane, called for each window; LBP-TOP of a whole clip; and the memory
of a long video that streams through.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.feature import hog, local_binary_pattern

from benchmarks.common import Result, beside_aims, in_turn, memory_of
from benchmarks.flow import film
from mecore.descriptors.top.grid import bounds
from mecore.descriptors.top.histograms import describe
from mecore.descriptors.top.options import TopOptions
from mecore.descriptors.top.windows import dense_windows, stream_windows

Clip = NDArray[np.uint8]
KINDS, BLOCKS, LONG, SHORT = ("lbp", "hog", "higo"), 8, 23, 9
RATIO = f"L = {LONG} / L = {SHORT}"


def measure(quick: bool) -> Iterator[Result]:
    """Every window of a clip, then a whole clip and a long video."""
    clip = film(128, 60)
    every = by_window(windows(clip, 1 if quick else 7))
    yield Result("dense_windows_speed", "Milliseconds for every window of L frames of a clip of 60 "
                 "frames of 128×128, 8×8 blocks", every)  # fmt: skip
    whole = in_turn({"ours": partial(describe, clip, TopOptions(radii=(3, 3, 3), overlap=0.7)),
                     "scikit-image": partial(codes, clip)}, 5).median()  # fmt: skip
    n = 2_000 if quick else 20_000
    before, peak = memory_of(stream, n)
    short = memory_of(stream, n // 10)[1]
    three = every.loc["all three"]
    yield Result("dense_windows_aims", "Histograms on three planes, against what was aimed at",
                 beside_aims([
                     (f"all three, every window of L = {LONG}, ms", three[f"L = {LONG}"], "≤ 80"),
                     ("times faster than scikit-image", three["times faster"], "≥ 100"),
                     (f"time of {RATIO}", three[RATIO], "≤ 1.15"),
                     ("LBP-TOP of a whole clip, ms", whole["ours"], "≤ 30"),
                     ("scikit-image's codes of its planes, ms", whole["scikit-image"], ""),
                     (f"memory, video of {n:,} frames: peak, MB", peak, "≤ 1,000"),
                     (f"the same with {n // 10:,} frames, MB", short, ""),
                     ("memory before the first frame, MB", before, ""),
                 ]))  # fmt: skip


def windows(clip: Clip, rounds: int) -> pd.DataFrame:
    """Milliseconds of all kinds and both lengths, and of scikit-image; one row per round."""
    ours = {f"{kind} {length}": partial(dense_windows, clip, TopOptions(kind=kind), length)
            for kind in KINDS for length in (LONG, SHORT)}  # fmt: skip
    theirs = {f"scikit-image {kind}": partial(per_window, clip, kind) for kind in ("lbp", "hog")}
    return in_turn(ours | theirs, rounds)


def by_window(ms: pd.DataFrame) -> pd.DataFrame:
    """Medians by descriptor, and ratios taken round by round."""
    # scikit-image has one function for both gradient histograms; in the sum it is counted once.
    groups = {"LBP-TOP": (["lbp"], ["lbp"]), "HOG-TOP": (["hog"], ["hog"]),
              "HIGO-TOP": (["higo"], ["hog"]), "all three": (KINDS, ["lbp", "hog"])}  # fmt: skip
    rows = {}
    for name, (kinds, peers) in groups.items():
        long, short = (ms[[f"{k} {n}" for k in kinds]].sum(axis=1) for n in (LONG, SHORT))
        peer = ms[[f"scikit-image {k}" for k in peers]].sum(axis=1)
        rows[name] = {
            f"L = {LONG}": long.median(), f"L = {SHORT}": short.median(),
            RATIO: (long / short).median(), f"scikit-image, L = {LONG}": peer.median(),
            "times faster": (peer / long).median(),
        }  # fmt: skip
    return pd.DataFrame(rows).T.rename_axis("descriptor")


def per_window(clip: Clip, kind: str) -> None:
    """Call scikit-image plane by plane for every window, as descriptor code usually does."""
    for window in np.lib.stride_tricks.sliding_window_view(clip, LONG, axis=0):
        for plane in itertools.chain(*(np.moveaxis(window, axis, 0) for axis in range(3))):
            if kind == "lbp":
                found = local_binary_pattern(plane, 8, 1, "nri_uniform").astype(np.int64)
                rows = np.searchsorted(bounds(len(found), BLOCKS), np.arange(len(found)), "right")
                np.bincount((rows[:, None] * 59 + found).ravel())
            else:
                cells = max(1, plane.shape[0] // BLOCKS), max(1, plane.shape[1] // BLOCKS)
                hog(plane, 8, cells, (1, 1), feature_vector=False)


def codes(clip: Clip) -> None:
    """Local binary patterns of all planes of a clip by scikit-image, no histograms."""
    for plane in itertools.chain(*(np.moveaxis(clip, axis, 0) for axis in range(3))):
        local_binary_pattern(plane, 8, 3, "nri_uniform")


def stream(n: int) -> None:
    """Every window of a video of n frames, of each kind."""
    clip = film(128, 60)
    for kind in KINDS:
        frames = itertools.islice(itertools.cycle(clip), n)
        found = sum(len(p) for p in stream_windows(frames, TopOptions(kind=kind), LONG))
        assert found == n - LONG + 1
