"""The fold runner: every fold once, stored as it comes, resumed where it stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, as_completed
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import pandas as pd
from tqdm import tqdm

from mecore.errors import MecoreError
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.store import FoldResult, RunStore

Task: TypeAlias = Callable[[FoldPlan], FoldResult]
GroupTask: TypeAlias = Callable[[Sequence[FoldPlan]], Sequence[FoldResult]]
T = TypeVar("T")


def progress_bar(items: Iterable[T], total: int, what: str, show: bool = True) -> Iterator[T]:
    """Yield the items with a progress bar: in a terminal only, never in a page or a log file."""
    hidden = not (show and total and sys.stderr.isatty())
    return iter(tqdm(items, total=total, desc=what, disable=hidden, leave=False))


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note in ``seconds`` how many wall-clock seconds a part took; they are no result."""
    start = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - start


def run_folds(
    task: Task | GroupTask,
    plans: Iterable[FoldPlan],
    store: RunStore,
    executor: Executor,
    *,
    together: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Run a task on every fold that is not stored yet.

    Parameters
    ----------
    task : callable
        Picklable; takes a `FoldPlan` and trains and tests on it, with a fresh model, a fresh
        optimiser and one seed.
    plans : iterable of FoldPlan
        Their order is the order of the rows.
    store : RunStore
        Where results are kept. Folds that are there are not computed again.
    executor : concurrent.futures.Executor
        Where folds run. It does not change the result.
    together : int
        The task takes so many folds at once, as a list, and gives a list of results. Groups are
        those of the whole run whatever is stored already, so that a resumed one repeats it.
    progress : bool
        Show a bar in a terminal.

    Returns
    -------
    DataFrame
        Rows of all folds, with columns ``fold`` and ``labels`` in front.

    Raises
    ------
    MecoreError
        A fold failed. The others are finished and stored, and a second run begins after them.
    """
    plans = list(plans)
    size = together or 1
    groups = [plans[i : i + size] for i in range(0, len(plans), size)]
    groups = [g for g in groups if not all(store.has_fold(p.name) for p in g)]
    waiting: dict[Future[Any], list[FoldPlan]] = {}
    failed: list[tuple[FoldPlan, BaseException]] = []

    def keep(future: Future[Any]) -> None:
        group, error = waiting.pop(future), _error_of(future)
        if error is not None:
            failed.extend((plan, error) for plan in group)
            return
        results = future.result() if together else [future.result()]
        for plan, result in zip(group, results, strict=True):
            if not store.has_fold(plan.name):
                store.save_fold(plan.name, result)

    for group in groups:
        waiting[executor.submit(task, group if together else group[0])] = group  # type: ignore[arg-type]
        for future in [f for f in waiting if f.done()]:
            keep(future)
    for future in progress_bar(as_completed(list(waiting)), len(waiting), "folds", progress):
        keep(future)
    if failed:
        raise _failure(failed, len(plans)) from failed[0][1]
    rows = collect(store, plans)
    store.save_rows(rows)
    return rows


def _error_of(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        # What a cluster says of folds whose scheduler is gone.
        return error if str(error) else CancelledError("the scheduler or its workers are gone")


def _failure(failed: list[tuple[FoldPlan, BaseException]], n: int) -> MecoreError:
    failed.sort(key=lambda f: f[0].name)
    plan, error = failed[0]
    names = ", ".join(p.name for p, _ in failed)
    return MecoreError(
        f"{len(failed)} of {n} folds failed ({names}); the first: {type(error).__name__}: {error}",
        where=f"fold {plan.name}",
        todo="the finished folds are stored; run the same command again after mending it",
    )


def collect(store: RunStore, plans: Iterable[FoldPlan], table: str = "rows") -> pd.DataFrame:
    """Put one table of all folds together, in the order of the plans."""
    parts = []
    for plan in plans:
        part = store.fold_table(plan.name, table)
        part.insert(0, "fold", plan.test[0] if len(plan.test) == 1 else plan.name)
        part.insert(1, "labels", plan.labels)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
