"""Clips of ROI CNN-LSTM: one micro-expression each, with its patches computed once and cached.

Frames of a clip → landmarks of the first → six boxes → patches. The boxes are kept for the whole
clip, so that a movement shows inside them (section 3.1 of the paper). The cache holds pictures of
parts of faces: it lies in the user's cache folder, and nothing else keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Protocol

import joblib
import numpy as np
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.data.files import source_digest
from mecore.data.places import cache_home
from mecore.errors import DataError
from mecore.evaluation.videos import VideoItem, list_videos, prepare
from mecore.models.roi.options import RoiOptions
from mecore.preprocessing.faces import landmarks, one_face
from mecore.preprocessing.regions import (
    FACE,
    SIX,
    Patches,
    RegionBox,
    cut_patch,
    patch_mask,
    patch_size,
    region_boxes,
)

Bytes = NDArray[np.uint8]


class Clip(Protocol):
    """What a fold needs to know of a clip."""

    @property
    def database(self) -> str:
        """Id of its database."""
        ...

    @property
    def subject(self) -> str:
        """Whom it shows; unique over all databases."""
        ...

    @property
    def video(self) -> str:
        """Its video."""
        ...

    @property
    def sample(self) -> str:
        """Its expression within the video."""
        ...

    @property
    def label(self) -> str:
        """Its class."""
        ...

    @property
    def units(self) -> tuple[int, ...]:
        """Its action units, as far as they are annotated."""
        ...

    def patches(self, options: RoiOptions) -> Patches:
        """Its patches."""
        ...


@dataclass(frozen=True)
class RoiClip:
    """One annotated micro-expression of a database; see `Clip`.

    Parameters
    ----------
    database, subject, video, sample, label, units
        See `Clip`.
    item : VideoItem
        Its video.
    first, last : int
        Its frames, from 0, both inclusive.
    apex : int
        The annotated apex, or the middle.
    """

    database: str
    subject: str
    video: str
    sample: str
    label: str
    units: tuple[int, ...]
    item: VideoItem
    first: int
    last: int
    apex: int

    @property
    def name(self) -> str:
        """Subject and video, for messages."""
        return self.item.name

    def patches(self, options: RoiOptions) -> Patches:
        """Return the patches, from the cache where they are there.

        Raises
        ------
        FaceError
            No face, or several, in the first frame.
        DataError
            A region outside the picture, or a frame that cannot be read.
        """
        # numpy arrays in the cache are opened as memory maps: a database need not fit into memory.
        memory = joblib.Memory(cache_home() / "features", mmap_mode="r", verbose=0)
        chosen = tuple(sorted(options.group("regions").items()))
        code = source_digest("data", "preprocessing")
        compute = memory.cache(_compute, ignore=["options"])
        return Patches(*compute(self.item, self.first, self.last, chosen, code, options))

    def boxes(self, options: RoiOptions) -> tuple[Bytes, NDArray[np.float32], list[RegionBox]]:
        """Return the first frame, its landmarks and the regions on it."""
        frame = next(islice(self.item.frames(), self.first, None))
        return _place(frame, options, f"{self.item.path}, frame {self.first}")


def region_names(options: RoiOptions) -> tuple[str, ...]:
    """Names of the regions that a reading of the paper cuts out."""
    return SIX if options.regions == "six" else (FACE,)


def list_clips(databases: Sequence[Database], options: RoiOptions) -> list[RoiClip]:
    """List the micro-expressions of the classes, of one database or of a composite.

    In a composite, ids of subjects carry that of their database.

    Raises
    ------
    DataError
        Databases with different classes, or no clip at all.
    """
    classes = [list(d.manifest.classes) for d in databases]
    for database, names in zip(databases, classes, strict=True):
        if names != classes[0]:
            raise DataError(
                f"a composite needs the same classes: {names} here, {classes[0]} in "
                f"{databases[0].manifest.id}", where=database.manifest.id,
                todo="map the emotions of this manifest to those classes",
            )  # fmt: skip
    clips = [c for d in databases for c in _clips(d, options, prefix=len(databases) > 1)]
    if not clips:
        where = ", ".join(str(d.root) for d in databases)
        raise DataError(f"no micro-expression of the classes {classes[0]}", where=where)
    return clips


def _clips(database: Database, options: RoiOptions, prefix: bool) -> Iterable[RoiClip]:
    samples = database.samples
    keys = zip(samples.subject, samples.video, samples["sample"].astype(str), strict=True)
    units = dict(zip(keys, samples.action_units, strict=True))
    name = database.manifest.id
    for item in list_videos(database, without_class=False):
        for e in item.expressions:
            if e.label is not None:
                whole = options.span == "clip"
                first, last = (0, item.n_frames - 1) if whole else (e.onset, e.offset)
                apex = e.apex if e.apex is not None else (e.onset + e.offset) // 2
                own = parse_units(units[item.subject, item.video, e.sample])
                subject = f"{name}.{item.subject}" if prefix else item.subject
                yield RoiClip(name, subject, item.video, e.sample, e.label, own, item, first, last,
                              apex)  # fmt: skip


def parse_units(text: str) -> tuple[int, ...]:
    """Read action units as databases write them.

    Examples
    --------
    >>> parse_units("L12+R14B, AU4")
    (12, 14, 4)
    """
    return tuple(int(n) for n in re.findall(r"\d+", text))


def _place(
    frame: Bytes, options: RoiOptions, where: str
) -> tuple[Bytes, NDArray[np.float32], list[RegionBox]]:
    points = landmarks(frame, one_face(frame, options.faces, where=where))
    boxes = region_boxes(
        points, (frame.shape[0], frame.shape[1]), options.layout, region_names(options),
        enlarge=options.enlarge, where=where,
    )  # fmt: skip
    return frame, points, boxes


def _compute(
    item: VideoItem, first: int, last: int, chosen: Any, code: str, options: RoiOptions
) -> tuple[Bytes, Bytes]:
    regions: list[RegionBox] = []
    rows = []
    for frame in islice(item.frames(), first, last + 1):
        if not regions:
            _, _, regions = _place(frame, options, f"{item.path}, frame {first}")
            masks = [patch_mask(r, frame.shape[:2], _size(r, options)) for r in regions]
        parts = [cut_patch(frame, r, _size(r, options)).reshape(-1, 3) for r in regions]
        rows.append(np.concatenate(parts))
    return np.stack(rows), np.concatenate([m.ravel() for m in masks])


def _size(region: RegionBox, options: RoiOptions) -> tuple[int, int]:
    return patch_size(region.name, options.patch_scale)


def prepare_patches(
    clips: Sequence[RoiClip], options: RoiOptions, executor: Executor, *, progress: bool = True
) -> None:
    """Compute the patches of many clips; what is in the cache is not computed again.

    Raises
    ------
    DataError
        Some clips cannot be used: all of them are named, and the others are kept.
    """
    prepare(partial(_prepare, options=options), clips, executor, what="clips", progress=progress)


def _prepare(clip: RoiClip, options: RoiOptions) -> None:
    clip.patches(options)
    if options.labels_from == "action_units" and not clip.units:
        raise DataError(
            "no action units are annotated", where=clip.item.path,
            todo="take the regions from the emotion: labels_from='emotion'",
        )  # fmt: skip
