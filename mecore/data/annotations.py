"""From an annotation sheet to the samples table, as the manifest says, row by row.

Frame numbers are converted once, here: 0-based, onset and offset both inclusive. An unknown apex
is ``<NA>``. Whatever a rule of the manifest does not explain is refused with file, row and column.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mecore.data.find import Problem, annotation_file, find_videos, left_out, listed
from mecore.data.frames import number_images
from mecore.data.records import Record, Table, TableRows, correct, read_join, read_records
from mecore.data.schema import Annotations, Edition, Join, Manifest
from mecore.errors import DataError, nearest

COLUMNS = ["database", "subject", "video", "sample", "kind", "onset", "apex", "offset", "emotion",
           "action_units", "fps"]  # fmt: skip
FRAMES = ("onset", "apex", "offset")
CORRECT = "correct it in the manifest under `corrections`, with a reason and a source"


@dataclass(frozen=True)
class Reading:
    """What an annotation file holds.

    Parameters
    ----------
    path, edition
        The file and which edition it is; the data root where there is none.
    samples, places
        One row per expression, columns `COLUMNS`, frames as nullable integers; and the file, sheet
        and row of each.
    corrections : DataFrame
        One row per correction of the manifest: what it sets and why, ``applied``, ``status``.
    rows : DataFrame
        Emotion and kind of each row of the sheet; a further interval of a row does not count.
    problems, notes : list of Problem
        Rows that were refused; what was done by a rule of the manifest.
    """

    path: Path
    edition: Edition
    samples: pd.DataFrame
    places: list[str]
    corrections: pd.DataFrame
    rows: pd.DataFrame
    problems: list[Problem]
    notes: list[Problem]


def refuse(problems: list[Problem], name: str) -> None:
    """Raise the first problem of a database, if any, as a `DataError` that counts the others."""
    if problems:
        first, rest = problems[0], len(problems) - 1
        more = f"\n  There are {rest} more: mecore data check {name} --root DIR lists them all"
        todo = (first.todo or "correct it") + more * (rest > 0)
        raise DataError(first.what, where=first.where, todo=todo)


def read_annotations(manifest: Manifest, root: Path) -> Reading:
    """Read every annotated expression of a database, and list what is wrong with it.

    A file, sheet or column that is not found, or a file that is no spreadsheet, is a `DataError`.
    """
    problems: list[Problem] = []
    if manifest.annotations.file is None:
        path, edition = root, Edition(name="", edition="no table: the folders say it all")
        table, records = _from_folders(manifest, root, problems)
    else:
        path, edition = annotation_file(manifest, root)
        table, records = read_records(manifest, path, problems)
    joined = read_join(manifest, root)
    corrected = [*records, *(joined[1] if joined else [])]
    status = [correct(c, corrected) for c in manifest.corrections]
    _join(manifest.annotations.join, (table, records), joined, root)
    done: list[Record] = []
    for record in records:
        with listed(problems):
            done += _complete(record, manifest, table)
    done = _without_repeats(done, table)
    _number_samples(done)
    excluded = {(e.subject, e.video, e.sample) for e in manifest.exclude if e.sample}
    done = [r for r in done if (r["subject"], r["video"], r["sample"]) not in excluded]
    pairs = zip(manifest.corrections, status, strict=True)
    report = [c.model_dump() | {"applied": s == "applied", "status": s} for c, s in pairs]
    rows = pd.DataFrame([r for r in done if not r["extra"]], columns=["emotion", "kind"])
    done.sort(key=lambda r: (r["subject"], r["video"], r["onset"], r["sample"]))
    types = dict.fromkeys(FRAMES, "Int64") | {"fps": "float64"}
    samples = pd.DataFrame(done, columns=COLUMNS).astype(types)
    places, corrections = [table.at(r) for r in done], pd.DataFrame(report)
    return Reading(path, edition, samples, places, corrections, rows, problems, table.notes)


def _from_folders(manifest: Manifest, root: Path, problems: list[Problem]) -> TableRows:
    """One record for each clip, from its first to its last image."""
    layout, places, found = find_videos(manifest, root)
    problems += found
    excluded = left_out(manifest, layout) if layout else set()
    image = layout.image if layout and layout.image else ""
    records = []
    for subject, video, emotion, path in places:
        if (subject.casefold(), video.casefold()) in excluded:
            continue
        with listed(problems):
            numbers = list(number_images(path, image))
            records.append({
                "subject": subject, "video": video, "emotion": emotion, "onset": str(numbers[0]),
                "offset": str(numbers[-1]), "row": path.relative_to(root).as_posix(),
                "further": [], "bounds": ("", ""),
            })  # fmt: skip
    return Table(str(root), [], 0, [], {}), records


def _join(join: Join | None, own: TableRows, joined: TableRows | None, root: Path) -> None:
    if join is None:
        return
    table, records = own
    fields = sorted(set(join.columns) - set(join.by))
    if joined is None:
        what = f"{', '.join(fields)} unknown: {join.file} is not there"
        table.notes.append(Problem(str(root), what, "put that table below the data root"))
        return
    other, rows = joined
    found = {tuple(row[f].casefold() for f in join.by): row for row in rows}
    for record in records:
        row = found.pop(tuple(record[f].casefold() for f in join.by), {})
        record.update({f: row[f] for f in fields if f in row})
    if found:
        key, row = next(iter(found.items()))
        what = f"{len(found)} rows belong to no row of the annotations, the first: {', '.join(key)}"
        table.notes.append(Problem(other.at(row), what))


def _complete(record: Record, manifest: Manifest, table: Table) -> list[Record]:
    """Turn the text of one row into rows of the samples table, or say what is wrong with it."""
    sheet = manifest.annotations
    record = dict(record)
    for field, other in sheet.fallback.items():
        if _is_missing(record.get(field, ""), field, sheet):
            record[field] = record.get(other, "")
            table.note(f"{field} unknown; taken as the {other}", record, field)
    if "onset unknown: leave out" in sheet.repair and _is_missing(record["onset"], "onset", sheet):
        table.note("onset unknown; left out", record, "onset")
        return []
    record |= {f: _frame(record, f, sheet, table) for f in FRAMES}
    _check_order(record, sheet, table)
    emotion = record["emotion"].strip().lower()
    if not manifest.knows(emotion):
        known = [*manifest.class_of, *manifest.other_emotions]
        raise _unknown("emotion", emotion, known, table, record)
    record["emotion"] = emotion
    record["kind"] = _kind(record, sheet, table)
    record["database"], record["fps"], record["extra"] = manifest.id, manifest.fps, False
    units = record.get("action_units", "")
    record["action_units"] = "" if units in sheet.missing else units
    return [record, *_further(record, sheet, table)]


def _kind(record: Record, sheet: Annotations, table: Table) -> str:
    kind = record.get("kind", "micro")
    if not sheet.kinds or "kind" not in record:
        return kind if kind in ("micro", "macro") else "micro"
    for name, value in sheet.kinds.items():
        if name.casefold() == kind.casefold():
            return value
    raise _unknown("kind", kind, sheet.kinds, table, record)


def _further(record: Record, sheet: Annotations, table: Table) -> list[Record]:
    """Second and third expressions of a row: within its bounds, and not told twice."""
    told = {(record["onset"], record["offset"])}
    low, high = (int(t) - sheet.first_frame if t.isdigit() else None for t in record["bounds"])
    extra = []
    for number, (first, last) in enumerate(record["further"], 2):
        if first in sheet.missing and last in sheet.missing:
            continue
        texts = {"onset": first, "offset": last, "row": record["row"]}
        try:
            onset, offset = (_frame(texts, f, sheet, table) for f in ("onset", "offset"))
        except DataError:
            onset, offset = 0, -1
        beyond = (low is not None and onset < low) or (high is not None and offset > high)
        if onset > offset or beyond or (onset, offset) in told:
            why = "lies outside its clip, or repeats another; left out"
            table.note(f"interval {number} ({first} to {last}) {why}", record)
            continue
        told.add((onset, offset))
        extra.append(record | {"onset": onset, "apex": pd.NA, "offset": offset, "extra": True})
    return extra


def _is_missing(text: str, field: str, sheet: Annotations) -> bool:
    marks = (*sheet.missing, *sheet.missing_in.get(field, []))
    return text in marks or text.casefold() in ("nan", "<na>")


def _frame(record: Record, field: str, sheet: Annotations, table: Table) -> int | Any:
    text = record.get(field, "")
    if _is_missing(text, field, sheet):
        if field == "apex":
            return pd.NA
        todo = "fill the cell; a formula needs its stored value"
        raise table.error(f"{field} is missing ({text!r})", record, field, todo)
    if "fractions: round" in sheet.repair and re.fullmatch(r"[0-9]{1,9}\.[0-9]+", text):
        text = str(round(float(text)))
    if re.fullmatch(r"-[0-9]+(\.0+)?", text):
        raise table.error(f"{field} {text} is negative", record, field, CORRECT)
    if not re.fullmatch(r"[0-9]{1,9}(\.0+)?", text):
        raise table.error(f"{field} {text[:40]!r} is no frame number", record, field)
    number = int(float(text)) - sheet.first_frame
    if number < 0:
        raise table.error(f"{field} {text} lies before the first frame", record, field, CORRECT)
    return number


def _check_order(record: Record, sheet: Annotations, table: Table) -> None:
    onset, apex, offset = (record[f] for f in FRAMES)
    if onset > offset:
        raise table.error(f"onset {onset} after offset {offset} (from 0)", record, "onset", CORRECT)
    if apex is pd.NA or onset <= apex <= offset:
        return
    what = f"apex {apex} outside its interval {onset} to {offset} (from 0)"
    if "apex outside: unknown" not in sheet.repair:
        raise table.error(what, record, "apex", CORRECT)
    record["apex"] = pd.NA
    table.note(f"{what}; taken as unknown", record, "apex")


def _unknown(what: str, value: str, known: Any, table: Table, record: Record) -> DataError:
    todo = "if it is right, add it to the manifest's classes or other_emotions"
    return table.error(f"unknown {what} {value!r}; {nearest(value, known)}", record, what, todo)


def _without_repeats(records: list[Record], table: Table) -> list[Record]:
    """Drop rows that say the very same as an earlier one."""
    seen: dict[tuple[str, ...], Record] = {}
    for record in records:
        first = seen.setdefault(tuple(str(record.get(f)) for f in (*COLUMNS, "extra")), record)
        if first is not record:
            table.note(f"says the same as row {first['row']}; counted once", record)
    return list(seen.values())


def _number_samples(records: list[Record]) -> None:
    """Give each expression an id within its video, in the order of the sheet, where it has none."""
    seen: Counter[tuple[str, str]] = Counter()
    for record in records:
        seen[key := (record["subject"], record["video"])] += 1
        if "sample" not in record or record["extra"]:
            record["sample"] = str(seen[key])
