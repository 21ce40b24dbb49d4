import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import DataError
from mecore.spotting.apexes import apex_scores, overlap_scores


def test_a_window_that_fits_an_expression_scores_one():
    assert overlap_scores([(10, 18)], 40, 9)[10] == 1
    assert apex_scores([14], 40, 9)[10] == 1


@given(st.integers(2, 12), st.integers(0, 20), st.integers(0, 15))
def test_the_overlap_is_the_share_of_frames_inside(length, onset, duration):
    scores = overlap_scores([(onset, onset + duration)], 40, length, cut=0)
    inside = np.zeros(40)
    inside[onset : onset + duration + 1] = 1
    expected = [inside[i : i + length].mean() for i in range(40 - length + 1)]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_below_one_half_the_overlap_is_nothing():
    scores = overlap_scores([(10, 13)], 40, 9)
    assert scores.max() == 0
    assert overlap_scores([(10, 13)], 40, 8)[10] == 0.5


def test_read_literally_the_paper_sums_one_frame_more_and_is_clipped():
    assert overlap_scores([(0, 39)], 40, 9, inclusive=True).max() == 1
    literal = overlap_scores([(10, 13)], 40, 9, inclusive=True, cut=0)
    assert literal[4] == pytest.approx(4 / 9)  # frames 4 to 13
    assert overlap_scores([(10, 13)], 40, 9, cut=0)[4] == pytest.approx(3 / 9)


@given(st.integers(2, 15), st.integers(0, 39))
def test_the_cut_of_the_apex_score_never_acts_as_written(length, apex):
    np.testing.assert_array_equal(
        apex_scores([apex], 40, length), apex_scores([apex], 40, length, cut=0)
    )


def test_a_ramp_falls_to_the_ends_of_the_window():
    ramp = apex_scores([20], 40, 9, ramp=True, cut=0)
    assert ramp[16] == 1
    assert ramp[12] == pytest.approx(1 / 9)
    assert ramp[11] == 0


def test_both_limits_put_the_middle_of_a_window_where_they_say():
    assert apex_scores([14], 40, 8, inclusive=True)[10] == 1  # [10, 18] around 14
    assert apex_scores([14], 40, 9)[10] == 1  # [10, 19) around 14


def test_videos_without_expressions_have_targets_of_zero():
    assert overlap_scores([], 20, 5).shape == (16,)
    assert not overlap_scores([], 20, 5).any()
    assert not apex_scores([], 20, 5).any()


@pytest.mark.parametrize("scores", [overlap_scores, apex_scores])
def test_a_video_shorter_than_a_window_is_refused(scores):
    with pytest.raises(DataError, match="8 frames are fewer than one window of L = 9"):
        scores([], 8, 9)
    with pytest.raises(DataError, match="1 frames shows no motion"):
        scores([], 8, 1)


def test_what_lies_outside_the_video_is_refused():
    with pytest.raises(DataError, match="apex 20 lies outside 20 frames"):
        apex_scores([20], 20, 5)
    with pytest.raises(DataError, match="row 0"):
        overlap_scores([(15, 20)], 20, 5)
