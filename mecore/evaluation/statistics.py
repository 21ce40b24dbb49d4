"""How far a score can be trusted: intervals, tests and power, with the subject as the unit.

Samples of one person are not independent; persons are. Every resampling here therefore draws or
swaps whole subjects. Models enter as confusion matrices of S subjects in R runs,
`mecore.metrics.averaging.grouped_confusion`: (R, S, C, C). Runs are averaged. Scores are functions
of counts (…) that were added up over subjects. ``n`` and ``seed`` are those of the random draws.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from mecore.metrics import recognition

Floats = NDArray[np.float64]
Counts = Mapping[str, NDArray[Any]]
Score = Callable[[Floats], Floats]
Measures = Callable[[Counts], Mapping[str, Floats]]


def uf1_of(confusion: ArrayLike) -> Floats:
    """UF1 of confusion matrices (…, C, C); a class that is absent counts as 0."""
    return recognition.measures(confusion)["uf1"]


def uar_of(confusion: ArrayLike) -> Floats:
    """UAR of confusion matrices (…, C, C); a class that is absent counts as 0."""
    return recognition.measures(confusion)["uar"]


def _checked(subjects: ArrayLike) -> Floats:
    counts = np.asarray(subjects, np.float64)
    if counts.ndim < 3 or counts.shape[1] < 2:
        raise ValueError(
            "expected counts (seeds, subjects, …) of at least two subjects, such as confusion "
            f"matrices, found shape {counts.shape}"
        )
    return counts


def _drawn(counts: Floats, n: int, seed: int) -> Floats:
    """Counts (R, S, …) added up over subjects drawn with replacement, ``n`` times: (n, R, …)."""
    size = counts.shape[1]
    draws = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), n)
    return np.einsum("ns,rs...->nr...", draws.astype(np.float64), counts)


def bootstrap_scores(
    subjects: ArrayLike, score: Score = uf1_of, *, n: int = 2000, seed: int = 0
) -> Floats:
    """Scores of ``n`` samples of subjects, drawn with replacement.

    Parameters
    ----------
    subjects : array_like, (R, S, …)
        Counts of S subjects in R runs, such as confusion matrices (R, S, C, C); all runs see the
        same draw.
    score : callable
        Takes counts (…) that were added up over subjects, such as `uf1_of`.
    n, seed : int
        Number and seed of the draws; the same seed for two models pairs them.

    Raises
    ------
    ValueError
        Another shape, or fewer than two subjects.
    """
    return score(_drawn(_checked(subjects), n, seed)).mean(axis=1)


def stacked(runs: Sequence[Counts]) -> dict[str, Floats]:
    """Counts of several runs of the same subjects: name → (R, S, …)."""
    return {name: np.stack([run[name] for run in runs]).astype(np.float64) for name in runs[0]}


def pooled(counts: Counts) -> dict[str, Floats]:
    """Counts (R, S, …) added up over the subjects: name → (R, …)."""
    return {name: values.sum(axis=1) for name, values in counts.items()}


def interval(
    counts: Counts, measures: Measures, *, n: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of several measures over subjects drawn with replacement.

    Parameters
    ----------
    counts, measures : mapping of str to array (R, S, …), and callable
        See `stacked`; takes counts (…) that were added up over subjects, gives name → (…).
    confidence : float
        Share of the draws that lies inside.

    Returns
    -------
    dict
        Measure → (low, high), of the mean over runs: they cover who was tested, not how the
        networks were started. Empty for a single subject, which no draw can vary.
    """
    if next(iter(counts.values())).shape[1] < 2:
        return {}
    drawn = {name: _drawn(values, n, seed) for name, values in counts.items()}
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    limits = {k: np.quantile(v.mean(axis=1), ends) for k, v in measures(drawn).items()}
    return {k: (float(low), float(high)) for k, (low, high) in limits.items()}


def paired_permutation(
    first: ArrayLike, second: ArrayLike, score: Score = uf1_of, *, n: int = 5000, seed: int = 0
) -> tuple[float, float]:
    """Test whether two models score alike, by swapping them subject by subject.

    If the models were alike, it would not matter which of the two a subject's predictions came
    from. One half of the subjects, drawn anew each time, change sides.

    Parameters
    ----------
    first, second : array_like, (R, S, C, C)
        Of the same S subjects, else ValueError; the numbers of runs may differ.

    Returns
    -------
    difference, p : float
        Score of the first minus that of the second, and its two-sided p-value: the swap that
        changes nothing counts, so it is never 0.
    """
    a, b = _checked(first), _checked(second)
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"models scored on different subjects: {a.shape[1:]} and {b.shape[1:]}")
    # Seeds of two models have nothing to do with each other: each side is the mean of its runs.
    a, b = a.mean(axis=0), b.mean(axis=0)
    swaps = np.random.default_rng(seed).integers(0, 2, (n, len(a)))
    swaps = np.vstack([np.zeros(len(a)), swaps])
    one = np.einsum("ns,sij->nij", 1 - swaps, a) + np.einsum("ns,sij->nij", swaps, b)
    change = score(one) - score((a + b).sum(axis=0) - one)
    return float(change[0]), float(np.mean(np.abs(change) >= abs(change[0]) - 1e-12))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several tests by Holm's step-down rule (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, np.float64)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values lie in [0, 1], found {list(p_values)}")
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(steps, 1)[np.argsort(order)].tolist()


def compare_models(
    models: Mapping[str, ArrayLike], score: Score = uf1_of, *, n: int = 5000, seed: int = 0
) -> pd.DataFrame:
    """Test every pair of models (`paired_permutation`), with Holm's correction.

    Returns
    -------
    DataFrame
        first, second, difference, p, p_holm; one row a pair.
    """
    rows = [
        (a, b, *paired_permutation(models[a], models[b], score, n=n, seed=seed))
        for a, b in combinations(models, 2)
    ]
    table = pd.DataFrame(rows, columns=["first", "second", "difference", "p"])
    return table.assign(p_holm=holm(table.p.tolist()))


def seed_agreement(predictions: ArrayLike) -> dict[str, float]:
    """How far runs that differ in their seed alone agree sample by sample.

    Parameters
    ----------
    predictions : array_like of int, (R, N)
        Predicted classes of R runs.

    Returns
    -------
    dict
        ``agreement``: share of samples on which two runs agree, mean over pairs; ``kappa``: the
        same beyond chance (Cohen), mean over pairs; ``unanimous``: share of samples on which all
        agree. All 1 for a single run.
    """
    runs = np.asarray(predictions)
    if runs.ndim != 2 or not runs.size:
        raise ValueError(f"expected predictions (runs, samples), found shape {runs.shape}")
    pairs = list(combinations(runs, 2))
    if not pairs:
        return {"agreement": 1.0, "kappa": 1.0, "unanimous": 1.0}
    kappas = [1.0 if (a == b).all() else float(cohen_kappa_score(a, b)) for a, b in pairs]
    return {
        "agreement": float(np.mean([np.mean(a == b) for a, b in pairs])),
        "kappa": float(np.mean(kappas)),
        "unanimous": float((runs == runs[0]).all(axis=0).mean()),
    }


def minimum_detectable_difference(
    first: ArrayLike,
    second: ArrayLike,
    score: Score = uf1_of,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    n: int = 2000,
    seed: int = 0,
) -> float:
    """Smallest true difference that so many subjects would show in ``power`` of all studies.

    (z(1 - alpha/2) + z(power)) times the standard error of the paired difference, which a bootstrap
    over subjects estimates (Cohen 1988, section 2.4, for a paired comparison). With k times the
    subjects it is divided by the square root of k.
    """
    a, b = (bootstrap_scores(x, score, n=n, seed=seed) for x in (first, second))
    quantiles = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return float(quantiles * np.std(a - b, ddof=1))
