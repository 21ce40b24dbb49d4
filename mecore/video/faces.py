"""The face in every frame of a video: where it is, and pictures of it for the report."""

from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.data.datasets import known_root
from mecore.data.manifest import known_manifests, load_manifest
from mecore.preprocessing.crop import cut_face, to_grey
from mecore.preprocessing.faces import Box, detect_faces, one_face

Image = NDArray[np.uint8]
Which = Literal["only", "largest"]
# A frame and the box of its face, if it shows one.
Placed: TypeAlias = tuple[Image, Box | None]
CHECK_SECONDS = 0.25
# Width of a face in the picture in which it is looked for again; the detector's window is 80.
_FACE = 110
_SIDE, _QUALITY = 160, (cv2.IMWRITE_JPEG_QUALITY, 90)


def face_boxes(frames: Iterable[Image], fps: float, which: Which, name: object) -> Iterator[Placed]:
    """Yield every frame with the box of its face, which stays while the face stays inside it.

    The face is looked for four times a second; where it comes, goes or moves on, in every frame in
    between.
    """
    source, seen = iter(frames), 0
    box: Box | None = None
    block = list(islice(source, 1))
    while block:
        seen += len(block)
        where = f"{name}, frame {seen - 1}"
        # Each frame is looked into only if the last one of its block differs.
        moved = _follow(block[-1], box, which, where) != box
        for frame in block:
            box = _follow(frame, box, which, where) if moved else box
            yield frame, box
        block = list(islice(source, max(1, round(CHECK_SECONDS * fps))))


def _follow(frame: Image, box: Box | None, which: Which, where: str) -> Box | None:
    """The old box while the face is still in it, else the new one, or None."""
    if box is not None and _still_there(frame, box):
        return box
    grey = to_grey(frame)  # a third of the time that colour takes
    faces = detect_faces(grey, 0) or detect_faces(grey, 1)
    if not faces:
        return None
    if box is not None and any(_overlap(face, box) > 0.5 for face in faces):
        return box
    return one_face(frame, which, 0 if len(faces) > 1 else 1, where)


def _still_there(frame: Image, box: Box) -> bool:
    """Whether a small grey picture of the box and what is around it shows a face in its middle.

    It takes a tenth of the time of a search in the whole frame, and finds almost every face.
    """
    x, y = box.width // 2, box.height // 2
    around = Box(box.left - x, box.top - y, box.right + x, box.bottom + y)
    middle = Box(_FACE // 2, _FACE // 2, 3 * _FACE // 2, 3 * _FACE // 2)
    found = detect_faces(to_grey(cut_face(frame, around, 2 * _FACE)), 0)
    return any(_overlap(face, middle) > 0.5 for face in found)


def _overlap(a: Box, b: Box) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def may_show(video: Path) -> bool:
    """Tell whether faces of a video may reach a picture: not those of a licensed database.

    Which frames are shown is known only after the last one: so a video in the folder of a database
    that was checked on this machine keeps all its faces, unless its manifest shows them.
    """
    around = video.resolve().parents
    roots = {name: known_root(name) for name in known_manifests()}
    owners = [name for name, root in roots.items() if root and root.resolve() in around]
    return all(load_manifest(name).figures.faces == "shown" for name in owners)


class FacePictures:
    """Pictures of the face in every frame, by its number.

    They wait in an empty binary file, compressed to some 10 kB each: so the video is neither read
    again nor kept in memory. The file has no name, so that no face is left on the disk.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._ends = file, array("Q", [0])

    def keep(self, placed: Iterable[Placed]) -> Iterator[Placed]:
        """Pass frames on, and keep the picture of each face."""
        for frame, box in placed:
            if box is not None:
                face = cv2.cvtColor(cut_face(frame, box, _SIDE), cv2.COLOR_RGB2BGR)
                self._file.write(cv2.imencode(".jpg", face, _QUALITY)[1])
            self._ends.append(self._file.tell())
            yield frame, box

    def __call__(self, index: int) -> Image:
        """Return the face of one frame, (160, 160, 3), RGB."""
        self._file.seek(self._ends[index])
        raw = self._file.read(self._ends[index + 1] - self._ends[index])
        face = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2RGB), np.uint8)
