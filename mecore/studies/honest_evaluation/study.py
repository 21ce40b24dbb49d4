"""Every model on the flow images of a database: all folds, true and permuted labels, all seeds."""

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.features import FlowImages
from mecore.errors import OptionError, nearest
from mecore.evaluation import statistics
from mecore.evaluation.folds import Labels, leave_one_subject_out
from mecore.evaluation.study import BOTH, Design, Execution, Study, all_plans, summary
from mecore.metrics.averaging import averages, grouped_confusion
from mecore.metrics.recognition import measures
from mecore.models.choices import group
from mecore.models.flow.options import FlowOptions
from mecore.studies.honest_evaluation.fold import MODELS, FlowTask
from mecore.studies.honest_evaluation.scores import (
    BEST,
    CHOICES,
    Answers,
    Ints,
    best_of_subjects,
    choose,
    column_of,
)

# Column: how a step is chosen, and the labels that were trained on.
_COLUMNS: dict[str, tuple[str, Labels]] = {column_of(c, k): (c, k) for k in BOTH for c in CHOICES}


class FlowStudy(Study[FlowTask]):
    """A finished audit: what all models say of all left-out subjects, however it is chosen."""

    # Part of what a run is: sums over another number of folds may differ in their last digit.
    together: ClassVar[int] = 17
    draws: ClassVar[int] = 2000
    columns: ClassVar[Mapping[str, Labels]] = {
        name: labels for name, (_, labels) in _COLUMNS.items()
    }

    @property
    def methods(self) -> list[str]:
        """Names of the models."""
        return list(self.task.models)

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return self.task.data.classes

    @property
    def samples(self) -> pd.DataFrame:
        """The samples; their order is that of all predictions."""
        return self.task.data.samples

    @cached_property
    def _read(self) -> dict[tuple[str, Labels], Answers]:
        return {}

    # -- predictions ------------------------------------------------------------------------------
    def answers(self, model: str, labels: Labels = "true") -> Answers:
        """What a model said of all samples, step by step, and at the honest one."""
        if (model, labels) not in self._read:
            steps, rows = (self.table(name, labels) for name in ("steps", "rows"))
            steps, rows = steps[steps.model == model], rows[rows.model == model]
            fixed = steps.merge(rows[["fold", "seed", "step"]].drop_duplicates())
            told = steps.sort_values(["seed", "step", "sample"]).predicted.to_numpy(np.int64)
            honest = fixed.sort_values(["seed", "sample"]).predicted.to_numpy(np.int64)
            n, n_steps = len(self.samples), int(steps.step.max()) + 1
            self._read[model, labels] = Answers(told.reshape(-1, n_steps, n), honest.reshape(-1, n))
        return self._read[model, labels]

    def predictions(self, model: str, how: str = "honest", labels: Labels = "true") -> Ints:
        """Class indices (R', N) under a habit of choosing."""
        return choose(self.answers(model, labels), how, *self._known)

    @cached_property
    def _known(self) -> tuple[Ints, NDArray[Any], int]:
        """Class and subject of each sample, and the number of classes."""
        return self.task.truth, self.samples.subject.to_numpy(), len(self.classes)

    # -- scores -----------------------------------------------------------------------------------
    def rows(self, column: str, seed: int, method: str = "") -> pd.DataFrame:
        """Samples and what a model says of them in a column, in one run.

        A classifier that learnt from true labels says the same in every run.
        """
        how, labels = _COLUMNS[column]
        runs = self.predictions(method, how, labels)
        run = runs[min(self.seeds(labels).index(seed), len(runs) - 1)]
        return self.samples.assign(predicted=np.array(self.classes, object)[run])

    def counts(self, rows: pd.DataFrame) -> statistics.Counts:
        """Confusion matrices by subject, (S, C, C)."""
        own = grouped_confusion(rows.label, rows.predicted, self.classes, rows.subject)
        return {"confusion": own}

    def measures(self, counts: statistics.Counts) -> dict[str, NDArray[np.float64]]:
        """UF1 and UAR of counts that were added up."""
        found = measures(counts["confusion"])
        return {"uf1": found["uf1"], "uar": found["uar"]}

    def score(self, column: str, method: str = "") -> pd.DataFrame:
        """Scores of one model in one column; those of a part are called «uf1, casme2»."""
        how, labels = _COLUMNS[column]
        if how == BEST:
            steps = self.answers(method, labels).steps
            return summary({"uf1": best_of_subjects(steps, *self._known)})
        runs = [self.rows(column, seed, method) for seed in self.seeds(labels)]
        scores = [self.score_rows(runs)]
        parts = sorted(self.samples.database.unique())
        for part in parts if len(parts) > 1 else ():
            own = self.score_rows([run[run.database == part] for run in runs])
            scores.append(own.assign(measure=own.measure + f", {part}"))
        return pd.concat(scores, ignore_index=True)

    # -- what else the predictions tell -----------------------------------------------------------
    def averaging(self) -> pd.DataFrame:
        """Honest predictions under every way of averaging; mean over seeds, one row a model."""
        truth, subjects, n = self._known
        return pd.DataFrame({
            model: pd.DataFrame(averages(truth, run, range(n), subjects) for run in runs).mean()
            for model, runs in ((m, self.predictions(m)) for m in self.methods)
        }).T  # fmt: skip

    def agreement(self) -> pd.DataFrame:
        """Agreement of seeds, and the difference to the first model that could be detected."""
        said = {model: self.predictions(model) for model in self.methods}
        table = pd.DataFrame({m: statistics.seed_agreement(runs) for m, runs in said.items()}).T
        table.insert(0, "seeds", [len(runs) for runs in said.values()])
        (first, base), *others = self._by_subject().items()
        detectable = statistics.minimum_detectable_difference
        table[f"detectable difference to {first}"] = pd.Series(
            {model: detectable(own, base) for model, own in others}, dtype=float
        )
        return table

    def tests(self) -> pd.DataFrame:
        """Paired tests of the honest predictions of every pair of models, corrected by Holm."""
        return statistics.compare_models(self._by_subject())

    def _by_subject(self) -> dict[str, NDArray[Any]]:
        """Confusion matrices (R, S, C, C) of the honest predictions of every model."""
        truth, subjects, n = self._known
        return {
            model: np.stack([grouped_confusion(truth, run, range(n), subjects) for run in runs])
            for model, runs in ((m, self.predictions(m)) for m in self.methods)
        }


def run_flow_study(
    data: FlowImages, options: FlowOptions, how: Execution, *,
    models: Iterable[str] = MODELS, seeds: Iterable[int] = range(5),
) -> FlowStudy:  # fmt: skip
    """Leave every subject out once, for every model, seed and kind of labels.

    Parameters
    ----------
    data, options, models
        See `FlowTask`.
    how : Execution
        Where and how it is run; no result depends on it.
    seeds : iterable of int
        Seeds of the run, 0 among them: with true labels, classifiers are fitted in that one only.

    Raises
    ------
    MecoreError
        An unknown model, or folds that failed; what was computed is kept.
    """
    models, seeds = tuple(models), sorted(seeds)
    for model in models:
        if model not in MODELS:
            raise OptionError(f"no model is called {model!r}; {nearest(model, MODELS)}")
    if 0 not in seeds:
        raise OptionError(f"seeds {seeds}: 0 must be among them")
    known = {"models": models, "options": vars(group(options, "training")),
             "together": FlowStudy.together}  # fmt: skip
    design = Design("honest_evaluation", data.id, data.fingerprint, known)
    task = FlowTask(data, models, options)
    plans = all_plans(partial(leave_one_subject_out, data.samples.subject), seeds)
    return FlowStudy.run(task, design, [plan for plan in plans if task.asked(plan)], how)
