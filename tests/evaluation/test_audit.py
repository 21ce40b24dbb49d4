"""Honest, oracle and chance of predictions whose scores are known beforehand."""

import numpy as np
import pandas as pd
import pytest

from mecore.data.features import FlowImages
from mecore.data.manifest import load_manifest
from mecore.errors import DataError, OptionError
from mecore.evaluation.folds import leave_one_subject_out
from mecore.metrics.recognition import evaluate
from mecore.studies.honest_evaluation.audit import (
    CHOICES,
    Audit,
    choose,
    mean_of_best_subjects,
    step_scores,
)
from mecore.studies.honest_evaluation.fold import CLASSIFIERS, ClassifierTask, NetworkTask
from mecore.studies.honest_evaluation.study import FlowStudy, Predictions, run_flow_study, small

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
    return FlowImages(load_manifest("phantom-short"), samples, images)


def guesses(n_steps, n_seeds=2, n_subjects=40, each=6, seed=0):
    """Predictions that know nothing, with n_steps to choose from."""
    rng = np.random.default_rng(seed)
    truth, subjects = rng.integers(0, 3, n_subjects * each), np.repeat(np.arange(n_subjects), each)
    steps = rng.integers(0, 3, (n_seeds, n_steps, len(truth)))
    return Predictions("guess", "true", steps, steps[:, -1]), truth, subjects


def uf1(predicted, truth):
    return np.mean([evaluate(truth, run, range(3))["uf1"] for run in predicted])


def test_choosing_on_the_left_out_subjects_turns_guesses_into_results():
    predictions, truth, subjects = guesses(n_steps=100)
    score = {how: uf1(choose(predictions, how, truth, subjects, 3), truth) for how in CHOICES[:-1]}
    assert score["honest"] == pytest.approx(1 / 3, abs=0.05)
    assert score["honest"] < score["oracle, one step"] <= score["oracle, step and seed"] < 0.45
    # 100 epochs of independent guesses, the best kept for every subject.
    assert score["oracle, step per subject"] > 0.65
    assert mean_of_best_subjects(predictions.steps, truth, subjects, 3) > 0.65


def test_a_single_step_leaves_nothing_to_choose():
    predictions, truth, subjects = guesses(n_steps=1, n_seeds=1)
    for how in CHOICES[:-1]:
        np.testing.assert_array_equal(
            choose(predictions, how, truth, subjects, 3), predictions.honest
        )


def test_the_oracle_takes_each_subject_s_best_step_and_of_equal_ones_the_last():
    truth, subjects = np.array([0, 1, 2, 0]), np.array([7, 7, 9, 9])
    steps = np.array([[[0, 0, 2, 0], [0, 1, 1, 1], [2, 1, 2, 0], [0, 1, 0, 0]]])
    predictions = Predictions("m", "true", steps, steps[:, 0])
    chosen = choose(predictions, "oracle, step per subject", truth, subjects, 3)
    # Subject 7: steps 1 and 3 are right; subject 9: steps 0 and 2.
    assert chosen.tolist() == [[0, 1, 2, 0]]
    with pytest.raises(ValueError, match="no choice is called 'best'"):
        choose(predictions, "best", truth, subjects, 3)


def test_scores_of_steps_are_those_of_the_metrics():
    predictions, truth, _ = guesses(n_steps=4)
    scores = step_scores(predictions.steps, truth, 3)
    expected = [[evaluate(truth, p, range(3))["uf1"] for p in run] for run in predictions.steps]
    np.testing.assert_allclose(scores, expected)


def test_every_column_of_the_audit_has_its_rows_and_honest_lies_in_its_interval():
    data = flow_data()
    predictions, _, _ = guesses(5, n_subjects=PEOPLE, each=EACH)
    other = Predictions("guess", "permuted", predictions.steps, predictions.honest)
    audit = Audit(FlowStudy(data, (predictions, other), pd.DataFrame()), n_bootstrap=200)
    rows = audit.rows()
    assert set(rows.choice) == set(CHOICES)
    assert set(rows.labels) == {"true", "permuted"}
    scored = rows.dropna(subset="low")
    assert ((scored.low <= scored.score) & (scored.score <= scored.high)).all()
    assert audit.averaging().loc["guess", "pooled macro"] == pytest.approx(
        rows.query("choice == 'honest' and measure == 'UF1' and labels == 'true'").score.iloc[0]
    )


def plans(data, labels="true"):
    return leave_one_subject_out(data.samples.subject, 0, labels)


@pytest.mark.parametrize("name", ["STSTNet", "MEAN, recognition"])
def test_a_network_learns_what_is_there_and_guesses_what_is_not(name):
    task = NetworkTask(flow_data(), name, epochs=25, batch_size=16)
    learnt = pd.concat(r.rows for r in task(plans(task.data)))
    fooled = pd.concat(r.rows for r in task(plans(task.data, "permuted")))
    assert (learnt.truth == learnt.predicted).mean() > 0.9
    assert (fooled.truth == fooled.predicted).mean() < 0.7


def test_a_fold_answers_for_its_own_subject_and_every_epoch():
    task = NetworkTask(flow_data(), "STSTNet", epochs=3, batch_size=16)
    for plan, result in zip(plans(task.data), task(plans(task.data)), strict=True):
        assert set(result.rows.subject) == set(plan.test)
        steps = result.tables["steps"]
        assert len(steps) == 3 * EACH
        last = steps[steps.step == 2].predicted.to_numpy()
        assert [task.classes[c] for c in last] == result.rows.predicted.tolist()


@pytest.mark.parametrize("name", sorted(CLASSIFIERS.keys() - {"most frequent class"}))
def test_a_classifier_chooses_its_setting_without_the_left_out_subject(name):
    data = flow_data(signal=0.3)
    task = ClassifierTask(data, name)
    first, *_ = plans(data)
    result = task(first)
    spoiled = FlowImages(data.manifest, data.samples, data.images.copy())
    spoiled.images[task.of(first.test)] = 0
    again = ClassifierTask(spoiled, name)(first)
    assert result.rows.step.tolist() == again.rows.step.tolist()


def test_permuted_labels_keep_their_number_and_leave_the_left_out_subject_alone():
    task = NetworkTask(flow_data(), "STSTNet")
    plan = plans(task.data, "permuted")[0]
    labels, train = task.labels(plan), task.of(plan.train)
    assert sorted(labels[train]) == sorted(task.truth[train])
    assert (labels[train] != task.truth[train]).any()
    np.testing.assert_array_equal(labels[~train], task.truth[~train])


def test_one_class_to_train_on_is_refused():
    data = flow_data()
    one = FlowImages(data.manifest, data.samples.assign(label="positive"), data.images)
    with pytest.raises(DataError, match="one class only"):
        NetworkTask(one, "STSTNet")(plans(one))


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.parquet")}


@pytest.mark.slow
def test_a_study_repeats_byte_for_byte_with_another_number_of_workers(tmp_path):
    data = flow_data()
    plan = {"models": ["STSTNet", "most frequent class"], "seeds": [0], "epochs": 2}
    one = run_flow_study(data, tmp_path / "one", workers=1, **plan)
    run_flow_study(data, tmp_path / "two", workers=2, **plan)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    honest = one.of("STSTNet").honest
    np.testing.assert_array_equal(honest, one.of("STSTNet").steps[:, -1])


def test_a_misspelt_model_is_answered_with_the_nearest_one(tmp_path):
    with pytest.raises(OptionError, match="did you mean 'STSTNet'"):
        run_flow_study(flow_data(), tmp_path, models=["STSNet"])


def test_a_quick_run_takes_fewer_of_everything():
    data, plan = small(flow_data(), seeds=5, epochs=0)
    assert data.samples.subject.nunique() == PEOPLE
    assert (len(plan["seeds"]), plan["epochs"]) == (2, 20)
