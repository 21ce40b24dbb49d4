"""Checks shared by the measures: shares and frame indices, refused with their place."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def check_iou(iou: float) -> None:
    """Refuse an IoU threshold outside (0, 1]."""
    if not 0 < iou <= 1:
        raise ValueError(f"iou: expected a threshold in (0, 1], found {iou}")


def check_share(value: float, name: str) -> None:
    """Refuse a value outside [0, 1], and NaN."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a value in [0, 1], found {value}")


def as_frames(values: ArrayLike, where: str = "frames") -> NDArray[np.int64]:
    """Return whole numbers (n,), or floats that are whole, as integers; ``where`` names them.

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
