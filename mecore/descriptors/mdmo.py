"""Main directional mean optical flow (MDMO): one direction for each of 36 regions of the face.

Liu, Zhang, Yan, Wang, Zhao, Fu, TAC 7(4), 2016, sections 3.3 and 3.4. In each region, flow vectors
are counted in eight directions, and the mean of the most frequent direction stands for the region.
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.mdmo_regions import N_REGIONS, Regions
from mecore.descriptors.registry import descriptor
from mecore.errors import OptionError, nearest

Floats = NDArray[np.float64]
Variant = Literal["paper", "zero_edges", "port"]
N_BINS = 8


def directions(flow: NDArray[np.floating], variant: Variant = "paper") -> NDArray[np.int64]:
    """Direction bin of every flow vector (..., 2): 0 … 7, clockwise on the screen from «right».

    ``paper``: bins centred on multiples of 45°. ``zero_edges``: bins that start there. ``port``: as
    the paper, but the bin of -45° counts as that of 0° (an index slip of the public Python
    version). OptionError for another variant.
    """
    if variant not in get_args(Variant):
        hint = nearest(str(variant), get_args(Variant))
        raise OptionError(f"no variant of MDMO called {variant!r}: {hint}")
    turn = np.arctan2(flow[..., 1], flow[..., 0]) % (2 * np.pi) / (np.pi / 4)
    bins = np.floor(turn if variant == "zero_edges" else turn + 0.5).astype(np.int64) % N_BINS
    return np.where(bins == N_BINS - 1, 0, bins) if variant == "port" else bins


def atomic_mdmo(
    flows: NDArray[np.floating], regions: Regions, variant: Variant = "paper"
) -> tuple[Floats, NDArray[np.int64]]:
    """Main direction of every region in every frame, and its bin.

    Gives mean vectors (u, v), (T, 36, 2), and ints (T, 36), of equally frequent bins the first.

    Parameters
    ----------
    flows : array, (T, H, W, 2)
        Flow from the first frame to each later one, pixels; ValueError for another shape, or NaN.
    regions, variant
        See `mdmo_regions` and `directions`. ``port`` averages magnitudes and angles (0 … 2π, then
        less π) instead of vectors, so that motion to the right, on both sides of the cut, comes out
        wrong.
    """
    if flows.ndim != 4 or flows.shape[-1] != 2 or not len(flows):
        raise ValueError(f"flows must be (T, H, W, 2) with at least one frame, not {flows.shape}")
    vectors = flows[:, regions.row, regions.column].astype(np.float64)
    if not np.isfinite(vectors).all():
        raise ValueError("NaN or infinite flow inside the regions")
    bins = directions(vectors, variant)
    shape = len(flows), N_REGIONS, N_BINS
    cell = (np.arange(len(flows))[:, None] * N_REGIONS + regions.region) * N_BINS + bins
    counts = np.bincount(cell.ravel(), minlength=math.prod(shape)).reshape(shape)
    main = counts.argmax(axis=-1)
    x, y = vectors[..., 0], vectors[..., 1]
    parts = (np.hypot(x, y), np.arctan2(y, x) % (2 * np.pi)) if variant == "port" else (x, y)
    sums = [np.bincount(cell.ravel(), p.ravel(), counts.size).reshape(shape) for p in parts]
    n, *chosen = (np.take_along_axis(a, main[..., None], -1) for a in (counts, *sums))
    means = np.concatenate(chosen, -1) / n
    if variant == "port":
        rho, theta = means[..., 0], means[..., 1] - np.pi
        means = np.stack([rho * np.cos(theta), rho * np.sin(theta)], -1)
    return means, main


def mdmo(
    motion: Floats, weight: float = 0.9, *, frames: Literal["mean", "magnitude"] = "mean",
    angles: Literal["raw", "vector"] = "raw",
) -> Floats:  # fmt: skip
    """Feature of a clip from the main directions of its frames, (72,).

    λ ρ of the 36 regions, the largest being λ, then (1 - λ) θ. Zero where nothing moves.

    Parameters
    ----------
    motion : array, (T, 36, 2)
        See `atomic_mdmo`; ValueError for another shape.
    weight : float
        λ in [0, 1], between magnitude and angle, else ValueError; 0.9 in the thesis.
    frames : {"mean", "magnitude"}
        Every frame counts alike (the paper), or by its share of the magnitude of all.
    angles : {"raw", "vector"}
        θ in (-π, π] as in the paper, which cuts motion to the left in two, or (ρ cos θ, ρ sin θ)
        without a cut and without λ.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight={weight}: λ lies between 0 and 1")
    if motion.ndim != 3 or motion.shape[1:] != (N_REGIONS, 2) or not len(motion):
        raise ValueError(f"motion must be (T, 36, 2), not {motion.shape}")
    sizes = np.linalg.norm(motion, axis=-1).sum(axis=1)
    if frames == "magnitude" and sizes.sum() > 0:
        mean = np.tensordot(sizes / sizes.sum(), motion, axes=1)
    else:
        mean = motion.mean(axis=0)
    return polar_feature(mean, weight) if angles == "raw" else (mean / _largest(mean)).ravel()


def polar_feature(vectors: Floats, weight: float, *, together: bool = False) -> Floats:
    """Main directions (..., 36, 2) as λ ρ, then (1 - λ) θ, (..., 72); ``weight`` is λ.

    ``together``: divide by the largest ρ of all frames (last axis but two), not by that of each.
    """
    rho = np.linalg.norm(vectors / _largest(vectors, together), axis=-1)
    # Nothing moves nowhere: -0.0 must not become the angle π.
    theta = np.where(rho > 0, np.arctan2(vectors[..., 1], vectors[..., 0]), 0.0)
    return np.concatenate([weight * rho, (1 - weight) * theta], axis=-1)


def _largest(vectors: Floats, together: bool = False) -> Floats:
    axes = (-2, -1) if together else (-1,)
    largest = np.linalg.norm(vectors, axis=-1).max(axis=axes, keepdims=True)[..., None]
    return np.where(largest > 0, largest, 1.0)


@descriptor("mdmo", "MDMO", fine=True)
def _mdmo(aligned: NDArray[np.float32], regions: Regions, weight: float) -> Floats:
    return mdmo(atomic_mdmo(aligned, regions)[0], weight)


@descriptor("mdmo_unaligned", "MDMO, head motion left in", fine=True)
def _unaligned(flows: NDArray[np.float32], regions: Regions, weight: float) -> Floats:
    return mdmo(atomic_mdmo(flows, regions)[0], weight)


@descriptor("mdmo_port", "MDMO, public port", fine=True)
def _port(flows: NDArray[np.float32], regions: Regions, weight: float) -> Floats:
    return mdmo(atomic_mdmo(flows, regions, "port")[0], weight)
