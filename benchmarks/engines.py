"""What the choice of optical flow does to results: MEAN trained on each, and MEAN as published."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.common import Result
from mecore.data.database import Database
from mecore.data.datasets import open_dataset
from mecore.descriptors.flow.engines import Engine, optical_flow
from mecore.errors import ExternalFileError
from mecore.evaluation.study import Execution, seed_range
from mecore.evaluation.videos import list_videos
from mecore.models.mean.inputs import face_crops, flow_inputs
from mecore.models.mean.options import preset
from mecore.models.mean.stacked import MeanStack
from mecore.models.mean.weights import published_networks
from mecore.report.scores import select
from mecore.spotting.labels import flow_distance
from mecore.studies.mean.study import run_mean
from mecore.video.analyze import asked

ENGINES: tuple[Engine, ...] = ("dual", "fast", "dis")
MEASURES = {"spotting F1": "f1", "AP@[.5:.95]": "ap_50_95", "UF1": "recognition_uf1",
            "UAR": "recognition_uar", "STRS": "strs"}  # fmt: skip
WEIGHTS = ("casme2", "smic_hs")
WORKERS = 2


def measure(quick: bool) -> Iterator[Result]:
    """MEAN on the small phantoms with every engine; the published networks on their flow."""
    short = open_dataset("phantom-short", scale="small", workers=WORKERS)
    sets = (
        [short] if quick else [short, open_dataset("phantom-long", scale="small", workers=WORKERS)]
    )
    for database in sets:
        yield Result(f"engines_{database.manifest.id}",
                     f"MEAN on {database.manifest.id}, small, honest column, by optical flow",
                     trained(database, quick))  # fmt: skip
    try:
        networks = {name: published_networks(name) for name in WEIGHTS}
    except ExternalFileError as error:
        print(f"The published networks are left out: {error}")
        return
    yield Result("engines_published", "Published networks of MEAN on phantom-short, small: what "
                 "they say on another flow, against what they say on OpenCV's",
                 published(short, networks, 8 if quick else 3))  # fmt: skip


def trained(database: Database, quick: bool) -> pd.DataFrame:
    """Scores of the honest column, means over seeds, and seconds of the run with its features."""
    rows, scale = {}, "small" if quick else "full"
    for engine in ENGINES:
        options = preset(scale=scale, engine=engine)
        with tempfile.TemporaryDirectory() as results:
            begun, how = time.perf_counter(), Execution(WORKERS, results=Path(results))
            study = run_mean(database, options, how, seeds=seed_range(0, scale), labels=("true",))
            seconds = time.perf_counter() - begun
            scores = select(study.scores, "honest")
        rows[NAMES[engine]] = {label: scores[name].score for label, name in MEASURES.items()}
        rows[NAMES[engine]] |= {"seconds": round(seconds)}
    return pd.DataFrame(rows).T.rename_axis("optical flow")


NAMES = {"dual": "dual (OpenCV's, bit for bit)", "fast": "fast", "dis": "dis"}


def published(database: Database, networks: dict[str, list[Any]], every: int) -> pd.DataFrame:
    """Correlation of mean scores and agreement of mean classes with those on ``dual``."""
    pairs, points = _pairs(database, every)
    features = {e: _features(pairs, points, e) for e in ENGINES}
    features["dual, frames with noise of 10⁻⁵ grey levels"] = _features(
        _stirred(pairs), points, "dual"
    )
    rows = []
    for name, group in networks.items():
        stack = MeanStack(group, preset("as_released"))
        outputs = {e: asked(stack, x) for e, x in features.items()}
        reference = outputs["dual"]
        for engine, (scores, classes) in outputs.items():
            rows.append({
                "optical flow": NAMES.get(engine, engine), "networks": f"{len(group)} of {name}",
                "pairs": len(pairs),
                "correlation of scores": np.corrcoef(scores, reference[0])[0, 1],
                "same class": (classes.argmax(1) == reference[1].argmax(1)).mean(),
            })  # fmt: skip
    return pd.DataFrame(rows).set_index("optical flow")


def _pairs(database: Database, every: int) -> tuple[list[Any], list[Any]]:
    options, pairs, points = preset("as_released"), [], []
    for item in list_videos(database):
        crops, landmarks = face_crops(item.footage, options)
        k = flow_distance(item.fps, options.k_seconds)
        for i in range(0, len(crops) - k, every):
            pairs.append((crops[i], crops[i + k]))
            points.append(landmarks)
    return pairs, points


def _stirred(pairs: list[Any]) -> list[Any]:
    """The same frames as floats, with noise far below a grey level."""
    rng = np.random.default_rng(0)
    noisy = (f / 255 + rng.normal(0, 1e-5 / 255, f.shape) for pair in pairs for f in pair)
    frames = [np.clip(f, 0, 1).astype(np.float32) for f in noisy]
    return list(zip(frames[::2], frames[1::2], strict=True))


def _features(pairs: list[Any], points: list[Any], engine: Engine) -> NDArray[np.float32]:
    options = preset("as_released")
    flows = (optical_flow(*pair, engine=engine) for pair in pairs)
    inputs = [flow_inputs(f[None], p, options) for f, p in zip(flows, points, strict=True)]
    return np.concatenate(inputs)
