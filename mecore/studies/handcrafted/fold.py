"""Folds of the handcrafted study: every method, every setting, for the subjects left out.

A fold stores what every setting says of every left-out clip. Folds leave out one subject, or two:
the prediction of subject t without {s, t} is an inner fold of s, that of s one of t. So each pair
is trained once, and nested selection (`mecore.studies.handcrafted.selection`) is a look-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mecore.data.files import digest
from mecore.descriptors.materials import takes
from mecore.descriptors.registry import find_descriptor
from mecore.errors import DataError
from mecore.evaluation.clips import Clip
from mecore.evaluation.folds import (
    FoldPlan,
    FoldResult,
    Labels,
    leave_one_subject_out,
    permuted,
    timed,
)
from mecore.models.svm.grid import COARSE, THESIS, PolynomialGrid, gram_matrix, predict_grid
from mecore.runtime import seed_of
from mecore.studies.handcrafted.features import gram_file, write_matrix
from mecore.studies.handcrafted.options import HandcraftedOptions

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
# Gives the majority class of the training subjects; no feature is looked at.
DUMMY = "dummy"


def grid_of(name: str) -> PolynomialGrid:
    """Settings of a method: the grid of the thesis, or every tenth γ for long features."""
    return THESIS if find_descriptor(name).fine else COARSE


@dataclass(frozen=True)
class HandcraftedTask:
    """Handcrafted methods on some clips; calling it runs some folds.

    Parameters
    ----------
    clips : tuple of Clip
        All clips.
    classes : tuple of str
        All classes.
    methods : tuple of str
        Names of descriptors, see `mecore.descriptors.registry`.
    options : HandcraftedOptions
        What they share.
    matrices : mapping of str to Path
        Files of their features, see `mecore.studies.handcrafted.features.matrix_file`.
    compared : tuple of str
        Methods that other classifiers are tried on.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    methods: tuple[str, ...]
    options: HandcraftedOptions
    matrices: Mapping[str, Path]
    compared: tuple[str, ...] = ()

    @property
    def subjects(self) -> NDArray[np.str_]:
        """Subject of every clip, (n,)."""
        return np.array([c.subject for c in self.clips])

    @property
    def truth(self) -> Indices:
        """Class of every clip, (n,)."""
        return np.array([self.classes.index(c.label) for c in self.clips])

    def members(self, subjects: Iterable[str]) -> Indices:
        """Numbers of the clips of some subjects."""
        return np.flatnonzero(np.isin(self.subjects, list(subjects)))

    def labels(self, plan: FoldPlan) -> Indices:
        """Class of every clip as a fold is told: true, or permuted among its training clips."""
        if plan.labels == "true":
            return self.truth
        rng = np.random.default_rng(seed_of(plan.seed, f"classes of {plan.name}"))
        return permuted(self.truth, rng, np.isin(self.subjects, plan.train))

    def __call__(self, plans: Sequence[FoldPlan]) -> list[FoldResult]:
        """Train and predict, for plans that differ in their labels alone.

        ``rows``: method, number and names of the clip, truth, and in ``predicted`` one byte per
        setting. The table ``classifiers`` comes with folds of one subject and true labels.
        """
        train, test = (self.members(side) for side in (plans[0].train, plans[0].test))
        told = [self.labels(plan) for plan in plans]
        if len(plans[0].test) == 1 and len(np.unique(self.truth[train])) < 2:
            raise DataError(
                f"the {len(train)} training clips have one class: {self.clips[train[0]].label}",
                where=f"fold {plans[0].name}", todo="a classifier needs two classes to learn",
            )  # fmt: skip
        rows = [[self._dummy(train, test, labels)] for labels in told]
        seconds: list[dict[str, float]] = [{} for _ in plans]
        for name in self.methods:
            with timed(seconds[0], name):
                gram = self.gram(name, train, test, plans[0])
            for labels, parts, took in zip(told, rows, seconds, strict=True):
                with timed(took, name):
                    predicted = self._predict(name, gram, labels, train, test)
                parts.append(self._rows(name, test, predicted))
        return [
            FoldResult(pd.concat(parts, ignore_index=True), self._tables(plan, train, test), took)
            for plan, parts, took in zip(plans, rows, seconds, strict=True)
        ]

    def _predict(
        self, name: str, gram: Floats, labels: Indices, train: Indices, test: Indices
    ) -> NDArray[np.uint8]:
        """What every setting says; where an inner fold has one class, all settings say that."""
        grid, known = grid_of(name), np.unique(labels[train])
        if len(known) == 1:
            return np.full((len(test), len(grid)), known[0], np.uint8)
        return predict_grid(gram, labels, train, test, grid)

    def each_video(self, name: str, settings: Mapping[str, int], labels: Indices) -> Indices:
        """Predict every clip from all others, also those of its subject (LOVO), (n,).

        Parameters
        ----------
        name : str
            A method whose features are not learnt.
        settings : mapping of str to int
            For each subject, which setting of the method's grid its clips get.
        labels : array, (n,), int
            What is predicted: classes, or people.
        """
        everyone, gram = np.arange(len(self.clips)), self.gram(name)
        said = np.empty(len(everyone), np.int64)
        for i, subject in enumerate(self.subjects):
            degree, coef, gamma, penalty = grid_of(name).settings[settings[subject]]
            one = PolynomialGrid((degree,), (coef,), (gamma,), (penalty,))
            said[i] = predict_grid(gram, labels, np.delete(everyone, i), everyone[[i]], one)[0, 0]
        return said

    def _rows(self, name: str, test: Indices, predicted: NDArray[Any]) -> pd.DataFrame:
        clips = [self.clips[i] for i in test]
        return pd.DataFrame({
            "method": name, "number": test, "subject": [c.subject for c in clips],
            "video": [c.video for c in clips], "sample": [c.sample for c in clips],
            "truth": [c.label for c in clips],
            "predicted": [p.astype(np.uint8).tobytes() for p in predicted],
        })  # fmt: skip

    def _dummy(self, train: Indices, test: Indices, labels: Indices) -> pd.DataFrame:
        majority = np.bincount(labels[train]).argmax()
        return self._rows(DUMMY, test, np.full((len(test), 1), majority))

    def matrix(self, name: str) -> Path:
        """File of the features of a method; written anew if the cache was emptied since."""
        write_matrix(self.clips, find_descriptor(name), self.options, self.matrices[name])
        return self.matrices[name]

    def gram(
        self, name: str, train: Indices | None = None, test: Indices | None = None,
        plan: FoldPlan | None = None,
    ) -> Floats:  # fmt: skip
        """Gram matrix of all clips; of features that are learnt, of those that a fold needs."""
        learn, path = find_descriptor(name).learn, self.matrix(name)
        if learn is None:
            return np.load(gram_file(path), mmap_mode="r")
        assert plan is not None, "learnt in a fold"
        options = {k: v for k, v in asdict(self.options).items() if k in takes(learn)}
        seed = int(digest([0, plan.test]), 16) % 2**32
        stored = np.load(path, mmap_mode="r")
        return gram_matrix(learn(stored, train=train, test=test, seed=seed, **options))

    def _tables(self, plan: FoldPlan, train: Indices, test: Indices) -> dict[str, pd.DataFrame]:
        """What other classifiers say, of folds of one subject with true labels."""
        if len(plan.test) > 1 or plan.labels == "permuted":
            return {}
        parts = [self._rows("", test[:0], np.empty(0)).assign(classifier="")]
        for name in self.compared:
            features = np.load(self.matrix(name), mmap_mode="r")
            for title, model in classifiers(plan.seed, len(train)).items():
                model.fit(features[train], self.truth[train])
                part = self._rows(name, test, model.predict(features[test])[:, None])
                parts.append(part.assign(classifier=title))
        return {"classifiers": pd.concat(parts, ignore_index=True)}


def classifiers(seed: int, n: int) -> dict[str, Any]:
    """Classifiers of the literature for n training samples, on standardised features."""
    models = {
        "nearest neighbours": KNeighborsClassifier(min(5, n)),
        "random forest": RandomForestClassifier(200, random_state=seed),
        "AdaBoost": AdaBoostClassifier(n_estimators=50, random_state=seed),
    }
    return {name: make_pipeline(StandardScaler(), model) for name, model in models.items()}


def nested_plans(subjects: Iterable[str], seed: int = 0, labels: Labels = "true") -> list[FoldPlan]:
    """Plan one fold per subject and one per pair of subjects.

    Raises
    ------
    DataError
        Fewer than three subjects: leaving two out would leave nobody to train on.
    """
    names = sorted(set(subjects))
    if len(names) < 3:
        raise DataError(
            f"nested selection leaves out two subjects at a time, there are {len(names)}",
            todo="record a third subject, or test across databases",
        )
    ending = "" if labels == "true" else f"-{labels}"
    pairs = [
        FoldPlan(f"{a}+{b}{ending}", tuple(n for n in names if n not in (a, b)), (a, b),
                 seed=seed, labels=labels)
        for a, b in combinations(names, 2)
    ]  # fmt: skip
    return leave_one_subject_out(names, seed, labels) + pairs
