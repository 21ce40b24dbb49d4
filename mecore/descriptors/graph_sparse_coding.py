"""Graph-regularised sparse coding (GraphSC): neighbours get similar codes.

Zheng, Bu, Chen, Wang, Zhang, Qiu, Cai, «Graph regularized sparse coding for image representation»,
TIP 20(5), 2011. Minimises ½ ‖X - BS‖² + ½ α tr(S L Sᵀ) + β |S|₁ subject to ‖b_j‖ ≤ 1. The paper
prints α without ½; the authors' code computes it as here. Their code passes once over the samples
before each step of the dictionary, which is less than the optimum: the number is ``sweeps``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.compiled import compiled_exactly

Floats = NDArray[np.float64]
TOLERANCE = 1e-9  # largest change of an entry in a pass
NEIGHBOUR_SCALE = 7  # Zelnik-Manor and Perona (2004): the distance to the 7th neighbour


class Dictionary(NamedTuple):
    """What was learnt on training samples."""

    atoms: Floats  # (m, k), columns of length at most 1
    samples: Floats  # (n, m), the training samples, for the links of new ones
    codes: Floats  # (n, k), their codes
    alpha: float  # weight of the graph
    beta: float  # weight of sparsity


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
    """`sweep` in place; ``gram`` is BᵀB, ``target`` XᵀB (n, k), ``weights`` the graph."""
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
    """One pass over the samples, each getting its optimal code while the others stay, (n, k).

    Of samples ``x`` (n, m), ``atoms`` (m, k), a ``graph`` (n, n) of symmetric weights without self
    links, and the ``codes`` so far, 0 at the beginning; α and β weigh graph and sparsity.
    """
    codes = codes.copy()
    _sweep(atoms.T @ atoms, np.ascontiguousarray(x @ atoms), graph, codes, alpha, beta)
    return codes


def update_atoms(x: Floats, codes: Floats, atoms: Floats, rounds: int = 500) -> Floats:
    """Optimal dictionary for given codes: least squares with columns of length at most 1, (m, k).

    Column by column from ``atoms`` (m, k) on, until none changes or so many rounds are over (Mairal
    et al., JMLR 11, 2010, algorithm 2). A column that no sample uses stays as it was.
    """
    atoms = np.ascontiguousarray(atoms).copy()
    _columns(codes.T @ codes, x.T @ codes, atoms, rounds)
    return atoms


def objective(
    x: Floats, atoms: Floats, graph: Floats, codes: Floats, alpha: float, beta: float
) -> float:
    """Value that is minimised; arguments as of `sweep`."""
    laplacian = np.diag(graph.sum(axis=1)) - graph
    smooth = np.trace(codes.T @ laplacian @ codes)
    left = x - codes @ atoms.T
    return float(0.5 * (left**2).sum() + 0.5 * alpha * smooth + beta * np.abs(codes).sum())


def affinity(x: Floats, neighbours: int = 5) -> Floats:
    """Graph of nearest neighbours with self-tuning weights exp(-d²_ij / (s_i s_j)), (n, n).

    s_i is the distance of sample i to its 7th neighbour, so that dense and thin regions count
    alike. The distance of the Sparse MDMO paper is not public; this stands in for it. Of at least
    two samples (n, m), with so many links each before the graph is made symmetric; weights are at
    most 1, and 0 on the diagonal.
    """
    squared = _distances(x, x)
    scale = _scale(squared)
    weights = _weights(squared, scale, scale)
    np.fill_diagonal(weights, 0)
    graph = _strongest(weights, neighbours)
    return np.maximum(graph, graph.T)


def learn_dictionary(
    x: Floats, n_atoms: int = 128, *, alpha: float = 1.0, beta: float = 0.1, iterations: int = 10,
    sweeps: int = 1, neighbours: int = 5, seed: int = 0,
) -> Dictionary:  # fmt: skip
    """Learn a dictionary and the codes of its samples.

    Parameters
    ----------
    x : array, (n, m)
        Training samples. ValueError for fewer than two, NaN, or samples that are all zero.
    n_atoms, seed : int
        k, columns of the dictionary; the first are uniform, centred, of length 1.
    alpha, beta, neighbours
        See `sweep` and `affinity`; defaults of the GraphSC paper.
    iterations, sweeps : int
        Steps of the dictionary, and passes over the samples before each.
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
    for step in range(iterations + 1):
        if step:
            atoms = update_atoms(samples, codes, atoms, rounds=20)
        for _ in range(sweeps):
            codes = sweep(samples, atoms, graph, codes, alpha, beta)
    return Dictionary(atoms, samples, codes, alpha, beta)


def encode(x: Floats, learnt: Dictionary, neighbours: int = 5) -> Floats:
    """Codes of new samples, pulled towards those of their neighbours among the training samples.

    Of samples (n, m), none of which influences another, (n, k). ``neighbours`` are the links of a
    sample; 0 drops them. ValueError for NaN.
    """
    x = np.ascontiguousarray(x, np.float64)
    if not np.isfinite(x).all():
        raise ValueError("samples with NaN or infinite values have no code")
    target, gram = x @ learnt.atoms, learnt.atoms.T @ learnt.atoms
    codes = np.zeros_like(target)
    weights = np.zeros((len(x), len(learnt.samples)))
    if neighbours:
        squared = _distances(x, learnt.samples)
        theirs = _scale(_distances(learnt.samples, learnt.samples))
        weights = _strongest(_weights(squared, _scale(squared, itself=0), theirs), neighbours)
    for code, own, links in zip(codes, target, weights, strict=True):
        pull = own + learnt.alpha * links @ learnt.codes
        _lasso(gram, pull, learnt.alpha * float(links.sum()), learnt.beta, code)
    return codes


def _distances(a: Floats, b: Floats) -> Floats:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(squared, 0)


def _scale(squared: Floats, itself: int = 1) -> Floats:
    """Distance of each sample to its 7th neighbour; the sample itself may stand first."""
    place = min(NEIGHBOUR_SCALE + itself, squared.shape[1]) - 1
    return np.sqrt(np.partition(squared, place, axis=1)[:, place])


def _weights(squared: Floats, own: Floats, theirs: Floats) -> Floats:
    return np.exp(-squared / np.maximum(np.outer(own, theirs), 1e-12))


def _strongest(weights: Floats, k: int) -> Floats:
    """Keep the k largest weights of each row."""
    kept = weights.copy()
    np.put_along_axis(kept, np.argsort(-weights, axis=1, kind="stable")[:, k:], 0, axis=1)
    return kept
