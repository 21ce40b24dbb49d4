"""Frames that show a rendered face and carry their number, and sheets as researchers type them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import xlsxwriter

from mecore.phantom import SHORT, portrait

SIZE, BITS, BLOCK = 72, 27, 8


@dataclass(frozen=True)
class Truth:
    """One expression as it was written: frame numbers are those painted on the frames."""

    subject: str
    video: str
    onset: int
    apex: int | None
    offset: int
    emotion: str
    kind: str = "micro"


@cache
def face():
    return cv2.resize(portrait(SHORT.seed, 3, size=96), (SIZE, SIZE))[..., ::-1].copy()


def paint(number):
    """A face, with the number in black and white squares along its upper edge."""
    image = face().copy()
    for bit in range(BITS):
        row, column = divmod(bit, SIZE // BLOCK)
        value = 255 * (number >> bit & 1)
        image[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = value
    return image


def number_of(frame):
    """Read the number that `paint` has written, whatever the compression did to it."""
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, SIZE // BLOCK)
        middle = frame[row * BLOCK + 2 : row * BLOCK + 6, column * BLOCK + 2 : column * BLOCK + 6]
        number |= int(middle.mean() > 127) << bit
    return number


def frames(folder, template, numbers):
    """Write numbered images; the template has {n} with its padding, such as img{n:03d}.jpg."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in numbers:
        cv2.imwrite(str(folder / template.format(n=n)), paint(n))


def video(path, n, codec):
    """Write a video file of n frames, numbered from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 30, (SIZE, SIZE))
    for number in range(1, n + 1):
        writer.write(paint(number))
    writer.release()


def sheet(path: Path, pages: dict[str, list[list[object]]]):
    """Write a workbook; text stays text, numbers stay numbers, None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path) as book:
        for name, rows in pages.items():
            page = book.add_worksheet(name)
            for i, row in enumerate(rows):
                for j, cell in enumerate(row):
                    if isinstance(cell, str) and cell.startswith("="):
                        page.write_formula(i, j, cell, None, 71)
                    elif isinstance(cell, str):
                        page.write_string(i, j, cell)
                    elif cell is not None:
                        page.write_number(i, j, cell)
