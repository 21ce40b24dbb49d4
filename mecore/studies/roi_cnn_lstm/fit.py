"""Fit ROI CNN-LSTM to the training subjects of some folds, in its two stages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore import runtime
from mecore.evaluation.folds import FoldPlan, FoldResult, timed
from mecore.models.roi.cnn_training import RegionCnns
from mecore.models.roi.network import sequence_network
from mecore.models.roi.sequence_training import Sequences, SequenceStage, pad
from mecore.models.roi.stacked import StackedCnns
from mecore.runtime import seed_of
from mecore.studies.roi_cnn_lstm.features import clip_patches
from mecore.studies.roi_cnn_lstm.labels import LabelledClips, Truth

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Tables = dict[str, pd.DataFrame]
# How far the ablation pads; 500 steps are five to forty times a clip from onset to offset.
PADDED = 4
_SCALING = "scaling"


def run_folds(task: LabelledClips, plans: Sequence[FoldPlan]) -> list[FoldResult]:
    """Train both stages on the training subjects of each plan, and test on the others.

    The left-out subjects are watched, for learning curves, and nothing else.
    """
    if task.options.cnn_subjects == "training":
        return [_fold(task, plan) for plan in plans]
    rng = runtime.start(seed_of(plans[0].seed, f"everyone, {plans[0].labels}"))
    everyone = np.arange(len(task.clips))
    features, _, _ = _features(task, task.truth(plans[0]), everyone, everyone[:0], rng, {})
    return [_fold(task, plan, features) for plan in plans]


def _fold(task: LabelledClips, plan: FoldPlan, features: Sequences | None = None) -> FoldResult:
    seconds: dict[str, float] = {}
    rng = runtime.start(seed_of(plan.seed, plan.name))
    truth = task.truth(plan)
    train, test = task.clips_of(plan.train), task.clips_of(plan.test)
    tables: Tables = {}
    if features is None:
        features, tables, cnns = _features(task, truth, train, test, rng, seconds)
        if plan.labels == "true":
            tables["weights"] = _weights(task, cnns)
    with timed(seconds, "lstm"):
        variants = task.variants and plan.labels == "true"
        seed = int(rng.integers(2**32))
        rows, curves, others = _sequences(
            task, truth.classes, features, (train, test), seed, variants
        )
    histories = [*([tables["history"]] if tables else []), curves]
    tables["history"] = pd.concat(histories, ignore_index=True)
    return FoldResult(rows, tables | {"variants": others}, seconds)


def _features(
    task: LabelledClips, truth: Truth, train: Ints, test: Ints, rng: np.random.Generator,
    seconds: dict[str, float],
) -> tuple[Sequences, Tables, RegionCnns]:  # fmt: skip
    """Train the CNNs on some clips; what they say of all, and of the frames of the tested ones."""
    cnns = RegionCnns(task.regions, len(task.classes) + 1, task.options)
    clips = [clip_patches(c, task.options) for c in task.clips]
    part = [([clips[i] for i in own], truth.regions[own]) for own in (train, test)]
    with timed(seconds, "cnn"):
        history = cnns.train(*part[0], rng, part[1])
    with timed(seconds, "features"):
        looked = [cnns.look(c) for c in clips]
    names = [task.regions[r] for r in history.region]
    tables = {"history": history.assign(region=names, stage="cnn")}
    if len(test):
        outputs = [outputs for _, outputs in looked]
        tables["regions"] = _region_counts(task, test, truth.regions, outputs)
    return pad([f for f, _ in looked], task.options.length), tables, cnns


def _region_counts(
    task: LabelledClips, test: Ints, labels: Ints, outputs: list[Floats]
) -> pd.DataFrame:
    """Frames of the left-out subjects by region, label and prediction of the region's CNN."""
    rows = [
        {"region": name, "truth": int(labels[i, r]), "predicted": int(p)}
        for i in test
        for r, name in enumerate(task.regions)
        for p in outputs[i][:, r].argmax(axis=1)
    ]
    keys = ["region", "truth", "predicted"]
    return pd.DataFrame(rows).groupby(keys, sort=False).size().rename("n").reset_index()


def _weights(task: LabelledClips, cnns: RegionCnns) -> pd.DataFrame:
    arrays = [
        (name, np.asarray(w))
        for name, m in zip(task.regions, cnns.models, strict=True)
        for w in m.get_weights()
    ]
    arrays += [(_SCALING, cnns.mean), (_SCALING, cnns.spread)]
    rows = [(name, list(a.shape), a.ravel()) for name, a in arrays]
    return pd.DataFrame(rows, columns=["region", "shape", "values"])


def restore(weights: pd.DataFrame, task: LabelledClips) -> RegionCnns:
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


def _sequences(
    task: LabelledClips, truth: Ints, features: Sequences, sides: tuple[Ints, Ints], seed: int,
    variants: bool,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Train the sequence network, and its variants in the same graph; rows, curves, variants."""
    (train, test), count = sides, len(task.regions)
    model = sequence_network(count, len(task.classes), task.options)
    masked = task.options.padding == "masked"
    seen = features if masked else features.unmasked()
    # The network itself, and one without each region.
    keep = np.ones((1 + count * variants, count), np.float32)
    keep[np.arange(1, len(keep)), np.arange(len(keep) - 1)] = 0
    stage = SequenceStage(model, task.options, keep)
    watched = seen.part(test), truth[test]
    history = stage.train(seen.part(train), truth[train], np.random.default_rng(seed), watched)
    own, *without = (task.rows(test, truth[test], p) for p in stage.predict(watched[0]))
    named = {f"without {name}": part for name, part in zip(task.regions, without, strict=False)}
    if variants:
        long = features.padded(PADDED * features.mask.shape[1]).unmasked()
        other = SequenceStage(model, task.options, keep[:1])
        other.train(long.part(train), truth[train], np.random.default_rng(seed))
        (said,) = other.predict(long.part(test))
        named[f"unmasked, padded to {PADDED} times the length"] = task.rows(test, truth[test], said)
    others = [part.assign(variant=name) for name, part in named.items()]
    curves = history.assign(stage="lstm", region="all")
    return own, curves, pd.concat([own.iloc[:0].assign(variant=""), *others], ignore_index=True)
