"""Can a printed number be right? Printed tables recomputed from the counts they print.

A published table is a plain dict (read from YAML elsewhere)::

    tables:
      - table: "5S"              # «5S»: the spotting columns of Table 5
        source: ...              # where it is printed
        protocol: ...            # what was scored
        scale: 0.01              # only for values printed in percent
        columns: [CASME II, ...]
        rows: {TP: ["159", ...]} # as printed, with every digit; "" where nothing is printed
    checks:
      - rule: f1
        each: [CASME II, ...]    # put in the place of * below
        printed: 5S/F1-score/*
        inputs: [5S/TP/*, 5S/FP/*, 5S/FN/*]
        note: ...

A printed decimal stands for every value that rounds to it, so what follows from printed decimals
is a range. A printed number is possible when its own range and the implied one have a value in
common.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from mecore.errors import check_option
from mecore.metrics.recognition import f1_of_means
from mecore.metrics.spotting import precision_recall_f1

# far below the last printed digit, far above rounding in the arithmetic
_SLACK = 1e-9


class Printed(NamedTuple):
    """A printed number and half a unit of its last digit; counts are exact."""

    value: float
    half_unit: float

    @property
    def low(self) -> float:
        """Least value that is printed like this."""
        return self.value - self.half_unit

    @property
    def high(self) -> float:
        """Greatest value that is printed like this."""
        return self.value + self.half_unit


Range: TypeAlias = tuple[float, float]
Rule: TypeAlias = Callable[..., Range]


def as_printed(text: str, scale: float = 1.0) -> Printed:
    """Read a number as printed; the digits after the point say how exact it is.

    ``"0.5000"`` is [0.49995, 0.50005]; without a point it is a count. The scale of percent is 0.01.
    """
    decimals = len(text.partition(".")[2])
    half_unit = 0.5 * 10.0**-decimals if decimals else 0.0
    return Printed(float(text) * scale, half_unit * scale)


def published_values(published: Mapping[str, Any]) -> pd.DataFrame:
    """One row per printed number of ``tables`` as at the head of this module.

    ValueError if a row has more or fewer cells than there are columns, or a cell is no number.

    Returns
    -------
    DataFrame
        ``table, row, column, printed, value, half_unit, protocol, source``; ``value`` is in
        natural units (percent divided by 100).
    """
    rows = []
    for table in published["tables"]:
        columns, scale = table["columns"], float(table.get("scale", 1.0))
        for row, cells in table["rows"].items():
            where = f"table {table['table']}, row {row}"
            if len(cells) != len(columns):
                raise ValueError(f"{where}: {len(cells)} cells for {len(columns)} columns")
            for column, text in zip(columns, cells, strict=True):
                if text:
                    number = as_printed(text, scale)
                    key = (table["table"], row, column, text)
                    rows.append((*key, *number, table["protocol"], table["source"]))
    names = ["table", "row", "column", "printed", "value", "half_unit", "protocol", "source"]
    return pd.DataFrame(rows, columns=names)


def check_published(published: Mapping[str, Any]) -> pd.DataFrame:
    """Recompute printed numbers: ``checks`` of ``tables`` as at the head of this module.

    ValueError for a rule that does not exist, or a cell that is not in the tables.

    Returns
    -------
    DataFrame
        ``table, row, column, printed, rule, implied, low, high, possible, note``: one row per
        check; ``implied`` is the range [low, high] in the digits of the printed number.
    """
    values = published_values(published)
    keys_of = values[["table", "row", "column"]].astype(str).itertuples(index=False)
    cells = {"/".join(key): i for i, key in enumerate(keys_of)}
    results = []
    for check in published["checks"]:
        check_option(check["rule"], tuple(RULES), "rule", ValueError)
        for name in check.get("each", [""]):
            keys = [key.replace("*", name) for key in (check["printed"], *check["inputs"])]
            missing = [key for key in keys if key not in cells]
            if missing:
                raise ValueError(f"check {check['rule']}: no cell {missing[0]!r} in the tables")
            rows = [values.iloc[cells[key]] for key in keys]
            results.append(_check(check["rule"], rows, check.get("note", "")))
    return pd.DataFrame(results)


def _check(rule: str, rows: list[pd.Series], note: str) -> dict[str, object]:
    """One row of the report; ``rows`` are the printed cell and then the inputs of the rule."""
    printed, *inputs = (Printed(float(row["value"]), float(row["half_unit"])) for row in rows)
    low, high = RULES[rule](printed, *inputs)
    gap = max(low - printed.high, printed.low - high)
    # a common end point is a common value only if what is implied is exact
    possible = gap <= _SLACK if low == high else gap < -_SLACK
    return {
        **{name: rows[0][name] for name in ("table", "row", "column", "printed")},
        "rule": rule,
        "implied": rows[1]["printed"] if rule == "same" else _text(low, high, rows[0]),
        **{"low": low, "high": high, "possible": possible, "note": note},
    }


def _text(low: float, high: float, cell: pd.Series) -> str:
    """Write an implied range with the digits and the unit of a printed cell."""
    decimals = len(cell["printed"].partition(".")[2])
    unit = float(cell["printed"]) / cell["value"] if cell["value"] else 1.0
    ends = [f"{end * unit:.{decimals}f}" for end in (low, high)]
    if low == float("-inf"):
        return f"≤ {ends[1]}"
    return ends[0] if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}"


def _counts(position: int) -> Rule:
    """Precision, recall or F1 from printed TP, FP, FN, which are exact."""

    def rule(_: Printed, tp: Printed, fp: Printed, fn: Printed) -> Range:
        value = precision_recall_f1(int(tp.value), int(fp.value), int(fn.value))[position]
        return value, value

    return rule


def _f1_of_means(_: Printed, precision: Printed, recall: Printed) -> Range:
    """Eq. 21 of printed means; it grows with both."""
    low = f1_of_means(max(precision.low, 0), max(recall.low, 0))
    return low, f1_of_means(min(precision.high, 1), min(recall.high, 1))


def _uf1_bound(printed: Printed, precision: Printed, recall: Printed) -> Range:
    """UF1 is at most the harmonic mean of mean precision and mean recall (concavity)."""
    return float("-inf"), _f1_of_means(printed, precision, recall)[1]


def _whole_count(printed: Printed, total: Printed) -> Range:
    """Nearest whole number of ``total`` samples, as a share of them."""
    value = round(printed.value * total.value) / total.value
    return value, value


RULES: dict[str, Rule] = {
    "precision": _counts(0),
    "recall": _counts(1),
    "f1": _counts(2),
    "f1_of_means": _f1_of_means,
    "uf1_bound": _uf1_bound,
    # of two shares (Eq. 24)
    "product": lambda _, left, right: (left.low * right.low, left.high * right.high),
    "sum": lambda _, *parts: (sum(p.low for p in parts), sum(p.high for p in parts)),
    "whole_count": _whole_count,
    # the same quantity as printed elsewhere
    "same": lambda _, other: (other.low, other.high),
}
