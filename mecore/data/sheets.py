"""Annotation sheets as text: Excel files old and new, and CSV, cell by cell.

Ids stay text (``"006"``), whole numbers lose the ``.0`` that Excel gives them, blank rows go.
"""

from __future__ import annotations

import csv
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook

from mecore.errors import DataError

Row = list[str]
_ENDINGS = {".csv", ".ods", ".xls", ".xlsx"}


def read_sheet(path: Path, sheet: int | str = 0) -> list[Row]:
    """Read one sheet as rows of text.

    Parameters
    ----------
    path : Path
        ``.xlsx``, ``.xls``, ``.ods`` or ``.csv``.
    sheet : int or str
        Position or name of the sheet; ignored for CSV.

    Returns
    -------
    list of list of str
        Rows as they stand in the file, row 1 first, all of the same length.

    Raises
    ------
    DataError
        No such file or sheet, or a file that is no spreadsheet.
    """
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*") if p.suffix in _ENDINGS)
        raise DataError(
            f"annotation file not found; spreadsheets there: {', '.join(beside) or 'none'}",
            where=path,
            todo="check the data root, or name your edition of the file in the manifest",
        )
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _excel_rows(path, sheet)
    width = max((len(r) for r in rows), default=0)
    return [r + [""] * (width - len(r)) for r in rows]


def _csv_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return [[c.strip() for c in row] for row in csv.reader(handle)]


def _excel_rows(path: Path, sheet: int | str) -> list[Row]:
    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if (sheet >= len(names)) if isinstance(sheet, int) else (sheet not in names):
            raise DataError(f"no sheet {sheet!r}; sheets: {', '.join(names)}", where=path)
        name = names[sheet] if isinstance(sheet, int) else sheet
        # skip_empty_area=False keeps positions: column 3 of the manifest is column D of the file.
        cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise DataError(f"cannot be read as a spreadsheet: {error}", where=path) from error
    return [[_text(cell) for cell in row] for row in cells]


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
