"""Folds on flow images: stacked networks, and any classifier of the scikit-learn interface.

Every fold keeps what each *step* says of the left-out subjects: a step is an epoch of a network, or
a setting of a classifier's grid. Its rows are the honest ones; what choosing a step on the left-out
subjects would have given is derived from the table ``steps``
(`mecore.studies.honest_evaluation.audit`).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mecore.data.features import FlowImages
from mecore.descriptors.flow.image_histograms import (
    biwoof_of_images,
    higo_of_images,
    hoof_of_images,
)
from mecore.errors import DataError
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.store import FoldResult
from mecore.models.flow.networks import NETWORKS, first_weights
from mecore.runtime import seed_of

Grid = Mapping[str, Sequence[Any]]


def _pixels(images: NDArray[np.float32]) -> NDArray[Any]:
    return images.reshape(len(images), -1)


@dataclass(frozen=True)
class Classifier:
    """A classifier, the grid its settings are chosen from, and what it sees of flow images."""

    make: Callable[[], Any]
    grid: Grid
    features: Callable[[NDArray[np.float32]], NDArray[Any]] = _pixels


def _logistic() -> Any:
    # All components: a rotation changes nothing but the number of columns, and with it the time.
    return make_pipeline(PCA(svd_solver="full"), LogisticRegression(max_iter=500, tol=1e-3))


def _svm() -> Any:
    return make_pipeline(StandardScaler(), SVC())


_PENALTIES = {"svc__C": (0.1, 1, 10, 100)}
CLASSIFIERS: dict[str, Classifier] = {
    "HOOF, SVM": Classifier(_svm, _PENALTIES, hoof_of_images),
    "Bi-WOOF, SVM": Classifier(_svm, _PENALTIES, biwoof_of_images),
    "HIGO, SVM": Classifier(_svm, _PENALTIES, higo_of_images),
    "logistic regression": Classifier(_logistic, {"logisticregression__C": (0.001, 0.01, 0.1)}),
    "most frequent class": Classifier(DummyClassifier, {"strategy": ("most_frequent",)}),
}


@dataclass(frozen=True)
class FlowTask:
    """What the folds of one model need.

    Parameters
    ----------
    data : FlowImages
        All samples.
    model : str
        A name in `NETWORKS` or `CLASSIFIERS`.
    """

    data: FlowImages
    model: str

    @property
    def classes(self) -> list[str]:
        """Emotion classes in the order of probabilities."""
        return list(self.data.manifest.classes)

    @property
    def truth(self) -> NDArray[np.int64]:
        """Class index of every sample."""
        return np.array([self.classes.index(c) for c in self.data.samples.label], np.int64)

    def of(self, subjects: Sequence[str]) -> NDArray[np.bool_]:
        """Mask of the samples of some subjects."""
        mask: NDArray[np.bool_] = self.data.samples.subject.isin(subjects).to_numpy()
        return mask

    def labels(self, plan: FoldPlan) -> NDArray[np.int64]:
        """Class indices as a fold is told: true, or permuted among its training subjects."""
        labels, train = self.truth, self.of(plan.train)
        if plan.labels == "permuted":
            rng = np.random.default_rng(seed_of(plan.seed, f"labels of {plan.name}"))
            labels[train] = rng.permutation(labels[train])
        if len(np.unique(labels[train])) < 2:
            raise DataError("training subjects show one class only", where=f"fold {plan.name}")
        return labels

    def result(self, plan: FoldPlan, given: NDArray[Any], step: int, seconds: float) -> FoldResult:
        """Rows and the table ``steps`` of a fold from probabilities (steps, n, C)."""
        test = self.of(plan.test)
        rows = self.data.samples[test].reset_index(drop=True).rename(columns={"label": "truth"})
        names = np.array(self.classes, object)
        rows["predicted"] = names[given[step].argmax(-1)]
        for c, name in enumerate(self.classes):
            rows[f"p_{name}"] = given[step, :, c].astype(np.float32)
        chosen = given.argmax(-1).astype(np.int8)
        steps = pd.DataFrame(
            {
                "sample": np.tile(np.flatnonzero(test), len(given)).astype(np.int32),
                "step": np.repeat(np.arange(len(given), dtype=np.int32), test.sum()),
                "predicted": chosen.ravel(),
            }
        )
        return FoldResult(rows.assign(step=step), {"steps": steps}, {"training": seconds})


@dataclass(frozen=True)
class NetworkTask(FlowTask):
    """Some folds of a network in one graph; the honest step is the last epoch, fixed beforehand."""

    epochs: int = 100
    batch_size: int = 64
    learning_rate: float = 1e-3

    def __call__(self, plans: Sequence[FoldPlan]) -> list[FoldResult]:
        """Train all folds at once."""
        from mecore import runtime
        from mecore.models.flow import stacked

        runtime.configure()
        start = time.perf_counter()
        network, n_classes = NETWORKS[self.model], len(self.classes)
        seeds = [seed_of(p.seed, p.name) for p in plans]
        starts = [first_weights(network, n_classes, np.random.default_rng(s)) for s in seeds]
        given = stacked.train(
            stacked.Stack(network, starts, seeds),
            # Flow is signed, strain is not.
            self.data.images * np.array([2, 2, 1], np.float32) - np.array([1, 1, 0], np.float32),
            np.stack([self.labels(p) for p in plans]),
            np.stack([self.of(p.train) for p in plans]),
            np.stack([self.of(p.test) for p in plans]),
            stacked.Training(self.epochs, self.batch_size, self.learning_rate),
            seed_of(plans[0].seed, "order"),
        )  # fmt: skip
        # Graphs and their variables refer to each other; a large network's are half a gigabyte.
        gc.collect()
        each = (time.perf_counter() - start) / len(plans)
        return [
            self.result(p, one, self.epochs - 1, each) for p, one in zip(plans, given, strict=True)
        ]


@dataclass(frozen=True)
class ClassifierTask(FlowTask):
    """One fold of a classifier; its setting is chosen by grouped cross-validation in training."""

    inner_folds: int = 3

    def __call__(self, plan: FoldPlan) -> FoldResult:
        """Fit every setting of the grid; choose one without looking at the test subjects."""
        start = time.perf_counter()
        chosen, labels = CLASSIFIERS[self.model], self.labels(plan)
        train, test = self.of(plan.train), self.of(plan.test)
        seen = chosen.features(self.data.images)
        settings = list(ParameterGrid(chosen.grid))
        given = np.zeros((len(settings), int(test.sum()), len(self.classes)))
        for number, setting in enumerate(settings):
            model = clone(chosen.make()).set_params(**setting).fit(seen[train], labels[train])
            given[number][:, model.classes_] = _probabilities(model, seen[test])
        step = self._choose(chosen, seen[train], labels[train], train) if len(settings) > 1 else 0
        return self.result(plan, given, step, time.perf_counter() - start)

    def _choose(self, chosen: Classifier, x: Any, y: Any, train: NDArray[np.bool_]) -> int:
        groups = self.data.samples.subject[train].to_numpy()
        folds = GroupKFold(min(self.inner_folds, len(set(groups))))
        search = GridSearchCV(chosen.make(), dict(chosen.grid), scoring="f1_macro", cv=folds,
                              refit=False)  # fmt: skip
        return int(search.fit(x, y, groups=groups).best_index_)


def _probabilities(model: Any, seen: NDArray[Any]) -> Any:
    """Class probabilities; 1 for the class that a support vector machine names."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(seen)
    return model.predict(seen)[:, None] == model.classes_
