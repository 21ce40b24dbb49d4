"""What the protocol gives: the same predictions under every habit of choosing a step.

Nothing is trained again: each habit chooses from what every step (epoch, or setting) said of every
left-out subject.

* ``honest``: the step fixed beforehand, or chosen among the training subjects.
* ``oracle, one step``: the one step with the highest UF1 on all left-out subjects.
* ``oracle, step and seed``: the same over all seeds and steps; for a classifier, its grid on test.
* ``oracle, step per subject``: for each left-out subject the step that gets most of its samples
  right, of equal ones the last; the habit of codes that keep the best epoch of every fold.
* ``mean of best subjects``: for each subject the highest F1 that any step reaches, over the classes
  that the subject shows, then the mean over subjects. No confusion matrix belongs to it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecore.evaluation.folds import Labels
from mecore.evaluation.statistics import uf1_of
from mecore.metrics.averaging import f1_of_classes

Ints = NDArray[np.int64]
BEST = "mean of best subjects"
CHOICES = (
    "honest", "oracle, one step", "oracle, step and seed", "oracle, step per subject", BEST,
)  # fmt: skip


class Answers(NamedTuple):
    """What one model says of every sample when its subject is left out, as classes.

    ``steps`` (R, T, N) in R runs, after each of T epochs or with each setting of the grid;
    ``honest`` (R, N) at the step that was fixed, or chosen among the training subjects.
    """

    steps: Ints
    honest: Ints


def column_of(choice: str, labels: Labels) -> str:
    """Name a column by a habit of choosing, and the labels that were trained on."""
    if labels == "true":
        return choice
    return "chance" if choice == "honest" else f"{choice}, on chance"


def confusions_of(truth: Ints, predicted: ArrayLike, n_classes: int) -> Ints:
    """Confusion matrices (…, C, C) of predictions (…, N)."""
    place = truth * n_classes + np.asarray(predicted, np.int64)
    flat = place.reshape(-1, place.shape[-1])
    # One long count: each row of predictions has a block of its own.
    blocks = flat + n_classes**2 * np.arange(len(flat))[:, None]
    counts = np.bincount(blocks.ravel(), minlength=len(flat) * n_classes**2)
    return counts.reshape(*place.shape[:-1], n_classes, n_classes)


def step_scores(steps: Ints, truth: Ints, n_classes: int) -> NDArray[np.float64]:
    """UF1 of every step, (R, T), of predictions (R, T, N)."""
    return uf1_of(confusions_of(truth, steps, n_classes))


def choose(answers: Answers, how: str, truth: Ints, subjects: NDArray[Any], n_classes: int) -> Ints:
    """Predictions (R', N) that a habit of choosing would report.

    ``how`` is one of `CHOICES` but the last, which has no predictions; ValueError for another.
    ``truth`` and ``subjects`` (N,) are class and subject of each sample.
    """
    steps = answers.steps
    if how == "honest":
        return answers.honest
    if how == "oracle, step per subject":
        member = (subjects[:, None] == np.unique(subjects)).astype(np.int64)
        # Of equal steps the last, as in the codes that do this.
        best = steps.shape[1] - 1 - ((steps == truth) @ member)[:, ::-1].argmax(axis=1)
        return np.take_along_axis(steps, (best @ member.T)[:, None], axis=1)[:, 0]
    scores = step_scores(steps, truth, n_classes)
    if how == "oracle, one step":
        return np.take_along_axis(steps, scores.argmax(axis=1)[:, None, None], axis=1)[:, 0]
    if how == "oracle, step and seed":
        return steps[np.unravel_index(scores.argmax(), scores.shape)][None]
    raise ValueError(f"no choice is called {how!r}; known: {', '.join(CHOICES[:-1])}")


def best_of_subjects(
    steps: Ints, truth: Ints, subjects: NDArray[Any], n_classes: int
) -> NDArray[np.float64]:
    """Best F1 that any step reaches, mean over subjects, (R,), of predictions (R, T, N)."""
    best = []
    for subject in np.unique(subjects):
        own = subjects == subject
        counts = confusions_of(truth[own], steps[..., own], n_classes)
        shown = np.where(counts.sum(-1) > 0, f1_of_classes(counts), np.nan)
        best.append(np.nanmean(shown, axis=-1).max(axis=1))
    return np.mean(best, axis=0)
