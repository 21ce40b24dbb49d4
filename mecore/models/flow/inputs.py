"""From the frames of a video to the flow image of each of its expressions."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mecore.data.frames import Footage, clip_frames
from mecore.descriptors.flow.engines import optical_flow
from mecore.descriptors.flow.image import flow_image
from mecore.preprocessing.apex import Span, difference, find_apex
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import one_face

Floats = NDArray[np.float32]
CROP = 128


def onset_apex_images(footage: Footage, spans: Sequence[Span], options: Any) -> Floats:
    """Flow images of a whole video, which is decoded once.

    Parameters
    ----------
    footage : Footage
        Its frames; the face of the first one is cut out of all.
    spans : sequence of (onset, apex, offset)
        Its expressions.
    options : object
        The group ``features`` of `mecore.models.flow.options.FlowOptions`.

    Returns
    -------
    array, (n_spans, 28, 28, 3), float32
        See `mecore.descriptors.flow.image.flow_image`.

    Raises
    ------
    FaceError
        No face, or several, in the first frame.
    DataError
        A frame cannot be read.
    """
    images: dict[int, Floats] = {}
    for number, frames in clip_frames(_faces(footage, options.faces), spans):
        onset, faces = spans[number][0], np.stack(frames)
        apex = find_apex(spans[number], options.missing_apex, difference(faces, onset, onset))
        images[number] = flow_image(optical_flow(faces[0], faces[apex - onset]))
    return np.stack([images[number] for number in range(len(spans))])


def _faces(footage: Footage, rule: Literal["only", "largest"]) -> Iterator[NDArray[np.uint8]]:
    """Faces (128, 128), grey, of all frames, in the box of the first."""
    for index, frame in enumerate(footage.frames()):
        if not index:
            box = one_face(frame, rule, where=f"{footage.path}, frame 0")
        yield crop_face(frame, box, CROP)
