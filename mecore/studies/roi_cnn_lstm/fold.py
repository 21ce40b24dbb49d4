"""One fold of ROI CNN-LSTM: region CNNs and LSTMs, both fitted on the training subjects.

With ``options.cnn_subjects == "everyone"`` the CNNs are those of `RoiTask.fit_everyone`, which have
seen labelled frames of every subject; only the LSTMs are trained without the left-out one. That is
the protocol of the code that the group published later, and the oracle of this chapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.evaluation.folds import FoldPlan, Labels
from mecore.evaluation.store import FoldResult
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.relevance import reacts_by_units, region_labels, relevance_table
from mecore.studies.roi_cnn_lstm.clips import Clip, region_names

Ints = NDArray[np.int64]
EVERYONE = "everyone"


@dataclass(frozen=True)
class Truth:
    """Labels of all clips of a run, true or permuted.

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
class RoiTask:
    """ROI CNN-LSTM on some clips; calling it runs one fold.

    Parameters
    ----------
    clips : tuple of Clip
        All clips, see `mecore.studies.roi_cnn_lstm.clips.list_clips`.
    classes : tuple of str
        In the order of the network's output.
    options : RoiOptions
        The reading of the paper.
    folder : Path
        Run folder, where the features of CNNs that have seen everyone lie.
    variants : bool
        Also train sequence networks that lack a region, and one without a mask.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    options: RoiOptions
    folder: Path
    variants: bool = False

    def __call__(self, plan: FoldPlan) -> FoldResult:
        """Train and test on one fold.

        Tables ``history``, ``regions`` (counts of the region CNNs on the left-out subjects),
        ``variants`` and ``weights`` go with the rows.
        """
        # Keras is imported where it trains: workers that cut patches do without it.
        from mecore import runtime
        from mecore.studies.roi_cnn_lstm import fit as roi_fit

        runtime.configure()
        return roi_fit.run_fold(self, plan)

    def fit_everyone(self, labels: Labels, seed: int) -> FoldResult:
        """Train the CNNs on everybody; rows are the features of all clips, for `everyone_name`."""
        from mecore import runtime
        from mecore.studies.roi_cnn_lstm import fit as roi_fit

        runtime.configure()
        return roi_fit.fit_everyone(self, labels, seed)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions."""
        return region_names(self.options)

    def truth(self, labels: Labels, seed: int) -> Truth:
        """Labels of all clips; permuted ones are shuffled among all clips of the run.

        What is permuted stays permuted in the test: data of the same look without any signal.
        """
        classes = np.array([self.classes.index(c.label) for c in self.clips], np.int64)
        if self.options.labels_from == "emotion":
            reacts = relevance_table(self.classes, self.regions)[classes]
        else:
            reacts = np.stack([reacts_by_units(c.units, self.regions) for c in self.clips])
        order = np.arange(len(classes))
        if labels == "permuted":
            order = np.random.default_rng(seed).permutation(order)
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


def everyone_name(labels: Labels) -> str:
    """Name under which the features of CNNs that have seen everyone are stored."""
    return EVERYONE if labels == "true" else f"{EVERYONE}-{labels}"
