"""Recognition: one emotion per sample, scored from one confusion matrix.

Convention. Rows of the confusion matrix are the truth, columns the prediction, in the order of
the labels given. The labels are always named, because a class that happens to be absent from a
fold or from a table still counts as one of the C classes. Counts are pooled over folds first and
scored once; a mean over folds or subjects is a different number. A quotient 0/0 is 0.

Three F1 scores are easily confused (Liong, See, Chan 2022, Eqs. 19-23):

* :func:`uf1`, the unweighted F1 (Eq. 22), is the mean over classes of the class-wise F1. It is
  what machine-learning libraries call macro-F1: :func:`macro_f1` is the same function.
* :func:`f1_of_means` (Eq. 21, their «F1-score_a») is the harmonic mean of the *mean* precision and
  the *mean* recall. It is never below UF1, because the harmonic mean is concave.
* recall (Eq. 19) and UAR (Eq. 23) are one quantity: :func:`macro_recall` and :func:`uar`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mecore.metrics._checks import check_share


def validate(
    truth: ArrayLike, predicted: ArrayLike, labels: Sequence[object]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Check labels (n,), of which there may be none, and return both as indices into the classes.

    Raises
    ------
    ValueError
        No or repeated labels, lists of different lengths, or a label that is not among the classes.
    """
    classes = pd.Index(np.asarray(labels, object), dtype=object)
    if classes.empty or not classes.is_unique:
        raise ValueError(f"labels: expected different classes, found {list(labels)}")
    indices = [_indices(truth, classes, "truth"), _indices(predicted, classes, "predicted")]
    if len(indices[0]) != len(indices[1]):
        raise ValueError(f"{len(indices[0])} true labels but {len(indices[1])} predicted ones")
    return indices[0], indices[1]


def _indices(values: ArrayLike, classes: pd.Index, where: str) -> NDArray[np.int64]:
    """Position of every value among the classes."""
    array = np.asarray(values, object)
    if array.ndim != 1:
        raise ValueError(f"{where}: expected one label per sample, found shape {array.shape}")
    found = classes.get_indexer(pd.Index(array, dtype=object))
    unknown = np.flatnonzero(found < 0)
    if unknown.size:
        place = int(unknown[0])
        raise ValueError(
            f"{where}, position {place}: {array[place]!r} is not among the classes {list(classes)}"
        )
    return found.astype(np.int64)


def confusion_matrix(
    truth: ArrayLike, predicted: ArrayLike, labels: Sequence[object]
) -> NDArray[np.int64]:
    """Count samples by true (row) and predicted (column) class, (C, C).

    Parameters
    ----------
    truth, predicted : array_like, shape (n,)
        One label per sample; ValueError as in `validate`.
    labels : sequence
        All C classes; absent ones keep their row and column of zeros.
    """
    rows, columns = validate(truth, predicted, labels)
    size = len(labels)
    return np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)


def validate_confusion(confusion: ArrayLike) -> NDArray[np.int64]:
    """Return ``confusion`` as a (C, C) array of counts, or say why it is not one.

    Raises
    ------
    ValueError
        Not square, NaN, not whole, or negative.
    """
    counts = np.asarray(confusion)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(f"confusion matrix: expected shape (C, C), found {counts.shape}")
    if counts.dtype.kind not in "iuf":
        raise ValueError(f"confusion matrix: expected counts, found {counts.dtype} values")
    bad = np.argwhere(~np.isfinite(counts) | (counts < 0) | (counts != np.floor(counts)))
    if bad.size:
        row, column = bad[0]
        raise ValueError(
            f"confusion matrix, row {row}, column {column}: {counts[row, column]} is not a count"
        )
    return counts.astype(np.int64)


def _quotient(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """``part / whole`` with 0/0 = 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) != 0)


def measures(confusion: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """``n, accuracy, precision, recall, f1_of_means, uf1, uar`` (…), in the order usually printed.

    Of any number of confusion matrices (…, C, C) at once, truth in rows; they are not checked.
    """
    counts = np.asarray(confusion, np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, said = counts.sum(-1), counts.sum(-2)
    precision, recall = _quotient(hits, said).mean(-1), _quotient(hits, true).mean(-1)
    return {
        "n": true.sum(-1),
        "accuracy": _quotient(hits.sum(-1), true.sum(-1)),
        "precision": precision,
        "recall": recall,
        "f1_of_means": _quotient(2 * precision * recall, precision + recall),
        "uf1": _quotient(2 * hits, true + said).mean(-1),
        "uar": recall,
    }


def accuracy(confusion: ArrayLike) -> float:
    """Share of samples on the diagonal, in [0, 1]; 0 when there is no sample (Eq. 18)."""
    return evaluate_confusion(confusion)["accuracy"]


def macro_precision(confusion: ArrayLike) -> float:
    """Mean over all C classes of TP / (TP + FP), in [0, 1] (Eq. 20)."""
    return evaluate_confusion(confusion)["precision"]


def macro_recall(confusion: ArrayLike) -> float:
    """Mean over all C classes of TP / (TP + FN), in [0, 1] (Eq. 19)."""
    return evaluate_confusion(confusion)["recall"]


def uar(confusion: ArrayLike) -> float:
    """Unweighted average recall (Eq. 23): another name of :func:`macro_recall`."""
    return macro_recall(confusion)


def uf1(confusion: ArrayLike) -> float:
    """Unweighted F1: mean over all C classes of 2 TP / (2 TP + FP + FN), in [0, 1] (Eq. 22)."""
    return evaluate_confusion(confusion)["uf1"]


def macro_f1(confusion: ArrayLike) -> float:
    """Mean of the class-wise F1: another name of :func:`uf1`, not :func:`f1_of_means`."""
    return uf1(confusion)


def f1_of_means(precision: float, recall: float) -> float:
    """Harmonic mean of a mean precision and a mean recall (Eq. 21, «F1-score_a»), all in [0, 1].

    It bounds the UF1 of the same predictions from above, and is 0 when both are 0.

    Raises
    ------
    ValueError
        A value outside [0, 1] or NaN.

    Examples
    --------
    >>> round(f1_of_means(0.5983, 0.5872), 4)
    0.5927
    """
    check_share(precision, "precision")
    check_share(recall, "recall")
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def evaluate_confusion(confusion: ArrayLike) -> dict[str, float]:
    """All recognition measures of one confusion matrix, in the order they are usually printed."""
    found = measures(validate_confusion(confusion))
    return {name: int(value) if name == "n" else float(value) for name, value in found.items()}


def evaluate(truth: ArrayLike, predicted: ArrayLike, labels: Sequence[object]) -> dict[str, float]:
    """All recognition `measures` of predictions, all folds together; see `confusion_matrix`."""
    return evaluate_confusion(confusion_matrix(truth, predicted, labels))
