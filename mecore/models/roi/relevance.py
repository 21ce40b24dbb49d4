"""«Not me»: which regions show which emotion, and the labels of the region CNNs.

Aouayeb et al. (2019), section 3.2: a CNN whose region does not take part in an emotion learns the
extra class «not me» from it. Figure 3 of the paper names the regions only in a drawing; the table
below is that of the group's later code, whose class numbers are those of the paper, and agrees
with the one example of the text (happiness does not move the nose).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mecore.errors import OptionError
from mecore.preprocessing.regions import FACE, SIX

Ints = NDArray[np.int64]
NOT_ME = "not me"
_ALL = ("negative", "positive", "surprise")
REACTS: dict[str, tuple[str, ...]] = {
    "eye, image left": ("negative", "surprise"), "eye, image right": ("negative", "surprise"),
    "nose": ("negative",), "cheek, image left": ("positive",), "cheek, image right": ("positive",),
    "mouth": _ALL, FACE: _ALL,
}  # fmt: skip
_EYE, _CHEEK = (1, 2, 4, 5, 7), (6, 12, 13)
ACTION_UNITS: dict[str, tuple[int, ...]] = {
    "eye, image left": _EYE, "eye, image right": _EYE, "nose": (9, 10, 11),
    "cheek, image left": _CHEEK, "cheek, image right": _CHEEK,
    "mouth": (10, 12, 14, 15, 16, 17, 20, 23, 24, 25, 26), FACE: tuple(range(1, 65)),
}  # fmt: skip


def relevance_table(classes: Sequence[str], names: Sequence[str] = SIX) -> NDArray[np.bool_]:
    """Which class moves which region, (C, R).

    Raises
    ------
    OptionError
        Classes other than the three of the paper, of which its table says nothing.
    """
    unknown = sorted(set(classes) - set(_ALL))
    if unknown:
        raise OptionError(
            f"the paper does not say which regions show {', '.join(unknown)}; it has {_ALL}",
            todo="take the regions from action units with labels_from='action_units'",
        )
    return np.array([[c in REACTS[name] for name in names] for c in classes], bool)


def reacts_by_units(units: Sequence[int], names: Sequence[str] = SIX) -> NDArray[np.bool_]:
    """Which regions the action units of one clip move, (R,).

    Examples
    --------
    >>> [n for n, r in zip(SIX, reacts_by_units([9]), strict=True) if r]
    ['nose']
    """
    return np.array([bool(set(units) & set(ACTION_UNITS[name])) for name in names], bool)


def region_labels(labels: Ints, reacts: NDArray[np.bool_], n_classes: int) -> Ints:
    """Labels of the region CNNs: the class where the region reacts, else ``n_classes``.

    Parameters
    ----------
    labels : array of int, (n,)
        Classes of the clips.
    reacts : array of bool, (n, R)
        Whether the region takes part in the clip.
    n_classes : int
        Number of classes, which is also the number of «not me».

    Returns
    -------
    array of int, (n, R)
    """
    return np.where(reacts, labels[:, None], n_classes)
