"""Selection of settings, honest and as the thesis did, from stored predictions of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Bytes = NDArray[np.uint8]


def macro_f1_of_each(truth: Indices, predicted: Bytes, n_classes: int) -> NDArray[np.float64]:
    """Macro-F1 of every setting.

    Parameters
    ----------
    truth : array, (n,), int
        Classes.
    predicted : array, (n, q), uint8
        What each of q settings says.
    n_classes : int
        F1 is averaged over all of them; a class that is absent in truth and prediction counts 0.

    Returns
    -------
    array, (q,)
        `mecore.metrics.recognition.macro_f1` of each column.
    """
    total = np.zeros(predicted.shape[1])
    for c in range(n_classes):
        said, true = predicted == c, truth == c
        hits, both = said[true].sum(axis=0), said.sum(axis=0) + true.sum()
        total += np.divide(2 * hits, both, out=np.zeros(len(total)), where=both > 0)
    return total / n_classes


@dataclass(frozen=True)
class GridPredictions:
    """What every setting of one method says, for the clips left out.

    Parameters
    ----------
    groups : array of str, (n,)
        Subject of each clip.
    outer : array, (n, q), uint8
        Each clip predicted without its subject.
    inner : mapping of str to array, (n, q), uint8
        For each subject s: every other clip predicted without its own subject and without s.
    trained, truth : array, (n,), int
        Class that a clip is trained on, and its true class.
    n_classes : int
    """

    groups: NDArray[np.str_]
    outer: Bytes
    inner: dict[str, Bytes]
    trained: Indices
    truth: Indices
    n_classes: int

    def honest_settings(self) -> dict[str, int]:
        """For each subject, the setting that is best on the others; of equal ones the first."""
        chosen = {}
        for subject, predicted in self.inner.items():
            others = self.groups != subject
            scores = macro_f1_of_each(self.trained[others], predicted[others], self.n_classes)
            chosen[subject] = int(scores.argmax())
        return chosen

    def honest(self) -> Bytes:
        """Prediction of each clip with the setting that the other subjects chose, (n,)."""
        settings = self.honest_settings()
        return self.outer[np.arange(len(self.outer)), [settings[g] for g in self.groups]]

    def scores(self) -> NDArray[np.float64]:
        """Macro-F1 of every setting on the left-out subjects, pooled, (q,)."""
        return macro_f1_of_each(self.truth, self.outer, self.n_classes)

    def oracle_setting(self) -> int:
        """The setting that is best on the left-out subjects themselves: the thesis' choice."""
        return int(self.scores().argmax())

    def oracle(self) -> Bytes:
        """Prediction of each clip with `oracle_setting`, (n,)."""
        return self.outer[:, self.oracle_setting()]

    def distinct(self) -> int:
        """How many settings differ in any prediction."""
        return len(np.unique(self.outer, axis=1).T)


def unpack(predicted: Sequence[bytes]) -> Bytes:
    """Stored bytes as an array (n, q)."""
    rows = [np.frombuffer(p, np.uint8) for p in predicted]
    return np.stack(rows) if rows else np.empty((0, 0), np.uint8)
