"""Onset-apex flow images of any database: ready ones as they are, others from its frames."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd

from mecore.data.check import default_workers
from mecore.data.database import Database
from mecore.data.datasets import Scale, open_dataset
from mecore.data.features import COLUMNS, Floats, FlowImages, read_features
from mecore.data.files import source_digest
from mecore.data.places import cache_home
from mecore.descriptors.flow.engines import optical_flow
from mecore.descriptors.flow.image import flow_image
from mecore.errors import DataError
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.runner import progress_bar
from mecore.evaluation.videos import VideoItem, list_videos
from mecore.models.mean.inputs import face_crops, find_apex
from mecore.models.mean.options import MeanOptions, preset


def open_flow_images(
    dataset: str, data_root: str = "", scale: Scale = "full", *, workers: Workers = 1,
    progress: bool = True,
) -> FlowImages:  # fmt: skip
    """Open the flow images of a database, computing them where it delivers frames.

    Parameters
    ----------
    dataset, data_root, scale, progress
        See `mecore.data.datasets.open_dataset`.
    workers : int or str
        Processes, or the address of a Dask scheduler.

    Raises
    ------
    MecoreError
        See `read_features` and `open_dataset`; or no sample has a class.
    """
    # The phantom is rendered here: it writes files.
    here = workers if isinstance(workers, int) else default_workers()
    database = open_dataset(dataset, data_root, scale, workers=here, progress=progress)
    if database.manifest.layout.kind == "features":
        return read_features(database)
    return flow_images(database, workers=workers, progress=progress)


def flow_images(database: Database, *, workers: Workers = 1, progress: bool = True) -> FlowImages:
    """Compute the flow image of every micro-expression that has a class; kept in the cache."""
    options = preset()
    items = [i for i in list_videos(database) if any(e.label for e in i.expressions)]
    if not items:
        raise DataError("no micro-expression of any class", where=database.root)
    with executor_for(workers) as executor:
        futures = [executor.submit(_cached, item, options) for item in items]
        parts = [f.result() for f in progress_bar(futures, len(items), "flow images", progress)]
    rows = [
        [database.manifest.id, item.subject, f"{item.video}/{e.sample}", e.label]
        for item in items
        for e in item.expressions
        if e.label
    ]
    return FlowImages(database.manifest, pd.DataFrame(rows, columns=COLUMNS), np.concatenate(parts))


def _cached(item: VideoItem, options: MeanOptions) -> Floats:
    memory = joblib.Memory(cache_home() / "features", verbose=0)
    code = source_digest("data", "preprocessing", "descriptors")
    images: Floats = memory.cache(_compute, ignore=["options"])(item, code, options)
    return images


def _compute(item: VideoItem, code: str, options: MeanOptions) -> Floats:
    crops, points = face_crops(item.frames(), options)
    images = []
    for e in item.expressions:
        if e.label:
            apex = find_apex(e, crops, points, options)
            images.append(flow_image(optical_flow(crops[e.onset], crops[apex])))
    return np.stack(images)
