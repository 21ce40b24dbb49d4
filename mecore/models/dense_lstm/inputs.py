"""From the frames of a video to the votes of its frames, and to vectors of its windows.

A video is decoded, registered and described in one pass. Kept are the histograms of single frames:
windows of any length L follow by sums, so that all folds share them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecore.data.frames import Footage
from mecore.descriptors.top.histograms import frame_histograms
from mecore.descriptors.top.options import TopOptions
from mecore.descriptors.top.windows import Floats, sum_windows
from mecore.errors import DataError
from mecore.models.dense_lstm.options import DESCRIPTORS
from mecore.preprocessing.apex import Span, difference, find_apex
from mecore.preprocessing.registration import Registered, register_clip
from mecore.spotting.learning_free import METHODS, frame_scores


class Inputs(NamedTuple):
    """What is kept of a video; no face is.

    Parameters
    ----------
    votes : dict of str to array, (T - 2 m, rows, columns, planes, bins)
        Histograms of each frame by descriptor; uint16 counts, or float32 for HOG.
    scores : dict of str to array, (T,)
        Frame scores of the learning-free spotters; NaN where the video is too short for one.
    states : dict of str to int
        Frames in which the face was found, tracked, found again, lost.
    apexes : tuple of int
        The apex of each expression.
    """

    votes: Mapping[str, NDArray[Any]]
    scores: Mapping[str, NDArray[np.float64]]
    states: Mapping[str, int]
    apexes: tuple[int, ...] = ()


def video_inputs(footage: Footage, spans: Sequence[Span], options: Any) -> Inputs:
    """Inputs of a whole video.

    Parameters
    ----------
    footage : Footage
        Its frames.
    spans : sequence of (onset, apex, offset)
        Its expressions.
    options : object
        The groups ``features`` and ``apex`` of `mecore.models.dense_lstm.options.DenseOptions`.

    Raises
    ------
    FaceError
        No frame shows a face.
    DataError
        The video is shorter than the descriptors need, or a frame cannot be read.
    """
    needed = 2 * options.radius + 1
    if footage.n_frames < needed:
        raise DataError(
            f"{footage.n_frames} frames; descriptors with radius {options.radius} need {needed}",
            where=footage.path, todo="exclude this video in the manifest",
        )  # fmt: skip
    seen = registered(footage.frames(), options, where=footage.path)
    apexes = (find_apex(s, options.missing_apex, difference(seen.clip, s[0])) for s in spans)
    return describe_faces(seen, footage.fps, options)._replace(apexes=tuple(apexes))


def registered(frames: Any, options: Any, where: object = None) -> Registered:
    """Register frames, see `mecore.preprocessing.registration.register_clip`."""
    return register_clip(
        frames, options.size, geometry=options.geometry, follow=options.follow, where=where
    )


def describe_faces(seen: Registered, fps: float, options: Any) -> Inputs:
    """Votes and learning-free scores of a registered video."""
    votes = {}
    for kind in DESCRIPTORS:
        counted = frame_histograms(seen.clip, descriptor_options(kind, options))
        votes[kind] = counted.astype(np.float32 if kind == "hog" else np.uint16)
    return Inputs(votes, {name: _scores(seen, name, fps) for name in METHODS}, seen.states)


def _scores(seen: Registered, name: str, fps: float) -> NDArray[np.float64]:
    try:
        return frame_scores(seen.clip, name, fps, broken=seen.broken)
    except DataError:  # too short for this one: it finds nothing
        return np.full(len(seen.clip), np.nan)


def descriptor_options(kind: str, options: Any) -> TopOptions:
    """The descriptor of an interpretation of the paper."""
    return TopOptions(
        kind=kind, rows=options.blocks, columns=options.blocks, bins=options.bins,  # type: ignore[arg-type]
        radii=(options.radius, options.radius, options.radius),
    )  # fmt: skip


def window_vectors(inputs: Inputs, kind: str, options: Any, length: int) -> Floats:
    """Vectors of all windows of L frames of a video, (T - L + 1, D); ValueError as `sum_windows`.

    With ``options.centre`` of ``"video"``, their mean is taken off.
    """
    rows = sum_windows(inputs.votes[kind], descriptor_options(kind, options), length)
    return rows - rows.mean(axis=0) if options.centre == "video" else rows
