"""The measures against stored cases: exact definitions, and the published spotting measure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mecore.metrics import analysis, average_precision, recognition, spotting
from mecore.metrics.matching import match_intervals

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics"


def cases(name):
    stored = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return stored["cases"] if isinstance(stored, dict) else stored


def assert_same(found, expected):
    assert list(found) == list(expected), "the order of the measures is part of the convention"
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12, rel=0), name


@pytest.mark.parametrize("case", cases("recognition"))
def test_recognition_equals_the_definition_in_fractions(case):
    found = recognition.evaluate(case["truth"], case["predicted"], case["labels"])
    assert_same(found, case["expected"])


@pytest.mark.parametrize("case", cases("spotting"))
def test_spotting_equals_the_definition_in_fractions(case):
    found = spotting.evaluate(case["videos"], case["scores"], iou=case["iou"], rule=case["rule"])
    assert_same(found, case["expected"])


@pytest.mark.parametrize("case", cases("analysis"))
def test_spot_then_recognise_equals_the_definition_in_fractions(case):
    videos = [analysis.AnalysedVideo(*video) for video in case["videos"]]
    assert_same(analysis.evaluate(videos, case["labels"], rule="best"), case["expected"])


@pytest.mark.parametrize("case", cases("ap_cases"))
def test_the_published_measure_is_reproduced(case):
    videos = [(video["pred"], video["gt"]) for video in case["videos"]]
    counts = spotting.count_matches(videos, rule="best")
    matches = [match_intervals(*video, rule="best").tolist() for video in videos]
    assert counts == (case["TP"], case["FP"], case["FN"])
    assert matches == case["match_greedy_050"]
    # stored with six decimals
    at_50 = average_precision.average_precision(videos, compat="mean")
    assert at_50 == pytest.approx(case["AP_50_soft"], abs=5.1e-7, rel=0)
    over_all = average_precision.ap_50_95(videos, compat="mean")
    assert over_all == pytest.approx(case["AP_50_95"], abs=5.1e-7, rel=0)
