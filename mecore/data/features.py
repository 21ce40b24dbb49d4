"""Databases that deliver ready features in place of frames: one flow image a sample."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.composite import join_subject
from mecore.data.database import Database
from mecore.data.files import digest
from mecore.data.manifest import Manifest
from mecore.errors import DataError

Floats = NDArray[np.float32]
COLUMNS = ["database", "subject", "sample", "label"]


@dataclass(frozen=True)
class FlowImages:
    """Onset-apex flow images of one database, or of several with the same classes.

    Parameters
    ----------
    samples : DataFrame
        One row per sample: database, subject (unique over all databases), sample, label (class).
    images : array, (N, 28, 28, 3), float32
        u, v and optical strain, each scaled to [0, 1] over its image, in the order of the rows.
    """

    manifests: tuple[Manifest, ...]
    samples: pd.DataFrame
    images: Floats

    @property
    def id(self) -> str:
        """Ids of the databases, as one."""
        return "+".join(m.id for m in self.manifests)

    @property
    def name(self) -> str:
        """Names of the databases, for captions."""
        return " and ".join(m.name for m in self.manifests)

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return list(self.manifests[0].classes)

    @property
    def fingerprint(self) -> str:
        """Digest of everything a result can depend on."""
        pixels = digest(self.images.tobytes().hex())
        return digest([[m.fingerprint for m in self.manifests], self.samples.to_csv(), pixels])

    def select(self, n_subjects: int) -> Self:
        """Return the samples of some subjects, taken evenly from the sorted list."""
        subjects = sorted(self.samples.subject.unique())
        places = np.linspace(0, len(subjects) - 1, min(n_subjects, len(subjects))).astype(int)
        mask = self.samples.subject.isin([subjects[i] for i in places]).to_numpy()
        samples = self.samples[mask].reset_index(drop=True)
        return replace(self, samples=samples, images=self.images[mask])


def joined(parts: Sequence[FlowImages]) -> FlowImages:
    """Put flow images of several databases together; subjects then carry the name of their own.

    Databases with other classes are a `DataError`.
    """
    first, *others = parts
    if not others:
        return first
    samples = []
    for part in parts:
        if part.classes != first.classes:
            known = f"{part.classes} here, {first.classes} in {first.id}"
            raise DataError(f"several databases need the same classes: {known}", where=part.id,
                            todo="map the emotions of this manifest to those classes")  # fmt: skip
        subjects = [join_subject(part.id, s) for s in part.samples.subject]
        samples.append(part.samples.assign(subject=subjects))
    manifests = tuple(m for p in parts for m in p.manifests)
    images = np.concatenate([p.images for p in parts])
    return FlowImages(manifests, pd.concat(samples, ignore_index=True), images)


def read_features(database: Database) -> FlowImages:
    """Read the flow images of a database whose manifest says ``features``.

    An image that cannot be read, or is none of 28×28 with three channels, is a `DataError`.
    """
    manifest, own, videos = database.manifest, database.samples, database.videos
    label = dict(zip(zip(own.subject, own.video, strict=True), database.classes(own), strict=True))
    table = pd.DataFrame({
        "database": [_part(manifest, s) for s in videos.subject], "subject": videos.subject,
        "sample": videos.video,
        "label": [label.get(key) for key in zip(videos.subject, videos.video, strict=True)],
    })  # fmt: skip
    has_class = table.label.notna()
    paths = [database.root / p for p in videos.path[has_class]]
    if not paths:
        raise DataError("holds no sample of any class", where=database.root)
    images = np.stack([_read_image(p) for p in paths]).astype(np.float32)
    samples = table[has_class].reset_index(drop=True)
    return FlowImages((manifest,), samples, images / np.float32(255))


def _part(manifest: Manifest, subject: str) -> str:
    """The database of a composite that a subject belongs to."""
    return next((n for n, ids in manifest.parts.items() if re.fullmatch(ids, subject)), manifest.id)


def _read_image(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None or image.shape != (28, 28, 3):
        found = "no image" if image is None else f"an image of shape {image.shape}"
        what = f"expected an image of 28×28 with three channels, found {found}"
        raise DataError(what, where=path)
    return np.asarray(image[..., ::-1], np.uint8)
