"""Figures of the chapter on honest evaluation."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.features import FlowImages
from mecore.evaluation.folds import Labels
from mecore.evaluation.study import BOTH
from mecore.models.flow.networks import CHANNELS
from mecore.report.style import COLOURS, PROTOCOL_COLOURS, SIGNED
from mecore.studies.honest_evaluation.scores import BEST, column_of, step_scores
from mecore.studies.honest_evaluation.study import FlowStudy
from mecore.studies.honest_evaluation.tables import SAME

ORACLES = {
    "oracle, one step": ("^", "oracle: one best step for all"),
    "oracle, step per subject": ("s", "oracle: best step of each subject"),
    BEST: ("P", "mean of best scores of subjects"),
}
# Permuted labels stand a little lower, so that marks do not cover each other.
LIFT = {"true": 0.0, "permuted": -0.25}


def draw_means(axes: NDArray[Any], data: FlowImages) -> NDArray[Any]:
    """Mean image of each class less that of all: a row a channel, a column a class; no person."""
    labels = data.samples.label.to_numpy()
    own = np.stack([data.images[labels == name].mean(axis=0) for name in data.classes])
    means = own - data.images.mean(axis=0)
    limit = float(np.quantile(np.abs(means), 0.99))
    for column, name in enumerate(data.classes):
        for row, channel in enumerate(CHANNELS):
            ax = axes[row, column]
            image = ax.imshow(means[column, ..., row], cmap=SIGNED, vmin=-limit, vmax=limit)
            ax.set(xticks=[], yticks=[], title="" if row else name)
            ax.set_ylabel("" if column else channel)
    axes.flat[0].figure.colorbar(image, ax=axes, shrink=0.6, label="difference from the mean")
    return axes


def draw_steps(ax: Axes, study: FlowStudy, model: str) -> Axes:
    """UF1 after every epoch, each line a seed: honest networks and those on permuted labels."""
    for labels, column in zip(BOTH, ("honest", "chance"), strict=True):
        steps = study.answers(model, labels).steps
        scores = step_scores(steps, study.task.truth, len(study.classes)).T
        epochs = np.arange(1, len(scores) + 1)
        lines = ax.plot(epochs, scores, color=PROTOCOL_COLOURS[column], lw=1)
        lines[0].set_label(f"{labels} labels")
        if labels == "true":
            ax.plot(scores.argmax(axis=0) + 1, scores.max(axis=0), "^", mec="black",
                    color=PROTOCOL_COLOURS["oracle"], label="best epoch", zorder=3)  # fmt: skip
    ax.set(xlabel="epoch", ylim=(0, 1), title=model)
    return ax


def draw_audit(ax: Axes, scores: pd.DataFrame, published: pd.DataFrame) -> Axes:
    """Published, oracle, honest and chance UF1 of every model, all in one."""
    models = list(scores.method.unique())[::-1]
    uf1 = scores[scores.measure == "uf1"].set_index("method")
    by_column = {c: part.loc[models] for c, part in uf1.groupby("column")}
    _draw_honest(ax, by_column["honest"])
    for labels in BOTH:
        for choice, (marker, name) in ORACLES.items():
            _draw_oracle(ax, by_column[column_of(choice, labels)], labels, marker, name)
    _draw_chance(ax, by_column["chance"])
    printed = published.set_index("model").UF1
    known = {row: models.index(model) + 0.22 for row, model in SAME.items() if model in models}
    ax.plot(printed[list(known)], list(known.values()), "D", color=COLOURS["red"], ms=7,
            mec="black", label="published, people (full composite)")  # fmt: skip
    ax.set(yticks=range(len(models)), yticklabels=models, ylim=(-0.6, len(models) - 0.4),
           xlabel="UF1", xlim=(0, 1))  # fmt: skip
    ax.grid(axis="x", color="0.9")
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.1), ncols=2)
    return ax


def _draw_honest(ax: Axes, scores: pd.DataFrame) -> None:
    places, colour = np.arange(len(scores)), PROTOCOL_COLOURS["honest"]
    ax.hlines(places, scores.low, scores.high, colour, lw=5, alpha=0.35,
              label="honest, 95 % interval")  # fmt: skip
    ax.hlines(places, scores.least, scores.most, "black", lw=1.5, label="range over seeds")
    ax.plot(scores.score, places, "o", color=colour, ms=9, label="honest")


def _draw_oracle(ax: Axes, scores: pd.DataFrame, labels: Labels, marker: str, name: str) -> None:
    column = "oracle" if labels == "true" else "oracle on chance"
    ax.plot(scores.score, np.arange(len(scores)) + LIFT[labels], marker, mec="0.3", ms=7,
            color=PROTOCOL_COLOURS[column],
            label=name if labels == "true" else f"{name}, permuted labels")  # fmt: skip


def _draw_chance(ax: Axes, scores: pd.DataFrame) -> None:
    places = np.arange(len(scores)) + LIFT["permuted"]
    ax.hlines(places, scores.least, scores.most, "black", lw=1.5)
    ax.plot(scores.score, places, "o", mfc="white", mec=PROTOCOL_COLOURS["chance"], ms=8,
            label="chance: honest, permuted labels")  # fmt: skip


def draw_averaging(ax: Axes, table: pd.DataFrame) -> Axes:
    """One line a model: the same honest predictions under every way of averaging."""
    markers = "osD^vP*"
    colours = [COLOURS[c] for c in ("blue", "orange", "green", "red", "purple", "sky", "black")]
    for column, marker, colour in zip(table.columns, markers, colours, strict=True):
        ax.plot(table[column], range(len(table))[::-1], marker, color=colour, ms=7, label=column)
    ax.set(yticks=range(len(table))[::-1], yticklabels=table.index, ylim=(-0.5, len(table) - 0.5),
           xlabel="«F1» (and UAR)", xlim=(0, 1))  # fmt: skip
    ax.grid(axis="x", color="0.9")
    ax.legend(frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return ax
