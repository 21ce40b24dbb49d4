"""From the frames of a video to the inputs of MEAN: crops, landmarks, flow, three regions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.data.frames import Footage
from mecore.descriptors.flow.engines import flow_pairs, optical_flow
from mecore.descriptors.mean_input import mask_eyes, mean_input, mean_regions, subtract_nose
from mecore.errors import DataError
from mecore.preprocessing.apex import Span, difference, find_apex
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import Box, landmarks, one_face
from mecore.spotting.labels import flow_distance

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
CROP = 128


class Inputs(NamedTuple):
    """Inputs of a whole video, float32, and the apexes of its expressions.

    ``spot``, (n_frames - k, 42, 42, 3), of the pairs of frames (i, i + k), and ``recog``,
    (n_spans, 42, 42, 3), of the pairs (onset, apex).
    """

    spot: Floats
    recog: Floats
    apexes: tuple[int, ...]
    k: int


def video_inputs(footage: Footage, spans: Sequence[Span], options: Any) -> Inputs:
    """Inputs of a whole video.

    Parameters
    ----------
    footage : Footage
        Its frames; the face of the first one is cut out of all.
    spans : sequence of (onset, apex, offset)
        Its expressions.
    options : object
        The group ``features`` of `mecore.models.mean.options.MeanOptions`.

    Returns
    -------
    spot : array, (n_frames - k, 42, 42, 3), float32
        Of the pairs (i, i + k).
    recog : array, (n_spans, 42, 42, 3), float32
        Of the pairs (onset, apex).
    apexes : tuple of int
        The apex of each expression.
    k : int
        Distance of a pair in frames.

    Raises
    ------
    FaceError
        No face, or several, in the first frame.
    DataError
        The video is not longer than k frames, or a frame cannot be read.
    """
    k = flow_distance(footage.fps, options.k_seconds)
    if footage.n_frames <= k:
        raise DataError(
            f"{footage.n_frames} frames, but pairs lie {k} frames apart", where=footage.path,
            todo="exclude this video in the manifest",
        )  # fmt: skip
    crops, points = face_crops(footage, options)
    apexes = tuple(_apex(span, crops, points, options) for span in spans)
    flows = [
        optical_flow(crops[onset], crops[apex], engine=options.engine)
        for (onset, _, _), apex in zip(spans, apexes, strict=True)
    ]
    recog = flow_inputs(np.array(flows, np.float32).reshape(-1, CROP, CROP, 2), points, options)
    pairs = flow_pairs(crops, k, engine=options.engine)
    spot = np.concatenate([flow_inputs(f[None], points, options) for f in pairs])
    return Inputs(spot, recog, apexes, k)


def face_crops(footage: Footage, options: Any) -> tuple[Bytes, Floats]:
    """Cut the face of the first frame's box out of every frame.

    Returns
    -------
    crops : array, (n, 128, 128), uint8
        Grey.
    points : array, (68, 2), float32
        Landmarks of the first frame, on the crop.
    """
    crops: list[Bytes] = []
    for frame in footage.frames():
        if not crops:
            box = one_face(frame, options.faces, where=f"{footage.path}, frame 0")
            points = crop_landmarks(frame, box, options)
        crops.append(crop_face(frame, box, CROP, options.jpeg_quality))
    return np.stack(crops), points


def crop_landmarks(frame: Bytes, box: Box, options: Any) -> Floats:
    """Predict 68 landmarks, on the frame or on the crop, in pixels of the crop."""
    if options.landmarks_from == "crop":
        crop = crop_face(frame, box, CROP, options.jpeg_quality)
        return landmarks(crop, Box(0, 0, CROP, CROP))
    scale = CROP / np.array([box.width, box.height], np.float32)
    corner = np.array([box.left, box.top], np.float32)
    return ((landmarks(frame, box) - corner) * scale).astype(np.float32)


def flow_inputs(flow: Floats, points: Floats, options: Any) -> Floats:
    """Return network inputs (n, 42, 42, 3) of flow (n, 128, 128, 2), as the options have it."""
    if options.nose_reference:
        flow = subtract_nose(flow, points)
    if options.eye_mask:
        flow = mask_eyes(flow, points)
    return mean_input(
        flow, mean_regions(points, eyes=options.eyes), normalise=options.normalise,
        differences=options.differences, absolute=options.absolute_flow,
    )  # fmt: skip


def _apex(span: Span, crops: Bytes, points: Floats, options: Any) -> int:
    """The annotated apex, or that of the options; ``"features"`` is the rule of the release."""
    onset, rule = span[0], options.missing_apex

    def released(index: int) -> float:
        flow = optical_flow(crops[onset], crops[index], engine=options.engine)
        return float(flow_inputs(flow[None], points, options).sum())

    return find_apex(span, rule, released if rule == "features" else difference(crops, onset))
