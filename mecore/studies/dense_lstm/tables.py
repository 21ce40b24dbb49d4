"""Tables of the dense LSTM chapter."""

from __future__ import annotations

from typing import Any

import pandas as pd

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
_PRINTED = {
    "chi2": "LBP ChiSquare", "mdmd": "MDMD", "lbp-overlap": "LBP-TOP Overlap LSTM",
    "hog-overlap": "HOG-TOP Overlap LSTM", "higo-overlap": "HIGO-TOP Overlap LSTM",
    "lbp-apex": "LBP-TOP Apex LSTM", "hog-apex": "HOG-TOP Apex LSTM",
    "higo-apex": "HIGO-TOP Apex LSTM",
}  # fmt: skip
_DATA = {"1": "printed, SMIC-VIS-E", "2": "printed, «CASME2»"}


def by_column(study: DenseStudy) -> pd.DataFrame:
    """F1 of every technique in each column, and what it reaches by luck."""
    columns = list(study.scores.column.unique())
    rows = {
        title_of(t): {c: cell(select(study.scores, c, t)["f1"]) for c in columns}
        | {"by luck": cell(select(study.luck(t))["f1"])}
        for t in study.methods
    }
    return pd.DataFrame(rows).T


def measures(study: DenseStudy, techniques: list[str], column: str = "honest") -> pd.DataFrame:
    """Every measure of some techniques in one column."""
    parts = {title_of(t): select(study.scores, column, t) for t in techniques}
    return score_table(parts, MEASURES)


def beside_published(study: DenseStudy, published: dict[str, Any]) -> pd.DataFrame:
    """Printed F1 beside measured ones; no printed number is of the same data."""
    printed = {name: printed_table(published, table)["F1"] for table, name in _DATA.items()}
    rows = {
        title_of(t): {name: values.get(_PRINTED.get(t, "")) for name, values in printed.items()}
        | {f"measured, {c}": cell(select(study.scores, c, t)["f1"]) for c in ("honest", "oracle")}
        for t in study.methods
    }
    return pd.DataFrame(rows).T


def answer(study: DenseStudy, data: str) -> str:
    """Which network and which spotter without learning are best, as a sentence."""
    f1 = {t: select(study.scores, "honest", t)["f1"] for t in study.methods}
    network, rule = (max(ts, key=lambda t: f1[t].score) for ts in (study.networks, METHODS))
    return (
        f"**On {data}**, honest column: the best network is {title_of(network)}, F1 "
        f"{cell(f1[network])}; the best spotter that learns nothing is {title_of(rule)}, F1 "
        f"{cell(f1[rule])}."
    )


def compare(study: DenseStudy, first: str, second: str) -> tuple[float, float]:
    """Difference of two techniques in honest F1, and its p-value (paired over subjects)."""
    one, two = (
        [study.counts(study.rows("honest", s, t))["one"][..., None] for s in study.seeds()]
        for t in (first, second)
    )
    return paired_permutation(one, two, lambda c: spotting.measures(c[..., 0])["f1"])


def compared(study: DenseStudy) -> pd.DataFrame:
    """Each network against each spotter without learning: difference in F1, p by Holm's rule."""
    pairs = [(network, rule) for network in study.networks for rule in METHODS]
    tests = [compare(study, *pair) for pair in pairs]
    adjusted = holm([p for _, p in tests])
    rows: dict[str, dict[str, str]] = {}
    for (network, rule), (change, _), p in zip(pairs, tests, adjusted, strict=True):
        text = f"{number(change, 2)} (p = {number(p, 3)})"
        rows.setdefault(title_of(network), {})[f"minus {title_of(rule)}"] = text
    return pd.DataFrame(rows).T


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
    macro = database.samples[database.samples.kind == "macro"]
    spans = {f"{k[0]}/{k[1]}": list(zip(g.onset, g.offset, strict=True))
             for k, g in macro.groupby(["subject", "video"])}  # fmt: skip
    result = {}
    for technique in study.methods:
        inside = elsewhere = 0.0
        for seed in study.seeds():
            found = study.rows("honest", seed, technique)[0]
            for key, item in study.items.items():
                wrong = [x for x in found[key].apexes
                         if not any(a <= x <= b for a, b in item.intervals)]  # fmt: skip
                hits = sum(any(a <= x <= b for a, b in spans.get(key, [])) for x in wrong)
                inside, elsewhere = inside + hits, elsewhere + len(wrong) - hits
        n = len(study.seeds())
        result[title_of(technique)] = {
            "in a macro-expression": inside / n,
            "elsewhere": elsewhere / n,
        }
    return pd.DataFrame(result).T


def variants(studies: dict[str, DenseStudy], descriptor: str = "hog") -> pd.DataFrame:
    """Honest and oracle F1 of the networks on one descriptor under other options."""
    rows = {}
    for name, study in studies.items():
        rows[name] = {
            f"{title_of(f'{descriptor}-{target}')}, {column}": cell(
                select(study.score(column, f"{descriptor}-{target}"))["f1"]
            )
            for target in study.task.targets
            for column in ("honest", "oracle")
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
    return pd.DataFrame(
        [
            {"choice": f"{r['topic']} ({r['name']})", "paper": r["paper"],
             "here": word(r["default"]), "why": r["why"]}
            for r in choice_table(DenseOptions)
        ]
    )  # fmt: skip


def free_spotters() -> pd.DataFrame:
    """The spotters without learning: k and usual threshold."""
    rows = {m.title: {"k, seconds": m.seconds, "p": m.p} for m in METHODS.values()}
    return pd.DataFrame(rows).T
