"""Is a copy of a database complete and ready? What was expected, what was found, what to do."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mecore.data.find import Problem, listed
from mecore.data.frames import first_few, missing_numbers, number_images, open_frames
from mecore.data.images import inspect_image
from mecore.data.scan import Scan, scan_database
from mecore.data.schema import Expected, Manifest

Wrap = Callable[[list[Any]], Iterable[Any]]
SHOWN = 5
"""Images of one folder that are named one by one."""


@dataclass(frozen=True)
class Report:
    """What a check found.

    Parameters
    ----------
    counts : DataFrame
        One row per count: ``what``, ``expected`` (missing where unknown), ``found``.
    subjects : DataFrame
        One row per subject: expressions in the sheet, videos that they need and on disk, frames.
    problems, notes : list of Problem
        What must be put right; what should be known.
    """

    scan: Scan
    counts: pd.DataFrame
    subjects: pd.DataFrame
    problems: list[Problem]
    notes: list[Problem]

    @property
    def usable(self) -> bool:
        """True if every study of this project can run on the copy."""
        return not self.problems


def check_database(
    manifest: Manifest, root: Path, *, deep: bool = False, workers: int = 1, progress: Wrap = iter
) -> Report:
    """Look through a copy of a database and compare it with its manifest.

    Parameters
    ----------
    deep : bool
        Decode every frame; otherwise the first and last bytes of each image are read.
    workers, progress
        Threads that read; what wraps the list of videos, twice, to show how far it came.

    Errors are those of `mecore.data.scan.scan_database`.
    """
    scan = scan_database(manifest, root, progress)
    problems, notes = list(scan.problems), list(scan.notes)
    paths = [root / p for p in scan.videos.path]
    with ThreadPoolExecutor(workers) as pool:
        looks = pool.map(lambda p: _look_at(scan.manifest, p, deep), paths)
        for _, (found, gaps) in zip(progress(paths), looks, strict=True):
            problems += found
            notes += gaps
    counts = count(manifest, scan)
    short = counts[counts.found < counts.expected.fillna(0)]
    rated = problems if manifest.confidence == "checked on a real file" else notes
    todo = "complete the copy; for a part of it, write a manifest of its own"
    for row in short.itertuples():
        rated.append(Problem(str(root), f"{row.what}: {row.found} of {row.expected}", todo))
    notes += _surplus(scan)
    return Report(scan, counts, by_subject(scan), list(dict.fromkeys(problems)), notes)


def count(manifest: Manifest, scan: Scan) -> pd.DataFrame:
    """Compare counts with those of the manifest; the classes are the emotions as annotated."""
    expected, edition, found = manifest.expected, scan.reading.edition, scan.reading.rows
    classes = expected.classes | edition.classes
    kinds, emotions = Counter(found.kind), Counter(found.emotion)
    rows: list[tuple[str, int | None, int]] = [
        ("subjects", expected.subjects, scan.reading.samples.subject.nunique()),
        ("videos", expected.videos, len(scan.videos)),
        ("samples", edition.samples or expected.samples, len(found)),
        *((f"{kind}-expressions", n, kinds[kind]) for kind, n in expected.kinds.items()),
        *((e, classes.get(e), emotions[e]) for e in sorted({*classes, *emotions})),
    ]
    return pd.DataFrame(rows, columns=["what", "expected", "found"]).astype({"expected": "Int64"})


def by_subject(scan: Scan) -> pd.DataFrame:
    """Count expressions, the videos they need, videos on disk and frames of each subject."""
    samples, videos = (t.groupby("subject") for t in (scan.reading.samples, scan.videos))
    return pd.DataFrame({
        "expressions": samples.size(), "videos annotated": samples.video.nunique(),
        "videos on disk": videos.size(), "frames": videos.n_frames.sum(),
    }).fillna(0).astype(int)  # fmt: skip


def expected_counts(expected: Expected) -> str:
    """Say in a line what a complete copy holds."""
    named = {"subjects": expected.subjects, "videos": expected.videos, "samples": expected.samples}
    return ", ".join(f"{n} {what}" for what, n in named.items() if n) or "unknown"


def _look_at(manifest: Manifest, path: Path, deep: bool) -> tuple[list[Problem], list[Problem]]:
    """Broken images and gaps of one video."""
    layout, gaps, broken = manifest.layout, list[Problem](), list[Problem]()
    if layout.image is not None:
        numbered = number_images(path, layout.image)
        if missing := missing_numbers(list(numbered)):
            what = f"{len(missing)} frames are missing: {first_few(missing, SHOWN)}"
            gaps.append(Problem(str(path), what))
        broken = list(_broken(numbered.values()))
    if deep and not broken:
        with listed(broken):
            for _ in open_frames(path, manifest.fps, layout.image, layout.first_frame):
                pass
    return broken, gaps


def _broken(paths: Iterable[Path]) -> Iterator[Problem]:
    todo = "copy this image again"
    looks = [(path, *inspect_image(path)) for path in paths]
    folder = str(looks[0][0].parent)
    wrong = [Problem(str(path), what, todo) for path, _, what in looks if what]
    yield from wrong[:SHOWN]
    if len(wrong) > SHOWN:
        yield Problem(folder, f"{len(wrong)} images are broken in all", todo)
    sizes = Counter(size for _, size, what in looks if size and not what)
    if len(sizes) > 1:
        found = ", ".join(f"{w}×{h} ({n} images)" for (w, h), n in sizes.most_common(3))
        yield Problem(folder, f"images of different sizes: {found}", todo)


def _surplus(scan: Scan) -> list[Problem]:
    """Videos without an expression, where each should have one."""
    if scan.manifest.length == "long":
        return []
    used = set(zip(scan.samples.subject, scan.samples.video, strict=True))
    idle = [v.path for v in scan.videos.itertuples() if (v.subject, v.video) not in used]
    what = f"{len(idle)} videos have no row: {first_few(idle, SHOWN)}"
    return [Problem(str(scan.reading.path), what)] if idle else []


def default_workers() -> int:
    """Return the number of threads to read with."""
    return min(4, os.cpu_count() or 1)
