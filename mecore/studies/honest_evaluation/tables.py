"""Tables of the chapter on honest evaluation."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mecore.data.features import FlowImages
from mecore.data.places import shared_folder
from mecore.metrics.plausibility import published_values
from mecore.models.flow.networks import NETWORKS, weight_shapes
from mecore.studies.honest_evaluation.audit import CHOICES
from mecore.studies.honest_evaluation.fold import CLASSIFIERS
from mecore.studies.honest_evaluation.study import EPOCHS, FlowStudy


def origin(data: FlowImages, scale: str = "full") -> str:
    """Name the data of a result; of the phantom it is always said that nobody is shown."""
    quick = f", quick run of {data.samples.subject.nunique()} subjects"
    name = data.manifest.name + (quick if scale == "small" else "")
    return f"{name}: rendered faces, no person" if data.manifest.synthetic else name


def samples(data: FlowImages) -> pd.DataFrame:
    """Subjects and samples per class of every database."""
    groups = data.samples.groupby("database")
    table = pd.crosstab(data.samples.database, data.samples.label)[list(data.manifest.classes)]
    table.insert(0, "subjects", groups.subject.nunique())
    table.insert(1, "samples", groups.size())
    table.loc["all"] = table.sum()
    return table.rename_axis(index=None, columns=None)


def models(n_classes: int, epochs: int = 0) -> pd.DataFrame:
    """How large each model is, and how its step is fixed or chosen."""
    rows = {}
    for name, net in NETWORKS.items():
        size = sum(_size(k) + _size(b) for k, b in weight_shapes(net, n_classes))
        last = f"epoch {epochs or EPOCHS[name]}, fixed beforehand"
        rows[name] = {"parameters": size, "honest step": last,
                      "steps the oracle may choose from": "every epoch"}  # fmt: skip
    for name, classifier in CLASSIFIERS.items():
        settings = [
            f"{k.split('__')[-1]} = {', '.join(map(str, v))}" for k, v in classifier.grid.items()
        ]
        choice = any(len(values) > 1 for values in classifier.grid.values())
        how = "cross-validation by subject in training" if choice else "nothing to choose"
        rows[name] = {"parameters": None, "honest step": how,
                      "steps the oracle may choose from": "; ".join(settings)}  # fmt: skip
    return pd.DataFrame(rows).T


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def audit_table(rows: pd.DataFrame, measure: str = "UF1", labels: str = "true") -> pd.DataFrame:
    """One line a model, one column a habit of choosing; all data, mean over seeds."""
    part = rows[(rows.measure == measure) & (rows.labels == labels) & (rows.database == "full")]
    wide = part.pivot(index="model", columns="choice", values="score")
    columns = [c for c in CHOICES if c in wide]
    return wide.loc[part.model.unique(), columns].rename_axis(index=None, columns=None)


def people_tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """UF1 under every habit of choosing by kind of labels, to be kept; honest with its interval."""
    tables = {k: audit_table(rows, labels=k).round(3) for k in ("true", "permuted")}
    tables["true"]["honest"] = honest_table(rows)["UF1, full"]
    return {k: table.rename_axis("model") for k, table in tables.items()}


def measured_on_people(labels: str = "true") -> pd.DataFrame:
    """One of the `people_tables` as it was measured once."""
    path = shared_folder("book") / "measured" / f"audit_people_{labels}.csv"
    return pd.read_csv(path, index_col=0).rename_axis(index=None)


def honest_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Honest UF1 and UAR with 95 % intervals, of all data and of each database."""
    part = rows[(rows.choice == "honest") & (rows.labels == "true")].copy()
    part["text"] = [
        f"{r.score:.3f} [{r.low:.3f}, {r.high:.3f}]" for r in part.itertuples(index=False)
    ]
    part["column"] = part.measure + ", " + part.database
    wide = part.pivot(index="model", columns="column", values="text")
    return wide.loc[part.model.unique(), part.column.unique()].rename_axis(index=None, columns=None)


def published_rows(published: dict[str, Any]) -> pd.DataFrame:
    """Published UF1 and UAR of the full composite, with what is known of the choice of the step."""
    values = published_values(published)
    wide = values.pivot(index=["row", "table"], columns="column", values="value").reset_index()
    wide = wide.rename_axis(columns=None).rename(
        columns={"row": "model", "table": "step chosen by"}
    )
    wide["step chosen by"] = wide["step chosen by"].replace("unclear", "not said")
    return wide.sort_values("UF1")[["model", "UF1", "UAR", "step chosen by"]].reset_index(drop=True)


def cost(study: FlowStudy) -> pd.DataFrame:
    """Seconds of one core for all folds of one seed with true labels; median over seeds."""
    part = study.seconds[study.seconds.labels == "true"]
    table = part.groupby("model", sort=False).seconds.median().to_frame("seconds, all folds")
    return table.rename_axis(index=None)
