"""Databases that deliver ready features in place of frames: one flow image a sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.files import digest, file_sha256
from mecore.data.manifest import Manifest
from mecore.data.places import cache_home, external_folder
from mecore.data.sheets import read_sheet
from mecore.errors import DataError, nearest

Floats = NDArray[np.float32]
COLUMNS = ["database", "subject", "sample", "label"]


@dataclass(frozen=True)
class FlowImages:
    """Onset-apex flow images of a database.

    Parameters
    ----------
    manifest : Manifest
        Facts of the edition.
    samples : DataFrame
        One row per sample: database, subject (unique over all databases), sample, label (class).
    images : array, (N, 28, 28, 3), float32
        u, v and optical strain, each scaled to [0, 1] over its image, in the order of the rows.
    """

    manifest: Manifest
    samples: pd.DataFrame
    images: Floats

    @property
    def fingerprint(self) -> str:
        """Digest of everything a result can depend on."""
        pixels = digest(self.images.tobytes().hex())
        return digest([self.manifest.fingerprint, self.samples.to_csv(), pixels])

    def select(self, n_subjects: int) -> FlowImages:
        """Return the samples of some subjects, taken evenly from the sorted list."""
        subjects = sorted(self.samples.subject.unique())
        places = np.linspace(0, len(subjects) - 1, min(n_subjects, len(subjects))).astype(int)
        mask = self.samples.subject.isin([subjects[i] for i in places]).to_numpy()
        samples = self.samples[mask].reset_index(drop=True)
        return FlowImages(self.manifest, samples, self.images[mask])


def features_root(manifest: Manifest) -> Path | None:
    """Folder of a database of features among the external files, if it is there."""
    places = [external_folder(), cache_home() / "external"]
    folders = [p / manifest.id.replace("-", "_") for p in places if p is not None]
    return next((f for f in folders if (f / manifest.annotations.file).is_file()), None)


def read_features(manifest: Manifest, root: Path) -> FlowImages:
    """Read the samples and flow images that a manifest of kind ``features`` describes.

    Raises
    ------
    DataError
        Missing sheet, column or image; an unknown emotion; an image that is damaged (sha256) or
        is none of 28×28 with three channels.
    """
    sheet, path = manifest.annotations, root / manifest.annotations.file
    header, *rows = read_sheet(path, sheet.sheet)
    for column in sheet.columns.values():
        if column not in header:
            raise DataError(f"no column {column!r}; {nearest(str(column), header)}", where=path)
    places = {field: header.index(str(c)) for field, c in sheet.columns.items()}
    records, images = [], []
    for number, row in enumerate(rows, 2):
        record = {field: row[place] for field, place in places.items()}
        images.append(_read_image(manifest, root, record))
        records.append(_sample(manifest, record, f"{path}, row {number}"))
    if not records:
        raise DataError("holds no sample", where=path)
    table = pd.DataFrame(records, columns=COLUMNS)
    order = table.sort_values(["subject", "sample"]).index
    stacked = np.stack(images)[order].astype(np.float32) / 255
    return FlowImages(manifest, table.loc[order].reset_index(drop=True), stacked)


def _sample(manifest: Manifest, record: dict[str, Any], where: str) -> dict[str, str]:
    known = manifest.class_of
    if record["emotion"] not in known:
        raise DataError(
            f"unknown emotion {record['emotion']!r}; {nearest(record['emotion'], known)}",
            where=where,
        )
    database = record.get("database", manifest.id)
    # Ids of different databases collide: SAMM and CAS(ME)² both number their subjects.
    subject = f"{database}-{record['subject']}" if "database" in record else record["subject"]
    label = known[record["emotion"]]
    return {"database": database, "subject": subject, "sample": record["video"], "label": label}


def _read_image(manifest: Manifest, root: Path, record: dict[str, Any]) -> NDArray[np.uint8]:
    path = root / manifest.layout.video.format(**record)
    if not path.is_file():
        raise DataError(
            f"flow image of sample {record['video']!r} not found", where=path,
            todo="complete the copy",
        )  # fmt: skip
    if record.get("sha256") and file_sha256(path) != record["sha256"]:
        raise DataError("damaged: its sha256 is not that of the sheet", where=path)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None or image.shape != (28, 28, 3):
        found = "no image" if image is None else f"an image of shape {image.shape}"
        raise DataError(
            f"expected an image of 28×28 with three channels, found {found}", where=path
        )
    return image[..., ::-1]
