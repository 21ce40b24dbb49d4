"""Graph-regularised sparse coding (GraphSC): neighbours get similar codes.

Zheng, Bu, Chen, Wang, Zhang, Qiu, Cai, «Graph regularized sparse coding for image representation»,
TIP 20(5), 2011. Minimises ½ ‖X - BS‖² + ½ α tr(S L Sᵀ) + β |S|₁ subject to ‖b_j‖ ≤ 1. The paper
prints α without ½; the authors' code computes it as here. Their code passes once over the samples
before each step of the dictionary, which is less than the optimum: the number is ``sweeps``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled_exactly

Floats = NDArray[np.float64]
TOLERANCE = 1e-9  # largest change of an entry in a pass
NEIGHBOUR_SCALE = 7  # Zelnik-Manor and Perona (2004): the distance to the 7th neighbour


class Dictionary(NamedTuple):
    """What was learnt on training samples.

    Parameters
    ----------
    atoms : array, (m, k)
        Columns of length at most 1.
    samples : array, (n, m)
        The training samples, for the links of new ones.
    codes : array, (n, k)
        Their codes.
    alpha, beta : float
        Weight of the graph and of sparsity.
    """

    atoms: Floats
    samples: Floats
    codes: Floats
    alpha: float
    beta: float


@compiled_exactly
def _descend(
    gram: Floats, rest: Floats, ridge: float, beta: float, code: Floats, used_only: bool
) -> float:
    """Move every entry of a code, or every one that is in use, to its optimum, one by one."""
    change = 0.0
    for a in range(code.size):
        old, size = code[a], gram[a, a] + ridge
        if size <= 0 or (used_only and old == 0):
            continue
        along = rest[a] + gram[a, a] * old
        new = 0.0
        if along > beta:
            new = (along - beta) / size
        elif along < -beta:
            new = (along + beta) / size
        step = new - old
        if step != 0:
            for b in range(code.size):
                rest[b] -= gram[a, b] * step
            code[a] = new
            change = max(change, abs(step))
    return change


@compiled_exactly
def _lasso(gram: Floats, pull: Floats, ridge: float, beta: float, code: Floats) -> None:
    """Minimise ½ cᵀ(G + ridge I)c - pullᵀc + β|c|₁ by coordinate descent, from ``code`` on."""
    rest = pull - gram @ code
    for _ in range(500):
        if _descend(gram, rest, ridge, beta, code, False) < TOLERANCE:
            break
        for _ in range(500):
            if _descend(gram, rest, ridge, beta, code, True) < TOLERANCE:
                break


@compiled_exactly
def _sweep(
    gram: Floats, target: Floats, weights: Floats, codes: Floats, alpha: float, beta: float
) -> None:
    """Pass once over all samples; each gets its optimal code while the others stay.

    ``gram`` is BᵀB, ``target`` XᵀB (n, k), ``weights`` the graph (n, n), ``codes`` (n, k).
    """
    n, k = target.shape
    for i in range(n):
        pull = target[i].copy()
        degree = 0.0
        for j in range(n):
            if weights[i, j] != 0:
                degree += weights[i, j]
                for a in range(k):
                    pull[a] += alpha * weights[i, j] * codes[j, a]
        _lasso(gram, pull, alpha * degree, beta, codes[i])


@compiled_exactly
def _columns(a: Floats, b: Floats, atoms: Floats, rounds: int) -> None:
    """Move every column of a dictionary to its optimum, one by one, until none changes."""
    m, k = atoms.shape
    new = np.empty(m)
    for _ in range(rounds):
        change = 0.0
        for j in range(k):
            if a[j, j] <= 0:
                continue
            length = 0.0
            for i in range(m):
                made = 0.0
                for c in range(k):
                    made += atoms[i, c] * a[j, c]
                new[i] = atoms[i, j] + (b[i, j] - made) / a[j, j]
                length += new[i] * new[i]
            length = max(np.sqrt(length), 1.0)
            for i in range(m):
                change = max(change, abs(new[i] / length - atoms[i, j]))
                atoms[i, j] = new[i] / length
        if change < TOLERANCE:
            break


def sweep(
    x: Floats, atoms: Floats, graph: Floats, codes: Floats, alpha: float, beta: float
) -> Floats:
    """One pass over the samples, each getting its optimal code while the others stay.

    Parameters
    ----------
    x : array, (n, m)
        Samples.
    atoms : array, (m, k)
        Dictionary.
    graph : array, (n, n)
        Symmetric weights, no self links.
    codes : array, (n, k)
        Codes so far; 0 at the beginning.
    alpha, beta : float
        Weight of the graph and of sparsity.

    Returns
    -------
    array, (n, k)
    """
    codes = codes.copy()
    _sweep(atoms.T @ atoms, np.ascontiguousarray(x @ atoms), graph, codes, alpha, beta)
    return codes


def update_atoms(x: Floats, codes: Floats, atoms: Floats, rounds: int = 500) -> Floats:
    """Optimal dictionary for given codes: least squares with columns of length at most 1.

    Column by column, until none changes (Mairal et al., JMLR 11, 2010, algorithm 2). A column that
    no sample uses stays as it was.

    Parameters
    ----------
    x : array, (n, m)
        Samples.
    codes : array, (n, k)
        Codes.
    atoms : array, (m, k)
        Where to begin.
    rounds : int
        Passes at most.

    Returns
    -------
    array, (m, k)
    """
    atoms = np.ascontiguousarray(atoms).copy()
    _columns(codes.T @ codes, x.T @ codes, atoms, rounds)
    return atoms


def objective(
    x: Floats, atoms: Floats, graph: Floats, codes: Floats, alpha: float, beta: float
) -> float:
    """Value that is minimised."""
    laplacian = np.diag(graph.sum(axis=1)) - graph
    smooth = np.trace(codes.T @ laplacian @ codes)
    left = x - codes @ atoms.T
    return float(0.5 * (left**2).sum() + 0.5 * alpha * smooth + beta * np.abs(codes).sum())


def affinity(x: Floats, neighbours: int = 5) -> Floats:
    """Graph of nearest neighbours with self-tuning weights exp(-d²_ij / (s_i s_j)).

    s_i is the distance of sample i to its 7th neighbour, so that dense and thin regions count
    alike. The distance of the Sparse MDMO paper is not public; this stands in for it.

    Parameters
    ----------
    x : array, (n, m)
        Samples, n at least 2.
    neighbours : int
        Links of a sample, before the graph is made symmetric.

    Returns
    -------
    array, (n, n)
        Symmetric, at most 1, zero diagonal.
    """
    squared, scale = _distances(x, x), _scale(_distances(x, x))
    weights = np.exp(-squared / np.maximum(np.outer(scale, scale), 1e-12))
    np.fill_diagonal(weights, 0)
    graph = _strongest(weights, neighbours)
    return np.maximum(graph, graph.T)


def learn_dictionary(
    x: Floats,
    n_atoms: int = 128,
    *,
    alpha: float = 1.0,
    beta: float = 0.1,
    iterations: int = 10,
    sweeps: int = 1,
    neighbours: int = 5,
    seed: int = 0,
) -> Dictionary:
    """Learn a dictionary and the codes of its samples.

    Parameters
    ----------
    x : array, (n, m)
        Training samples.
    n_atoms : int
        k, columns of the dictionary.
    alpha, beta : float
        Defaults of the GraphSC paper.
    iterations, sweeps : int
        Steps of the dictionary, and passes over the samples before each.
    neighbours : int
        See `affinity`.
    seed : int
        Of the first dictionary: uniform columns, centred, of length 1.

    Raises
    ------
    ValueError
        Fewer than two samples, NaN, or samples that are all zero, from which nothing is learnt.
    """
    samples = np.ascontiguousarray(x, np.float64)
    if samples.ndim != 2 or len(samples) < 2 or not np.isfinite(samples).all():
        raise ValueError(f"samples must be finite and (n, m) with n of at least 2, not {x.shape}")
    if not samples.any():
        raise ValueError("all samples are zero: a dictionary learnt from them would be singular")
    rng = np.random.default_rng(seed)
    atoms = rng.uniform(-0.5, 0.5, (samples.shape[1], n_atoms))
    atoms -= atoms.mean(axis=0)
    atoms /= np.linalg.norm(atoms, axis=0)
    graph = affinity(samples, neighbours)
    codes = np.zeros((len(samples), n_atoms))
    for _ in range(iterations):
        for _ in range(sweeps):
            codes = sweep(samples, atoms, graph, codes, alpha, beta)
        atoms = update_atoms(samples, codes, atoms, rounds=20)
    for _ in range(sweeps):
        codes = sweep(samples, atoms, graph, codes, alpha, beta)
    return Dictionary(atoms, samples, codes, alpha, beta)


def encode(x: Floats, learnt: Dictionary, neighbours: int = 5) -> Floats:
    """Codes of new samples, pulled towards those of their neighbours among the training samples.

    Parameters
    ----------
    x : array, (n, m)
        New samples; none influences another.
    learnt : Dictionary
        See `learn_dictionary`.
    neighbours : int
        Links of a sample; 0 drops them.

    Returns
    -------
    array, (n, k)
    """
    x = np.ascontiguousarray(x, np.float64)
    if not np.isfinite(x).all():
        raise ValueError("samples with NaN or infinite values have no code")
    target = x @ learnt.atoms
    gram = learnt.atoms.T @ learnt.atoms
    codes = np.zeros(target.shape)
    weights = np.zeros((len(x), len(learnt.samples)))
    if neighbours:
        squared = _distances(x, learnt.samples)
        own = np.sqrt(np.partition(squared, min(NEIGHBOUR_SCALE, squared.shape[1]) - 1)[
            :, min(NEIGHBOUR_SCALE, squared.shape[1]) - 1])  # fmt: skip
        theirs = _scale(_distances(learnt.samples, learnt.samples))
        weights = np.exp(-squared / np.maximum(np.outer(own, theirs), 1e-12))
        weights = _strongest(weights, neighbours)
    for i, code in enumerate(codes):
        pull = target[i] + learnt.alpha * weights[i] @ learnt.codes
        ridge = learnt.alpha * float(weights[i].sum())
        _lasso(gram, pull, ridge, learnt.beta, code)
    return codes


def _distances(a: Floats, b: Floats) -> Floats:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(squared, 0)


def _scale(squared: Floats) -> Floats:
    """Distance of each sample to its 7th neighbour; the sample itself stands first."""
    place = min(NEIGHBOUR_SCALE, len(squared) - 1)
    return np.sqrt(np.partition(squared, place, axis=1)[:, place])


def _strongest(weights: Floats, k: int) -> Floats:
    """Keep the k largest weights of each row."""
    if k >= weights.shape[1]:
        return weights
    kept = np.zeros_like(weights)
    place = np.argsort(-weights, axis=1, kind="stable")[:, :k]
    np.put_along_axis(kept, place, np.take_along_axis(weights, place, 1), 1)
    return kept
