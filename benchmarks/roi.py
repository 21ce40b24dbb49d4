"""ROI CNN-LSTM measured: a fold, stacked against plain networks, and the memory of 442 clips.

Clips are noise (`mecore.studies.roi_cnn_lstm.clips`): cost does not depend on what is seen. Seconds
of a fold are those of the processor; where TensorFlow finds a GPU, it is used, and they are those
of the clock.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from benchmarks.common import Result, beside_aims, clock, in_turn, memory_of
from mecore import runtime
from mecore.evaluation.folds import leave_one_subject_out
from mecore.models.roi.cnn_training import RegionCnns
from mecore.models.roi.network import sequence_network
from mecore.models.roi.options import preset
from mecore.models.roi.stacked import StackedSequence
from mecore.preprocessing.regions import SIX, Patches, patch_size
from mecore.studies.roi_cnn_lstm.clips import SHARES, noise_clips
from mecore.studies.roi_cnn_lstm.fold import RoiTask

Step = Callable[[], Any]
FRAMES = 70


def measure(quick: bool) -> Iterator[Result]:
    """A fold and a data set that streams from disk; then single steps of training."""
    runtime.configure()
    n = 60 if quick else 442
    seconds, parts = fold()
    before, peak = memory_of(epoch, n)
    # Cost grows with the clips that are trained on: 7 of 8 subjects here, 67 of 68 there.
    composite = 68 * seconds * (442 * 67 / 68) / (96 * 7 / 8) / 2 / 3600
    yield Result("roi_cost", "ROI CNN-LSTM, default options, clips of noise", beside_aims([
        ("one fold, 96 clips, s of a core", seconds, ""),
        ("of which CNNs, s on the clock", parts["cnn"], ""),
        ("of which LSTMs, s on the clock", parts["lstm"], ""),
        ("8 folds of 96 clips, estimate for two cores, minutes", 8 * seconds / 2 / 60, "≤ 8"),
        ("68 folds of 442 clips, estimate for two cores, hours", composite, ""),
        (f"memory, epoch over {n} clips on disk: peak, MB", peak, "≤ 3,000"),
        ("of which before the first clip, MB", before, ""),
    ]))  # fmt: skip
    yield Result("roi_steps", "Milliseconds of a training step: six networks stacked in one graph, "
                 "and six plain Keras models in one graph", steps(3 if quick else 15))  # fmt: skip


def fold() -> tuple[float, dict[str, float]]:
    """Seconds of one fold with as many clips as phantom-short has, and of its parts."""
    clips = tuple(noise_clips())
    task = RoiTask(clips, tuple(SHARES), preset())
    plans = leave_one_subject_out(c.subject for c in clips)
    task(plans[:1])  # warm
    now = clock()
    start = now()
    parts = task(plans[1:2])[0].seconds
    return now() - start, parts


def epoch(n: int) -> None:
    """Train the CNNs for an epoch on n clips on disk."""
    runtime.configure()
    options = preset(cnn_epochs=1)
    pixels = sum(h * w for h, w in (patch_size(name, options.patch_scale) for name in SIX))
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for i in range(n):
            path = Path(folder) / f"{i}.npy"
            np.save(path, np.full((FRAMES, pixels, 3), i % 256, np.uint8))
            clips.append(Patches(np.load(path, mmap_mode="r"), np.ones(pixels, np.uint8)))
        labels = np.zeros((n, len(SIX)), np.int64)
        RegionCnns(SIX, 4, options).train(clips, labels, np.random.default_rng(0))


def steps(rounds: int) -> pd.DataFrame:
    """Stacked against plain, CNNs and LSTMs."""
    rows = {}
    for name, (stacked, plain) in {"six CNNs": cnn_steps(), "six LSTMs": lstm_steps()}.items():
        ms = in_turn({"stacked": stacked, "plain": plain}, rounds)
        rows[name] = dict(ms.median()) | {"plain / stacked": (ms.plain / ms.stacked).median()}
    return pd.DataFrame(rows).T.rename_axis("one step")


def cnn_steps() -> tuple[Step, Step]:
    """A step of the CNNs by either route, on a batch of patches."""
    rng, options = np.random.default_rng(0), preset()
    cnns = RegionCnns(SIX, 4, options)
    shapes = [(options.cnn_batch, *size, int(options.channels)) for size in cnns.sizes]
    patches = [tf.constant(rng.random(shape, np.float32)) for shape in shapes]
    stacked, models = cnns.stacked, cnns.models
    return (
        _step(lambda: [stacked.outputs(stacked.features(patches, True))], stacked.variables),
        _step(lambda: [m(p, training=True) for m, p in zip(models, patches, strict=True)],
              [v for m in models for v in m.trainable_variables]),
    )  # fmt: skip


def lstm_steps() -> tuple[Step, Step]:
    """A step of the LSTMs by either route, on a batch of sequences."""
    rng, options = np.random.default_rng(0), preset()
    model = sequence_network(len(SIX), 3, options)
    sequence = StackedSequence(model, np.ones((1, len(SIX))))
    x = rng.random((options.cnn_batch, options.steps, len(SIX), 20), np.float32)
    mask = tf.ones(x.shape[:2], tf.bool)
    plain = [*(tf.constant(x[:, :, r]) for r in range(len(SIX))), mask]
    return (
        _step(lambda: [sequence(x, mask, True)], sequence.variables),
        _step(lambda: [model(plain, training=True)], model.trainable_variables),
    )


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
