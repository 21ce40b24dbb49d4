"""The grid of polynomial support vector machines, against scikit-learn's, in one run on one core.

For 250 clips of 26 people in five classes, leaving one person out at a time: all settings of the
thesis on 72 features like those of MDMO, and 640 on 11,328 features like those of LBP-TOP.
`GridSearchCV` gets the same folds and features, with a few settings drawn at random, between two
runs of the grid, and is scaled to 640. `SVC` on the features says whether predictions are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from sklearn.svm import SVC

from benchmarks.common import Result, beside_aims, timed
from mecore.models.svm.grid import COARSE, THESIS, PolynomialGrid, gram_matrix, predict_grid

Data = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]
CLIPS, PEOPLE, CLASSES = 250, 26, 5
ONE = PolynomialGrid((2,), (1,), (0.5,), (1,))


def measure(quick: bool) -> Iterator[Result]:
    """Both grids, and scikit-learn's search between two runs of ours."""
    short, long, grid = clips("mdmo"), clips("lbp"), COARSE if quick else THESIS
    leave_people_out(*short, ONE)  # compiled
    all_settings = timed(partial(leave_people_out, *short, grid))[1] / 1000
    chosen = np.random.default_rng(0).choice(len(COARSE), 2 if quick else 5, replace=False)
    ours = partial(leave_people_out, *long, COARSE)
    predicted, first = timed(ours)
    theirs = [timed(partial(search, long, COARSE.settings[s]))[1] / 1000 for s in chosen]
    grid_seconds = (first + timed(ours)[1]) / 2000
    whole = median(theirs) * len(COARSE)
    same = np.concatenate([agree(long, COARSE.settings[s], predicted[:, s]) for s in chosen])
    yield Result("svm_grid", f"Grids of support vector machines, {CLIPS} clips, {PEOPLE} people "
                 "left out in turn, one core", beside_aims([
        (f"{len(grid):,} settings, 72 features, s", all_settings, "" if quick else "≤ 150"),
        (f"{len(COARSE)} settings, 11,328 features, s", grid_seconds, "≤ 60"),
        (f"GridSearchCV for these, from {len(chosen)} settings, s", whole, ""),
        ("times faster than GridSearchCV", whole / grid_seconds, "≥ 50"),
        ("predictions equal to those of SVC", f"{same.sum()} of {len(same)}", "all"),
    ]))  # fmt: skip


def clips(kind: str, seed: int = 0) -> Data:
    """Features with a weak signal of class and person, classes, and people."""
    rng = np.random.default_rng(seed)
    labels, people = rng.integers(CLASSES, size=CLIPS), np.arange(CLIPS) % PEOPLE
    if kind == "mdmo":
        mean = rng.normal(size=(CLASSES, 36, 2))[labels] + 1.5 * rng.normal(size=(CLIPS, 36, 2))
        rho = np.hypot(mean[..., 0], mean[..., 1])
        theta = np.arctan2(mean[..., 1], mean[..., 0])
        return np.hstack([0.9 * rho / rho.max(axis=1)[:, None], 0.1 * theta]), labels, people
    shape = 192, 59
    rate = rng.gamma(1, 1, shape) + 0.3 * rng.gamma(1, 1, (PEOPLE, *shape))[people]
    rate = rate + 0.2 * rng.gamma(1, 1, (CLASSES, *shape))[labels]
    counts = rng.poisson(5 * rate).astype(float)
    return (counts / counts.sum(axis=-1, keepdims=True)).reshape(CLIPS, -1), labels, people


def leave_people_out(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    people: NDArray[np.int64],
    grid: PolynomialGrid,
) -> NDArray[np.uint8]:
    """Predictions of every clip by every setting, without its person."""
    gram = gram_matrix(features)
    out = np.empty((CLIPS, len(grid)), np.uint8)
    for person in range(PEOPLE):
        test = np.flatnonzero(people == person)
        out[test] = predict_grid(gram, labels, np.flatnonzero(people != person), test, grid)
    return out


def svc(setting: tuple[Any, ...]) -> SVC:
    """The machine of a setting."""
    degree, coef0, gamma, penalty = setting
    return SVC(kernel="poly", degree=degree, coef0=coef0, gamma=gamma, C=penalty)


def search(data: Data, setting: tuple[Any, ...]) -> None:
    """Let scikit-learn search a grid of one setting."""
    features, labels, people = data
    one = {"C": [setting[-1]]}
    folds = LeaveOneGroupOut()
    GridSearchCV(svc(setting), one, cv=folds, refit=False).fit(features, labels, groups=people)


def agree(data: Data, setting: tuple[Any, ...], predicted: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether `SVC` on the features says the same of each clip of every fifth person."""
    features, labels, people = data
    said = []
    for person in range(0, PEOPLE, 5):
        train = people != person
        model = svc(setting).fit(features[train], labels[train])
        said.append(model.predict(features[~train]) == predicted[~train])
    return np.concatenate(said)
