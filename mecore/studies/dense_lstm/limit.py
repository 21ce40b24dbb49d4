"""The detection limit: F1 on clips of known motion, by its size or by noise.

Counts are those that folds store (`mecore.studies.dense_lstm.fold`): seed, subject, tp, fp, fn and
the levels, motion in pixels (``peak``) and ``noise``.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.statistics import Counts, interval, pooled
from mecore.evaluation.study import summary
from mecore.metrics.spotting import measures


def usual_noise(counts: pd.DataFrame) -> float:
    """Noise of the clips whose motion varies."""
    return float(counts.noise.mode().iloc[0])


def f1_at(counts: pd.DataFrame, by: str) -> pd.DataFrame:
    """F1 of one technique by level of ``"peak"`` or ``"noise"``; columns of `summary`."""
    runs = _by_level(counts, by)
    table = summary(_f1(pooled(runs)), interval(runs, _f1))
    return table.set_axis(table.measure.astype(float), axis=0)


def half_seen(counts: pd.DataFrame) -> pd.DataFrame:
    """How well one technique sees small and large motion; columns of `summary`.

    F1 at the smallest motion, at one pixel and at the largest; and the pixels from which on it is
    one half, interpolated.
    """
    runs = _by_level(counts, "peak")
    return summary(_seen(pooled(runs)), interval(runs, _seen))


def _by_level(counts: pd.DataFrame, by: str) -> Counts:
    """Counts (R, S, 3) of one technique, in R runs and of S subjects, by level."""
    whole = counts.groupby([by, "seed", "subject"])[["tp", "fp", "fn"]].sum()
    shape = counts.seed.nunique(), counts.subject.nunique(), 3
    return {f"{level:g}": own.to_numpy(np.float64).reshape(shape)
            for level, own in whole.groupby(level=0)}  # fmt: skip


def _f1(counts: Counts) -> Counts:
    return {level: measures(own)["f1"] for level, own in counts.items()}


def _seen(counts: Counts) -> Counts:
    f1 = _f1(counts)
    levels = list(f1)
    shown = {f"F1 at {level} px": f1[level] for level in (levels[0], "1", levels[-1])}
    curve = np.stack(list(f1.values()), axis=-1)
    return shown | {"px for F1 = 0.5": _crossing(np.array(levels, float), curve)}


def _crossing(levels: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level from which on curves (…, levels) reach one half, interpolated on a logarithmic axis.

    NaN where a curve never does, the first level where it always does.
    """
    above = curves >= 0.5
    first = above.argmax(axis=-1)[..., None]
    before = np.maximum(first - 1, 0)
    a, b = (np.take_along_axis(curves, at, -1) for at in (before, first))
    x, y = (np.log(levels)[at] for at in (before, first))
    share = np.divide(0.5 - a, b - a, out=np.zeros_like(a), where=b != a)
    found = np.exp(x + share * (y - x))[..., 0]
    return np.where(above.any(axis=-1), np.where(above[..., 0], levels[0], found), np.nan)
