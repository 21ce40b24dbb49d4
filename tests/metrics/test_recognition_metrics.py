"""What holds for every recognition score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from mecore.metrics import recognition
from mecore.metrics.recognition import confusion_matrix, f1_of_means, macro_f1, uar, uf1

LABELS = ["negative", "positive", "surprise", "others"]
label_pairs = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40
).map(lambda pairs: tuple(map(list, zip(*pairs, strict=True))))
confusions = st.lists(
    st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=3
).map(np.array)


@given(label_pairs)
def test_scores_agree_with_scikit_learn(pair):
    truth, predicted = pair
    found = recognition.evaluate(truth, predicted, LABELS)
    named = {"labels": LABELS, "average": "macro", "zero_division": 0}
    expected = {
        "n": len(truth),
        "accuracy": sk.accuracy_score(truth, predicted),
        "precision": sk.precision_score(truth, predicted, **named),
        "recall": sk.recall_score(truth, predicted, **named),
        "uf1": sk.f1_score(truth, predicted, **named),
        "uar": sk.recall_score(truth, predicted, **named),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    counts = confusion_matrix(truth, predicted, LABELS)
    assert np.array_equal(counts, sk.confusion_matrix(truth, predicted, labels=LABELS))


@given(label_pairs, st.permutations(LABELS))
def test_relabelling_the_classes_permutes_the_confusion_matrix_and_changes_no_score(pair, order):
    truth, predicted = pair
    rename = dict(zip(LABELS, order, strict=True))
    moved = [[rename[label] for label in side] for side in pair]
    before = confusion_matrix(truth, predicted, LABELS)
    assert np.array_equal(confusion_matrix(*moved, order), before)
    place = [LABELS.index(label) for label in order]
    assert np.array_equal(confusion_matrix(*moved, LABELS)[np.ix_(place, place)], before)
    same = recognition.evaluate(truth, predicted, LABELS)
    assert recognition.evaluate(*moved, LABELS) == pytest.approx(same, abs=1e-12)


@given(confusions)
def test_uf1_is_at_most_the_harmonic_mean_of_the_means(counts):
    found = recognition.measures(counts)
    assert uf1(counts) <= f1_of_means(found["precision"], found["recall"]) + 1e-12


@given(confusions)
def test_swapping_truth_and_prediction_swaps_precision_and_recall_and_keeps_f1(counts):
    swapped = recognition.measures(counts.T)
    assert recognition.measures(counts)["precision"] == swapped["recall"]
    assert uf1(counts) == pytest.approx(uf1(counts.T), abs=1e-12)


@given(st.lists(st.sampled_from(LABELS), min_size=1))
def test_perfect_predictions_score_one_over_the_classes_that_occur(truth):
    present = sorted(set(truth))
    scores = recognition.evaluate(truth, truth, present)
    assert all(scores[name] == 1 for name in scores if name != "n")
    # a class that never occurs has F1 0/0 = 0 and is still one of C
    assert uf1(confusion_matrix(truth, truth, LABELS)) == pytest.approx(len(present) / len(LABELS))


def test_a_class_that_is_absent_counts():
    # three classes, the third neither annotated nor predicted: F1 (1 + 1 + 0) / 3
    assert uf1(confusion_matrix([0, 0, 1], [0, 0, 1], [0, 1, 2])) == pytest.approx(2 / 3)
    # one false alarm in the absent class: recalls 1, 0 and 0/0 = 0
    assert uar(confusion_matrix([0, 0, 1], [0, 0, 2], [0, 1, 2])) == pytest.approx(1 / 3)


def test_f1_of_means_and_uf1_are_different_numbers():
    # class 0: P 1/2, R 1, F1 2/3; class 1: P 0/0, R 0, F1 0. Means: P 1/4, R 1/2.
    counts = confusion_matrix([0, 1], [0, 0], [0, 1])
    assert uf1(counts) == macro_f1(counts) == pytest.approx(1 / 3)
    assert recognition.evaluate_confusion(counts)["f1_of_means"] == pytest.approx(1 / 3)
    # class 0: P 1, R 1/2, F1 2/3; class 1: P 1/2, R 1, F1 2/3. Means: 3/4 and 3/4.
    counts = np.array([[1, 1], [0, 1]])
    assert uf1(counts) == pytest.approx(2 / 3)
    assert recognition.evaluate_confusion(counts)["f1_of_means"] == pytest.approx(3 / 4)


def test_always_answering_the_majority_class_gives_the_known_formula():
    # 70 of 164 samples in 3 classes: F1 of the majority 2·70 / (164 + 70), all others 0
    truth = [0] * 70 + [1] * 51 + [2] * 43
    scores = recognition.evaluate(truth, [0] * 164, [0, 1, 2])
    assert scores["accuracy"] == pytest.approx(70 / 164)
    assert scores["uf1"] == pytest.approx(2 * 70 / (164 + 70) / 3)
    assert scores["uar"] == pytest.approx(1 / 3)


def test_pooling_folds_is_adding_confusion_matrices():
    truth, predicted = [0, 1, 1, 0, 2], [0, 1, 0, 0, 1]
    parts = [confusion_matrix(truth[i : i + 2], predicted[i : i + 2], [0, 1, 2]) for i in (0, 2, 4)]
    assert np.array_equal(sum(parts), confusion_matrix(truth, predicted, [0, 1, 2]))


@pytest.mark.parametrize(
    ("truth", "predicted", "labels", "what"),
    [
        ([0, 3], [0, 1], [0, 1], "truth, position 1: 3 is not among the classes"),
        ([0, 1], [0, np.nan], [0, 1], "predicted, position 1: .*nan.* is not among the classes"),
        ([0, 1], [0, 0.5], [0, 1], "predicted, position 1: .*0.5.* is not among the classes"),
        ([0, 1], [0], [0, 1], "2 true labels but 1 predicted ones"),
        ([[0], [1]], [0, 1], [0, 1], "truth: expected one label per sample"),
        ([0], [0], [0, 0], "labels: expected different classes"),
        ([0], [0], [], "labels: expected different classes"),
    ],
)
def test_bad_labels_are_named(truth, predicted, labels, what):
    with pytest.raises(ValueError, match=what):
        recognition.evaluate(truth, predicted, labels)


@pytest.mark.parametrize(
    ("confusion", "what"),
    [
        ([[1, 0]], r"expected shape \(C, C\)"),
        ([[1, 0], [0, -2]], "row 1, column 1: -2 is not a count"),
        ([[1, 0.5], [0, 2]], "row 0, column 1: 0.5 is not a count"),
        ([[1, np.nan], [0, 2]], "row 0, column 1: nan is not a count"),
        ([["1", "0"], ["0", "1"]], "expected counts"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(confusion, what):
    with pytest.raises(ValueError, match=what):
        uf1(confusion)


def test_shares_outside_zero_and_one_are_refused():
    with pytest.raises(ValueError, match="recall: expected a value in"):
        f1_of_means(0.5, 59.83)
    with pytest.raises(ValueError, match=r"precision: .+, found nan"):
        f1_of_means(float("nan"), 0.5)
