"""Confusion matrices, as every chapter on recognition shows them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray


def draw_confusion(ax: Axes, counts: NDArray[np.int64], classes: Sequence[str], title: str) -> Axes:
    """Confusion matrix: share of each true class, with counts."""
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        colour = "white" if share[i, j] > 0.6 else "black"
        ax.text(j, i, f"{share[i, j]:.0%}\n{counts[i, j]}", ha="center", va="center", color=colour)
    names = [f"{c}\n(n={n})" for c, n in zip(classes, total[:, 0], strict=True)]
    ax.set_xticks(range(len(classes)), classes, rotation=25, ha="right")
    ax.set_yticks(range(len(classes)), names)
    ax.set(xlabel="recognised", ylabel="true", title=title)
    return ax
