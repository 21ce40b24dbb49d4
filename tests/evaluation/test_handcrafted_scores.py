import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.metrics.recognition import confusion_matrix, macro_f1
from mecore.studies.handcrafted.selection import GridPredictions, macro_f1_of_each, unpack


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(2, 6))
def test_scores_of_a_grid_are_those_of_each_setting(seed, n, classes):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(classes, size=n), rng.integers(classes, size=(n, 7))
    found = macro_f1_of_each(truth, predicted.astype(np.uint8), classes)
    for column, score in zip(predicted.T, found, strict=True):
        assert score == pytest.approx(macro_f1(confusion_matrix(truth, column, range(classes))))


def grid(inner_good):
    """Four clips of two subjects; setting 0 is right on them, setting 1 always wrong."""
    truth = np.array([0, 1, 0, 1])
    outer = np.stack([truth, 1 - truth], axis=1).astype(np.uint8)
    inner = {"a": outer.copy(), "b": outer[:, ::-1].copy() if not inner_good else outer.copy()}
    return GridPredictions(np.array(["a", "a", "b", "b"]), outer, inner, truth, truth, 2)


def test_the_honest_setting_of_a_subject_is_chosen_by_the_others_alone():
    spoilt = grid(inner_good=False)
    assert spoilt.honest_settings() == {"a": 0, "b": 1}
    np.testing.assert_array_equal(spoilt.honest(), [0, 1, 1, 0])
    # What the subject itself would have preferred plays no part.
    own = grid(inner_good=True)
    own.inner["a"][:2] = own.inner["a"][:2, ::-1]
    assert own.honest_settings()["a"] == 0


def test_the_oracle_is_the_best_setting_on_the_left_out_subjects():
    found = grid(inner_good=False)
    assert found.oracle_setting() == 0
    np.testing.assert_array_equal(found.oracle(), found.truth)
    assert found.scores().tolist() == [1.0, 0.0]


def test_settings_that_agree_everywhere_are_one():
    found = grid(inner_good=True)
    assert found.distinct() == 2
    twice = GridPredictions(
        found.groups, np.repeat(found.outer, 5, axis=1), {}, found.trained, found.truth, 2
    )
    assert twice.distinct() == 2


def test_bytes_come_back_as_they_were_stored():
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(unpack([row.tobytes() for row in codes]), codes)
