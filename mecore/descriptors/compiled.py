"""How loops are compiled: once, kept on disk, without the interpreter's lock."""

import warnings
from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function on its first call and keep the result on disk.

    Sums may be reordered, products merged into them, and divisions approximated. The cache lies
    beside the source, or in the user's cache folder where that is read-only, or where the
    environment variable NUMBA_CACHE_DIR says. It notices a change of the file a function stands
    in, not of another file whose functions it calls. Where no folder can be written to, every
    process compiles again, and a RuntimeWarning says so.
    """
    # Frames are checked to be finite before they get here, so NaN and infinity may be ignored.
    # A function that is called by another has its code in there. Else the process that compiles it
    # would call a copy of its own, in which sums are ordered otherwise than in what it keeps.
    return _compiled(function, fastmath=True, forceinline=True)


def compiled_exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function as `compiled` does, but with every operation rounded as it is written."""
    return _compiled(function)


def compiled_inside(function: Callable[..., Any], inline: bool = True) -> Callable[..., Any]:
    """Compile a function as `compiled_exactly` does, for loops of others; it allocates no array.

    So arrays need no counting of references, which can take longer than what is computed. With
    ``inline``, its code is put into its callers: a little faster, and longer to compile.
    """
    return _compiled(function, forceinline=inline, _nrt=False)


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return njit(function, cache=True, **options)
    except RuntimeError:
        warnings.warn(
            "compiled loops cannot be kept, so that every process compiles them again; "
            "name a writable folder in NUMBA_CACHE_DIR",
            RuntimeWarning, stacklevel=1,  # one place for all functions: it is shown once
        )  # fmt: skip
        return njit(function, **options)
