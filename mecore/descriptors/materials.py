"""What descriptors are computed from, by name: frames, flows, landmarks of one expression.

A descriptor is a function whose parameters name its materials; a material is one whose parameters
name others, or options. So it is known of each descriptor which options it reads.

Given are ``frames`` (T, H, W) uint8, grey faces from onset to offset; ``points`` (68, 2), landmarks
of the first; ``span``, onset, apex (None where none is annotated) and offset in the video.
"""

from collections.abc import Callable, Iterable
from inspect import Parameter, signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.engines import Engine, optical_flow
from mecore.descriptors.mdmo_regions import Regions, mdmo_regions
from mecore.errors import OptionError, nearest
from mecore.preprocessing.align import align_flow
from mecore.preprocessing.apex import Span, difference, find_apex
from mecore.preprocessing.texture import texture
from mecore.preprocessing.tim import interpolate, to_bytes

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
GIVEN = ("frames", "points", "span")


def short(frames: Bytes, length: int) -> Bytes:
    """Return the frames after temporal interpolation, (length, H, W)."""
    return to_bytes(interpolate(frames, length))


def flows(frames: Bytes, engine: Engine, textured: bool) -> Floats:
    """Return the flow from the first frame to each of the others, (T - 1, H, W, 2).

    ``textured``: of the texture part of the frames, against flicker.
    """
    if textured:
        frames = np.stack([texture(frame) for frame in frames])
    return np.stack([optical_flow(frames[0], f, engine=engine) for f in frames[1:]])


def aligned(flows: Floats, points: Floats) -> Floats:
    """Return the flows without the motion of the head, (T - 1, H, W, 2)."""
    return align_flow(flows, points)


def short_aligned(short: Bytes, points: Floats, engine: Engine, textured: bool) -> Floats:
    """Return the same of the interpolated frames, (length - 1, H, W, 2)."""
    return align_flow(flows(short, engine, textured), points)


def apex(frames: Bytes, span: Span, missing_apex: str) -> int:
    """Return the number of the strongest frame, annotated or by a rule."""
    onset = span[0]
    return find_apex(span, missing_apex, difference(frames, onset, onset)) - onset


def apex_flow(flows: Floats, apex: int) -> Floats:
    """Return the flow from onset to apex, (H, W, 2)."""
    return flows[max(apex, 1) - 1]


def regions(points: Floats, frames: Bytes) -> Regions:
    """Return the pixels of the 36 regions of MDMO."""
    return mdmo_regions(points, frames.shape[1:])


MATERIALS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (short, flows, aligned, short_aligned, apex, apex_flow, regions)
}


def takes(function: Callable[..., Any]) -> list[str]:
    """Names of what a function takes; parameters with a default are its own affair."""
    known = signature(function).parameters.values()
    return [p.name for p in known if p.default is Parameter.empty]


def options_of(function: Callable[..., Any], options: Iterable[str]) -> list[str]:
    """Names of those of all options that a function and its materials read.

    OptionError if it takes what is neither a material nor an option.
    """
    found, known = set(), list(options)
    for name in takes(function):
        if name in MATERIALS:
            found |= set(options_of(MATERIALS[name], known))
        elif name in known:
            found.add(name)
        elif name not in GIVEN:
            hint = nearest(name, [*GIVEN, *MATERIALS, *known])
            raise OptionError(f"{function.__name__} takes {name!r}, which is no material; {hint}")
    return sorted(found)


class Materials(dict[str, Any]):
    """What is given of one expression, the options, and materials, computed when asked for."""

    def __missing__(self, name: str) -> Any:
        self[name] = self.give(MATERIALS[name])
        return self[name]

    def give(self, function: Callable[..., Any]) -> Any:
        """Call a function with what its parameters name."""
        return function(**{name: self[name] for name in takes(function)})


def describe(source: Any) -> Array:
    """Compute ``source.compute``, a descriptor, of each of ``source.materials``, (n, …)."""
    return np.stack([one.give(source.compute) for one in source.materials])
