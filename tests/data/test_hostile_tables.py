"""Bad tables and folders: refused or corrected with the place, nothing hangs or leaves the root."""

import os
import resource
import shutil
import struct
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from mecore.data.check import check_database
from mecore.data.manifest import parse_manifest
from mecore.data.sheets import read_sheet
from mecore.errors import DataError, MecoreError
from tests.conftest import HEADER, OwnDatabase, write_frames

pytestmark = pytest.mark.timeout(300)
COLUMNS = ["subject", "video", "onset", "apex", "offset", "emotion"]
GOOD = [["006", "a", 2, 5, 9, "anger"], ["007", "b", 1, 4, 8, "happiness"]]


@pytest.fixture(autouse=True)
def _no_gigabyte():
    """Whatever is read, the largest memory of this process grows by less than one gigabyte."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20


def found(own):
    """Everything that is said against a database, as one text."""
    try:
        report = check_database(parse_manifest(own.manifest_file()), own.root)
    except MecoreError as error:
        return str(error)
    return "\n".join(f"{p.where}: {p.what}\n{p.todo}" for p in report.problems)


def samples(own):
    report = check_database(parse_manifest(own.manifest_file()), own.root)
    assert report.problems == []
    return report.scan.samples


def excel(own, rows, columns=COLUMNS, finish=lambda _book, _page: None, sheet="Sheet1"):
    """Replace the table by a workbook; returns its path."""
    own.manifest["annotations"]["file"] = "annotations.xlsx"
    path = own.root / "annotations.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet(sheet)
        for i, row in enumerate([columns, *rows]):
            page.write_row(i, 0, row)
        finish(book, page)
    return path


def text(own, content, encoding="utf-8"):
    own.write()
    (own.root / "annotations.csv").write_bytes(content.encode(encoding))


ABSENT = "row 3: annotates a video that is not on disk: subject 007, video "
ROWS = {
    # name: a row in place of the second, and what must be said of it
    "text in a frame column": ("007,b,one,4,8,anger", "row 3, column C: onset 'one' is no frame"),
    "negative frame": ("007,b,-5,4,8,anger", "row 3, column C: onset -5 is negative"),
    "fraction of a frame": ("007,b,1.5,4,8,anger", "column C: onset '1.5' is no frame number"),
    "frame zero": ("007,b,0,4,8,anger", "row 3, column C: onset 0 lies before the first frame"),
    "onset behind offset": ("007,b,9,,2,anger", "row 3, column C: onset 8 after offset 1"),
    "apex outside": ("007,b,1,11,8,anger", "row 3, column D: apex 10 outside its interval 0 to 7"),
    "offset behind the end": ("007,b,1,4,13,anger", "row 3: offset 12 lies behind the video's 12"),
    "empty onset": ("007,b,,4,8,anger", "row 3, column C: onset is missing"),
    "empty offset": ("007,b,1,4,,anger", "row 3, column E: offset is missing"),
    "nan offset": ("007,b,1,4,nan,anger", "row 3, column E: offset is missing"),
    "infinite frame": ("007,b,1,4,inf,anger", "row 3, column E: offset 'inf' is no frame number"),
    "exponent": ("007,b,1,4,1e99,anger", "row 3, column E: offset '1e99' is no frame number"),
    "huge frame": ("007,b,1,4,99999999999999999999,anger", "row 3, column E: offset '9999"),
    "arabic digits": ("007,b,\u0661,4,8,anger", "column C: onset '\u0661' is no frame number"),
    "date in a frame column": ("007,b,2020-01-01,4,8,anger", "'2020-01-01' is no frame number"),
    "error of a formula": ("007,b,#REF!,4,8,anger", "row 3, column C: onset '#REF!' is no frame"),
    "NaN subject": ("nan,b,1,4,8,anger", "row 3, column A: subject is missing"),
    "empty subject": (",b,1,4,8,anger", "row 3, column A: subject is missing"),
    "empty video": ("007,,1,4,8,anger", "row 3, column B: video is missing"),
    "unknown emotion": ("007,b,1,4,8,angre", "row 3, column F: unknown emotion 'angre'; did you"),
    "empty emotion": ("007,b,1,4,8,", "row 3, column F: unknown emotion ''"),
    "too few cells": ("007,b,1", "row 3, column E: offset is missing"),
    "a video that is not there": ("007,c,1,4,8,anger", ABSENT + "c"),
    "path traversal": ("007,../../secret,1,4,8,anger", ABSENT + "../../sec"),
    "absolute path": ("007,/etc/passwd,1,4,8,anger", ABSENT + "/etc/passwd"),
    "pattern as a name": ("007,*,1,4,8,anger", ABSENT + "*"),
    "zero byte in a name": ("007,b\0,1,4,8,anger", ABSENT + "b\0"),
    "very long name": (f"007,{'b' * 9999},1,4,8,anger", ABSENT + "bbb"),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_refused_with_file_row_and_column(own, case):
    own.rows[1], said = ROWS[case]
    own.write()
    assert said in found(own)
    assert "annotations.csv" in found(own)
    assert "row 2" not in found(own)


def test_every_bad_row_is_listed_not_only_the_first(own):
    own.rows += ["006,a,-1,2,3,anger", "006,a,x,2,3,anger", "006,a,1,2,3,rage"]
    own.write()
    assert [w in found(own) for w in ("row 4", "row 5", "row 6")] == [True] * 3


def test_ids_6_06_and_006_are_one_subject(own):
    own.manifest["subjects"] = {"width": 3}
    own.rows = ["6,a,2,5,9,anger", "06,a,3,5,9,anger", "006,a,4,5,9,anger", "7,b,1,4,8,happiness"]
    own.write()
    assert samples(own).subject.tolist() == ["006", "006", "006", "007"]


def test_ids_that_a_manifest_does_not_pad_stay_three_subjects(own):
    own.rows = ["6,a,2,5,9,anger", "006,a,4,5,9,anger"]
    own.write()
    assert "not on disk: subject 6, video a" in found(own)


def test_a_row_told_twice_counts_once(own):
    own.rows.append(own.rows[0])
    own.write()
    report = check_database(parse_manifest(own.manifest_file()), own.root)
    assert len(report.scan.samples) == 2
    assert "row 4: says the same as row 2; counted once" in report.notes[0].where + ": " + (
        report.notes[0].what
    )


BODY = HEADER + "006,a,2,5,9,anger\n007,b,1,4,8,happiness\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (BODY, "utf-8-sig"),
        (BODY, "utf-16"),
        (BODY.replace(",", ";"), "utf-8"),
        (BODY.replace(",", "\t"), "utf-8"),
        (BODY.replace("\n", "\r\n"), "utf-8"),
        (BODY.replace("subject", " Subject ").replace("offset", "OFFSET"), "utf-8"),
        ("\n\nwritten by hand\n" + BODY + "\n,,,,,\n", "utf-8"),
        (BODY.replace("006", '"006"'), "utf-8"),
        (BODY.replace("9,", "9.0,"), "utf-8"),
    ],
    ids=[
        "BOM",
        "UTF-16",
        "semicolons",
        "tabs",
        "CRLF",
        "other case",
        "preamble",
        "quotes",
        "floats",
    ],
)
def test_other_ways_to_save_a_table_are_read_alike(own, content, encoding):
    text(own, content, encoding)
    assert samples(own)[["subject", "onset", "offset"]].to_numpy().tolist() == [
        ["006", 1, 8], ["007", 0, 7]]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (BODY.replace("anger", "colère"), "latin-1", "row 2: is not UTF-8 text"),
        (BODY.replace("anger", "愤怒"), "gb18030", "is not UTF-8 text"),
        ("", "utf-8", "is empty"),
        ("\0" * 5000, "utf-8", "is empty"),
        (BODY.replace("offset", "end"), "utf-8", "no column 'offset'; "),
        (BODY.replace("apex", "onset"), "utf-8", "no column 'apex'"),
        (BODY.replace("emotion", "emotion,onset"), "utf-8",
         "column 'onset' stands there 2 times (C, G)"),
        ('subject,"video\n' * 5, "utf-8", "is no CSV file"),
        (BODY + "x" * 200_000 + "\n", "utf-8", "is no CSV file: field larger"),
        ("a," * 300_000 + "\n" + BODY * 10, "utf-8", "300,001 columns"),
        (BODY + "006,a,2,5,9,anger\n" * 1_000_000, "utf-8", "spans 1,000,003 rows"),
    ],
    ids=["Latin-1", "GB 18030", "empty", "zeros", "no offset", "renamed", "column twice",
         "open quote", "endless cell", "endless row", "a million rows"],
)  # fmt: skip
def test_a_bad_text_file_is_refused_with_its_name(own, content, encoding, said):
    text(own, content, encoding)
    assert said in found(own)
    assert "annotations.csv" in found(own)


def test_a_cut_off_workbook_is_refused(own):
    path = excel(own, GOOD)
    whole = path.read_bytes()
    for n in (0, 10, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:n])
        assert "cannot be read as a spreadsheet" in found(own)


def test_random_bytes_called_a_workbook_are_refused(own):
    path = excel(own, GOOD)
    for name in ("annotations.xlsx", "annotations.xls"):
        own.manifest["annotations"]["file"] = name
        path.with_name(name).write_bytes(np.random.default_rng(1).bytes(5000))
        assert "cannot be read as a spreadsheet" in found(own)


@pytest.mark.slow
def test_a_damaged_old_workbook_is_given_up_before_it_takes_the_machine(external, tmp_path):
    whole = (external / "annotations" / "cas_me_3" / "CAS(ME)3_part_A_v2.xls").read_bytes()
    path = tmp_path / "damaged.xls"
    rng = np.random.default_rng(4)
    for _ in range(12):
        raw = np.frombuffer(whole, np.uint8).copy()
        raw[rng.integers(0, raw.size, 50)] = rng.integers(0, 256, 50)
        path.write_bytes(raw.tobytes())
        try:
            read_sheet(path)
        except DataError as error:
            assert "cannot be read" in str(error) or "no sheet 0" in str(error)


def test_a_workbook_with_a_damaged_part_is_refused(own):
    path = excel(own, GOOD)
    whole = bytearray(path.read_bytes())
    middle = whole.find(b"xl/worksheets/sheet1.xml") + 60
    whole[middle : middle + 20] = bytes(20)
    path.write_bytes(whole)
    assert "cannot be read as a spreadsheet" in found(own)


def test_formula_cells_count_with_their_stored_value(own):
    def formula(_, page):
        page.write_formula(1, 4, "=C2+7", None, 9)

    excel(own, GOOD, finish=formula)
    assert samples(own).offset.tolist() == [8, 7]


def test_a_formula_without_a_stored_value_is_refused(own):
    def formula(_, page):
        page.write_formula(1, 4, "=C2+7", None, "")

    excel(own, GOOD, finish=formula)
    assert "sheet 1, row 2, column E: offset is missing" in found(own)


def test_merged_subjects_are_refused_with_a_hint(own):
    def merge(book, page):
        page.merge_range(1, 0, 2, 0, "006", book.add_format())

    excel(own, GOOD, finish=merge)
    assert "row 3, column A: subject is missing in a row that has an interval" in found(own)
    assert "merged cells" in found(own)


def test_a_wrong_sheet_is_answered_with_the_nearest_one(own):
    excel(own, GOOD, sheet="MICRO_ONLY")
    own.manifest["annotations"]["sheet"] = "MICRO_ONLLY"
    assert "no sheet 'MICRO_ONLLY'; did you mean 'MICRO_ONLY'" in found(own)
    own.manifest["annotations"]["sheet"] = 3
    assert "no sheet 3; sheets: MICRO_ONLY" in found(own)


def test_dates_and_truth_values_in_frame_columns_are_refused(own):
    def other(book, page):
        page.write_datetime(1, 2, __import__("datetime").datetime(2020, 1, 2),
                            book.add_format({"num_format": "yyyy-mm-dd"}))  # fmt: skip
        page.write_boolean(2, 2, True)

    excel(own, GOOD, finish=other)
    assert "row 2, column C: onset '2020-01-02" in found(own)
    assert "row 3, column C: onset 'True' is no frame number" in found(own)


def test_ids_typed_as_numbers_are_read_with_the_width_of_the_manifest(own):
    own.manifest["subjects"] = {"width": 3}
    excel(own, [[6, "a", 2, 5, 9, "anger"], [7.0, "b", 1, 4, 8, "happiness"]])
    assert samples(own).subject.tolist() == ["006", "007"]


def test_a_sheet_with_one_cell_in_the_last_corner_is_refused_before_it_is_laid_out(own):
    excel(own, GOOD, finish=lambda _, page: page.write(1_048_575, 16_383, "x"))
    assert "spans 1,048,576 rows and 16,384 columns" in found(own)


@pytest.mark.slow
def test_a_workbook_of_a_million_rows_is_refused_without_much_memory(own):
    path = own.root / "annotations.xlsx"
    own.manifest["annotations"]["file"] = path.name
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        page = book.add_worksheet()
        for i in range(1_000_000):
            page.write_number(i, 0, i)
    assert "spans 1,000,000 rows" in found(own)


def test_a_zip_bomb_is_refused_unopened(own):
    path = excel(own, GOOD)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as box:
        box.writestr("xl/worksheets/sheet9.xml", bytes(100 * 2**20))
    assert path.stat().st_size < 2**20
    assert "unpacks to" in found(own)


def test_another_annotation_file_is_answered_with_those_that_are_there(own):
    own.write()
    own.manifest["annotations"]["file"] = "coding.xlsx"
    assert "not found: coding.xlsx; spreadsheets there: annotations.csv" in found(own)


def test_two_annotation_files_of_one_name_are_refused(own):
    own.write()
    for name in ("x", "y"):
        (own.root / name).mkdir()
        shutil.copy(own.root / "annotations.csv", own.root / name)
    (own.root / "annotations.csv").unlink()
    assert "several files are called like 'annotations.csv': x/annotations.csv" in found(own)


def test_a_folder_or_a_pipe_called_like_the_table_is_not_opened(own):
    own.write()
    (own.root / "annotations.csv").unlink()
    os.mkfifo(own.root / "annotations.csv")
    assert "annotation file not found" in found(own)


# ------------------------------------------------------------------ folders and pictures


def clip(own):
    own.write()
    return own.root / "frames" / "006" / "a"


def test_a_missing_frame_is_named(own):
    (clip(own) / "img7.png").unlink()
    assert "1 images are missing: 7" in found(own)
    assert str(clip(own)) in found(own)


def test_an_image_of_no_bytes_is_named(own):
    (clip(own) / "img7.png").write_bytes(b"")
    assert "img7.png: is empty (0 bytes)" in found(own)


def test_a_text_called_an_image_is_named(own):
    (clip(own) / "img7.png").write_text("no picture")
    assert "img7.png: is no picture (10 bytes)" in found(own)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_an_image_that_is_cut_off_is_found_without_decoding(own, ending):
    path = clip(own) / "img7.png"
    path.unlink()
    path = path.with_suffix("." + ending)
    noise = np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    assert found(own) == ""
    path.write_bytes(path.read_bytes()[:-100])
    assert "is cut off" in found(own)


def test_an_image_of_another_size_is_named(own):
    cv2.imwrite(str(clip(own) / "img7.png"), np.zeros((8, 8, 3), np.uint8))
    assert "images of different sizes: 24×16 (11 images), 8×8 (1 images)" in found(own)


def test_a_picture_that_would_unpack_to_gigabytes_is_refused_undecoded(own):
    path = clip(own) / "img1.png"
    raw = bytearray(path.read_bytes())
    raw[16:24] = struct.pack(">II", 60_000, 60_000)
    path.write_bytes(raw)
    assert "img1.png: has 60000×60000 pixels; at most 64,000,000 are read" in found(own)


def test_two_images_of_one_number_are_refused(own):
    shutil.copy(clip(own) / "img7.png", clip(own) / "img007.png")
    assert "two images are number 7: img007.png, img7.png" in found(own)


def test_hidden_files_and_thumbnails_are_passed_over(own):
    (clip(own) / ".DS_Store").write_bytes(b"x")
    (clip(own) / "Thumbs.db").write_bytes(b"x")
    (clip(own) / "._img3.png").write_bytes(b"x")
    (own.root / "~$annotations.csv").write_bytes(b"x")
    assert found(own) == ""


def test_a_stray_number_does_not_make_a_list_of_a_billion(own):
    shutil.copy(clip(own) / "img7.png", clip(own) / "img9999999999.png")
    assert "100000 images are missing: 13, 14, 15, 16, 17, …" in found(own)


def test_a_pipe_called_an_image_does_not_hang(own):
    (clip(own) / "img7.png").unlink()
    os.mkfifo(clip(own) / "img7.png")
    assert "img7.png: cannot be read" in found(own)


def secret(own) -> Path:
    outside = own.root.parent / "outside"
    write_frames(outside / "a")
    return outside


def test_a_link_of_a_video_out_of_the_root_is_not_followed(own):
    folder = clip(own)
    shutil.rmtree(folder)
    folder.symlink_to(secret(own) / "a")
    assert "is a link that leads out of the data root" in found(own)


def test_a_link_of_a_subject_out_of_the_root_is_not_followed(own):
    folder = clip(own).parent
    shutil.rmtree(folder)
    folder.symlink_to(secret(own))
    assert f"{folder}: is a link that leads out of the data root" in found(own)


def test_a_link_of_an_image_out_of_the_root_is_not_followed(own):
    image = clip(own) / "img7.png"
    image.unlink()
    image.symlink_to(secret(own) / "a" / "img7.png")
    assert "img7.png: is a link that leads out of the data root" in found(own)


def test_a_link_of_the_table_out_of_the_root_is_not_followed(own):
    own.write()
    table = own.root / "annotations.csv"
    table.rename(own.root.parent / "elsewhere.csv")
    table.symlink_to(own.root.parent / "elsewhere.csv")
    assert "annotations.csv: is a link that leads out of the data root" in found(own)


def test_a_link_in_a_circle_ends(own):
    (clip(own).parent / "loop").symlink_to(own.root / "frames")
    assert "loop" in found(own) or found(own) == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_named(own):
    folder = clip(own)
    folder.chmod(0)
    try:
        assert "folder cannot be read: Permission denied" in found(own)
    finally:
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_listed_is_named(own, monkeypatch):
    folder = clip(own).parent
    listed = os.scandir

    def refuse(path):
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert f"{folder}: folder cannot be read: Permission denied" in found(own)


def test_an_empty_video_folder_is_named(own):
    (own.root / "frames" / "006" / "empty").mkdir(parents=True)
    own.write()
    assert "empty: no image is called like 'img{frame}.png'" in found(own)


@given(st.binary(max_size=300))
def test_whatever_a_table_holds_it_is_read_or_refused(tmp_path_factory, content):
    own = OwnDatabase(tmp_path_factory.mktemp("own"))
    (own.root / "annotations.csv").write_bytes(HEADER.encode() + content)
    assert isinstance(found(own), str)


def test_a_manifest_with_aliases_or_a_key_told_twice_is_refused(own):
    path = own.write()
    plain = path.read_text()
    path.write_text(plain + "\ndescription: &x [1]\nother_emotions: *x\n")
    assert "aliases (*name) are not read" in found_in(path)
    path.write_text(plain + "\nname: again\n")
    assert "key name stands twice" in found_in(path)


def found_in(path):
    with pytest.raises(MecoreError) as error:
        parse_manifest(path)
    return str(error.value)
