"""Fit ROI CNN-LSTM to the training subjects of one fold, in its two stages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore import runtime
from mecore.evaluation.folds import FoldPlan, Labels
from mecore.evaluation.runner import timed
from mecore.evaluation.store import FoldResult, RunStore
from mecore.models.roi.cnn_training import RegionCnns
from mecore.models.roi.network import FEATURES
from mecore.models.roi.sequence_training import Sequences, SequenceStage, pad
from mecore.models.roi.stacked import StackedCnns
from mecore.runtime import seed_of
from mecore.studies.roi_cnn_lstm.fold import RoiTask, everyone_name

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
# How far the ablation pads; 500 steps are five to forty times a clip from onset to offset.
PADDED = 4
_SCALING = "scaling"


def run_fold(task: RoiTask, plan: FoldPlan) -> FoldResult:
    """Train both stages on ``plan.train`` and test on ``plan.test``.

    The test subjects are watched, for learning curves, and nothing else.
    """
    seconds: dict[str, float] = {}
    rng = runtime.start(seed_of(plan.seed, plan.name))
    train, test = task.clips_of(plan.train), task.clips_of(plan.test)
    tables: dict[str, pd.DataFrame] = {}
    if task.options.cnn_subjects == "everyone":
        sequences = _stored_features(task, plan.labels)
    else:
        sequences, tables = _features_of_fold(task, plan, train, test, rng, seconds)
    rows, history, variants = _fit_sequence(task, plan, sequences, train, test, rng, seconds)
    curves = [tables.pop("history", history.iloc[:0]), history.assign(stage="lstm", region="all")]
    tables |= {"history": pd.concat(curves, ignore_index=True), "variants": variants}
    return FoldResult(rows, tables, seconds)


def fit_everyone(task: RoiTask, labels: Labels, seed: int) -> FoldResult:
    """Train the CNNs on all subjects; rows are features: clip, and R·20 values per frame."""
    rng = runtime.start(seed_of(seed, everyone_name(labels)))
    cnns = RegionCnns(task.regions, len(task.classes) + 1, task.options)
    clips = [c.patches(task.options) for c in task.clips]
    seconds: dict[str, float] = {}
    with timed(seconds, "cnn"):
        history = cnns.train(clips, task.truth(labels, seed).regions, rng)
    rows = [
        {"clip": i, "values": frame.ravel()}
        for i, clip in enumerate(clips)
        for frame in cnns.look(clip)[0]
    ]
    return FoldResult(pd.DataFrame(rows), {"history": history}, seconds)


def _stored_features(task: RoiTask, labels: Labels) -> Sequences:
    table = RunStore(task.folder).fold_table(everyone_name(labels))
    shape = (-1, len(task.regions), FEATURES)
    groups = table.groupby("clip", sort=True)["values"]
    return pad([np.stack(list(v)).astype(np.float32).reshape(shape) for _, v in groups],
               task.options.length)  # fmt: skip


def _features_of_fold(
    task: RoiTask,
    plan: FoldPlan,
    train: Ints,
    test: Ints,
    rng: np.random.Generator,
    seconds: dict[str, float],
) -> tuple[Sequences, dict[str, pd.DataFrame]]:
    labels = task.truth(plan.labels, plan.seed).regions
    cnns = RegionCnns(task.regions, len(task.classes) + 1, task.options)
    clips = [c.patches(task.options) for c in task.clips]
    with timed(seconds, "cnn"):
        history = cnns.train(
            [clips[i] for i in train], labels[train], rng,
            ([clips[i] for i in test], labels[test]),
        )  # fmt: skip
    with timed(seconds, "features"):
        looked = [cnns.look(c) for c in clips]
    history["region"] = [task.regions[r] for r in history.region]
    tables = {
        "history": history.assign(stage="cnn"),
        "regions": _region_counts(task, test, labels, [outputs for _, outputs in looked]),
    }
    if plan.labels == "true":
        tables["weights"] = _weights(task, cnns)
    return pad([f for f, _ in looked], task.options.length), tables


def _region_counts(task: RoiTask, test: Ints, labels: Ints, outputs: list[Floats]) -> pd.DataFrame:
    """Frames of the left-out subjects by region, label and prediction of the region's CNN."""
    rows = [
        {"region": name, "truth": int(labels[i, r]), "predicted": int(p)}
        for i in test
        for r, name in enumerate(task.regions)
        for p in outputs[i][:, r].argmax(axis=1)
    ]
    keys = ["region", "truth", "predicted"]
    return pd.DataFrame(rows).groupby(keys, sort=False).size().rename("n").reset_index()


def _weights(task: RoiTask, cnns: RegionCnns) -> pd.DataFrame:
    arrays = [
        (name, np.asarray(w))
        for name, m in zip(task.regions, cnns.models, strict=True)
        for w in m.get_weights()
    ]
    arrays += [(_SCALING, cnns.mean), (_SCALING, cnns.spread)]
    return pd.DataFrame({
        "region": [name for name, _ in arrays], "shape": [list(a.shape) for _, a in arrays],
        "values": [a.ravel() for _, a in arrays],
    })  # fmt: skip


def restore(weights: pd.DataFrame, task: RoiTask) -> RegionCnns:
    """Build the region CNNs of a stored fold from its table ``weights``."""
    cnns = RegionCnns(task.regions, len(task.classes) + 1, task.options)
    arrays: dict[str, list[Floats]] = {}
    for row in weights.to_dict("records"):
        values = np.asarray(row["values"], np.float32).reshape(row["shape"])
        arrays.setdefault(row["region"], []).append(values)
    for name, model in zip(task.regions, cnns.models, strict=True):
        model.set_weights(arrays[name])
    cnns.mean, cnns.spread = arrays[_SCALING]
    cnns.stacked = StackedCnns(cnns.models)
    return cnns


def _fit_sequence(
    task: RoiTask,
    plan: FoldPlan,
    sequences: Sequences,
    train: Ints,
    test: Ints,
    rng: np.random.Generator,
    seconds: dict[str, float],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train the sequence network on all regions, and its variants; rows, curves, variants."""
    truth = task.truth(plan.labels, plan.seed).classes
    seed = rng.integers(2**32)

    def fit(seen: Sequences, keep: list[int] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        order, watched = np.random.default_rng(seed), seen.part(test)
        history = stage.train(seen.part(train), truth[train], order, (watched, truth[test]), keep)
        return task.rows(test, truth[test], stage.predict(watched, keep)), history

    masked = task.options.padding == "masked"
    with timed(seconds, "lstm"):
        stage = SequenceStage(len(task.regions), len(task.classes), task.options)
        rows, history = fit(sequences if masked else sequences.unmasked())
    with timed(seconds, "variants"):
        settings = _settings(task, plan.labels, sequences)
        variants = [fit(seen, keep)[0].assign(variant=name) for name, seen, keep in settings]
    return rows, history, pd.concat([rows.iloc[:0], *variants], ignore_index=True)


def _settings(
    task: RoiTask, labels: Labels, sequences: Sequences
) -> Iterator[tuple[str, Sequences, list[int] | None]]:
    """Variants of the sequence stage: name, sequences, regions."""
    if task.variants and labels == "true":
        numbers = range(len(task.regions))
        for r, name in enumerate(task.regions):
            yield f"without {name}", sequences, [i for i in numbers if i != r]
        padded = sequences.padded(PADDED * sequences.mask.shape[1])
        yield f"unmasked, padded to {PADDED} times the length", padded.unmasked(), None
