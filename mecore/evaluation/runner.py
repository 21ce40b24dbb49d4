"""The fold runner: every fold once, stored as it comes, resumed where it stopped."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, as_completed
from typing import Any, TypeAlias, TypeVar

import pandas as pd
from tqdm import tqdm

from mecore.errors import MecoreError
from mecore.evaluation.folds import FoldPlan, FoldResult
from mecore.evaluation.store import RunStore

Group: TypeAlias = Sequence[FoldPlan]
Task: TypeAlias = Callable[[Group], Sequence[FoldResult]]
T = TypeVar("T")


def progress_bar(items: Iterable[T], total: int, what: str, show: bool = True) -> Iterator[T]:
    """Yield the items with a progress bar: in a terminal only, never in a page or a log file."""
    hidden = not (show and total and sys.stderr.isatty())
    return iter(tqdm(items, total=total, desc=what, disable=hidden, leave=False))


def run_folds(
    task: Task,
    groups: Iterable[Group],
    store: RunStore,
    executor: Executor,
    *,
    progress: bool = True,
) -> None:
    """Run a task on every fold that is not stored yet.

    Parameters
    ----------
    task : callable
        Picklable; takes some folds, which it may train in one graph, and gives a result for each.
        Every fold has a fresh model, a fresh optimiser and one seed.
    groups : iterable of sequence of FoldPlan
        Folds that are run at once. They are those of the whole run whatever is stored already, so
        that a resumed one repeats it.
    store : RunStore
        Where results are kept. Folds that are there are not computed again.
    executor : concurrent.futures.Executor
        Where folds run. It does not change the result.
    progress : bool
        Show a bar in a terminal.

    Raises
    ------
    MecoreError
        A fold failed. The others are finished and stored, and a second run begins after them.
    """
    groups = [list(group) for group in groups]
    waiting: dict[Future[Any], Group] = {}
    failed: list[tuple[FoldPlan, BaseException]] = []

    def keep(future: Future[Any]) -> None:
        group, error = waiting.pop(future), _error_of(future)
        if error is not None:
            failed.extend((plan, error) for plan in group)
            return
        for plan, result in zip(group, future.result(), strict=True):
            if not store.has_fold(plan.key):
                store.save_fold(plan.key, result)

    for group in groups:
        if not all(store.has_fold(plan.key) for plan in group):
            waiting[executor.submit(task, group)] = group
        for future in [f for f in waiting if f.done()]:
            keep(future)
    for future in progress_bar(as_completed(list(waiting)), len(waiting), "folds", progress):
        keep(future)
    if failed:
        raise _failure(failed, sum(map(len, groups))) from failed[0][1]


def _error_of(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        # What a cluster says of folds whose scheduler is gone.
        return error if str(error) else CancelledError("the scheduler or its workers are gone")


def _failure(failed: list[tuple[FoldPlan, BaseException]], n: int) -> MecoreError:
    failed.sort(key=lambda f: f[0].key)
    plan, error = failed[0]
    names = ", ".join(p.name for p, _ in failed)
    return MecoreError(
        f"{len(failed)} of {n} folds failed ({names}); the first: {type(error).__name__}: {error}",
        where=f"fold {plan.name}",
        todo="the finished folds are stored; run the same command again after mending it",
    )


def collect(store: RunStore, plans: Iterable[FoldPlan], table: str = "rows") -> pd.DataFrame:
    """Put one table of all folds together, in the order of the plans.

    Returns
    -------
    DataFrame
        With columns ``fold``, ``labels`` and ``seed`` in front.
    """
    parts = []
    for plan in plans:
        part = store.fold_table(plan.key, table)
        part.insert(0, "fold", plan.test[0] if len(plan.test) == 1 else plan.name)
        part.insert(1, "labels", plan.labels)
        part.insert(2, "seed", plan.seed)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
