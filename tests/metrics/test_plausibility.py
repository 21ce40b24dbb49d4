"""The printed numbers of Liong, See, Chan (2022) follow from their counts, except eight."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mecore.metrics.analysis import strs
from mecore.metrics.plausibility import RULES, as_printed, check_published, published_values
from mecore.metrics.recognition import f1_of_means
from mecore.metrics.spotting import precision_recall_f1

PUBLISHED = yaml.safe_load(
    (Path(__file__).parents[2] / "book" / "published" / "mean_tables.yaml").read_text("utf-8")
)
VALUES = published_values(PUBLISHED).set_index(["table", "row", "column"])["value"]
DATABASES = ["CASME II", "SMIC-E-HS", "SMIC-E-VIS", "SMIC-E-NIR", "CAS(ME)²", "SAMMLV"]


@pytest.mark.parametrize("database", DATABASES)
def test_precision_recall_and_f1_follow_from_the_printed_counts(database):
    counts = [int(VALUES["5S", name, database]) for name in ("TP", "FP", "FN")]
    printed = [VALUES["5S", name, database] for name in ("Precision", "Recall", "F1-score")]
    assert [round(value, 4) for value in precision_recall_f1(*counts)] == printed


@pytest.mark.parametrize("database", DATABASES)
def test_the_analysis_f1_is_the_harmonic_mean_of_the_printed_means(database):
    means = VALUES["5A", "Precision", database], VALUES["5A", "Recall", database]
    assert f1_of_means(*means) == pytest.approx(VALUES["5A", "F1-score", database], abs=1e-4)


@pytest.mark.parametrize("database", DATABASES)
def test_strs_is_the_product_of_the_printed_f1_scores(database):
    value = strs(VALUES["5S", "F1-score", database], VALUES["5A", "F1-score", database])
    assert value == pytest.approx(VALUES["5", "STRS", database], abs=1e-4)


@pytest.mark.parametrize(
    ("database", "hits", "videos"),
    [
        ("CASME II", 206, 244),
        ("SMIC-E-HS", 77, 157),
        ("SMIC-E-VIS", 34, 71),
        ("SMIC-E-NIR", 23, 71),
    ],
)
def test_apex_spotting_rates_are_whole_counts(database, hits, videos):
    assert round(hits / videos, 4) == VALUES["2S", "MEAN", database]


def test_smoothing_scores_are_whole_counts_of_the_videos():
    rows = ["Gaussian (σ=1)", "Gaussian (σ=3)", "Exponential (τ=1)", "Exponential (τ=3)"]
    # one interval and one expression per video: FP = FN
    for row, hits in zip(rows, (70, 68, 67, 66), strict=True):
        f1 = precision_recall_f1(hits, 244 - hits, 244 - hits)[2]
        assert round(f1, 4) == VALUES["7", row, "Spotting"]


def test_exactly_eight_printed_numbers_contradict_others():
    report = check_published(PUBLISHED)
    wrong = report[~report["possible"]]
    assert set(zip(wrong["table"], wrong["row"], wrong["column"], wrong["rule"], strict=True)) == {
        ("5A", "UF1", "CASME II", "uf1_bound"),
        ("6", "FPS×0.05", "Spotting", "whole_count"),
        ("9", "With ITL", "CASME II", "same"),
        ("9", "With ITL", "SMIC-E-HS", "same"),
        ("9", "With ITL", "SMIC-E-VIS", "same"),
        ("9", "With ITL", "SMIC-E-NIR", "same"),
        ("text", "Samples", "CASME II", "same"),
    }
    # Table 9, SMIC-E-VIS differs from Table 5 and, in the last digit, from Table 2
    assert len(wrong) == 8
    assert len(report) > 100


def test_the_report_shows_what_is_implied():
    report = check_published(PUBLISHED).set_index(["table", "row", "column", "rule"])
    uf1 = report.loc[("5A", "UF1", "CASME II", "uf1_bound")]
    assert (uf1["printed"], uf1["implied"], uf1["possible"]) == ("0.6755", "≤ 0.5927", False)
    nearest = report.loc[("6", "FPS×0.05", "Spotting", "whole_count")]
    assert (nearest["printed"], nearest["implied"]) == ("0.6398", "0.6393")
    percent = report.loc[("3 TP", "MEAN", "SMIC-E-VIS", "precision")]
    assert (percent["printed"], percent["implied"], percent["possible"]) == ("77.42", "77.42", True)


def test_every_published_number_has_a_source_and_a_protocol():
    values = published_values(PUBLISHED)
    assert not values.duplicated(["table", "row", "column"]).any()
    assert values["source"].str.startswith(PUBLISHED["reference"]["key"]).all()
    assert set(values["protocol"]) == set(PUBLISHED["protocols"])


def test_every_rule_is_used():
    assert {check["rule"] for check in PUBLISHED["checks"]} == set(RULES)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_numbers_printed_from_real_counts_are_always_possible(tp, fp, fn):
    names = ["precision", "recall", "f1"]
    cells = {
        name: [f"{value:.4f}"]
        for name, value in zip(names, precision_recall_f1(tp, fp, fn), strict=True)
    }
    counts = {"tp": [str(tp)], "fp": [str(fp)], "fn": [str(fn)]}
    table = {"table": "t", "source": "s", "protocol": "p", "columns": ["c"]}
    checks = [
        {"rule": name, "printed": f"t/{name}/c", "inputs": ["t/tp/c", "t/fp/c", "t/fn/c"]}
        for name in names
    ]
    published = {"tables": [{**table, "rows": {**counts, **cells}}], "checks": checks}
    assert check_published(published)["possible"].all()


def test_a_printed_decimal_is_a_range_and_a_count_is_exact():
    assert as_printed("0.50") == pytest.approx((0.5, 0.005))
    assert as_printed("77.42", 0.01) == pytest.approx((0.7742, 0.00005))
    assert as_printed("244") == (244, 0)


def test_mistakes_in_the_tables_are_named():
    table = {"table": "t", "source": "s", "protocol": "p", "columns": ["c"], "rows": {"r": ["1"]}}
    published = {"tables": [table]}
    with pytest.raises(ValueError, match="did you mean 'product'"):
        check_published({**published, "checks": [{"rule": "prodct", "printed": "", "inputs": []}]})
    with pytest.raises(ValueError, match="no cell 't/q/c' in the tables"):
        checks = [{"rule": "same", "printed": "t/r/c", "inputs": ["t/q/c"]}]
        check_published({**published, "checks": checks})
    with pytest.raises(ValueError, match="table t, row r: 2 cells for 1 columns"):
        published_values({"tables": [{**table, "rows": {"r": ["1", "2"]}}]})
