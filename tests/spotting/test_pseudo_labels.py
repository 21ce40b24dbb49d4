"""Training targets of a spotter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import DataError, OptionError
from mecore.spotting.labels import flow_distance, k_prime, pseudo_labels


@st.composite
def expressions(draw, n_frames=60):
    starts = draw(st.lists(st.integers(0, n_frames - 1), max_size=3))
    return [(a, draw(st.integers(a, n_frames - 1))) for a in starts]


@given(expressions(), st.integers(1, 10), st.integers(1, 20))
def test_a_frame_is_positive_exactly_if_its_window_shares_a_frame_with_an_expression(
    intervals, k, half
):
    found = pseudo_labels(intervals, 60, k=k, k_prime=half)
    assert found.shape == (60 - k,)
    for i, label in enumerate(found):
        window = set(range(i, i + half))
        assert label == any(window & set(range(a, b + 1)) for a, b in intervals)


def test_the_label_rises_one_window_before_onset_and_falls_after_offset():
    # k' = 3, expression [5, 7]: the window [3, 5] is the first to meet it, [7, 9] the last
    labels = pseudo_labels([[5, 7]], 14, k=2, k_prime=3)
    assert np.flatnonzero(labels).tolist() == [3, 4, 5, 6, 7]
    assert labels.dtype == np.uint8


def test_the_number_of_targets_is_that_of_the_features_or_that_of_the_paper():
    assert len(pseudo_labels([], 100, k=20, k_prime=34)) == 80
    assert len(pseudo_labels([], 100, k=20, k_prime=34, count="written")) == 66
    # a target without a feature does not exist
    assert len(pseudo_labels([], 100, k=20, k_prime=4, count="written")) == 80
    assert not pseudo_labels([], 100, k=20, k_prime=34).any()


@given(expressions(), st.integers(1, 10), st.integers(1, 20))
def test_the_targets_of_the_paper_are_the_first_ones_of_the_features(intervals, k, half):
    written = pseudo_labels(intervals, 60, k=k, k_prime=half, count="written")
    features = pseudo_labels(intervals, 60, k=k, k_prime=half)
    assert np.array_equal(written, features[: len(written)])


def test_half_the_mean_length_is_rounded_down_after_adding_a_half():
    assert k_prime([67]) == 34
    assert k_prime([68]) == 34
    assert k_prime([69]) == 35
    # N = 7.5: (7.5 + 1) / 2 = 4.25
    assert k_prime([7, 8]) == 4
    assert k_prime([1]) == 1


@given(st.lists(st.integers(1, 200), min_size=1))
def test_k_prime_equals_its_formula(durations):
    assert k_prime(durations) == int((np.mean(durations) + 1) // 2)


@pytest.mark.parametrize(
    ("fps", "frames"), [(200, 20), (100, 10), (25, 3), (30, 3), (60, 6), (15, 2), (3, 1)]
)
def test_the_flow_spans_a_tenth_of_a_second_and_halves_round_up(fps, frames):
    assert flow_distance(fps) == frames


def test_a_half_that_floating_point_misses_is_still_rounded_up():
    # 0.07 · 150 = 10.5, but 10.500000000000002 as floats; 0.29 · 50 = 14.5, but 14.499999999999998
    assert flow_distance(150, 0.07) == 11
    assert flow_distance(50, 0.29) == 15


@pytest.mark.parametrize(
    ("intervals", "what"),
    [
        ([[5, 3]], "row 0: expression"),
        ([[0, 3], [5, 100]], "row 1: expression .* outside 100 frames"),
        ([[-1, 3]], "row 0: expression"),
        ([[1, 2, 3]], "expected shape"),
        ([[1, 2.5]], "2.5 is not a whole frame"),
        ([[1, float("nan")]], "nan is not a whole frame"),
        ([["a", "b"]], "expected numbers"),
    ],
)
def test_intervals_that_cannot_be_are_named(intervals, what):
    with pytest.raises(DataError, match=what):
        pseudo_labels(intervals, 100, k=3, k_prime=4)


def test_settings_that_leave_nothing_to_label_are_refused():
    with pytest.raises(DataError, match="no frame to label in 20 frames"):
        pseudo_labels([], 20, k=20, k_prime=4)
    with pytest.raises(DataError, match="k_prime: expected"):
        pseudo_labels([], 20, k=3, k_prime=0)
    with pytest.raises(OptionError, match="did you mean 'features'"):
        pseudo_labels([], 20, k=3, k_prime=4, count="feature")
    for durations in ([], [-3], [0]):
        with pytest.raises(DataError, match="durations"):
            k_prime(durations)
    for fps in (0, float("inf"), float("nan")):
        with pytest.raises(DataError, match="fps"):
            flow_distance(fps)
