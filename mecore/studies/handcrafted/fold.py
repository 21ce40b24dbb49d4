"""One fold of the handcrafted study: every method, every setting, for the subjects left out.

A fold stores what every setting says of every left-out clip. Folds leave out one subject, or two:
the prediction of subject t without {s, t} is an inner fold of s, that of s one of t. So each pair
is trained once, and nested selection (`mecore.studies.handcrafted.selection`) is a look-up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mecore.data.files import digest
from mecore.data.places import cache_home
from mecore.descriptors.graph_sparse_coding import encode, learn_dictionary
from mecore.descriptors.mdmo import polar_feature
from mecore.errors import DataError
from mecore.evaluation.clips import Clip
from mecore.evaluation.folds import FoldPlan, Labels, leave_one_subject_out
from mecore.evaluation.store import FoldResult
from mecore.models.svm.grid import PolynomialGrid, gram_matrix, predict_grid
from mecore.studies.handcrafted.features import write_matrices
from mecore.studies.handcrafted.methods import DUMMY, METHODS, HandcraftedOptions

N_PERMUTATIONS = 200
Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HandcraftedTask:
    """Handcrafted methods on some clips; calling it runs one fold.

    Parameters
    ----------
    clips : tuple of Clip
        All clips.
    groups : tuple of str
        Who is left out together: the subject of each clip, in a study of several databases with
        the database in front.
    classes : tuple of str
        All classes.
    methods : tuple of str
        Names from `mecore.studies.handcrafted.methods.METHODS`.
    options : HandcraftedOptions
        What they share.
    folder : Path
        See `mecore.studies.handcrafted.features.write_matrices`.
    compared : tuple of str
        Methods that other classifiers are tried on.
    """

    clips: tuple[Clip, ...]
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    methods: tuple[str, ...]
    options: HandcraftedOptions
    folder: Path
    compared: tuple[str, ...] = ()

    def labels(self, kind: Labels, seed: int) -> Indices:
        """Class of every clip as it is trained on: permuted over all clips, or true.

        One permutation may agree with the truth by luck, and then teach some of it. Of many, that
        is taken which is closest to independent of the true classes.
        """
        codes = np.array([self.classes.index(c.label) for c in self.clips])
        if kind == "true":
            return codes
        rng = np.random.default_rng(seed)
        draws = [rng.permutation(codes) for _ in range(N_PERMUTATIONS)]
        return min(draws, key=partial(_dependence, codes))

    def members(self, groups: Iterable[str]) -> Indices:
        """Numbers of the clips of some groups."""
        return np.flatnonzero(np.isin(self.groups, list(groups)))

    def __call__(self, plan: FoldPlan) -> FoldResult:
        """Train on ``plan.train`` and predict ``plan.test``.

        ``rows``: method, number and names of the clip, truth, and in ``predicted`` one byte per
        setting. The table ``classifiers`` comes with folds of one subject and true labels.
        """
        train, test = self.members(plan.train), self.members(plan.test)
        labels = self.labels(plan.labels, plan.seed)
        if len(np.unique(labels[train])) < 2 and len(plan.test) == 1:
            raise DataError(
                f"the {len(train)} training clips have one class: {self.clips[train[0]].label}",
                where=f"fold {plan.name}", todo="a classifier needs two classes to learn",
            )  # fmt: skip
        rows, seconds = [self._dummy(train, test, labels)], {}
        for name in self.methods:
            start = time.perf_counter()
            gram = self._gram(name, train, test, plan)
            predicted = self._predict(name, gram, labels, train, test)
            rows.append(self._rows(name, test, predicted))
            seconds[name] = time.perf_counter() - start
        tables = {}
        if len(plan.test) == 1 and plan.labels == "true":
            tables["classifiers"] = self._classifiers(train, test, labels, plan.seed)
        return FoldResult(pd.concat(rows, ignore_index=True), tables, seconds)

    def _predict(
        self, name: str, gram: Floats, labels: Indices, train: Indices, test: Indices
    ) -> NDArray[np.uint8]:
        """What every setting says; where an inner fold has one class, all settings say that."""
        grid, known = METHODS[name].grid, np.unique(labels[train])
        if len(known) == 1:
            return np.full((len(test), len(grid)), known[0], np.uint8)
        return predict_grid(gram, labels, train, test, grid)

    def each_video(self, name: str, settings: dict[str, int], labels: Indices) -> NDArray[np.uint8]:
        """Predict every clip from all others, also those of its subject (LOVO), (n,).

        Parameters
        ----------
        name : str
            A method whose features are not learnt.
        settings : mapping of str to int
            For each group, which setting of the method's grid its clips get.
        labels : array, (n,), int
            What is predicted: classes, or people.
        """
        everyone = np.arange(len(self.clips))
        # Written with the folds, unless the cache was emptied since.
        folder = write_matrices(self.clips, [name], self.options)
        gram = np.load(folder / f"{name}.gram.npy", mmap_mode="r")
        said = np.empty(len(everyone), np.uint8)
        for i, group in enumerate(self.groups):
            degree, coef, gamma, penalty = METHODS[name].grid.settings[settings[group]]
            one = PolynomialGrid((degree,), (coef,), (gamma,), (penalty,))
            said[i] = predict_grid(gram, labels, np.delete(everyone, i), everyone[[i]], one)[0, 0]
        return said

    def _rows(self, name: str, test: Indices, predicted: NDArray[Any]) -> pd.DataFrame:
        clips = [self.clips[i] for i in test]
        return pd.DataFrame({
            "method": name, "number": test, "subject": [c.subject for c in clips],
            "video": [c.item.video for c in clips], "sample": [c.sample for c in clips],
            "truth": [c.label for c in clips],
            "predicted": [p.astype(np.uint8).tobytes() for p in predicted],
        })  # fmt: skip

    def _dummy(self, train: Indices, test: Indices, labels: Indices) -> pd.DataFrame:
        majority = np.bincount(labels[train]).argmax()
        return self._rows(DUMMY, test, np.full((len(test), 1), majority))

    def _gram(self, name: str, train: Indices, test: Indices, plan: FoldPlan) -> Floats:
        """Gram matrix of all clips; of learnt features, of those that the fold needs."""
        if not METHODS[name].fitted:
            return np.load(self.folder / f"{name}.gram.npy", mmap_mode="r")
        memory = joblib.Memory(cache_home() / "features", mmap_mode="r", verbose=0)
        # Labels play no part in it: folds with true and with permuted labels share it.
        seed = int(digest([plan.seed, plan.test]), 16) % 2**32
        args = self.folder, train, test, self.options, seed
        features: Floats = memory.cache(sparse_features)(*args)
        return gram_matrix(features)

    def _classifiers(
        self, train: Indices, test: Indices, labels: Indices, seed: int
    ) -> pd.DataFrame:
        parts = [self._rows("", test[:0], np.empty(0)).assign(classifier="")]
        for name in self.compared:
            features = np.load(self.folder / f"{name}.npy", mmap_mode="r")
            for title, model in classifiers(seed, len(train)).items():
                model.fit(features[train], labels[train])
                part = self._rows(name, test, model.predict(features[test])[:, None])
                parts.append(part.assign(classifier=title))
        return pd.concat(parts, ignore_index=True)


def _dependence(one: Indices, other: Indices) -> float:
    """Squared distance of the joint counts of two labellings from independence."""
    size = max(one.max(), other.max()) + 1
    joint = np.bincount(one * size + other, minlength=size * size).reshape(size, size)
    return float(((joint - np.outer(joint.sum(1), joint.sum(0)) / len(one)) ** 2).sum())


def classifiers(seed: int, n: int) -> dict[str, Any]:
    """Classifiers of the literature for n training samples, on standardised features."""
    models = {
        "nearest neighbours": KNeighborsClassifier(min(5, n)),
        "random forest": RandomForestClassifier(200, random_state=seed),
        "AdaBoost": AdaBoostClassifier(n_estimators=50, random_state=seed),
    }
    return {name: make_pipeline(StandardScaler(), model) for name, model in models.items()}


def sparse_features(
    folder: Path, train: Indices, test: Indices, options: HandcraftedOptions, seed: int
) -> Floats:
    """Sparse MDMO of all clips: dictionary and codes from the training clips alone.

    Returns
    -------
    array, (n, atoms) or (n, frames * atoms)
        Rows of clips that are neither trained on nor tested are 0.
    """
    vectors = np.load(folder / "sparse_mdmo.npy", mmap_mode="r")
    n_clips, n_frames = vectors.shape[:2]
    frames = polar_feature(np.asarray(vectors, np.float64), options.weight, together=True)
    learnt = learn_dictionary(
        frames[train].reshape(-1, frames.shape[-1]), options.atoms, alpha=options.alpha,
        beta=options.beta, iterations=options.iterations, seed=seed,
    )  # fmt: skip
    codes = np.zeros((n_clips, n_frames, options.atoms))
    codes[train] = learnt.codes.reshape(len(train), n_frames, -1)
    codes[test] = encode(frames[test].reshape(-1, frames.shape[-1]), learnt).reshape(
        len(test), n_frames, -1
    )
    return codes.mean(axis=1) if options.pool == "mean" else codes.reshape(n_clips, -1)


def nested_plans(groups: Iterable[str], seed: int, labels: Labels) -> list[FoldPlan]:
    """Plan one fold per group and one per pair of groups.

    Raises
    ------
    DataError
        Fewer than three groups: leaving two out would leave nobody to train on.
    """
    names = sorted(set(groups))
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
