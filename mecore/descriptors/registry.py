"""Descriptors by name: modules of this folder declare them, and comparisons find them.

To add one is to add a module: a function whose parameters name what it is computed from
(`mecore.descriptors.materials`), with `descriptor` above it.

    @descriptor("frame_changes", "Changes between frames")
    def frame_changes(frames):
        return np.abs(np.diff(frames.astype(np.float64), axis=0)).mean(axis=0)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

import mecore.descriptors
from mecore.errors import OptionError, nearest

Array = NDArray[Any]
Compute = TypeVar("Compute", bound=Callable[..., Array])


@dataclass(frozen=True)
class Descriptor:
    """What is computed of a clip, and how it is made a vector; ``title`` is how it is called.

    Parameters
    ----------
    compute : callable
        Takes materials and options by their names; gives an array of numbers, the same shape for
        every clip. It is kept on disk: no picture of a face may be recognised in it.
    scale : {"none", "block", "vector"}
        Divide by the sum of each histogram (the last axis), by that of the vector, or not at all.
    planes : tuple of int, optional
        Which planes are kept, the last axis but one; default all.
    fine : bool
        Short enough for the finer of two grids of settings of a classifier.
    learn : callable, optional
        Features that are learnt on the training clips: takes the arrays of all clips (n, …),
        numbers of the training and of the test clips, a seed, and options by their names; gives
        (n, d), 0 in rows of other clips.
    """

    name: str
    title: str
    compute: Callable[..., Array]
    scale: Literal["none", "block", "vector"] = "none"
    planes: tuple[int, ...] | None = None
    fine: bool = False
    learn: Callable[..., NDArray[np.float64]] | None = None

    def vectors(self, stored: Array) -> NDArray[np.float64]:
        """Vectors of clips, (n, d), from their arrays (n, …)."""
        values = np.asarray(stored, np.float64)
        if self.planes is not None:
            values = values[..., list(self.planes), :]
        if self.scale != "none":
            axes = (-1,) if self.scale == "block" else tuple(range(1, values.ndim))
            total = values.sum(axis=axes, keepdims=True)
            values = values / np.where(total > 0, total, 1)
        return values.reshape(len(values), -1)


_KNOWN: dict[str, Descriptor] = {}


def descriptor(name: str, title: str, **how: Any) -> Callable[[Compute], Compute]:
    """Declare a function as a descriptor, or as several that differ in how they are scaled.

    For the parameters see `Descriptor`; OptionError if the name is taken.
    """

    def declare(compute: Compute) -> Compute:
        if name in _KNOWN:
            raise OptionError(f"two descriptors are called {name!r}")
        _KNOWN[name] = Descriptor(name, title, compute, **how)
        return compute

    return declare


@cache
def _discover() -> None:
    for module in iter_modules(mecore.descriptors.__path__, "mecore.descriptors."):
        import_module(module.name)


def descriptors() -> dict[str, Descriptor]:
    """Return all descriptors by name, in the order of their titles."""
    _discover()
    return dict(sorted(_KNOWN.items(), key=lambda item: item[1].title.lower()))


def find_descriptor(name: str) -> Descriptor:
    """Return a descriptor, or say which one was meant (OptionError)."""
    if name not in (known := descriptors()):
        raise OptionError(f"no descriptor is called {name!r}; {nearest(name, known)}")
    return known[name]
