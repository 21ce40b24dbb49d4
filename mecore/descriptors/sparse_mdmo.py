"""Sparse MDMO: the main directions of each frame as a combination of a few atoms.

Liu, Li, Lai, «Sparse MDMO: learning a discriminative feature for micro-expression recognition»,
TAC 12(1), 2021. Its code is not public; the dictionary and the codes are those of
`mecore.descriptors.graph_sparse_coding`, learnt on the training clips alone.
"""

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
    return learn_dictionary(
        _frames(motion, weight), atoms, alpha=alpha, beta=beta, iterations=iterations, seed=seed
    )


def sparse_codes(
    stored: Floats, train: Indices, test: Indices, seed: int, weight: float, atoms: int,
    alpha: float, beta: float, iterations: int, pool: Pool,
) -> Floats:  # fmt: skip
    """Codes of all clips: dictionary and codes from the training clips alone.

    ``stored``, (n, frames, 36, 2), is what `atomic_motion` gave; ``train`` and ``test`` are numbers
    of clips; ``pool`` says how the codes of the frames make the feature of a clip; for the others
    see `dictionary_of`. Gives (n, atoms) or (n, frames * atoms); rows of clips that are neither
    trained on nor tested are 0.
    """
    learnt = dictionary_of(stored[train], seed, weight, atoms, alpha, beta, iterations)
    codes = np.zeros((*stored.shape[:2], atoms))
    codes[train] = learnt.codes.reshape(len(train), -1, atoms)
    codes[test] = encode(_frames(stored[test], weight), learnt).reshape(len(test), -1, atoms)
    return codes.mean(axis=1) if pool == "mean" else codes.reshape(len(codes), -1)


@descriptor("sparse_mdmo", "Sparse MDMO", learn=sparse_codes)
def atomic_motion(short_aligned: NDArray[np.float32], regions: Regions) -> Floats:
    """Return the main direction of every region in every interpolated frame, (frames, 36, 2)."""
    return atomic_mdmo(short_aligned, regions)[0]


def _frames(motion: Floats, weight: float) -> Floats:
    """Main directions as λ ρ and (1 - λ) θ, (n frames, 72); the largest ρ of a clip being λ."""
    feature = polar_feature(np.asarray(motion, np.float64), weight, together=True)
    return feature.reshape(-1, feature.shape[-1])
