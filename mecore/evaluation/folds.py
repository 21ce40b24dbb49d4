"""Folds: who is trained on, who is left out, with which seed. Nothing is fitted without one."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut

from mecore.errors import DataError, OptionError, nearest

Labels = Literal["true", "permuted"]
T = TypeVar("T", bound=np.generic)


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
        With permuted labels of the training subjects, the fold measures chance: classes are
        shuffled among their samples, annotated intervals are rotated in each of their videos.

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

    @property
    def key(self) -> str:
        """Unique among the folds of all seeds; the name of the files that keep the result."""
        return f"{self.name}.s{self.seed}"

    def __post_init__(self) -> None:
        sides = [*self.train, *self.test, *self.validation]
        twice = sorted({s for s in sides if sides.count(s) > 1})
        if twice:
            raise DataError(f"subject {', '.join(twice)} on two sides", where=f"fold {self.name}")
        if not (self.train and self.test):
            raise DataError("needs subjects to train and to test on", where=f"fold {self.name}")


@dataclass(frozen=True)
class FoldResult:
    """What one fold gives.

    Parameters
    ----------
    rows : DataFrame
        One row per sample or interval, with truth, prediction and score.
    tables, seconds : mapping of str to DataFrame, and to float
        Further tables by name, such as frame scores and learning curves; wall-clock time by part.
    """

    rows: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note in ``seconds`` how many wall-clock seconds a part took; they are no result."""
    start = time.perf_counter()
    yield
    seconds[part] = seconds.get(part, 0) + time.perf_counter() - start


def permuted(labels: NDArray[T], rng: np.random.Generator, among: NDArray[np.bool_]) -> NDArray[T]:
    """Shuffle labels among some samples, those of the training subjects; others keep theirs."""
    shuffled = labels.copy()
    shuffled[among] = rng.permutation(labels[among])
    return shuffled


def rotated(targets: NDArray[T], rng: np.random.Generator) -> NDArray[T]:
    """Rotate the targets of one video by a random offset: same count and lengths, elsewhere."""
    return np.roll(targets, rng.integers(len(targets))) if len(targets) else targets


def grouped(
    plans: Iterable[FoldPlan], by: Callable[[FoldPlan], object], size: int
) -> list[list[FoldPlan]]:
    """Cut plans into groups of at most ``size`` that follow each other and agree in ``by``."""
    groups = [list(group) for _, group in groupby(plans, by)]
    return [group[i : i + size] for group in groups for i in range(0, len(group), size)]


def leave_one_subject_out(
    subjects: Iterable[str], seed: int = 0, labels: Labels = "true"
) -> list[FoldPlan]:
    """Plan one fold per subject, with all others to train on (LOSO).

    Parameters
    ----------
    subjects : iterable of str
        Ids, repeated or not, in any order; DataError if they are fewer than two.
    seed, labels
        See `FoldPlan`.

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


def across_databases(
    database_of: Mapping[str, str], train: Sequence[str], test: str, seed: int = 0,
    labels: Labels = "true",
) -> FoldPlan:  # fmt: skip
    """Plan one fold that trains on some databases and tests on another.

    Parameters
    ----------
    database_of : mapping of str to str
        Subject → its database.
    train : sequence of str
        Databases to train on.
    test : str
        Database to test on.
    seed, labels
        See `FoldPlan`.

    Raises
    ------
    OptionError
        No subject of a database.
    DataError
        The same database on both sides.

    Examples
    --------
    >>> across_databases({"casme2-01": "casme2", "samm-006": "samm"}, ["casme2"], "samm").name
    'casme2-to-samm'
    """
    known = set(database_of.values())
    for name in (*train, test):
        if name not in known:
            raise OptionError(f"no subject of {name!r}; {nearest(name, known)}")
    sides = [sorted(s for s, d in database_of.items() if d in names) for names in (train, (test,))]
    ending = "" if labels == "true" else f"-{labels}"
    name = f"{'+'.join(sorted(train))}-to-{test}{ending}"
    return FoldPlan(name, tuple(sides[0]), tuple(sides[1]), seed=seed, labels=labels)


def leave_one_database_out(
    database_of: Mapping[str, str], seed: int = 0, labels: Labels = "true"
) -> list[FoldPlan]:
    """Plan one fold per database, with all others to train on; see `across_databases`.

    Examples
    --------
    >>> [f.name for f in leave_one_database_out({"a-1": "a", "b-1": "b", "c-1": "c"})]
    ['b+c-to-a', 'a+c-to-b', 'a+b-to-c']
    """
    names = sorted(set(database_of.values()))
    others = {test: [n for n in names if n != test] for test in names}
    return [across_databases(database_of, others[test], test, seed, labels) for test in names]
