"""Tables of the handcrafted chapter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mecore.descriptors.materials import MATERIALS
from mecore.descriptors.registry import find_descriptor
from mecore.evaluation.clips import Clip
from mecore.evaluation.folds import timed
from mecore.evaluation.study import COLUMNS
from mecore.models.choices import choice_table
from mecore.report.published import printed_table
from mecore.report.scores import beside, cell, score_table, select
from mecore.report.tables import MISSING, number, word
from mecore.studies.handcrafted.features import Expressions
from mecore.studies.handcrafted.fold import DUMMY, grid_of
from mecore.studies.handcrafted.options import HandcraftedOptions
from mecore.studies.handcrafted.study import HandcraftedStudy

SETTING = "({}, {:g}, {:g}, {:g})"
# Methods of the thesis' Table 3, and its rows.
PRINTED = {DUMMY: "Baseline", "lbp_top_raw": "LBP-TOP", "mdmo": "MDMO",
           "sparse_mdmo": "Sparse MDMO"}  # fmt: skip


def title_of(name: str) -> str:
    """How a method is called."""
    return name if name == DUMMY else find_descriptor(name).title


def answer(study: HandcraftedStudy, data: str) -> str:
    """Which descriptor is best, and what the choice of settings gives away, as a sentence."""
    uf1 = {c: {n: select(study.scores, c, n)["uf1"] for n in study.methods} for c in COLUMNS}
    best = max(study.task.methods, key=lambda name: uf1["honest"][name].score)
    lift, luck = (
        np.mean([uf1[high][n].score - uf1[low][n].score for n in study.task.methods])
        for high, low in (("oracle", "honest"), ("oracle on chance", "chance"))
    )
    return (
        f"**On {data}**: the best descriptor, honestly, is {title_of(best)}, macro-F1 "
        f"{cell(uf1['honest'][best])}; with permuted labels it has {cell(uf1['chance'][best])}. "
        f"The dummy has {cell(uf1['honest'][DUMMY])}. Choosing the setting on the left-out "
        f"subjects adds {number(float(lift), 2)} to the macro-F1 of a descriptor, in the mean of "
        f"all; with permuted labels {number(float(luck), 2)}."
    )


def magnified(curve: pd.DataFrame, alpha: float = 5) -> str:
    """How much of a motion magnified five-fold comes out, as a sentence."""
    parts = []
    for name, rows in curve[curve.alpha == alpha].groupby("method", sort=False):
        share = rows.measured / (alpha * rows["size"])
        parts.append(
            f"the {name} method gives {number(share.min(), 2)} to {number(share.max(), 2)} of what "
            f"is asked, and {number(share.iloc[-1], 2)} for the largest motion, "
            f"{rows['size'].iloc[-1]:g} pixels"
        )
    return f"With α = {alpha:g}, " + "; ".join(parts) + "."


def told(scores: pd.DataFrame, subjects: Sequence[str]) -> str:
    """Whose descriptor tells the person best and worst, and what that is worth, as a sentence."""
    person = scores[scores.protocol == "person told"].set_index("method").score
    uf1 = scores[scores.measure == "uf1"].pivot(index="method", columns="protocol", values="score")
    gain = (uf1["leave one video out"] - uf1["leave one subject out"]).mean()
    guess = pd.Series(subjects).value_counts(normalize=True).max()
    best, worst = person.idxmax(), person.idxmin()
    return (
        f"The person is told best by {title_of(best)}, in {person[best]:.0%} of the clips, and "
        f"worst by {title_of(worst)}, in {person[worst]:.0%}; always to say the most frequent one "
        f"would be right in {guess:.0%}. Leave one video out stands {number(abs(gain), 2)} "
        f"{'above' if gain > 0 else 'below'} leave one subject out, in the mean of the descriptors."
    )


def results(study: HandcraftedStudy, measure: str = "uf1") -> pd.DataFrame:
    """One measure of every method in every column (the form of Table 3)."""
    return _by_method(study.scores[study.scores.measure == measure], "column")


def per_class(study: HandcraftedStudy) -> pd.DataFrame:
    """F1 of each class, honest column."""
    scores = study.scores[study.scores.column == "honest"]
    f1 = scores[scores.measure.str.startswith("f1 ")]
    return _by_method(f1.assign(measure=f1.measure.str.removeprefix("f1 ")), "measure")


def _by_method(scores: pd.DataFrame, columns: str) -> pd.DataFrame:
    """Cells of scores: a row for every method, a column for every value of a column."""
    parts = {
        str(name): dict(part.set_index("method").iterrows())
        for name, part in scores.groupby(columns, sort=False)
    }
    return score_table(parts, {title_of(name): name for name in scores.method.unique()})


def settings(study: HandcraftedStudy) -> pd.DataFrame:
    """What was chosen: by the honest folds most often, and by the oracle; and how many tie."""
    rows = {}
    for name in study.task.methods:
        true, grid, learn = study.predictions(name), grid_of(name), find_descriptor(name).learn
        scores, chosen = true.scores(), pd.Series(true.honest_settings()).mode().iloc[0]
        size = MISSING if learn else f"{np.median(np.abs(study.task.gram(name))):.2g}"
        rows[title_of(name)] = {
            "honest, most often": SETTING.format(*grid.settings[chosen]),
            "oracle": SETTING.format(*grid.settings[true.oracle_setting()]),
            "settings": len(grid), "that differ": true.distinct(),
            "as good as the oracle": int((scores == scores.max()).sum()),
            "|x·y|, median": size,
        }  # fmt: skip
    return pd.DataFrame(rows).T


def protocols(scores: pd.DataFrame) -> pd.DataFrame:
    """Macro-F1 under three protocols, and the person told; of `handcrafted.study.protocols`."""
    wanted = scores[scores.measure == np.where(scores.protocol == "person told", "accuracy", "uf1")]
    table = _by_method(wanted, "protocol")
    return table.rename(columns={"person told": "person told (accuracy)"})


def classifiers(study: HandcraftedStudy) -> pd.DataFrame:
    """Other classifiers beside the polynomial support vector machine, macro-F1."""
    honest = study.scores[study.scores.column == "honest"]
    table = pd.concat([honest.assign(classifier="polynomial SVM, honest"), study.classifiers()])
    asked = (table.measure == "uf1") & table.method.isin(study.task.compared)
    return _by_method(table[asked], "classifier")


def timing(study: HandcraftedStudy, clip: Clip) -> pd.DataFrame:
    """Milliseconds of each descriptor for one clip, and seconds of its grid in one fold."""
    seconds = pd.DataFrame([study.store.fold_seconds(p.key) for p in study.single()]).median()
    measured = study.store.timings(lambda: _descriptor_seconds(study, clip))
    shared = {"interpolation and flow": {"descriptor, ms": 1000 * measured["shared"]}}
    return pd.DataFrame(shared | {
        title_of(name): {"descriptor, ms": 1000 * measured[name], "settings": len(grid_of(name)),
                         "grid of a fold, s": seconds[name]}
        for name in study.task.methods
    }).T  # fmt: skip


def _descriptor_seconds(study: HandcraftedStudy, clip: Clip) -> dict[str, float]:
    """Seconds of what descriptors share and of each of them, warm."""
    given = Expressions(clip.item, study.task.options).materials[clip.number]
    took: dict[str, float] = {}
    with timed(took, "shared"):
        for name in MATERIALS:
            given[name]
    for name in study.task.methods:
        compute = find_descriptor(name).compute
        given.give(compute)
        with timed(took, name):
            given.give(compute)
    return took


def beside_published(study: HandcraftedStudy, published: dict[str, Any], data: str) -> pd.DataFrame:
    """Rows of Table 3 as printed (oracle by its protocol), and measured."""
    accuracy, f1 = (printed_table(published, f"3 {m}") for m in ("accuracy", "F1-score"))
    measures = {"accuracy": "accuracy", "macro-F1": "uf1"}
    parts = []
    for name, row in PRINTED.items():
        printed = pd.DataFrame({"accuracy": accuracy.loc[row], "macro-F1": f1.loc[row]})
        printed = printed.rename(lambda database: f"{database} (oracle)")
        if name in study.methods:
            printed = beside(printed, study.scores, measures, name)
        else:
            printed = printed.rename(lambda row: f"{row}, published")
        parts.append(printed.rename(lambda row, name=name: f"{title_of(name)}, {row}"))
    return pd.concat(parts)


def dummy(published: dict[str, Any]) -> pd.DataFrame:
    """The dummy row of Table 3 from class counts, and from those of Table 2.

    A classifier that always says the class of M of N samples, of C classes, has accuracy M / N
    and macro-F1 2 M / (N + M) / C. M is the whole number whose accuracy is printed.
    """
    accuracy, f1 = (printed_table(published, f"3 {m}") for m in ("accuracy", "F1-score"))
    facts, counts = (printed_table(published, t)[accuracy.columns] for t in ("protocol", "2"))
    n, c, said = facts.loc["Samples"], facts.loc["Classes"], accuracy.loc["Baseline"]
    m = (said * n).round()
    return pd.DataFrame({
        "N": n, "C": c, "M": m, "M / N": m / n, "printed accuracy": said,
        "2M / (N + M) / C": 2 * m / (n + m) / c, "printed F1": f1.loc["Baseline"],
        "largest class in Table 2": counts.max(), "its share": counts.max() / counts.sum(),
    })  # fmt: skip


def choices() -> pd.DataFrame:
    """What the sources leave open, and what is done here: options, and what is none."""
    options = [
        (f"{r['topic']} ({r['name']})", r["paper"], word(r["default"]), r["why"])
        for r in choice_table(HandcraftedOptions)
    ]
    return pd.DataFrame([*options, *_CHOICES], columns=["choice", "the sources", "here", "why"])


_CHOICES = [
    ("scale of LBP-TOP", "raw counts or sum 1, by the code that was used; the thesis does not say",
     "each block and plane sums to 1", "the other two are rows of their own"),
    ("height of the upper regions", "20 pixels above the brows, in full frames",
     "0.15 of the distance of the outer eye corners", "faces are of all sizes"),
    ("MDMO in the public port", "a bin merged by a slip, angles averaged as numbers, no alignment",
     "the paper", "the port is a row of its own"),
    ("distance of Sparse MDMO", "a formula of the original paper, whose code is not public",
     "self-tuning heat kernel, 5 neighbours", "dense and thin regions count alike"),
    ("codes of new clips", "the published code runs on all samples at once",
     "dictionary from training clips; new frames are pulled to training neighbours",
     "the left-out subject may not be looked at"),
    ("choice of settings", "best macro-F1 on the left-out subjects", "nested",
     "the other is the column oracle"),
    ("equal settings", "one of them is printed", "the first of the grid", "it is as good as any"),
    ("facial dynamics map", "first guess and stored values not said",
     "mean vector; direction times mean projection", "both follow from what is maximised"),
    ("Lagrangian magnification", "no code; variance kept not said", "95 %, mean motion scaled too",
     "else the common motion would stay small"),
]  # fmt: skip
