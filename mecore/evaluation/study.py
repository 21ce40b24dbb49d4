"""The study engine: what all studies share, from plans to scores with intervals.

A study declares what is its own: how a fold is fitted and asked (its task), which rows stand in
each column, how rows are counted by subject, and which measures the counts have. The engine gives
it several seeds, true and permuted labels, resume, executors, the columns and their intervals.

* **honest**: everything that is fitted or chosen sees the training subjects only.
* **oracle**: the published habit of choosing on the left-out subjects.
* **chance**: the honest pipeline, trained on permuted labels of the training subjects.
* **oracle on chance**: the oracle's choice among what learnt from permuted labels.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.data.places import results_home
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.folds import FoldPlan, Labels, grouped
from mecore.evaluation.runner import collect, run_folds
from mecore.evaluation.statistics import Counts, interval, pooled, stacked
from mecore.evaluation.store import RunStore, open_run

T = TypeVar("T")
# Column: the labels that its networks were trained on.
COLUMNS: dict[str, Labels] = {
    "honest": "true", "oracle": "true", "chance": "permuted", "oracle on chance": "permuted",
}  # fmt: skip
BOTH: tuple[Labels, ...] = ("true", "permuted")
Split: TypeAlias = Callable[[int, Labels], Sequence[FoldPlan]]


def seed_range(seeds: int, scale: str = "full", full: int = 3, small: int = 1) -> range:
    """Seeds of a run: as many as asked for; 0 stands for three, and for one at ``"small"``."""
    return range(seeds or (full if scale == "full" else small))


@dataclass(frozen=True)
class Execution:
    """How a study is run; no result depends on it.

    Parameters
    ----------
    workers : int or str
        Processes, or the address of a Dask scheduler.
    progress : bool
        Show bars in a terminal.
    results : Path
        Where runs are stored; what is there is not computed again.
    """

    workers: Workers = 1
    progress: bool = True
    results: Path = field(default_factory=results_home)


@dataclass(frozen=True)
class Design:
    """What a run is: with the code of its task, all that its id depends on.

    Parameters
    ----------
    chapter, dataset : str
        Names of folders in the results.
    data : str
        Fingerprint of the data.
    parameters : mapping
        All that changes a result but the seeds, JSON-like.
    """

    chapter: str
    dataset: str
    data: str
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, chapter: str, databases: Sequence[Database], parameters: Mapping[str, Any]) -> Self:
        """Design of a run on one database, or on several."""
        name = "+".join(d.manifest.id for d in databases)
        return cls(chapter, name, "+".join(d.fingerprint for d in databases), parameters)


def all_plans(
    split: Split, seeds: Iterable[int], labels: Iterable[Labels] = BOTH
) -> list[FoldPlan]:
    """Plan the folds of a study: of every kind of labels, every seed, every fold of the split."""
    seeds = list(seeds)
    return [plan for kind in labels for seed in seeds for plan in split(seed, kind)]


@dataclass(frozen=True)
class Study(Generic[T]):
    """A finished run; everything it shows is derived from what its folds stored.

    Parameters
    ----------
    task : object
        What is run: items, options, and how one fold is fitted and asked.
    plans : tuple of FoldPlan
        All folds.
    store : RunStore
        Their results.
    """

    task: T
    plans: tuple[FoldPlan, ...]
    store: RunStore

    # Folds that are trained in one graph follow each other in the plans, and agree in `group`.
    together: ClassVar[int] = 1
    # Draws of every bootstrap.
    draws: ClassVar[int] = 1000
    # Columns, and the labels that each was trained on.
    columns: ClassVar[Mapping[str, Labels]] = COLUMNS

    @staticmethod
    def group(plan: FoldPlan) -> object:
        """What folds agree in that are run at once."""
        return plan.labels, plan.seed

    @classmethod
    def run(
        cls,
        task: T,
        design: Design,
        plans: Sequence[FoldPlan],
        how: Execution,
        prepare: Callable[[Executor], object] = lambda executor: None,
    ) -> Self:
        """Run what is not stored yet.

        Parameters
        ----------
        task : callable
            See `mecore.evaluation.runner.run_folds`.
        design : Design
            What the run is.
        plans : sequence of FoldPlan
            All folds; see `all_plans`.
        how : Execution
            How it is run.
        prepare : callable
            Computes features; called if a fold is missing.

        Raises
        ------
        MecoreError
            Items that cannot be used, or folds that failed; what was computed is kept.
        """
        known = {**design.parameters, "folds": sorted({p.test for p in plans})}
        store = open_run(how.results, design.chapter, design.dataset, known, design.data,
                         type(task).__module__)  # fmt: skip
        study = cls(task, tuple(plans), store)
        if not all(store.has_fold(plan.key) for plan in plans):
            groups = grouped(plans, cls.group, cls.together)
            with executor_for(how.workers) as executor:
                prepare(executor)
                run_folds(task, groups, store, executor, progress=how.progress)  # type: ignore[arg-type]
        return study

    # -- what folds stored ------------------------------------------------------------------------
    def plans_with(self, labels: Labels = "true", seed: int | None = None) -> list[FoldPlan]:
        """Folds with true or with permuted labels, of all seeds or of one."""
        return [p for p in self.plans if p.labels == labels and seed in (None, p.seed)]

    def seeds(self, labels: Labels = "true") -> list[int]:
        """Seeds of the folds with true, or with permuted labels."""
        return sorted({p.seed for p in self.plans_with(labels)})

    @cached_property
    def _tables(self) -> dict[tuple[str, Labels], pd.DataFrame]:
        return {}

    def table(
        self, name: str = "rows", labels: Labels = "true", seed: int | None = None
    ) -> pd.DataFrame:
        """One table of all folds; columns ``fold``, ``labels``, ``seed`` stand in front."""
        if (name, labels) not in self._tables:
            self._tables[name, labels] = collect(self.store, self.plans_with(labels), name)
        whole = self._tables[name, labels]
        return whole if seed is None else whole[whole.seed == seed]

    def seconds(self, labels: Labels = "true") -> pd.DataFrame:
        """Wall-clock seconds of each part of each fold."""
        return pd.DataFrame([self.store.fold_seconds(p.key) for p in self.plans_with(labels)])

    # -- columns and scores -----------------------------------------------------------------------
    @property
    def methods(self) -> list[str]:
        """What is scored side by side; one without a name where a study has one method only."""
        return [""]

    def rows(self, column: str, seed: int, method: str = "") -> Any:
        """What a method says of the left-out subjects in a column, in one run."""
        raise NotImplementedError

    def counts(self, rows: Any) -> Counts:
        """Counts of some rows by subject, that add up: name → (S, …)."""
        raise NotImplementedError

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """Measures of counts (…) that were added up over subjects."""
        raise NotImplementedError

    def extras(self, rows: Any) -> dict[str, float]:
        """Measures that do not follow from counts, and thus have no interval."""
        return {}

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores of every method in every column; they and the rows of the folds are stored.

        Returns
        -------
        DataFrame
            See `score_rows`, with ``method`` and ``column`` in front.
        """
        parts = [
            self.score(column, method).assign(method=method, column=column)
            for method in self.methods
            for column, labels in self.columns.items()
            if self.plans_with(labels)
        ]
        table = pd.concat(parts, ignore_index=True)
        table = table[["method", "column", *table.columns[:-2]]]
        rows = pd.concat([self.table("rows", k) for k in BOTH if self.plans_with(k)])
        self.store.save_scores(table, rows)
        return table

    def score(self, column: str, method: str = "") -> pd.DataFrame:
        """Scores of one method in one column."""
        seeds = self.seeds(self.columns[column])
        return self.score_rows([self.rows(column, seed, method) for seed in seeds])

    def score_rows(self, runs: Sequence[Any]) -> pd.DataFrame:
        """Score the rows of several runs of the same folds; see `summary`."""
        counts = stacked([self.counts(rows) for rows in runs])
        each = {**self.measures(pooled(counts))}
        limits = interval(counts, self.measures, n=self.draws)
        for rows in zip(*(self.extras(rows).items() for rows in runs), strict=True):
            each[rows[0][0]] = np.array([value for _, value in rows], np.float64)
        return summary(each, limits)


def summary(
    each: Mapping[str, NDArray[np.float64]], limits: Mapping[str, tuple[float, float]] | None = None
) -> pd.DataFrame:
    """Put measures of several runs together.

    Parameters
    ----------
    each : mapping of str to array, (R,)
        Measure → its value in each run.
    limits : mapping, optional
        Measure → interval.

    Returns
    -------
    DataFrame
        measure, score (mean over runs), low and high (95 %, bootstrap over subjects; missing
        where a measure has no counts), sd, least and most (over runs), runs (their number).
    """
    limits, missing = limits or {}, (np.nan, np.nan)
    return pd.DataFrame([
        {"measure": name, "score": values.mean(), "low": limits.get(name, missing)[0],
         "high": limits.get(name, missing)[1],
         "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
         "least": values.min(), "most": values.max(), "runs": len(values)}
        for name, values in each.items()
    ])  # fmt: skip
