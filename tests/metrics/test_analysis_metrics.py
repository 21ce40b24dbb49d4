"""Spot-then-recognise: which intervals are scored, and the product."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_strategies import videos

from mecore.metrics import analysis, recognition, spotting
from mecore.metrics.analysis import AnalysedVideo, scored_emotions, strs

LABELS = ["negative", "positive", "surprise"]


@st.composite
def analysed_videos(draw):
    def emotions(intervals, names):
        return draw(
            st.lists(st.sampled_from(names), min_size=len(intervals), max_size=len(intervals))
        )

    return [
        AnalysedVideo(p, emotions(p, LABELS), a, emotions(a, [*LABELS, "others"]))
        for p, a in draw(videos)
    ]


@given(analysed_videos())
def test_every_true_positive_is_scored_or_left_out(drawn):
    found = analysis.evaluate(drawn, LABELS)
    assert found["recognition_n"] + found["n_left_out"] == found["spotting_tp"]
    assert found["strs"] == found["spotting_f1"] * found["recognition_f1_of_means"]


@given(analysed_videos())
def test_the_emotions_do_not_change_the_spotting(drawn):
    found = analysis.evaluate(drawn, LABELS)
    alone = spotting.evaluate([(video.predicted, video.annotated) for video in drawn])
    assert {name: found[f"spotting_{name}"] for name in alone} == alone


def test_only_true_positives_are_scored():
    video = AnalysedVideo(
        [[0, 9], [50, 59]], ["positive", "surprise"], [[0, 9], [80, 89]], ["negative", "surprise"]
    )
    truth, predicted = scored_emotions([video], LABELS)
    assert (truth.tolist(), predicted.tolist()) == (["negative"], ["positive"])


def test_each_interval_is_scored_against_the_expression_it_matches():
    # P0 must give way: it matches A1, P1 matches A0 (see test_matching)
    video = AnalysedVideo(
        [[0, 9], [1, 10]], ["negative", "positive"], [[0, 10], [0, 5]], ["positive", "negative"]
    )
    truth, predicted = scored_emotions([video], LABELS)
    assert truth.tolist() == predicted.tolist() == ["negative", "positive"]


def test_other_emotions_count_in_spotting_and_not_in_recognition():
    video = AnalysedVideo(
        [[0, 9], [20, 29]], LABELS[:2], [[0, 9], [20, 29]], ["negative", "others"]
    )
    found = analysis.evaluate([video], LABELS[:1] + LABELS[1:])
    assert (found["spotting_tp"], found["recognition_n"], found["n_left_out"]) == (2, 1, 1)
    assert found["recognition_accuracy"] == 1


def test_scoring_all_spotted_intervals_takes_the_label_of_the_short_video():
    clips = [
        AnalysedVideo([[0, 9]], ["positive"], [[0, 9]], ["positive"]),
        AnalysedVideo([[50, 59]], ["negative"], [[0, 9]], ["negative"]),
        AnalysedVideo([[50, 59]], ["negative"], [[0, 9]], ["others"]),
        AnalysedVideo([], [], [[0, 9]], ["surprise"]),
    ]
    found = analysis.evaluate(clips, LABELS, scoring="all_spotted")
    assert (found["spotting_tp"], found["recognition_n"], found["n_left_out"]) == (1, 2, 1)
    assert found["recognition_accuracy"] == 1
    assert "strs" not in found, "Eq. 24 is defined on true positives"
    assert analysis.evaluate(clips, LABELS)["recognition_n"] == 1


def test_scoring_all_spotted_intervals_is_for_short_videos():
    long = AnalysedVideo([[0, 9], [20, 29]], LABELS[:2], [[0, 9]], ["negative"])
    empty = AnalysedVideo([[0, 9]], ["negative"], [], [])
    for video in (long, empty):
        with pytest.raises(ValueError, match="video 0: scoring='all_spotted' is for short videos"):
            scored_emotions([video], LABELS, scoring="all_spotted")


def test_strs_is_the_product_with_the_harmonic_mean_of_means_not_with_uf1():
    truth, predicted = ["negative", "negative", "positive"], ["negative", "positive", "positive"]
    intervals = [[0, 9], [20, 29], [40, 49]]
    found = analysis.evaluate([AnalysedVideo(intervals, predicted, intervals, truth)], LABELS[:2])
    counts = recognition.confusion_matrix(truth, predicted, LABELS[:2])
    assert found["strs"] == pytest.approx(3 / 4) != pytest.approx(recognition.uf1(counts))
    assert strs(1, 0) == 0
    with pytest.raises(ValueError, match="f1_recognition: expected a value in"):
        strs(0.5, 66.67)


@pytest.mark.parametrize(
    ("video", "what"),
    [
        (([[0, 9]], [], [], []), r"video 0, predicted: 1 intervals but emotions of shape \(0,\)"),
        (([], [], [[0, 9]], ["positive"] * 2), "video 0, annotated: 1 intervals but emotions"),
        (([[0, 9]], ["happy"], [], []), "video 0: predicted emotion 'happy' is not among"),
        (([], [], [[0, 9]], [None]), "video 0, annotated: an emotion is missing"),
        (([[9, 0]], ["positive"], [], []), "video 0, predicted, row 0: onset 9 is after offset 0"),
    ],
)
def test_bad_input_is_named(video, what):
    with pytest.raises(ValueError, match=what):
        analysis.evaluate([AnalysedVideo(*video)], LABELS)


def test_a_misspelt_scoring_is_answered_with_the_right_one():
    with pytest.raises(ValueError, match="did you mean 'all_spotted'"):
        scored_emotions([], LABELS, scoring="all_spoted")
