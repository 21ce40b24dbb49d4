"""Features computed once: kept in the user's cache folder, read as memory maps.

The key of a value is built from what its function takes and from the code that this function
imports, directly or not. So nothing that changes a feature can be forgotten in a key, and nothing
else enters it: functions of features take no labels, no class sets and no further options.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, TypeVar

import joblib

from mecore.data.code import code_digest
from mecore.data.files import digest
from mecore.data.places import cache_home
from mecore.errors import DataError, MecoreError
from mecore.evaluation.runner import progress_bar

T = TypeVar("T")


def cached(function: Callable[..., T], *arguments: Any) -> T:
    """Return the value of a function, from the cache where it is there.

    Arrays come as memory maps: a database need not fit into memory. A damaged entry is computed
    anew.

    Parameters
    ----------
    function : callable
        A function of a module of the package.
    *arguments
        What it takes. Of one that has an ``identity``, such as
        `mecore.data.frames.Footage`, that alone is looked at.
    """
    memory = joblib.Memory(cache_home() / "features", mmap_mode="r", verbose=0)
    compute = memory.cache(_computed, ignore=["function", "arguments"])
    return compute(key_of(function, *arguments), function, arguments)


def key_of(function: Callable[..., Any], *arguments: Any) -> str:
    """Return the key of what a function gives, see `cached`."""
    known = [getattr(argument, "identity", argument) for argument in arguments]
    name = f"{function.__module__}.{function.__qualname__}"
    return digest([name, code_digest(function.__module__), joblib.hash(known)])


def _computed(key: str, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    return function(*arguments)


def prepare(
    compute: Callable[[Any], object],
    items: Iterable[Any],
    executor: Executor,
    *,
    what: str = "videos",
    progress: bool = True,
) -> None:
    """Compute the features of many videos or clips; what is in the cache is not computed again.

    DataError if some cannot be used: all of them are named, and the others are kept.

    Parameters
    ----------
    compute : callable
        Picklable; computes the features of one and keeps them.
    items, what : iterable, and str
        All videos or clips, each with a ``name``, and what messages call them.
    executor, progress
        See `mecore.evaluation.runner.run_folds`.
    """
    items = list(items)
    futures = [executor.submit(_problem, compute, item) for item in items]
    done = progress_bar((f.result() for f in futures), len(items), "features", progress)
    problems = [p for p in done if p]
    if problems:
        raise DataError(
            f"{len(problems)} of {len(items)} {what} cannot be used:\n  " + "\n  ".join(problems),
            todo=f"exclude {'them' if what == 'videos' else 'their videos'} in the manifest with a "
            "reason; the others are in the cache",
        )


def _problem(compute: Callable[[Any], object], item: Any) -> str | None:
    try:
        compute(item)
    except (MecoreError, ValueError) as error:
        return f"{item.name}: {error}"
    return None
