"""Rows of an annotation sheet as fields of text, as the manifest names its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mecore.data.find import Problem, find_sheet
from mecore.data.schema import Annotations, Column, Join, Manifest
from mecore.data.sheets import Row, column_letter, read_sheet
from mecore.errors import DataError, nearest

Record = dict[str, Any]
HEADER_ROWS = 40
"""A header is looked for in so many rows; the longest known preamble has 13."""
_NOTHING = {"", "nan", "none", "null", "<na>"}
# A sheet may lack these columns without harm.
_DISPENSABLE = {"action_units"}


@dataclass(frozen=True)
class Table:
    """A sheet and the positions of the columns that are read.

    Parameters
    ----------
    place : str
        File and sheet, for messages.
    rows : list of list of str
        Rows below the header.
    first : int
        Number of the first of them, as a spreadsheet shows it.
    header : list of list of str
        Rows of the header, if it has one.
    positions : dict
        Field to 0-based column.
    """

    place: str
    rows: list[Row]
    first: int
    header: list[Row]
    positions: dict[str, int]

    def optional(self, column: str) -> int | None:
        """Return the position of a column that may be absent."""
        return _search(column, self.header)

    def at(self, record: Record, field: str | None = None) -> str:
        """Name the row, and the column of a field, for a message."""
        position = self.positions.get(field or "")
        column = "" if position is None else f", column {column_letter(position)}"
        return f"{self.place}, row {record['row']}{column}"


def open_table(
    path: Path, sheet: int | str, columns: dict[str, Column],
    header: int | list[int] | str | None = "find",
) -> Table:  # fmt: skip
    """Read a sheet and locate its columns.

    Raises
    ------
    DataError
        See `mecore.data.sheets.read_sheet`; a column is absent, or stands there twice.
    """
    rows = read_sheet(path, sheet)
    named = path.suffix.lower() in (".xlsx", ".xls")
    place = (
        f"{path}, sheet {sheet + 1 if isinstance(sheet, int) else sheet}" if named else str(path)
    )
    lines = _header_lines(rows, columns, header)
    head = [rows[i] for i in lines if i < len(rows)]
    positions = {
        f: p for f, c in columns.items() if (p := _position(f, c, head, place)) is not None
    }
    width = len(rows[0]) if rows else 0
    beyond = [f"{f}: {p}" for f, p in positions.items() if p >= width]
    if beyond:
        raise DataError(f"has {width} columns, too few for {', '.join(beyond)}", where=place)
    start = max(lines, default=-1) + 1
    return Table(place, rows[start:], start + 1, head, positions)


def _header_lines(rows: list[Row], columns: dict[str, Column], header: Any) -> list[int]:
    if header is None:
        return []
    if header != "find":
        return [header] if isinstance(header, int) else list(header)
    named = [c for f, c in columns.items() if not isinstance(c, int) and f not in _DISPENSABLE]
    hits = [sum(_search(c, [row]) is not None for c in named) for row in rows[:HEADER_ROWS]]
    return [hits.index(max(hits))] if hits else [0]


def _search(column: Column, header: list[Row]) -> int | None:
    """Position of a column by name: in one row of the header, or joined over its rows."""
    names = [column] if isinstance(column, str) else column if isinstance(column, list) else []
    for name in names:
        for row in header:
            for position, cell in enumerate(row):
                if _plain(cell) == _plain(name):
                    return position
    return column if isinstance(column, int) else None


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _position(field: str, column: Column, header: list[Row], place: str) -> int | None:
    position = _search(column, header)
    if position is None and field not in _DISPENSABLE:
        known = sorted({n[:40] for row in header for n in row if n.strip("\0 ")})
        if not any(known):
            raise DataError("is empty: no row of it holds anything", where=place)
        name = column if isinstance(column, str) else " or ".join(map(str, column))  # type: ignore[arg-type]
        raise DataError(
            f"no column {name!r}; {nearest(name, known)}", where=place,
            todo="is it another edition of the file? Its columns are named in the manifest",
        )  # fmt: skip
    if position is not None and not isinstance(column, int):
        _check_single(position, header, place)
    return position


def _check_single(position: int, header: list[Row], place: str) -> None:
    row = next(r for r in header if r[position])
    twins = [
        column_letter(i) for i, cell in enumerate(row) if _plain(cell) == _plain(row[position])
    ]
    if len(twins) > 1 and len(header) == 1:
        raise DataError(
            f"column {row[position]!r} stands there {len(twins)} times ({', '.join(twins)})",
            where=place, todo="delete or rename all but the right one",
        )  # fmt: skip


def read_records(
    manifest: Manifest, path: Path, problems: list[Problem]
) -> tuple[Table, list[Record]]:
    """Read the rows of the annotation sheet.

    Parameters
    ----------
    manifest : Manifest
        Names the columns.
    path : Path
        The annotation file.
    problems : list of Problem
        Rows that cannot be read are added here, and left out.

    Returns
    -------
    table : Table
        The sheet.
    records : list of dict
        Field to text, as printed; ``row`` is the number that a spreadsheet shows, ``bounds`` and
        ``further`` hold the columns of that name in the manifest.
    """
    sheet = manifest.annotations
    table = open_table(path, sheet.sheet, sheet.columns, sheet.header)
    rules = [(k.column, _naming_rule(sheet, i, path)) for i, k in enumerate(sheet.lookups)]
    records = []
    for number, row in enumerate(table.rows, table.first):
        record: Record = sheet.defaults | {f: row[p] for f, p in table.positions.items()}
        record["row"] = number
        if not _is_row(record, table, problems):
            continue
        try:
            _take_apart(record, sheet, table)
            for column, rule in rules:
                record[column] = _translate(record[column], rule, column, table.at(record, column))
            _name(record, manifest, table)
        except DataError as error:
            problems.append(Problem(str(error.where), error.what, error.todo or ""))
            continue
        _add_intervals(record, row, sheet, table)
        records.append(record)
    return table, records


def _is_row(record: Record, table: Table, problems: list[Problem]) -> bool:
    """A row without a subject is a blank or a note below the table, unless it has frames."""
    if str(record.get("subject", record.get("sample", ""))).casefold() not in _NOTHING:
        return True
    if all(re.fullmatch(r"[0-9.]+", record.get(f, "")) for f in ("onset", "offset")):
        problems.append(Problem(
            table.at(record, "subject"), "subject is missing in a row that has an interval",
            "merged cells, or a formula? Write the subject into each row",
        ))  # fmt: skip
    return False


def _take_apart(record: Record, sheet: Annotations, table: Table) -> None:
    for field, pattern in sheet.split.items():
        found = re.fullmatch(pattern, record[field])
        if not found:
            raise DataError(
                f"{field} {record[field]!r} does not read like {pattern!r}",
                where=table.at(record, field),
            )
        record.update(found.groupdict())


def _naming_rule(sheet: Annotations, number: int, path: Path) -> dict[str, str]:
    rule = sheet.lookups[number]
    table = open_table(path, rule.sheet, {"key": rule.key, "value": rule.value}, rule.header)
    key, value = table.positions["key"], table.positions["value"]
    return {row[key]: row[value] for row in table.rows if row[key]}


def _translate(code: str, rule: dict[str, str], column: str, where: str) -> str:
    if code not in rule:
        raise DataError(f"{column} {code!r} has no naming rule; {nearest(code, rule)}", where=where)
    return rule[code]


def _name(record: Record, manifest: Manifest, table: Table) -> None:
    """Bring the ids to one spelling, and put names together."""
    record["subject"] = manifest.subjects.normal(record["subject"])
    for field, template in manifest.annotations.make.items():
        record[field] = template.format_map({f: v for f, v in record.items() if f != "row"})
    for field in ("subject", "video"):
        if record[field].casefold() in _NOTHING:
            raise DataError(f"{field} is missing", where=table.at(record, field))
    if "action_units" in record:
        # A full-width comma was typed in places.
        record["action_units"] = record["action_units"].replace("\uff0c", ",")


def _add_intervals(record: Record, row: Row, sheet: Annotations, table: Table) -> None:
    def texts(columns: Any) -> tuple[str, str]:
        found = (table.optional(columns.onset), table.optional(columns.offset))
        first, last = ("" if p is None else row[p] for p in found)
        return first, last

    record["further"] = [texts(columns) for columns in sheet.further]
    record["bounds"] = texts(sheet.within) if sheet.within else ("", "")


def read_join(join: Join, manifest: Manifest, root: Path) -> tuple[Table, list[Record]] | None:
    """Read the table that fields are joined from, or None where it may be absent, and is.

    Raises
    ------
    DataError
        A required table is not there, or cannot be read.
    """
    path = find_sheet(join.file, root)
    if path is None:
        if join.required:
            raise DataError(f"table {join.file} not found", where=root,
                            todo="put it below the data root")  # fmt: skip
        return None
    table = open_table(path, join.sheet, join.columns)
    records = []
    for number, row in enumerate(table.rows, table.first):
        record: Record = {f: row[p] for f, p in table.positions.items()} | {"row": number}
        if all(record[f] for f in join.by):
            if "subject" in record:
                record["subject"] = manifest.subjects.normal(record["subject"])
            records.append(record)
    return table, records
