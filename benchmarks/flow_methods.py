"""The methods that optical flow is measured against, and how each is called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from skimage.registration import optical_flow_tvl1

from mecore.descriptors.flow.engines import optical_flow

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
REFERENCES = ["OpenCV DualTVL1", "scikit-image TV-L1"]


def _scikit_image(reference: Image, moved: Image) -> Floats:
    fractions = (frame.astype(np.float32) / 255 for frame in (reference, moved))
    return np.stack(optical_flow_tvl1(*fractions)[::-1], axis=-1)


def _farneback(reference: Image, moved: Image) -> Floats:
    return cv2.calcOpticalFlowFarneback(reference, moved, None, 0.5, 3, 15, 3, 5, 1.2, 0)


def _rlof(reference: Image, moved: Image) -> Floats:
    coloured = (cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) for frame in (reference, moved))
    return cv2.optflow.calcOpticalFlowDenseRLOF(*coloured, None)


# `dual` gives the flow of DualTVL1 to the last bit: it is timed, and its errors are not repeated.
ENGINES = {"fast": "fast", "dual": "dual", "OpenCV DualTVL1": "opencv", "DIS": "dis"}
if tf.config.list_physical_devices("GPU"):
    ENGINES["graph (GPU)"] = "graph"
METHODS: dict[str, Callable[[Image, Image], Floats]] = {
    **{name: partial(optical_flow, engine=engine) for name, engine in ENGINES.items()},
    "scikit-image TV-L1": _scikit_image,
    "Farnebäck": _farneback,
    "DenseRLOF": _rlof,
}
