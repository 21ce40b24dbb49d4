"""Printed numbers of the papers, with their source and protocol."""

from typing import Any

import pandas as pd
import yaml

from mecore.data.places import shared_folder
from mecore.metrics.plausibility import check_published, published_values


def load_published(name: str) -> dict[str, Any]:
    """Read the printed tables of a paper, e.g. ``"mean"``."""
    path = shared_folder("book") / "published" / f"{name}_tables.yaml"
    tables: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tables


def printed_table(published: dict[str, Any], table: str) -> pd.DataFrame:
    """One printed table: its rows and columns, values as numbers."""
    values = published_values(published)
    part = values[values.table == table]
    wide = part.pivot(index="row", columns="column", values="value")
    return wide.loc[part.row.unique(), part.column.unique()].rename_axis(index=None, columns=None)


def impossible(published: dict[str, Any]) -> pd.DataFrame:
    """Printed numbers that other printed numbers rule out."""
    wrong = check_published(published).query("not possible").reset_index(drop=True)
    return wrong[["table", "row", "column", "printed", "implied", "note"]]
