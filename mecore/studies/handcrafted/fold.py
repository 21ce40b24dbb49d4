"""Folds of the handcrafted study: every method, every setting, for the subjects left out.

A fold stores what every setting says of every left-out clip. Folds leave out one subject, or two:
the prediction of subject t without {s, t} is an inner fold of s, that of s one of t. So each pair
is trained once, and nested selection (`mecore.studies.handcrafted.selection`) is a look-up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
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
from mecore.evaluation.folds import FoldPlan, FoldResult, permuted, timed
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
    """Handcrafted methods on some clips; calling it runs some folds."""

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    methods: tuple[str, ...]  # names of descriptors, see `mecore.descriptors.registry`
    options: HandcraftedOptions  # what they share
    matrices: Mapping[str, Path]  # by method: file of the features, see `features.matrix_file`
    compared: tuple[str, ...] = ()  # methods that other classifiers are tried on, too

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
        train = self.members(plans[0].train)
        if len(plans[0].test) == 1 and len(np.unique(self.truth[train])) < 2:
            raise DataError(
                f"the {len(train)} training clips have one class: {self.clips[train[0]].label}",
                where=f"fold {plans[0].name}", todo="a classifier needs two classes to learn",
            )  # fmt: skip
        grams: dict[str, Floats] = {}
        seconds: list[dict[str, float]] = [{} for _ in plans]
        for name in self.methods:
            with timed(seconds[0], name):
                grams[name] = self.gram(name, plans[0])
        return [self._fold(plan, grams, took) for plan, took in zip(plans, seconds, strict=True)]

    def _fold(
        self, plan: FoldPlan, grams: Mapping[str, Floats], took: dict[str, float]
    ) -> FoldResult:
        train, test, labels = self.members(plan.train), self.members(plan.test), self.labels(plan)
        known, counts = np.unique(labels[train], return_counts=True)
        parts = [self._rows(DUMMY, test, np.full((len(test), 1), known[counts.argmax()]))]
        for name, gram in grams.items():
            with timed(took, name):
                if len(known) > 1:
                    predicted = predict_grid(gram, labels, train, test, grid_of(name))
                else:  # an inner fold may have one class alone
                    predicted = np.full((len(test), len(grid_of(name))), known[0])
            parts.append(self._rows(name, test, predicted))
        rows = pd.concat(parts, ignore_index=True)
        return FoldResult(rows, self._tables(plan, train, test), took)

    def each_video(self, name: str, settings: Mapping[str, int], labels: Indices) -> Indices:
        """Predict every clip from all others, also those of its subject (LOVO), (n,).

        Of a method whose features are not learnt: ``labels``, (n,), which are classes or people;
        ``settings`` says for each subject which setting of the grid its clips get.
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

    def matrix(self, name: str) -> Path:
        """File of the features of a method; written anew if the cache was emptied since."""
        write_matrix(self.clips, find_descriptor(name), self.options, self.matrices[name])
        return self.matrices[name]

    def gram(self, name: str, plan: FoldPlan | None = None) -> Floats:
        """Gram matrix of all clips; of features that are learnt, of those that a fold needs."""
        learn, path = find_descriptor(name).learn, self.matrix(name)
        if learn is None:
            return np.load(gram_file(path), mmap_mode="r")
        assert plan is not None, "learnt in a fold"
        options = {k: v for k, v in asdict(self.options).items() if k in takes(learn)}
        seed = int(digest([0, plan.test]), 16) % 2**32
        train, test = self.members(plan.train), self.members(plan.test)
        stored = np.load(path, mmap_mode="r")
        return gram_matrix(learn(stored, train=train, test=test, seed=seed, **options))

    def _tables(self, plan: FoldPlan, train: Indices, test: Indices) -> dict[str, pd.DataFrame]:
        """What classifiers of the literature say, in folds of one subject with true labels."""
        if len(plan.test) > 1 or plan.labels == "permuted":
            return {}
        models = {
            "nearest neighbours": KNeighborsClassifier(min(5, len(train))),
            "random forest": RandomForestClassifier(200, random_state=plan.seed),
            "AdaBoost": AdaBoostClassifier(n_estimators=50, random_state=plan.seed),
        }
        parts = [self._rows("", test[:0], np.empty(0)).assign(classifier="")]
        for name, (title, model) in product(self.compared, models.items()):
            features = np.load(self.matrix(name), mmap_mode="r")
            fitted = make_pipeline(StandardScaler(), model).fit(features[train], self.truth[train])
            part = self._rows(name, test, fitted.predict(features[test])[:, None])
            parts.append(part.assign(classifier=title))
        return {"classifiers": pd.concat(parts, ignore_index=True)}
