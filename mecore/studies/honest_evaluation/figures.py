"""Figures of the chapter on honest evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.features import FlowImages
from mecore.models.flow.networks import CHANNELS
from mecore.report.style import COLOURS, PROTOCOL_COLOURS, SIGNED
from mecore.studies.honest_evaluation.audit import Audit, step_scores

# Published rows that name a model of the study.
SAME = {"STSTNet": "STSTNet", "OFF-ApexNet": "OFF-ApexNet", "Bi-WOOF": "Bi-WOOF, SVM"}
ORACLES = {
    "oracle, one step": ("^", "oracle: one best step for all"),
    "oracle, step per subject": ("s", "oracle: best step of each subject"),
    "mean of best subjects": ("P", "mean of best scores of subjects"),
}


def draw_means(axes: NDArray[Any], data: FlowImages) -> NDArray[Any]:
    """Mean image of each class less that of all: a row a channel, a column a class; no person."""
    classes = list(data.manifest.classes)
    masks = [(data.samples.label == name).to_numpy() for name in classes]
    means = np.stack([data.images[mask].mean(axis=0) for mask in masks]) - data.images.mean(axis=0)
    limit = float(np.quantile(np.abs(means), 0.99))
    for column, (name, own) in enumerate(zip(classes, means, strict=True)):
        for row, channel in enumerate(CHANNELS):
            ax = axes[row, column]
            image = ax.imshow(own[..., row], cmap=SIGNED, vmin=-limit, vmax=limit)
            ax.set(xticks=[], yticks=[], title=name if not row else "")
            if not column:
                ax.set_ylabel(channel)
    axes.flat[0].figure.colorbar(image, ax=axes, shrink=0.6, label="difference from the mean")
    return axes


def draw_steps(ax: Axes, audit: Audit, model: str) -> Axes:
    """UF1 after every epoch, each line a seed: honest networks and those on permuted labels."""
    names = {"true": ("honest", "true labels"), "permuted": ("chance", "permuted labels")}
    for labels, (colour, name) in names.items():
        steps = audit.study.of(model, labels).steps  # type: ignore[arg-type]
        for number, run in enumerate(step_scores(steps, audit.truth, audit.n_classes)):
            ax.plot(
                np.arange(1, len(run) + 1),
                run,
                color=PROTOCOL_COLOURS[colour],
                lw=1,
                label=name if not number else None,
            )
            if labels == "true":
                best = int(run.argmax())
                ax.plot(
                    best + 1,
                    run[best],
                    "^",
                    color=PROTOCOL_COLOURS["oracle"],
                    mec="black",
                    label="best epoch" if not number else None,
                )
    ax.set(xlabel="epoch", ylim=(0, 1), title=model)
    return ax


def draw_audit(ax: Axes, rows: pd.DataFrame, published: pd.DataFrame) -> Axes:
    """Published, oracle, honest and chance UF1 of every model, all in one."""
    part = rows[(rows.measure == "UF1") & (rows.database == "full")]
    models = list(part.model.unique())[::-1]
    scores = part.set_index(["model", "labels", "choice"])
    for y, model in enumerate(models):
        honest = scores.loc[(model, "true", "honest")]
        ax.plot(
            [honest.low, honest.high],
            [y, y],
            color=PROTOCOL_COLOURS["honest"],
            lw=5,
            alpha=0.35,
            solid_capstyle="butt",
            label=_once("honest, 95 % interval", y),
        )
        ax.plot(
            honest.score, y, "o", color=PROTOCOL_COLOURS["honest"], ms=9, label=_once("honest", y)
        )
        for choice, (marker, name) in ORACLES.items():
            for labels, colour in (("true", "oracle"), ("permuted", "oracle on chance")):
                ax.plot(
                    scores.loc[(model, labels, choice)].score,
                    y + _lift(labels),
                    marker,
                    color=PROTOCOL_COLOURS[colour],
                    mec="0.3",
                    ms=7,
                    label=_once(_label(name, labels), y),
                )
        chance = scores.loc[(model, "permuted", "honest")].score
        ax.plot(
            chance,
            y + _lift("permuted"),
            "o",
            mfc="white",
            mec=PROTOCOL_COLOURS["chance"],
            ms=8,
            label=_once("chance: honest, permuted labels", y),
        )
    _mark_published(ax, models, published)
    ax.set_yticks(range(len(models)), models)
    ax.set(xlabel="UF1", xlim=(0, 1), ylim=(-0.6, len(models) - 0.4))
    ax.grid(axis="x", color="0.9")
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.16), ncols=2)
    return ax


def _mark_published(ax: Axes, models: list[str], published: pd.DataFrame) -> None:
    printed = published.set_index("model").UF1
    for number, (row, model) in enumerate(SAME.items()):
        if model in models:
            ax.plot(
                printed[row],
                models.index(model) + 0.22,
                "D",
                color=COLOURS["red"],
                ms=7,
                mec="black",
                label=None if number else "published, people (full composite)",
            )


def _once(label: str, y: int) -> str | None:
    return None if y else label


def _lift(labels: str) -> float:
    """Permuted labels stand a little lower, so that marks do not cover each other."""
    return 0.0 if labels == "true" else -0.25


def _label(name: str, labels: str) -> str:
    return name if labels == "true" else f"{name}, permuted labels"


def draw_averaging(ax: Axes, table: pd.DataFrame) -> Axes:
    """One line a model: the same honest predictions under every way of averaging."""
    markers = "osD^vP*"
    colours = [COLOURS[c] for c in ("blue", "orange", "green", "red", "purple", "sky", "black")]
    for column, marker, colour in zip(table.columns, markers, colours, strict=True):
        ax.plot(table[column], range(len(table))[::-1], marker, color=colour, ms=7, label=column)
    ax.set_yticks(range(len(table))[::-1], table.index)
    ax.set(xlabel="«F1» (and UAR)", xlim=(0, 1), ylim=(-0.5, len(table) - 0.5))
    ax.grid(axis="x", color="0.9")
    ax.legend(frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return ax
