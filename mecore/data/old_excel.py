"""Read one sheet of an old Excel file (.xls) in a process of its own; a script for `sheets`.

The format says how large its parts are, and a damaged file may say anything: the reader then asks
for 50 GB, or works for a minute. A process with a limit on memory and time can be given up.
"""

import json
import sys
from typing import Any

from python_calamine import CalamineWorkbook

MEMORY = 1 << 30
SECONDS = 20


def limit() -> None:
    """Limit memory and processor time of this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit has to do
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def read(path: str, sheet: int | str) -> dict[str, Any]:
    """Return the names of the sheets, and the cells of one of them if it is there.

    A sheet is named by its position, or by its name in any case.
    """
    book = CalamineWorkbook.from_path(path)
    names = list(book.sheet_names)
    same = [n for n in names if n.strip().casefold() == str(sheet).casefold()]
    found = names[sheet : sheet + 1] if isinstance(sheet, int) else same
    if not found:
        return {"names": names, "cells": None}
    cells = book.get_sheet_by_name(found[0]).to_python(skip_empty_area=False)
    plain = [[c if isinstance(c, (int, float, str)) else str(c) for c in row] for row in cells]
    return {"names": names, "cells": plain}


if __name__ == "__main__":
    limit()
    json.dump(read(sys.argv[1], json.loads(sys.argv[2])), sys.stdout)
