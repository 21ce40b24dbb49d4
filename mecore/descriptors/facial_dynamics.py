"""Facial dynamics map: one principal direction for every cuboid of a clip.

Xu, Zhang, Wang, «Microexpression identification and categorization using a facial dynamics map»,
TAC 8(2), 2017. The direction ξ of a cuboid maximises the summed inner products with its flow
vectors, found by iteration from a first guess. Vectors against ξ are left out of the sum, or they
would cancel it; the first guess and what is kept of a cuboid are chosen here.
"""

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.registry import descriptor
from mecore.descriptors.top.grid import bounds

Floats = NDArray[np.float64]


def principal_direction(vectors: NDArray[np.floating], rounds: int = 50) -> Floats:
    """Principal motion of flow vectors (n, 2), in at most so many iterations.

    Unit vector ξ times the mean over all vectors of max(0, <v, ξ>), (2,); 0 where nothing moves.
    The sum grows with each iteration, and stops at a maximum.
    """
    v = np.asarray(vectors, np.float64).reshape(-1, 2)
    total = v.sum(axis=0)
    if not np.linalg.norm(total) > 1e-12 * max(np.abs(v).sum(), 1e-300):
        # Opposite motions cancel: begin with the largest.
        total = v[np.linalg.norm(v, axis=1).argmax()]
    if not np.linalg.norm(total) > 0:
        return np.zeros(2)
    xi = total / np.linalg.norm(total)
    for _ in range(rounds):
        along = v[v @ xi > 0].sum(axis=0)
        new = along / np.linalg.norm(along)
        if np.allclose(new, xi, atol=1e-12):
            break
        xi = new
    return xi * np.maximum(v @ xi, 0).mean()


def facial_dynamics_map(flows: NDArray[np.floating], blocks: int = 8, times: int = 4) -> Floats:
    """Principal motion of every cuboid, (times, blocks, blocks, 2).

    Of the flow from the first frame, (T, H, W, 2), in pixels, the head's motion taken out.
    ``blocks`` are rows and columns, ``times`` parts in time. ValueError for NaN, another shape, or
    fewer frames or pixels than cuboids.
    """
    if flows.ndim != 4 or flows.shape[-1] != 2 or not np.isfinite(flows).all():
        raise ValueError(f"flows must be finite and (T, H, W, 2), not {flows.shape}")
    cuts = [bounds(n, k) for n, k in zip(flows.shape[:3], (times, blocks, blocks), strict=True)]
    if any((np.diff(cut) < 1).any() for cut in cuts):
        whole = f"{flows.shape[:3]} frames, rows and columns"
        raise ValueError(f"{times}×{blocks}×{blocks} cuboids do not fit into {whole}: take fewer")
    out = np.empty((times, blocks, blocks, 2))
    for place in np.ndindex(times, blocks, blocks):
        part = tuple(slice(c[i], c[i + 1]) for c, i in zip(cuts, place, strict=True))
        out[place] = principal_direction(flows[part])
    return out


@descriptor("fdm", "Facial dynamics map")
def _fdm(short_aligned: NDArray[np.float32]) -> Floats:
    return facial_dynamics_map(short_aligned)
