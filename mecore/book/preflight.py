"""What can be checked before anything is computed: a build must not fail at its very end."""

import importlib.util
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mecore.book.chapter import chapter_notebook, check_parameters
from mecore.book.pages import Page, listed_files
from mecore.book.render import jupyter_book, place_mathjax
from mecore.data.datasets import PHANTOMS, open_dataset
from mecore.data.features import read_features
from mecore.data.files import sweep
from mecore.data.places import cache_home, data_home, results_home
from mecore.errors import MecoreError

_STALE = 3600.0  # seconds


def check_places(folder: Path) -> None:
    """Raise a `MecoreError` where a build of the book in a folder cannot write what it will."""
    own = (folder / "chapters", folder / "_build")
    for place in (*own, results_home(), cache_home(), data_home()):
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

    ``pages`` are those that are made from chapters, executed at that scale. A `MecoreError` lists
    what is missing or unknown.
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
    programs = ("jupyter_book", "papermill", "ipykernel")
    lacking = [name for name in programs if importlib.util.find_spec(name) is None]
    problems = [f"{name} is not installed; pip install 'mecore[book]'" for name in lacking]
    problems += [*_contents(folder, pages), *_external(datasets)]
    if problems:
        raise MecoreError("the book cannot be built:\n  " + "\n  ".join(problems), where=folder)


def check_references(folder: Path, pages: Mapping[str, Page]) -> None:
    """Read all pages as they will be, less what their cells print, and follow their references.

    Errors are those of `mecore.book.render.jupyter_book`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        book = Path(scratch) / "book"
        shutil.copytree(folder, book, ignore=shutil.ignore_patterns("_build", "*.ipynb"))
        for name, page in pages.items():
            shutil.copyfile(chapter_notebook(page.chapter), book / "chapters" / f"{name}.ipynb")
        try:
            jupyter_book(book, "--builder", "custom", "--custom-builder", "dummy")
        except MecoreError as error:
            raise MecoreError(error.what.replace(str(book), str(folder)), where=folder) from None


def _contents(folder: Path, pages: Mapping[str, Page]) -> Iterator[str]:
    listed = listed_files(folder)
    made = {f"chapters/{name}" for name in pages}
    written = {p.stem for p in folder.glob("*.md")}
    yield from (f"_toc.yml lists {x}, which nothing makes" for x in listed - made - written)
    yield from (f"_toc.yml does not list {x}" for x in (made | written) - listed)


def _external(datasets: set[Any]) -> Iterator[str]:
    for name in sorted(datasets - {None, *PHANTOMS}):
        try:
            read_features(open_dataset(name))
        except MecoreError as error:
            yield str(error)
