"""`mecore analyze` measured: frames per second of a 640×480 video, and where the time goes.

The video is a phantom face, rendered once and shown again and again. Stages are timed one by one on
one core; the whole runs them side by side.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import psutil

from benchmarks.common import Result
from mecore.data.external import file_set
from mecore.data.frames import VideoFile, stream_video, video_file
from mecore.descriptors.flow.engines import flow_stream
from mecore.errors import ExternalFileError
from mecore.models.mean.inputs import CROP, crop_landmarks, flow_inputs
from mecore.models.mean.options import MeanOptions, preset
from mecore.models.mean.stacked import MeanStack, fresh
from mecore.models.mean.weights import SETS, published_networks
from mecore.phantom import LONG, write_phantom
from mecore.preprocessing.crop import crop_face
from mecore.spotting.labels import flow_distance
from mecore.video.analyze import BATCH, asked, score_video, spot
from mecore.video.faces import FacePictures, Placed, face_boxes

SIZE, FPS, TARGET = (640, 480), 200, 200
CLASSES, RELEASED = SETS["casme2"]["classes"], preset("as_released")


def measure(quick: bool) -> Iterator[Result]:
    """Profile by stage, then the whole."""
    networks, trained = _networks()
    n = 300 if quick else 2400
    with tempfile.TemporaryDirectory() as temporary:
        video = film(Path(temporary), n)
        engines = {e: replace(RELEASED, engine=e, clip=True) for e in ("fast", "dual")}
        stages = {e: profile(video, networks, o, n // 4) for e, o in engines.items()}
        yield Result("analyze_stages", f"analyze, 640×480 at {FPS} frames per second, {trained}: "
                     "milliseconds of one core per frame",
                     pd.DataFrame(stages).rename_axis("stage"))  # fmt: skip
        yield Result("analyze_whole", f"analyze, {n} frames: frames per second (target: {TARGET})",
                     whole(video, networks, engines))  # fmt: skip


def _networks() -> tuple[MeanStack, str]:
    """The published networks; where they are not there, as many fresh ones, which cost the same."""
    n, options = sum(p.startswith("CASME2/") for p in file_set("mean-weights")), RELEASED
    try:
        return MeanStack(published_networks("casme2"), options), f"{n} published networks"
    except ExternalFileError:
        rng = np.random.default_rng(0)
        copies = [fresh(len(CLASSES), options, rng) for _ in range(n)]
        return MeanStack(copies, options), f"{n} untrained networks"


def film(folder: Path, n: int) -> VideoFile:
    """A phantom of half a minute at most, 480 pixels high, as a video of n frames."""
    spec = replace(LONG, size=SIZE[1], fps=FPS, subjects=1, recordings=1, seconds=(1.5, 1.5))
    write_phantom(spec, folder / "phantom")
    (source,) = (p for p in (folder / "phantom").rglob("*.avi"))
    margin = (SIZE[0] - SIZE[1]) // 2
    frames = [
        cv2.copyMakeBorder(frame[..., ::-1], 0, 0, margin, margin, cv2.BORDER_REPLICATE)
        for frame in stream_video(source)
    ]
    path = folder / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE)
    # To and fro, so that nothing jumps.
    for frame in itertools.islice(itertools.cycle([*frames, *frames[::-1]]), n):
        writer.write(frame)
    writer.release()
    return video_file(path)


def profile(
    video: VideoFile, networks: MeanStack, options: MeanOptions, n: int
) -> dict[str, float]:
    """Milliseconds per frame of each stage, on one core."""
    table: dict[str, float] = {}

    def stage(name: str, function: Callable[[], Any]) -> Any:
        # Time of the processor, which others on the machine do not lengthen much.
        begun = time.process_time()
        value = function()
        table[name] = 1e3 * (time.process_time() - begun) / n
        return value

    frames = stage("decode", lambda: list(itertools.islice(stream_video(video.path), n)))
    search = face_boxes(frames, video.fps, "largest", video.path)
    first = next(search)
    placed = [first, *stage("face, looked for again", lambda: list(search))]
    with tempfile.TemporaryFile() as file:
        keep = FacePictures(file).keep
        stage("pictures for the report", lambda: sum(1 for _ in keep(placed)))
    box = first[1]
    points = crop_landmarks(frames[0], box, options)
    cut = partial(crop_face, box=box, size=CROP, jpeg_quality=options.jpeg_quality)
    crops = stage("crop, grey, JPEG", lambda: [cut(frame) for frame in frames])
    k = flow_distance(video.fps, options.k_seconds)
    flow = np.stack(list(flow_stream(crops[: k + 1], k, engine=options.engine)))  # compiled
    flow = stage("flow", lambda: np.stack(list(flow_stream(crops, k, engine=options.engine))))
    parts = [flow[i : i + BATCH] for i in range(0, len(flow), BATCH)]
    features = stage("strain and input", lambda: [flow_inputs(p, points, options) for p in parts])
    asked(networks, features[0])
    stage("networks", lambda: [asked(networks, f) for f in features])
    stretches = score_video(placed, video.fps, networks, options)
    stage("intervals", lambda: spot(stretches, video.fps, 34, CLASSES, options))
    return table | {"sum": sum(table.values())}


def whole(video: VideoFile, networks: MeanStack, engines: dict[str, MeanOptions]) -> pd.DataFrame:
    """Frames per second from file to intervals, and how much the memory grew."""
    rows = []
    for (engine, options), threads in itertools.product(engines.items(), (1, 2)):
        memory: list[float] = []
        begun, spent = time.perf_counter(), time.process_time()
        with tempfile.TemporaryFile() as file:
            placed = FacePictures(file).keep(_placed(video, memory))
            stretches = score_video(placed, video.fps, networks, options, threads)
        spot(stretches, video.fps, 34, CLASSES, options)
        wall, spent = time.perf_counter() - begun, time.process_time() - spent
        rows.append({
            "engine": engine, "threads for flow": threads, "frames per second": len(video) / wall,
            "ms of a core per frame": 1e3 * spent / len(video), "cores busy": spent / wall,
            "memory at a third, MB": memory[0], "at the end": memory[1],
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("engine")


def _placed(video: VideoFile, memory: list[float]) -> Iterator[Placed]:
    placed = face_boxes(stream_video(video.path), video.fps, "largest", video.path)
    for i, frame in enumerate(placed):
        if i in (len(video) // 3, len(video) - 1):
            memory.append(psutil.Process().memory_info().rss / 2**20)
        yield frame
