"""A user's copy, looked through: its videos, and where each annotated frame lies in them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mecore.data.annotations import CORRECT, FRAMES, Reading, read_annotations
from mecore.data.find import Place, Problem, check_inside, find_videos, left_out, listed
from mecore.data.frames import FrameSource, first_few, image_folder, number_images, open_frames
from mecore.data.images import inspect_image
from mecore.data.schema import Layout, Manifest
from mecore.errors import DataError

Frames = tuple[int | None, ...]
VIDEO_COLUMNS = ["database", "subject", "video", "path", "n_frames", "fps", "width", "height"]


@dataclass(frozen=True)
class Scan:
    """What a copy holds, and what is wrong with it.

    Parameters
    ----------
    manifest : Manifest
        With the layout that was found.
    reading : Reading
        The annotations as they stand in the sheet.
    samples, videos : DataFrame
        The tables of the database; samples that cannot be placed are left out.
    problems, notes : list of Problem
        What must be put right; what was done by a rule of the manifest.
    """

    manifest: Manifest
    reading: Reading
    samples: pd.DataFrame
    videos: pd.DataFrame
    problems: list[Problem]
    notes: list[Problem]


def scan_database(
    manifest: Manifest, root: Path, progress: Callable[[list[Place]], Iterable[Place]] = iter
) -> Scan:
    """Look through a copy of a database; ``progress`` wraps the list of its videos.

    Raises
    ------
    DataError
        No such folder, no video, or no annotations that can be read.
    """
    if not root.is_dir():
        raise DataError(
            f"data root of {manifest.name} not found", where=root,
            todo=f"pass the folder that holds {manifest.annotations.file_name}",
        )  # fmt: skip
    reading = read_annotations(manifest, root)
    # Subject of each video by name, where a name belongs to one subject only.
    pairs = reading.samples[["subject", "video"]].drop_duplicates()
    single = pairs[~pairs.video.str.casefold().duplicated(keep=False)]
    owners = dict(zip(single.video.str.casefold(), single.subject, strict=True))
    layout, places, found = find_videos(manifest, root, owners)
    if layout is None:
        names = first_few(sorted(p.name + "/" * p.is_dir() for p in root.iterdir()), 6)
        raise DataError(
            f"no video lies at {manifest.layout.video}; the folder holds {names or 'nothing'}",
            where=found[0].where if found else root,
            todo="pass the folder that the manifest describes, one level up or down?",
        )  # fmt: skip
    manifest = manifest.model_copy(update={"layout": layout, "variants": []})
    problems, notes = [*reading.problems, *found], list(reading.notes)
    excluded = left_out(manifest, layout)
    gone = [p for p in places if (p[0].casefold(), p[1].casefold()) in excluded]
    places = [p for p in places if p not in gone]
    notes += [Problem(str(p[3]), "left out, as the manifest says") for p in gone]
    numbers: dict[tuple[str, str], list[int]] = {}
    rows = []
    for place in progress(places):
        with listed(problems):
            rows.append(_video_row(manifest, layout, place, root, numbers))
    videos = pd.DataFrame(rows, columns=VIDEO_COLUMNS)
    samples = _place_samples(manifest, reading, videos, numbers, excluded, problems, notes)
    return Scan(manifest, reading, samples, videos, list(dict.fromkeys(problems)), notes)


def _video_row(
    manifest: Manifest, layout: Layout, place: Place, root: Path,
    numbers: dict[tuple[str, str], list[int]],
) -> list[object]:  # fmt: skip
    subject, video, _, path = place
    if layout.image is not None:
        numbered = number_images(path, layout.image)
        check_inside((p for p in numbered.values() if p.is_symlink()), root)
        source: FrameSource = image_folder(path, layout.image, manifest.fps, layout.first_frame)
        numbers[subject, video] = list(numbered)
        path = numbered[min(numbered)]
    else:
        source = open_frames(path, manifest.fps)
    size, wrong = inspect_image(path) if layout.kind != "video_files" else (None, "")
    if wrong:
        todo = "copy this image again, or exclude the video in the manifest"
        raise DataError(wrong, where=path, todo=todo)
    if size is None:
        height, width = source.read(0).shape[:2]
        size = (width, height)
    relative = source.path.relative_to(root).as_posix()
    return [manifest.id, subject, video, relative, len(source), manifest.fps, *size]


def _place_samples(
    manifest: Manifest, reading: Reading, videos: pd.DataFrame,
    numbers: dict[tuple[str, str], list[int]], excluded: set[tuple[str, str]],
    problems: list[Problem], notes: list[Problem],
) -> pd.DataFrame:  # fmt: skip
    """Find the video of each sample, and turn its frame numbers into positions in it."""
    lengths = {(v.subject, v.video): int(v.n_frames) for v in videos.itertuples()}
    same = {(s.casefold(), v.casefold()): (s, v) for s, v in lengths}
    samples = reading.samples
    keep, moved = [], 0
    for s in samples.itertuples():
        folded = (s.subject.casefold(), s.video.casefold())
        if folded in excluded:
            continue
        key = same.get(folded, (s.subject, s.video))
        name = f"subject {s.subject}, video {s.video}, onset {s.onset} (from 0)"
        try:
            if key not in lengths:
                raise DataError(
                    f"annotates a video that is not on disk: {name}",
                    todo="complete the copy, or exclude the video in the manifest with a reason",
                )  # fmt: skip
            frames = tuple(None if f is pd.NA else int(f) for f in (s.onset, s.apex, s.offset))
            placed = place_frames(frames, manifest, lengths[key], numbers.get(key), name)
        except DataError as error:
            problems.append(Problem(reading.places[s.Index], error.what, error.todo or ""))
            continue
        moved += placed[1]
        keep.append((s.Index, *key, *placed[0]))
    if moved:
        notes.append(Problem(str(reading.path), f"{moved} expressions begin, peak or end at a "
                             "frame that is missing or behind the end; the next one that is there "
                             "was taken"))  # fmt: skip
    table = samples.loc[[k[0] for k in keep]].reset_index(drop=True)
    for position, column in enumerate(("subject", "video", *FRAMES), 1):
        kind = "Int64" if column in FRAMES else table[column].dtype
        table[column] = pd.Series([k[position] for k in keep], dtype=kind)
    return table.sort_values(["subject", "video", "onset", "sample"], ignore_index=True)


def place_frames(
    frames: Frames, manifest: Manifest, length: int, numbers: list[int] | None, name: str
) -> tuple[Frames, bool]:
    """Find onset, apex and offset in a video; the manifest says what may be mended.

    Parameters
    ----------
    frames : tuple of int or None
        Onset, apex (may be unknown) and offset, from 0 in the counting of the sheet.
    length, numbers
        Frames on disk, and their numbers (None for a video file).
    name : str
        Of the expression, for messages.

    Returns
    -------
    frames : tuple of int or None
        From 0, in the video as it lies on disk.
    moved : bool
        Whether one of them was missing, and the next that is there was taken.

    Raises
    ------
    DataError
        The expression lies outside the video.
    """
    gaps = manifest.layout.first_frame == "gaps"
    clip = "offset behind the end: last frame" in manifest.annotations.repair
    onset, apex, offset = frames
    assert onset is not None and offset is not None
    if isinstance(manifest.layout.first_frame, int) or numbers is None:
        first, last, there = 0, length - 1, None
    else:
        shift = manifest.annotations.first_frame
        there = [n - shift for n in numbers]
        first, last = there[0], there[-1]
    if offset > last and not clip and not (gaps and onset <= last):
        end = f"the video's {length} frames" if there is None else f"its last image, {last}"
        raise DataError(f"offset {offset} lies behind {end}: {name}", todo=CORRECT)
    if (onset < first and not (gaps and offset >= first)) or onset > last:
        images = f"its images, {first} to {last}"
        raise DataError(f"onset {onset} lies outside {images}: {name}", todo=CORRECT)
    bounded = tuple(None if f is None else min(max(f, first), last) for f in frames)
    if there is None:
        return bounded, bounded != frames
    low, high = bisect_left(there, bounded[0] or 0), bisect_right(there, bounded[2] or 0) - 1
    if low > high:
        raise DataError(f"none of the frames {onset} to {offset} is there: {name}", todo=CORRECT)
    peak = None if apex is None else min(max(bisect_left(there, apex), low), high)
    back = tuple(None if i is None else there[i] for i in (low, peak, high))
    return (low, peak, high), back != frames
