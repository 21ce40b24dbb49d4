"""From the frames of a video to patches of the regions of a face, one set for each expression.

Landmarks of the first frame of an expression place the boxes, which are kept for all of it, so that
a movement shows inside them (section 3.1 of the paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.data.frames import Footage, clip_frames
from mecore.preprocessing.apex import Span
from mecore.preprocessing.faces import landmarks, one_face
from mecore.preprocessing.regions import (
    FACE,
    SIX,
    RegionBox,
    cut_patch,
    patch_mask,
    patch_size,
    region_boxes,
)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def region_names(options: Any) -> tuple[str, ...]:
    """Names of the regions that the options cut out."""
    return SIX if options.regions == "six" else (FACE,)


def video_patches(
    footage: Footage, spans: Sequence[Span], options: Any
) -> list[tuple[Bytes, Bytes]]:
    """Cut the patches of some expressions of a video, which is read once.

    Parameters
    ----------
    footage : Footage
        Its frames.
    spans : sequence of (onset, apex, offset)
        The expressions; apexes are not looked at.
    options : object
        The group ``regions`` of `mecore.models.roi.options.RoiOptions`.

    Returns
    -------
    list of (array (T, P, 3), array (P,)), uint8
        Of each expression what `mecore.preprocessing.regions.Patches` holds.

    Raises
    ------
    FaceError
        No face, or several, in the first frame of an expression.
    DataError
        A region outside the picture, or a frame that cannot be read.
    """
    found = {}
    for number, frames in clip_frames(footage.frames(), spans):
        where = f"{footage.path}, frame {spans[number][0]}"
        _, boxes = place_regions(frames[0], options, where)
        sizes = [patch_size(box.name, options.patch_scale) for box in boxes]
        both = list(zip(boxes, sizes, strict=True))
        rows = [
            np.concatenate([cut_patch(frame, b, s).reshape(-1, 3) for b, s in both])
            for frame in frames
        ]
        masks = [patch_mask(b, frames[0].shape[:2], s).ravel() for b, s in both]
        found[number] = np.stack(rows), np.concatenate(masks)
    return [found[number] for number in range(len(spans))]


def place_regions(frame: Bytes, options: Any, where: str) -> tuple[Floats, list[RegionBox]]:
    """Landmarks (68, 2) of the one face in a frame (H, W, 3), and the regions that they place."""
    points = landmarks(frame, one_face(frame, options.faces, where=where))
    boxes = region_boxes(
        points, (frame.shape[0], frame.shape[1]), options.layout, region_names(options),
        enlarge=options.enlarge, where=where,
    )  # fmt: skip
    return points, boxes
