"""Write a phantom data set to disk: all of it or nothing, the same bytes whatever the workers.

Its annotation sheets are in the manner of CASME II (clips) and of CAS(ME)^2 (videos).
"""

import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import xlsxwriter
from tqdm import tqdm

from mecore import runtime
from mecore.errors import DataError, OptionError
from mecore.phantom.actor import Actor
from mecore.phantom.anatomy import Floats, to_pixels
from mecore.phantom.camera import Camera, Write, image_folder, video_file
from mecore.phantom.identity import draw_identity
from mecore.phantom.script import STIMULI, Event, Take, write_script
from mecore.phantom.spec import PhantomSpec
from mecore.phantom.tracks import perform
from mecore.phantom.truth import save_face, save_spec, save_truth

Row = tuple[object, ...]
CLIP_COLUMNS = ("Subject", "Filename", "", "OnsetFrame", "ApexFrame", "OffsetFrame", "",
                "Action Units", "Estimated Emotion")  # fmt: skip
_CREATED = datetime(2000, 1, 1)  # a fixed date keeps the file the same, byte for byte


def _frames(event: Event) -> tuple[int, int, int]:
    """Onset, apex, offset as numbers on disk, from 1."""
    return event.onset + 1, event.apex + 1, event.offset + 1


def _write(path: Path, sheets: dict[str, list[Row]]) -> None:
    with xlsxwriter.Workbook(str(path), {"in_memory": True}) as book:
        book.set_properties({"created": _CREATED})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, str) and value:
                        sheet.write_string(number, column, value)
                    elif isinstance(value, int):
                        sheet.write_number(number, column, value)


def write_clip_sheet(path: Path, takes: list[Take]) -> None:
    """Write ``Sheet1`` of an ``.xlsx`` file: a header and a row per clip."""
    rows: list[Row] = [
        (take.number, take.video, "", *_frames(event), "", shown.action_units, shown.emotion)
        for take in takes for event in take.events for shown in [event.expression]
    ]  # fmt: skip
    _write(path, {"Sheet1": [CLIP_COLUMNS, *rows]})


def write_video_sheets(path: Path, takes: list[Take]) -> None:
    """Write the coding of all expressions and the two sheets that explain its names (``.xlsx``)."""
    coding: list[Row] = []
    for take in takes:
        for count, event in enumerate(take.events, start=1):
            shown, kind = event.expression, f"{event.kind}-expression"
            where: Row = (int(take.number), f"{take.code}_{count}", *_frames(event))
            coding.append((*where, shown.action_units, shown.valence, kind, shown.emotion))
    people: dict[str, str] = {take.folder: take.number for take in takes}
    subjects: list[Row] = [(int(f[1:]), f, int(number)) for f, number in people.items()]
    stems = {take.code: take.video.split("_", 1)[1] for take in takes}
    named = {code: stem for code, stem in STIMULI.items() if code in stems} | stems
    videos: list[Row] = [(code, stem) for code, stem in named.items()]
    _write(path, {"coding": coding, "naming rule1": subjects, "naming rule2": videos})


_README = """{name}: a synthetic data set of facial micro-expressions.

No person is shown: the faces are rendered by mecore from the seed {seed}, with {subjects} invented
subjects and {recordings} recordings at {fps} frames per second. They say nothing about people.

{name}-coding.xlsx   annotation: onset, apex, offset (frames from 1), action units, emotion
{pictures}
truth/               what is exactly true of every frame; read it with
                     mecore.phantom.load_truth and mecore.phantom.true_flow
"""
_PICTURES = {
    "clips": "frames/              one folder of images per clip, numbered from 1",
    "videos": "rawvideo/            one video file per recording",
}


def _recorder(root: Path, take: Take, spec: PhantomSpec) -> AbstractContextManager[Write]:
    if spec.layout == "clips":
        return image_folder(root / "frames" / take.folder / take.video, spec)
    return video_file(root / "rawvideo" / take.folder / f"{take.video}.avi", spec)


def _record(root: Path, take: Take, spec: PhantomSpec, actor: Actor, camera: Camera) -> None:
    """Render, record and encode one take, and write its truth."""
    tracks = perform(take, actor.rig, spec)
    rng = np.random.default_rng((*take.seed, 2))
    landmarks = np.empty((take.n_frames, 68, 2))
    with _recorder(root, take, spec) as record:
        for frame in range(take.n_frames):
            state = tracks.state(frame)
            field = actor.rig.skin_field(state)
            landmarks[frame] = actor.rig.landmarks(state, _guess(landmarks[:frame]), field)
            clean = actor.render(state, field)
            record(camera.expose(clean, tracks.tone[frame], rng))
    pixels = to_pixels(landmarks, spec.size).astype(np.float32)
    save_truth(root, take, spec, tracks, pixels)


def _guess(before: Floats) -> Floats | None:
    """Landmarks of a frame as if they kept the velocity of the frames before it (t, 68, 2)."""
    if len(before) < 2:
        return None if len(before) == 0 else before[-1]
    return np.asarray(2 * before[-1] - before[-2])


def _record_subject(root: Path, takes: list[Take], spec: PhantomSpec) -> int:
    """Write all takes of one subject; the number of frames."""
    actor = Actor(draw_identity(spec.seed, takes[0].subject), spec.size)
    camera = Camera(spec)
    for take in takes:
        _record(root, take, spec, actor, camera)
    save_face(root, takes[0].folder, actor.face)
    return sum(take.n_frames for take in takes)


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    """A sibling folder that becomes `root` if all goes well, and vanishes if not."""
    root.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        yield aside
        aside.chmod(0o755)
        aside.rename(root)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def write_phantom(
    spec: PhantomSpec, root: Path | str, *, workers: int = 1, progress: bool = False
) -> None:
    """Render a phantom data set and write it as an ordinary database.

    Parameters
    ----------
    spec : PhantomSpec
        Such as `SHORT`, `LONG`, or `SHORT.small()`.
    root : path
        Folder of the data set; must not exist yet, or be empty, else DataError, as for a file that
        cannot be written. It appears whole or not at all.
    workers : int
        Processes to render with, at least 1, else OptionError. With more than one, a script that
        calls this needs the usual ``if __name__ == "__main__":`` guard. The files do not depend on
        it.
    progress : bool
        Show a bar of frames.
    """
    root = Path(root)
    if workers < 1:
        raise OptionError(f"workers starts at 1, got {workers}")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        message = "the folder of a new phantom must be empty"
        raise DataError(message, where=root, todo=f"remove {root}")
    takes = write_script(spec)
    people = [[take for take in takes if take.subject == k] for k in range(spec.subjects)]
    frames_in_all = sum(take.n_frames for take in takes)
    with _aside(root) as aside:
        with tqdm(total=frames_in_all, unit="frame", disable=not progress) as bar:
            for frames in _record_all(aside, people, spec, min(workers, len(people))):
                bar.update(frames)
        sheet = aside / f"{spec.name}-coding.xlsx"
        (write_clip_sheet if spec.layout == "clips" else write_video_sheets)(sheet, takes)
        save_spec(aside, spec, takes)
        text = _README.format(pictures=_PICTURES[spec.layout], **vars(spec))
        (aside / "README.txt").write_text(text, encoding="utf-8")


def _record_all(
    root: Path, people: list[list[Take]], spec: PhantomSpec, workers: int
) -> Iterator[int]:
    """Write the takes of all subjects; yields the number of frames of each that is done."""
    if workers == 1:
        yield from (_record_subject(root, takes, spec) for takes in people)
        return
    people = sorted(people, key=lambda takes: -sum(take.n_frames for take in takes))
    context = multiprocessing.get_context("spawn")  # forking a process with threads may hang
    with ProcessPoolExecutor(workers, context, runtime.configure) as pool:
        futures = [pool.submit(_record_subject, root, takes, spec) for takes in people]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
