"""From an annotation sheet to the samples table, as the manifest says, row by row.

Frame numbers are converted once, here: 0-based, onset and offset both inclusive. An unknown apex
is ``<NA>``. Whatever a rule of the manifest does not explain is refused with file, row and column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mecore.data.manifest import Annotations, Correction, Manifest
from mecore.data.sheets import Row, read_sheet
from mecore.errors import DataError, nearest

COLUMNS = ["database", "subject", "video", "sample", "kind", "onset", "apex", "offset", "emotion",
           "action_units", "fps"]  # fmt: skip
FRAMES = ("onset", "apex", "offset")
Record = dict[str, Any]


def read_samples(manifest: Manifest, root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read every annotated expression of a database.

    Parameters
    ----------
    manifest : Manifest
        Facts of the edition.
    root : Path
        Folder of the database.

    Returns
    -------
    samples : DataFrame
        One row per expression, columns `COLUMNS`; frames as nullable integers.
    corrections : DataFrame
        One row per correction of the manifest: subject, video, set, reason, source, applied.

    Raises
    ------
    DataError
        File, sheet or column not found; a cell that is no frame number; onset after offset; apex
        outside the interval; unknown emotion or kind; a code without a naming rule.
    """
    path = root / manifest.annotations.file
    records = [r for r in _records(manifest.annotations, path) if _is_row(r)]
    applied = [_apply(c, records) for c in manifest.corrections]
    for record in records:
        _complete(record, manifest, path)
    _number_samples(records)
    samples = pd.DataFrame(records, columns=COLUMNS).astype(
        dict.fromkeys(FRAMES, "Int64") | {"fps": "float64"}
    )
    samples = samples.sort_values(["subject", "video", "onset", "sample"], ignore_index=True)
    report = [
        c.model_dump() | {"applied": n > 0}
        for c, n in zip(manifest.corrections, applied, strict=True)
    ]
    return samples, pd.DataFrame(report)


def _records(sheet: Annotations, path: Path) -> Iterator[Record]:
    """Rows of the sheet as field -> text, with the row number under ``row``."""
    rows = read_sheet(path, sheet.sheet)
    start = 0 if sheet.header is None else sheet.header + 1
    header = [] if sheet.header is None else rows[sheet.header] if sheet.header < len(rows) else []
    positions = {f: _position(c, header, path) for f, c in sheet.columns.items()}
    lookups = [(k.column, _naming_rule(sheet, i, path)) for i, k in enumerate(sheet.lookups)]
    for number, row in enumerate(rows[start:], start + 1):
        record: Record = {f: row[p] for f, p in positions.items()} | {"row": number}
        if _is_row(record):
            _take_apart(record, sheet, path)
            for column, rule in lookups:
                record[column] = _translate(record[column], rule, column, f"{path}, row {number}")
            yield record


def _position(column: int | str, header: Row, path: Path) -> int:
    if isinstance(column, int):
        return column
    names = {name.casefold(): i for i, name in reversed(list(enumerate(header)))}
    if column.casefold() not in names:
        raise DataError(
            f"no column {column!r}; {nearest(column, [n for n in header if n])}", where=path,
            todo="is it another edition of the file? Its columns are named in the manifest",
        )  # fmt: skip
    return names[column.casefold()]


def _is_row(record: Record) -> bool:
    """A row without a subject is a blank or a note below the table."""
    return bool(record.get("subject"))


def _take_apart(record: Record, sheet: Annotations, path: Path) -> None:
    for field, pattern in sheet.split.items():
        found = re.fullmatch(pattern, record[field])
        if not found:
            raise DataError(
                f"{field} {record[field]!r} does not read like {pattern!r}",
                where=f"{path}, row {record['row']}",
            )
        record.update(found.groupdict())


def _naming_rule(sheet: Annotations, number: int, path: Path) -> dict[str, str]:
    rule = sheet.lookups[number]
    rows = read_sheet(path, rule.sheet)
    header = [] if rule.header is None else rows[rule.header]
    rows = rows if rule.header is None else rows[rule.header + 1 :]
    key, value = (_position(c, header, path) for c in (rule.key, rule.value))
    return {row[key]: row[value] for row in rows if row[key]}


def _translate(code: str, rule: dict[str, str], column: str, where: str) -> str:
    if code not in rule:
        raise DataError(f"{column} {code!r} has no naming rule; {nearest(code, rule)}", where=where)
    return rule[code]


def _apply(correction: Correction, records: list[Record]) -> int:
    """Apply a correction to the rows it names; return how many there were."""
    hits = 0
    for record in records:
        same = (record["subject"], record["video"]) == (correction.subject, correction.video)
        if same and (correction.onset is None or record["onset"] == str(correction.onset)):
            record.update({f: "" if v is None else str(v) for f, v in correction.set.items()})
            hits += 1
    return hits


def _complete(record: Record, manifest: Manifest, path: Path) -> None:
    """Turn the text of one row into a row of the samples table, or say what is wrong with it."""
    sheet, where = manifest.annotations, f"{path}, row {record['row']}"
    for field in FRAMES:
        record[field] = _frame(record.get(field, ""), field, sheet, where)
    _check_order(record, where)
    record["emotion"] = _known(
        record["emotion"].strip().lower(), "emotion",
        [*manifest.class_of, *manifest.other_emotions], where,
    )  # fmt: skip
    kind = record.get("kind", "micro")
    record["kind"] = _known(kind, "kind", sheet.kinds, where) if sheet.kinds else "micro"
    record["kind"] = sheet.kinds.get(kind, record["kind"])
    record["database"], record["fps"] = manifest.id, manifest.fps
    units = record.get("action_units", "")
    record["action_units"] = "" if units in sheet.missing else units


def _frame(text: str, field: str, sheet: Annotations, where: str) -> int | Any:
    if text in sheet.missing:
        if field == "apex":
            return pd.NA
        raise DataError(f"{field} is missing ({text!r})", where=where)
    if not re.fullmatch(r"\d+(\.0+)?", text):
        raise DataError(f"{field} {text!r} is no frame number", where=where)
    number = int(float(text)) - sheet.first_frame
    if number < 0:
        raise DataError(f"{field} {text} lies before the first frame", where=where)
    return number


def _check_order(record: Record, where: str) -> None:
    onset, apex, offset = (record[f] for f in FRAMES)
    todo = "correct it in the manifest under `corrections`, with a reason and a source"
    if onset > offset:
        raise DataError(f"onset {onset} after offset {offset} (from 0)", where=where, todo=todo)
    if apex is not pd.NA and not onset <= apex <= offset:
        raise DataError(
            f"apex {apex} outside its interval {onset} to {offset} (from 0)", where=where, todo=todo
        )


def _known(value: str, what: str, known: Any, where: str) -> str:
    if value not in known:
        raise DataError(
            f"unknown {what} {value!r}; {nearest(value, known)}", where=where,
            todo="if it is right, add it to the manifest's classes or other_emotions",
        )  # fmt: skip
    return value


def _number_samples(records: list[Record]) -> None:
    """Give each expression an id within its video, in the order of the sheet, where it has none."""
    seen: Counter[tuple[str, str]] = Counter()
    for record in records:
        key = (record["subject"], record["video"])
        seen[key] += 1
        record.setdefault("sample", str(seen[key]))
