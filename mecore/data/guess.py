"""A first manifest for one's own recordings, from a folder of videos and a table."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from mecore.data.find import VIDEOS, entries
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
DEPTH = 4
_MANY = 3
"""Numbered images that make a folder a video."""


def guess_manifest(root: Path, name: str, fps: float | None = None) -> Manifest:
    """Look at a folder of recordings and describe it.

    Parameters
    ----------
    root : Path
        Folder with a table of the columns ``subject, video, onset, offset, emotion`` (and
        ``apex``, ``kind``, ``action_units`` where they are known), and videos: files or folders of
        images, called like the column ``video``, in a folder for each subject or all in one.
    fps : float, optional
        Frames per second; needed for folders of images.

    Raises
    ------
    DataError
        No such table, or no video.
    OptionError
        The frame rate is not known.
    """
    if not root.is_dir():
        raise DataError("no such folder", where=root)
    path = _find_table(root)
    header = [cell.strip() for cell in read_sheet(path)[0]]
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

    Raises
    ------
    OptionError
        The file is there already.
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


def _find_table(root: Path) -> Path:
    tables = [p for p in sorted(root.iterdir()) if is_sheet(p)]
    for path in tables:
        rows = read_sheet(path)
        if rows and set(REQUIRED) <= {_plain(cell) for cell in rows[0]}:
            return path
    looked = ", ".join(p.name for p in tables) or "none"
    raise DataError(
        f"no table with the columns {', '.join(REQUIRED)}; tables there: {looked}", where=root,
        todo="write one as CSV, or describe yours in a copy of data_manifests/template.yaml",
    )  # fmt: skip


def _classes(emotions: Iterable[str]) -> dict[str, object]:
    found = sorted({e.strip().lower() for e in emotions if e.strip()})
    classes = {name: [e for e in found if e in known] for name, known in CLASSES.items()}
    rest = [e for e in found if not any(e in names for names in classes.values())]
    return {"classes": {n: e for n, e in classes.items() if e}, "other_emotions": rest}


def _guess_layout(
    root: Path, pairs: set[tuple[str, str]]
) -> tuple[dict[str, object], float | None]:
    """Layout of the videos that the table names, and the frame rate that they state."""
    names = [v for _, v in pairs]
    seen, there = [], list(_videos(root))
    endings = {p.suffix for p in there if not p.is_dir()}
    ending = min(endings, default="") if len(endings) < 2 else ".*"
    for path in there:
        name = (path.name if path.is_dir() else path.stem).casefold()
        if (path.parent.name.casefold(), name) in pairs:
            return _layout(path, path.parent.parent.relative_to(root), "{subject}/{video}", ending)
        if names.count(name) == 1:
            return _layout(path, path.parent.relative_to(root), "{video}", ending)
        seen.append(path.relative_to(root).as_posix())
    raise DataError(
        f"no video is called like one of the table, such as {min(names, default='')!r}; videos "
        f"there: {', '.join(seen[:4]) or 'none'}", where=root,
        todo="call them as in the column `video`, in a folder for each subject if names repeat",
    )  # fmt: skip


def _layout(
    path: Path, folder: Path, form: str, ending: str
) -> tuple[dict[str, object], float | None]:
    above = "" if folder == Path() else f"{folder.as_posix()}/"
    if path.is_dir():
        image, first = image_pattern(path)
        name = {"kind": "image_folders", "video": above + form, "image": image}
        return name | {"first_frame": first}, None
    return {"kind": "video_files", "video": f"{above}{form}{ending}"}, video_file(path).fps


def image_pattern(folder: Path) -> tuple[str, int]:
    """Return the template of the names of the images in a folder, and the first number.

    Raises
    ------
    DataError
        No image has a number.
    """
    names = [e.name for e in entries(folder, folder, []) if _ending(e) in IMAGES]
    found = [re.fullmatch(r"(.*?)(\d+)(\.\w+)", n) for n in names]
    numbered = [(f[1], int(f[2]), f[3]) for f in found if f]
    if not numbered:
        raise DataError("no numbered image in this folder", where=folder)
    (prefix, ending), _ = Counter((p, e) for p, _, e in numbered).most_common(1)[0]
    first = min(n for p, n, e in numbered if (p, e) == (prefix, ending))
    return f"{prefix}{{frame}}{ending}", first


def _videos(root: Path) -> Iterator[Path]:
    """Video files, and folders of numbered images, down to a few folders deep."""
    level = [root]
    for _ in range(DEPTH):
        below: list[Path] = []
        for folder in level:
            inside = entries(folder, root, [])
            images = [e.name for e in inside if _ending(e) in IMAGES]
            if sum(bool(re.search(r"\d\.\w+$", name)) for name in images) >= _MANY:
                yield folder
            below += [Path(e.path) for e in inside if e.is_dir()]
            files = (e for e in inside if not e.is_dir() and _ending(e) in VIDEOS)
            yield from (Path(e.path) for e in files)
        level = below


def _ending(entry: os.DirEntry[str]) -> str:
    return Path(entry.name).suffix.lower()
