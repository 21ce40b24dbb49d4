"""Balance the training frames of a spotter: a fixed ratio of negatives to positives.

Liong, See, Chan (2022, section 4.3) keep 8 negatives per positive. Their code passes 5 and has a
rule of its own, offered as ``"released"``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.errors import DataError, check_option

BalanceRule: TypeAlias = Literal["ratio", "released"]


def balance(
    targets: ArrayLike, priority: ArrayLike, *, ratio: float = 8.0, rule: BalanceRule = "ratio"
) -> NDArray[np.int64]:
    """Choose the frames to train on: indices into ``targets``, ascending, without repetition.

    Parameters
    ----------
    targets : array_like, shape (n,)
        0 or 1, of all training frames of a fold.
    priority : array_like, shape (n,)
        Frames of the lowest numbers are kept first. Uniform random numbers make a uniform draw;
        folds that share them share most of their frames.
    ratio : float
        Negatives per positive, above 0. The paper has 8, the released code is run with 5.
    rule : {"ratio", "released"}
        ``"ratio"``: all positives and ``ratio`` times as many negatives; with too few negatives
        for that, all negatives and as many positives as fit the ratio, at least one.
        ``"released"``: with m the size of the smaller class and N = n, ``int(m·ratio)`` negatives
        and all positives if that number is at most N, otherwise all negatives and
        ``int(max class / ratio)`` positives. Between the two it asks for more frames than there
        are: that gap is refused here.

    Raises
    ------
    DataError
        Targets other than 0 and 1, only one of the two, or the gap of the released rule.
    """
    check_option(rule, get_args(BalanceRule), "rule")
    if not 0 < ratio < float("inf"):
        raise DataError(f"ratio: expected negatives per positive above 0, found {ratio}")
    labels = np.asarray(targets)
    if labels.ndim != 1 or not np.isin(labels, (0, 1)).all():
        raise DataError(f"targets: expected shape (n,) of 0 and 1, found shape {labels.shape}")
    negative, positive = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    if not (negative.size and positive.size):
        found = f"{negative.size} negative and {positive.size} positive frames"
        raise DataError(f"{found} cannot be balanced")
    sizes = _released_sizes if rule == "released" else _ratio_sizes
    both = zip((negative, positive), sizes(negative.size, positive.size, ratio), strict=True)
    rank = np.asarray(priority)
    kept = [side[np.argsort(rank[side], kind="stable")[:size]] for side, size in both]
    return np.sort(np.concatenate(kept))


def _ratio_sizes(n_negative: int, n_positive: int, ratio: float) -> tuple[int, int]:
    """Keep the ratio by dropping from the class that has too many."""
    if ratio * n_positive <= n_negative:
        return int(ratio * n_positive), n_positive
    return n_negative, max(1, int(n_negative / ratio))


def _released_sizes(n_negative: int, n_positive: int, ratio: float) -> tuple[int, int]:
    """Sizes of the released rule, where they exist."""
    n_drawn = int(min(n_negative, n_positive) * ratio)
    if n_drawn > n_negative + n_positive:
        return n_negative, int(max(n_negative, n_positive) / ratio)
    if n_drawn > n_negative:
        raise DataError(
            f"the released rule asks for {n_drawn} of {n_negative} negative frames "
            f"beside {n_positive} positive ones at ratio {ratio}",
            todo="use rule='ratio', or another ratio",
        )
    return n_drawn, n_positive
