"""Annotation sheets in the manner of CASME II (clips) and of CAS(ME)^2 (videos)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import xlsxwriter

from mecore.phantom.script import STIMULI, Event, Take

CLIP_COLUMNS = (
    "Subject", "Filename", "", "OnsetFrame", "ApexFrame", "OffsetFrame", "", "Action Units",
    "Estimated Emotion",
)  # fmt: skip
_CREATED = datetime(2000, 1, 1)  # a fixed date keeps the file the same, byte for byte

Row = tuple[object, ...]


def _frames(event: Event) -> tuple[int, int, int]:
    """Onset, apex, offset as numbers on disk, from 1."""
    return event.onset + 1, event.apex + 1, event.offset + 1


def _write(path: Path, sheets: dict[str, list[Row]]) -> None:
    with xlsxwriter.Workbook(str(path), {"in_memory": True}) as book:
        book.set_properties({"created": _CREATED})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, str) and value:
                        sheet.write_string(number, column, value)
                    elif isinstance(value, int):
                        sheet.write_number(number, column, value)


def write_clip_sheet(path: Path, takes: list[Take]) -> None:
    """Write ``Sheet1`` of an ``.xlsx`` file: a header and a row per clip."""
    rows: list[Row] = [CLIP_COLUMNS]
    for take in takes:
        for event in take.events:
            onset, apex, offset = _frames(event)
            shown = (event.expression.action_units, event.expression.emotion)
            rows.append((take.number, take.video, "", onset, apex, offset, "", *shown))
    _write(path, {"Sheet1": rows})


def write_video_sheets(path: Path, takes: list[Take]) -> None:
    """Write the coding of all expressions and the two sheets that explain its names (``.xlsx``)."""
    coding: list[Row] = []
    for take in takes:
        for count, event in enumerate(take.events, start=1):
            shown, kind = event.expression, f"{event.kind}-expression"
            where: Row = (int(take.number), f"{take.code}_{count}", *_frames(event))
            coding.append((*where, shown.action_units, shown.valence, kind, shown.emotion))
    people: dict[str, str] = {take.folder: take.number for take in takes}
    subjects: list[Row] = [(int(f[1:]), f, int(number)) for f, number in people.items()]
    stems = {take.code: take.video.split("_", 1)[1] for take in takes}
    named = {code: stem for code, stem in STIMULI.items() if code in stems} | stems
    videos: list[Row] = [(code, stem) for code, stem in named.items()]
    _write(path, {"coding": coding, "naming rule1": subjects, "naming rule2": videos})
