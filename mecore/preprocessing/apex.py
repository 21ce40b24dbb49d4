"""The apex of an expression where none is annotated: one rule for all studies, by name."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Onset, apex (None where none is annotated), offset; frames from 0, both ends inside.
Span = tuple[int, int | None, int]
ApexRule = Literal["difference", "middle"]


def find_apex(span: Span, rule: str, strength: Callable[[int], float]) -> int:
    """Frame of the apex: annotated, or by a rule.

    Parameters
    ----------
    span : (onset, apex, offset)
        The apex is None where none is annotated (SMIC).
    rule : str
        ``"middle"``: half-way between onset and offset. Any other: the frame after the onset that
        has the highest strength, of equal ones the first.
    strength : callable
        How far a frame is from the onset, see `difference`.
    """
    onset, apex, offset = span
    if apex is not None:
        return apex
    if rule == "middle":
        return (onset + offset) // 2
    return max(range(onset + 1, offset + 1), key=strength, default=onset)


def difference(faces: NDArray[np.uint8], onset: int, first: int = 0) -> Callable[[int], float]:
    """Strength of a frame: its mean absolute difference from the onset, in grey levels.

    Faces are grey, (T, H, W) of uint8; ``onset`` and ``first`` are frames of the video, the latter
    that which ``faces[0]`` is.
    """
    reference = faces[onset - first].astype(np.float32)
    return lambda index: float(np.abs(faces[index - first] - reference).mean())
