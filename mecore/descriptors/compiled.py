"""How loops are compiled: once, kept on disk, without the interpreter's lock."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any], *, exact: bool = False) -> Callable[..., Any]:
    """Compile a function on its first call and keep the result on disk.

    The cache lies beside the source, or in the user's cache folder where that is read-only, or
    where the environment variable NUMBA_CACHE_DIR says. It notices a change of the file a function
    stands in, not of another file whose functions it calls.

    Parameters
    ----------
    function : callable
        What numba can compile.
    exact : bool
        Keep the order of every sum, and infinities: where the last bit matters.

    Warns
    -----
    RuntimeWarning
        No folder can be written to: every process compiles again.
    """
    # Frames are checked to be finite before they get here, so NaN and infinity may be ignored.
    options = {"fastmath": not exact, "nogil": True, "error_model": "numpy"}
    try:
        return njit(function, cache=True, **options)
    except RuntimeError:
        warnings.warn(
            "compiled loops cannot be kept, so that every process compiles them again; "
            "name a writable folder in NUMBA_CACHE_DIR",
            RuntimeWarning,
            stacklevel=1,  # one place for all functions: it is shown once
        )
        return njit(function, **options)
