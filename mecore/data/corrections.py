"""Corrections of known errors of an annotation sheet, keyed by subject and clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mecore.data.schema import Correction

Status = Literal["applied", "already right", "another edition", "no such row"]


def correct(
    corrections: Sequence[Correction], records: list[dict[str, Any]], joined: list[dict[str, Any]]
) -> list[Status]:
    """Apply corrections to the rows that they name, in place.

    Parameters
    ----------
    corrections : sequence of Correction
        Of the manifest; frame numbers are those of the sheet.
    records, joined : list of dict
        Rows of the sheet, and of the table that is joined to it, as text.

    Returns
    -------
    list of str
        For each correction: ``applied``; ``already right`` (another edition that needs none);
        ``another edition`` (it prints neither the error nor the correction); ``no such row``.
    """
    return [_correct(c, [*records, *joined]) for c in corrections]


def _correct(correction: Correction, records: list[dict[str, Any]]) -> Status:
    right = {f: "" if v is None else str(v) for f, v in correction.set.items()}
    wrong = {f: str(v) for f, v in correction.was.items()}
    status: set[Status] = set()
    for record in records:
        if not _names(correction, record):
            continue
        if all(record.get(f) == v for f, v in right.items()):
            status.add("already right")
        elif any(record.get(f, v) != v for f, v in wrong.items()):
            status.add("another edition")
        else:
            record.update({f: v for f, v in right.items() if f in record})
            status.add("applied")
    order: tuple[Status, ...] = ("applied", "already right", "another edition")
    for one in order:
        if one in status:
            return one
    return "no such row"


def _names(correction: Correction, record: dict[str, Any]) -> bool:
    """Tell whether a correction is about a row."""
    key = {"subject": correction.subject, "video": correction.video}
    if correction.sample is not None:
        key["sample"] = correction.sample
    if correction.onset is not None:
        key["onset"] = str(correction.onset)
    return all(record.get(f, "").casefold() == v.casefold() for f, v in key.items())
