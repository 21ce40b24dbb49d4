"""What the protocol gives: the same predictions under every habit of choosing and averaging.

Each column of the audit is derived from what every step (epoch, or setting) said of every
left-out subject (`mecore.studies.honest_evaluation.study`); nothing is trained again.

* ``honest``: the step fixed beforehand, or chosen among the training subjects.
* ``oracle, step per subject``: for each left-out subject the step that gets most of its samples
  right, of equal ones the last; the habit of codes that keep the best epoch of every fold.
* ``oracle, one step``: the one step with the highest UF1 on all left-out subjects.
* ``oracle, step and seed``: the same over all seeds and steps; for a classifier, its grid on test.
* ``mean of best subjects``: for each subject the highest F1 that any step reaches, over the classes
  that the subject shows, then the mean over subjects. No confusion matrix belongs to it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.folds import Labels
from mecore.evaluation.statistics import (
    Score,
    compare_models,
    minimum_detectable_difference,
    seed_agreement,
    subject_bootstrap,
    uar_of,
    uf1_of,
)
from mecore.metrics.averaging import averages, f1_of_classes, grouped_confusion
from mecore.studies.honest_evaluation.study import FlowStudy, Predictions

Ints = NDArray[np.int64]
CHOICES = (
    "honest", "oracle, one step", "oracle, step and seed", "oracle, step per subject",
    "mean of best subjects",
)  # fmt: skip
MEASURES: dict[str, Score] = {"UF1": uf1_of, "UAR": uar_of}


def step_scores(steps: Ints, truth: Ints, n_classes: int) -> NDArray[np.float64]:
    """UF1 of every step, (R, T), of predictions (R, T, N)."""
    place = truth * n_classes + steps
    shape = (n_classes, n_classes)
    counts = [[np.bincount(p, minlength=n_classes**2).reshape(shape) for p in run] for run in place]
    return uf1_of(counts)


def choose(predictions: Predictions, how: str, truth: Ints, subjects: Ints, n_classes: int) -> Ints:
    """Predictions (R', N) that a habit of choosing would report.

    Parameters
    ----------
    predictions : Predictions
        Of one model.
    how : str
        One of `CHOICES` but the last, which has no predictions.
    truth, subjects : array of int, (N,)
        Class and subject of each sample.
    n_classes : int
        Number of classes.
    """
    steps = predictions.steps
    if how == "honest":
        return predictions.honest
    if how == "oracle, step per subject":
        names, places = np.unique(subjects, return_inverse=True)
        member = (places[:, None] == np.arange(len(names))).astype(np.int64)
        # Of equal steps the last, as in the codes that do this.
        best = steps.shape[1] - 1 - ((steps == truth) @ member)[:, ::-1].argmax(axis=1)
        return np.take_along_axis(steps, best[:, places][:, None], axis=1)[:, 0]
    scores = step_scores(steps, truth, n_classes)
    if how == "oracle, one step":
        return np.stack([run[i] for run, i in zip(steps, scores.argmax(axis=1), strict=True)])
    if how == "oracle, step and seed":
        seed, step = np.unravel_index(scores.argmax(), scores.shape)
        return steps[seed, step][None]
    raise ValueError(f"no choice is called {how!r}; known: {', '.join(CHOICES[:-1])}")


def mean_of_best_subjects(steps: Ints, truth: Ints, subjects: Ints, n_classes: int) -> float:
    """Mean over subjects of the best F1 that any step reaches; mean over seeds."""
    best = []
    for subject in np.unique(subjects):
        mine = subjects == subject
        place = truth[mine] * n_classes + steps[..., mine]
        flat = place.reshape(-1, place.shape[-1])
        counts = np.stack([np.bincount(p, minlength=n_classes**2) for p in flat])
        counts = counts.reshape(-1, n_classes, n_classes)
        f1 = f1_of_classes(counts)
        shown = np.nanmean(np.where(counts.sum(2) > 0, f1, np.nan), axis=1)
        best.append(shown.reshape(steps.shape[:2]).max(axis=1))
    return float(np.mean(best))


class Audit:
    """Tables of a study; rows are derived from its predictions.

    Parameters
    ----------
    study : FlowStudy
        Predictions of all models.
    n_bootstrap : int
        Draws of every interval.
    """

    def __init__(self, study: FlowStudy, n_bootstrap: int = 2000) -> None:
        self.study, self.n_bootstrap = study, n_bootstrap
        self.truth, self.n_classes = study.truth, len(study.classes)
        self.subjects = np.unique(study.data.samples.subject, return_inverse=True)[1]

    def predictions(self, model: str, how: str = "honest", labels: Labels = "true") -> Ints:
        """Predictions (R, N) under a habit of choosing."""
        return choose(self.study.of(model, labels), how, self.truth, self.subjects, self.n_classes)

    def confusions(
        self, model: str, how: str = "honest", labels: Labels = "true", database: str = ""
    ) -> Ints:
        """Confusion matrices (R, S, C, C) by subject, of all databases or of one."""
        samples = self.study.data.samples
        mask = np.ones(len(samples), bool) if not database else samples.database == database
        names = range(self.n_classes)
        return np.stack(
            [
                grouped_confusion(self.truth[mask], run[mask], names, samples.subject[mask])
                for run in self.predictions(model, how, labels)
            ]
        )

    def rows(self) -> pd.DataFrame:
        """Every model, kind of labels, choice and measure.

        Returns
        -------
        DataFrame
            model, labels, choice, database (``full`` or one), measure, score (mean over seeds),
            sd (over seeds), low, high (95 %, bootstrap over subjects; missing where a choice has
            no confusion matrix).
        """
        rows = []
        for p in self.study.predictions:
            for how in CHOICES[:-1]:
                for database in self.databases:
                    rows += self._scores(p, how, database)
            best = mean_of_best_subjects(p.steps, self.truth, self.subjects, self.n_classes)
            rows.append({"model": p.model, "labels": p.labels, "choice": CHOICES[-1],
                         "database": "full", "measure": "UF1", "score": best})  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def databases(self) -> list[str]:
        """``full`` and, of a composite, its parts."""
        parts = sorted(self.study.data.samples.database.unique())
        return ["full", *(parts if len(parts) > 1 else [])]

    def _scores(self, p: Predictions, how: str, database: str) -> list[dict[str, object]]:
        name = "" if database == "full" else database
        counts = self.confusions(p.model, how, p.labels, name)
        rows = []
        for measure, score in MEASURES.items():
            runs = score(counts.sum(axis=1))
            low, high = subject_bootstrap(counts, score, n=self.n_bootstrap)
            rows.append({"model": p.model, "labels": p.labels, "choice": how,
                         "database": database, "measure": measure, "score": float(runs.mean()),
                         "sd": float(runs.std(ddof=1)) if len(runs) > 1 else np.nan,
                         "low": low, "high": high})  # fmt: skip
        return rows

    def averaging(self) -> pd.DataFrame:
        """Honest predictions under every way of averaging; mean over seeds, one row a model."""
        groups = self.study.data.samples.subject

        def mean(model: str) -> pd.Series:
            runs = self.predictions(model)
            names = range(self.n_classes)
            return pd.DataFrame([averages(self.truth, r, names, groups) for r in runs]).mean()

        return pd.DataFrame({model: mean(model) for model in self.study.models}).T

    def agreement(self) -> pd.DataFrame:
        """Agreement of seeds, and the difference to the first model that could be detected."""
        first, *others = self.study.models
        table = pd.DataFrame({m: seed_agreement(self.predictions(m)) for m in self.study.models}).T
        table.insert(0, "seeds", [len(self.predictions(m)) for m in self.study.models])
        reference = self.confusions(first)
        detectable = {
            m: minimum_detectable_difference(self.confusions(m), reference) for m in others
        }
        table[f"detectable difference to {first}"] = pd.Series(detectable)
        return table

    def tests(self) -> pd.DataFrame:
        """Paired tests of the honest predictions of every pair of models, corrected by Holm."""
        return compare_models({m: self.confusions(m) for m in self.study.models})
