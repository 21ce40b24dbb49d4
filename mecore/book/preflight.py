"""What can be checked before anything is computed: a build must not fail at its very end."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mecore.book.chapter import chapter_notebook, check_parameters
from mecore.book.pages import Page
from mecore.book.render import check_pages, place_mathjax
from mecore.data.datasets import PHANTOMS, open_dataset
from mecore.data.features import read_features
from mecore.data.files import sweep
from mecore.data.places import cache_home, data_home, results_home
from mecore.errors import MecoreError

_STALE = 3600.0  # seconds


def check_places(folder: Path) -> None:
    """Check that all folders can be written that a build of the book in a folder writes to.

    Raises
    ------
    MecoreError
        One cannot.
    """
    for place in (
        folder / "chapters",
        folder / "_build",
        results_home(),
        cache_home(),
        data_home(),
    ):
        try:
            place.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place).close()
        except OSError as error:
            raise MecoreError(
                f"cannot be written: {error.strerror or error}", where=place,
                todo="grant write permission, or name other folders in MECORE_RESULTS, "
                "MECORE_CACHE and MECORE_DATA",
            ) from error  # fmt: skip


def check_build(folder: Path, pages: Mapping[str, Page], scale: str) -> None:
    """Remove what a killed build has left, and check what a build needs.

    Parameters
    ----------
    folder : Path
        Folder of the book.
    pages : mapping of str to Page
        Pages that are made from chapters.
    scale : {"full", "small"}
        At which they are executed.

    Raises
    ------
    MecoreError
        Something is missing or unknown.
    """
    sweep(folder)
    for left in data_home().glob(".phantom-*"):
        # A phantom that was not rendered to its end; a young one may be in the making.
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)
    place_mathjax(folder)
    for page in pages.values():
        check_parameters(chapter_notebook(page.chapter), page.parameters(scale))
    datasets = {page.parameters(scale).get("dataset") for page in pages.values()}
    problems = [*_programs(), *_contents(folder, pages), *_external(datasets)]
    if problems:
        raise MecoreError("the book cannot be built:\n  " + "\n  ".join(problems), where=folder)


def check_references(folder: Path, pages: Mapping[str, Page]) -> None:
    """Read all pages as they will be, less what their cells print, and follow their references.

    Raises
    ------
    MecoreError
        jupyter-book warns of something.
    """
    with tempfile.TemporaryDirectory() as scratch:
        book = Path(scratch) / "book"
        shutil.copytree(folder, book, ignore=shutil.ignore_patterns("_build", "*.ipynb"))
        for name, page in pages.items():
            shutil.copyfile(chapter_notebook(page.chapter), book / "chapters" / f"{name}.ipynb")
        try:
            check_pages(book)
        except MecoreError as error:
            raise MecoreError(error.what.replace(str(book), str(folder)), where=folder) from None


def _programs() -> Iterator[str]:
    for module in ("jupyter_book", "papermill", "ipykernel"):
        if importlib.util.find_spec(module) is None:
            yield f"{module} is not installed; pip install 'mecore[book]'"


def _contents(folder: Path, pages: Mapping[str, Page]) -> Iterator[str]:
    """Pages without a file, and files without a page, in the table of contents."""
    contents = yaml.safe_load((folder / "_toc.yml").read_text(encoding="utf-8"))
    listed = set(_files_of(contents))
    made = {f"chapters/{name}" for name in pages}
    written = {p.stem for p in folder.glob("*.md")}
    yield from (f"_toc.yml lists {x}, which nothing makes" for x in listed - made - written)
    yield from (f"_toc.yml does not list {x}" for x in (made | written) - listed)


def _files_of(part: Any) -> Iterator[str]:
    """Names of pages in a table of contents, however deep."""
    if isinstance(part, dict):
        yield from (str(part[key]) for key in ("root", "file") if key in part)
        part = list(part.values())
    for below in part if isinstance(part, list) else ():
        yield from _files_of(below)


def _external(datasets: set[Any]) -> Iterator[str]:
    """What is missing of ready features, or damaged."""
    for name in sorted(datasets - {None, *PHANTOMS}):
        try:
            read_features(open_dataset(name))
        except MecoreError as error:
            yield str(error)
