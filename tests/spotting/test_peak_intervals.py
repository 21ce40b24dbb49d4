"""Intervals around peaks, and the emotion their frames vote for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import DataError, OptionError
from mecore.spotting.intervals import peak_intervals, vote_emotions, voting_frames

PARTS = ["onset_to_apex", "apex", "onset_to_offset"]


@given(st.lists(st.integers(0, 99), max_size=6), st.integers(1, 50))
def test_intervals_have_the_length_of_their_rule_unless_clipped(peaks, half):
    written, released = (peak_intervals(peaks, half, rule=r) for r in ("written", "released"))
    assert (written[:, 1] - written[:, 0] + 1 == 2 * half).all()
    assert (released[:, 1] - released[:, 0] + 1 == 2 * half + 1).all()
    clipped = peak_intervals(peaks, half, rule="released", clip_to=100)
    assert clipped.tolist() == [[max(p - half, 0), min(p + half, 99)] for p in peaks]


def test_written_and_released_intervals_differ_by_their_last_frame():
    assert peak_intervals([10, 3], 4).tolist() == [[6, 13], [-1, 6]]
    assert peak_intervals([10, 3], 4, rule="released").tolist() == [[6, 14], [-1, 7]]
    assert peak_intervals([10, 3], 4, clip_to=12).tolist() == [[6, 11], [0, 6]]


def test_without_a_peak_there_is_nothing_or_the_dummy_of_the_released_code():
    assert peak_intervals([], 4).shape == (0, 2)
    assert peak_intervals([], 4, without_peak="dummy").tolist() == [[0, 0]]
    assert peak_intervals([9], 4, without_peak="dummy").tolist() == [[5, 12]]


def test_the_three_cases_of_voting_frames():
    assert voting_frames(10, 3, 100).tolist() == [7, 8, 9]
    assert voting_frames(10, 3, 100, part="apex").tolist() == [10]
    assert voting_frames(10, 3, 100, part="onset_to_offset").tolist() == [7, 8, 9, 10, 11, 12]


def test_only_frames_with_a_feature_vote():
    assert voting_frames(1, 3, 100).tolist() == [0]
    assert voting_frames(9, 3, 10, part="onset_to_offset").tolist() == [6, 7, 8, 9]


@given(st.integers(0, 99), st.integers(1, 40))
def test_onset_to_apex_equals_the_released_range(peak, half):
    assert voting_frames(peak, half, 100).tolist() == list(range(max(0, peak - half), max(1, peak)))


@given(st.integers(-5, 30), st.integers(1, 10), st.integers(1, 20), st.sampled_from(PARTS))
def test_somebody_always_votes(peak, half, n_features, part):
    frames = voting_frames(peak, half, n_features, part=part)
    assert len(frames) and frames[0] >= 0 and frames[-1] < n_features


probabilities = st.lists(
    st.lists(st.integers(0, 3).map(float), min_size=3, max_size=3), min_size=1, max_size=20
)


@given(probabilities, st.integers(1, 6), st.sampled_from(PARTS), st.data())
def test_the_most_frequent_class_wins_and_of_equal_ones_the_first_seen(table, half, part, data):
    peak = data.draw(st.integers(0, len(table) - 1))
    frames = voting_frames(peak, half, len(table), part=part)
    votes = [int(np.argmax(table[i])) for i in frames]
    classes, means = vote_emotions(table, [peak], half, part=part)
    # Counter keeps the order of first appearance among equal counts
    assert classes.tolist() == [Counter(votes).most_common(1)[0][0]]
    assert means[0] == pytest.approx(np.mean([table[i] for i in frames], axis=0))


def test_a_solitary_frame_does_not_decide():
    # the apex frame says class 1, the onset phase class 2
    table = np.eye(3)[[2, 2, 2, 1, 1, 1]]
    assert vote_emotions(table, [3], 3)[0].tolist() == [2]
    assert vote_emotions(table, [3], 3, part="apex")[0].tolist() == [1]
    # 2, 2, 2, 1, 1, 1: a tie, class 2 is seen first
    assert vote_emotions(table, [3], 3, part="onset_to_offset")[0].tolist() == [2]


def test_no_peak_means_no_emotion():
    classes, means = vote_emotions(np.ones((5, 3)), [], 2)
    assert classes.shape == (0,)
    assert means.shape == (0, 3)


def test_bad_input_is_named():
    with pytest.raises(DataError, match="frame 1: a probability is NaN"):
        vote_emotions([[1, 0], [float("nan"), 0]], [0], 2)
    with pytest.raises(DataError, match="expected shape"):
        vote_emotions([1, 0], [0], 2)
    with pytest.raises(DataError, match="no frame has a feature"):
        vote_emotions(np.empty((0, 3)), [0], 2)
    with pytest.raises(DataError, match=r"peaks: 2\.5 is not a whole frame"):
        peak_intervals([2.5], 2)
    with pytest.raises(DataError, match="do not lie in 10 frames"):
        peak_intervals([10], 2, clip_to=10)
    with pytest.raises(OptionError, match="did you mean 'written'"):
        peak_intervals([1], 2, rule="writen")
    with pytest.raises(OptionError, match="did you mean 'dummy'"):
        peak_intervals([1], 2, without_peak="dumy")
    with pytest.raises(OptionError, match="did you mean 'apex'"):
        voting_frames(1, 2, 3, part="apexx")
