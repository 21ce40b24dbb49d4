"""A database on disk: its manifest, its samples and videos tables, and the frames of each video."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mecore.data.annotations import read_samples
from mecore.data.files import digest
from mecore.data.frames import FrameSource, open_frames
from mecore.data.manifest import Manifest, load_manifest
from mecore.errors import DataError

VIDEO_COLUMNS = ["database", "subject", "video", "path", "n_frames", "fps", "width", "height"]


@dataclass(frozen=True)
class Database:
    """One database, opened.

    Parameters
    ----------
    manifest : Manifest
        Facts of the edition.
    root : Path
        Folder of the database.
    samples : DataFrame
        One row per expression (`mecore.data.annotations.COLUMNS`).
    videos : DataFrame
        One row per video, also of those without any expression (`VIDEO_COLUMNS`).
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
        return _open_video(self.manifest, self.root / self.video_row(subject, video).path)

    def video_row(self, subject: str, video: str) -> pd.Series:
        """Return the row of the videos table of one video."""
        rows = self.videos.query("subject == @subject and video == @video")
        if rows.empty:
            raise DataError(f"no video {video!r} of subject {subject!r}", where=self.root)
        return rows.iloc[0]

    def classes(self, samples: pd.DataFrame) -> pd.Series:
        """Return the class of each sample, ``<NA>`` where its emotion is in none."""
        return samples["emotion"].map(self.manifest.class_of).astype("string")

    def select(self, subjects: list[str]) -> Database:
        """Return the part of the database that belongs to some subjects."""
        unknown = sorted(set(subjects) - set(self.videos.subject))
        if unknown:
            raise DataError(f"no subject {', '.join(unknown)}", where=self.root)
        samples, videos = (
            t[t.subject.isin(subjects)].reset_index(drop=True) for t in (self.samples, self.videos)
        )
        return replace(self, samples=samples, videos=videos)

    @property
    def fingerprint(self) -> str:
        """Digest of all that a result can depend on: facts, annotations, videos and their sizes."""
        sizes = [_size(self.root / p) for p in self.videos.path]
        return digest(
            [self.manifest.fingerprint, self.samples.to_csv(), self.videos.to_csv(), sizes]
        )


def _size(path: Path) -> int:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return sum(p.stat().st_size for p in files)


def open_database(manifest: Manifest | str | Path, root: Path) -> Database:
    """Open the user's copy of a database.

    Parameters
    ----------
    manifest : Manifest, str or Path
        The manifest, its id, or a YAML file.
    root : Path
        Folder of the database as it was delivered.

    Raises
    ------
    ManifestError
        See `mecore.data.manifest.load_manifest`.
    DataError
        Missing root, no video where the manifest says they lie, an annotated video that is not
        there, an expression outside its video; and all of `read_samples`.
    """
    if not isinstance(manifest, Manifest):
        manifest = load_manifest(manifest)
    if manifest.layout.kind == "features":
        raise DataError(
            f"{manifest.name} holds ready features, no frames; this needs frames", where=root,
            todo=f"mecore chapter honest_evaluation --dataset {manifest.id}",
        )  # fmt: skip
    if not root.is_dir():
        raise DataError(
            f"data root of {manifest.name} not found", where=root,
            todo=f"pass the folder that holds {manifest.annotations.file}",
        )  # fmt: skip
    samples, corrections = read_samples(manifest, root)
    excluded = {(e.subject, e.video) for e in manifest.exclude}
    videos = _find_videos(manifest, root, excluded)
    keep = [(s, v) not in excluded for s, v in zip(samples.subject, samples.video, strict=True)]
    samples = samples[keep].reset_index(drop=True)
    _check_samples(samples, videos, root / manifest.annotations.file)
    return Database(manifest, root, samples, videos, corrections)


def _find_videos(manifest: Manifest, root: Path, excluded: set[tuple[str, str]]) -> pd.DataFrame:
    """Videos as they lie on disk, sorted by subject and name."""
    layout = manifest.layout
    pattern = _path_pattern(layout.video)
    rows = []
    for path in sorted(root.glob(re.sub(r"\{\w+\}", "*", layout.video))):
        relative = path.relative_to(root).as_posix()
        found = re.fullmatch(pattern, relative)
        if found and (found["subject"], found["video"]) not in excluded:
            source = _open_video(manifest, path)
            height, width = source.read(0).shape[:2]
            rows.append([manifest.id, found["subject"], found["video"], relative, len(source),
                         manifest.fps, width, height])  # fmt: skip
    if not rows:
        raise DataError(
            f"no video lies at {layout.video}; the folder holds {_listing(root)}", where=root,
            todo="pass the folder that the manifest describes, one level up or down?",
        )  # fmt: skip
    return pd.DataFrame(rows, columns=VIDEO_COLUMNS)


def _path_pattern(template: str) -> str:
    """Regular expression of a path with ``{subject}`` and ``{video}``, each possibly repeated."""
    pattern = re.escape(template)
    for field in ("subject", "video"):
        first, *rest = pattern.split(rf"\{{{field}\}}")
        pattern = f"{first}(?P<{field}>[^/]+?)" + f"(?P={field})".join(rest)
    return pattern


def _open_video(manifest: Manifest, path: Path) -> FrameSource:
    layout = manifest.layout
    return open_frames(path, manifest.fps, layout.image, layout.first_frame)


def _listing(folder: Path) -> str:
    names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir())
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "") if names else "nothing"


def _check_samples(samples: pd.DataFrame, videos: pd.DataFrame, sheet: Path) -> None:
    lengths = {(v.subject, v.video): v.n_frames for v in videos.itertuples()}
    for s in samples.itertuples():
        length = lengths.get((s.subject, s.video))
        name = f"subject {s.subject}, video {s.video}, onset {s.onset} (from 0)"
        if length is None:
            raise DataError(
                f"annotates a video that is not on disk: {name}", where=sheet,
                todo="complete the copy, or exclude the video in the manifest with a reason",
            )  # fmt: skip
        if s.offset >= length:
            raise DataError(
                f"offset {s.offset} lies behind the video's {length} frames: {name}",
                where=sheet,
                todo="correct it in the manifest under `corrections`, with a reason and a source",
            )
