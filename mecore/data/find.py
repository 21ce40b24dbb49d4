"""What lies where in a user's copy of a database: the annotation file, and the videos.

Names are looked for as the manifest writes them, in any case, and up to three folders deeper:
archives often nest their name. Nothing outside the root is ever opened.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import translate
from itertools import islice
from pathlib import Path

from mecore.data.frames import first_few, number_images
from mecore.data.images import ENDINGS as IMAGES
from mecore.data.schema import Edition, Layout, Manifest
from mecore.data.sheets import is_sheet
from mecore.errors import DataError

DEPTH = 3
SAMPLED = 20
"""Folders that are looked into before it is said that they hold no frames."""
VIDEOS = {".avi", ".mp4", ".mov", ".mkv", ".m4v", ".mpg", ".mpeg", ".webm", ".wmv"}
Place = tuple[str, str, str, Path]
Hit = tuple[dict[str, str], Path]


@dataclass(frozen=True)
class Problem:
    """Something in a copy that must be put right, or that should be known.

    Parameters
    ----------
    where : str
        File, sheet, row and column, or folder.
    what : str
        What is wrong, or what was done about it.
    """

    where: str
    what: str
    todo: str = ""


@contextmanager
def listed(problems: list[Problem], where: str = "") -> Iterator[None]:
    """Add a `DataError` of the block to a list of problems, and go on behind the block."""
    try:
        yield
    except DataError as error:
        problems.append(Problem(where or str(error.where), error.what, error.todo or ""))


def check_inside(paths: Iterable[Path], root: Path) -> None:
    """Raise a `DataError` where a path does not stay below the root when links are followed."""
    for path in paths:
        if not path.resolve().is_relative_to(root.resolve()):
            what = "is a link that leads out of the data root"
            raise DataError(what, where=path, todo="copy its target to this place")


def _check_link(path: Path, root: Path) -> None:
    check_inside([path] * path.is_symlink(), root)


def entries(folder: Path, root: Path, problems: list[Problem]) -> list[os.DirEntry[str]]:
    """List a folder by name; one that cannot be read, or leads out of the root, is a problem."""
    with listed(problems):
        _check_link(folder, root)
        try:
            with os.scandir(folder) as found:
                return sorted((e for e in found if e.name[0] != "."), key=lambda e: e.name)
        except OSError as error:
            what = f"folder cannot be read: {error.strerror}"
            todo = "give yourself the right to read it"
            raise DataError(what, where=folder, todo=todo) from error
    return []


def _pattern(part: str, known: Mapping[str, str] | None = None) -> re.Pattern[str]:
    """Regular expression of one part of a path; fields that are known stand for their value."""
    pieces = re.split(r"\{(\w+)\}", part)
    text, seen = translate(pieces[0])[4:-3], set[str]()
    for field, literal in zip(pieces[1::2], pieces[2::2], strict=True):
        value = re.escape(known[field]) if known and field in known else ".+?"
        text += f"(?P={field})" if field in seen else f"(?P<{field}>{value})"
        text += translate(literal)[4:-3]
        seen.add(field)
    return re.compile(f"(?s:{text})", re.IGNORECASE)


def _walk(
    folder: Path, parts: list[str], known: dict[str, str], root: Path, problems: list[Problem]
) -> Iterator[Hit]:
    """Paths below a folder that read like the parts, with the values of their fields."""
    if not parts:
        yield known, folder
        return
    pattern = _pattern(parts[0], known)
    for entry in entries(folder, root, problems):
        found = pattern.fullmatch(entry.name)
        if found and (len(parts) == 1 or entry.is_dir()):
            path, fields = Path(entry.path), found.groupdict() | known
            yield from _walk(path, parts[1:], fields, root, problems)


def levels(root: Path) -> Iterator[list[Path]]:
    """Yield the root, then its folders, then theirs: one list for each depth."""
    yield (level := [root])
    for _ in range(DEPTH):
        below = (e for folder in level for e in entries(folder, root, []))
        yield (level := [Path(e.path) for e in below if e.is_dir()])


def find_videos(
    manifest: Manifest, root: Path, owners: Mapping[str, str] | None = None
) -> tuple[Layout | None, list[Place], list[Problem]]:
    """Find the videos of a copy; the layouts of the manifest are tried in their order.

    Parameters
    ----------
    root : Path
        May lie up to three folders above the place that the manifest means, or inside its leading
        folders.
    owners : mapping, optional
        Video (case-folded) to subject, for layouts whose paths tell no subject; other videos are
        then passed over.

    Returns
    -------
    layout, places
        The first that any video is found for, or None; subject, video, emotion (may be empty) and
        path of each video, sorted.
    problems
        Folders that cannot be read, links out of the root, a video that lies in two places.
    """
    for layout in (manifest.layout, *manifest.variants):
        problems: list[Problem] = []
        for places in _at_any_depth(layout, root, problems):
            named = _named(places, layout, manifest, root, owners or {}, problems)
            if any(_holds_frames(place[3], layout) for place in named[:SAMPLED]):
                return layout, named, problems
    return None, [], problems


def _at_any_depth(layout: Layout, root: Path, problems: list[Problem]) -> Iterator[list[Hit]]:
    parts = rest = layout.video.split("/")
    yield list(_walk(root, parts, {}, root, problems))
    # The root may be the very folder that the path begins with.
    while len(rest) > 1 and "{" not in rest[0] and _pattern(rest[0]).fullmatch(root.name):
        rest = rest[1:]
        yield list(_walk(root, rest, {}, root, problems))
    if "{" in parts[0]:
        return  # nothing would tell a folder of subjects from any other
    for level in islice(levels(root), 1, None):
        yield [hit for base in level for hit in _walk(base, parts, {}, root, problems)]


def _named(
    found: list[Hit], layout: Layout, manifest: Manifest, root: Path,
    owners: Mapping[str, str], problems: list[Problem],
) -> list[Place]:  # fmt: skip
    places: dict[tuple[str, str], Place] = {}
    endings = {"image_folders": set[str](), "features": IMAGES, "video_files": VIDEOS}[layout.kind]
    for fields, path in found:
        if not (path.suffix.lower() in endings and path.is_file() if endings else path.is_dir()):
            continue
        subject = manifest.subjects.normal(_subject(fields, layout, owners))
        key = (subject, fields["video"])
        with listed(problems):
            _check_link(path, root)
            if key in places:
                twice = f"video {key[1]} of subject {subject} lies also in {places[key][3]}"
                raise DataError(twice, where=path, todo="keep one of them below the root")
            if subject:
                places[key] = (*key, fields.get("emotion", ""), path)
    return [places[key] for key in sorted(places)]


def _holds_frames(path: Path, layout: Layout) -> bool:
    """Tell folders of frames from those of subjects, where an archive nests its name."""
    try:
        return layout.image is None or bool(number_images(path, layout.image))
    except DataError as error:
        return "two images" in error.what


def _subject(fields: dict[str, str], layout: Layout, owners: Mapping[str, str]) -> str:
    """Subject of a path, or nothing where its name does not read as the layout says."""
    for field, pattern in layout.split.items():
        taken = re.fullmatch(pattern, fields[field], re.IGNORECASE)
        return taken["subject"] if taken else ""
    return fields["subject"] if "subject" in fields else owners.get(fields["video"].casefold(), "")


def find_sheet(name: str, root: Path) -> Path | None:
    """Find an annotation file below a root by its name, the shallowest first.

    Several of that name at the same depth, or a link out of the root, are a `DataError`.
    """
    *folders, last = name.split("/")
    pattern = _pattern(last.replace("{", "[{]"))
    for level in levels(root):
        bases = [b.joinpath(*folders) for b in level]
        below = (e for b in bases if b.is_dir() for e in entries(b, root, []))
        files = (e for e in below if e.is_file() and not e.name.startswith("~$"))
        hits = [Path(e.path) for e in files if pattern.fullmatch(e.name)]
        check_inside(hits, root)
        if len(hits) > 1:
            names = ", ".join(str(h.relative_to(root)) for h in hits)
            what = f"several files are called like {name!r}: {names}"
            raise DataError(what, where=root, todo="keep one of them below the root")
        if hits:
            return hits[0]
    return None


def annotation_file(manifest: Manifest, root: Path) -> tuple[Path, Edition]:
    """Return the annotation file of a copy and its edition.

    Where there is none, a `DataError` says which spreadsheets lie below the root.
    """
    for edition in manifest.annotations.files:
        if path := find_sheet(edition.name, root):
            return path, edition
    files = (e for level in levels(root) for folder in level for e in entries(folder, root, []))
    there = sorted(str(Path(e.path).relative_to(root)) for e in files if is_sheet(Path(e.name)))
    what = f"annotation file not found: {manifest.annotations.file_name}; spreadsheets there: "
    todo = "put it below the data root, or name your edition of the file in the manifest"
    raise DataError(what + (first_few(there, 8) or "none"), where=root, todo=todo)


def left_out(manifest: Manifest, layout: Layout) -> set[tuple[str, str]]:
    """Subject and name, case-folded, of the videos that a manifest excludes."""
    whole = [e for e in (*manifest.exclude, *layout.exclude) if not e.sample]
    return {(e.subject.casefold(), e.video.casefold()) for e in whole}
