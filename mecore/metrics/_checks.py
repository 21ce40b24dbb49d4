"""Checks shared by the measures: options, shares and frame indices, refused with their place."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def check_option(value: str, known: tuple[str, ...], name: str) -> None:
    """Refuse an option that does not exist, naming the one that was probably meant."""
    if value not in known:
        close = difflib.get_close_matches(str(value), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        raise ValueError(f"{name}={value!r} does not exist; {hint}")


def check_iou(iou: float) -> None:
    """Refuse an IoU threshold outside (0, 1]."""
    if not 0 < iou <= 1:
        raise ValueError(f"iou: expected a threshold in (0, 1], found {iou}")


def check_share(value: float, name: str) -> None:
    """Refuse a value outside [0, 1], and NaN."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a value in [0, 1], found {value}")


def as_frames(values: ArrayLike, where: str = "frames") -> NDArray[np.int64]:
    """Return ``values`` as a 1-D integer array, or say why they are not frame indices.

    Parameters
    ----------
    values : array_like, shape (n,)
        Whole numbers; floats are taken when they are whole.
    where : str
        Named in the error.

    Raises
    ------
    ValueError
        Wrong shape, not numbers, missing, NaN or infinite, or not whole.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{where}: expected shape (n,), found {array.shape}")
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind == "O":
        # nullable integers of pandas arrive as objects
        missing = np.flatnonzero(pd.isna(array))
        if missing.size:
            raise ValueError(f"{where}, position {missing[0]}: a missing value is no frame")
        array = np.array(array.tolist())
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{where}: expected whole numbers, found {array.dtype} values")
    bad = np.flatnonzero(~np.isfinite(array) | (array != np.floor(array)))
    if bad.size:
        raise ValueError(f"{where}, position {bad[0]}: {array[bad[0]]} is not a whole frame")
    return array.astype(np.int64)
