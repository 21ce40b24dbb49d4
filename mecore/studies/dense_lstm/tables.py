"""Tables of the dense LSTM chapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mecore.data.database import Database
from mecore.models.dense_lstm.options import DESCRIPTORS, DenseOptions, option_table, reading
from mecore.report.published import printed_table
from mecore.spotting.learning_free import METHODS
from mecore.studies.dense_lstm.features import descriptor_options
from mecore.studies.dense_lstm.figures import title_of
from mecore.studies.dense_lstm.fold import lost_expressions
from mecore.studies.dense_lstm.study import COLUMN_NAMES, DenseStudy, run_dense_lstm

MEASURES = {
    "F1": "f1", "true positives": "tp", "false positives": "fp", "missed": "fn",
    "precision": "precision", "recall": "recall", "false positives per minute": "fp_per_minute",
    "F1, many to one": "f1_many", "F1, mean of subjects": "f1_subjects",
    "F1, mean of videos": "f1_videos", "F1, IoU ≥ 0.5": "f1_iou",
}  # fmt: skip
_PRINTED = {
    "chi2": "LBP ChiSquare", "mdmd": "MDMD", "lbp-overlap": "LBP-TOP Overlap LSTM",
    "hog-overlap": "HOG-TOP Overlap LSTM", "higo-overlap": "HIGO-TOP Overlap LSTM",
    "lbp-apex": "LBP-TOP Apex LSTM", "hog-apex": "HOG-TOP Apex LSTM",
    "higo-apex": "HIGO-TOP Apex LSTM",
}  # fmt: skip
_DATA = {"1": "printed, SMIC-VIS-E", "2": "printed, «CASME2»"}


def by_column(study: DenseStudy) -> pd.DataFrame:
    """F1 of every technique in each column."""
    table = pd.DataFrame({c: {t: s["f1"] for t, s in study.columns[c].items()}
                          for c in COLUMN_NAMES})  # fmt: skip
    return table.loc[study.techniques].rename(index=title_of)


def measures(study: DenseStudy, column: str = "honest") -> pd.DataFrame:
    """Every measure of every technique in one column."""
    table = pd.DataFrame(study.columns[column]).T.loc[study.techniques]
    table = table[list(MEASURES.values())].set_axis(list(MEASURES), axis=1)
    return table.rename(index=title_of)


def beside(published: dict[str, Any], study: DenseStudy) -> pd.DataFrame:
    """Printed F1 beside measured ones; no printed number is of the same data."""
    measured = by_column(study)
    for number, name in _DATA.items():
        printed = printed_table(published, number)["F1"]
        values = {title_of(t): printed.get(_PRINTED.get(t, "")) for t in study.techniques}
        measured.insert(int(number) - 1, name, pd.Series(values, dtype=float))
    return measured


def sizes(options: DenseOptions) -> pd.DataFrame:
    """Length of each descriptor and parameters of its network, with and without components."""
    # Keras takes seconds to import; pages that need no network do without it.
    from mecore.models.dense_lstm.network import build_network

    rows = {}
    for kind in DESCRIPTORS:
        length = descriptor_options(kind, options).length
        rows[f"{kind.upper()}-TOP"] = {
            "D": length,
            "parameters, 80 D + 1,701": 80 * length + 1701,
            "counted": build_network(length, options).count_params(),
            "components": options.components,
            "counted with components": build_network(
                options.components or length, options
            ).count_params(),
        }
    return pd.DataFrame(rows).T


def tracking(study: DenseStudy) -> pd.DataFrame:
    """Frames of each subject in which the face was found, tracked, found again, lost."""
    rows = [{"subject": i.subject} | study.features(i).states for i in study.task.items]
    table = pd.DataFrame(rows).groupby("subject").sum()
    states = ["found", "tracked", "found again", "lost"]
    return table.reindex(columns=states, fill_value=0).fillna(0).astype(int)


def too_short(study: DenseStudy) -> pd.DataFrame:
    """Expressions that no window of a length can overlap by half, by length."""
    chosen = {study.task.window(p) for p in study.plans_with("true")}
    table = lost_expressions(study.task.items, sorted(chosen | {9, 23}))
    table["taken here"] = [n in chosen for n in table.L]
    return table


def where_false(study: DenseStudy, database: Database) -> pd.DataFrame:
    """False positives of the honest column: in a macro-expression, or elsewhere."""
    macro = database.samples[database.samples.kind == "macro"]
    spans = {f"{k[0]}/{k[1]}": list(zip(g.onset, g.offset, strict=True))
             for k, g in macro.groupby(["subject", "video"])}  # fmt: skip
    result = {}
    for technique in study.techniques:
        inside = elsewhere = 0
        for key, item in study.items.items():
            apexes = study.found(technique, key, study.choice(technique, item.subject)).apexes
            wrong = [x for x in apexes if not any(a <= x <= b for a, b in item.intervals)]
            hits = sum(any(a <= x <= b for a, b in spans.get(key, [])) for x in wrong)
            inside, elsewhere = inside + hits, elsewhere + len(wrong) - hits
        result[technique] = {"in a macro-expression": inside, "elsewhere": elsewhere}
    return pd.DataFrame(result).T.rename(index=title_of)


def variants(
    study: DenseStudy,
    database: Database,
    changes: dict[str, dict[str, Any]],
    results: Path,
    descriptor: str = "hog",
    **execution: Any,
) -> pd.DataFrame:
    """Honest and oracle F1 of the networks on one descriptor under other options."""
    ours = {f: getattr(study.task.options, f) for f in study.task.options.__dataclass_fields__}
    rows = {"as above": study}
    for name, change in changes.items():
        options = reading(**(ours | change))
        rows[name] = run_dense_lstm(
            database, options, results, labels=("true",), limit_turns=0,
            descriptors=(descriptor,), **execution,
        )  # fmt: skip
    table = {
        name: {
            f"{title_of(f'{descriptor}-{t}')}, {column}": other.score(f"{descriptor}-{t}", column)[
                "f1"
            ]
            for t in study.task.targets
            for column in ("honest", "oracle")
        }
        for name, other in rows.items()
    }
    return pd.DataFrame(table).T


def halfway(limit: pd.DataFrame) -> pd.DataFrame:
    """Smallest motion at which each technique reaches half of the best F1, by interpolation."""
    usual = limit[limit.noise == limit.noise.mode().iloc[0]]
    rows = {}
    for technique, part in usual.groupby("technique", sort=False):
        counts = part.groupby("peak")[["tp", "fp", "fn"]].sum()
        f1 = 2 * counts.tp / (2 * counts.tp + counts.fp + counts.fn).clip(lower=1)
        above = np.flatnonzero(f1.to_numpy() >= 0.5)
        found = float(_crossing(f1, int(above[0]))) if above.size else None
        rows[title_of(str(technique))] = {
            "F1 at 0.1 pixels": f1.iloc[0], "F1 at 1 pixel": f1.get(1.0),
            "F1 at 3 pixels": f1.iloc[-1], "pixels for F1 = 0.5": found,
        }  # fmt: skip
    return pd.DataFrame(rows).T


def _crossing(f1: pd.Series, first: int) -> float:
    if first == 0:
        return float(f1.index[0])
    a, b = f1.iloc[first - 1], f1.iloc[first]
    x, y = np.log(f1.index[first - 1]), np.log(f1.index[first])
    return float(np.exp(x + (0.5 - a) / (b - a) * (y - x)))


def choices() -> pd.DataFrame:
    """Paper and this study, option by option."""
    return pd.DataFrame(
        [
            {"choice": f"{r['topic']} ({r['name']})", "paper": r["paper"],
             "here": _word(r["default"]), "why": r["why"]}
            for r in option_table()
        ]
    )  # fmt: skip


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def free_spotters() -> pd.DataFrame:
    """The spotters without learning: k and usual threshold."""
    rows = {m.title: {"k, seconds": m.seconds, "p": m.p} for m in METHODS.values()}
    return pd.DataFrame(rows).T
