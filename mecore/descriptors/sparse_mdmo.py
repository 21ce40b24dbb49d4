"""Sparse MDMO: the main directions of each frame as a combination of a few atoms.

Liu, Li, Lai, «Sparse MDMO: learning a discriminative feature for micro-expression recognition»,
TAC 12(1), 2021. Its code is not public; the dictionary and the codes are those of
`mecore.descriptors.graph_sparse_coding`, learnt on the training clips alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.graph_sparse_coding import Dictionary, encode, learn_dictionary
from mecore.descriptors.mdmo import atomic_mdmo, polar_feature
from mecore.descriptors.mdmo_regions import Regions
from mecore.descriptors.registry import descriptor

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Pool = Literal["mean", "concatenate"]


def dictionary_of(
    motion: Floats, seed: int, weight: float, atoms: int, alpha: float, beta: float, iterations: int
) -> Dictionary:
    """Learn the dictionary of some clips.

    Of the ``motion`` (n, frames, 36, 2) of `atomic_motion`; ``weight`` is λ of MDMO, for the others
    see `mecore.descriptors.graph_sparse_coding.learn_dictionary`.
    """
    frames = _frames(motion, weight)
    return learn_dictionary(
        frames.reshape(-1, frames.shape[-1]), atoms, alpha=alpha, beta=beta,
        iterations=iterations, seed=seed,
    )  # fmt: skip


def sparse_codes(
    stored: Floats, train: Indices, test: Indices, seed: int, weight: float, atoms: int,
    alpha: float, beta: float, iterations: int, pool: Pool,
) -> Floats:  # fmt: skip
    """Codes of all clips: dictionary and codes from the training clips alone.

    Parameters
    ----------
    stored : array, (n, frames, 36, 2)
        See `atomic_motion`.
    train, test : array of int
        Numbers of clips.
    seed, weight, atoms, alpha, beta, iterations
        See `dictionary_of`.
    pool : {"mean", "concatenate"}
        How the codes of the frames make the feature of a clip.

    Returns
    -------
    array, (n, atoms) or (n, frames * atoms)
        Rows of clips that are neither trained on nor tested are 0.
    """
    learnt = dictionary_of(stored[train], seed, weight, atoms, alpha, beta, iterations)
    tested = _frames(stored[test], weight)
    codes = np.zeros((*stored.shape[:2], atoms))
    codes[train] = learnt.codes.reshape(len(train), -1, atoms)
    known = encode(tested.reshape(-1, tested.shape[-1]), learnt)
    codes[test] = known.reshape(len(test), -1, atoms)
    return codes.mean(axis=1) if pool == "mean" else codes.reshape(len(codes), -1)


@descriptor("sparse_mdmo", "Sparse MDMO", learn=sparse_codes)
def atomic_motion(short_aligned: NDArray[np.float32], regions: Regions) -> Floats:
    """Return the main direction of every region in every interpolated frame, (frames, 36, 2)."""
    return atomic_mdmo(short_aligned, regions)[0]


def _frames(motion: Floats, weight: float) -> Floats:
    """Main directions as λ ρ and (1 - λ) θ, (n, frames, 72); the largest ρ of a clip being λ."""
    return polar_feature(np.asarray(motion, np.float64), weight, together=True)
