"""Clips of the recognition study: one annotated micro-expression each, cut out as a grey face."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.errors import DataError
from mecore.evaluation.videos import VideoItem, list_videos
from mecore.preprocessing.crop import crop_face
from mecore.preprocessing.faces import Box, landmarks, one_face

Bytes = NDArray[np.uint8]
SIDE = 128
# The detector's box ends at the chin and above the brows; regions of the face reach further.
GROWTH = 0.15


@dataclass(frozen=True)
class Clip:
    """One micro-expression with a class.

    Parameters
    ----------
    item : VideoItem
        Its video.
    sample, label : str
        Id and class.
    onset, offset : int
        First and last frame.
    apex : int or None
        Strongest frame, if annotated.
    """

    item: VideoItem
    sample: str
    label: str
    onset: int
    apex: int | None
    offset: int

    @property
    def subject(self) -> str:
        """Id of the subject."""
        return self.item.subject

    @property
    def name(self) -> str:
        """Subject, video and frames, for messages."""
        where = f"subject {self.subject}, video {self.item.video}"
        return f"{where}, frames {self.onset} to {self.offset}"


def list_clips(database: Database) -> list[Clip]:
    """List the micro-expressions of a database that belong to one of its classes.

    Raises
    ------
    DataError
        There is none.
    """
    clips = [
        Clip(item, e.sample, e.label, e.onset, e.apex, e.offset)
        for item in list_videos(database)
        for e in item.expressions
        if e.label is not None
    ]
    if not clips:
        raise DataError("no micro-expression belongs to a class", where=database.root)
    return clips


def face_clip(clip: Clip) -> tuple[Bytes, NDArray[np.float32]]:
    """Cut the face out of every frame of a clip, by the box of its first frame.

    Returns
    -------
    frames : array, (T, 128, 128), uint8
        Grey, from onset to offset.
    points : array, (68, 2), float32
        Landmarks of the first frame, in pixels of the crop.

    Raises
    ------
    DataError
        Fewer than two frames: nothing moves.
    FaceError
        No face, or several, in the first frame.
    """
    if clip.offset <= clip.onset:
        raise DataError(
            "a clip of one frame holds no motion", where=clip.name,
            todo="correct onset or offset in the manifest, or exclude the video",
        )  # fmt: skip
    source = clip.item.frames()
    first = source.read(clip.onset)
    found = one_face(first, "largest", where=clip.name)
    box = grown(found, GROWTH)
    frames = islice(source, clip.onset, clip.offset + 1)
    crops = np.stack([crop_face(frame, box, SIDE) for frame in frames])
    scale = SIDE / np.array([box.width, box.height], np.float32)
    points = (landmarks(first, found) - np.array([box.left, box.top], np.float32)) * scale
    return crops, points.astype(np.float32)


def grown(box: Box, share: float) -> Box:
    """Enlarge a box on every side by a share of its size."""
    dx, dy = round(share * box.width), round(share * box.height)
    return Box(box.left - dx, box.top - dy, box.right + dx, box.bottom + dy)


def apex_frame(clip: Clip, frames: Bytes) -> int:
    """Apex counted from the onset; where none is annotated, the frame least like the onset."""
    if clip.apex is not None:
        return clip.apex - clip.onset
    difference = np.abs(frames[1:].astype(np.float32) - frames[0]).mean(axis=(1, 2))
    return 1 + int(difference.argmax())
