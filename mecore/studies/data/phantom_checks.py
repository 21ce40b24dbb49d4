"""What the phantom promises, measured: detectors believe in it, and its truth is exact."""

from concurrent.futures import Executor
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.data.frames import Footage, Image
from mecore.evaluation.runner import progress_bar
from mecore.evaluation.videos import list_videos
from mecore.phantom import load_truth, true_flow
from mecore.preprocessing.crop import to_grey
from mecore.preprocessing.faces import detect_faces, landmarks

Floats = NDArray[np.float32]
# Measure: what it is, and what is promised of it.
PROMISES = {
    "one_face": ("share of frames with exactly one face (dlib)", "≥ 0.99"),
    "landmark_error": ("distance of 68 landmarks from the truth, of the inter-ocular", "≤ 0.06"),
    "warp_onset_apex": ("grey levels left after the true flow, onset to apex", "≤ 2"),
    "warp_pair": ("grey levels left after the true flow, 0.1 s apart", "≤ 2"),
    "face_width": ("width of the face found, pixels", ""),
}


def check_phantom(
    database: Database, executor: Executor, every: int = 10, *, progress: bool = True
) -> pd.DataFrame:
    """Measure the promises on every video of a phantom, as it lies on disk, in an executor.

    Faces are looked for in ``every`` n-th frame; ``progress`` shows a bar in a terminal.

    Returns
    -------
    DataFrame
        One row per video: subject, video, and the measures of `PROMISES`, each the mean of the
        video; ``warp_onset_apex`` is missing where a video has no expression.
    """
    videos = list_videos(database)
    jobs = [executor.submit(_check_video, database.root, v.footage, every) for v in videos]
    done = progress_bar((j.result() for j in jobs), len(jobs), "checks", progress)
    return pd.DataFrame(done)


def summary(checks: pd.DataFrame) -> pd.DataFrame:
    """Mean and worst video of each measure, beside what is promised of the mean."""
    worst = dict.fromkeys(PROMISES, "max") | {"one_face": "min", "face_width": "min"}
    return pd.DataFrame([
        {"measure": what, "mean": checks[name].mean(), "worst video": checks[name].agg(worst[name]),
         "promised": promise}
        for name, (what, promise) in PROMISES.items()
    ])  # fmt: skip


def truth_of(database: Database, subject: str, video: str) -> tuple[Path, str, str]:
    """Arguments that `mecore.phantom.load_truth` wants for a video: root, folder, stem."""
    path = Path(database.video_row(subject, video).path)
    return database.root, path.parent.name, path.stem


def _check_video(root: Path, footage: Footage, every: int) -> dict[str, Any]:
    place = root, footage.path.parent.name, footage.path.stem
    truth, frames = load_truth(*place), list(footage.frames())
    found = [detect_faces(frame) for frame in frames[::every]]
    errors = [
        landmark_error(landmarks(frames[i], faces[0]), truth.landmarks[i])
        for i, faces in zip(count(0, every), found, strict=False)
        if faces
    ]
    step, middle = max(1, round(0.1 * truth.fps)), len(frames) // 2

    def left(i: int, j: int) -> float:
        return warp_error(frames[i], frames[j], *true_flow(*place, i, j))

    apexes = [left(s.onset, s.apex) for s in truth.samples]
    return {
        "subject": place[1],
        "video": place[2],
        "one_face": float(np.mean([len(faces) == 1 for faces in found])),
        "landmark_error": float(np.mean(errors)) if errors else np.nan,
        "warp_onset_apex": float(np.mean(apexes)) if apexes else np.nan,
        "warp_pair": float(np.mean([left(0, step), left(middle - step, middle)])),
        "face_width": float(np.mean([faces[0].width for faces in found if faces])),
    }


def landmark_error(predicted: Floats, truth: Floats) -> float:
    """Mean distance of 68 landmarks from the truth, as a share of the inter-ocular distance."""
    distance = np.linalg.norm(predicted - truth, axis=1).mean()
    return float(distance / np.linalg.norm(truth[45] - truth[36]))


def warp_error(reference: Image, moved: Image, flow: Floats, mask: NDArray[np.bool_]) -> float:
    """Mean grey levels by which ``moved``, warped back by the flow, differs from ``reference``.

    Both are frames (H, W, 3) of uint8; ``flow`` (H, W, 2) of float32 leads from reference to moved,
    in pixels, and ``mask`` (H, W) tells where it is defined.
    """
    first, second = (to_grey(frame).astype(np.float32) for frame in (reference, moved))
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in first.shape[::-1]))
    back = cv2.remap(second, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC)
    return float(np.abs(back - first)[mask].mean())
