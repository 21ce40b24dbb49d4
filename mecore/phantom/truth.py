"""The truth beside the pictures: written with a data set, and read back from it."""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.errors import DataError, OptionError, nearest
from mecore.phantom.action_units import CONTROLS
from mecore.phantom.anatomy import CANONICAL, Floats, build_anatomy, pixel_grid
from mecore.phantom.controls import Bools
from mecore.phantom.identity import draw_identity
from mecore.phantom.motion import Field, Rig, State
from mecore.phantom.script import Event, Take
from mecore.phantom.spec import Nuisance, PhantomSpec
from mecore.phantom.tracks import Track, Tracks

FORMAT = 1  # rises when the same spec would give other people or other motion
SPEC_FILE = "spec.json"
_FACE_SHARE = 0.9  # of visible skin that makes a pixel belong to the face


@dataclass(frozen=True)
class Sample:
    """One expression of a video; frames from 0, onset and offset inclusive.

    `peak` is the largest displacement of the skin from onset to apex in pixels, without that of
    the head, for a micro-expression, else NaN.
    """

    kind: str
    onset: int
    apex: int
    offset: int
    emotion: str
    valence: str
    action_units: str
    peak: float


@dataclass(frozen=True)
class Truth:
    """What is true of one clip or video of T frames; pixels are those of the frame.

    `action_units` names the columns of `intensities`: ``L12`` is the person's left side, ``17``
    both; ``L45`` and ``R45`` are the closure of the lids.
    """

    fps: int
    landmarks: Track  # (T, 68, 2), iBUG order, pixels
    action_units: tuple[str, ...]
    intensities: Track  # (T, n), 0 none ... 1 a strong posed expression
    pose: Track  # (T, 5): right and down (pixels), roll, yaw, pitch (degrees) of the head
    gaze: Track  # (T, 2): displacement of the irises right and down, pixels
    tone: Track  # (T, 2): gain and gamma of the camera
    samples: tuple[Sample, ...]  # the expressions in order of onset

    @property
    def blink(self) -> Track:
        """Closure of the lids, (T, 2): the person's left, right; 0 open ... 1 closed."""
        columns = [self.action_units.index(name) for name in ("L45", "R45")]
        return self.intensities[:, columns]


def _sample(event: Event, pixels: float) -> Sample:
    peak, shown = float("nan") if event.peak is None else event.peak * pixels, event.expression
    what = (shown.emotion, shown.valence, shown.action_units, peak)
    return Sample(event.kind, event.onset, event.apex, event.offset, *what)


def save_truth(root: Path, take: Take, spec: PhantomSpec, tracks: Tracks, landmarks: Track) -> None:
    """Write ``truth/<subject>/<video>.npz`` below the folder of the data set.

    `tracks` are the states of all frames exactly as they were rendered, `landmarks` (T, 68, 2)
    float32 pixels of the frame.
    """
    folder = root / "truth" / take.folder
    folder.mkdir(parents=True, exist_ok=True)
    samples = json.dumps([asdict(_sample(event, spec.size / CANONICAL)) for event in take.events])
    np.savez_compressed(
        folder / f"{take.video}.npz", fps=np.int64(spec.fps), landmarks=landmarks,
        action_units=np.array(CONTROLS), **vars(tracks), samples=np.array(samples),
    )  # fmt: skip


def save_face(root: Path, folder: str, face: NDArray[np.float32]) -> None:
    """Write where the skin of a subject's face is visible in the neutral picture."""
    mask = np.round(255 * face).astype(np.uint8)
    (root / "truth" / folder).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / "truth" / folder / "face.png"), mask)


def save_spec(root: Path, spec: PhantomSpec, takes: list[Take]) -> None:
    """Write the seeds, dials and names from which everything can be computed again."""
    subjects = {take.folder: {"index": take.subject, "number": take.number} for take in takes}
    text = json.dumps({"format": FORMAT, "spec": asdict(spec), "subjects": subjects}, indent=1)
    (root / "truth" / SPEC_FILE).write_text(text + "\n", encoding="utf-8")


def _load_spec(root: Path) -> tuple[PhantomSpec, dict[str, Any]]:
    path = root / "truth" / SPEC_FILE
    if not path.is_file():
        raise DataError("no truth of a phantom here", where=path, todo="write_phantom(spec, root)")
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["format"] != FORMAT:
        message = f"truth of format {stored['format']}, this version reads {FORMAT}"
        raise DataError(message, where=path, todo="write the phantom anew")
    values = stored["spec"]
    values["seconds"] = tuple(values["seconds"])
    values["nuisance"] = Nuisance(**values["nuisance"])
    return PhantomSpec(**values), stored["subjects"]


def _folder_of(subjects: dict[str, Any], subject: str, root: Path) -> str:
    """Folder of a subject given by its folder or by its name in the annotation sheet."""
    for folder, names in subjects.items():
        if subject in (folder, names["number"]):
            return folder
    raise DataError(f"no subject {subject!r}", where=root, todo=nearest(subject, subjects))


def _load(root: Path, subject: str, video: str) -> tuple[PhantomSpec, int, str, dict[str, Any]]:
    spec, subjects = _load_spec(root)
    folder = _folder_of(subjects, subject, root)
    path = root / "truth" / folder / f"{video}.npz"
    known = sorted(file.stem for file in path.parent.glob("*.npz"))
    if video not in known:
        raise DataError(f"no video {video!r}", where=path.parent, todo=nearest(video, known))
    with np.load(path, allow_pickle=False) as stored:
        return spec, int(subjects[folder]["index"]), folder, dict(stored)


def load_truth(root: Path | str, subject: str, video: str) -> Truth:
    """Read the truth of one clip or video from the folder of a data set, `root`.

    `subject` is its folder (``sub01``, ``s15``) or its name in the annotation sheet, `video` the
    folder of the clip, or name of the video file without its ending. DataError if there is no
    phantom, no such subject or no such video.
    """
    spec, _, _, stored = _load(Path(root), subject, video)
    return Truth(
        int(stored["fps"]), stored["landmarks"], tuple(stored["action_units"].tolist()),
        stored["controls"],
        stored["pose"] * np.array([spec.size / CANONICAL] * 2 + [1, 1, 1], np.float32),
        stored["gaze"] * np.float32(spec.size / CANONICAL), stored["tone"],
        tuple(Sample(**sample) for sample in json.loads(str(stored["samples"]))),
    )  # fmt: skip


@lru_cache(maxsize=8)
def _rig(seed: int, subject: int) -> Rig:
    who = draw_identity(seed, subject)
    return Rig(build_anatomy(who), who)


def skin_flow(rig: Rig, first: State, second: State, size: int) -> tuple[Field, Bools, Floats]:
    """Displacement of the skin from one state to another at every pixel of the first.

    Returns
    -------
    flow : ndarray (size, size, 2) float32
        Pixels, x right, y down; 0 where it is not known.
    known : ndarray (size, size) bool
        Whether the pixel shows skin (or hair, or backdrop), not the inside of eyes or mouth.
    canonical : ndarray (size, size, 2)
        Canonical points of the pixels.
    """
    x, y = pixel_grid(size)
    canonical, known = rig.backward(first, x, y)
    start = np.stack([x, y], axis=-1)
    there = rig.forward(second, canonical, start)
    known &= np.isfinite(there).all(axis=-1)
    flow = np.where(known[..., None], (there - start) * (size / CANONICAL), 0.0)
    return flow.astype(np.float32), known, canonical


def true_flow(root: Path | str, subject: str, video: str, i: int, j: int) -> tuple[Field, Bools]:
    """Dense flow of the skin from frame i to frame j (from 0), and where it is defined.

    Other parameters and errors are those of `load_truth`; a frame that is not in the video is an
    OptionError.

    Returns
    -------
    flow : ndarray (H, W, 2) float32
        Pixels, x right, y down: what is at (x, y) in frame i is at (x, y) + flow in frame j.
    mask : ndarray (H, W) bool
        Skin of the face: without hair, ears, neck, eyes, inside of the mouth, backdrop.
    """
    root = Path(root)
    spec, index, folder, stored = _load(root, subject, video)
    n = len(stored["controls"])
    for frame in (i, j):
        if not 0 <= frame < n:
            raise OptionError(f"frame {frame} is not in 0 ... {n - 1}", where=f"{folder}/{video}")
    tracks = Tracks(*(stored[name] for name in ("controls", "pose", "gaze", "tone")))
    first, second = tracks.state(i), tracks.state(j)
    flow, known, canonical = skin_flow(_rig(spec.seed, index), first, second, spec.size)
    face = cv2.imread(str(root / "truth" / folder / "face.png"), cv2.IMREAD_GRAYSCALE)
    at = canonical.astype(np.float32)
    visible = cv2.remap(face, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    return flow, known & (visible >= 255 * _FACE_SHARE)
