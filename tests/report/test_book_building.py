"""What a build checks before it computes, and what it says of the time that is left."""

import json
import os

import pytest

from mecore.book import pages, preflight, progress
from mecore.book.pages import PAGES, Page, listed_pages, usual_seconds
from mecore.book.preflight import check_build, check_places
from mecore.book.progress import Progress, expected_seconds, store_seconds, time_left
from mecore.data.external import registry
from mecore.data.places import shared_folder
from mecore.errors import MecoreError


@pytest.fixture
def book(tmp_path):
    """The folder of a book that can be built."""
    contents = shared_folder("book") / "_toc.yml"
    (tmp_path / "_toc.yml").write_text(contents.read_text(encoding="utf-8"), encoding="utf-8")
    for page in shared_folder("book").glob("*.md"):
        (tmp_path / page.name).touch()
    return tmp_path


def test_the_book_of_the_study_can_be_built(book):
    check_places(book)
    check_build(book, PAGES, "small")


def test_the_table_of_contents_and_the_pages_agree(book):
    (book / "ethics.md").unlink()
    (book / "stray.md").touch()
    with pytest.raises(MecoreError) as error:
        check_build(book, {"data": PAGES["data"]}, "small")
    assert "lists ethics, which nothing makes" in str(error.value)
    assert "lists chapters/mean-phantom-short, which nothing makes" in str(error.value)
    assert "does not list stray" in str(error.value)


def test_parameters_that_a_chapter_does_not_know_are_refused(book):
    with pytest.raises(MecoreError, match="no database is called 'phantom'"):
        check_build(book, {"mean": Page("mean", "phantom")}, "small")


def test_a_place_that_cannot_be_written_is_named(book, monkeypatch):
    (book / "file").touch()
    monkeypatch.setenv("MECORE_RESULTS", str(book / "file" / "results"))
    with pytest.raises(MecoreError, match=r"file/results: cannot be written(.|\n)*MECORE_RESULTS"):
        check_places(book)


def test_a_program_that_is_not_there_is_named(book, monkeypatch):
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MecoreError, match="jupyter_book is not installed"):
        check_build(book, PAGES, "small")


def test_a_copy_of_real_flow_images_must_be_whole(book, tmp_path, monkeypatch):
    folder = tmp_path / "external" / registry()["megc2019_flow"]["folder"]
    folder.mkdir(parents=True)
    monkeypatch.setenv("MECORE_EXTERNAL", str(tmp_path / "external"))
    with pytest.raises(MecoreError, match="annotation file not found: index.csv"):
        check_build(book, PAGES, "small")
    (folder / "images").mkdir()
    row = "casme2,sub01,EP02_01f,positive,images/EP02_01f.png,0"
    (folder / "index.csv").write_text(f"dataset,subject,sample,emotion,path,sha256\n{row}\n")
    with pytest.raises(MecoreError, match="no video lies at images"):
        check_build(book, PAGES, "small")


def test_what_a_killed_build_left_is_swept_away(book):
    left = book / "chapters" / ".aside-x.ipynb"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    check_build(book, PAGES, "small")
    assert not left.exists()


def test_the_time_of_a_page_is_that_of_the_last_build_or_follows_from_the_speed(monkeypatch):
    monkeypatch.setattr(progress, "speed", lambda: 0.5)
    usual = {"a": 10.0, "b": 20.0}
    assert expected_seconds(usual, "small") == {"a": 20, "b": 40}
    store_seconds("small", {"a": 7.0})
    assert expected_seconds(usual, "small") == {"a": 7, "b": 40}
    assert expected_seconds(usual, "full") == {"a": 20, "b": 40}
    progress._file().write_text(json.dumps(["damaged"]))
    assert expected_seconds(usual, "small") == {"a": 20, "b": 40}


def test_two_lanes_share_what_is_to_be_done():
    assert time_left([], [5, 5, 5], 1) == 15
    assert time_left([3], [5, 5, 5], 2) == 10
    assert time_left([], [], 2) == 0


def test_a_log_has_one_line_for_each_part_with_the_time_left(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = Progress({"a": 100, "b": 200, "rendering": 10}, lanes=1)
    for part, seconds in (("a", 200), ("b", 300), ("rendering", 12)):
        shown.start(part)
        now[0] += seconds
        shown.end(part)
    assert capsys.readouterr().out.splitlines() == [
        # 210 seconds were expected for what is left; the first part took nearly twice its time.
        "[1/3] a: 3:20; about 7 minutes left (an estimate)",
        "[2/3] b: 5:00; less than a minute left (an estimate)",
        "[3/3] rendering: 0:12",
    ]


def test_a_part_that_fails_is_named_at_once_and_no_other_is_waited_for_but_those_that_run(capsys):
    shown = Progress({"a": 100, "b": 200, "c": 300, "rendering": 10}, lanes=2)
    shown.start("a")
    shown.start("b")
    shown.fail("a")
    assert 190 < shown.left <= 200
    shown.end("b")
    assert capsys.readouterr().out.splitlines() == ["a failed after 0:00", "[1/1] b: 0:00"]


def test_a_terminal_has_one_line_that_changes(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress.shutil, "get_terminal_size", lambda: os.terminal_size((200, 9)))
    shown = Progress({"a": 100, "rendering": 10})
    shown.start("a")
    assert "about 2 minutes left (an estimate) | a 0:00 of about 1:40" in capsys.readouterr().out


@pytest.mark.parametrize("scale", pages.SCALES)
def test_every_part_of_a_build_has_an_estimate(scale):
    known = {*PAGES, "phantom-short", "phantom-long", "rendering"}
    assert set(pages.SECONDS) <= known
    assert all(usual_seconds(name, scale) > 0 for name in (*known, "a new page"))


def test_a_line_in_the_table_of_contents_makes_a_page(book):
    line = "      - file: chapters/mean-phantom-short\n"
    contents = (book / "_toc.yml").read_text(encoding="utf-8")
    new = contents.replace(line, line + line.replace("short", "tiny"))
    (book / "_toc.yml").write_text(new, encoding="utf-8")
    assert listed_pages(book) == PAGES | {"mean-phantom-tiny": Page("mean", "phantom-tiny")}
