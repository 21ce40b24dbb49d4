"""The handcrafted study: its columns and scores, other protocols, and other databases."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import cached_property, partial
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.descriptors.graph_sparse_coding import Dictionary
from mecore.descriptors.materials import takes
from mecore.descriptors.registry import descriptors, find_descriptor
from mecore.descriptors.sparse_mdmo import atomic_motion, dictionary_of
from mecore.errors import DataError
from mecore.evaluation.cache import prepare
from mecore.evaluation.clips import list_clips
from mecore.evaluation.folds import FoldPlan, Labels, across_databases, leave_one_subject_out
from mecore.evaluation.runner import collect
from mecore.evaluation.statistics import Counts
from mecore.evaluation.study import COLUMNS, Design, Execution, Study
from mecore.metrics import recognition
from mecore.metrics.averaging import f1_of_classes, grouped_confusion
from mecore.studies.handcrafted import features
from mecore.studies.handcrafted.fold import DUMMY, HandcraftedTask
from mecore.studies.handcrafted.options import HandcraftedOptions
from mecore.studies.handcrafted.selection import GridPredictions, count_settings, unpack

Indices = NDArray[np.int64]
# A quick run in which every cell executes.
_SMALL_METHODS = ("lbp_top", "lbp_top_raw", "lbp_top_unit", "biwoof", "mdmo", "sparse_mdmo")


def chosen_methods(names: Sequence[str], scale: str) -> tuple[str, ...]:
    """Methods of a chapter: those named, or all, or a few at the scale ``small``."""
    if names:
        return tuple(find_descriptor(name).name for name in names)
    return _SMALL_METHODS if scale == "small" else tuple(descriptors())


class HandcraftedStudy(Study[HandcraftedTask]):
    """A finished run of the handcrafted study."""

    # All labels of a fold share what is learnt without labels.
    together: ClassVar[int] = 64

    @staticmethod
    def group(plan: FoldPlan) -> object:
        """What folds agree in that are run at once."""
        return plan.test

    def single(self, labels: Labels = "true", seed: int = 0) -> list[FoldPlan]:
        """Folds that leave out one subject."""
        return [p for p in self.plans_with(labels, seed) if len(p.test) == 1]

    @property
    def methods(self) -> list[str]:
        """The classifier that looks at no feature, and all descriptors."""
        return [DUMMY, *self.task.methods]

    def predictions(self, name: str, labels: Labels = "true", seed: int = 0) -> GridPredictions:
        """What every setting of a method says of the clips left out."""
        if (labels, seed) not in self._predictions:
            self._predictions[labels, seed] = self._collect(labels, seed)
        return self._predictions[labels, seed][name]

    @cached_property
    def _predictions(self) -> dict[tuple[Labels, int], dict[str, GridPredictions]]:
        return {}

    def _collect(self, labels: Labels, seed: int) -> dict[str, GridPredictions]:
        """Put the folds together: classes said of each clip, and inner counts of each subject."""
        task, plans = self.task, self.plans_with(labels, seed)
        rows = self.table("rows", labels, seed)
        inner: dict[str, dict[str, Indices]] = {name: {} for name in self.methods}
        for plan in self.single(labels, seed):
            subject, told = plan.test[0], task.labels(plan)
            pairs = [p.name for p in plans if subject in p.test and p is not plan]
            others = rows[rows.fold.isin(pairs) & (rows.subject != subject)]
            for name, part in others.groupby("method"):
                said = unpack(part.predicted)
                inner[name][subject] = count_settings(told[part.number], said, len(task.classes))
        # A fold of one subject is called by it.
        outer = rows[rows.fold == rows.subject].sort_values("number").groupby("method").predicted
        return {
            name: GridPredictions(task.subjects, task.truth, unpack(said), inner[name])
            for name, said in outer
        }

    def rows(self, column: str, seed: int, method: str = "") -> NDArray[np.uint8]:
        """Class that a method says of every clip in a column, (n,)."""
        found = self.predictions(method, COLUMNS[column], seed)
        return found.oracle() if column.startswith("oracle") else found.honest()

    def counts(self, rows: NDArray[Any]) -> Counts:
        """Confusion matrices of the subjects."""
        codes = range(len(self.task.classes))
        return {"confusion": grouped_confusion(self.task.truth, rows, codes, self.task.subjects)}

    def measures(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """Measures of recognition, and F1 of each class as ``f1 <class>``."""
        each = np.nan_to_num(f1_of_classes(counts["confusion"]))
        classes = {f"f1 {c}": each[..., n] for n, c in enumerate(self.task.classes)}
        return recognition.measures(counts["confusion"]) | classes

    def confusion(self, column: str, method: str, seed: int = 0) -> Indices:
        """Confusion matrix of a column, truth in rows."""
        return self.counts(self.rows(column, seed, method))["confusion"].sum(axis=0)

    def classifiers(self) -> pd.DataFrame:
        """Scores of other classifiers, leave one subject out: method, classifier, measure, …."""
        stored = collect(self.store, self.single(), "classifiers")
        parts = []
        for (name, title), part in stored.groupby(["method", "classifier"], sort=False):
            said = np.zeros(len(self.task.clips), np.uint8)
            said[part.number.to_numpy()] = unpack(part.predicted)[:, 0]
            parts.append(self.score_rows([said]).assign(method=name, classifier=title))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def dictionary(self, subject: str) -> Dictionary:
        """Dictionary of Sparse MDMO from everybody but one subject."""
        options, kept = self.task.options, [c for c in self.task.clips if c.subject != subject]
        motion = np.stack([features.array_of(clip, atomic_motion, options) for clip in kept])
        known = {k: v for k, v in asdict(options).items() if k in takes(dictionary_of)}
        return dictionary_of(motion, seed=0, **known)


def nested_plans(subjects: Iterable[str], seed: int = 0, labels: Labels = "true") -> list[FoldPlan]:
    """Plan one fold per subject and one per pair of subjects.

    DataError for fewer than three: leaving two out would leave nobody to train on.
    """
    names = sorted(set(subjects))
    if len(names) < 3:
        raise DataError(
            f"nested selection leaves out two subjects at a time, there are {len(names)}",
            todo="record a third subject, or test across databases",
        )
    ending = "" if labels == "true" else f"-{labels}"
    pairs = [
        FoldPlan(f"{a}+{b}{ending}", tuple(n for n in names if n not in (a, b)), (a, b),
                 seed=seed, labels=labels)
        for a, b in combinations(names, 2)
    ]  # fmt: skip
    return leave_one_subject_out(names, seed, labels) + pairs


def run_handcrafted(
    databases: Database | Sequence[Database],
    methods: Sequence[str],
    options: HandcraftedOptions,
    how: Execution,
    *,
    seeds: Iterable[int] = (0,),
    compared: Sequence[str] = ("lbp_top", "mdmo"),
) -> HandcraftedStudy:
    """Run the study, leaving out one subject, and two, at a time.

    Parameters
    ----------
    databases : Database or sequence of Database
        Any whose videos hold faces; at least three subjects.
    methods, compared : sequence of str
        See `chosen_methods`; those that other classifiers are tried on, too.
    options : HandcraftedOptions
        What the methods share.
    how : Execution
        Where and how it is run; no result depends on it.
    seeds : iterable of int
        Draws of permuted labels. With true labels nothing is drawn, but for first values with
        seeds of their own: one run says it all.

    Raises
    ------
    MecoreError
        Videos that cannot be used, or folds that failed; what was computed is kept.
    """
    several = [databases] if isinstance(databases, Database) else list(databases)
    compared = tuple(name for name in compared if name in methods)
    task = _task(several, methods, options, compared)
    plans = nested_plans(task.subjects)
    plans += [p for seed in seeds for p in nested_plans(task.subjects, seed, "permuted")]
    return _run(task, several, sorted(plans, key=lambda plan: plan.test), how)


def _task(
    databases: Sequence[Database], methods: Sequence[str], options: HandcraftedOptions,
    compared: tuple[str, ...] = (),
) -> HandcraftedTask:  # fmt: skip
    clips = tuple(list_clips(databases))
    kinds = map(find_descriptor, methods)
    matrices = {kind.name: features.matrix_file(clips, kind, options) for kind in kinds}
    classes = tuple(databases[0].manifest.classes)
    return HandcraftedTask(clips, classes, tuple(methods), options, matrices, compared)


def _run(
    task: HandcraftedTask, databases: Sequence[Database], plans: Sequence[FoldPlan], how: Execution
) -> HandcraftedStudy:
    kinds = map(find_descriptor, task.methods)
    code = {kind.name: features.known_of(kind.compute, task.options)[2] for kind in kinds}
    design = Design.of("handcrafted", databases, {
        "options": asdict(task.options), "methods": task.methods, "compared": task.compared,
        "classes": task.classes, "descriptors": code,
    })  # fmt: skip
    return HandcraftedStudy.run(task, design, plans, how, partial(_prepare, task, how.progress))


def _prepare(task: HandcraftedTask, progress: bool, executor: Executor) -> None:
    """Compute the descriptors of all videos, and put them together."""
    wanted: list[features.Compute] = [find_descriptor(name).compute for name in task.methods]
    wanted += [atomic_motion, features.shown_flow]
    compute = partial(features.compute_all, computes=wanted, options=task.options)
    items = {clip.item.key: clip.item for clip in task.clips}
    prepare(compute, items.values(), executor, progress=progress)
    for name in task.methods:
        task.matrix(name)


def across(
    study: HandcraftedStudy, database: Database, other: Database, how: Execution
) -> pd.DataFrame:
    """Train on a database and test on another, with the settings that are best inside the first.

    ``study`` is that of ``database``. Gives scores of each method on all clips of ``other``:
    method, measure, score …; DataError if the classes of the two differ.
    """
    both = [database, other]
    task = _task(both, study.task.methods, study.task.options)
    names = [d.manifest.id for d in both]
    plan = across_databases({c.subject: c.database for c in task.clips}, names[:1], names[1])
    run = _run(task, both, [plan], how)
    rows, place = run.store.fold_table(plan.key), run.task.members(plan.test)
    tested = tuple(run.task.clips[i] for i in place)
    asked = HandcraftedStudy(replace(run.task, clips=tested), run.plans, run.store)
    parts = []
    for name, part in rows.groupby("method", sort=False):
        said = unpack(part.predicted)[:, study.predictions(name).oracle_setting()]
        parts.append(asked.score_rows([said]).assign(method=name))
    return pd.concat(parts, ignore_index=True)


def protocols(study: HandcraftedStudy, other: pd.DataFrame | None = None) -> pd.DataFrame:
    """Score three protocols, with settings chosen by other subjects, and ask who it is.

    Leave one video out differs from the honest column in the training clips alone: the other clips
    of the same person are among them. What a feature knows of the person, which is asked of the
    same classifiers, is what this can profit from. Methods that learn their features, and so would
    have to be learnt anew without each video, are left out.

    Gives method, protocol, measure, score, low, high …, with what `across` gave as ``other``. Of
    the protocol ``person told`` there is accuracy alone.
    """
    task, parts = study.task, []
    people = np.unique(task.subjects, return_inverse=True)[1]
    for name in (n for n in task.methods if find_descriptor(n).learn is None):
        settings = study.predictions(name).honest_settings()
        said, person = (task.each_video(name, settings, x) for x in (task.truth, people))
        found = {"leave one subject out": study.score("honest", name),
                 "leave one video out": study.score_rows([said])}  # fmt: skip
        if other is not None:
            found["other database"] = other[other.method == name]
        accuracy = (person == people).mean()
        found["person told"] = pd.DataFrame({"measure": ["accuracy"], "score": accuracy})
        parts += [table.assign(method=name, protocol=k) for k, table in found.items()]
    return pd.concat(parts, ignore_index=True)
