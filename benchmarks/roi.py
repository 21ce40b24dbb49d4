"""ROI CNN-LSTM measured: a fold, stacked against plain networks, and the memory of 442 clips.

    python benchmarks/roi.py [--clips N] [--json FILE]

prints, from one run with one thread:

* processor seconds of one fold by part, as many clips as phantom-short has, and what they make of
  the 442 clips and 68 subjects of MEGC2019 on two cores,
* milliseconds per training step of the six CNNs, and of the six LSTMs: one graph with stacked
  weights against plain Keras models in one graph (they take turns; medians), and their ratio,
* peak memory of an epoch over N clips that are read from disk.

Clips are noise (`mecore.evaluation.roi_noise`): cost does not depend on what is seen. Where
TensorFlow finds a GPU, it is used, and seconds are those of the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import numpy as np
import tensorflow as tf

from mecore import runtime
from mecore.evaluation.folds import leave_one_subject_out
from mecore.evaluation.roi_noise import SHARES, noise_clips
from mecore.evaluation.roi_task import RoiTask
from mecore.models.roi.cnn_training import RegionCnns
from mecore.models.roi.network import sequence_network
from mecore.models.roi.options import RoiOptions, preset
from mecore.models.roi.stacked import StackedSequence
from mecore.preprocessing.regions import SIX, Patches, patch_size

Step = Callable[[], Any]


def fold(options: RoiOptions) -> dict[str, float]:
    """Seconds of one fold, and the estimate that follows."""
    clips = tuple(noise_clips())
    task = RoiTask(clips, tuple(SHARES), options, Path())
    plans = leave_one_subject_out(c.subject for c in clips)
    task(plans[0])  # warm
    clock = time.perf_counter if tf.config.list_physical_devices("GPU") else time.process_time
    start = clock()
    wall = task(plans[1]).seconds
    total = clock() - start
    grown = (442 * 67 / 68) / (len(clips) * 7 / 8)
    return {
        "seconds of a fold, 96 clips": total,
        "of which CNNs (clock)": wall["cnn"],
        "of which LSTMs (clock)": wall["lstm"],
        "hours of 68 folds, 442 clips, 2 cores": 68 * total * grown / 2 / 3600,
    }


def _in_turn(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Median milliseconds of each step; they take turns."""
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: float(np.median(t)) for name, t in times.items()}


def _step(forward: Step, variables: list[Any]) -> Step:
    """A training step that pulls all outputs towards zero."""
    optimizer = keras.optimizers.Adam()
    optimizer.build(variables)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_sum(y**2) for y in forward()])
        optimizer.apply(tape.gradient(loss, variables), variables)

    return step


def steps(options: RoiOptions, rounds: int = 15) -> dict[str, dict[str, float]]:
    """Stacked against plain, CNNs and LSTMs."""
    rng = np.random.default_rng(0)
    n = options.cnn_batch
    cnns = RegionCnns(SIX, 4, options)
    patches = [
        tf.constant(rng.random((n, *size, int(options.channels)), np.float32))
        for size in cnns.sizes
    ]
    stacked, models = cnns.stacked, cnns.models
    model = sequence_network(6, 3, options)
    sequence = StackedSequence(model, 6)
    x = rng.random((n, options.steps, 6, 20), np.float32)
    mask = tf.ones((n, options.steps), tf.bool)
    plain = [*(tf.constant(x[:, :, r]) for r in range(6)), mask]
    pairs = {
        "six CNNs": {
            "stacked": _step(
                lambda: [stacked.outputs(stacked.features(patches, True))], stacked.variables
            ),
            "plain": _step(
                lambda: [m(p, training=True) for m, p in zip(models, patches, strict=True)],
                [v for m in models for v in m.trainable_variables],
            ),
        },
        "six LSTMs": {
            "stacked": _step(lambda: [sequence(x, mask, True)], sequence.variables),
            "plain": _step(lambda: [model(plain, training=True)], model.trainable_variables),
        },
    }
    found = {name: _in_turn(pair, rounds) for name, pair in pairs.items()}
    return {k: v | {"plain / stacked": v["plain"] / v["stacked"]} for k, v in found.items()}


def memory(options: RoiOptions, n: int, frames: int = 70) -> dict[str, float]:
    """Peak memory of an epoch over n clips on disk, in MiB."""
    pixels = sum(h * w for h, w in (patch_size(name, options.patch_scale) for name in SIX))
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for i in range(n):
            path = Path(folder) / f"{i}.npy"
            np.save(path, np.full((frames, pixels, 3), i % 256, np.uint8))
            clips.append(Patches(np.load(path, mmap_mode="r"), np.ones(pixels, np.uint8)))
        one = preset(patch_scale=options.patch_scale, cnn_epochs=1)
        RegionCnns(SIX, 4, one).train(clips, np.zeros((n, 6), np.int64), np.random.default_rng(0))
        on_disk = sum(c.frames.nbytes for c in clips) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"clips": float(n), "patches on disk, MiB": on_disk, "peak of the process, MiB": peak}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=442, help="clips of the memory measurement")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    arguments = parser.parse_args()
    runtime.configure()
    options = preset()
    result = {
        "fold": fold(options), **steps(options), "memory": memory(options, arguments.clips),
    }  # fmt: skip
    for title, numbers in result.items():
        print(title)
        for name, value in numbers.items():
            print(f"  {name:<42}{value:10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
