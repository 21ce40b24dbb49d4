"""Dense windows measured: how fast, against whom, and in how much memory.

    python -m benchmarks.dense_windows [--quick]

prints, from one run on one core:

* milliseconds for LBP-TOP, HOG-TOP and HIGO-TOP of every window of a clip of 60 frames of 128×128,
  8×8 blocks, L = 23 and L = 9 (taking turns; medians),
* how many times faster that is than scikit-image's functions per plane, called for each window,
* peak memory of a video of 20,000 frames that streams through.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog, local_binary_pattern

from mecore.descriptors.top.grid import bounds
from mecore.descriptors.top.options import TopOptions
from mecore.descriptors.top.windows import dense_windows, stream_windows

Clip = NDArray[np.uint8]
KINDS = ("lbp", "hog", "higo")
BLOCKS = 8


def film(n: int, side: int = 128, seed: int = 0) -> Iterator[Clip]:
    """Frames of a texture that drifts, with noise: what a camera sees of skin."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (side + 64, side + 64)), (0, 0), 2)
    texture = 128 + 40 * texture / texture.std()
    for i in range(n):
        x, y = 16 + 8 * np.sin(i / 40), 16 + 8 * np.cos(i / 31)
        shifted = cv2.getRectSubPix(
            texture.astype(np.float32), (side, side), (x + side / 2, y + side / 2)
        )
        yield np.clip(shifted + rng.normal(0, 1, shifted.shape), 0, 255).astype(np.uint8)


def per_window(clip: Clip, length: int, kind: str) -> int:
    """Call scikit-image plane by plane for every window, as descriptor code usually does."""
    n = len(clip) - length + 1
    for i in range(n):
        window = clip[i : i + length]
        planes = [*window, *window.transpose(1, 0, 2), *window.transpose(2, 0, 1)]
        for plane in planes:
            if kind == "lbp":
                codes = local_binary_pattern(plane, 8, 1, "nri_uniform").astype(np.int64)
                rows = np.searchsorted(bounds(len(codes), BLOCKS), np.arange(len(codes)), "right")
                np.bincount((rows[:, None] * 59 + codes).ravel())
            else:
                cells = max(1, plane.shape[0] // BLOCKS), max(1, plane.shape[1] // BLOCKS)
                hog(plane, 8, cells, (1, 1), feature_vector=False)
    return n


def measure(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def speed(rounds: int) -> None:
    """Print times and ratios."""
    clip = np.stack(list(film(60)))
    options = {kind: TopOptions(kind=kind) for kind in KINDS}
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds + 1):
        for kind in KINDS:
            for length in (23, 9):
                spent = measure(lambda k=kind, n=length: dense_windows(clip, options[k], n))
                times.setdefault((kind, length), []).append(spent)
    # The first round compiles.
    median = {key: float(np.median(values[1:])) for key, values in times.items()}
    total = {n: sum(median[k, n] for k in KINDS) for n in (23, 9)}
    print("|descriptor|L = 23, ms|L = 9, ms|scikit-image per window, L = 23, ms|times faster|")
    print("|---|---|---|---|---|")
    slow = {"lbp": measure(lambda: per_window(clip, 23, "lbp"))}
    # scikit-image has one function for both gradient histograms.
    slow["hog"] = slow["higo"] = measure(lambda: per_window(clip, 23, "hog"))
    for kind in KINDS:
        print(f"|{kind.upper()}-TOP|{median[kind, 23]:.1f}|{median[kind, 9]:.1f}|{slow[kind]:.0f}|"
              f"{slow[kind] / median[kind, 23]:.0f}|")  # fmt: skip
    peer = sum(slow.values())
    print(f"|all three|{total[23]:.1f}|{total[9]:.1f}|{peer:.0f}|{peer / total[23]:.0f}|")
    print(f"\ntime(L = 23) / time(L = 9): {total[23] / total[9]:.2f}")
    ratios = [np.median([a / b for a, b in zip(times[k, 23][1:], times[k, 9][1:], strict=True)])
              for k in KINDS]  # fmt: skip
    print("by descriptor:", ", ".join(f"{r:.2f}" for r in ratios))


def _stream(n: int) -> None:
    start, count = time.perf_counter(), {kind: 0 for kind in KINDS}
    for kind in KINDS:
        for part in stream_windows(film(n), TopOptions(kind=kind), 23):
            count[kind] += len(part)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / 2 ** (20 if sys.platform == "darwin" else 10)
    print(f"{n} frames, {count} windows: peak memory {peak_mb:.0f} MB, "
          f"{time.perf_counter() - start:.0f} s")  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a shorter video")
    quick = parser.parse_args().quick
    cv2.setNumThreads(1)
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    speed(3 if quick else 15)
    # Its own process, so that nothing of the above counts.
    process = multiprocessing.get_context("spawn").Process(
        target=_stream, args=(2_000 if quick else 20_000,)
    )
    process.start()
    process.join()


if __name__ == "__main__":
    main()
