"""Every model on the flow images of a database: all folds, true and permuted labels, all seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.features import FlowImages
from mecore.errors import OptionError, nearest
from mecore.evaluation.folds import Labels, leave_one_subject_out
from mecore.evaluation.statistics import (
    Counts,
    compare_models,
    minimum_detectable_difference,
    seed_agreement,
    uar_of,
    uf1_of,
)
from mecore.evaluation.study import BOTH, Design, Execution, Study, all_plans, summary
from mecore.metrics.averaging import averages, grouped_confusion
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


class FlowStudy(Study[FlowTask]):
    """A finished audit: what all models say of all left-out subjects, however it is chosen."""

    # Part of what a run is: sums over another number of folds may differ in their last digit.
    together: ClassVar[int] = 17
    draws: ClassVar[int] = 2000
    columns: ClassVar[Mapping[str, Labels]] = {column_of(c, k): k for k in BOTH for c in CHOICES}

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

    @property
    def databases(self) -> list[str]:
        """Parts of a composite that are also scored by themselves."""
        parts = sorted(self.samples.database.unique())
        return parts if len(parts) > 1 else []

    @cached_property
    def _subjects(self) -> Ints:
        return np.unique(self.samples.subject, return_inverse=True)[1]

    # -- predictions ------------------------------------------------------------------------------
    def answers(self, model: str, labels: Labels = "true") -> Answers:
        """What a model said of all samples, step by step, and at the honest one."""
        if (model, labels) not in self._answers:
            self._answers[model, labels] = self._read(model, labels)
        return self._answers[model, labels]

    @cached_property
    def _answers(self) -> dict[tuple[str, Labels], Answers]:
        return {}

    def _read(self, model: str, labels: Labels) -> Answers:
        steps, rows = self.table("steps", labels), self.table("rows", labels)
        steps, rows = steps[steps.model == model], rows[rows.model == model]
        told = steps.sort_values(["seed", "step", "sample"]).predicted.to_numpy(np.int64)
        # Rows come fold by fold.
        known = pd.MultiIndex.from_frame(self.samples[["subject", "sample"]])
        place = known.get_indexer(pd.MultiIndex.from_frame(rows[["subject", "sample"]]))
        said = rows.assign(place=place).sort_values(["seed", "place"]).predicted
        honest = pd.Index(self.classes).get_indexer(pd.Index(said)).astype(np.int64)
        n, n_steps = len(self.samples), int(steps.step.max()) + 1
        return Answers(told.reshape(-1, n_steps, n), honest.reshape(-1, n))

    def predictions(self, model: str, how: str = "honest", labels: Labels = "true") -> Ints:
        """Class indices (R', N) under a habit of choosing."""
        key = model, how, labels
        if key not in self._chosen:
            self._chosen[key] = choose(
                self.answers(model, labels), how, self.task.truth, self._subjects,
                len(self.classes),
            )  # fmt: skip
        return self._chosen[key]

    @cached_property
    def _chosen(self) -> dict[tuple[str, str, Labels], Ints]:
        return {}

    # -- scores -----------------------------------------------------------------------------------
    def rows(self, column: str, seed: int, method: str = "") -> pd.DataFrame:
        """Samples and what a model says of them in a column, in one run.

        A classifier that learnt from true labels says the same in every run.
        """
        how, labels = self._choice_of(column)
        runs = self.predictions(method, how, labels)
        run = runs[min(self.seeds(labels).index(seed), len(runs) - 1)]
        return self.samples.assign(predicted=np.array(self.classes, object)[run])

    def _choice_of(self, column: str) -> tuple[str, Labels]:
        return next((c, k) for k in BOTH for c in CHOICES if column_of(c, k) == column)

    def counts(self, rows: pd.DataFrame) -> Counts:
        """Confusion matrices by subject, (S, C, C)."""
        return {
            "confusion": grouped_confusion(rows.label, rows.predicted, self.classes, rows.subject)
        }

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """UF1 and UAR of counts that were added up."""
        return {"uf1": uf1_of(counts["confusion"]), "uar": uar_of(counts["confusion"])}

    def score(self, column: str, method: str = "") -> pd.DataFrame:
        """Scores of one model in one column; those of a part are called «uf1, casme2»."""
        how, labels = self._choice_of(column)
        if how == BEST:
            steps = self.answers(method, labels).steps
            best = best_of_subjects(steps, self.task.truth, self._subjects, len(self.classes))
            return summary({"uf1": best})
        runs = [self.rows(column, seed, method) for seed in self.seeds(labels)]
        parts = [self.score_rows(runs)]
        for name in self.databases:
            own = self.score_rows([run[run.database == name] for run in runs])
            parts.append(own.assign(measure=own.measure + f", {name}"))
        return pd.concat(parts, ignore_index=True)

    # -- what else the predictions tell -----------------------------------------------------------
    def averaging(self) -> pd.DataFrame:
        """Honest predictions under every way of averaging; mean over seeds, one row a model."""
        table = {}
        for model in self.methods:
            each = [
                averages(self.task.truth, run, range(len(self.classes)), self.samples.subject)
                for run in self.predictions(model)
            ]
            table[model] = pd.DataFrame(each).mean()
        return pd.DataFrame(table).T

    def agreement(self) -> pd.DataFrame:
        """Agreement of seeds, and the difference to the first model that could be detected."""
        first, *others = self.methods
        table = pd.DataFrame({m: seed_agreement(self.predictions(m)) for m in self.methods}).T
        table.insert(0, "seeds", [len(self.predictions(m)) for m in self.methods])
        detectable = {
            m: minimum_detectable_difference(self._by_subject(m), self._by_subject(first))
            for m in others
        }
        table[f"detectable difference to {first}"] = pd.Series(detectable, dtype=float)
        return table

    def tests(self) -> pd.DataFrame:
        """Paired tests of the honest predictions of every pair of models, corrected by Holm."""
        return compare_models({m: self._by_subject(m) for m in self.methods})

    def _by_subject(self, model: str) -> NDArray[Any]:
        """Confusion matrices (R, S, C, C) of the honest predictions."""
        runs = range(len(self.predictions(model)))
        return np.stack([
            self.counts(self.rows("honest", self.seeds()[run], model))["confusion"] for run in runs
        ])  # fmt: skip


def run_flow_study(
    data: FlowImages,
    options: FlowOptions,
    how: Execution,
    *,
    models: Iterable[str] = MODELS,
    seeds: Iterable[int] = range(5),
) -> FlowStudy:
    """Leave every subject out once, for every model, seed and kind of labels.

    Parameters
    ----------
    data : FlowImages
        See `mecore.evaluation.flow_images.open_flow_images`.
    options : FlowOptions
        How models are trained.
    how : Execution
        Where and how it is run; no result depends on it.
    models : iterable of str
        Names in `mecore.studies.honest_evaluation.fold.MODELS`.
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
