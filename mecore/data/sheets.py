"""Annotation sheets as text: Excel files old and new, and CSV, cell by cell.

Ids stay text (``"006"``), whole numbers lose the ``.0`` that Excel gives them. A file is measured
before it is read, so that no sheet, however built, can fill the memory.
"""

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook
from xlsxwriter.utility import xl_cell_to_rowcol

from mecore.data import old_excel
from mecore.errors import DataError, nearest

Row = list[str]
ENDINGS = (".xlsx", ".xls", ".csv", ".tsv", ".txt")
MAX_BYTES = 64 * 2**20
"""Of a CSV or .xls file, and of the unpacked parts of an .xlsx file."""
MAX_ROWS, MAX_CELLS = 100_000, 4_000_000
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_BROKEN = (CalamineError, zipfile.BadZipFile, zlib.error)
_TODO = "save the one table that is meant as .csv, and name it in the manifest"


def read_sheet(path: Path, sheet: int | str = 0) -> list[Row]:
    """Read one sheet as rows of text.

    Parameters
    ----------
    path : Path
        ``.xlsx``, ``.xls`` or ``.csv`` (comma, semicolon or tab; UTF-8, or UTF-16 with its mark).
    sheet : int or str
        Position or name of the sheet; ignored for CSV.

    Returns
    -------
    list of list of str
        Rows as they stand in the file, row 1 first, all of the same length.

    Raises
    ------
    DataError
        No such file or sheet, a file that is no spreadsheet, or one that is larger than any
        annotation is.
    """
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*") if is_sheet(p))
        what = f"annotation file not found; spreadsheets there: {', '.join(beside) or 'none'}"
        todo = "check the data root, or name your edition of the file in the manifest"
        raise DataError(what, where=path, todo=todo)
    _check_bytes(f"has {(n := path.stat().st_size):,} bytes", n, path)
    excel = path.suffix.lower() in (".xlsx", ".xls")
    rows = _excel_rows(path, sheet) if excel else _csv_rows(path)
    width = max((len(r) for r in rows), default=0)
    _check_extent(len(rows), width, path)
    return [r + [""] * (width - len(r)) for r in rows]


def is_sheet(path: Path) -> bool:
    """Tell a spreadsheet by its name; Excel's lock files and hidden files are none."""
    return path.suffix.lower() in ENDINGS[:-1] and not path.name.startswith(("~$", "."))


def _check_bytes(what: str, n: int, path: Path) -> None:
    if n > MAX_BYTES:
        raise DataError(f"{what}; no annotation has over {MAX_BYTES:,}", where=path, todo=_TODO)


def _check_extent(rows: int, columns: int, path: Path) -> None:
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        what = f"spans {rows:,} rows and {columns:,} columns; at most {MAX_ROWS:,} rows are read"
        raise DataError(what, where=path, todo=_TODO)


def _csv_rows(path: Path) -> list[Row]:
    raw = path.read_bytes()
    utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        where = f"{path}, row {line}"
        raise DataError("is not UTF-8 text", where=where, todo="save it as CSV (UTF-8)") from error
    # Blank lines may be many; this only keeps a file of millions of rows from being taken apart.
    if text.count("\n") > 2 * MAX_ROWS:
        _check_extent(text.count("\n"), 1, path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return [[c.strip() for c in row] for row in rows]
    except csv.Error as error:
        raise DataError(f"is no CSV file: {error}", where=path) from error


def _excel_rows(path: Path, sheet: int | str) -> list[Row]:
    try:
        modern = zipfile.is_zipfile(path)
        cells = _modern_cells(path, sheet) if modern else _old_cells(path, sheet)
    except (*_BROKEN, OSError, EOFError, RuntimeError, ValueError) as error:
        what = f"cannot be read as a spreadsheet: {error or 'cut off'}"
        todo = "open it in a spreadsheet program; if that fails too, copy it again"
        raise DataError(what, where=path, todo=todo) from error
    return [[_text(cell) for cell in row] for row in cells]


def _modern_cells(path: Path, sheet: int | str) -> list[list[Any]]:
    _measure(path)
    book = CalamineWorkbook.from_path(path)
    page = book.get_sheet_by_name(_sheet_name(book.sheet_names, sheet, path))
    _check_extent(page.total_height, page.total_width, path)
    # skip_empty_area=False keeps positions: column 3 of the manifest is column D of the file.
    return page.to_python(skip_empty_area=False)


def _old_cells(path: Path, sheet: int | str) -> list[list[Any]]:
    """Cells of an .xls file, read in a process that can be given up, see `old_excel`."""
    script = [sys.executable, "-I", old_excel.__file__, str(path), json.dumps(sheet)]
    try:
        done = subprocess.run(script, capture_output=True, timeout=2 * old_excel.SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"not done after {error.timeout:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(said[-1] if done.returncode > 0 and said else "given up: it is damaged")
    answer = json.loads(done.stdout)
    if answer["cells"] is None:
        _sheet_name(answer["names"], sheet, path)
    return list(answer["cells"])


def _sheet_name(names: list[str], sheet: int | str, path: Path) -> str:
    if isinstance(sheet, int):
        if sheet < len(names):
            return names[sheet]
        raise DataError(f"no sheet {sheet!r}; sheets: {', '.join(names)}", where=path)
    same = [n for n in names if n.strip().casefold() == sheet.casefold()]
    if not same:
        raise DataError(f"no sheet {sheet!r}; {nearest(sheet, names)}", where=path)
    return same[0]


def _measure(path: Path) -> None:
    """Refuse an .xlsx file whose cells would not fit, before they are unpacked or laid out.

    The reader lays a sheet out as a rectangle: one cell in the last corner would need 17 billion.
    """
    with zipfile.ZipFile(path) as box:
        total = sum(part.file_size for part in box.infolist())
        _check_bytes(f"unpacks to {total:,} bytes", total, path)
        for part in box.infolist():
            if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
                _check_extent(*_corner(box.read(part)), path)


def _corner(xml: bytes) -> tuple[int, int]:
    """Last row and last column, from 1, that any cell of a sheet names."""
    cells = set(_CELL.findall(xml))
    rows = max((int(row) for _, row in cells), default=0)
    last = max((column for column, _ in cells), key=lambda c: (len(c), c), default=b"")
    return rows, xl_cell_to_rowcol(f"{last.decode()}1")[1] + 1 if last else 0


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
