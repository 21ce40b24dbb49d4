import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import DataError
from mecore.spotting.apexes import apex_frames, fuse, half_threshold, scan_starts, spot_apexes


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 15))
def test_every_position_lies_in_a_scanning_window(n, size, stride):
    starts = scan_starts(n, size, min(stride, size))
    covered = {p for s in starts.tolist() for p in range(s, s + size)}
    assert set(range(n)) <= covered
    assert starts[-1] == max(n - size, 0)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 25))
def test_windows_that_agree_are_fused_to_what_they_agree_on(n, size, skip):
    truth = np.random.default_rng(n).random(n)
    starts = scan_starts(n, size)
    at = starts[:, None] + np.arange(size)
    scores = np.where(at < n, truth[np.minimum(at, n - 1)], 77.0)
    np.testing.assert_allclose(fuse(scores, starts, n, skip), truth)


def test_first_positions_of_a_window_can_be_left_out():
    fused = fuse([[9.0, 1.0, 1.0], [9.0, 2.0, 2.0]], [0, 1], 4, skip=1)
    np.testing.assert_allclose(fused, [9, 1, 1.5, 2])


def test_nan_scores_are_refused_with_their_window():
    with pytest.raises(DataError, match="window 1: a score is NaN"):
        fuse([[0.0, 1.0], [np.nan, 0.0]], [0, 1], 3)


def test_the_threshold_is_half_way_between_maximum_and_smallest_nonzero_score():
    assert half_threshold([0, 0, 0.2, 0.8]) == pytest.approx(0.5)
    assert np.isnan(half_threshold([0.0, 0.0]))


def test_videos_whose_scores_are_zero_or_constant_have_no_apex():
    assert spot_apexes(np.zeros(30), 5).size == 0
    assert spot_apexes(np.full(30, 0.7), 5).size == 0


@given(st.lists(st.floats(0, 1), min_size=3, max_size=60))
def test_without_a_floor_every_video_whose_scores_vary_has_an_apex(scores):
    values = np.round(scores, 3)
    if np.ptp(values) > 0:
        assert spot_apexes(values, 4).size >= 1
        assert spot_apexes(values, 4, floor=2.0).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 12))
def test_apexes_lie_at_least_a_window_apart(scores, length):
    assert (np.diff(spot_apexes(scores, length)) >= length).all()


def test_of_equal_peaks_within_a_window_the_first_stays():
    scores = [0.0, 1.0, 0.2, 1.0, 0.0, 0.0, 0.0]
    assert spot_apexes(scores, 5).tolist() == [1]
    assert spot_apexes(scores, 2).tolist() == [1, 3]


def test_an_expression_at_the_very_start_or_end_is_found():
    assert spot_apexes([1.0, 0.1, 0.1, 0.1, 0.1, 0.9], 3).tolist() == [0, 5]


def test_the_apex_of_a_window_is_its_middle_frame_the_earlier_of_two():
    assert apex_frames([10], 9).tolist() == [14]
    assert apex_frames([10], 10).tolist() == [14]


def test_nan_scores_of_a_video_are_refused():
    with pytest.raises(DataError, match="frame 1"):
        spot_apexes([0.1, np.nan, 0.3], 2)
