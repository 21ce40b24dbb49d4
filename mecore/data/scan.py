"""A user's copy, looked through: its videos, and where each annotated frame lies in them."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mecore.data.annotations import CORRECT, FRAMES, Reading, read_annotations
from mecore.data.find import Place, Problem, check_inside, find_videos, left_out, listed
from mecore.data.frames import FrameSource, first_few, image_folder, number_images, open_frames
from mecore.data.images import inspect_image
from mecore.data.schema import Manifest
from mecore.errors import DataError

Frames = tuple[int | None, ...]
Numbers = dict[tuple[str, str], list[int]]
VIDEO_COLUMNS = ["database", "subject", "video", "path", "n_frames", "fps", "width", "height"]


@dataclass(frozen=True)
class Scan:
    """What a copy holds, and what is wrong with it.

    Parameters
    ----------
    manifest, reading
        The manifest with the layout that was found; the annotations as they stand in the sheet.
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

    No such folder, no video, or no annotations that can be read, are a `DataError`.
    """
    if not root.is_dir():
        todo = f"pass the folder that holds {manifest.annotations.file_name}"
        raise DataError(f"data root of {manifest.name} not found", where=root, todo=todo)
    reading = read_annotations(manifest, root)
    # Subject of each video by name, where a name belongs to one subject only.
    pairs = reading.samples[["subject", "video"]].drop_duplicates()
    single = pairs[~pairs.video.str.casefold().duplicated(keep=False)]
    owners = dict(zip(single.video.str.casefold(), single.subject, strict=True))
    layout, places, found = find_videos(manifest, root, owners)
    if layout is None:
        names = first_few(sorted(p.name + "/" * p.is_dir() for p in root.iterdir()), 6)
        what = f"no video lies at {manifest.layout.video}; the folder holds {names or 'nothing'}"
        todo = "pass the folder that the manifest describes, one level up or down?"
        raise DataError(what, where=found[0].where if found else root, todo=todo)
    manifest = manifest.model_copy(update={"layout": layout, "variants": []})
    problems, notes = [*reading.problems, *found], list(reading.notes)
    excluded = left_out(manifest, layout)
    gone = [p for p in places if (p[0].casefold(), p[1].casefold()) in excluded]
    places = [p for p in places if p not in gone]
    notes += [Problem(str(p[3]), "left out, as the manifest says") for p in gone]
    numbers: Numbers = {}
    rows = []
    for place in progress(places):
        with listed(problems):
            rows.append(_video_row(manifest, place, root, numbers))
    videos = pd.DataFrame(rows, columns=VIDEO_COLUMNS)
    scan = Scan(manifest, reading, reading.samples, videos, problems, notes)
    samples = _place_samples(scan, numbers)
    return replace(scan, samples=samples, problems=list(dict.fromkeys(problems)))


def _video_row(manifest: Manifest, place: Place, root: Path, numbers: Numbers) -> list[object]:
    layout, (subject, video, _, path) = manifest.layout, place
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


def _place_samples(scan: Scan, numbers: Numbers) -> pd.DataFrame:
    """Find the video of each sample, and turn its frame numbers into positions in it."""
    lengths = {(v.subject, v.video): int(v.n_frames) for v in scan.videos.itertuples()}
    same = {(s.casefold(), v.casefold()): (s, v) for s, v in lengths}
    excluded = left_out(scan.manifest, scan.manifest.layout)
    keep, moved = {}, 0
    for s in scan.samples.itertuples():
        folded = (s.subject.casefold(), s.video.casefold())
        if folded in excluded:
            continue
        key = same.get(folded, (s.subject, s.video))
        name = f"subject {s.subject}, video {s.video}, onset {s.onset} (from 0)"
        with listed(scan.problems, scan.reading.places[s.Index]):
            if key not in lengths:
                todo = "complete the copy, or exclude the video in the manifest with a reason"
                raise DataError(f"annotates a video that is not on disk: {name}", todo=todo)
            frames = tuple(None if f is pd.NA else int(f) for f in (s.onset, s.apex, s.offset))
            length, there = lengths[key], numbers.get(key)
            placed, late = place_frames(frames, scan.manifest, length, there, name)
            moved += late
            keep[s.Index] = (*key, *placed)
    if moved:
        what = (f"{moved} expressions begin, peak or end at a frame that is missing or behind the "
                "end; the next one that is there was taken")  # fmt: skip
        scan.notes.append(Problem(str(scan.reading.path), what))
    columns = ["subject", "video", *FRAMES]
    types = scan.samples.dtypes[columns]
    found = pd.DataFrame.from_dict(keep, orient="index", columns=columns).astype(types)
    table = scan.samples.loc[list(keep)].assign(**found)
    return table.sort_values(["subject", "video", "onset", "sample"], ignore_index=True)


def place_frames(
    frames: Frames, manifest: Manifest, length: int, numbers: list[int] | None, name: str
) -> tuple[Frames, bool]:
    """Find onset, apex and offset in a video; the manifest says what may be mended.

    Parameters
    ----------
    frames : tuple of int or None
        Onset, apex (may be unknown) and offset, from 0 in the counting of the sheet.
    length, numbers, name
        Frames on disk, their numbers (None for a video file), and the expression for messages.

    Returns
    -------
    frames : tuple of int or None
        From 0, in the video as it lies on disk; a `DataError` if the expression lies outside.
    moved : bool
        Whether one of them was missing, and the next that is there was taken.
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
