"""ROI CNN-LSTM on a database, a composite, or any clips: all runs, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from mecore.evaluation.study import BOTH, COLUMNS, Design, Execution, Study, all_plans
from mecore.metrics import recognition
from mecore.metrics.averaging import grouped_confusion
from mecore.models.roi.options import RoiOptions
from mecore.report.scores import select
from mecore.studies.roi_cnn_lstm.clips import SHARES, AnyClip, item_patches, noise_clips
from mecore.studies.roi_cnn_lstm.fold import RoiTask

if TYPE_CHECKING:
    from mecore.models.roi.cnn_training import RegionCnns

CHAPTER = "roi_cnn_lstm"
ABLATIONS: dict[str, dict[str, Any]] = {
    "whole face": {"regions": "face"},
    "three channels, no mask": {"channels": "3"},
    "cross-entropy": {"loss": "cross_entropy", "weights": "none"},
}


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
        return self.counts(self.table("rows", "true", seed))["confusion"].sum(axis=0)

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

        By region: frames, accuracy, that of the most frequent label, and recall averaged over the
        labels that occur.
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
        from mecore.models.roi.cnn_training import RegionCnns

        task = self.task
        cnns = RegionCnns(task.regions, len(task.classes) + 1, task.options)
        cnns.restore(self.store.fold_table(self.plan(subject, seed).key, "weights"))
        return cnns

    def remarks(self) -> list[str]:
        """What is special about single folds: absent classes, one class, one clip."""
        found = []
        for plan in self.plans_with("true", self.seeds()[0]):
            truth = self.task.truth(plan).classes
            train, test = (truth[self.task.clips_of(s)] for s in (plan.train, plan.test))
            absent = [name for n, name in enumerate(self.task.classes) if n not in train]
            remarks = [f"no training subject shows {name}; it weighs 0" for name in absent]
            if len(test) == 1:
                remarks.append("one clip only; it counts in the pooled scores")
            elif len(set(test)) == 1:
                name = self.task.classes[test[0]]
                remarks.append(f"shows {name} only; a score of this fold means nothing")
            found += [f"{plan.name}: {remark}" for remark in remarks]
        return found


class LeakyStudy(RoiStudy):
    """A finished run whose CNNs have seen labelled frames of everyone: the oracle."""

    # All folds of a run share their CNNs.
    together: ClassVar[int] = 10_000
    columns: ClassVar[Mapping[str, Labels]] = {"oracle": "true", "oracle on chance": "permuted"}


def run_roi(
    databases: Database | Sequence[Database], options: RoiOptions, how: Execution, *,
    seeds: Iterable[int] = (0,), labels: Sequence[Labels] = BOTH, variants: bool = False,
) -> RoiStudy:  # fmt: skip
    """Run ROI CNN-LSTM on a database or a composite, leaving one subject out at a time.

    Parameters
    ----------
    databases : Database or sequence of Database
        One, or several with the same classes (MEGC2019: SMIC, CASME II and SAMM).
    options, how
        The interpretation of the paper; and where and how it is run, which changes no result.
    seeds, labels
        Seeds of the run, each with true and with permuted labels; the latter measure chance.
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
    without = [c.name for c in clips if not c.units]
    if options.labels_from == "action_units" and without:
        raise DataError(
            f"no action units are annotated for {len(without)} of {len(clips)} clips, such as "
            f"{without[0]}", where=several[0].root,
            todo="take the regions from the emotion: labels_from='emotion'",
        )  # fmt: skip
    task = RoiTask(tuple(clips), tuple(several[0].manifest.classes), options, variants)
    items = list(dict.fromkeys(c.item for c in clips))
    compute = partial(item_patches, options=options)
    features = partial(prepare, compute, items, progress=how.progress)
    return _run(task, partial(Design.of, CHAPTER, several), how, seeds, labels, features)


def run_clips(
    clips: Sequence[AnyClip], classes: Sequence[str], name: str, options: RoiOptions,
    how: Execution, *, seeds: Iterable[int] = (0,), labels: Sequence[Labels] = ("true",),
) -> RoiStudy:  # fmt: skip
    """Run ROI CNN-LSTM on clips of any origin, such as noise; parameters as in `run_roi`."""
    task = RoiTask(tuple(clips), tuple(classes), options)
    return _run(task, partial(Design, CHAPTER, name, joblib.hash(clips)), how, seeds, labels)


def _run(
    task: RoiTask, design: Callable[[dict[str, Any]], Design], how: Execution,
    seeds: Iterable[int], labels: Sequence[Labels], features: Any = lambda pool: None,
) -> RoiStudy:  # fmt: skip
    kind = LeakyStudy if task.options.cnn_subjects == "everyone" else RoiStudy
    split = partial(leave_one_subject_out, [c.subject for c in task.clips])
    known = {"options": asdict(task.options), "classes": task.classes, "variants": task.variants}
    return kind.run(task, design(known), all_plans(split, seeds, labels), how, features)


def run_all(
    databases: Sequence[Database], options: RoiOptions, how: Execution, seeds: Iterable[int]
) -> dict[str, RoiStudy]:
    """Run everything that the chapter shows.

    These are ``honest`` and ``oracle``, each with true and permuted labels and all seeds; with the
    first seed only ``noise, honest`` and ``noise, oracle`` on clips without a signal, and each of
    `ABLATIONS`, honest.
    """
    seeds = list(seeds)
    people = {(d.manifest.id, s) for d in databases for s in d.videos.subject}
    clips = noise_clips(min(8, len(people)), seed=seeds[0])
    studies = {}
    clean = replace(options, cnn_subjects="training")
    leaky = replace(options, cnn_subjects="everyone")
    for name, chosen in (("honest", clean), ("oracle", leaky)):
        studies[name] = run_roi(databases, chosen, how, seeds=seeds, variants=name == "honest")
        # Noise needs no detail: patches of the least size say as much as large ones.
        coarse = replace(chosen, regions="six", labels_from="emotion", patch_scale=0.1)
        found = run_clips(clips, tuple(SHARES), "noise", coarse, how, seeds=seeds[:1])
        studies[f"noise, {name}"] = found
    for name, changes in ABLATIONS.items():
        other = replace(clean, **changes)
        studies[name] = run_roi(databases, other, how, seeds=seeds[:1], labels=("true",))
    return studies


def all_scores(studies: Mapping[str, RoiStudy]) -> pd.DataFrame:
    """Scores in the columns honest, oracle, chance, and oracle on chance."""
    both = pd.concat([studies["honest"].scores, studies["oracle"].scores])
    return pd.concat([both[both.column == column] for column in COLUMNS], ignore_index=True)


def leak(studies: Mapping[str, RoiStudy]) -> dict[str, dict[str, pd.Series]]:
    """UF1 of the clean and of the leaking protocol, with and without a class signal."""
    kinds = {"true labels": ("", "honest", "oracle"),
             "permuted labels": ("", "chance", "oracle on chance"),
             "noise, random labels": ("noise, ", "honest", "oracle")}  # fmt: skip
    return {
        kind: {
            name: select(studies[prefix + name].score(column))["uf1"]
            for name, column in zip(("honest", "oracle"), columns, strict=True)
        }
        for kind, (prefix, *columns) in kinds.items()
    }


def ablations(studies: Mapping[str, RoiStudy]) -> dict[str, pd.DataFrame]:
    """Scores of every ablation, honest."""
    main = studies["honest"]
    others = {name: studies[name].score("honest") for name in ABLATIONS}
    return {"all as above": main.score("honest")} | main.variants() | others
