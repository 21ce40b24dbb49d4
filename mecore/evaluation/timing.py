"""Wall-clock seconds of the parts of a fold, kept apart from its results."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note in ``seconds`` how long a part took."""
    start = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - start
