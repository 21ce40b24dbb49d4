"""Figures of the grid of settings, of the feature scale, and of the protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mecore.report.style import COLOURS, MAGNITUDE
from mecore.studies.handcrafted.methods import METHODS, TITLES
from mecore.studies.handcrafted.study import HandcraftedStudy

SCALES = {"lbp_top_raw": "raw counts", "lbp_top_unit": "sum 1", "lbp_top": "each block sums to 1"}


def draw_grid(axes: Sequence[Axes], study: HandcraftedStudy, name: str) -> Sequence[Axes]:
    """Macro-F1 of every setting, one panel per C, pooled over the left-out subjects."""
    grid = METHODS[name].grid
    scores = (
        study.predictions(name)
        .scores()
        .reshape(len(grid.degrees) * len(grid.coefs), len(grid.gammas), len(grid.penalties))
    )
    names = [f"{d}, {c:g}" for d in grid.degrees for c in grid.coefs]
    best = np.unravel_index(scores.argmax(), scores.shape)
    for number, (ax, penalty) in enumerate(zip(axes, grid.penalties, strict=True)):
        shown = ax.imshow(
            scores[..., number], cmap=MAGNITUDE, aspect="auto", vmin=scores.min(),
            vmax=scores.max(), extent=(0, len(grid.gammas), len(names), 0),
        )  # fmt: skip
        ticks = np.linspace(0, len(grid.gammas) - 1, 5).astype(int)
        ax.set_xticks(ticks + 0.5, [f"{grid.gammas[t]:g}" for t in ticks])
        ax.set_yticks(np.arange(len(names)) + 0.5, names if number == 0 else [])
        ax.set(xlabel="γ", title=f"C = {penalty:g}")
        if number == best[2]:
            ax.plot(best[1] + 0.5, best[0] + 0.5, "*", color=COLOURS["red"], ms=14, mec="white")
    axes[0].set_ylabel("degree, coef")
    axes[0].figure.colorbar(shown, ax=list(axes), label="macro-F1")
    return axes


def draw_ties(ax: Axes, study: HandcraftedStudy) -> Axes:
    """Of the settings of each method, how many differ in any prediction at all."""
    names = list(study.task.methods)
    share = [study.predictions(n).distinct() for n in names]
    total = [len(METHODS[n].grid) for n in names]
    at = np.arange(len(names))
    ax.barh(at, total, color="0.88", label="settings")
    ax.barh(at, share, color=COLOURS["blue"], label="that differ in a prediction")
    for y, n in zip(at.tolist(), share, strict=True):
        ax.text(float(n) * 1.15, y, str(n), va="center", fontsize=9)
    ax.set_yticks(at, [TITLES[n] for n in names])
    ax.set(xscale="log", xlabel="settings", xlim=(0.8, None))
    ax.invert_yaxis()
    ax.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.4, 1))
    return ax


def draw_scales(ax: Axes, study: HandcraftedStudy) -> Axes:
    """Macro-F1 of all settings in ascending order: one feature, three scales."""
    shown = {n: t for n, t in SCALES.items() if n in study.task.methods}
    for (name, title), colour in zip(shown.items(), ("orange", "red", "blue"), strict=False):
        scores = np.sort(study.predictions(name).scores())
        ax.plot(np.linspace(0, 100, len(scores)), scores, color=COLOURS[colour], label=title)
    dummy = study.columns["dummy"]["honest"]["uf1"]
    ax.axhline(dummy, color="0.5", ls=":", label="dummy")
    ax.set(
        xlabel="settings, % (from the worst)", ylabel="macro-F1", title="LBP-TOP", ylim=(0, None)
    )
    ax.legend(frameon=False)
    return ax


def draw_protocols(ax: Axes, table: pd.DataFrame) -> Axes:
    """Macro-F1 of every method under the protocols, side by side."""
    colours = {"leave one subject out": COLOURS["blue"], "leave one video out": COLOURS["orange"],
               "other database": COLOURS["green"]}  # fmt: skip
    names = [c for c in colours if c in table]
    at, width = np.arange(len(table)), 0.8 / len(names)
    for number, name in enumerate(names):
        ax.bar(at + (number - (len(names) - 1) / 2) * width, table[name], width * 0.92,
               color=colours[name], label=name)  # fmt: skip
    if "person told (accuracy)" in table:
        ax.plot(at, table["person told (accuracy)"], "D", color="black", ms=5, ls="none",
                label="person told (accuracy)")  # fmt: skip
    ax.set_xticks(at, table.index, rotation=35, ha="right")
    ax.set(ylabel="macro-F1", ylim=(0, 1.05))
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def draw_results(ax: Axes, columns: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Axes:
    """Macro-F1 of every method in the columns honest, oracle, chance."""
    colours = {"honest": (COLOURS["blue"], "o"), "oracle": (COLOURS["orange"], "D"),
               "chance": ("0.4", "s"), "oracle on chance": ("0.7", "d")}  # fmt: skip
    at = np.arange(len(columns))
    for place, (column, (colour, marker)) in enumerate(colours.items()):
        values = [scores[column]["uf1"] for scores in columns.values()]
        ax.plot(values, at, marker, color=colour, label=column, ms=7, zorder=4 - place)
    ax.set_yticks(at, [TITLES[name] for name in columns])
    ax.set(xlabel="macro-F1", xlim=(0, 1))
    ax.grid(axis="y", color="0.92")
    ax.invert_yaxis()
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.45, 1))
    return ax
