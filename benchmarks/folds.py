"""Many folds at once against one `fit` after another.

    python -m benchmarks.folds [--network NAME] [--full] [--workers 2]

Both routes train the same network on the same number of samples (442 of 68 subjects, noise), one
thread each, and ask about the left-out subject after every epoch. They take turns; medians. From
the seconds of an epoch follow those of 68 folds × 200 epochs. ``--full`` really runs these, in
worker processes, as a chapter does.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from mecore import runtime
from mecore.data.features import FlowImages
from mecore.data.manifest import load_manifest
from mecore.evaluation.executors import processes
from mecore.evaluation.flow_study import TOGETHER
from mecore.evaluation.flow_tasks import NetworkTask
from mecore.evaluation.folds import leave_one_subject_out
from mecore.models.flow.networks import NETWORKS, build, first_weights
from mecore.models.flow.stacked import Stack, Training, train

SUBJECTS, SAMPLES, EPOCHS, BATCH = 68, 442, 200, 64


def noise() -> FlowImages:
    """As many subjects and samples as the composite of 2019, without any signal."""
    rng, manifest = np.random.default_rng(0), load_manifest("phantom-short")
    subject = [f"s{i:02}" for i in np.sort(np.arange(SAMPLES) % SUBJECTS)]
    label = rng.choice(list(manifest.classes), SAMPLES)
    samples = pd.DataFrame(
        {"database": "noise", "subject": subject, "sample": np.arange(SAMPLES).astype(str),
         "label": label}
    )  # fmt: skip
    return FlowImages(manifest, samples, rng.random((SAMPLES, 28, 28, 3)).astype(np.float32))


def stacked_route(name: str, data: FlowImages) -> Callable[[], float]:
    """Seconds of one epoch of one fold, trained with `TOGETHER` - 1 others."""
    task = NetworkTask(data, name)
    plans = leave_one_subject_out(data.samples.subject)[:TOGETHER]
    asked = np.stack([task.of(p.test) for p in plans])
    labels = np.stack([task.truth for _ in plans])
    starts = [
        first_weights(NETWORKS[name], 3, np.random.default_rng(i)) for i, _ in enumerate(plans)
    ]

    def run(epochs: int = 4) -> float:
        ticks = [time.perf_counter()]
        stack = Stack(NETWORKS[name], starts, range(TOGETHER))
        train(stack, data.images, labels, ~asked, asked, Training(epochs, BATCH), 0,
              lambda: ticks.append(time.perf_counter()))  # fmt: skip
        # The first epoch also builds the graph, once for all epochs.
        return float(np.median(np.diff(ticks)[1:])) / TOGETHER

    return run


def fit_route(name: str, data: FlowImages) -> Callable[[], float]:
    """Seconds of one epoch of one fold, trained by `keras.Model.fit`."""
    task = NetworkTask(data, name)
    test = task.of(data.samples.subject[:1])
    train_set = data.images[~test], task.truth[~test]
    model = build(NETWORKS[name], 3)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watched = data.images[test], task.truth[test]
    model.fit(*train_set, BATCH, validation_data=watched, verbose=0)

    def run(epochs: int = 4) -> float:
        start = time.perf_counter()
        model.fit(*train_set, BATCH, epochs, validation_data=watched, verbose=0)
        return (time.perf_counter() - start) / epochs

    return run


def compare(name: str, data: FlowImages, rounds: int = 5) -> dict[str, object]:
    """Seconds of 68 folds × 200 epochs on one core, by either route, and their ratio."""
    routes = stacked_route(name, data), fit_route(name, data)
    seconds = np.array([[route() for route in routes] for _ in range(rounds)])
    at_once, one_by_one = np.median(seconds, axis=0) * SUBJECTS * EPOCHS
    ratio = float(np.median(seconds[:, 1] / seconds[:, 0]))
    return {"network": name, "at once, s": round(at_once), "fit by fit, s": round(one_by_one),
            "times faster": round(ratio, 1)}  # fmt: skip


def full(name: str, data: FlowImages, workers: int) -> float:
    """Wall-clock seconds of all folds and epochs in worker processes, start-up included."""
    task, plans = (
        NetworkTask(data, name, EPOCHS, BATCH),
        leave_one_subject_out(data.samples.subject),
    )
    groups = [plans[i : i + TOGETHER] for i in range(0, len(plans), TOGETHER)]
    start = time.perf_counter()
    with processes(workers) as pool:
        list(pool.map(task, groups))
    return time.perf_counter() - start


def main() -> None:
    """Print the table, and with ``--full`` the time of a real run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--network", choices=NETWORKS, default="STSTNet")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    data = noise()
    if given.full:
        seconds = full(given.network, data, given.workers)
        what = f"{given.network}, {SUBJECTS} folds × {EPOCHS} epochs, {given.workers} workers"
        print(f"{what}: {seconds:.0f} s")
        return
    runtime.configure()
    keras.utils.set_random_seed(0)
    print(f"{platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f}")
    print(f"{SUBJECTS} folds × {EPOCHS} epochs on one core:")
    print(pd.DataFrame([compare(given.network, data)]).to_string(index=False))


if __name__ == "__main__":
    main()
