"""The methods that are compared: what is computed of a clip, its scale, its grid of settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.facial_dynamics import facial_dynamics_map
from mecore.descriptors.flow.engines import Engine, optical_flow
from mecore.descriptors.lbp_variants import elbp_top, lbp_mop, lbp_sip
from mecore.descriptors.mdmo import atomic_mdmo, mdmo
from mecore.descriptors.mdmo_regions import mdmo_regions
from mecore.descriptors.orientation import biwoof, block_hoof
from mecore.descriptors.top.histograms import describe
from mecore.descriptors.top.options import TopOptions
from mecore.errors import OptionError, nearest
from mecore.models.svm.grid import COARSE, THESIS, PolynomialGrid
from mecore.preprocessing.align import align_flow
from mecore.preprocessing.texture import texture
from mecore.preprocessing.tim import interpolate, to_bytes

Array = NDArray[Any]
Scale = Literal["none", "block", "vector"]


@dataclass(frozen=True)
class HandcraftedOptions:
    """Choices that all methods share.

    Parameters
    ----------
    engine : {"fast", "opencv", "dis"}
        Optical flow.
    textured : bool
        Compute flow on the texture part, against flicker (SMIC and CASME in the paper of MDMO).
    length : int
        Frames after temporal interpolation, for histograms on planes and for Sparse MDMO.
    weight : float
        λ of MDMO.
    atoms : int
        Size of the dictionary of Sparse MDMO.
    alpha, beta : float
        Weight of the graph and of sparsity.
    iterations : int
        Steps of the dictionary.
    pool : {"mean", "concatenate"}
        How the codes of the frames make the feature of a clip.
    """

    engine: Engine = "fast"
    textured: bool = False
    length: int = 10
    weight: float = 0.9
    atoms: int = 128
    alpha: float = 1.0
    beta: float = 0.1
    iterations: int = 10
    pool: Literal["mean", "concatenate"] = "mean"


@dataclass(frozen=True)
class Method:
    """One row of the results table.

    Parameters
    ----------
    title : str
        How it is called.
    source : str
        Which stored array of a clip it starts from.
    scale : {"none", "block", "vector"}
        Divide by the sum of each block and plane, by that of the vector, or not at all.
    planes : tuple of int
        Which planes of a histogram on three planes are kept.
    grid : PolynomialGrid
        Settings of its support vector machine.
    fitted : bool
        Whether its features are learnt on the training subjects.
    """

    title: str
    source: str
    scale: Scale = "none"
    planes: tuple[int, ...] = (0, 1, 2)
    grid: PolynomialGrid = COARSE
    fitted: bool = False

    def features(self, stored: Array) -> NDArray[np.float64]:
        """Features of clips, (n, d), from their stored arrays (n, ...)."""
        values = np.asarray(stored, np.float64)
        if self.planes != (0, 1, 2):
            values = values[..., list(self.planes), :]
        if self.scale != "none":
            axes = (-1,) if self.scale == "block" else tuple(range(1, values.ndim))
            total = values.sum(axis=axes, keepdims=True)
            values = values / np.where(total > 0, total, 1)
        return values.reshape(len(values), -1)


METHODS: dict[str, Method] = {
    "lbp_top": Method("LBP-TOP", "lbp_top", "block"),
    "lbp_top_raw": Method("LBP-TOP, raw counts", "lbp_top"),
    "lbp_top_unit": Method("LBP-TOP, sum 1", "lbp_top", "vector"),
    "lbp_xyot": Method("LBP-XYOT", "lbp_top", "block", (1, 2)),
    "lbp_xot": Method("LBP-XOT", "lbp_top", "block", (1,)),
    "lbp_yot": Method("LBP-YOT", "lbp_top", "block", (2,)),
    "lbp_xy": Method("LBP-XY", "lbp_top", "block", (0,)),
    "lbp_sip": Method("LBP-SIP", "lbp_sip", "block"),
    "lbp_mop": Method("LBP-MOP", "lbp_mop", "block"),
    "elbp_top": Method("ELBP-TOP", "elbp_top", "block"),
    "hog_top": Method("HOG-TOP", "hog_top", "block"),
    "higo_top": Method("HIGO-TOP", "higo_top", "block"),
    "hoof": Method("HOOF", "hoof"),
    "fdm": Method("Facial dynamics map", "fdm"),
    "biwoof": Method("Bi-WOOF", "biwoof"),
    "mdmo": Method("MDMO", "mdmo", grid=THESIS),
    "mdmo_unaligned": Method("MDMO, head motion left in", "mdmo_unaligned", grid=THESIS),
    "mdmo_port": Method("MDMO, public port", "mdmo_port", grid=THESIS),
    "sparse_mdmo": Method("Sparse MDMO", "atomic", fitted=True),
}  # fmt: skip
# Rows of the thesis' Table 3.
THESIS_METHODS = ("lbp_top_raw", "mdmo", "sparse_mdmo")
# Gives the majority class of the training subjects; no feature is looked at.
DUMMY = "dummy"
TITLES = {DUMMY: "dummy"} | {name: m.title for name, m in METHODS.items()}


def method(name: str) -> Method:
    """Return a method, or say which one was meant."""
    if name not in METHODS:
        raise OptionError(f"no method is called {name!r}; {nearest(name, METHODS)}")
    return METHODS[name]


@dataclass(frozen=True)
class Material:
    """What the descriptors of one clip are computed from.

    Parameters
    ----------
    frames : array, (T, H, W), uint8
        Grey face crops.
    short : array, (length, H, W), uint8
        The same after temporal interpolation.
    flows, aligned : array, (T - 1, H, W, 2), float32
        Flow from the first frame to each other, and without the motion of the head.
    short_aligned : array, (length - 1, H, W, 2), float32
        The same of the interpolated frames.
    apex : int
        Strongest frame.
    points : array, (68, 2)
        Landmarks of the first frame.
    """

    frames: NDArray[np.uint8]
    short: NDArray[np.uint8]
    flows: NDArray[np.float32]
    aligned: NDArray[np.float32]
    short_aligned: NDArray[np.float32]
    apex: int
    points: NDArray[np.float32]


def flows_from_first(frames: NDArray[np.uint8], options: HandcraftedOptions) -> NDArray[np.float32]:
    """Flow from the first frame of a clip to each of the others, (T - 1, H, W, 2)."""
    if options.textured:
        frames = np.stack([texture(frame) for frame in frames])
    return np.stack([optical_flow(frames[0], f, engine=options.engine) for f in frames[1:]])


def prepare(
    frames: NDArray[np.uint8], points: NDArray[np.float32], apex: int, options: HandcraftedOptions
) -> Material:
    """Interpolate a clip and measure its motion."""
    short = to_bytes(interpolate(frames, options.length))
    flows = flows_from_first(frames, options)
    short_aligned = align_flow(flows_from_first(short, options), points)
    return Material(frames, short, flows, align_flow(flows, points), short_aligned, apex, points)


def _top(kind: Literal["lbp", "hog", "higo"], m: Material) -> Array:
    """Raw votes of the SMIC baseline's blocks for LBP, of disjoint ones for gradients."""
    overlap, radii = (0.7, (3, 3, 3)) if kind == "lbp" else (None, (1, 1, 1))
    options = TopOptions(kind, overlap=overlap, radii=radii, norm="none")
    return describe(m.short, options).reshape(options.shape[1:])


def _mdmo(m: Material, o: HandcraftedOptions, aligned: bool, port: bool = False) -> Array:
    flows = m.aligned if aligned else m.flows
    regions = mdmo_regions(m.points, m.frames.shape[1:])
    motion, _ = atomic_mdmo(flows, regions, "port" if port else "paper")
    return mdmo(motion, o.weight)


def _atomic(m: Material, o: HandcraftedOptions) -> Array:
    regions = mdmo_regions(m.points, m.frames.shape[1:])
    return atomic_mdmo(m.short_aligned, regions)[0]


# What is stored of a clip: counts and numbers, no picture of a face.
DESCRIPTORS: dict[str, Callable[[Material, HandcraftedOptions], Array]] = {
    "lbp_top": lambda m, o: _top("lbp", m).astype(np.uint32),
    "hog_top": lambda m, o: _top("hog", m).astype(np.float32),
    "higo_top": lambda m, o: _top("higo", m).astype(np.uint32),
    "lbp_sip": lambda m, o: lbp_sip(m.short).astype(np.uint32),
    "lbp_mop": lambda m, o: lbp_mop(m.short).astype(np.uint32),
    "elbp_top": lambda m, o: elbp_top(m.short).astype(np.uint32),
    "hoof": lambda m, o: np.mean([block_hoof(f, 5) for f in m.aligned], axis=0),
    "fdm": lambda m, o: facial_dynamics_map(m.short_aligned),
    "biwoof": lambda m, o: biwoof(m.flows[max(m.apex, 1) - 1]),
    "mdmo": lambda m, o: _mdmo(m, o, aligned=True),
    "mdmo_unaligned": lambda m, o: _mdmo(m, o, aligned=False),
    "mdmo_port": lambda m, o: _mdmo(m, o, aligned=False, port=True),
    "atomic": _atomic,
    # For figures: the motion from onset to apex on a quarter of the pixels.
    "apex_flow": lambda m, o: m.aligned[max(m.apex, 1) - 1][::2, ::2],
}
