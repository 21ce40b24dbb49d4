"""What it costs to check a copy of a database, against decoding all of it.

    python -m benchmarks.check [--clips 250] [--frames 70] [--workers 2]

writes a copy in the manner of CASME II to a temporary folder: one rendered face, in every image.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import xlsxwriter

from mecore.data.annotations import read_annotations
from mecore.data.check import check_database
from mecore.data.manifest import load_manifest
from mecore.data.phantom import SHORT, portrait

COLUMNS = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
           "Estimated Emotion"]  # fmt: skip


def write_copy(root: Path, clips: int, frames: int) -> None:
    """Write a copy with images of 640×480."""
    face = cv2.resize(portrait(SHORT.seed, 3)[..., ::-1], (640, 480))
    image = cv2.imencode(".jpg", face)[1].tobytes()
    with xlsxwriter.Workbook(root / "CASME2-coding-20140508.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        for number in range(clips):
            subject, clip = f"{number % 26 + 1:02d}", f"EP{number:03d}"
            sheet.write_row(number + 1, 0, [subject, clip, 5, 30, frames, "4", "disgust"])
            folder = root / "CASME2-RAW" / f"sub{subject}" / clip
            folder.mkdir(parents=True)
            for frame in range(1, frames + 1):
                (folder / f"img{frame}.jpg").write_bytes(image)


def seconds(work: Callable[[], object], turns: int = 3) -> float:
    """Median wall time of some turns."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=250)
    parser.add_argument("--frames", type=int, default=70)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    manifest = load_manifest("casme2")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_copy(root, options.clips, options.frames)
        table = seconds(lambda: read_annotations(load_manifest("casme2"), root))
        quick = seconds(lambda: check_database(manifest, root, workers=options.workers))
        deep = seconds(
            lambda: check_database(manifest, root, deep=True, workers=options.workers), turns=1
        )
    print(f"{options.clips} clips of {options.frames} frames, {options.workers} workers")
    print(f"manifest and table {table:.2f} s, check {quick:.2f} s, check --deep {deep:.2f} s")
    print(f"decoding costs {deep / quick:.0f} times as much as looking")


if __name__ == "__main__":
    main()
