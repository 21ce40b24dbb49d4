"""Honest, oracle and chance of predictions whose scores are known beforehand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mecore.data.features import FlowImages
from mecore.data.manifest import load_manifest
from mecore.errors import DataError, OptionError
from mecore.evaluation.folds import leave_one_subject_out
from mecore.evaluation.study import Execution
from mecore.metrics.recognition import evaluate
from mecore.models.flow.options import chosen
from mecore.report.published import load_published
from mecore.studies.honest_evaluation import tables
from mecore.studies.honest_evaluation.fold import CLASSIFIERS, FlowTask
from mecore.studies.honest_evaluation.scores import (
    BEST,
    CHOICES,
    Answers,
    best_of_subjects,
    choose,
    column_of,
    step_scores,
)
from mecore.studies.honest_evaluation.study import run_flow_study

PEOPLE, EACH = 6, 6


def flow_data(signal=1.0, seed=0):
    """Images whose brightness below tells the class, as far as ``signal`` goes."""
    rng = np.random.default_rng(seed)
    classes = list(load_manifest("phantom-short").classes)
    label = np.tile(np.arange(3), PEOPLE * EACH // 3)
    images = rng.random((len(label), 28, 28, 3)).astype(np.float32) * 0.5
    for i, c in enumerate(label):
        images[i, c * 9 : c * 9 + 9] += signal * 0.4
    samples = pd.DataFrame(
        {"database": "own", "subject": np.repeat([f"s{i}" for i in range(PEOPLE)], EACH),
         "sample": [f"{i:03}" for i in range(len(label))], "label": [classes[c] for c in label]}
    )  # fmt: skip
    return FlowImages((load_manifest("phantom-short"),), samples, images)


def guesses(n_steps, n_seeds=2, n_subjects=40, each=6, seed=0):
    """Predictions that know nothing, with n_steps to choose from."""
    rng = np.random.default_rng(seed)
    truth, subjects = rng.integers(0, 3, n_subjects * each), np.repeat(np.arange(n_subjects), each)
    steps = rng.integers(0, 3, (n_seeds, n_steps, len(truth)))
    return Answers(steps, steps[:, -1]), truth, subjects


def uf1(predicted, truth):
    return np.mean([evaluate(truth, run, range(3))["uf1"] for run in predicted])


def test_choosing_on_the_left_out_subjects_turns_guesses_into_results():
    answers, truth, subjects = guesses(n_steps=100)
    score = {how: uf1(choose(answers, how, truth, subjects, 3), truth) for how in CHOICES[:-1]}
    assert score["honest"] == pytest.approx(1 / 3, abs=0.05)
    assert score["honest"] < score["oracle, one step"] <= score["oracle, step and seed"] < 0.45
    # 100 epochs of independent guesses, the best kept for every subject.
    assert score["oracle, step per subject"] > 0.65
    assert best_of_subjects(answers.steps, truth, subjects, 3).mean() > 0.65


def test_a_single_step_leaves_nothing_to_choose():
    answers, truth, subjects = guesses(n_steps=1, n_seeds=1)
    for how in CHOICES[:-1]:
        np.testing.assert_array_equal(choose(answers, how, truth, subjects, 3), answers.honest)


def test_the_oracle_takes_each_subject_s_best_step_and_of_equal_ones_the_last():
    truth, subjects = np.array([0, 1, 2, 0]), np.array([7, 7, 9, 9])
    steps = np.array([[[0, 0, 2, 0], [0, 1, 1, 1], [2, 1, 2, 0], [0, 1, 0, 0]]])
    answers = Answers(steps, steps[:, 0])
    best = choose(answers, "oracle, step per subject", truth, subjects, 3)
    # Subject 7: steps 1 and 3 are right; subject 9: steps 0 and 2.
    assert best.tolist() == [[0, 1, 2, 0]]
    with pytest.raises(ValueError, match="no choice is called 'best'"):
        choose(answers, "best", truth, subjects, 3)


def test_scores_of_steps_are_those_of_the_metrics():
    answers, truth, _ = guesses(n_steps=4)
    scores = step_scores(answers.steps, truth, 3)
    expected = [[evaluate(truth, p, range(3))["uf1"] for p in run] for run in answers.steps]
    np.testing.assert_allclose(scores, expected)


FEW = chosen(epochs=3, batch_size=16)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    how = Execution(1, False, tmp_path_factory.mktemp("audit"))
    models = ("STSTNet", "most frequent class")
    return run_flow_study(flow_data(), FEW, how, models=models, seeds=(0, 1))


def test_every_column_of_the_audit_has_its_scores_and_honest_lies_in_its_interval(study):
    scores = study.scores
    assert set(scores.column) == {column_of(c, k) for c in CHOICES for k in ("true", "permuted")}
    known = scores.dropna(subset="low")
    assert ((known.low <= known.score + 1e-9) & (known.score <= known.high + 1e-9)).all()
    assert scores[scores.column == BEST].low.isna().all()
    honest = scores.query("column == 'honest' and measure == 'uf1' and method == 'STSTNet'")
    assert study.averaging().loc["STSTNet", "pooled macro"] == pytest.approx(honest.score.iloc[0])


def test_each_habit_that_looks_at_the_left_out_subjects_scores_at_least_as_much(study):
    own = study.scores.query("measure == 'uf1' and method == 'STSTNet'").set_index("column").score
    assert own["honest"] <= own["oracle, one step"] + 1e-9
    assert own["oracle, one step"] <= own["oracle, step and seed"] + 1e-9


def test_with_true_labels_a_classifier_is_fitted_in_one_run_only(study):
    assert len(study.predictions("most frequent class")) == 1
    assert len(study.predictions("most frequent class", labels="permuted")) == 2


def test_classifiers_alone_make_a_study_too(tmp_path):
    how = Execution(1, False, tmp_path)
    study = run_flow_study(flow_data(), FEW, how, models=["most frequent class"], seeds=(0, 1))
    runs = study.scores.groupby("column").runs.first()
    assert (runs["honest"], runs["chance"]) == (1, 2)


def test_parts_of_a_composite_are_scored_by_themselves(study):
    names = np.where(study.samples.subject < "s3", "first", "second")
    data = replace(study.task.data, samples=study.samples.assign(database=names))
    parted = replace(study, task=replace(study.task, data=data))
    scores = parted.score("honest", "STSTNet").set_index("measure").score
    assert set(scores.index) == {
        f"{m}{p}" for m in ("uf1", "uar") for p in ("", ", first", ", second")
    }
    rows = parted.rows("honest", 0, "STSTNet")
    own = rows[rows.database == "first"]
    assert rows.groupby("database").size().tolist() == [18, 18]
    once = replace(parted, plans=tuple(p for p in parted.plans if p.seed == 0))
    assert once.score("honest", "STSTNet").set_index("measure").score["uf1, first"] == (
        pytest.approx(evaluate(own.label, own.predicted, data.classes)["uf1"])
    )
    table = tables.honest_table(scores=parted.scores)
    assert table.groupby("data", sort=False).model.count().to_dict() == {
        "all": 2, "first": 2, "second": 2
    }  # fmt: skip


def test_a_table_holds_every_habit_and_each_cell_its_range(study):
    for labels in ("true", "permuted"):
        table = tables.audit_table(study.scores, labels)
        assert table.index.tolist() == study.methods
        assert table.columns.tolist() == list(CHOICES)
        assert not table.map(lambda cell: "[" in cell).any(axis=None)
    beside = tables.beside_published(study.scores)
    assert beside.loc["STSTNet", "honest"].count("[") == 1


def test_what_was_measured_on_people_stands_beside_what_was_published():
    published = tables.published_rows(load_published("megc2019"))
    table = tables.people_beside(published).set_index("model")
    assert table.loc["STSTNet", "published"] == 0.7353
    assert table.loc["STSTNet", "honest, on people"] == "0.730 [0.669, 0.786]"
    assert table.loc["STSTNet", "published one in the interval"]
    assert table.loc["STSTNet", "published ones it exceeds"] == "7 of 7"


def test_tables_of_people_keep_what_the_audit_shows(study):
    found = tables.people_tables(study)
    known = tables.measured_on_people()
    assert found["true"].columns.tolist() == known.columns.tolist()
    low, high = study.scores.query("column == 'honest' and measure == 'uf1'")[["low", "high"]].iloc[
        0
    ]
    assert found["true"].honest["STSTNet"].endswith(f"[{low:.3f}, {high:.3f}]")
    assert found["permuted"].index.tolist() == study.methods


def plans(data, labels="true"):
    return leave_one_subject_out(data.samples.subject, 0, labels)


@pytest.mark.parametrize("name", ["STSTNet", "MEAN, recognition"])
def test_a_network_learns_what_is_there_and_guesses_what_is_not(name):
    task = FlowTask(flow_data(), (name,), replace(FEW, epochs=25))
    learnt = pd.concat(r.rows for r in task(plans(task.data)))
    fooled = pd.concat(r.rows for r in task(plans(task.data, "permuted")))
    assert (learnt.truth == learnt.predicted).mean() > 0.9
    assert (fooled.truth == fooled.predicted).mean() < 0.7


def test_a_fold_answers_for_its_own_subject_and_every_epoch():
    task = FlowTask(flow_data(), ("STSTNet",), FEW)
    for plan, result in zip(plans(task.data), task(plans(task.data)), strict=True):
        assert set(result.rows.subject) == set(plan.test)
        steps = result.tables["steps"]
        assert len(steps) == 3 * EACH
        last = steps[steps.step == 2].predicted.to_numpy()
        assert [task.data.classes[c] for c in last] == result.rows.predicted.tolist()


@pytest.mark.parametrize("name", sorted(CLASSIFIERS.keys() - {"most frequent class"}))
def test_a_classifier_chooses_its_setting_without_the_left_out_subject(name):
    data = flow_data(signal=0.3)
    task = FlowTask(data, (name,), FEW)
    first = plans(data)[:1]
    (result,) = task(first)
    spoiled = replace(data, images=data.images.copy())
    spoiled.images[task.of(first[0].test)] = 0
    (again,) = FlowTask(spoiled, (name,), FEW)(first)
    assert result.rows.step.tolist() == again.rows.step.tolist()


def test_permuted_labels_keep_their_number_and_leave_the_left_out_subject_alone():
    task = FlowTask(flow_data(), ("STSTNet",), FEW)
    plan = plans(task.data, "permuted")[0]
    labels, train = task.labels(plan), task.of(plan.train)
    assert sorted(labels[train]) == sorted(task.truth[train])
    assert (labels[train] != task.truth[train]).any()
    np.testing.assert_array_equal(labels[~train], task.truth[~train])


def test_one_class_to_train_on_is_refused():
    data = flow_data()
    one = replace(data, samples=data.samples.assign(label="positive"))
    with pytest.raises(DataError, match="one class only"):
        FlowTask(one, ("STSTNet",), FEW)(plans(one))


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.parquet")}


@pytest.mark.slow
def test_a_study_repeats_byte_for_byte_with_another_number_of_workers(tmp_path):
    models = ("STSTNet", "most frequent class")
    for workers in (1, 2):
        how = Execution(workers, False, tmp_path / str(workers))
        study = run_flow_study(flow_data(), FEW, how, models=models, seeds=(0,))
    assert files(tmp_path / "1") == files(tmp_path / "2")
    answers = study.answers("STSTNet")
    np.testing.assert_array_equal(answers.honest, answers.steps[:, -1])


def test_a_misspelt_model_is_answered_with_the_nearest_one(tmp_path):
    with pytest.raises(OptionError, match="did you mean 'STSTNet'"):
        run_flow_study(flow_data(), FEW, Execution(1, False, tmp_path), models=["STSNet"])


def test_a_quick_run_takes_fewer_of_everything():
    assert flow_data().select(3).samples.subject.nunique() == 3
    assert chosen("small").epochs < 100
