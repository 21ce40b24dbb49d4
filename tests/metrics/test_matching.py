"""Overlap and matching of intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_strategies import intervals, thresholds, videos

from mecore.metrics.intervals import as_intervals, interval_iou
from mecore.metrics.matching import match_intervals
from mecore.metrics.spotting import count_matches


@given(intervals, intervals)
def test_iou_is_the_share_of_frames(predicted, annotated):
    found = interval_iou(predicted, annotated)
    assert found.shape == (len(predicted), len(annotated))
    for i, (a, b) in enumerate(predicted):
        for j, (c, d) in enumerate(annotated):
            one, other = set(range(a, b + 1)), set(range(c, d + 1))
            assert found[i, j] == len(one & other) / len(one | other)


def test_onset_and_offset_both_belong_to_the_interval():
    # [0, 9] has 10 frames; [5, 14] shares 5 of 15
    assert interval_iou([[0, 9]], [[5, 14], [9, 9], [10, 19]]).tolist() == [[1 / 3, 1 / 10, 0]]


def test_an_iou_of_exactly_the_threshold_is_a_match():
    assert match_intervals([[0, 9]], [[0, 19]], 0.5).tolist() == [0]
    assert match_intervals([[0, 2]], [[0, 4]], 0.6).tolist() == [0]
    assert match_intervals([[0, 8]], [[0, 18]], 0.5).tolist() == [-1]


@given(intervals, intervals, thresholds, st.sampled_from(["maximum", "best"]))
def test_a_match_overlaps_enough_and_is_one_to_one(predicted, annotated, iou, rule):
    matches = match_intervals(predicted, annotated, iou, rule)
    hit = matches[matches >= 0]
    assert len(set(hit.tolist())) == len(hit)
    overlaps = interval_iou(predicted, annotated)
    assert all(overlaps[i, j] >= iou for i, j in enumerate(matches) if j >= 0)


@given(intervals, intervals, thresholds)
def test_no_prediction_and_annotation_that_overlap_are_both_left_over(predicted, annotated, iou):
    matches = match_intervals(predicted, annotated, iou)
    free = np.setdiff1d(np.arange(len(annotated)), matches)
    assert not (interval_iou(predicted, annotated)[matches < 0][:, free] >= iou).any()


@given(intervals, intervals, thresholds, st.sampled_from(["maximum", "best"]), st.randoms())
def test_the_order_of_intervals_does_not_change_who_is_matched(
    predicted, annotated, iou, rule, random
):
    # identical intervals cannot be told apart, so each is drawn once
    left = [list(p) for p in {tuple(p) for p in predicted}]
    right = [list(a) for a in {tuple(a) for a in annotated}]
    before = _named(left, right, match_intervals(left, right, iou, rule))
    random.shuffle(left)
    random.shuffle(right)
    assert _named(left, right, match_intervals(left, right, iou, rule)) == before


def _named(predicted, annotated, matches):
    return {(*predicted[i], *annotated[j]) for i, j in enumerate(matches) if j >= 0}


@given(videos, thresholds)
def test_the_largest_matching_finds_at_least_what_the_released_rule_finds(drawn, iou):
    most, released = count_matches(drawn, iou), count_matches(drawn, iou, "best")
    assert most.tp >= released.tp
    assert most.tp + most.fp == released.tp + released.fp


def test_the_released_rule_loses_a_match_that_exists():
    # P0 = [0, 9], P1 = [1, 10], A0 = [0, 10], A1 = [0, 5].
    # Both predictions overlap A0 most (10/11); P1 comes second and A0 is taken.
    # P0 could have had A1 (6/10): two matches exist.
    predicted, annotated = [[0, 9], [1, 10]], [[0, 10], [0, 5]]
    assert match_intervals(predicted, annotated, rule="best").tolist() == [0, -1]
    assert match_intervals(predicted, annotated).tolist() == [1, 0]


@pytest.mark.parametrize("rule", ["maximum", "best"])
def test_of_equal_claims_the_earlier_wins_in_whatever_order_they_come(rule):
    # [0, 9] and [2, 11] overlap [1, 10] equally: 9 of 11 frames
    for predicted in ([[0, 9], [2, 11]], [[2, 11], [0, 9]]):
        matches = match_intervals(predicted, [[1, 10]], rule=rule)
        assert predicted[matches.tolist().index(0)] == [0, 9]
        annotated = predicted
        match = match_intervals([[1, 10]], annotated, rule=rule)[0]
        assert annotated[match] == [0, 9]


@pytest.mark.parametrize("rule", ["maximum", "best"])
def test_of_equal_claims_with_one_onset_the_shorter_wins(rule):
    # 4 of 6 frames and 6 of 9 frames: both 2/3
    for predicted in ([[0, 3], [0, 8]], [[0, 8], [0, 3]]):
        matches = match_intervals(predicted, [[0, 5]], rule=rule)
        assert predicted[matches.tolist().index(0)] == [0, 3]


def test_predictions_move_over_along_a_chain():
    # every annotation overlaps its two neighbours by at least .5, the first prediction only A0;
    # each newcomer pushes the others one place on
    annotated = [[10 * i, 10 * i + 19] for i in range(6)]
    predicted = [[10 * i - 5, 10 * i + 14] for i in range(6)]
    assert match_intervals(predicted, annotated, 0.3).tolist() == [0, 1, 2, 3, 4, 5]
    assert (match_intervals(predicted[::-1], annotated, 0.3) >= 0).all()


def test_nothing_predicted_or_annotated_is_no_error():
    assert match_intervals([], []).shape == (0,)
    assert match_intervals([[1, 2]], []).tolist() == [-1]
    assert interval_iou([], [[1, 2]]).shape == (0, 1)


def test_columns_of_a_table_are_taken_as_they_are():
    table = pd.DataFrame({"onset": [3, 8], "offset": [5, 9]}, dtype="Int64")
    assert as_intervals(table[["onset", "offset"]]).tolist() == [[3, 5], [8, 9]]
    assert as_intervals(np.array([[3.0, 5.0]])).dtype == np.int64


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([[5, 3]], "predicted, row 0: onset 5 is after offset 3"),
        ([[1, 2], [1, np.nan]], "predicted, position 3: nan is not a whole frame"),
        ([[1, 2.5]], "predicted, position 1: 2.5 is not a whole frame"),
        ([[1, 2, 3]], r"predicted: expected shape \(n, 2\)"),
        ([1, 2], r"predicted: expected shape \(n, 2\)"),
        ([["a", "b"]], "predicted: expected whole numbers"),
        ([[True, True]], "predicted: expected whole numbers"),
        ([[1, pd.NA]], "predicted, position 1: a missing value is no frame"),
    ],
)
def test_what_is_no_interval_is_named(values, what):
    with pytest.raises(ValueError, match=what):
        match_intervals(values, [[1, 2]])


def test_thresholds_and_rules_that_do_not_exist_are_refused():
    for iou in (0, -0.5, 1.1, float("nan")):
        with pytest.raises(ValueError, match="iou: expected a threshold"):
            match_intervals([[1, 2]], [[1, 2]], iou)
    with pytest.raises(ValueError, match="did you mean 'maximum'"):
        match_intervals([[1, 2]], [[1, 2]], rule="maximun")
