"""Smoothing of frame scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import DataError, OptionError
from mecore.spotting.smoothing import smooth

score_lists = st.lists(st.floats(-10, 10, allow_nan=False, width=32), min_size=1, max_size=40)
halves = st.integers(1, 12)
SYMMETRIC = [("normalised", None), ("written", None), ("gaussian", 1.0), ("exponential", 3.0)]
methods = st.sampled_from(SYMMETRIC)


def mean_of(values, first, last):
    """Mean over the frames that exist, and whether all of them do."""
    inside = [values[j] for j in range(first, last + 1) if 0 <= j < len(values)]
    return sum(inside) / len(inside), len(inside) == last - first + 1


@given(score_lists, halves)
def test_the_normalised_mean_is_that_of_the_existing_frames(scores, half):
    found = smooth(scores, half)
    expected = [mean_of(scores, i - half, i + half)[0] for i in range(len(scores))]
    assert found == pytest.approx(expected, abs=1e-9)


@given(score_lists, halves)
def test_the_written_mean_is_defined_where_the_whole_window_exists(scores, half):
    found = smooth(scores, half, method="written")
    for i, value in enumerate(found):
        mean, whole = mean_of(scores, i - half, i + half)
        assert value == pytest.approx(mean, abs=1e-9) if whole else np.isnan(value)


@given(score_lists, halves)
def test_the_released_mean_has_zeros_outside_and_lies_half_a_frame_off_centre(scores, half):
    found = smooth(scores, half, method="released")
    assert found.shape == (len(scores),)
    padded = np.concatenate([np.zeros(half), scores, np.zeros(half)])
    expected = [padded[i : i + 2 * half].mean() for i in range(len(scores))]
    assert found == pytest.approx(expected, abs=1e-9)


@given(score_lists.filter(lambda s: len(s) >= 24), halves)
def test_the_released_mean_is_a_convolution_of_the_same_length(scores, half):
    box = np.ones(2 * half) / (2 * half)
    expected = np.convolve(scores, box, mode="same")
    assert smooth(scores, half, method="released") == pytest.approx(expected, abs=1e-9)


@given(score_lists, halves, methods)
def test_smoothing_stays_within_the_range_of_the_scores(scores, half, method):
    found = smooth(scores, half, method=method[0], width=method[1])
    defined = found[~np.isnan(found)]
    assert (defined >= min(scores) - 1e-9).all() and (defined <= max(scores) + 1e-9).all()


@given(score_lists, halves, methods)
def test_a_mirrored_video_gives_mirrored_scores(scores, half, method):
    forward = smooth(scores, half, method=method[0], width=method[1])
    backward = smooth(scores[::-1], half, method=method[0], width=method[1])
    assert np.allclose(forward, backward[::-1], atol=1e-9, equal_nan=True)


@given(st.floats(-10, 10), st.integers(1, 40), halves, methods)
def test_equal_scores_stay_equal_to_the_last_bit(level, length, half, method):
    found = smooth([level] * length, half, method=method[0], width=method[1])
    assert set(found[~np.isnan(found)].tolist()) <= {level}


def test_a_single_spike_becomes_the_window():
    spike = np.zeros(41)
    spike[20] = 1
    for method, weights in (
        ("normalised", np.ones(7)),
        ("gaussian", np.exp(-(np.arange(-3, 4) ** 2) / 2)),
        ("exponential", np.exp(-np.abs(np.arange(-3, 4)))),
    ):
        width = None if method == "normalised" else 1.0
        expected = np.zeros(41)
        expected[17:24] = weights / weights.sum()
        assert smooth(spike, 3, method=method, width=width) == pytest.approx(expected, abs=1e-12)
    # [i − 3, i + 2] contains frame 20 for i = 18 … 23
    released = smooth(spike, 3, method="released")
    assert np.flatnonzero(released).tolist() == [18, 19, 20, 21, 22, 23]


def test_a_video_shorter_than_the_window_keeps_its_length():
    for method in ("normalised", "written", "released"):
        assert smooth([1.0, 2.0, 3.0], 10, method=method).shape == (3,)
        assert smooth([], 10, method=method).shape == (0,)
    assert np.isnan(smooth([1.0, 2.0, 3.0], 10, method="written")).all()
    assert smooth([1.0, 2.0, 3.0], 10).tolist() == [2, 2, 2]


def test_bad_input_is_named():
    with pytest.raises(DataError, match="frame 1: the score is nan"):
        smooth([0, float("nan")], 2)
    with pytest.raises(DataError, match="expected shape"):
        smooth([[0, 1]], 2)
    for half in (0, 2.5, -1):
        with pytest.raises(DataError, match="k_prime: expected"):
            smooth([0, 1], half)
    with pytest.raises(OptionError, match="did you mean 'gaussian'"):
        smooth([0, 1], 2, method="gausian", width=1)
    for width in (None, 0, -1, float("nan")):
        with pytest.raises(OptionError, match="width: method='exponential' needs"):
            smooth([0, 1], 2, method="exponential", width=width)
    with pytest.raises(OptionError, match="width: method='written' has none"):
        smooth([0, 1], 2, method="written", width=1)
