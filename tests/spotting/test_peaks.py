"""Peaks of smoothed scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from mecore.errors import DataError
from mecore.spotting.peaks import find_peaks, threshold
from mecore.spotting.smoothing import smooth

# few values, so that ties and plateaus are common
tied = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=60)
different = (
    st.integers(3, 60)
    .flatmap(lambda n: st.permutations(range(n)))
    .map(lambda order: [float(value) for value in order])
)
halves = st.integers(1, 10)
shares = st.floats(0, 1)


@given(different, halves, shares)
def test_peaks_of_different_scores_are_those_of_scipy(scores, half, p):
    expected, _ = signal.find_peaks(scores, height=threshold(scores, p), distance=half)
    assert find_peaks(scores, half, p=p).tolist() == expected.tolist()


@given(tied, halves, shares)
def test_peaks_reach_the_threshold_and_keep_their_distance(scores, half, p):
    peaks = find_peaks(scores, half, p=p)
    assert (np.asarray(scores)[peaks] >= threshold(scores, p)).all()
    assert (np.diff(peaks) >= half).all()


@given(tied, halves, shares)
def test_a_stricter_threshold_never_adds_a_peak(scores, half, p):
    assert len(find_peaks(scores, half, p=p)) <= len(find_peaks(scores, half, p=0))


@given(tied, halves, st.sampled_from([0.25, 2.0, 8.0]))
def test_the_scale_of_the_scores_does_not_matter(scores, half, scale):
    # powers of two scale without rounding
    peaks = find_peaks(scores, half)
    assert find_peaks(np.multiply(scores, scale), half).tolist() == peaks.tolist()
    # the highest peak of a long video, where it is inside, is found by both ways
    single = find_peaks(scores, half, single=True)
    if len(peaks) and len(single):
        assert scores[single[0]] >= max(scores[peak] for peak in peaks)


def test_the_threshold_lies_between_mean_and_maximum():
    assert threshold([0, 0, 0, 4], 0) == 1
    assert threshold([0, 0, 0, 4], 1) == 4
    # 1 + .55 · 3
    assert threshold([0, 0, 0, 4]) == pytest.approx(2.65)
    assert threshold([0, float("nan"), 0, 0, 4]) == pytest.approx(2.65)


@given(st.lists(st.floats(-5, 5), min_size=1))
def test_the_maximum_always_reaches_the_threshold(scores):
    assert threshold(scores, 1.0) <= max(scores)


def test_a_peak_at_the_threshold_is_one():
    assert find_peaks([0, 3, 0, 2, 0], 1, p=1).tolist() == [1]
    # mean 1, maximum 3: T = 1 + .5 · 2 = 2
    assert find_peaks([0, 3, 0, 2, 0], 1, p=0.5).tolist() == [1, 3]


@given(st.floats(-100, 100), st.integers(0, 40), halves, st.booleans())
def test_constant_scores_have_no_peak(level, length, half, single):
    assert find_peaks([level] * length, half, single=single).tolist() == []
    # nor with the jitter of single precision
    jitter = np.random.default_rng(0).uniform(-1, 1, length) * 1e-7 * abs(level)
    assert find_peaks(level + jitter, half, single=single).tolist() == []


@given(st.floats(0.1, 100), st.integers(1, 60), halves)
def test_a_constant_video_has_no_peak_after_smoothing(level, length, half):
    for method in ("normalised", "written"):
        assert find_peaks(smooth([level] * length, half, method=method), half).tolist() == []


def test_a_plateau_counts_once_at_its_middle():
    assert find_peaks([0, 1, 1, 1, 0], 1).tolist() == [2]
    assert find_peaks([0, 1, 1, 1, 1, 0], 1).tolist() == [2]
    assert find_peaks([0, 1, 1, 2, 1, 1, 0], 1).tolist() == [3]


def test_of_equal_peaks_that_are_too_close_the_earliest_stays():
    assert find_peaks([0, 1, 0, 1, 0, 1, 0], 3).tolist() == [1, 5]
    assert find_peaks([0, 1, 0, 2, 0, 1, 0], 3, p=0).tolist() == [3]


def test_a_peak_removed_by_a_higher_one_removes_no_other():
    # 3 removes 2 (distance 2), so 1 stays although it is close to 2
    assert find_peaks([0, 1, 0, 2, 0, 3, 0], 3, p=0).tolist() == [1, 5]


def test_a_short_video_gives_its_highest_frame_even_at_an_end():
    assert find_peaks([3, 1, 2, 1], 2, single=True).tolist() == [0]
    assert find_peaks([1, 3, 2, 3], 2, single=True).tolist() == [1]
    assert find_peaks([3, 1, 2, 1], 2, p=0).tolist() == [2]


def test_undefined_frames_are_ignored():
    nan = float("nan")
    scores = [nan, nan, 0, 3, 0, 1, nan, nan]
    assert find_peaks(scores, 1).tolist() == [3]
    assert find_peaks(scores, 1, single=True).tolist() == [3]
    # the frame beside an undefined one is an end, and an end is no local maximum
    assert find_peaks([0, 1, 0, 5, nan, 4, 0, 1, 0], 1, p=0).tolist() == []
    assert find_peaks([0, 2, 0, 1, nan, 1, 0, 2, 0], 1, p=0).tolist() == [1, 7]
    assert find_peaks([nan, nan], 1).tolist() == []
    assert find_peaks([nan, nan], 1, single=True).tolist() == []


def test_a_floor_silences_videos_without_expression():
    quiet = [0, 0.02, 0, 0.01, 0]
    assert find_peaks(quiet, 1).tolist() == [1]
    assert find_peaks(quiet, 1, floor=0.1).tolist() == []
    assert find_peaks(quiet, 1, single=True, floor=0.1).tolist() == []
    assert find_peaks([0, 0.5, 0], 1, floor=0.5).tolist() == [1]


def test_bad_input_is_named():
    with pytest.raises(DataError, match="frame 1: the score is inf"):
        find_peaks([0, float("inf")], 2)
    with pytest.raises(DataError, match="p: expected a share"):
        find_peaks([0, 1], 2, p=55)
    with pytest.raises(DataError, match="k_prime: expected"):
        find_peaks([0, 1], 0)
