"""How exact optical flow is: end-point error and energy on scenes whose motion is known.

Scenes are textures that shift, turn, grow and shear by 0.1-3 pixels, still and moving phantom faces
under three kinds of camera.

Energy is that of TV-L1 on the grey levels as they are, λ = 0.15, per pixel: λ |I1(x + u) - I0(x)| +
|∇u| + |∇v|. One number for all methods, also for those that minimise something else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import skimage
from numpy.typing import NDArray

from benchmarks.common import Result
from benchmarks.flow_methods import METHODS, REFERENCES, Floats, Image
from mecore.phantom import SHORT, Nuisance, load_truth, true_flow, write_phantom
from mecore.phantom.script import Take, write_script

SIDE, FINER = 128, 4
COMPARED = {name: method for name, method in METHODS.items() if name != "dual"}
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
                crop = around(mask)
                frames = tuple(frame_of(root, take, k)[crop] for k in pair)
                group = f"face, {kind}, {camera} camera"
                yield Scene(group, sample.action_units, frames, flow[crop], mask[crop])


def frame_of(root: Path, take: Take, k: int) -> Image:
    """One frame of a take, grey."""
    folder = root / "frames" / take.folder / take.video
    return cv2.imread(str(folder / f"img{k + 1}.jpg"), cv2.IMREAD_GRAYSCALE)


def around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
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
    for (number, scene), (name, method) in itertools.product(enumerate(scenes), COMPARED.items()):
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


def results(rows: pd.DataFrame) -> Iterator[Result]:
    """Errors by group and method; then how often ``fast`` is at least as good."""
    for measure, title in (
        ("mean", "End-point error, pixels, mean"), ("p95", "End-point error, 95th percentile"),
        ("energy", "Energy per pixel"),
    ):  # fmt: skip
        table = rows.pivot_table(index="group", columns="method", values=measure, sort=False)
        yield Result(f"flow_{measure}", title, table[list(COMPARED)])
    yield Result(
        "flow_verdict", "fast against the better of the two TV-L1 references", verdict(rows)
    )


def verdict(rows: pd.DataFrame) -> pd.DataFrame:
    """In how many groups, bands of size and action units ``fast`` is not worse."""
    bands = pd.cut(rows["size"], [-1, 0.2, 0.5, 1, 2, 20])
    rows = rows.assign(band=bands, unit=rows["motion"].str.split("+"))
    units = rows[rows["group"].str.contains("onset")].explode("unit")
    units = units.assign(unit=units["unit"].str.strip("LR"))
    parts = {
        "groups": (rows, ["group"]), "groups by size of motion": (rows, ["group", "band"]),
        "action units": (units, ["unit"]),
    }  # fmt: skip
    table = []
    for name, (part, by) in parts.items():
        for measure in ("mean", "p95"):
            good, n, worst = beaten(part, by, measure)
            table.append({"scenes by": name, "error": measure, "not worse": f"{good} of {n}",
                          "largest ratio": worst})  # fmt: skip
    return pd.DataFrame(table).set_index("scenes by")
