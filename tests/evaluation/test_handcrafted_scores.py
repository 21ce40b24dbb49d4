import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.metrics.recognition import confusion_matrix, macro_f1, measures
from mecore.studies.handcrafted.selection import GridPredictions, count_settings, unpack


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(2, 6))
def test_scores_of_a_grid_are_those_of_each_setting(seed, n, classes):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(classes, size=n), rng.integers(classes, size=(n, 7))
    counts = count_settings(truth, predicted.astype(np.uint8), classes)
    for column, own, score in zip(predicted.T, counts, measures(counts)["uf1"], strict=True):
        expected = confusion_matrix(truth, column, range(classes))
        np.testing.assert_array_equal(own, expected)
        assert score == pytest.approx(macro_f1(expected))


def grid(inner_good):
    """Four clips of two subjects; setting 0 is right on them, setting 1 always wrong."""
    groups, truth = np.array(["a", "a", "b", "b"]), np.array([0, 1, 0, 1])
    outer = np.stack([truth, 1 - truth], axis=1).astype(np.uint8)
    others = {"a": outer[2:], "b": outer[:2] if inner_good else outer[:2, ::-1]}
    inner = {s: count_settings(truth[groups != s], said, 2) for s, said in others.items()}
    return GridPredictions(groups, truth, outer, inner)


def test_the_honest_setting_of_a_subject_is_chosen_by_the_others_alone():
    spoilt = grid(inner_good=False)
    assert spoilt.honest_settings() == {"a": 0, "b": 1}
    np.testing.assert_array_equal(spoilt.honest(), [0, 1, 1, 0])
    # What the subject itself would have preferred plays no part.
    own = grid(inner_good=True)
    own.outer[:2] = own.outer[:2, ::-1]
    assert own.honest_settings()["a"] == 0


def test_the_oracle_is_the_best_setting_on_the_left_out_subjects():
    found = grid(inner_good=False)
    assert found.oracle_setting() == 0
    np.testing.assert_array_equal(found.oracle(), found.truth)
    assert found.scores().tolist() == [1.0, 0.0]


def test_settings_that_agree_everywhere_are_one():
    found = grid(inner_good=True)
    assert found.distinct() == 2
    outer = np.repeat(found.outer, 5, axis=1)
    assert GridPredictions(found.groups, found.truth, outer, {}).distinct() == 2


def test_bytes_come_back_as_they_were_stored():
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(unpack([row.tobytes() for row in codes]), codes)
