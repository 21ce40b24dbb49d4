"""Rows of an annotation sheet as fields of text, as the manifest names its columns."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from xlsxwriter.utility import xl_col_to_name

from mecore.data.find import Problem, find_sheet, listed
from mecore.data.schema import Column, Correction, Interval, Manifest
from mecore.data.sheets import Row, read_sheet
from mecore.errors import DataError, nearest

Record = dict[str, Any]
HEADER_ROWS = 40
"""Rows that a header is looked for in; the longest known preamble has 13."""
_NOTHING = {"", "nan", "none", "null", "<na>"}
# A sheet may lack these columns without harm.
_DISPENSABLE = {"action_units"}


@dataclasses.dataclass(frozen=True)
class Table:
    """A sheet and the positions of the columns that are read.

    Parameters
    ----------
    place : str
        File and sheet, for messages.
    rows, header : list of list of str
        Rows below the header, and those of it, if there is one.
    first : int
        Number of the first row below the header, as a spreadsheet shows it.
    positions : dict
        Field to 0-based column.
    notes : list of Problem
        What was done to rows by a rule of the manifest.
    """

    place: str
    rows: list[Row]
    first: int
    header: list[Row]
    positions: dict[str, int]
    notes: list[Problem] = dataclasses.field(default_factory=list)

    def records(self) -> list[Record]:
        """Text of each row by field; ``row`` is the number that a spreadsheet shows."""
        cells = ({f: row[p] for f, p in self.positions.items()} for row in self.rows)
        return [record | {"row": number} for number, record in enumerate(cells, self.first)]

    def at(self, record: Record, name: str = "") -> str:
        """Name the row, and the column of a field, for a message."""
        position = self.positions.get(name)
        column = "" if position is None else f", column {xl_col_to_name(position)}"
        return f"{self.place}, row {record['row']}{column}"

    def error(self, what: str, record: Record, name: str = "", todo: str = "") -> DataError:
        """Return an error about a row, and the column of a field."""
        return DataError(what, where=self.at(record, name), todo=todo or None)

    def note(self, what: str, record: Record, name: str = "") -> None:
        """Note what was done to a row, or the column of a field."""
        self.notes.append(Problem(self.at(record, name), what))


def open_table(
    path: Path, sheet: int | str, columns: dict[str, Column],
    header: int | list[int] | str | None = "find",
) -> Table:  # fmt: skip
    """Read a sheet, see `mecore.data.sheets.read_sheet`, and locate its columns.

    One that is absent, or stands there twice, is a `DataError`.
    """
    rows = read_sheet(path, sheet)
    place = str(path)
    if path.suffix.lower() in (".xlsx", ".xls"):
        place += f", sheet {sheet + 1 if isinstance(sheet, int) else sheet}"
    lines = _header_lines(rows, columns, header)
    head = [rows[i] for i in lines if i < len(rows)]
    found = {f: _position(f, c, head, place) for f, c in columns.items()}
    positions = {f: p for f, p in found.items() if p is not None}
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
    if isinstance(column, int):
        return column
    names = [_plain(n) for n in ([column] if isinstance(column, str) else column)]
    cells = [(_plain(cell), position) for row in header for position, cell in enumerate(row)]
    return next((position for n in names for cell, position in cells if cell == n), None)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _position(field: str, column: Column, header: list[Row], place: str) -> int | None:
    position = _search(column, header)
    if isinstance(column, int) or (position is None and field in _DISPENSABLE):
        return position
    if position is not None:
        _check_single(position, header, place)
        return position
    known = sorted({n[:40] for row in header for n in row if n.strip("\0 ")})
    if not any(known):
        raise DataError("is empty: no row of it holds anything", where=place)
    name = column if isinstance(column, str) else " or ".join(column)
    todo = "is it another edition of the file? Its columns are named in the manifest"
    raise DataError(f"no column {name!r}; {nearest(name, known)}", where=place, todo=todo)


def _check_single(position: int, header: list[Row], place: str) -> None:
    row = next(r for r in header if r[position])
    twins = [xl_col_to_name(i) for i, c in enumerate(row) if _plain(c) == _plain(row[position])]
    if len(twins) > 1 and len(header) == 1:
        what = f"column {row[position]!r} stands there {len(twins)} times ({', '.join(twins)})"
        raise DataError(what, where=place, todo="delete or rename all but the right one")


TableRows = tuple[Table, list[Record]]


def read_records(manifest: Manifest, path: Path, problems: list[Problem]) -> TableRows:
    """Read the rows of the annotation sheet; those that cannot be read are added to the problems.

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
    rules = []
    for rule in sheet.lookups:
        own = open_table(path, rule.sheet, {"key": rule.key, "value": rule.value}, rule.header)
        rules.append((rule.column, {r["key"]: r["value"] for r in own.records() if r["key"]}))
    records = []
    for row, cells in zip(table.rows, table.records(), strict=True):
        record: Record = sheet.defaults | cells
        if not _is_row(record, table, problems):
            continue
        with listed(problems):
            for field, pattern in sheet.split.items():
                if not (found := re.fullmatch(pattern, record[field])):
                    what = f"{field} {record[field]!r} does not read like {pattern!r}"
                    raise table.error(what, record, field)
                record.update(found.groupdict())
            for column, names in rules:
                if (code := record[column]) not in names:
                    what = f"{column} {code!r} has no naming rule; {nearest(code, names)}"
                    raise table.error(what, record, column)
                record[column] = names[code]
            _name(record, manifest, table)
            record["further"] = [_interval(columns, row, table) for columns in sheet.further]
            record["bounds"] = _interval(sheet.within, row, table) if sheet.within else ("", "")
            records.append(record)
    return table, records


def _is_row(record: Record, table: Table, problems: list[Problem]) -> bool:
    """A row without a subject is a blank or a note below the table, unless it has frames."""
    if str(record.get("subject", record.get("sample", ""))).casefold() not in _NOTHING:
        return True
    if all(re.fullmatch(r"[0-9.]+", record.get(f, "")) for f in ("onset", "offset")):
        what = "subject is missing in a row that has an interval"
        todo = "merged cells, or a formula? Write the subject into each row"
        problems.append(Problem(table.at(record, "subject"), what, todo))
    return False


def _name(record: Record, manifest: Manifest, table: Table) -> None:
    """Bring the ids to one spelling, and put names together."""
    record["subject"] = manifest.subjects.normal(record["subject"])
    for field, template in manifest.annotations.make.items():
        record[field] = template.format_map({f: v for f, v in record.items() if f != "row"})
    for field in ("subject", "video"):
        if record[field].casefold() in _NOTHING:
            raise table.error(f"{field} is missing", record, field)
    if "action_units" in record:
        # A full-width comma was typed in places.
        record["action_units"] = record["action_units"].replace("\uff0c", ",")


def _interval(columns: Interval, row: Row, table: Table) -> tuple[str, str]:
    """Texts of onset and offset; columns that are absent read as blank."""
    first, last = (_search(column, table.header) for column in (columns.onset, columns.offset))
    return "" if first is None else row[first], "" if last is None else row[last]


def read_join(manifest: Manifest, root: Path) -> TableRows | None:
    """Read the table that fields are joined from; None without one, or where it may be absent.

    A required table that is not there is a `DataError`.
    """
    join = manifest.annotations.join
    path = find_sheet(join.file, root) if join else None
    if join and join.required and path is None:
        todo = "put it below the data root"
        raise DataError(f"table {join.file} not found", where=root, todo=todo)
    if join is None or path is None:
        return None
    table = open_table(path, join.sheet, join.columns)
    records = [record for record in table.records() if all(record[f] for f in join.by)]
    for record in records:
        if "subject" in record:
            record["subject"] = manifest.subjects.normal(record["subject"])
    return table, records


def correct(correction: Correction, records: list[Record]) -> str:
    """Correct a known error, in place, in the rows of the sheet and of the one joined to it.

    Returned is ``applied``; ``already right`` (another edition that needs none); ``another
    edition`` (it prints neither the error nor the correction); or ``no such row``.
    """
    right = {f: "" if v is None else str(v) for f, v in correction.set.items()}
    key = correction.model_dump(include={"subject", "video", "sample", "onset"}, exclude_none=True)
    status = set()
    for record in records:
        if any(record.get(f, "").casefold() != str(v).casefold() for f, v in key.items()):
            continue
        if all(record.get(f) == v for f, v in right.items()):
            status.add("already right")
        elif any(record.get(f, str(v)) != str(v) for f, v in correction.was.items()):
            status.add("another edition")
        else:
            record.update({f: v for f, v in right.items() if f in record})
            status.add("applied")
    order = ("applied", "already right", "another edition")
    return next((one for one in order if one in status), "no such row")
