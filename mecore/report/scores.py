"""Scores of a study as a table and as bars: mean over seeds, interval, range; any study's."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mecore.report.style import PROTOCOL_COLOURS
from mecore.report.tables import MISSING

# How a cell is to be read; captions end in it.
CELL = "mean over seeds [95 %, bootstrap over subjects] (least to most of the seeds)"


def select(
    scores: pd.DataFrame, column: str = "", method: str | None = None
) -> dict[str, pd.Series]:
    """Choose the scores of a column, and of a method, by measure.

    See `mecore.evaluation.study.Study.scores`; those of one method and column need no such names.
    """
    scores = scores[scores.column == column] if column else scores
    scores = scores[scores.method == method] if method is not None else scores
    return {str(row.measure): row for _, row in scores.iterrows()}


def cell(score: pd.Series | None, digits: int = 2) -> str:
    """Write a score with its interval and its range over seeds, each as far as there is one."""
    if score is None or np.isnan(score.score):
        return MISSING
    ends = [score.score, *(x for x in (score.low, score.high) if not np.isnan(x))]
    # Counts and frames reach above 1, where fewer digits tell as much.
    digits = digits if max(map(abs, ends)) <= 1 else 1
    mean, *limits = (f"{x:.{digits}f}" for x in ends)
    parts = [mean, f"[{', '.join(limits)}]"] if limits else [mean]
    if score.runs > 1 and score.least < score.most:
        parts.append(f"({score.least:.{digits}f} to {score.most:.{digits}f})")
    # Lines break between the parts of a cell, never inside one.
    return " ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)


def score_table(
    parts: Mapping[str, Mapping[str, pd.Series]], measures: Mapping[str, str], digits: int = 2
) -> pd.DataFrame:
    """Table of scores: one row per measure, one column per part, such as honest and chance.

    ``parts`` are the scores of each column by measure, see `select`, ``measures`` the measure of
    each row, and ``digits`` those after the point.
    """
    return pd.DataFrame({
        name: {row: cell(part.get(measure), digits) for row, measure in measures.items()}
        for name, part in parts.items()
    })  # fmt: skip


def column_table(
    scores: pd.DataFrame, measures: Mapping[str, str], method: str | None = None, digits: int = 2
) -> pd.DataFrame:
    """Table of honest, oracle, chance …: one row per measure."""
    columns = scores.column.unique()
    return score_table({c: select(scores, c, method) for c in columns}, measures, digits)


def beside(
    printed: pd.DataFrame, scores: pd.DataFrame, measures: Mapping[str, str],
    method: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Printed rows above the measured columns; one column per measure that is known by name."""
    measured = column_table(scores, measures, method).T
    return pd.concat([
        printed.rename(lambda row: f"{row}, published"),
        measured.rename(lambda column: f"measured, {column}"),
    ])  # fmt: skip


def draw_columns(
    ax: Axes, scores: pd.DataFrame, measures: Mapping[str, str], method: str | None = None
) -> Axes:
    """Bars of some measures in the columns honest, oracle, chance; lines are the intervals."""
    parts = {c: select(scores, c, method) for c in scores.column.unique()}
    draw_bars(ax, parts, measures, PROTOCOL_COLOURS)
    ax.set(ylim=(0, 1), ylabel="score")
    return ax


def draw_bars(
    ax: Axes, parts: Mapping[str, Mapping[str, pd.Series]], measures: Mapping[str, str],
    colours: Mapping[str, str] | None = None,
) -> Axes:  # fmt: skip
    """Bars of some measures, one group each, with a bar for every part; lines are intervals."""
    width = 0.8 / len(parts)
    for order, (name, part) in enumerate(parts.items()):
        shown = pd.DataFrame([part[m] for m in measures.values()])
        place = np.arange(len(shown)) + (order - (len(parts) - 1) / 2) * width
        heights = shown.score.to_numpy(np.float64)
        ends = np.stack([heights - shown.low, shown.high - heights]).astype(np.float64)
        ax.bar(place, heights, width * 0.92, label=name, color=(colours or {}).get(name))
        ax.errorbar(place, heights, np.nan_to_num(ends).clip(0), fmt="none", ecolor="0.25",
                    elinewidth=1)  # fmt: skip
    ax.set_xticks(range(len(measures)), list(measures))
    ax.legend(frameon=False, ncols=len(parts), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax
