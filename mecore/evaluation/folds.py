"""Folds: who is trained on, who is left out, with which seed. Nothing is fitted without one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.model_selection import LeaveOneGroupOut

from mecore.errors import DataError

Labels = Literal["true", "permuted"]


@dataclass(frozen=True)
class FoldPlan:
    """One fold.

    Parameters
    ----------
    name : str
        Unique in its run; also the name of the file that keeps the result.
    train, test : tuple of str
        Subjects that are fitted on, and subjects that are left out.
    validation : tuple of str
        Subjects on whom settings are chosen; part of neither.
    seed : int
        Seed of the run; the fold derives its own from it and its name.
    labels : {"true", "permuted"}
        With permuted labels of the training subjects, the fold measures chance.

    Raises
    ------
    DataError
        A subject stands on two sides, or a side that must not be empty is.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()
    seed: int = 0
    labels: Labels = "true"

    def __post_init__(self) -> None:
        sides = [*self.train, *self.test, *self.validation]
        twice = sorted({s for s in sides if sides.count(s) > 1})
        if twice:
            raise DataError(f"subject {', '.join(twice)} on two sides", where=f"fold {self.name}")
        if not (self.train and self.test):
            raise DataError("needs subjects to train and to test on", where=f"fold {self.name}")


def leave_one_subject_out(
    subjects: Iterable[str], seed: int = 0, labels: Labels = "true"
) -> list[FoldPlan]:
    """Plan one fold per subject, with all others to train on (LOSO).

    Parameters
    ----------
    subjects : iterable of str
        Ids, repeated or not, in any order.
    seed : int
        Seed of the run.
    labels : {"true", "permuted"}
        See `FoldPlan`.

    Raises
    ------
    DataError
        Fewer than two subjects.

    Examples
    --------
    >>> [(f.name, f.train) for f in leave_one_subject_out(["b", "a", "b", "c"])]
    [('a', ('b', 'c')), ('b', ('a', 'c')), ('c', ('a', 'b'))]
    """
    ids = np.array(sorted(set(subjects)))
    if len(ids) < 2:
        raise DataError(f"leaving one subject out needs at least two, found {len(ids)}")
    splits = LeaveOneGroupOut().split(ids, groups=ids)
    ending = "" if labels == "true" else f"-{labels}"
    return [
        FoldPlan(str(ids[test][0]) + ending, tuple(ids[train].tolist()), tuple(ids[test].tolist()),
                 seed=seed, labels=labels)
        for train, test in splits
    ]  # fmt: skip
