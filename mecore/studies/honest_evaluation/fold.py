"""Folds on flow images: stacked networks, and any classifier of the scikit-learn interface.

Every fold keeps what each *step* of each model says of the left-out subjects: a step is an epoch of
a network, or a setting of a classifier's grid. Its rows are the honest ones; what choosing a step
on the left-out subjects would have given is derived from the table ``steps``
(`mecore.studies.honest_evaluation.scores`).
"""

import gc
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
from mecore.descriptors.flow import image_histograms
from mecore.errors import DataError
from mecore.evaluation.folds import FoldPlan, FoldResult, permuted, timed
from mecore.models.flow.networks import NETWORKS, first_weights
from mecore.models.flow.options import FlowOptions
from mecore.runtime import seed_of

Floats = NDArray[np.float32]
# Fixed before any left-out subject was looked at. The large network fits in fewer epochs.
EPOCHS = {"STSTNet": 100, "OFF-ApexNet": 20, "MEAN, recognition": 100}


def _pixels(images: Floats) -> NDArray[Any]:
    return images.reshape(len(images), -1)


def _signed(images: Floats) -> Floats:
    """Flow in [-1, 1], because it is signed; strain, which is not, in [0, 1]."""
    return images * np.array([2, 2, 1], np.float32) - np.array([1, 1, 0], np.float32)


@dataclass(frozen=True)
class Classifier:
    """A classifier, the grid its settings are chosen from, and what it sees of flow images."""

    model: Any
    grid: Mapping[str, Sequence[Any]]
    features: Callable[[Floats], NDArray[Any]] = _pixels


# All components: a rotation changes nothing but the number of columns, and with it the time.
_LOGISTIC = make_pipeline(PCA(svd_solver="full"), LogisticRegression(max_iter=500, tol=1e-3))
_SVM, _PENALTIES = make_pipeline(StandardScaler(), SVC()), {"svc__C": (0.1, 1, 10, 100)}
CLASSIFIERS: dict[str, Classifier] = {
    "HOOF, SVM": Classifier(_SVM, _PENALTIES, image_histograms.hoof_of_images),
    "Bi-WOOF, SVM": Classifier(_SVM, _PENALTIES, image_histograms.biwoof_of_images),
    "HIGO, SVM": Classifier(_SVM, _PENALTIES, image_histograms.higo_of_images),
    "logistic regression": Classifier(_LOGISTIC, {"logisticregression__C": (0.001, 0.01, 0.1)}),
    "most frequent class": Classifier(DummyClassifier(), {"strategy": ("most_frequent",)}),
}
MODELS = (*NETWORKS, *CLASSIFIERS)


@dataclass(frozen=True)
class FlowTask:
    """Models on flow images, by their names in `MODELS`; calling it runs some folds.

    ``data`` are all samples (`mecore.evaluation.flow_images.open_flow_images`); of the options, the
    group ``training`` matters only.
    """

    data: FlowImages
    models: tuple[str, ...]
    options: FlowOptions

    def __call__(self, plans: Sequence[FoldPlan]) -> list[FoldResult]:
        """Train and test all models; tables ``steps`` go with the rows."""
        results = [
            (self.train if name in NETWORKS else self.fit)(name, plans)
            for name in self.asked(plans[0])
        ]
        return [_together(parts) for parts in zip(*results, strict=True)]

    def asked(self, plan: FoldPlan) -> list[str]:
        """Models of a fold: with true labels, nothing of a classifier is left to the seed."""
        everyone = plan.labels == "permuted" or plan.seed == 0
        return [name for name in self.models if name in NETWORKS or everyone]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Class index of every sample."""
        return np.array([self.data.classes.index(c) for c in self.data.samples.label], np.int64)

    def of(self, subjects: Sequence[str]) -> NDArray[np.bool_]:
        """Mask of the samples of some subjects."""
        return np.asarray(self.data.samples.subject.isin(subjects))

    def labels(self, plan: FoldPlan) -> NDArray[np.int64]:
        """Class indices that a fold sees: true, or permuted among its training subjects."""
        labels, train = self.truth, self.of(plan.train)
        if plan.labels == "permuted":
            rng = np.random.default_rng(seed_of(plan.seed, f"labels of {plan.name}"))
            labels = permuted(labels, rng, train)
        if len(np.unique(labels[train])) < 2:
            raise DataError("training subjects show one class only", where=f"fold {plan.name}")
        return labels

    def train(self, name: str, plans: Sequence[FoldPlan]) -> list[FoldResult]:
        """Train a network in some folds at once; the honest step is the last epoch."""
        from mecore.models.flow import stacked

        seconds: dict[str, float] = {}
        network, options, n_classes = NETWORKS[name], self.options, len(self.data.classes)
        seeds = [seed_of(p.seed, p.name) for p in plans]
        starts = [first_weights(network, n_classes, np.random.default_rng(s)) for s in seeds]
        epochs = options.epochs or EPOCHS[name]
        with timed(seconds, name):
            given = stacked.train(
                stacked.Stack(network, starts, seeds),
                _signed(self.data.images),
                np.stack([self.labels(p) for p in plans]),
                np.stack([self.of(p.train) for p in plans]),
                np.stack([self.of(p.test) for p in plans]),
                stacked.Training(epochs, options.batch_size, options.learning_rate),
                seed_of(plans[0].seed, "order"),
            )  # fmt: skip
            # Graphs and their variables refer to each other; a large network's are half a gigabyte.
            gc.collect()
        each, parts = {name: seconds[name] / len(plans)}, zip(plans, given, strict=True)
        return [self._result(name, plan, part, epochs - 1, each) for plan, part in parts]

    def fit(self, name: str, plans: Sequence[FoldPlan]) -> list[FoldResult]:
        """Fit every setting of a classifier; one is chosen without the left-out subjects."""
        results, chosen = [], CLASSIFIERS[name]
        seen, settings = chosen.features(self.data.images), list(ParameterGrid(chosen.grid))
        for plan in plans:
            seconds: dict[str, float] = {}
            labels, train, test = self.labels(plan), self.of(plan.train), self.of(plan.test)
            given = np.zeros((len(settings), int(test.sum()), len(self.data.classes)))
            with timed(seconds, name):
                for number, setting in enumerate(settings):
                    model = clone(chosen.model).set_params(**setting)
                    model.fit(seen[train], labels[train])
                    given[number][:, model.classes_] = _probabilities(model, seen[test])
                step = self._choose(chosen, seen[train], labels[train], train)
            results.append(self._result(name, plan, given, step, seconds))
        return results

    def _choose(self, chosen: Classifier, x: Any, y: Any, train: NDArray[np.bool_]) -> int:
        if len(ParameterGrid(chosen.grid)) == 1:
            return 0
        groups = self.data.samples.subject[train].to_numpy()
        folds = GroupKFold(min(self.options.inner_folds, len(set(groups))))
        search = GridSearchCV(
            chosen.model, dict(chosen.grid), scoring="f1_macro", cv=folds, refit=False
        )
        return int(search.fit(x, y, groups=groups).best_index_)

    def _result(
        self, name: str, plan: FoldPlan, given: NDArray[Any], step: int, seconds: dict[str, float]
    ) -> FoldResult:
        """Rows and the table ``steps`` of one model from its probabilities (steps, n, C)."""
        test, classes = self.of(plan.test), self.data.classes
        rows = self.data.samples[test].reset_index(drop=True).rename(columns={"label": "truth"})
        rows.insert(0, "model", name)
        rows["predicted"] = np.array(classes, object)[given[step].argmax(-1)]
        for c, label in enumerate(classes):
            rows[f"p_{label}"] = given[step, :, c].astype(np.float32)
        steps = pd.DataFrame({
            "model": name, "sample": np.tile(np.flatnonzero(test), len(given)).astype(np.int32),
            "step": np.repeat(np.arange(len(given), dtype=np.int32), test.sum()),
            "predicted": given.argmax(-1).astype(np.int8).ravel(),
        })  # fmt: skip
        return FoldResult(rows.assign(step=step), {"steps": steps}, seconds)


def _probabilities(model: Any, seen: NDArray[Any]) -> Any:
    """Class probabilities; 1 for the class that a support vector machine names."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(seen)
    return model.predict(seen)[:, None] == model.classes_


def _together(parts: Sequence[FoldResult]) -> FoldResult:
    """Results of all models in one fold, as one."""
    return FoldResult(
        pd.concat([p.rows for p in parts], ignore_index=True),
        {"steps": pd.concat([p.tables["steps"] for p in parts], ignore_index=True)},
        {name: spent for p in parts for name, spent in p.seconds.items()},
    )
