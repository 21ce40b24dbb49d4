"""The built book built once more, from the same results: not a byte differs."""

import ast
import os
import shutil

import nbformat
import pytest

from mecore.book.execute import run_chapter
from mecore.book.pages import PAGES
from mecore.book.render import render
from mecore.data.places import shared_folder

BOOK = shared_folder("book")
# Where the book's own data and results lie; tests have folders of their own.
HOMES = {name: os.environ.get(name) for name in ("MECORE_CACHE", "MECORE_DATA", "MECORE_RESULTS")}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (BOOK / "_build" / "html" / "index.html").is_file(),
        reason="no built book found: make book SCALE=small",
    ),
]


@pytest.fixture
def _its_homes(monkeypatch):
    for name, place in HOMES.items():
        monkeypatch.setenv(name, place) if place else monkeypatch.delenv(name)


def parameters(page):
    """The parameters that a built page was given."""
    cells = nbformat.read(page, as_version=4).cells
    injected = next(c for c in cells if "injected-parameters" in c.metadata.get("tags", []))
    assignments = [n for n in ast.parse(injected.source).body if isinstance(n, ast.Assign)]
    return {ast.unparse(a.targets[0]): ast.literal_eval(a.value) for a in assignments}


@pytest.mark.usefixtures("_its_homes")
@pytest.mark.parametrize("page", PAGES)
def test_a_chapter_repeats_byte_for_byte_with_another_number_of_workers(page, tmp_path):
    built = BOOK / "chapters" / f"{page}.ipynb"
    again = run_chapter(
        PAGES[page].chapter, parameters(built) | {"workers": 1}, tmp_path / "again.ipynb"
    )
    assert again.read_bytes() == built.read_bytes()


def test_the_first_page_says_at_which_scale_the_book_was_built():
    scales = {parameters(BOOK / "chapters" / f"{page}.ipynb")["scale"] for page in PAGES}
    assert len(scales) == 1
    text = (BOOK / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    assert f"built at {scales.pop()} scale" in text


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_chapters_render_to_the_same_bytes(tmp_path):
    copy = tmp_path / "book"
    shutil.copytree(BOOK, copy, ignore=shutil.ignore_patterns("_build"))
    render(copy)
    first, second = (files(book / "_build" / "html") for book in (BOOK, copy))
    assert set(first) == set(second)
    assert [str(name) for name in first if first[name] != second[name]] == []
