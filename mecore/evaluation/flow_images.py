"""Onset-apex flow images of any database: ready ones as they are, others from its frames."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from mecore.data.check import default_workers
from mecore.data.database import Database
from mecore.data.datasets import Scale, open_dataset
from mecore.data.features import COLUMNS, Floats, FlowImages, joined, read_features
from mecore.errors import OptionError
from mecore.evaluation.cache import cached, prepare
from mecore.evaluation.clips import list_clips
from mecore.evaluation.executors import Workers, executor_for
from mecore.evaluation.videos import VideoItem
from mecore.models.choices import group
from mecore.models.flow.inputs import onset_apex_images
from mecore.models.flow.options import FlowOptions


def open_flow_images(
    dataset: str | Sequence[str], data_root: str = "", scale: Scale = "full",
    options: FlowOptions | None = None, *, workers: Workers = 1, progress: bool = True,
) -> FlowImages:  # fmt: skip
    """Open the flow images of one or several databases, computing them where there are frames.

    Parameters
    ----------
    dataset : str or sequence of str
        Ids or files of manifests. The subjects of several carry the names of their databases.
    data_root, scale, progress
        See `mecore.data.datasets.open_dataset`, also for errors; a root is that of a single one.
    options, workers
        See `flow_images`.
    """
    # The phantom is rendered here: it writes files.
    here = workers if isinstance(workers, int) else default_workers()
    names = [dataset] if isinstance(dataset, str) else list(dataset)
    if data_root and len(names) > 1:
        raise OptionError(
            f"one data_root for {len(names)} databases",
            todo="mecore data check ID --root DIR for each, which remembers its folder",
        )
    databases = [
        open_dataset(name, data_root, scale, workers=here, progress=progress) for name in names
    ]
    return flow_images(databases, options, workers=workers, progress=progress)


def flow_images(
    databases: Sequence[Database], options: FlowOptions | None = None, *, workers: Workers = 1,
    progress: bool = True,
) -> FlowImages:  # fmt: skip
    """Flow images of all micro-expressions that have a class; computed ones are kept in the cache.

    Parameters
    ----------
    databases : sequence of Database
        With the same classes. MecoreError for others, if no sample has a class, if videos cannot
        be used, or see `read_features`.
    options : FlowOptions, optional
        Only the group ``features`` matters.
    workers, progress
        See `mecore.evaluation.study.Execution`.
    """
    compute = partial(_images, options=options or FlowOptions())
    parts = []
    for database in databases:
        if database.manifest.layout.kind == "features":
            parts.append(read_features(database))
            continue
        clips = list_clips(database)
        items = list({clip.item.key: clip.item for clip in clips}.values())
        with executor_for(workers) as executor:
            prepare(compute, items, executor, progress=progress)
        images = {item.key: compute(item) for item in items}
        rows = [[c.database, c.subject, f"{c.video}/{c.sample}", c.label] for c in clips]
        pixels = np.stack([images[c.item.key][c.number] for c in clips])
        parts.append(FlowImages((database.manifest,), pd.DataFrame(rows, columns=COLUMNS), pixels))
    return joined(parts)


def _images(item: VideoItem, options: FlowOptions) -> Floats:
    """Flow images of all expressions of a video, from the cache."""
    return cached(onset_apex_images, item.footage, item.spans, group(options, "features"))
