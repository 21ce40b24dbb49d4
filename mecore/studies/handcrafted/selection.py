"""Selection of settings, honest and as the thesis did, from stored predictions of the grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mecore.metrics.recognition import measures

Indices = NDArray[np.int64]
Bytes = NDArray[np.uint8]


def count_settings(truth: Indices, predicted: Bytes, n_classes: int) -> Indices:
    """Confusion matrix of every setting, (q, C, C), truth in rows.

    Of classes ``truth``, (n,), and what each of q settings says, ``predicted``, (n, q).
    """
    counts = np.empty((predicted.shape[1], n_classes, n_classes), np.int64)
    for c in range(n_classes):
        own = predicted[truth == c]
        for said in range(n_classes):
            counts[:, c, said] = (own == said).sum(axis=0)
    return counts


@dataclass(frozen=True)
class GridPredictions:
    """What every setting of one method says, of clips that were left out.

    Matrices of ``inner`` are, for each subject s, those of the clips of all others, each predicted
    without its own subject and without s.
    """

    groups: NDArray[np.str_]  # (n,), subject of each clip
    truth: Indices  # (n,), its class
    outer: Bytes  # (n, q), each clip predicted without its subject
    inner: Mapping[str, Indices]  # for each subject, confusion matrices (q, C, C)

    def honest_settings(self) -> dict[str, int]:
        """For each subject, the setting that is best on the others; of equal ones the first."""
        return {s: int(measures(counts)["uf1"].argmax()) for s, counts in self.inner.items()}

    def honest(self) -> Bytes:
        """Prediction of each clip with the setting that the other subjects chose, (n,)."""
        settings = self.honest_settings()
        return self.outer[np.arange(len(self.outer)), [settings[g] for g in self.groups]]

    def scores(self) -> NDArray[np.float64]:
        """Macro-F1 of every setting on the left-out subjects, pooled, (q,)."""
        n_classes = next(iter(self.inner.values())).shape[-1]
        return measures(count_settings(self.truth, self.outer, n_classes))["uf1"]

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
    return np.stack([np.frombuffer(p, np.uint8) for p in predicted])
