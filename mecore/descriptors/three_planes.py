"""Histograms on three orthogonal planes, as the baselines of recognition take them of a clip."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.registry import descriptor
from mecore.descriptors.top.histograms import describe
from mecore.descriptors.top.options import TopOptions

Bytes = NDArray[np.uint8]


def _votes(clip: Bytes, options: TopOptions) -> NDArray[Any]:
    """Votes of every block, plane and bin, (8, 8, 3, bins)."""
    return describe(clip, options).reshape(options.shape[1:])


@descriptor("lbp_xy", "LBP-XY", scale="block", planes=(0,))
@descriptor("lbp_yot", "LBP-YOT", scale="block", planes=(2,))
@descriptor("lbp_xot", "LBP-XOT", scale="block", planes=(1,))
@descriptor("lbp_xyot", "LBP-XYOT", scale="block", planes=(1, 2))
@descriptor("lbp_top_unit", "LBP-TOP, sum 1", scale="vector")
@descriptor("lbp_top_raw", "LBP-TOP, raw counts")
@descriptor("lbp_top", "LBP-TOP", scale="block")
def lbp_top(short: Bytes) -> NDArray[np.uint32]:
    """Votes of LBP-TOP in the overlapping blocks of the SMIC baseline, (8, 8, 3, 59)."""
    options = TopOptions("lbp", overlap=0.7, radii=(3, 3, 3), norm="none")
    return _votes(short, options).astype(np.uint32)


@descriptor("hog_top", "HOG-TOP", scale="block")
def hog_top(short: Bytes) -> NDArray[np.float32]:
    """Directions of gradients, weighted by magnitude, in disjoint blocks, (8, 8, 3, 8)."""
    return _votes(short, TopOptions("hog", norm="none")).astype(np.float32)


@descriptor("higo_top", "HIGO-TOP", scale="block")
def higo_top(short: Bytes) -> NDArray[np.uint32]:
    """Directions of gradients, counted, in disjoint blocks, (8, 8, 3, 8)."""
    return _votes(short, TopOptions("higo", norm="none")).astype(np.uint32)
