"""Tables of the chapter on honest evaluation."""

from math import prod
from typing import Any

import numpy as np
import pandas as pd

from mecore.data.features import FlowImages
from mecore.data.places import shared_folder
from mecore.evaluation.folds import Labels
from mecore.evaluation.study import BOTH
from mecore.metrics.plausibility import published_values
from mecore.models.choices import choice_table
from mecore.models.flow.networks import NETWORKS, weight_shapes
from mecore.models.flow.options import FlowOptions
from mecore.report.scores import score_table
from mecore.report.tables import word
from mecore.studies.honest_evaluation.fold import CLASSIFIERS, EPOCHS
from mecore.studies.honest_evaluation.scores import CHOICES, column_of
from mecore.studies.honest_evaluation.study import FlowStudy

# Published rows that name a model of the study.
SAME = {"STSTNet": "STSTNet", "OFF-ApexNet": "OFF-ApexNet", "Bi-WOOF": "Bi-WOOF, SVM"}


def origin(data: FlowImages, scale: str = "full") -> str:
    """Name the data of a result; of the phantom it is always said that nobody is shown."""
    quick = f", quick run of {data.samples.subject.nunique()} subjects"
    name = data.name + (quick if scale == "small" else "")
    nobody = any(m.synthetic for m in data.manifests)
    return f"{name}: rendered faces, no person" if nobody else name


def samples(data: FlowImages) -> pd.DataFrame:
    """Subjects and samples per class of every database."""
    groups = data.samples.groupby("database")
    table = pd.crosstab(data.samples.database, data.samples.label)[data.classes]
    table.insert(0, "subjects", groups.subject.nunique())
    table.insert(1, "samples", groups.size())
    table.loc["all"] = table.sum()
    return table.rename_axis(index=None, columns=None)


def models(n_classes: int, options: FlowOptions) -> pd.DataFrame:
    """How large each model is, and how its step is fixed or chosen."""
    rows = {}
    for name, net in NETWORKS.items():
        size = sum(prod(shape) for layer in weight_shapes(net, n_classes) for shape in layer)
        last = f"epoch {options.epochs or EPOCHS[name]}, fixed beforehand"
        rows[name] = [size, last, "every epoch"]
    for name, classifier in CLASSIFIERS.items():
        settings = [
            f"{k.split('__')[-1]} = {', '.join(map(str, v))}" for k, v in classifier.grid.items()
        ]
        choice = any(len(values) > 1 for values in classifier.grid.values())
        how = "cross-validation by subject in training" if choice else "nothing to choose"
        rows[name] = [None, how, "; ".join(settings)]
    columns = ["parameters", "honest step", "steps the oracle may choose from"]
    return pd.DataFrame.from_dict(rows, "index", object, columns)


def audit_table(scores: pd.DataFrame, labels: Labels = "true") -> pd.DataFrame:
    """UF1 on all data: one line a model, one column a habit of choosing; mean and range."""
    # Without intervals: five columns of them would not fit a page.
    short = scores[scores.measure == "uf1"].assign(low=np.nan, high=np.nan)
    return _by_model(short, {choice: column_of(choice, labels) for choice in CHOICES})


def beside_published(scores: pd.DataFrame) -> pd.DataFrame:
    """UF1 as far as printed ones can be compared with it, with intervals; one line a model."""
    names = ["honest", "oracle, one step", "oracle, step per subject", "chance"]
    return _by_model(scores[scores.measure == "uf1"], {name: name for name in names})


def honest_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Honest UF1 and UAR with intervals: a line for each model, on all data and on each part."""
    honest = scores[scores.column == "honest"]
    parts = honest.measure.str.partition(", ")[2]
    tables = {}
    for part in parts.unique():
        own = honest[parts == part].assign(column=lambda t: t.measure.str.partition(", ")[0])
        tables[part or "all"] = _by_model(own, {"UF1": "uf1", "UAR": "uar"})
    return pd.concat(tables, names=["data", "model"]).reset_index()


def _by_model(scores: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """One line a model, one column for each name of a table → column of the scores."""
    parts = {
        name: {row.method: row for _, row in scores[scores.column == column].iterrows()}
        for name, column in columns.items()
    }
    return score_table(parts, {m: m for m in scores.method.unique()}, digits=3)


def people_tables(study: FlowStudy) -> dict[Labels, pd.DataFrame]:
    """UF1 under every habit of choosing by kind of labels, to be kept; honest with its interval."""
    scores = study.scores[study.scores.measure == "uf1"]
    wide = scores.pivot(index="method", columns="column", values="score").loc[study.methods]
    tables = {}
    for labels in BOTH:
        names = {column_of(c, labels): c for c in CHOICES}
        tables[labels] = wide[list(names)].rename(columns=names).round(3).rename_axis("model")
    honest = scores[scores.column == "honest"].set_index("method")
    cells = [f"{s.score:.3f} [{s.low:.3f}, {s.high:.3f}]" for s in honest.itertuples()]
    tables["true"]["honest"] = pd.Series(cells, honest.index)
    return tables


def measured_on_people(labels: Labels = "true") -> pd.DataFrame:
    """One of the `people_tables` as it was measured once."""
    path = shared_folder("book") / "measured" / f"audit_people_{labels}.csv"
    return pd.read_csv(path, index_col=0).rename_axis(index=None)


def people_beside(published: pd.DataFrame) -> pd.DataFrame:
    """Printed UF1 of the same models (`published_rows`) beside those on people.

    It also tells whether the printed ones lie in the interval of the honest ones.
    """
    people, printed = measured_on_people(), published.set_index("model").UF1
    others = printed[(published["step chosen by"] != "test epoch").to_numpy()]
    rows = []
    for row, model in SAME.items():
        honest, best = people.honest[model], people["oracle, step per subject"][model]
        low, high = (float(end) for end in honest.partition("[")[2].rstrip("]").split(","))
        rows.append({
            "model": model, "published": printed[row], "honest, on people": honest,
            "published one in the interval": low <= printed[row] <= high,
            "oracle, step per subject": best,
            "published ones it exceeds": f"{(best > others).sum()} of {len(others)}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def published_rows(published: dict[str, Any]) -> pd.DataFrame:
    """Published UF1 and UAR of the full composite, with what is known of the choice of the step."""
    values = published_values(published)
    wide = values.pivot(index=["row", "table"], columns="column", values="value").reset_index()
    wide["step chosen by"] = wide.table.replace("unclear", "not said")
    wide = wide.rename(columns={"row": "model"}).rename_axis(columns=None).sort_values("UF1")
    return wide[["model", "UF1", "UAR", "step chosen by"]].reset_index(drop=True)


def cost(study: FlowStudy) -> pd.DataFrame:
    """Seconds of one core for all folds of one seed with true labels; median over seeds."""
    spent = study.seconds().assign(seed=[plan.seed for plan in study.plans_with("true")])
    each = spent.groupby("seed").sum(min_count=1).median()
    return each[study.methods].to_frame("seconds, all folds")


def choices() -> pd.DataFrame:
    """Every option: what the papers say of it, what it is here, and why."""
    return pd.DataFrame([
        {"choice": f"{row['topic']} ({row['name']})", "papers": row["paper"],
         "here": word(row["default"]), "why": row["why"]}
        for row in choice_table(FlowOptions)
    ])  # fmt: skip
