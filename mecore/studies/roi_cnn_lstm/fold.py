"""Folds of ROI CNN-LSTM: region CNNs and LSTMs, both fitted on the training subjects.

With ``options.cnn_subjects == "everyone"`` the CNNs of a run are fitted once, on labelled frames of
every subject; only the LSTMs are trained without the left-out one. That is the protocol of the code
that the group published later, and the oracle of this chapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore import runtime
from mecore.evaluation.folds import FoldPlan, FoldResult, permuted, timed
from mecore.models.roi.inputs import region_names
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.relevance import reacts_by_units, region_labels, relevance_table
from mecore.studies.roi_cnn_lstm.clips import AnyClip, clip_patches

if TYPE_CHECKING:
    from mecore.models.roi.cnn_training import RegionCnns
    from mecore.models.roi.sequence_training import Sequences

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Sides = tuple[Ints, Ints]
Tables = dict[str, pd.DataFrame]
# How far the ablation pads; 500 steps are five to forty times a clip from onset to offset.
PADDED = 4
_WHO = ["database", "subject", "video", "sample"]


class Truth(NamedTuple):
    """Classes of all clips, (n,), and labels for each region, (n, R), as a fold sees them.

    For a region, the number of classes stands for «not me».
    """

    classes: Ints
    regions: Ints


@dataclass(frozen=True)
class RoiTask:
    """ROI CNN-LSTM on some clips; calling it runs some folds.

    Classes are in the order of the networks' outputs. With variants, sequence networks are trained
    without each region, and without a mask, too, with true labels.
    """

    clips: tuple[AnyClip, ...]
    classes: tuple[str, ...]
    options: RoiOptions
    variants: bool = False

    def __call__(self, plans: Sequence[FoldPlan]) -> list[FoldResult]:
        """Train both stages on the training subjects of each plan of a run; test on the others.

        The left-out subjects are watched, for learning curves, and nothing else. Tables
        ``history``, ``regions`` (counts of the region CNNs on the left-out subjects), ``variants``
        and ``weights`` go with the rows.
        """
        if self.options.cnn_subjects == "training":
            return [_fold(self, plan) for plan in plans]
        rng = runtime.start(runtime.seed_of(plans[0].seed, f"everyone, {plans[0].labels}"))
        everyone = np.arange(len(self.clips))
        features, _, _ = _features(self, self.truth(plans[0]), (everyone, everyone[:0]), rng, {})
        return [_fold(self, plan, features) for plan in plans]

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions."""
        return region_names(self.options)

    def truth(self, plan: FoldPlan) -> Truth:
        """Labels of all clips; permuted are those of the subjects that are trained on.

        CNNs that see everyone are trained on all subjects: their labels are permuted among all
        clips, the same way in every fold, and stay so in the test.
        """
        classes = np.array([self.classes.index(c.label) for c in self.clips], np.int64)
        if self.options.labels_from == "emotion":
            reacts = relevance_table(self.classes, self.regions)[classes]
        else:
            reacts = np.stack([reacts_by_units(c.units, self.regions) for c in self.clips])
        order = np.arange(len(classes))
        if plan.labels == "permuted":
            everyone = self.options.cnn_subjects == "everyone"
            seed = runtime.seed_of(plan.seed, "labels" if everyone else f"labels of {plan.name}")
            among = np.array([everyone or c.subject in plan.train for c in self.clips])
            order = permuted(order, np.random.default_rng(seed), among)
        regions = region_labels(classes, reacts, len(self.classes))
        return Truth(classes[order], regions[order])

    def clips_of(self, subjects: tuple[str, ...]) -> Ints:
        """Numbers of the clips of some subjects."""
        return np.flatnonzero([c.subject in subjects for c in self.clips])

    def rows(self, clips: Ints, truth: Ints, probabilities: Floats) -> pd.DataFrame:
        """One row per clip: who, what, truth, prediction and probabilities."""
        table = pd.DataFrame(map(attrgetter(*_WHO), (self.clips[i] for i in clips)), columns=_WHO)
        names = np.array(self.classes, object)
        table = table.assign(truth=names[truth], predicted=names[probabilities.argmax(axis=1)])
        return table.assign(**dict(zip((f"p_{c}" for c in names), probabilities.T, strict=True)))


def _fold(task: RoiTask, plan: FoldPlan, features: Sequences | None = None) -> FoldResult:
    seconds: dict[str, float] = {}
    rng = runtime.start(runtime.seed_of(plan.seed, plan.name))
    truth, sides = task.truth(plan), (task.clips_of(plan.train), task.clips_of(plan.test))
    tables: Tables = {}
    if features is None:
        features, tables, cnns = _features(task, truth, sides, rng, seconds)
        if plan.labels == "true":
            tables["weights"] = cnns.weights()
    with timed(seconds, "lstm"):
        variants = task.variants and plan.labels == "true"
        seed = int(rng.integers(2**32))
        rows, curves, others = _sequences(task, truth.classes, features, sides, seed, variants)
    tables["history"] = pd.concat([tables.get("history"), curves], ignore_index=True)
    return FoldResult(rows, tables | {"variants": others}, seconds)


def _features(
    task: RoiTask, truth: Truth, sides: Sides, rng: np.random.Generator, seconds: dict[str, float]
) -> tuple[Sequences, Tables, RegionCnns]:
    """Train the CNNs on some clips; what they say of all, and of the frames of the tested ones."""
    # Keras is imported where it trains: workers that cut patches do without it.
    from mecore.models.roi import cnn_training, sequence_training

    cnns = cnn_training.RegionCnns(task.regions, len(task.classes) + 1, task.options)
    clips = [clip_patches(c, task.options) for c in task.clips]
    train, monitor = (([clips[i] for i in own], truth.regions[own]) for own in sides)
    with timed(seconds, "cnn"):
        history = cnns.train(*train, rng, monitor)
    with timed(seconds, "features"):
        features, outputs = zip(*map(cnns.look, clips), strict=True)
    names = [task.regions[r] for r in history.region]
    tables = {"history": history.assign(region=names, stage="cnn")}
    if len(sides[1]):
        tables["regions"] = _counts(task, sides[1], truth.regions, outputs)
    return sequence_training.pad(features, task.options.length), tables, cnns


def _counts(task: RoiTask, test: Ints, labels: Ints, outputs: Sequence[Floats]) -> pd.DataFrame:
    """Frames of the left-out subjects by region, label and prediction of the region's CNN."""
    keys = ["region", "truth", "predicted"]
    frames = [
        (name, labels[i, r], predicted)
        for i in test
        for r, name in enumerate(task.regions)
        for predicted in outputs[i][:, r].argmax(axis=1)
    ]
    return pd.DataFrame(frames, columns=keys).groupby(keys, sort=False).size().reset_index(name="n")


def _sequences(
    task: RoiTask, truth: Ints, features: Sequences, sides: Sides, seed: int, variants: bool
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train the sequence network, and its variants in the same graph; rows, curves, variants."""
    from mecore.models.roi.network import sequence_network
    from mecore.models.roi.sequence_training import SequenceStage

    (train, test), count = sides, len(task.regions)
    model = sequence_network(count, len(task.classes), task.options)
    seen = features if task.options.padding == "masked" else features.unmasked()
    # The network itself, and one without each region.
    keep = np.vstack([np.ones((1, count)), 1 - np.eye(count)[: count * variants]])
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
