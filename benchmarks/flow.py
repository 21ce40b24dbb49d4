"""Optical flow measured: how fast, how exact, and against whom.

From one run, with one thread of OpenCV:

* milliseconds per pair of every method at 128×128 and 256×256, with one thread and with two, and
  how many of it OpenCV's DualTVL1 takes (methods take turns; medians, and 5th-95th percentile),
* cost per pair against the length of a video and the size of its frames,
* end-point error and energy where the motion is known (`benchmarks.flow_quality`),
* what starting from the previous pair would do.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import skimage
from numpy.typing import NDArray

from benchmarks import flow_quality
from benchmarks.common import Result
from benchmarks.flow_methods import ENGINES, METHODS, Floats
from benchmarks.flow_quality import SIDE, around, frame_of
from mecore.descriptors.flow.engines import flow_pairs, flow_stream
from mecore.descriptors.flow.tvl1 import TVL1, TVL1Parameters
from mecore.descriptors.flow.tvl1_kernels import solve_level
from mecore.descriptors.flow.tvl1_pyramid import Level, pyramid
from mecore.phantom import SHORT, true_flow, write_phantom
from mecore.phantom.script import write_script


def measure(quick: bool) -> Iterator[Result]:
    """Everything this file measures, table by table."""
    yield Result("flow_speed", "Milliseconds per pair (5-95 %), and times faster than DualTVL1",
                 beside(speed(quick)))  # fmt: skip
    yield Result("flow_lengths", "Milliseconds per pair against the length of a video, 128×128",
                 lengths(quick), curve=True)  # fmt: skip
    yield Result("flow_sizes", "Milliseconds per pair against the size of a frame", sizes(quick),
                 curve=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scenes = [*flow_quality.textures(quick), *flow_quality.faces(quick, folder)]
        yield from flow_quality.results(flow_quality.quality(scenes))
        yield Result("flow_start", "Starting from the previous pair of the video",
                     warm_start(folder / "starts", quick))  # fmt: skip


def film(side: int, n: int) -> NDArray[np.uint8]:
    """A face that sways and smiles, in sensor noise: ``n`` frames."""
    face = cv2.cvtColor(skimage.data.astronaut()[10:190, 135:315], cv2.COLOR_RGB2GRAY)
    face = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    rng, scale = np.random.default_rng(1), side / 128
    y, x = np.mgrid[:side, :side].astype(np.float32)
    mouth = np.exp(-(((x - 0.35 * side) / 12) ** 2 + ((y - 0.75 * side) / 9) ** 2) / scale**2)
    frames = []
    for t in range(n):
        sway, smile = 2 * scale * np.sin(t / 15), scale * np.sin(t / 11)
        moved = cv2.remap(
            face, x + np.float32(sway) + np.float32(smile) * mouth, y - np.float32(smile) * mouth,
            cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        frames.append(moved + rng.normal(0, 1, face.shape))
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def run(name: str, clip: NDArray[np.uint8], distance: int, threads: int) -> float:
    """Milliseconds per pair of a clip: of the processor with one thread, of the wall with more."""
    alone = threads == 1 and "GPU" not in name
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    if name in ENGINES:
        flows = flow_pairs(clip, distance, engine=ENGINES[name], threads=threads)
        count = sum(1 for _ in flows)
    else:
        with ThreadPoolExecutor(threads) as pool:
            pairs = zip(clip, clip[distance:], strict=False)
            count = len(list(pool.map(lambda pair: METHODS[name](*pair), pairs)))
    return 1e3 * (clock() - start) / count


def speed(quick: bool) -> pd.DataFrame:
    """One row per size, threads, method and round."""
    rows = []
    pairs = {"fast": 24, "dual": 12, "DIS": 24, "graph (GPU)": 1024, "Farnebäck": 16}
    rounds = range(2 if quick else 7)
    for side, threads in itertools.product((128, 256), (1, 2)):
        clip = film(side, 30)
        for name in METHODS:
            run(name, clip[:5], 3, threads)  # compiled, and in the caches
        for turn, name in itertools.product(rounds, METHODS):
            n = pairs.get(name, 2)
            first = 0 if n > 2 else 4 * turn % 24
            ms = run(name, clip[first : first + n + 3], 3, threads)
            rows.append({"side": side, "threads": threads, "turn": turn, "method": name, "ms": ms})
    return pd.DataFrame(rows)


def beside(rows: pd.DataFrame) -> pd.DataFrame:
    """Medians, spread, and ratios taken turn by turn."""
    wide = rows.pivot_table(index=["side", "threads", "turn"], columns="method", values="ms")
    ratio = wide.rdiv(wide["OpenCV DualTVL1"], axis=0)
    lines = {}
    for (side, threads), part in wide.groupby(level=[0, 1]):
        times, faster = part[list(METHODS)], ratio.loc[part.index, list(METHODS)]
        low, high = times.quantile(0.05), times.quantile(0.95)
        label = f"{side}×{side}, {threads} thread{'s' * (threads > 1)}"
        lines[label] = {
            name: f"{times[name].median():.2f} ({low[name]:.2f}-{high[name]:.2f}), "
            f"{faster[name].median():.1f}×"
            for name in METHODS
        }
    # A method is a row: there are more of them than sizes.
    return pd.DataFrame(lines).rename_axis("method")


LONG_RUNS = ("fast", "dual")


def lengths(quick: bool) -> pd.DataFrame:
    """Median cost of the last hundred pairs of videos of several lengths."""
    clip, table = film(SIDE, 120), {}
    for n in (120, 480) if quick else (120, 480, 1920):
        frames = [itertools.islice(itertools.cycle(clip), n) for _ in LONG_RUNS]
        table[n] = {
            name: _last_hundred(stream, name)
            for name, stream in zip(LONG_RUNS, frames, strict=True)
        }
    return pd.DataFrame(table).T.rename_axis("frames of the video")


def _last_hundred(frames: Iterator[NDArray[np.uint8]], engine: Any) -> float:
    # Time of the processor: others on the machine do not lengthen it much.
    stamps = [time.process_time()]
    for _ in flow_stream(frames, 3, engine=engine):
        stamps.append(time.process_time())
    return float(1e3 * np.median(np.diff(stamps)[-100:]))


def sizes(quick: bool) -> pd.DataFrame:
    """Median cost per pair of square frames of several sides."""
    table: dict[int, dict[str, float]] = {}
    for side in (64, 128) if quick else (64, 96, 128, 192, 256, 384):
        clip = film(side, 12)
        for name in ENGINES:
            few = clip[:5] if name == "OpenCV DualTVL1" else clip
            run(name, few[:4], 3, 1)
            times = [run(name, few, 3, 1) for _ in range(3)]
            table.setdefault(side, {})[name] = float(np.median(times))
    return pd.DataFrame(table).T.rename_axis("side of a frame, pixels")


class FromPrevious(TVL1):
    """TV-L1 that starts each pair but the first at full size, from the flow of the last one."""

    started = False

    def flow(self, reference: list[Level], moved: list[Level]) -> Floats:
        """Flow of the next pair."""
        if not self.started:
            self.started = True
            return super().flow(reference, moved)
        work = self._works[0]
        solve_level(reference[0], moved[0], work, self._steps[0])
        return np.stack([p[SIDE:-SIDE].reshape(SIDE, SIDE) for p in (work.u, work.v)], axis=-1)


STARTS = {"nothing": TVL1, "previous pair": FromPrevious}


def warm_start(folder: Path, quick: bool) -> pd.DataFrame:
    """Error and cost of starting from nothing, and from the previous pair."""
    spec = replace(SHORT, recordings=8, subjects=8)
    write_phantom(spec, folder)
    rows: list[dict[str, Any]] = []
    for take, kind in itertools.product(write_script(spec)[: 2 if quick else 8], STARTS):
        crop = around(true_flow(folder, take.folder, take.video, 0, 1)[1])
        frames = (frame_of(folder, take, k)[crop] for k in range(take.n_frames))
        levels = [pyramid(frame.astype(np.float32)) for frame in frames]
        method = STARTS[kind]((SIDE, SIDE), TVL1Parameters())
        for i in range(len(levels) - 10):
            begun = time.perf_counter()
            flow = method.flow(levels[i], levels[i + 10])
            spent = 1e3 * (time.perf_counter() - begun)
            if i % 8 == 4:
                true, mask = true_flow(folder, take.folder, take.video, i, i + 10)
                error = np.linalg.norm(flow - true[crop], axis=-1)[mask[crop]]
                rows.append({"start": kind, "ms": spent, "mean": error.mean(),
                             "p95": np.percentile(error, 95)})  # fmt: skip
    return pd.DataFrame(rows).groupby("start").agg({"ms": "median", "mean": "mean", "p95": "mean"})
