"""Tables of the handcrafted chapter."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mecore.evaluation.clips import Clip, apex_frame, face_clip
from mecore.metrics.recognition import macro_f1
from mecore.report.published import printed_table
from mecore.studies.handcrafted.methods import (
    DESCRIPTORS,
    METHODS,
    THESIS_METHODS,
    TITLES,
    prepare,
)
from mecore.studies.handcrafted.study import HandcraftedStudy

Columns = Mapping[str, Mapping[str, Mapping[str, float]]]
NAMES = {"honest": "honest", "oracle": "oracle", "chance": "chance",
         "oracle on chance": "oracle on chance"}  # fmt: skip
_PRINTED = {"dummy": "Baseline", "lbp_top_raw": "LBP-TOP", "mdmo": "MDMO",
            "sparse_mdmo": "Sparse MDMO"}  # fmt: skip


def results(columns: Columns) -> pd.DataFrame:
    """Accuracy and macro-F1 of every method in every column (the form of Table 3)."""
    rows = {
        TITLES[name]: {
            f"{measure}, {column}": scores[column][key]
            for measure, key in (("accuracy", "accuracy"), ("macro-F1", "uf1"))
            for column in NAMES
        }
        for name, scores in columns.items()
    }
    return pd.DataFrame(rows).T


def per_class(study: HandcraftedStudy) -> pd.DataFrame:
    """F1 of each class, honest column."""
    rows = {}
    for name in ("dummy", *study.task.methods):
        counts = study.confusion(study.predicted(name)["honest"])
        both = counts.sum(axis=0) + counts.sum(axis=1)
        f1 = np.divide(2 * np.diag(counts), both, out=np.zeros(len(both)), where=both > 0)
        rows[TITLES[name]] = dict(zip(study.task.classes, f1, strict=True))
    return pd.DataFrame(rows).T


def settings(study: HandcraftedStudy) -> pd.DataFrame:
    """What was chosen: by the honest folds most often, and by the oracle; and how many tie."""
    rows = {}
    for name in study.task.methods:
        true, grid = study.predictions(name), METHODS[name].grid
        chosen = pd.Series(true.honest_settings()).mode().iloc[0]
        scores = true.scores()
        rows[TITLES[name]] = {
            "honest, most often": _setting(grid.settings[chosen]),
            "oracle": _setting(grid.settings[true.oracle_setting()]),
            "settings": len(grid), "that differ": true.distinct(),
            "as good as the oracle": int((scores == scores.max()).sum()),
        }  # fmt: skip
    return pd.DataFrame(rows).T


def _setting(values: Sequence[float]) -> str:
    return "({}, {:g}, {:g}, {:g})".format(*values)


def protocols(study: HandcraftedStudy, across: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Macro-F1 under three protocols, settings chosen by other subjects; and the person told."""
    rows = {}
    for name in study.task.methods:
        if METHODS[name].fitted:
            continue
        rows[TITLES[name]] = {
            "leave one subject out": study.columns[name]["honest"]["uf1"],
            "leave one video out": study.videos(name)["uf1"],
            "other database": across[name]["uf1"] if name in across else None,
            "person told (accuracy)": study.identity(name),
        }
    return pd.DataFrame(rows).T.astype(float)


def classifiers(study: HandcraftedStudy) -> pd.DataFrame:
    """Other classifiers beside the polynomial support vector machine, macro-F1."""
    table = study.classifiers()
    wide = table.pivot(index="method", columns="classifier", values="macro-F1")
    wide = wide.loc[table.method.unique(), table.classifier.unique()]
    wide.insert(
        0, "polynomial SVM, honest", [study.columns[n]["honest"]["uf1"] for n in wide.index]
    )
    return wide.rename(index=TITLES).rename_axis(index=None, columns=None)


def timing(study: HandcraftedStudy, clip: Clip) -> pd.DataFrame:
    """Milliseconds of each descriptor for one clip, and seconds of its grid in one fold."""
    seconds = study.seconds()
    measured = study.store.timings(lambda: _descriptor_seconds(study, clip))
    rows: dict[str, dict[str, float | None]] = {
        "interpolation and flow": {"descriptor, ms": 1000 * measured["shared"]}
    }
    for name in study.task.methods:
        took = 1000 * measured[METHODS[name].source]
        rows[TITLES[name]] = {"descriptor, ms": took, "settings": len(METHODS[name].grid),
                              "grid of a fold, s": seconds[name]}  # fmt: skip
    return pd.DataFrame(rows).T


def _descriptor_seconds(study: HandcraftedStudy, clip: Clip) -> dict[str, float]:
    """Seconds of what descriptors share and of each of them, warm."""
    options = study.task.options
    frames, points = face_clip(clip)
    apex = apex_frame(clip, frames)
    start = time.perf_counter()
    material = prepare(frames, points, apex, options)
    took = {"shared": time.perf_counter() - start}
    for name, function in DESCRIPTORS.items():
        function(material, options)
        start = time.perf_counter()
        function(material, options)
        took[name] = time.perf_counter() - start
    return took


def beside(published: dict[str, Any], columns: Columns, data: str) -> pd.DataFrame:
    """Rows of Table 3 as printed (oracle by its protocol), and measured."""
    accuracy, f1 = (printed_table(published, f"3 {m}") for m in ("accuracy", "F1-score"))
    rows: dict[str, dict[str, Any]] = {}
    for name in ("dummy", *THESIS_METHODS):
        row = _PRINTED[name]
        for database in accuracy.columns:
            rows[f"{TITLES[name]}, {database}, published (oracle)"] = {
                "accuracy": accuracy.loc[row, database], "macro-F1": f1.loc[row, database],
            }  # fmt: skip
        for column in NAMES if name in columns else ():
            rows[f"{TITLES[name]}, {data}, measured ({column})"] = {
                "accuracy": columns[name][column]["accuracy"],
                "macro-F1": columns[name][column]["uf1"],
            }
    return pd.DataFrame(rows).T


def dummy(published: dict[str, Any]) -> pd.DataFrame:
    """The dummy row of Table 3 from class counts, and from those of Table 2.

    A classifier that always says the class of M of N samples, of C classes, has accuracy M / N
    and macro-F1 2 M / (N + M) / C. M is the whole number whose accuracy is printed.
    """
    accuracy, f1 = (printed_table(published, f"3 {m}") for m in ("accuracy", "F1-score"))
    facts = printed_table(published, "protocol")
    counts = printed_table(published, "2")
    rows = {}
    for database in accuracy.columns:
        n, c = int(facts.loc["Samples", database]), int(facts.loc["Classes", database])
        m = round(accuracy.loc["Baseline", database] * n)
        confusion = np.zeros((c, c), int)
        confusion[:, 0] = [m, n - m] + [0] * (c - 2)
        largest = int(counts[database].max())
        said = accuracy.loc["Baseline", database]
        rows[database] = {
            "N": n, "C": c, "M": m, "M / N": m / n, "printed accuracy": said,
            "2M / (N + M) / C": macro_f1(confusion), "printed F1": f1.loc["Baseline", database],
            "largest class in Table 2": largest, "its share": largest / counts[database].sum(),
        }  # fmt: skip
    return pd.DataFrame(rows).T


def choices() -> pd.DataFrame:
    """What the sources leave open, and what is done here."""
    return pd.DataFrame(_CHOICES, columns=["question", "the sources", "here"])


_CHOICES = [
    ("scale of LBP-TOP", "raw counts or sum 1, by the code that was used; the thesis does not say",
     "each block and plane sums to 1; the other two are rows of their own"),
    ("frames of LBP-TOP", "TIM to 10 for all databases", "the same"),
    ("flow of MDMO", "«exactly the same method could not be found»", "TV-L1 of this study"),
    ("height of the upper regions", "20 pixels above the brows, in full frames",
     "0.15 of the distance of the outer eye corners"),
    ("MDMO in the public port", "a bin merged by a slip, angles averaged as numbers, no alignment",
     "the paper; the port as a row of its own"),
    ("distance of Sparse MDMO", "a formula of the original paper, whose code is not public",
     "self-tuning heat kernel, 5 neighbours"),
    ("α, β, size of the dictionary", "as in the original paper, not printed",
     "1, 0.1, 128 (GraphSC)"),
    ("codes of new clips", "the published code runs on all samples at once",
     "dictionary from training clips; new frames are pulled to training neighbours"),
    ("from codes to clips", "not said", "mean over the frames (`pool`)"),
    ("choice of settings", "best macro-F1 on the left-out subjects",
     "column oracle; honest: nested"),
    ("equal settings", "one of them is printed", "the first of the grid"),
    ("facial dynamics map", "first guess and stored values not said",
     "mean vector; direction times mean projection"),
    ("Lagrangian magnification", "no code; variance kept not said", "95 %, mean motion scaled too"),
]  # fmt: skip
