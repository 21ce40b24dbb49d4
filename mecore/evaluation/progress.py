"""Progress bars: in a terminal only, never in a rendered page or a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress_bar(items: Iterable[T], total: int, what: str, show: bool = True) -> Iterator[T]:
    """Yield the items and show how many are done, if ``show`` and standard error is a terminal."""
    hidden = not (show and total and sys.stderr.isatty())
    return iter(tqdm(items, total=total, desc=what, disable=hidden, leave=False))
