"""Optical flow measured: how fast, how exact, and against whom.

    python benchmarks/flow.py [--quick] [--json FILE]

prints, from one run:

* milliseconds per pair of every method at 128×128 and 256×256, with one thread and with two, and
  how many of it OpenCV's DualTVL1 takes (methods take turns; medians, and 5th-95th percentile),
* end-point error and energy on scenes whose motion is known: textures that shift, turn, grow and
  shear by 0.1-3 pixels, still and moving phantom faces under three kinds of camera,
* cost per pair against the length of a video, and what starting from the previous pair would do.

Energy is that of TV-L1 on the grey levels as they are, λ = 0.15, per pixel: λ |I1(x + u) - I0(x)| +
|∇u| + |∇v|. One number for all methods, also for those that minimise something else.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numba
import numpy as np
import pandas as pd
import skimage
from numpy.typing import NDArray
from skimage.registration import optical_flow_tvl1

from mecore.data.phantom import SHORT, Nuisance, load_truth, true_flow, write_phantom
from mecore.data.phantom.script import Take, write_script
from mecore.descriptors.flow import flow_pairs, flow_stream, optical_flow
from mecore.descriptors.tvl1 import TVL1, TVL1Parameters
from mecore.descriptors.tvl1_kernels import solve_level
from mecore.descriptors.tvl1_pyramid import Level, pyramid

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
SIDE, FINER = 128, 4
REFERENCES = ["OpenCV DualTVL1", "scikit-image TV-L1"]
CAMERAS = {
    "perfect": Nuisance.none(),
    "usual": Nuisance(),
    "bad": Nuisance(noise=2.5, flicker=0.02, jpeg_quality=75),
}


@dataclass(frozen=True)
class Scene:
    """Two frames and the flow between them, known where ``mask`` is set."""

    group: str
    motion: str
    frames: tuple[Image, ...]
    flow: Floats
    mask: NDArray[np.bool_]


def _scikit_image(reference: Image, moved: Image) -> Floats:
    fractions = (frame.astype(np.float32) / 255 for frame in (reference, moved))
    return np.stack(optical_flow_tvl1(*fractions)[::-1], axis=-1)


def _farneback(reference: Image, moved: Image) -> Floats:
    return cv2.calcOpticalFlowFarneback(reference, moved, None, 0.5, 3, 15, 3, 5, 1.2, 0)


def _rlof(reference: Image, moved: Image) -> Floats:
    coloured = (cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) for frame in (reference, moved))
    return cv2.optflow.calcOpticalFlowDenseRLOF(*coloured, None)


ENGINES = {"fast": "fast", "OpenCV DualTVL1": "opencv", "DIS": "dis"}
METHODS: dict[str, Callable[[Image, Image], Floats]] = {
    **{name: partial(optical_flow, engine=engine) for name, engine in ENGINES.items()},
    "scikit-image TV-L1": _scikit_image,
    "Farnebäck": _farneback,
    "DenseRLOF": _rlof,
}


def _field(kind: str, size: float, angle: float) -> Callable[[Floats, Floats], Floats]:
    """Motion of points (x, y) from the centre; its largest displacement is about ``size``."""
    c, s = np.cos(angle), np.sin(angle)
    gradient = {
        "rotation": [[0, -1], [1, 0]], "divergence": [[1, 0], [0, 1]], "shear": [[0, 1], [0, 0]],
    }.get(kind)  # fmt: skip
    if gradient is None:
        return lambda x, y: size * np.stack([c + 0 * x, s + 0 * y])
    radius = 0.7 * SIDE / np.sqrt(2)
    return lambda x, y: size / radius * np.tensordot(gradient, np.stack([x, y]), axes=1)


def _shot(texture: Floats, field: Callable[[Floats, Floats], Floats]) -> tuple[Floats, Floats]:
    """Photograph a fine texture before and after it moved: both frames are averages of it."""
    y, x = np.mgrid[: SIDE * FINER, : SIDE * FINER].astype(np.float32)
    centre = (SIDE * FINER - 1) / 2
    u, v = FINER * field((x - centre) / FINER, (y - centre) / FINER).astype(np.float32)
    before = cv2.remap(texture, x + u, y + v, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    means = [t.reshape(SIDE, FINER, SIDE, FINER).mean(axis=(1, 3)) for t in (before, texture)]
    return means[0], means[1]


def textures(quick: bool) -> Iterator[Scene]:
    """Textures that shift, turn, grow and shear, without and with noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    names = ["brick", "camera"] if quick else ["brick", "camera", "grass", "gravel", "coffee"]
    kinds, sizes = ["shift", "rotation", "divergence", "shear"], [0.1, 0.3, 1.0, 3.0]
    for number, (name, kind, size) in enumerate(itertools.product(names, kinds, sizes)):
        photo = getattr(skimage.data, name)()
        texture = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) if photo.ndim == 3 else photo
        texture = cv2.resize(texture, (SIDE * FINER, SIDE * FINER)).astype(np.float32)
        field = _field(kind, size, 0.7 + number)
        flow = np.moveaxis(field(x - (SIDE - 1) / 2, y - (SIDE - 1) / 2), 0, -1).astype(np.float32)
        target = np.stack([x, y], axis=-1) + flow
        mask = ((target >= 0) & (target <= SIDE - 1)).all(axis=-1)
        pair = _shot(texture, field)
        for noise, group in ((0, kind), (2, f"{kind}, noise")):
            frames = [f + rng.normal(0, noise, f.shape) if noise else f for f in pair]
            grey = tuple(np.clip(np.rint(f), 0, 255).astype(np.uint8) for f in frames)
            yield Scene(group, kind, grey, flow, mask)


def faces(quick: bool, folder: Path) -> Iterator[Scene]:
    """Phantom faces under three cameras: onset to apex, a tenth of a second of anything, still."""
    for camera, nuisance in CAMERAS.items():
        spec = replace(SHORT, recordings=8 if quick else 32, nuisance=nuisance)
        root = folder / camera
        write_phantom(spec, root)
        for take in write_script(spec):
            sample = load_truth(root, take.folder, take.video).samples[0]
            middle = take.n_frames // 2
            pairs = {"onset to apex": (sample.onset, sample.apex), "0.1 s": (middle - 10, middle)}
            if nuisance.noise:
                pairs["still"] = (0, 1)
            for kind, pair in pairs.items():
                flow, mask = true_flow(root, take.folder, take.video, *pair)
                crop = _around(mask)
                frames = tuple(_frame(root, take, k)[crop] for k in pair)
                group = f"face, {kind}, {camera} camera"
                yield Scene(group, sample.action_units, frames, flow[crop], mask[crop])


def _frame(root: Path, take: Take, k: int) -> Image:
    folder = root / "frames" / take.folder / take.video
    return cv2.imread(str(folder / f"img{k + 1}.jpg"), cv2.IMREAD_GRAYSCALE)


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The square of 128 pixels around a face."""
    middle = np.argwhere(mask).mean(axis=0).astype(int)
    corner = np.clip(middle - SIDE // 2, 0, np.array(mask.shape) - SIDE)
    return slice(corner[0], corner[0] + SIDE), slice(corner[1], corner[1] + SIDE)


def energy(flow: Floats, reference: Image, moved: Image) -> float:
    """TV-L1 energy per pixel."""
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    warped = cv2.remap(
        moved.astype(np.float32), x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    along_x = np.diff(flow, axis=1, append=flow[:, -1:])
    along_y = np.diff(flow, axis=0, append=flow[-1:])
    variation = np.sqrt(along_x**2 + along_y**2).sum(axis=-1)
    return float((0.15 * np.abs(warped - reference) + variation).mean())


def quality(scenes: list[Scene]) -> pd.DataFrame:
    """One row per scene and method: mean and 95th percentile of the end-point error, energy."""
    rows = []
    for (number, scene), (name, method) in itertools.product(enumerate(scenes), METHODS.items()):
        flow = method(*scene.frames)
        errors = np.linalg.norm(flow - scene.flow, axis=-1)[scene.mask]
        size = np.linalg.norm(scene.flow, axis=-1)[scene.mask].max()
        rows.append({
            "scene": number, "group": scene.group, "motion": scene.motion, "size": float(size),
            "method": name, "mean": float(errors.mean()), "p95": float(np.percentile(errors, 95)),
            "energy": energy(flow, *scene.frames),
        })  # fmt: skip
    return pd.DataFrame(rows)


def beaten(rows: pd.DataFrame, by: list[str], measure: str) -> tuple[int, int, float]:
    """Groups where ``fast`` is not worse than the better reference, all groups, worst ratio."""
    table = rows.pivot_table(index=by, columns="method", values=measure, observed=True)
    ratio = table["fast"] / table[REFERENCES].min(axis=1)
    return int((ratio <= 1).sum()), len(ratio), float(ratio.max())


def print_quality(rows: pd.DataFrame) -> None:
    """Errors by group and method; then how often ``fast`` is at least as good."""
    for measure, title in (
        ("mean", "End-point error, pixels, mean"), ("p95", "End-point error, 95th percentile"),
        ("energy", "Energy per pixel"),
    ):  # fmt: skip
        table = rows.pivot_table(index="group", columns="method", values=measure, sort=False)
        print_table(title, table[list(METHODS)].map("{:.4f}".format))
    bands = pd.cut(rows["size"], [-1, 0.2, 0.5, 1, 2, 20])
    rows = rows.assign(band=bands, unit=rows["motion"].str.split("+"))
    units = rows[rows["group"].str.contains("onset")].explode("unit")
    units = units.assign(unit=units["unit"].str.strip("LR"))
    for measure in ("mean", "p95"):
        for name, part, by in (
            ("groups", rows, ["group"]), ("groups by size of motion", rows, ["group", "band"]),
            ("action units", units, ["unit"]),
        ):  # fmt: skip
            good, n, worst = beaten(part, by, measure)
            print(f"{measure}: fast is not worse than the better TV-L1 reference in "
                  f"{good} of {n} {name} (largest ratio {worst:.2f})")  # fmt: skip


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
    """Milliseconds per pair of a clip."""
    start = time.perf_counter()
    if name in ENGINES:
        flows = flow_pairs(clip, distance, engine=ENGINES[name], threads=threads)
        count = sum(1 for _ in flows)
    else:
        with ThreadPoolExecutor(threads) as pool:
            pairs = zip(clip, clip[distance:], strict=False)
            count = len(list(pool.map(lambda pair: METHODS[name](*pair), pairs)))
    return 1e3 * (time.perf_counter() - start) / count


def speed(quick: bool) -> pd.DataFrame:
    """One row per size, threads, method and round."""
    rows = []
    pairs = {"fast": 24, "DIS": 24, "Farnebäck": 16}
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


def print_speed(rows: pd.DataFrame) -> None:
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
    print_table("Milliseconds per pair (5-95 %), times faster than DualTVL1", pd.DataFrame(lines).T)


def lengths(quick: bool) -> pd.DataFrame:
    """Cost per pair against the length of a video: all pairs, and the last hundred."""
    clip = film(SIDE, 120)
    rows = []
    for n in (120, 480) if quick else (120, 480, 1920, 7680):
        stamps = [time.perf_counter()]
        for _ in flow_stream(itertools.islice(itertools.cycle(clip), n), 3):
            stamps.append(time.perf_counter())
        times = 1e3 * np.diff(stamps)
        rows.append({"frames": n, "mean": times.mean(), "median": np.median(times),
                     "median of the last 100": np.median(times[-100:])})  # fmt: skip
    return pd.DataFrame(rows).set_index("frames")


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
        crop = _around(true_flow(folder, take.folder, take.video, 0, 1)[1])
        frames = (_frame(folder, take, k)[crop] for k in range(take.n_frames))
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


def print_table(title: str, table: pd.DataFrame) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    table = table if table.map(type).eq(str).all(axis=None) else table.map("{:.4f}".format)
    print("| |" + "|".join(map(str, table.columns)) + "|")
    print("|---" * (table.shape[1] + 1) + "|")
    for label, *cells in table.itertuples():
        print(f"|{label}|" + "|".join(cells) + "|")
    print()


def machine() -> dict[str, Any]:
    """Where and with what, and how busy it was."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return {
        "processor": (names or [platform.processor()])[0], "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 2), "python": platform.python_version(),
        **{m.__name__: m.__version__ for m in (np, numba, cv2, skimage)},
    }  # fmt: skip


def main() -> None:
    """Measure, print, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer scenes and turns")
    parser.add_argument("--json", type=Path, help="file for all rows")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    where = machine()
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    times = speed(options.quick)
    print_speed(times)
    by_length = lengths(options.quick)
    print_table("Cost per pair against length of the video, 128×128, ms", by_length)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scenes = [*textures(options.quick), *faces(options.quick, folder)]
        errors = quality(scenes)
        print_quality(errors)
        warm = warm_start(folder / "starts", options.quick)
    print_table("Starting from the previous pair of the video", warm)
    if options.json:
        tables = {"speed": times, "quality": errors, "length": by_length.reset_index(),
                  "start": warm.reset_index()}  # fmt: skip
        rows = {name: table.to_dict("records") for name, table in tables.items()}
        options.json.write_text(json.dumps({"machine": where, **rows}, indent=1, default=str))


if __name__ == "__main__":
    main()
