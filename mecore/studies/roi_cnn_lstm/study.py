"""ROI CNN-LSTM on a database, a composite, or any clips: all runs, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.errors import DataError
from mecore.evaluation.cache import prepare
from mecore.evaluation.clips import list_clips
from mecore.evaluation.folds import FoldPlan, Labels, leave_one_subject_out
from mecore.evaluation.statistics import Counts
from mecore.evaluation.study import BOTH, Design, Execution, Study, all_plans
from mecore.metrics import recognition
from mecore.metrics.averaging import grouped_confusion
from mecore.models.roi.options import RoiOptions
from mecore.studies.roi_cnn_lstm.features import AnyClip, item_patches
from mecore.studies.roi_cnn_lstm.fold import RoiTask
from mecore.studies.roi_cnn_lstm.noise import SHARES, noise_clips

if TYPE_CHECKING:
    from mecore.models.roi.cnn_training import RegionCnns

CHAPTER = "roi_cnn_lstm"
PAPER = "all as above"
ABLATIONS: dict[str, dict[str, Any]] = {
    "whole face": {"regions": "face"},
    "three channels, no mask": {"channels": "3"},
    "cross-entropy": {"loss": "cross_entropy", "weights": "none"},
}
# Noise needs no detail: patches of the least size say as much as large ones.
_NOISE_SCALE = 0.1


class RoiStudy(Study[RoiTask]):
    """A finished run whose CNNs and LSTMs are fitted on the training subjects."""

    columns: ClassVar[Mapping[str, Labels]] = {"honest": "true", "chance": "permuted"}

    def rows(self, column: str, seed: int, method: str = "") -> pd.DataFrame:
        """Predictions for the clips of the left-out subjects in a column, in one run."""
        return self.table("rows", self.columns[column], seed)

    def counts(self, rows: pd.DataFrame) -> Counts:
        """Confusion of each subject, (S, C, C)."""
        classes = self.task.classes
        return {"confusion": grouped_confusion(rows.truth, rows.predicted, classes, rows.subject)}

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """UF1, UAR and the rest, see `mecore.metrics.recognition.measures`."""
        return recognition.measures(counts["confusion"])

    def confusion(self, seed: int = 0) -> NDArray[np.int64]:
        """Confusion matrix of all clips with true labels, truth in rows."""
        rows = self.table("rows", "true", seed)
        return recognition.confusion_matrix(rows.truth, rows.predicted, self.task.classes)

    def by_database(self) -> dict[str, pd.DataFrame]:
        """Scores with true labels of all clips (``full``) and of each database of a composite."""
        runs = [self.table("rows", "true", seed) for seed in self.seeds()]
        names = dict.fromkeys(c.database for c in self.task.clips)
        parts = {"full": runs} | {n: [rows[rows.database == n] for rows in runs] for n in names}
        return {name: self.score_rows(part) for name, part in parts.items()}

    def variants(self) -> dict[str, pd.DataFrame]:
        """Scores of the sequence networks without a region, and without a mask."""
        runs = [self.table("variants", "true", seed) for seed in self.seeds()]
        return {
            name: self.score_rows([rows[rows.variant == name] for rows in runs])
            for name in runs[0].variant.unique()
        }

    def region_accuracy(self, seed: int = 0) -> pd.DataFrame:
        """What the region CNNs say of single frames of left-out subjects.

        Returns
        -------
        DataFrame
            By region: frames, accuracy, that of the most frequent label, and recall averaged over
            the labels that occur.
        """
        counts = self.table("regions", "true", seed)
        counts = counts.assign(hit=counts.n.where(counts.truth == counts.predicted, 0))
        rows = {}
        for region in self.task.regions:
            part = counts[counts.region == region].groupby("truth")[["n", "hit"]].sum()
            rows[region] = {
                "frames": int(part.n.sum()), "accuracy": part.hit.sum() / part.n.sum(),
                "most frequent label": part.n.max() / part.n.sum(),
                "mean recall": (part.hit / part.n).mean(),
            }  # fmt: skip
        return pd.DataFrame(rows).T

    def plan(self, subject: str, seed: int = 0) -> FoldPlan:
        """The fold with true labels that leaves a subject out."""
        return next(p for p in self.plans_with("true", seed) if p.test == (subject,))

    def cnns(self, subject: str, seed: int = 0) -> RegionCnns:
        """The region CNNs that were trained without a subject."""
        from mecore.studies.roi_cnn_lstm.fit import restore

        return restore(self.store.fold_table(self.plan(subject, seed).key, "weights"), self.task)

    def remarks(self) -> list[str]:
        """What is special about single folds: absent classes, one class, one clip."""
        found = []
        for plan in self.plans_with("true", self.seeds()[0]):
            truth = self.task.truth(plan).classes
            train, test = (truth[self.task.clips_of(s)] for s in (plan.train, plan.test))
            for number, name in enumerate(self.task.classes):
                if number not in train:
                    found.append(f"{plan.name}: no training subject shows {name}; it weighs 0")
            if len(test) == 1:
                found.append(f"{plan.name}: one clip only; it counts in the pooled scores")
            elif len(set(test.tolist())) == 1:
                name = self.task.classes[test[0]]
                found.append(f"{plan.name}: shows {name} only; a score of this fold means nothing")
        return found


class LeakyStudy(RoiStudy):
    """A finished run whose CNNs have seen labelled frames of everyone: the oracle."""

    # All folds of a run share their CNNs.
    together: ClassVar[int] = 10_000
    columns: ClassVar[Mapping[str, Labels]] = {"oracle": "true", "oracle on chance": "permuted"}


def run_roi(
    databases: Database | Sequence[Database],
    options: RoiOptions,
    how: Execution,
    *,
    seeds: Iterable[int] = (0,),
    labels: Sequence[Labels] = BOTH,
    variants: bool = False,
) -> RoiStudy:
    """Run ROI CNN-LSTM on a database or a composite, leaving one subject out at a time.

    Parameters
    ----------
    databases : Database or sequence of Database
        One, or several with the same classes (MEGC2019: SMIC, CASME II and SAMM).
    options : RoiOptions
        The interpretation of the paper.
    how : Execution
        Where and how it is run; no result depends on it.
    seeds : iterable of int
        Seeds of the run, with true and with permuted labels.
    labels : sequence of {"true", "permuted"}
        Permuted labels measure chance.
    variants : bool
        Also train sequence networks without each region, and without a mask.

    Raises
    ------
    DataError
        No clip of the classes, or clips without action units where they are asked for.
    MecoreError
        Videos without a usable face, or folds that failed; what was computed is kept.
    """
    several = [databases] if isinstance(databases, Database) else list(databases)
    clips = list_clips(several)
    if options.labels_from == "action_units" and not all(c.units for c in clips):
        without = [c.name for c in clips if not c.units]
        raise DataError(
            f"no action units are annotated for {len(without)} of {len(clips)} clips, such as "
            f"{without[0]}", where=several[0].root,
            todo="take the regions from the emotion: labels_from='emotion'",
        )  # fmt: skip
    task = RoiTask(tuple(clips), tuple(several[0].manifest.classes), options, variants)
    design = Design.of(CHAPTER, several, _parameters(task))
    items = list(dict.fromkeys(c.item for c in clips))
    compute = partial(item_patches, options=options)
    return _run(task, design, how, seeds, labels, lambda pool: prepare(
        compute, items, pool, progress=how.progress
    ))  # fmt: skip


def run_clips(
    clips: Sequence[AnyClip],
    classes: Sequence[str],
    name: str,
    options: RoiOptions,
    how: Execution,
    *,
    seeds: Iterable[int] = (0,),
    labels: Sequence[Labels] = ("true",),
) -> RoiStudy:
    """Run ROI CNN-LSTM on clips of any origin, such as noise; parameters as in `run_roi`."""
    task = RoiTask(tuple(clips), tuple(classes), options)
    design = Design(CHAPTER, name, joblib.hash(clips), _parameters(task))
    return _run(task, design, how, seeds, labels)


def _parameters(task: RoiTask) -> dict[str, Any]:
    return {"options": asdict(task.options), "classes": task.classes, "variants": task.variants}


def _run(
    task: RoiTask, design: Design, how: Execution, seeds: Iterable[int], labels: Sequence[Labels],
    prepare: Any = lambda pool: None,
) -> RoiStudy:  # fmt: skip
    kind = LeakyStudy if task.options.cnn_subjects == "everyone" else RoiStudy
    plans = all_plans(
        partial(leave_one_subject_out, [c.subject for c in task.clips]), seeds, labels
    )
    return kind.run(task, design, plans, how, prepare)


def run_all(
    databases: Sequence[Database], options: RoiOptions, how: Execution, seeds: Iterable[int]
) -> dict[str, RoiStudy]:
    """Run everything that the chapter shows.

    Returns
    -------
    dict
        ``honest`` and ``oracle``, each with true and permuted labels and all seeds; with the first
        seed only ``noise, honest`` and ``noise, oracle`` on clips without a signal, and each of
        `ABLATIONS`, honest.
    """
    seeds = list(seeds)
    clean = replace(options, cnn_subjects="training")
    leaky = replace(options, cnn_subjects="everyone")
    people = {(d.manifest.id, s) for d in databases for s in d.videos.subject}
    clips = noise_clips(min(8, len(people)), seed=seeds[0])
    studies = {}
    for name, chosen in (("honest", clean), ("oracle", leaky)):
        studies[name] = run_roi(databases, chosen, how, seeds=seeds, variants=name == "honest")
        coarse = replace(chosen, regions="six", labels_from="emotion", patch_scale=_NOISE_SCALE)
        studies[f"noise, {name}"] = run_clips(
            clips, tuple(SHARES), "noise", coarse, how, seeds=seeds[:1]
        )
    for name, changes in ABLATIONS.items():
        studies[name] = run_roi(
            databases, replace(clean, **changes), how, seeds=seeds[:1], labels=("true",)
        )
    return studies


def all_scores(studies: Mapping[str, RoiStudy]) -> pd.DataFrame:
    """Scores in the columns honest, oracle, chance, and oracle on chance."""
    both = pd.concat([studies["honest"].scores, studies["oracle"].scores])
    order = ["honest", "oracle", "chance", "oracle on chance"]
    return pd.concat([both[both.column == column] for column in order], ignore_index=True)


def leak(studies: Mapping[str, RoiStudy]) -> dict[str, dict[str, pd.Series]]:
    """UF1 of the clean and of the leaking protocol, with and without a class signal."""
    kinds = {"true labels": ("", 0), "permuted labels": ("", 1),
             "noise, random labels": ("noise, ", 0)}  # fmt: skip
    return {
        kind: {name: _uf1(studies[prefix + name], number) for name in ("honest", "oracle")}
        for kind, (prefix, number) in kinds.items()
    }


def _uf1(study: RoiStudy, number: int) -> pd.Series:
    scores = study.score(list(study.columns)[number])
    return scores.set_index("measure", drop=False).loc["uf1"]


def ablations(studies: Mapping[str, RoiStudy]) -> dict[str, pd.DataFrame]:
    """Scores of every ablation, honest."""
    main = studies["honest"]
    others = {name: studies[name].score("honest") for name in ABLATIONS}
    return {PAPER: main.score("honest")} | main.variants() | others
