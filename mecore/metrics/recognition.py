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
* recall (Eq. 19) and UAR (Eq. 23) are one quantity, :func:`uar`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def validate(
    truth: ArrayLike, predicted: ArrayLike, labels: Sequence[object]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Check labels (n,), of which there may be none, and return both as indices into the classes.

    ValueError for no or repeated classes, lists of different lengths, or a label of no class.
    """
    classes = pd.Index(np.asarray(labels, object), dtype=object)
    if classes.empty or not classes.is_unique:
        raise ValueError(f"labels: expected different classes, found {list(labels)}")
    true, given = _indices(truth, classes, "truth"), _indices(predicted, classes, "predicted")
    if len(true) != len(given):
        raise ValueError(f"{len(true)} true labels but {len(given)} predicted ones")
    return true, given


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
    """Return (C, C) counts; ValueError if they are not square, NaN, not whole, or negative."""
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
    """All measures of any number of confusion matrices (…, C, C), which are not checked.

    Returns
    -------
    dict
        Name → (…), in the order usually printed; all but ``n``, the number of samples, in [0, 1].
        ``accuracy``: share of samples on the diagonal (Eq. 18). ``precision``, ``recall``: means
        over all C classes of TP / (TP + FP) (Eq. 20) and TP / (TP + FN) (Eq. 19).
        ``f1_of_means`` (Eq. 21). ``uf1``: mean over all C classes of 2 TP / (2 TP + FP + FN)
        (Eq. 22). ``uar`` (Eq. 23): the recall.
    """
    counts = np.asarray(confusion, np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, given = counts.sum(-1), counts.sum(-2)
    precision, recall = _quotient(hits, given).mean(-1), _quotient(hits, true).mean(-1)
    return {
        "n": true.sum(-1),
        "accuracy": _quotient(hits.sum(-1), true.sum(-1)),
        "precision": precision,
        "recall": recall,
        "f1_of_means": _quotient(2 * precision * recall, precision + recall),
        "uf1": _quotient(2 * hits, true + given).mean(-1),
        "uar": recall,
    }


def evaluate_confusion(confusion: ArrayLike) -> dict[str, float]:
    """All `measures` of one confusion matrix, checked as in `validate_confusion`."""
    found = measures(validate_confusion(confusion))
    return {name: int(value) if name == "n" else float(value) for name, value in found.items()}


def evaluate(truth: ArrayLike, predicted: ArrayLike, labels: Sequence[object]) -> dict[str, float]:
    """All `measures` of predictions, all folds together; see `confusion_matrix`."""
    return evaluate_confusion(confusion_matrix(truth, predicted, labels))


def uar(confusion: ArrayLike) -> float:
    """Unweighted average recall of one confusion matrix (C, C), see `measures`."""
    return evaluate_confusion(confusion)["uar"]


def uf1(confusion: ArrayLike) -> float:
    """Unweighted F1 of one confusion matrix (C, C), see `measures`."""
    return evaluate_confusion(confusion)["uf1"]


macro_f1 = uf1


def f1_of_means(precision: float, recall: float) -> float:
    """Harmonic mean of a mean precision and a mean recall (Eq. 21); 0 when both are 0.

    ValueError if one is outside [0, 1] or NaN.

    Examples
    --------
    >>> round(f1_of_means(0.5983, 0.5872), 4)
    0.5927
    """
    check_share(precision, "precision")
    check_share(recall, "recall")
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def check_share(value: float, name: str) -> None:
    """Refuse a value outside [0, 1], and NaN."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a value in [0, 1], found {value}")
