"""The grid of polynomial support vector machines measured, against scikit-learn's, in one run.

    python benchmarks/svm_grid.py [--quick] [--settings N]

prints, on one core, for 250 clips of 26 people in five classes, leaving one person out at a time:

* seconds for all 6,400 settings of the thesis on 72 features like those of MDMO,
* seconds for 640 settings on 11,328 features like those of LBP-TOP,
* how many times as long `GridSearchCV` takes for the same folds and features: measured on N
  settings drawn at random, between two runs of the grid, and scaled to 640,
* whether every one of those predictions is the same,
* milliseconds of LBP-TOP for a clip of 128×128×60, and seconds of it for scikit-image's functions.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numba
import numpy as np
import sklearn
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from sklearn.svm import SVC

from mecore.descriptors.top.histograms import describe
from mecore.descriptors.top.options import TopOptions
from mecore.models.svm.grid import COARSE, THESIS, PolynomialGrid, gram_matrix, predict_grid

Floats = NDArray[np.float64]
CLIPS, PEOPLE, CLASSES = 250, 26, 5
ONE = PolynomialGrid((2,), (1,), (0.5,), (1,))


def clips(kind: str, seed: int = 0) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
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
    features: Floats, labels: NDArray[np.int64], people: NDArray[np.int64], grid: PolynomialGrid
) -> NDArray[np.uint8]:
    """Predictions of every clip by every setting, without its person."""
    gram = gram_matrix(features)
    out = np.empty((CLIPS, len(grid)), np.uint8)
    for person in range(PEOPLE):
        test = np.flatnonzero(people == person)
        out[test] = predict_grid(gram, labels, np.flatnonzero(people != person), test, grid)
    return out


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Result and wall-clock seconds of a call."""
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def _search(
    data: tuple[Floats, NDArray[np.int64], NDArray[np.int64]], setting: tuple[Any, ...]
) -> None:
    features, labels, people = data
    values = dict(zip(("degree", "coef0", "gamma", "C"), ([v] for v in setting), strict=True))
    search = GridSearchCV(SVC(kernel="poly"), values, cv=LeaveOneGroupOut(), refit=False)
    search.fit(features, labels, groups=people)


def _naive(
    data: tuple[Floats, NDArray[np.int64], NDArray[np.int64]], setting: tuple[Any, ...], person: int
) -> NDArray[Any]:
    features, labels, people = data
    degree, coef, gamma, penalty = setting
    model = SVC(kernel="poly", degree=degree, coef0=coef, gamma=gamma, C=penalty)
    train = people != person
    return model.fit(features[train], labels[train]).predict(features[~train])


def svm(settings: int, quick: bool) -> None:
    """Measure both grids, and scikit-learn's search between two runs of ours."""
    short, long = clips("mdmo"), clips("lbp")
    predict_grid(gram_matrix(short[0]), short[1], np.arange(9, 200), np.arange(9), ONE)
    grid = COARSE if quick else THESIS
    _, seconds = timed(lambda: leave_people_out(*short, grid))
    target = "" if quick else "; target 150 s"
    print(f"{len(grid)} settings, 72 features: {seconds:.1f} s{target}", flush=True)
    predicted, first = timed(lambda: leave_people_out(*long, COARSE))
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(COARSE), settings, replace=False)
    theirs = [timed(lambda s=s: _search(long, COARSE.settings[s]))[1] for s in chosen]  # type: ignore[misc]
    _, second = timed(lambda: leave_people_out(*long, COARSE))
    ours = median([first, second])
    print(f"640 settings, 11,328 features: {first:.1f} s and {second:.1f} s; target 60 s")
    whole = median(theirs) * len(COARSE)
    print(
        f"GridSearchCV: {median(theirs):.2f} s per setting (median of {settings}), {whole:.0f} s "
        f"for 640: {whole / ours:.0f} times as long; target 50"
    )
    same = total = 0
    for s in chosen:
        for person in range(0, PEOPLE, 5):
            test = long[2] == person
            said = _naive(long, COARSE.settings[s], person)
            same, total = same + int((said == predicted[test, s]).sum()), total + int(test.sum())
    print(f"predictions equal to those of SVC(kernel='poly') on the features: {same} of {total}")


def lbp_top() -> None:
    """Measure LBP-TOP of a whole clip, in turns with scikit-image plane by plane."""
    clip = np.random.default_rng(0).integers(0, 256, (60, 128, 128)).astype(np.uint8)
    options = TopOptions(radii=(3, 3, 3), overlap=0.7)
    describe(clip, options)

    def planes() -> None:
        for axis in range(3):
            for image in np.moveaxis(clip, axis, 0):
                local_binary_pattern(image, 8, 3, "nri_uniform")

    turns = [(timed(lambda: describe(clip, options))[1], timed(planes)[1]) for _ in range(5)]
    ours, theirs = (1000 * median(t) for t in zip(*turns, strict=True))
    print(f"LBP-TOP of 128×128×60: {ours:.1f} ms; target 30 ms; scikit-image {theirs:.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="640 settings on 72 features, too")
    parser.add_argument("--settings", type=int, default=5, help="settings for scikit-learn")
    options = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; numpy {np.__version__}, numba {numba.__version__}, "
        f"scikit-learn {sklearn.__version__}"
    )
    lbp_top()
    svm(options.settings, options.quick)


if __name__ == "__main__":
    main()
