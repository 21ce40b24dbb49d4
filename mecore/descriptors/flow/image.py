"""Onset-apex flow as one small image, the input of STSTNet and its successors."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.strain import optical_strain

Floats = NDArray[np.float32]


def flow_image(flow: Floats, side: int = 28) -> Floats:
    """Shrink flow and strain, and scale each to the range that it has.

    Of a flow (H, W, 2), float32, u (right) and v (down) in pixels, an image (side, side, 3),
    float32: u, v and optical strain, each in [0, 1] over the image; 0 where it is the same
    everywhere. The scaling is that of the images made public with STSTNet (Liong et al. 2019).
    """
    channels = np.dstack([flow, optical_strain(flow)])
    small = cv2.resize(channels, (side, side), interpolation=cv2.INTER_AREA)
    low, high = small.min(axis=(0, 1)), small.max(axis=(0, 1))
    return ((small - low) / np.where(high > low, high - low, 1)).astype(np.float32)
