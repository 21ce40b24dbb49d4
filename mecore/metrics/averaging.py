"""One set of predictions, scored under every way of averaging that is in use.

The field prints «F1» for at least six different numbers. They are all computed here from the same
predictions, so that a table can say how much of a difference between papers is arithmetic.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.metrics.recognition import evaluate_confusion, validate


def grouped_confusion(
    truth: ArrayLike, predicted: ArrayLike, labels: Sequence[object], groups: ArrayLike
) -> NDArray[np.int64]:
    """Confusion matrix of every group, (G, C, C), in the sorted order of the groups.

    Parameters
    ----------
    truth, predicted, labels
        See `mecore.metrics.recognition.confusion_matrix`.
    groups : array_like, shape (n,)
        Group of each sample, e.g. its subject; ValueError if one has none.
    """
    rows, columns = validate(truth, predicted, labels)
    names, places = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(places) != len(rows):
        raise ValueError(f"{len(rows)} samples but {len(places)} groups")
    counts = np.zeros((len(names), len(labels), len(labels)), np.int64)
    np.add.at(counts, (places, rows, columns), 1)
    return counts


def f1_of_classes(confusion: ArrayLike) -> NDArray[np.float64]:
    """F1 of every class, (…, C) of (…, C, C); NaN for a class neither true nor predicted."""
    counts = np.asarray(confusion, np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    both = counts.sum(-1) + counts.sum(-2)
    return np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=both > 0)


def averages(
    truth: ArrayLike, predicted: ArrayLike, labels: Sequence[object], groups: ArrayLike
) -> dict[str, float]:
    """Score the same predictions in every way that is in use.

    Parameters
    ----------
    truth, predicted, labels, groups
        See `grouped_confusion`.

    Returns
    -------
    dict
        ``pooled macro``: UF1, counts pooled over subjects, mean over all classes.
        ``micro``: pooled over classes too; for one label per sample it is the accuracy.
        ``weighted``: mean over classes, weighted by their number of samples.
        ``subjects, absent as 0``: UF1 of each subject over all classes, mean over subjects.
        ``subjects, absent dropped``: the same over the classes that a subject shows or is given.
        ``subjects, true classes``: the same over the classes that a subject shows.
        ``uar``: pooled recall, mean over all classes.
    """
    each = grouped_confusion(truth, predicted, labels, groups)
    pooled = each.sum(axis=0)
    scores, shares = evaluate_confusion(pooled), pooled.sum(axis=1) / pooled.sum()
    f1 = f1_of_classes(each)
    shown = np.where(each.sum(axis=2) > 0, f1, np.nan)
    return {
        "pooled macro": scores["uf1"],
        "micro": scores["accuracy"],
        "weighted": float(np.nansum(f1_of_classes(pooled) * shares)),
        "subjects, absent as 0": float(np.nan_to_num(f1).mean()),
        "subjects, absent dropped": float(np.nanmean(f1, axis=1).mean()),
        "subjects, true classes": float(np.nanmean(shown, axis=1).mean()),
        "uar": scores["uar"],
    }
