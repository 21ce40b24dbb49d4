"""Every model on the flow images of a database: all folds, true and permuted labels, all seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.features import FlowImages
from mecore.errors import OptionError, nearest
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.folds import Labels, leave_one_subject_out
from mecore.evaluation.runner import collect, progress_bar, run_folds
from mecore.evaluation.store import open_run
from mecore.models.flow.networks import NETWORKS
from mecore.studies.honest_evaluation.fold import CLASSIFIERS, ClassifierTask, FlowTask, NetworkTask

# Fixed before any left-out subject was looked at. The large network fits in fewer epochs.
EPOCHS = {"STSTNet": 100, "OFF-ApexNet": 20, "MEAN, recognition": 100}
# Part of what a run is: sums over another number of folds may differ in their last digit.
TOGETHER = 17
MODELS = (*NETWORKS, *CLASSIFIERS)
Run: TypeAlias = tuple[NDArray[Any], NDArray[Any], float]


@dataclass(frozen=True)
class Predictions:
    """What one model said of every sample when its subject was left out.

    Parameters
    ----------
    model : str
        Name.
    labels : {"true", "permuted"}
        What it was trained on.
    steps : array of int, (seeds, T, N)
        Predicted class after every epoch, or with every setting of the grid.
    honest : array of int, (seeds, N)
        Prediction at the step that was fixed, or chosen among the training subjects.
    """

    model: str
    labels: Labels
    steps: NDArray[np.int64]
    honest: NDArray[np.int64]


@dataclass(frozen=True)
class FlowStudy:
    """Predictions of all models.

    Parameters
    ----------
    data : FlowImages
        The samples; their order is that of all predictions.
    predictions : tuple of Predictions
        One for each model and kind of labels.
    seconds : DataFrame
        Wall-clock seconds of training: model, seed, seconds of all folds with true labels.
    """

    data: FlowImages
    predictions: tuple[Predictions, ...]
    seconds: pd.DataFrame

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return list(self.data.manifest.classes)

    @property
    def truth(self) -> NDArray[np.int64]:
        """Class index of every sample."""
        return FlowTask(self.data, "").truth

    @property
    def models(self) -> list[str]:
        """Names of the models."""
        return list(dict.fromkeys(p.model for p in self.predictions))

    def of(self, model: str, labels: Labels = "true") -> Predictions:
        """Predictions of one model."""
        return next(p for p in self.predictions if (p.model, p.labels) == (model, labels))


def small(data: FlowImages, seeds: int, epochs: int) -> tuple[FlowImages, dict[str, Any]]:
    """Data and arguments of a quick run: at most twelve subjects, two seeds, twenty epochs."""
    return data.select(12), {"seeds": range(min(seeds, 2)), "epochs": epochs or 20}


def run_flow_study(
    data: FlowImages,
    results: Path,
    *,
    models: Iterable[str] = MODELS,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    chance_seeds: Sequence[int] = (0,),
    epochs: int = 0,
    workers: Workers = 1,
    progress: bool = True,
) -> FlowStudy:
    """Leave every subject out once, for every model, seed and kind of labels.

    Parameters
    ----------
    data : FlowImages
        See `mecore.evaluation.flow_images.open_flow_images`.
    results : Path
        Where runs are stored; what is there is not computed again.
    models : iterable of str
        Names in `MODELS`.
    seeds, chance_seeds : sequence of int
        Seeds with true and with permuted labels. Classifiers without chance of their own take the
        first of them.
    epochs : int
        Epochs of every network; 0 for those in `EPOCHS`.
    workers : int or str
        Processes, or the address of a Dask scheduler; no result depends on it.
    progress : bool
        Show bars in a terminal.

    Raises
    ------
    MecoreError
        An unknown model, or folds that failed; what was computed is kept.
    """
    models = list(models)
    for model in models:
        if model not in MODELS:
            raise OptionError(f"no model is called {model!r}; {nearest(model, MODELS)}")
    tasks = {model: _task(data, model, epochs) for model in models}
    runs = [
        (model, labels, seed)
        for model, task in tasks.items()
        for labels, chosen in (("true", seeds), ("permuted", chance_seeds))
        for seed in (chosen if isinstance(task, NetworkTask) else chosen[:1])
    ]
    with executor_for(workers) as pool:
        done = _all_at_once(
            [partial(_run, tasks[m], s, k, results, pool) for m, k, s in runs],  # type: ignore[arg-type]
            pool, progress,
        )  # fmt: skip
    return _study(data, runs, done)


def _study(
    data: FlowImages, runs: Sequence[tuple[str, Any, int]], done: Sequence[Run]
) -> FlowStudy:
    """Put runs of one model and kind of labels together, one after another for each seed."""
    parts = []
    for (model, labels), group in groupby(zip(runs, done, strict=True), lambda r: r[0][:2]):
        steps, honest, _ = zip(*(result for _, result in group), strict=True)
        parts.append(Predictions(model, labels, np.stack(steps), np.stack(honest)))
    seconds = [[*run[:2], spent] for run, (_, _, spent) in zip(runs, done, strict=True)]
    table = pd.DataFrame(seconds, columns=["model", "labels", "seconds"])
    return FlowStudy(data, tuple(parts), table)


def _all_at_once(runs: Sequence[Callable[[], Run]], pool: Executor, progress: bool) -> list[Run]:
    """Hand the folds of all runs to the pool, so that none waits for the last fold of another."""
    with ThreadPoolExecutor(len(runs)) as threads:
        futures = [threads.submit(run) for run in runs]
        try:
            list(progress_bar(as_completed(futures), len(futures), "runs", progress))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [f.result() for f in futures]


def _task(data: FlowImages, model: str, epochs: int) -> NetworkTask | ClassifierTask:
    if model in CLASSIFIERS:
        return ClassifierTask(data, model)
    return NetworkTask(data, model, epochs or EPOCHS[model])


def _run(
    task: NetworkTask | ClassifierTask, seed: int, labels: Labels, results: Path, pool: Executor
) -> Run:
    """One model, seed and kind of labels: steps (T, N), honest (N,), seconds of all folds."""
    plans = leave_one_subject_out(task.data.samples.subject, seed, labels)
    parameters = {"model": task.model, "seed": seed, "labels": labels, "together": TOGETHER}
    parameters |= {k: v for k, v in vars(task).items() if isinstance(v, (int, float))}
    store = open_run(
        results, "honest_evaluation", task.data.manifest.id, parameters, task.data.fingerprint
    )
    together = TOGETHER if isinstance(task, NetworkTask) else 0
    run_folds(task, plans, store, pool, together=together, progress=False)
    table = collect(store, plans, "steps").sort_values(["step", "sample"], kind="stable")
    steps = table.predicted.to_numpy(np.int64).reshape(-1, len(task.data.samples))
    rows = collect(store, plans)
    # Rows come fold by fold; samples are sorted by subject, as folds are.
    honest = np.array([task.classes.index(c) for c in rows.predicted], np.int64)
    if rows["sample"].tolist() != task.data.samples["sample"].tolist():
        order = rows.set_index(["subject", "sample"]).index
        wanted = pd.MultiIndex.from_frame(task.data.samples[["subject", "sample"]])
        honest = honest[order.get_indexer(wanted)]
    return steps, honest, sum(store.fold_seconds(p.name)["training"] for p in plans)
