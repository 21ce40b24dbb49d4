"""What it costs to check a copy of a database, against decoding all of it.

The copy is in the manner of CASME II: one rendered face, in every image.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import xlsxwriter

from benchmarks.common import Result, beside_aims, in_turn
from mecore.data.annotations import read_annotations
from mecore.data.check import check_database
from mecore.data.manifest import load_manifest
from mecore.phantom import SHORT, portrait

COLUMNS = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
           "Estimated Emotion"]  # fmt: skip
FRAMES, WORKERS = 70, 2


def measure(quick: bool) -> Iterator[Result]:
    """Write a copy, read its table, check it without and with decoding."""
    clips = 60 if quick else 250
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_copy(root, clips)
        look = partial(check_database, load_manifest("casme2"), root, workers=WORKERS)
        works = {
            "table": lambda: read_annotations(load_manifest("casme2"), root),
            "check": look,
            "deep": partial(look, deep=True),
        }
        ms = in_turn(works, 3)
    seconds = ms.median() / 1000
    rows = [
        ("manifest and table, s", seconds.table, "≤ 0.5"),
        ("check, s", seconds.check, "≤ 10"),
        ("deep check, which decodes every image, s", seconds.deep, ""),
        ("deep check / check", (ms.deep / ms.check).median(), ""),
    ]
    yield Result("check", f"Checking {clips} clips of {FRAMES} images of 640×480, {WORKERS} "
                 "workers, files in the system's cache", beside_aims(rows))  # fmt: skip


def write_copy(root: Path, clips: int) -> None:
    """Write a copy with images of 640×480."""
    face = cv2.resize(portrait(SHORT.seed, 3)[..., ::-1], (640, 480))
    image = cv2.imencode(".jpg", face)[1].tobytes()
    with xlsxwriter.Workbook(root / "CASME2-coding-20140508.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        for number in range(clips):
            subject, clip = f"{number % 26 + 1:02d}", f"EP{number:03d}"
            sheet.write_row(number + 1, 0, [subject, clip, 5, 30, FRAMES, "4", "disgust"])
            folder = root / "CASME2-RAW" / f"sub{subject}" / clip
            folder.mkdir(parents=True)
            for frame in range(1, FRAMES + 1):
                (folder / f"img{frame}.jpg").write_bytes(image)
