"""A first manifest for one's own recordings, from a folder of videos and a table."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from mecore.data.find import VIDEOS, entries, levels
from mecore.data.frames import video_file
from mecore.data.images import ENDINGS as IMAGES
from mecore.data.manifest import parse_manifest
from mecore.data.records import open_table
from mecore.data.schema import REQUIRED, SAMPLE_FIELDS, Column, Manifest
from mecore.data.sheets import is_sheet, read_sheet
from mecore.errors import DataError, OptionError

# Emotions of the usual lists; others are kept, but belong to no class until the user says so.
CLASSES = {
    "negative": ["anger", "angry", "contempt", "disgust", "disgusted", "fear", "negative",
                 "repression", "sad", "sadness"],
    "positive": ["happiness", "happy", "joy", "positive"],
    "surprise": ["surprise", "surprised"],
}  # fmt: skip
_PREFACE = """# A start: look through it, above all at fps, first_frame, classes and figures.
# Every key is explained in data_manifests/template.yaml.
"""
Guess = tuple[dict[str, object], float | None]
_MANY = 3
"""Numbered images that make a folder a video."""


def guess_manifest(root: Path, name: str, fps: float | None = None) -> Manifest:
    """Look at a folder of recordings and describe it.

    Parameters
    ----------
    root : Path
        Folder with a table of the columns ``subject, video, onset, offset, emotion`` (and
        ``apex``, ``kind``, ``action_units`` where they are known), and videos: files or folders of
        images, called like the column ``video``, in a folder for each subject or all in one. No
        such table, or no video, is a `DataError`.
    fps : float, optional
        Frames per second; without, folders of images are an `OptionError`.
    """
    if not root.is_dir():
        raise DataError("no such folder", where=root)
    path, header = _find_table(root)
    columns: dict[str, Column] = {f: c for f in SAMPLE_FIELDS for c in header if _plain(c) == f}
    table = open_table(path, 0, columns)
    rows = [{f: row[p] for f, p in table.positions.items()} for row in table.rows if any(row)]
    pairs = [(row["subject"], row["video"]) for row in rows]
    layout, rate = _guess_layout(root, {(s.casefold(), v.casefold()) for s, v in pairs})
    if not (fps or rate):
        raise OptionError("the frame rate of images is not known", todo="give it with --fps")
    kinds = sorted({row["kind"] for row in rows if row.get("kind")})
    sheet = {"file": path.relative_to(root).as_posix(), "columns": columns}
    if "kind" in columns:
        sheet["kinds"] = {k: "macro" if "macro" in k.casefold() else "micro" for k in kinds}
    facts = {
        "id": name, "name": name, "edition": "1", "citation": "say how to cite these data",
        "licence": {"name": "say who agreed to what"}, "confidence": "checked on a real file",
        "fps": fps or rate, "length": "short" if len(pairs) == len(set(pairs)) else "long",
        "layout": layout, "annotations": sheet, **_classes(row["emotion"] for row in rows),
        "figures": {"faces": "hidden"},
    }  # fmt: skip
    return Manifest.model_validate(facts)


def write_manifest(manifest: Manifest, path: Path) -> Path:
    """Write a manifest as YAML to a new file, and read it back.

    A file that is there already is an `OptionError`.
    """
    if path.exists():
        raise OptionError("is there already", where=path, todo="remove it, or choose another --out")
    facts = manifest.model_dump(mode="json", exclude_defaults=True)
    facts["figures"] = {"faces": "hidden"}
    body = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)
    path.write_text(_PREFACE + body, encoding="utf-8")
    parse_manifest(path)
    return path


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.strip().casefold())


def _find_table(root: Path) -> tuple[Path, list[str]]:
    """The table and its first row."""
    tables = [p for p in sorted(root.iterdir()) if is_sheet(p)]
    for path in tables:
        rows = read_sheet(path)
        if rows and set(REQUIRED) <= {_plain(cell) for cell in rows[0]}:
            return path, [cell.strip() for cell in rows[0]]
    looked = ", ".join(p.name for p in tables) or "none"
    what = f"no table with the columns {', '.join(REQUIRED)}; tables there: {looked}"
    todo = "write one as CSV, or describe yours in a copy of data_manifests/template.yaml"
    raise DataError(what, where=root, todo=todo)


def _classes(emotions: Iterable[str]) -> dict[str, object]:
    rest = {e.strip().lower() for e in emotions if e.strip()}
    classes = {name: sorted(rest.intersection(known)) for name, known in CLASSES.items()}
    rest = rest.difference(*classes.values())
    return {"classes": {n: e for n, e in classes.items() if e}, "other_emotions": sorted(rest)}


def _guess_layout(root: Path, pairs: set[tuple[str, str]]) -> Guess:
    """Layout of the videos that the table names, and the frame rate that they state."""
    names = [v for _, v in pairs]
    seen, videos = [], list(_videos(root))
    endings = {p.suffix for p in videos if not p.is_dir()}
    ending = min(endings, default="") if len(endings) < 2 else ".*"
    for path in videos:
        name = (path.name if path.is_dir() else path.stem).casefold()
        if (path.parent.name.casefold(), name) in pairs:
            return _layout(path, path.parent.parent.relative_to(root), "{subject}/{video}", ending)
        if names.count(name) == 1:
            return _layout(path, path.parent.relative_to(root), "{video}", ending)
        seen.append(path.relative_to(root).as_posix())
    what = f"no video is called like one of the table, such as {min(names, default='')!r}"
    todo = "call them as in the column `video`, in a folder for each subject if names repeat"
    there = ", ".join(seen[:4]) or "none"
    raise DataError(f"{what}; videos there: {there}", where=root, todo=todo)


def _layout(path: Path, folder: Path, form: str, ending: str) -> Guess:
    above = "" if folder == Path() else f"{folder.as_posix()}/"
    if path.is_dir():
        image, first = image_pattern(path)
        name = {"kind": "image_folders", "video": above + form, "image": image}
        return name | {"first_frame": first}, None
    return {"kind": "video_files", "video": f"{above}{form}{ending}"}, video_file(path).fps


def image_pattern(folder: Path) -> tuple[str, int]:
    """Return the template of the names of the images in a folder, and the first number.

    A folder in which no image has a number is a `DataError`.
    """
    numbers: dict[str, list[int]] = {}
    for entry in entries(folder, folder, []):
        found = re.fullmatch(r"(.*?)(\d+)(\.\w+)", entry.name)
        if found and _ending(entry) in IMAGES:
            numbers.setdefault(f"{found[1]}{{frame}}{found[3]}", []).append(int(found[2]))
    if not numbers:
        raise DataError("no numbered image in this folder", where=folder)
    pattern = max(numbers, key=lambda p: len(numbers[p]))
    return pattern, min(numbers[pattern])


def _videos(root: Path) -> Iterator[Path]:
    """Video files, and folders of numbered images, down to a few folders deep."""
    for level in levels(root):
        for folder in level:
            inside = entries(folder, root, [])
            images = [e.name for e in inside if _ending(e) in IMAGES]
            if sum(bool(re.search(r"\d\.\w+$", name)) for name in images) >= _MANY:
                yield folder
            files = (e for e in inside if not e.is_dir() and _ending(e) in VIDEOS)
            yield from (Path(e.path) for e in files)


def _ending(entry: os.DirEntry[str]) -> str:
    return Path(entry.name).suffix.lower()
