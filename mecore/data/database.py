"""A database on disk: its manifest, its samples and videos tables, and the frames of each video."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pandas as pd

from mecore.data.annotations import refuse
from mecore.data.files import digest
from mecore.data.frames import FrameSource, open_frames
from mecore.data.manifest import Manifest, load_manifest
from mecore.data.scan import scan_database
from mecore.errors import DataError


@dataclass(frozen=True)
class Database:
    """One database, opened.

    Parameters
    ----------
    samples, videos : DataFrame
        One row per expression (`mecore.data.annotations.COLUMNS`), and per video, also of those
        without any expression (`mecore.data.scan.VIDEO_COLUMNS`).
    corrections : DataFrame
        Corrections of the manifest, and whether each found what it corrects.
    """

    manifest: Manifest
    root: Path
    samples: pd.DataFrame
    videos: pd.DataFrame
    corrections: pd.DataFrame

    def frames(self, subject: str, video: str) -> FrameSource:
        """Return the frames of one video."""
        layout = self.manifest.layout
        path = self.root / self.video_row(subject, video).path
        return open_frames(path, self.manifest.fps, layout.image, layout.first_frame)

    def video_row(self, subject: str, video: str) -> pd.Series:
        """Return the row of the videos table of one video."""
        rows = self.videos.query("subject == @subject and video == @video")
        if rows.empty:
            raise DataError(f"no video {video!r} of subject {subject!r}", where=self.root)
        return rows.iloc[0]

    def classes(self, samples: pd.DataFrame) -> pd.Series:
        """Return the class of each sample, ``<NA>`` where its emotion is in none."""
        return samples["emotion"].map(self.manifest.class_of).astype("string")

    def select(self, subjects: list[str]) -> Self:
        """Return the part of the database that belongs to some subjects."""
        unknown = sorted(set(subjects) - set(self.videos.subject))
        if unknown:
            raise DataError(f"no subject {', '.join(unknown)}", where=self.root)
        tables = (t[t.subject.isin(subjects)] for t in (self.samples, self.videos))
        samples, videos = (t.reset_index(drop=True) for t in tables)
        return replace(self, samples=samples, videos=videos)

    @property
    def fingerprint(self) -> str:
        """Digest of all that a result can depend on: facts, annotations, videos and their sizes."""
        paths = [self.root / path for path in self.videos.path]
        files = [sorted(path.iterdir()) if path.is_dir() else [path] for path in paths]
        sizes = [sum(file.stat().st_size for file in own) for own in files]
        tables = [self.samples.to_csv(), self.videos.to_csv()]
        return digest([self.manifest.fingerprint, *tables, sizes])


def open_database(manifest: Manifest | str | Path, root: Path) -> Database:
    """Open the user's copy of a database, as it was delivered.

    Parameters
    ----------
    manifest : Manifest, str or Path
        The manifest, its id, or a YAML file.

    Raises
    ------
    ManifestError
        See `mecore.data.manifest.load_manifest`.
    DataError
        Missing root, no video where the manifest says they lie, an annotated video that is not
        there, an expression outside its video, a row that is refused.
    """
    if not isinstance(manifest, Manifest):
        manifest = load_manifest(manifest)
    scan = scan_database(manifest, root)
    refuse(scan.problems, manifest.id)
    return Database(scan.manifest, root, scan.samples, scan.videos, scan.reading.corrections)
