"""Tables of the dense LSTM chapter."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.evaluation.statistics import holm, paired_permutation
from mecore.metrics import spotting
from mecore.models.choices import choice_table
from mecore.models.dense_lstm.inputs import descriptor_options
from mecore.models.dense_lstm.options import DESCRIPTORS, DenseOptions
from mecore.report.published import printed_table
from mecore.report.scores import cell, score_table, select
from mecore.report.tables import number, word
from mecore.spotting.learning_free import METHODS
from mecore.studies.dense_lstm.figures import title_of
from mecore.studies.dense_lstm.limit import half_seen, usual_noise
from mecore.studies.dense_lstm.study import DenseStudy

MEASURES = {
    "F1": "f1", "true positives": "tp", "false positives": "fp", "missed": "fn",
    "precision": "precision", "recall": "recall", "false positives per minute": "fp_per_minute",
    "F1, many to one": "f1_many", "F1, mean of subjects": "f1_subjects",
    "F1, mean of videos": "f1_videos", "F1, IoU ≥ 0.5": "f1_iou",
}  # fmt: skip
# What the paper calls otherwise than we do.
_PRINTED = {"LBP ChiSquare": METHODS["chi2"].title}
_DATA = {"1": "printed, SMIC-VIS-E", "2": "printed, «CASME2»"}


def by_column(study: DenseStudy) -> pd.DataFrame:
    """F1 of every technique in each column, and what it reaches by luck."""
    luck = {t: select(study.luck(t))["f1"] for t in study.methods}
    return score_table(study.f1 | {"by luck": luck}, {title_of(t): t for t in study.methods})


def measures(study: DenseStudy, techniques: list[str], column: str = "honest") -> pd.DataFrame:
    """Every measure of some techniques in one column."""
    parts = {title_of(t): select(study.scores, column, t) for t in techniques}
    return score_table(parts, MEASURES)


def beside_published(study: DenseStudy, published: dict[str, Any]) -> pd.DataFrame:
    """Printed F1 beside measured ones; no printed number is of the same data."""
    names = {title_of(t): t for t in study.methods}
    printed = {name: printed_table(published, table)["F1"] for table, name in _DATA.items()}
    measured = {f"measured, {column}": study.f1[column] for column in ("honest", "oracle")}
    ours = pd.DataFrame(printed).rename(_PRINTED).reindex(names)
    return pd.concat([ours, score_table(measured, names)], axis=1)


def answer(study: DenseStudy, data: str) -> str:
    """Which network and which spotter without learning are best, as a sentence."""
    f1 = study.f1["honest"]
    network, rule = (max(ts, key=lambda t: f1[t].score) for ts in (study.networks, METHODS))
    return (
        f"**On {data}**, honest column: the best network is {title_of(network)}, F1 "
        f"{cell(f1[network])}; the best spotter that learns nothing is {title_of(rule)}, F1 "
        f"{cell(f1[rule])}."
    )


def compared(study: DenseStudy) -> pd.DataFrame:
    """Each network against each spotter without learning: difference in honest F1, paired p.

    Subjects are paired, and p-values adjusted by Holm's rule.
    """
    counts = {
        t: [study.counts(study.rows("honest", s, t))["one"][..., None] for s in study.seeds()]
        for t in study.methods
    }
    tests = [
        paired_permutation(counts[a], counts[b], lambda c: spotting.measures(c[..., 0])["f1"])
        for a, b in product(study.networks, METHODS)
    ]
    adjusted = zip(tests, holm([p for _, p in tests]), strict=True)
    texts = [f"{number(change, 2)} (p = {number(p, 3)})" for (change, _), p in adjusted]
    columns = [f"minus {title_of(t)}" for t in METHODS]
    table = np.array(texts, object).reshape(-1, len(columns))
    return pd.DataFrame(table, [title_of(t) for t in study.networks], columns)


def sizes(options: DenseOptions) -> pd.DataFrame:
    """Length of each descriptor and parameters of its network, with and without components."""
    # Keras takes seconds to import; pages that need no network do without it.
    from mecore.models.dense_lstm.network import build_network

    rows = {}
    for kind in DESCRIPTORS:
        length = descriptor_options(kind, options).length
        projected = options.components or length
        rows[f"{kind.upper()}-TOP"] = {
            "D": length,
            "parameters, 80 D + 1,701": 80 * length + 1701,
            "counted": build_network(length, options).count_params(),
            "components": options.components,
            "counted with components": build_network(projected, options).count_params(),
        }
    return pd.DataFrame(rows).T


def tracking(study: DenseStudy) -> pd.DataFrame:
    """Frames of each subject in which the face was found, tracked, found again, lost."""
    rows = [{"subject": i.subject} | dict(study.features(i).states) for i in study.task.items]
    table = pd.DataFrame(rows).groupby("subject").sum()
    states = ["found", "tracked", "found again", "lost"]
    return table.reindex(columns=states, fill_value=0).fillna(0).astype(int)


def too_short(study: DenseStudy) -> pd.DataFrame:
    """Expressions that no window of a length can overlap by half, by length."""
    chosen = {study.task.window(p) for p in study.plans_with("true")}
    durations = [b - a + 1 for item in study.task.items for a, b in item.intervals]
    return pd.DataFrame([
        {"L": n, "expressions": len(durations),
         "without target": sum(d < 0.5 * n for d in durations), "taken here": n in chosen}
        for n in sorted(chosen | {9, 23})
    ])  # fmt: skip


def where_false(study: DenseStudy, database: Database) -> pd.DataFrame:
    """False positives of the honest column, mean over seeds: in macro-expressions, or not."""
    samples = database.samples[database.samples.kind == "macro"]
    macro = {f"{subject}/{video}": own[["onset", "offset"]].to_numpy(np.int64)
             for (subject, video), own in samples.groupby(["subject", "video"])}  # fmt: skip
    rows = study.table("rows")
    found = rows[rows.source == "spotted"]
    wrong = found[~_inside(found, {key: item.intervals for key, item in study.items.items()})]
    hits = _inside(wrong, macro).groupby(wrong.technique)
    counts = {"in a macro-expression": hits.sum(), "elsewhere": hits.count() - hits.sum()}
    table = pd.DataFrame(counts).reindex(study.methods, fill_value=0)
    return table.rename(title_of).rename_axis(None) / len(study.seeds())


def _inside(found: pd.DataFrame, intervals: Mapping[str, NDArray[np.int64]]) -> pd.Series:
    """Whether each apex lies in one of the intervals of its video."""
    keys = found.subject + "/" + found.video
    inside = [any(a <= apex <= b for a, b in intervals.get(key, ()))
              for key, apex in zip(keys, found.apex, strict=True)]  # fmt: skip
    return pd.Series(inside, found.index, dtype=bool)


def variants(studies: dict[str, DenseStudy], descriptor: str = "hog") -> pd.DataFrame:
    """Honest and oracle F1 of the networks on one descriptor under other options."""
    rows = {}
    for name, study in studies.items():
        techniques = [f"{descriptor}-{target}" for target in study.task.targets]
        rows[name] = {
            f"{title_of(t)}, {column}": cell(select(study.score(column, t))["f1"])
            for t, column in product(techniques, ("honest", "oracle"))
        }
    return pd.DataFrame(rows).T


def halfway(study: DenseStudy) -> pd.DataFrame:
    """How well each technique sees small and large motion, and half of the expressions."""
    limit = study.limit
    if not len(limit):
        return limit
    usual = limit[limit.noise == usual_noise(limit)]
    parts = {title_of(t): select(half_seen(usual[usual.technique == t])) for t in study.methods}
    return score_table(parts, {m: m for m in parts[title_of(study.methods[0])]}).T


def choices() -> pd.DataFrame:
    """Paper and this study, option by option."""
    return pd.DataFrame([
        {"choice": f"{r['topic']} ({r['name']})", "paper": r["paper"], "here": word(r["default"]),
         "why": r["why"]}
        for r in choice_table(DenseOptions)
    ])  # fmt: skip


def free_spotters() -> pd.DataFrame:
    """The spotters without learning: k and usual threshold."""
    rows = {m.title: {"k, seconds": m.seconds, "p": m.p} for m in METHODS.values()}
    return pd.DataFrame(rows).T
