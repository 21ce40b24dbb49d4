"""From the frames of a video to the inputs of MEAN: crops, landmarks, flow, three regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.data.frames import FrameSource
from mecore.descriptors.flow.engines import optical_flow
from mecore.descriptors.mean_input import mask_eyes, mean_input, mean_regions, subtract_nose
from mecore.models.mean.options import MeanOptions
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import Box, landmarks, one_face

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
CROP = 128


def face_crops(source: FrameSource, options: MeanOptions) -> tuple[Bytes, Floats]:
    """Cut the face of the first frame's box out of every frame.

    Returns
    -------
    crops : array, (n, 128, 128), uint8
        Grey.
    points : array, (68, 2), float32
        Landmarks of the first frame, on the crop.
    """
    first = source.read(0)
    box = one_face(first, options.faces, where=f"{source.path}, frame 0")
    crops = [crop_face(frame, box, CROP, options.jpeg_quality) for frame in source]
    return np.stack(crops), crop_landmarks(first, box, options)


def crop_landmarks(frame: Bytes, box: Box, options: MeanOptions) -> Floats:
    """Predict 68 landmarks, on the frame or on the crop, in pixels of the crop."""
    if options.landmarks_from == "crop":
        crop = crop_face(frame, box, CROP, options.jpeg_quality)
        return landmarks(crop, Box(0, 0, CROP, CROP))
    scale = CROP / np.array([box.width, box.height], np.float32)
    corner = np.array([box.left, box.top], np.float32)
    return ((landmarks(frame, box) - corner) * scale).astype(np.float32)


def flow_inputs(flow: Floats, points: Floats, options: MeanOptions) -> Floats:
    """Return network inputs (n, 42, 42, 3) of flow (n, 128, 128, 2), as the options have it."""
    if options.nose_reference:
        flow = subtract_nose(flow, points)
    if options.eye_mask:
        flow = mask_eyes(flow, points)
    return mean_input(
        flow, mean_regions(points, eyes=options.eyes), normalise=options.normalise,
        differences=options.differences, absolute=options.absolute_flow,
    )  # fmt: skip


def find_apex(expression: Any, crops: Bytes, points: Floats, options: MeanOptions) -> int:
    """The annotated apex, or the frame that differs most from the onset (section 4.3)."""
    if expression.apex is not None:
        return expression.apex
    onset, offset = expression.onset, expression.offset
    if options.missing_apex == "difference":
        later = crops[onset + 1 : offset + 1].astype(np.float32)
        difference = np.abs(later - crops[onset]).mean(axis=(1, 2))
        return onset + 1 + int(difference.argmax()) if len(later) else onset
    sums = [
        flow_inputs(
            optical_flow(crops[onset], crops[j], engine=options.engine)[None], points, options
        ).sum()
        for j in range(onset, max(offset, onset + 1))
    ]
    return onset + int(np.argmax(sums))
