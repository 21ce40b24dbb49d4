"""From the frames of a video to patches of the regions of a face, one set for each expression.

Landmarks of the first frame of an expression place the boxes, which are kept for all of it, so that
a movement shows inside them (section 3.1 of the paper).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecore.data.frames import Footage, clip_frames
from mecore.preprocessing import regions
from mecore.preprocessing.apex import Span
from mecore.preprocessing.faces import landmarks, one_face

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def region_names(options: Any) -> tuple[str, ...]:
    """Names of the regions that the options cut out."""
    return regions.SIX if options.regions == "six" else (regions.FACE,)


def video_patches(footage: Footage, spans: Sequence[Span], options: Any) -> list[Arrays]:
    """Cut the patches of some expressions of a video, which is read once.

    Spans are onset, apex (which is not looked at) and offset of each expression, options those of
    the group ``regions`` of `mecore.models.roi.options.RoiOptions`.

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
        where, shape = f"{footage.path}, frame {spans[number][0]}", frames[0].shape[:2]
        points = landmarks(frames[0], one_face(frames[0], options.faces, where=where))
        boxes = regions.region_boxes(
            points,
            shape,
            options.layout,
            region_names(options),
            enlarge=options.enlarge,
            where=where,
        )
        cuts = [(box, regions.patch_size(box.name, options.patch_scale)) for box in boxes]
        rows = [
            np.concatenate([regions.cut_patch(frame, *cut).reshape(-1, 3) for cut in cuts])
            for frame in frames
        ]
        masks = [regions.patch_mask(box, shape, size).ravel() for box, size in cuts]
        found[number] = np.stack(rows), np.concatenate(masks)
    return [found[number] for number in range(len(spans))]
