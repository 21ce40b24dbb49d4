"""Figures of the grid of settings, of the feature scale, of the columns, and of the protocols."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mecore.report.scores import select
from mecore.report.style import COLOURS, MAGNITUDE, PROTOCOL_COLOURS
from mecore.studies.handcrafted.fold import DUMMY, grid_of
from mecore.studies.handcrafted.study import HandcraftedStudy
from mecore.studies.handcrafted.tables import title_of

SCALES = {"lbp_top_raw": "raw counts", "lbp_top_unit": "sum 1", "lbp_top": "each block sums to 1"}
PROTOCOLS = {"leave one subject out": "blue", "leave one video out": "orange",
             "other database": "green"}  # fmt: skip


def draw_grid(axes: Sequence[Axes], study: HandcraftedStudy, name: str) -> Sequence[Axes]:
    """Macro-F1 of every setting, one panel per C, pooled over the left-out subjects."""
    grid = grid_of(name)
    shape = len(grid.degrees) * len(grid.coefs), len(grid.gammas), len(grid.penalties)
    scores = study.predictions(name).scores().reshape(shape)
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
    total = [len(grid_of(n)) for n in names]
    at = np.arange(len(names))
    ax.barh(at, total, color="0.88", label="settings")
    ax.barh(at, share, color=COLOURS["blue"], label="that differ in a prediction")
    for y, n in zip(at.tolist(), share, strict=True):
        ax.text(float(n) * 1.15, y, str(n), va="center", fontsize=9)
    ax.set_yticks(at, [title_of(n) for n in names])
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
    dummy = select(study.scores, "honest", DUMMY)["uf1"].score
    ax.axhline(dummy, color="0.5", ls=":", label="dummy")
    ax.set(
        xlabel="settings, % (from the worst)", ylabel="macro-F1", title="LBP-TOP", ylim=(0, None)
    )
    ax.legend(frameon=False)
    return ax


def draw_protocols(ax: Axes, scores: pd.DataFrame) -> Axes:
    """Macro-F1 of every method under the protocols, side by side; lines are intervals.

    ``scores`` as `mecore.studies.handcrafted.study.protocols` gives them.
    """
    names = [p for p in PROTOCOLS if p in set(scores.protocol)]
    methods = list(scores.method.unique())
    at, width = np.arange(len(methods)), 0.8 / len(names)
    for number, name in enumerate(names):
        own = scores[(scores.protocol == name) & (scores.measure == "uf1")]
        own = own.set_index("method").loc[methods]
        place = at + (number - (len(names) - 1) / 2) * width
        reach = np.stack([own.score - own.low, own.high - own.score]).clip(0)
        ax.bar(place, own.score, width * 0.92, color=COLOURS[PROTOCOLS[name]], label=name)
        ax.errorbar(place, own.score, reach, fmt="none", ecolor="0.25", elinewidth=1)
    person = scores[scores.protocol == "person told"].set_index("method").loc[methods]
    ax.plot(at, person.score, "D", color="black", ms=5, ls="none", label="person told (accuracy)")
    ax.set_xticks(at, [title_of(name) for name in methods], rotation=35, ha="right")
    ax.set(ylabel="macro-F1", ylim=(0, 1.05))
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def draw_results(ax: Axes, study: HandcraftedStudy) -> Axes:
    """Macro-F1 of every method in every column; thin lines are intervals, thick ones ranges."""
    markers = {"honest": "o", "oracle": "D", "chance": "s", "oracle on chance": "d"}
    at = np.arange(len(study.methods))
    for place, (column, marker) in enumerate(markers.items()):
        colour = PROTOCOL_COLOURS[column]
        own = [select(study.scores, column, name)["uf1"] for name in study.methods]
        score, low, high, least, most = (
            np.array([s[key] for s in own], float)
            for key in ("score", "low", "high", "least", "most")
        )
        y = at + (place - 1.5) * 0.18
        ax.hlines(y, low, high, color=colour, lw=1, alpha=0.7)
        ax.hlines(y, least, most, color=colour, lw=3)
        ax.plot(score, y, marker, color=colour, label=column, ms=5)
    ax.set_yticks(at, [title_of(name) for name in study.methods])
    ax.set(xlabel="macro-F1", xlim=(0, 1))
    ax.grid(axis="y", color="0.92")
    ax.invert_yaxis()
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.45, 1))
    return ax
