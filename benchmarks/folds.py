"""Many folds at once against one `fit` after another.

Both routes train the same network on the same number of samples (442 of 68 subjects, noise), one
thread each, and ask about the left-out subject after every epoch. They take turns; medians of the
processor's time, since `fit` passes work between threads and would lose more on a busy machine.
From the seconds of an epoch follow those of all folds and epochs, and STSTNet is really run that
long, in worker processes, as a chapter does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pandas as pd

from benchmarks.common import Result, beside_aims, clock, timed
from mecore.data.features import FlowImages
from mecore.data.manifest import load_manifest
from mecore.evaluation.executors import processes
from mecore.evaluation.folds import leave_one_subject_out
from mecore.models.flow.networks import NETWORKS, build, first_weights
from mecore.models.flow.options import FlowOptions
from mecore.models.flow.stacked import Stack, Training, train
from mecore.studies.honest_evaluation.fold import FlowTask
from mecore.studies.honest_evaluation.study import FlowStudy

TOGETHER = FlowStudy.together
SUBJECTS, SAMPLES, EPOCHS, BATCH, WORKERS = 68, 442, 200, 64, 2
WHOLE = "STSTNet"


def measure(quick: bool) -> Iterator[Result]:
    """Every network by either route; one of them to the end."""
    keras.utils.set_random_seed(0)
    data, rounds = noise(), 2 if quick else 5
    rows = {name: compare(name, data, rounds) for name in ([WHOLE] if quick else NETWORKS)}
    table = pd.DataFrame(rows).T.rename_axis("network")
    yield Result("folds_routes", f"Seconds of one core for {SUBJECTS} folds × {EPOCHS} epochs, "
                 f"from single epochs: {TOGETHER} folds at once, and `fit` after `fit`",
                 table)  # fmt: skip
    epochs = EPOCHS // 20 if quick else EPOCHS
    yield Result("folds_whole", "Many folds at once, against what was aimed at", beside_aims([
        (f"{WHOLE}, {SUBJECTS} folds × {epochs} epochs, {WORKERS} workers, start-up included, s",
         whole(WHOLE, data, epochs), "" if quick else "≤ 240"),
        (f"{WHOLE}, times faster than `fit` after `fit`", table.loc[WHOLE, "times faster"], "≥ 5"),
    ]))  # fmt: skip


def noise() -> FlowImages:
    """As many subjects and samples as the composite of 2019, without any signal."""
    rng, manifest = np.random.default_rng(0), load_manifest("phantom-short")
    subject = [f"s{i:02}" for i in np.sort(np.arange(SAMPLES) % SUBJECTS)]
    label = rng.choice(list(manifest.classes), SAMPLES)
    samples = pd.DataFrame(
        {"database": "noise", "subject": subject, "sample": np.arange(SAMPLES).astype(str),
         "label": label}
    )  # fmt: skip
    return FlowImages((manifest,), samples, rng.random((SAMPLES, 28, 28, 3)).astype(np.float32))


def stacked_route(name: str, data: FlowImages) -> Callable[[], float]:
    """Seconds of one epoch of one fold, trained with `TOGETHER` - 1 others."""
    task = FlowTask(data, (name,), FlowOptions())
    plans = leave_one_subject_out(data.samples.subject)[:TOGETHER]
    asked = np.stack([task.of(p.test) for p in plans])
    labels = np.stack([task.truth for _ in plans])
    starts = [
        first_weights(NETWORKS[name], 3, np.random.default_rng(i)) for i, _ in enumerate(plans)
    ]

    def run(epochs: int = 4) -> float:
        now = clock()
        ticks = [now()]
        stack = Stack(NETWORKS[name], starts, range(TOGETHER))
        train(stack, data.images, labels, ~asked, asked, Training(epochs, BATCH), 0,
              lambda: ticks.append(now()))  # fmt: skip
        # The first epoch also builds the graph, once for all epochs.
        return float(np.median(np.diff(ticks)[1:])) / TOGETHER

    return run


def fit_route(name: str, data: FlowImages) -> Callable[[], float]:
    """Seconds of one epoch of one fold, trained by `keras.Model.fit`."""
    task = FlowTask(data, (name,), FlowOptions())
    test = task.of(data.samples.subject[:1])
    train_set = data.images[~test], task.truth[~test]
    model = build(NETWORKS[name], 3)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watched = data.images[test], task.truth[test]
    model.fit(*train_set, BATCH, validation_data=watched, verbose=0)

    def run(epochs: int = 4) -> float:
        now = clock()
        start = now()
        model.fit(*train_set, BATCH, epochs, validation_data=watched, verbose=0)
        return (now() - start) / epochs

    return run


def compare(name: str, data: FlowImages, rounds: int) -> dict[str, float]:
    """Seconds of all folds and epochs on one core, by either route, and their ratio."""
    routes = {"at once": stacked_route(name, data), "fit by fit": fit_route(name, data)}
    seconds = pd.DataFrame([{k: route() for k, route in routes.items()} for _ in range(rounds)])
    faster = (seconds["fit by fit"] / seconds["at once"]).median()
    return dict(SUBJECTS * EPOCHS * seconds.median()) | {"times faster": faster}


def whole(name: str, data: FlowImages, epochs: int) -> float:
    """Seconds on the clock of all folds in worker processes, start-up included."""
    task = FlowTask(data, (name,), FlowOptions(epochs=epochs, batch_size=BATCH))
    plans = leave_one_subject_out(data.samples.subject)
    groups = [plans[i : i + TOGETHER] for i in range(0, len(plans), TOGETHER)]
    with processes(WORKERS) as pool:
        return timed(lambda: list(pool.map(task, groups)))[1] / 1000
