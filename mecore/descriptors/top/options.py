"""What a descriptor on three orthogonal planes counts, where, and how it is normalised."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from mecore.errors import OptionError, nearest

Kind = Literal["lbp", "hog", "higo"]
Planes = Literal["TOP", "XYOT", "XOT", "YOT", "XY"]
Mapping = Literal["u2", "raw"]
Convention = Literal["block", "global"]
Norm = Literal["block", "block-l2", "plane", "vector", "none"]

# The names of Li et al. (2018); planes are numbered XY 0, XT 1, YT 2.
PLANES: dict[str, tuple[int, ...]] = {
    "TOP": (0, 1, 2), "XYOT": (1, 2), "XOT": (1,), "YOT": (2,), "XY": (0,),
}  # fmt: skip


@dataclass(frozen=True)
class TopOptions:
    """One descriptor. OptionError for a value out of range.

    Parameters
    ----------
    kind : {"lbp", "hog", "higo"}
        Local binary patterns; oriented gradients, weighted by magnitude; or counted.
    planes : {"TOP", "XYOT", "XOT", "YOT", "XY"}
        All three, both temporal ones, XT, YT, or XY. A choice changes nothing but what is kept.
    rows, columns, time_blocks : int
        Block grid. Blocks divide the interior, not the image; without ``overlap``, block i of b
        on n positions is ⌊i n / b⌋ … ⌊(i+1) n / b⌋ − 1. Time blocks never overlap.
    overlap : float, optional
        Parameter w of the overlapping blocks of the Oulu code, see `mecore.descriptors.top.grid`.
    radii, neighbours : (int, int, int), and 4 or 8
        Rx, Ry, Rt of LBP in pixels and frames, and points on each circle, nearest voxels. Rt may be
        0 on XY alone, so that no frame is lost. Gradients reach one voxel.
    mapping : {"u2", "raw"}
        Uniform patterns in ascending order and one bin for the rest (59 for 8 points), or codes.
    convention : {"block", "global"}
        Order of the neighbours on XT and YT, hence of the bins: that of Oulu's block code, or of
        its global code of 2009. XY is the same in both.
    bins, min_magnitude : int and float
        Bins of the full circle for gradients, from −π on; π falls into bin 0. Gradients below the
        magnitude do not vote, in grey levels. With 0, flat skin votes for bin 4.
    norm : {"block", "block-l2", "plane", "vector", "none"}
        Divide by the sum of each block and plane, by its Euclidean norm, by the sum of each plane,
        by that of the vector, or not at all. Empty stays 0.
    """

    kind: Kind = "lbp"
    planes: Planes = "TOP"
    rows: int = 8
    columns: int = 8
    time_blocks: int = 1
    overlap: float | None = None
    radii: tuple[int, int, int] = (1, 1, 1)
    neighbours: int = 8
    mapping: Mapping = "u2"
    convention: Convention = "block"
    bins: int = 8
    min_magnitude: float = 0.0
    norm: Norm = "block"

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            allowed, value = get_args(hints[field.name]), getattr(self, field.name)
            if allowed and all(isinstance(a, str) for a in allowed) and value not in allowed:
                raise OptionError(f"{field.name}={value!r}; {nearest(str(value), allowed)}")
        if min(self.rows, self.columns, self.time_blocks) < 1:
            raise OptionError("a block grid has at least one block along each axis")
        if self.neighbours not in (4, 8):
            raise OptionError(f"neighbours={self.neighbours}: 4 or 8 points on a circle")
        least = (1, 1, 0 if self.planes == "XY" else 1)
        if len(self.radii) != 3 or any(r < a for r, a in zip(self.radii, least, strict=True)):
            raise OptionError(f"radii={self.radii}: three whole numbers, at least {least}")
        if self.bins < 2 or self.min_magnitude < 0:
            raise OptionError("bins are at least 2, and min_magnitude is not negative")
        if self.overlap is not None and not 0 <= self.overlap < 1:
            raise OptionError(f"overlap={self.overlap}: a share in [0, 1), or none")

    @property
    def chosen(self) -> tuple[int, ...]:
        """Numbers of the planes."""
        return PLANES[self.planes]

    @property
    def margin(self) -> int:
        """Pixels that are no centre, at each side."""
        return max(self.radii[:2]) if self.kind == "lbp" else 1

    @property
    def time_margin(self) -> int:
        """Frames that are no centre, at each end."""
        return self.radii[2] if self.kind == "lbp" else 1

    @property
    def n_bins(self) -> int:
        """Bins of one block and plane."""
        return int(self.labels.max()) + 1 if self.kind == "lbp" else self.bins

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Time blocks, rows, columns, planes, bins: a vector is this array in C order."""
        return self.time_blocks, self.rows, self.columns, len(self.chosen), self.n_bins

    @property
    def length(self) -> int:
        """Length of a vector."""
        return int(np.prod(self.shape))

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """Bin of every code of LBP."""
        if self.mapping == "u2":
            return uniform_labels(self.neighbours)
        return np.arange(2**self.neighbours).astype(np.uint8)


def uniform_labels(neighbours: int = 8) -> NDArray[np.uint8]:
    """Bins of the uniform mapping u2 (Ojala, Pietikäinen, Mäenpää 2002).

    Codes with at most two changes around the circle are numbered in ascending order, all others
    share the last bin.

    Examples
    --------
    >>> int(uniform_labels(8).max()), int(uniform_labels(4).max())
    (58, 14)
    """
    codes = np.arange(2**neighbours)
    turned = codes >> 1 | (codes & 1) << (neighbours - 1)
    changes = ((codes ^ turned)[:, None] >> np.arange(neighbours) & 1).sum(axis=1)
    uniform = changes <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, uniform.sum()).astype(np.uint8)


def lbp_offsets(options: TopOptions) -> NDArray[np.int64]:
    """Offsets (dt, dy, dx) of the neighbours on each chosen plane, (planes, neighbours, 3).

    Rounded half up, as all code of the field does. The block convention takes Rx for y on YT.
    """
    rx, ry, rt = options.radii
    angle = 2 * np.pi * np.arange(options.neighbours) / options.neighbours
    cos, sin, nil = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    if options.convention == "block":
        across = [(-rt * sin, nil, rx * cos), (-rt * sin, -rx * cos, nil)]
    else:
        across = [(rt * sin, nil, rx * cos), (rt * cos, -ry * sin, nil)]
    planes = np.array([(nil, -ry * sin, rx * cos), *across])[list(options.chosen)]
    # cos(π/2) is 6e-17, not 0: without the inner rounding a half could fall on either side.
    return np.floor(np.round(planes, 9) + 0.5).astype(np.int64).transpose(0, 2, 1)
