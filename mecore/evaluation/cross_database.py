"""Splits across databases: train on one or two, test on another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mecore.data.composite import split_subject
from mecore.errors import OptionError, nearest
from mecore.evaluation.folds import FoldPlan, Labels


def across_databases(
    subjects: Iterable[str], train: Sequence[str], test: str, seed: int = 0, labels: Labels = "true"
) -> FoldPlan:
    """Plan one fold that trains on some databases and tests on another.

    Parameters
    ----------
    subjects : iterable of str
        Ids that carry the name of their database, see `mecore.data.composite`.
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
    >>> across_databases(["casme2-01", "samm-006"], ["casme2"], "samm").name
    'casme2-to-samm'
    """
    ids = sorted(set(subjects))
    known = {split_subject(s)[0] for s in ids}
    for name in (*train, test):
        if name not in known:
            raise OptionError(f"no subject of {name!r}; {nearest(name, known)}")
    sides = [[s for s in ids if split_subject(s)[0] in names] for names in (train, (test,))]
    ending = "" if labels == "true" else f"-{labels}"
    name = f"{'+'.join(sorted(train))}-to-{test}{ending}"
    return FoldPlan(name, tuple(sides[0]), tuple(sides[1]), seed=seed, labels=labels)


def leave_one_database_out(
    subjects: Iterable[str], seed: int = 0, labels: Labels = "true"
) -> list[FoldPlan]:
    """Plan one fold per database, with all others to train on.

    Examples
    --------
    >>> [f.name for f in leave_one_database_out(["a-1", "b-1", "c-1"])]
    ['b+c-to-a', 'a+c-to-b', 'a+b-to-c']
    """
    ids = sorted(set(subjects))
    names = sorted({split_subject(s)[0] for s in ids})
    others = [[n for n in names if n != test] for test in names]
    return [
        across_databases(ids, train, test, seed, labels)
        for train, test in zip(others, names, strict=True)
    ]
