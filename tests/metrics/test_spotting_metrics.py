"""What holds for counts, F1, apex rate and apex distance."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_strategies import intervals, scored_videos, thresholds, videos

from mecore.metrics import spotting
from mecore.metrics.spotting import apex_mae, apex_spotting_rate, count_matches, precision_recall_f1

rules = st.sampled_from(["maximum", "best"])


def f1(drawn, iou=0.5, rule="maximum"):
    return precision_recall_f1(*count_matches(drawn, iou, rule))[2]


@given(videos, thresholds, rules, st.randoms())
def test_swapping_predictions_or_videos_does_not_change_the_counts(drawn, iou, rule, random):
    shuffled = [(random.sample(p, len(p)), random.sample(a, len(a))) for p, a in drawn]
    random.shuffle(shuffled)
    assert count_matches(shuffled, iou, rule) == count_matches(drawn, iou, rule)


@given(st.lists(intervals, min_size=1, max_size=5), thresholds)
def test_perfect_predictions_score_one(annotated, iou):
    drawn = [(a, a) for a in annotated]
    n_annotated = sum(map(len, annotated))
    assert count_matches(drawn, iou) == (n_annotated, 0, 0)
    assert f1(drawn, iou) == (1 if n_annotated else 0)


@given(videos, thresholds)
def test_a_false_alarm_never_raises_f1(drawn, iou):
    # far from every annotation
    assert f1([*drawn, ([[500, 520]], [])], iou) <= f1(drawn, iou)
    with_alarm = [([*p, [500, 520]], a) for p, a in drawn]
    assert f1(with_alarm, iou) <= f1(drawn, iou)


@given(videos)
def test_a_stricter_threshold_never_finds_more(drawn):
    found = [count_matches(drawn, iou).tp for iou in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    assert found == sorted(found, reverse=True)


@given(videos, thresholds)
def test_counts_are_sums_over_videos(drawn, iou):
    parts = [count_matches([video], iou) for video in drawn]
    assert count_matches(drawn, iou) == tuple(sum(p[i] for p in parts) for i in range(3))


@given(videos, thresholds)
def test_predicted_and_annotated_trade_places_as_precision_and_recall(drawn, iou):
    tp, fp, fn = count_matches(drawn, iou)
    assert count_matches([(a, p) for p, a in drawn], iou) == (tp, fn, fp)


def test_a_second_hit_of_the_same_expression_is_a_false_alarm():
    assert count_matches([([[0, 9], [1, 10]], [[0, 10]])]) == (1, 1, 0)


def test_the_released_counts_do_not_depend_on_the_order_of_equally_good_annotations():
    # [5, 14] overlaps both annotations in 8 of 12 frames and tries the earlier, which [3, 12] has
    annotated = [[3, 12], [7, 16]]
    for truth in (annotated, annotated[::-1]):
        assert count_matches([([[3, 12], [5, 14]], truth)], rule="best") == (1, 1, 1)
        assert count_matches([([[3, 12], [5, 14]], truth)]) == (2, 0, 0)


def test_a_prediction_does_not_match_an_expression_of_another_video():
    assert count_matches([([[0, 9]], []), ([], [[0, 9]])]) == (0, 1, 1)


@given(scored_videos())
def test_evaluate_returns_its_measures_in_a_fixed_order(drawn):
    found = spotting.evaluate(*drawn)
    names = ["n_videos", "n_predicted", "n_annotated", "tp", "fp", "fn"]
    names += ["precision", "recall", "f1"]
    assert list(found) == [*names, "ap", "ap_50_95", "ap_50_95_unranked"]
    assert list(spotting.evaluate(drawn[0])) == [*names, "ap_50_95_unranked"]
    assert all(0 <= found[name] <= 1 for name in ("precision", "recall", "f1", "ap", "ap_50_95"))


def test_counts_that_are_none_are_refused():
    for counts in ((-1, 0, 0), (0, 1.5, 0), (0, 0, float("nan"))):
        with pytest.raises(ValueError, match="expected a count"):
            precision_recall_f1(*counts)
    assert precision_recall_f1(0, 0, 0) == (0, 0, 0)


def test_the_apex_must_lie_strictly_inside():
    # onset and offset themselves do not count
    rate = apex_spotting_rate([[10], [11], [19], [20]], [[10, 20]] * 4)
    assert rate == 2 / 4


def test_only_the_earliest_peak_counts_and_a_video_without_peak_is_missed():
    assert apex_spotting_rate([[15, 3], [15, 40], []], [[10, 20]] * 3) == 1 / 3
    assert apex_spotting_rate([], []) == 0


def test_apex_distance_leaves_out_videos_without_peak():
    # |12 − 15| and |30 − 25|; the third video has no peak
    assert apex_mae([[12], [30, 35], []], [15, 25, 40]) == 4
    assert math.isnan(apex_mae([[]], [15]))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="video 1, annotated, row 0: onset 9 is after offset 2"):
        spotting.evaluate([([[1, 2]], [[1, 2]]), ([], [[9, 2]])])
    with pytest.raises(ValueError, match=r"video 0: expected \(predicted, annotated\)"):
        spotting.count_matches([([[1, 2]], [[1, 2]], [[3, 4]])])
    with pytest.raises(ValueError, match="peaks of 1 videos but intervals of 2"):
        apex_spotting_rate([[3]], [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="apexes, position 1: nan is not a whole frame"):
        apex_mae([[3], [4]], [3, float("nan")])
