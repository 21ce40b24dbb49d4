"""Folds of ROI CNN-LSTM: region CNNs and LSTMs, both fitted on the training subjects.

With ``options.cnn_subjects == "everyone"`` the CNNs of a run are fitted once, on labelled frames of
every subject; only the LSTMs are trained without the left-out one. That is the protocol of the code
that the group published later, and the oracle of this chapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mecore.evaluation.folds import FoldPlan, FoldResult
from mecore.studies.roi_cnn_lstm.labels import LabelledClips


@dataclass(frozen=True)
class RoiTask(LabelledClips):
    """ROI CNN-LSTM on some clips; calling it runs some folds."""

    def __call__(self, plans: Sequence[FoldPlan]) -> list[FoldResult]:
        """Train and test on some folds of one run.

        Tables ``history``, ``regions`` (counts of the region CNNs on the left-out subjects),
        ``variants`` and ``weights`` go with the rows.
        """
        # Keras is imported where it trains: workers that cut patches do without it.
        from mecore.studies.roi_cnn_lstm import fit

        return fit.run_folds(self, plans)
