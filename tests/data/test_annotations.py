import pandas as pd
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from mecore.data.annotations import COLUMNS, read_annotations, refuse
from mecore.data.manifest import parse_manifest
from mecore.data.sheets import read_sheet
from mecore.errors import DataError


def reading_of(own):
    manifest = parse_manifest(own.write())
    reading = read_annotations(manifest, own.root)
    refuse(reading.problems, manifest.id)
    return reading


def samples_of(own):
    return reading_of(own).samples


def test_frames_count_from_0_and_ids_stay_text(own):
    table = samples_of(own)
    assert list(table.columns) == COLUMNS
    first = table.iloc[0]
    assert (first.subject, first.onset, first.apex, first.offset) == ("006", 1, 4, 8)


def test_an_unknown_apex_is_missing_never_0(own):
    own.rows[0] = "006,a,2,/,9,anger"
    assert samples_of(own).apex.isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("006,a,9,5,2,anger", "onset 8 after offset 1"),
        ("006,a,2,12,9,anger", "apex 11 outside its interval 1 to 8"),
        ("006,a,2,5,9,angr", "unknown emotion 'angr'; did you mean 'anger'"),
        ("006,a,2,5,/,anger", "offset is missing"),
        ("006,a,two,5,9,anger", "onset 'two' is no frame number"),
        ("006,a,0,5,9,anger", "lies before the first frame"),
        ("006,a,2.5,5,9,anger", "onset '2.5' is no frame number"),
    ],
)
def test_a_wrong_row_is_refused_with_file_and_row(own, row, problem):
    own.rows[1] = row
    with pytest.raises(DataError, match=problem) as error:
        samples_of(own)
    assert "annotations.csv, row 3" in str(error.value)


def test_a_missing_column_is_answered_with_the_nearest_one(own):
    own.manifest["annotations"]["columns"]["offset"] = "offsett"
    with pytest.raises(DataError, match="no column 'offsett'; did you mean 'offset'"):
        samples_of(own)


def test_a_missing_sheet_file_names_the_spreadsheets_that_are_there(own):
    own.manifest["annotations"]["file"] = "annotation.csv"
    with pytest.raises(
        DataError, match=r"not found: annotation\.csv; spreadsheets there: annotations\.csv"
    ):
        samples_of(own)


def test_corrections_are_keyed_by_clip_and_say_whether_they_found_it(own):
    own.rows[0] = "006,a,2,12,9,anger"
    why = {"reason": "misprint", "source": "owner"}
    own.manifest["corrections"] = [
        {"subject": "006", "video": "a", "set": {"apex": 5}, **why},
        {"subject": "099", "video": "z", "set": {"apex": 5}, **why},
    ]
    reading = reading_of(own)
    samples, report = reading.samples, reading.corrections
    assert samples.apex[0] == 4
    assert report.applied.tolist() == [True, False]


def test_several_expressions_of_a_video_are_numbered(own):
    own.rows.append("006,a,10,11,12,others")
    assert samples_of(own)["sample"].tolist() == ["1", "2", "1"]


def write_xlsx(path, sheets):
    with xlsxwriter.Workbook(path) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for i, row in enumerate(rows):
                sheet.write_row(i, 0, row)


def test_excel_text_ids_stay_text_and_whole_floats_become_whole(tmp_path):
    path = tmp_path / "a.xlsx"
    write_xlsx(path, [[["Subject", "", "Onset"], ["006", "", 46.0], ["007", "", 1.5]]])
    assert read_sheet(path)[1:] == [["006", "", "46"], ["007", "", "1.5"]]


def test_a_sheet_without_header_is_read_by_position_and_codes_by_naming_rules(own):
    coding = [[1, "joy1_2", 2, 5, 9, "micro-expression", "happiness"],
              [1, "joy1_1", 10, 11, 12, "macro-expression", "happiness"]]  # fmt: skip
    write_xlsx(own.root / "c.xlsx", [coding, [["006", "s006", 1]], [["joy1", "a"]]])
    own.manifest["annotations"] |= {
        "file": "c.xlsx", "header": None,
        "columns": {"subject": 0, "code": 1, "onset": 2, "apex": 3, "offset": 4, "kind": 5,
                    "emotion": 6},
        "split": {"code": r"(?P<video>.+)_(?P<sample>\d+)"},
        "lookups": [{"column": "subject", "sheet": 1, "key": 2, "value": 0},
                    {"column": "video", "sheet": 2, "key": 0, "value": 1}],
        "kinds": {"micro-expression": "micro", "macro-expression": "macro"},
    }  # fmt: skip
    table = samples_of(own)
    assert table[["subject", "video", "sample", "kind"]].to_numpy().tolist() == [
        ["006", "a", "2", "micro"],
        ["006", "a", "1", "macro"],
    ]


def test_a_code_without_naming_rule_is_refused(own):
    write_xlsx(own.root / "c.xlsx", [[["x", "joy9", 2, 5, 9, "anger"]], [["joy1", "a"]]])
    own.manifest["annotations"] |= {
        "file": "c.xlsx", "header": None,
        "columns": {"subject": 0, "video": 1, "onset": 2, "apex": 3, "offset": 4, "emotion": 5},
        "lookups": [{"column": "video", "sheet": 1, "key": 0, "value": 1}],
    }  # fmt: skip
    with pytest.raises(DataError, match="video 'joy9' has no naming rule; did you mean 'joy1'"):
        samples_of(own)


@given(onset=st.integers(1, 50), rise=st.integers(0, 50), fall=st.integers(0, 50))
def test_every_ordered_interval_is_read_as_it_stands(tmp_path_factory, onset, rise, fall):
    from tests.conftest import OwnDatabase

    own = OwnDatabase(tmp_path_factory.mktemp("own"))
    own.rows = [f"006,a,{onset},{onset + rise},{onset + rise + fall},anger"]
    frames = samples_of(own)[["onset", "apex", "offset"]].iloc[0].tolist()
    assert frames == [onset - 1, onset + rise - 1, onset + rise + fall - 1]


def test_kinds_of_expression_are_checked(own):
    own.manifest["annotations"]["columns"]["kind"] = "emotion"
    own.manifest["annotations"]["kinds"] = {"anger": "micro"}
    with pytest.raises(DataError, match="unknown kind 'happiness'"):
        samples_of(own)


def test_samples_are_sorted_whatever_the_order_of_the_sheet(own):
    table = samples_of(own)
    own.rows.reverse()
    pd.testing.assert_frame_equal(table, samples_of(own))
