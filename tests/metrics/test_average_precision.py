"""What holds for average precision, ranked and unranked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_strategies import scored_videos, thresholds
from sklearn.metrics import average_precision_score

from mecore.metrics.average_precision import IOU_THRESHOLDS, ap_50_95, average_precision


@given(scored_videos(), thresholds)
def test_only_the_order_of_the_scores_matters(drawn, iou):
    videos, scores = drawn
    before = average_precision(videos, scores, iou=iou)
    for change in (lambda s: 3 * s - 7, lambda s: s**3, np.exp):
        changed = [[float(change(s)) for s in values] for values in scores]
        assert average_precision(videos, changed, iou=iou) == before


@given(scored_videos(), thresholds, st.randoms())
def test_the_order_of_videos_and_predictions_does_not_matter(drawn, iou, random):
    rows = []
    for (predicted, annotated), values in zip(*drawn, strict=True):
        together = random.sample(list(zip(predicted, values, strict=True)), len(predicted))
        shuffled = random.sample(annotated, len(annotated))
        rows.append((([p for p, _ in together], shuffled), [s for _, s in together]))
    random.shuffle(rows)
    moved = average_precision([v for v, _ in rows], [s for _, s in rows], iou=iou)
    assert moved == pytest.approx(average_precision(*drawn, iou=iou), abs=1e-12)


@given(scored_videos())
def test_perfect_intervals_that_rank_above_all_false_alarms_give_one(drawn):
    videos, scores = drawn
    ideal = [([*a, *([200 + i, 230 + i] for i in range(len(p)))], a) for p, a in videos]
    ranks = [
        [10.0] * len(a) + list(map(float, s)) for (_, a), s in zip(videos, scores, strict=True)
    ]
    expected = 1.0 if any(a for _, a in videos) else 0.0
    assert ap_50_95(ideal, ranks) == pytest.approx(expected)


@given(scored_videos())
def test_average_precision_lies_between_zero_and_recall(drawn):
    videos, scores = drawn
    value = average_precision(videos, scores)
    assert 0 <= value <= 1
    # a detection below all others leaves the curve above it as it is
    last = [([*p, [500, 520]], a) for p, a in videos]
    below = [[*values, -1] for values in scores]
    assert average_precision(last, below) == pytest.approx(value, abs=1e-12)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.randoms())
def test_interpolation_raises_the_plain_average_precision_never_lowers_it(hits, random):
    # one video per detection: an expression that is hit, or a false alarm; different scores
    videos = [([[0, 9]], [[0, 9]] if hit else []) for hit in hits]
    scores = random.sample(range(100), len(hits))
    if any(hits):
        plain = average_precision_score(hits, scores)
        assert average_precision(videos, [[s] for s in scores]) >= plain - 1e-12


def test_the_area_is_that_of_the_interpolated_curve():
    # ranking: hit, miss, hit; two expressions. Points (R, P): (1/2, 1), (1/2, 1/2), (1, 2/3).
    # Interpolated: 1/2 · 1 + 1/2 · 2/3 = 5/6.
    videos = [([[0, 9], [50, 59], [20, 29]], [[0, 9], [20, 29]])]
    assert average_precision(videos, [[3, 2, 1]]) == pytest.approx(5 / 6)
    # miss first: points (0, 0), (1/2, 1/2), (1, 2/3); interpolated 2/3 everywhere
    assert average_precision(videos, [[2, 3, 1]]) == pytest.approx(2 / 3)
    # all equal: one point, recall 1 at precision 2/3
    assert average_precision(videos, [[1, 1, 1]]) == pytest.approx(2 / 3)


def test_the_surest_detection_chooses_first():
    # both overlap the one expression enough; the surer one gets it, the other is a false alarm
    videos = [([[0, 9], [1, 10]], [[0, 10]])]
    assert average_precision(videos, [[1, 2]]) == 1
    # the taken expression is skipped and the next best tried: [0, 5] has IoU 6/10 with [0, 9]
    videos = [([[0, 9], [1, 10]], [[0, 10], [0, 5]])]
    assert average_precision(videos, [[1, 2]]) == 1


def test_equally_sure_detections_choose_in_time_order():
    # [0, 9] takes [0, 10] (IoU 10/11) and leaves [1, 10] with [0, 5] (IoU 5/11): one hit of two,
    # precision 1/2 at recall 1/2. The other way round both would hit.
    annotated = [[0, 10], [0, 5]]
    assert average_precision([([[0, 9], [1, 10]], annotated)], [[1, 1]]) == 1 / 4
    assert average_precision([([[1, 10], [0, 9]], annotated)], [[1, 1]]) == 1 / 4


def test_the_unranked_form_depends_on_the_order_of_the_videos():
    good, bad = ([[0, 9]], [[0, 9]]), ([[50, 59]], [])
    assert average_precision([good, bad], compat="mean") == 1
    assert average_precision([bad, good], compat="mean") == 0.5
    assert average_precision([bad, good], [[0], [0]]) == 0.5
    assert average_precision([good, bad], [[0], [0]]) == 0.5


def test_the_thresholds_are_the_decimals_themselves():
    # summed-up steps give 0.6000000000000001, which an IoU of 3/5 would miss
    assert IOU_THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    # IoU 3/5 passes .50, .55 and .60
    assert ap_50_95([([[0, 2]], [[0, 4]])], [[1]]) == pytest.approx(0.3)


def test_without_anything_annotated_or_predicted_it_is_zero():
    assert average_precision([([[0, 9]], [])], [[1]]) == 0
    assert average_precision([([], [[0, 9]])], [[]]) == 0
    assert average_precision([], []) == 0


def test_bad_scores_are_named():
    videos = [([[0, 9]], []), ([[0, 9]], [])]
    with pytest.raises(ValueError, match="needs the score of every prediction"):
        average_precision(videos)
    with pytest.raises(ValueError, match="scores of 1 videos but intervals of 2"):
        average_precision(videos, [[1]])
    with pytest.raises(ValueError, match="video 1: 1 predictions but scores of shape"):
        average_precision(videos, [[1], [1, 2]])
    with pytest.raises(ValueError, match="video 0: a score is NaN"):
        average_precision(videos, [[float("nan")], [1]])
    with pytest.raises(ValueError, match="order of the data set, not scores"):
        average_precision(videos, [[1], [1]], compat="mean")
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        average_precision(videos, compat="maen")
