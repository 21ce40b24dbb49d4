"""What ROI CNN-LSTM is trained on: clips, and their labels as a fold sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.folds import FoldPlan, permuted
from mecore.models.roi.inputs import region_names
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.relevance import reacts_by_units, region_labels, relevance_table
from mecore.runtime import seed_of
from mecore.studies.roi_cnn_lstm.features import AnyClip

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Truth:
    """Labels of all clips as a fold sees them, true or permuted.

    Parameters
    ----------
    classes : array of int, (n,)
        Class of each clip.
    regions : array of int, (n, R)
        Class of each clip for each region, or the number of classes for «not me».
    """

    classes: Ints
    regions: Ints


@dataclass(frozen=True)
class LabelledClips:
    """The clips of a run, and how they are looked at.

    Parameters
    ----------
    clips : tuple of Clip or NoiseClip
        All clips.
    classes : tuple of str
        Classes in the order of the networks' outputs.
    options : RoiOptions
        The interpretation of the paper.
    variants : bool
        Also train sequence networks without each region, and without a mask, with true labels.
    """

    clips: tuple[AnyClip, ...]
    classes: tuple[str, ...]
    options: RoiOptions
    variants: bool = False

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
            seed = seed_of(plan.seed, "labels" if everyone else f"labels of {plan.name}")
            among = np.array([everyone or c.subject in plan.train for c in self.clips])
            order = permuted(order, np.random.default_rng(seed), among)
        regions = region_labels(classes, reacts, len(self.classes))
        return Truth(classes[order], regions[order])

    def clips_of(self, subjects: tuple[str, ...]) -> Ints:
        """Numbers of the clips of some subjects."""
        return np.flatnonzero([c.subject in subjects for c in self.clips])

    def rows(self, clips: Ints, truth: Ints, probabilities: NDArray[np.float32]) -> pd.DataFrame:
        """One row per clip: who, what, truth, prediction and probabilities."""
        chosen = [self.clips[i] for i in clips]
        table = pd.DataFrame({
            "database": [c.database for c in chosen], "subject": [c.subject for c in chosen],
            "video": [c.video for c in chosen], "sample": [c.sample for c in chosen],
            "truth": [self.classes[t] for t in truth],
            "predicted": [self.classes[p] for p in probabilities.argmax(axis=1)],
        })  # fmt: skip
        columns = zip(self.classes, probabilities.T, strict=True)
        return table.assign(**{f"p_{name}": p for name, p in columns})
