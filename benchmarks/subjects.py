"""Cost against the number of subjects: one fold of MEAN, trained on more and more people."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from benchmarks.common import Result
from mecore.data.datasets import open_dataset
from mecore.evaluation.cache import prepare
from mecore.evaluation.executors import processes
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.videos import list_videos
from mecore.models.mean.options import preset
from mecore.studies.mean.features import video_features
from mecore.studies.mean.fold import MeanTask


def measure(quick: bool) -> Iterator[Result]:
    """Seconds of the parts of a fold, with 1 to 7 training subjects."""
    database = open_dataset("phantom-short", scale="small" if quick else "full")
    options = preset(spot_epochs=2, recog_epochs=10)
    items = list_videos(database)
    task = MeanTask(tuple(items), tuple(database.manifest.classes), options, short=True)
    subjects = sorted({i.subject for i in items})
    rows = {}
    with processes(1) as executor:
        prepare(partial(video_features, options=options), items, executor)
        for n in [n for n in (1, 2, 4, 7) if n < len(subjects)]:
            plan = FoldPlan(f"{n}", tuple(subjects[1 : n + 1]), (subjects[0],))
            executor.submit(task, [plan]).result()  # warm
            (fold,) = executor.submit(task, [plan]).result()
            rows[n] = {part: 1e3 * fold.seconds[part] for part in ("spotting", "recognition")}
    table = pd.DataFrame(rows).T.rename_axis("training subjects")
    yield Result("subjects", "One fold of MEAN on phantom-short, 2 epochs of spotting and 10 of "
                 "recognition: milliseconds", table, curve=True)  # fmt: skip
