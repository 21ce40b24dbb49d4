"""The book: every chapter executed on the phantom, then rendered by jupyter-book, offline.

A chapter is executed again only if its notebook, its parameters or the package have changed.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

from mecore.data.features import features_root
from mecore.data.files import write_whole
from mecore.data.manifest import load_manifest
from mecore.data.places import shared_folder
from mecore.errors import MecoreError
from mecore.report.chapter import run_chapter

# Ready flow images of people where they are at hand; of the phantom elsewhere.
_COMPOSITE = "megc2019-flow"
_FLOW = _COMPOSITE if features_root(load_manifest(_COMPOSITE)) else "phantom-short"
# Page of the book: chapter and the data set it is run on.
PAGES = {
    "data": ("data", None),
    "mean-phantom-short": ("mean", "phantom-short"),
    "mean-phantom-long": ("mean", "phantom-long"),
    "honest_evaluation": ("honest_evaluation", _FLOW),
}


def build_book(scale: str = "full", workers: int = 1) -> Path:
    """Execute what is not up to date and render the book.

    Parameters
    ----------
    scale : {"full", "small"}
        Size of the phantom and number of epochs.
    workers : int
        Processes.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    MecoreError
        A chapter failed, or jupyter-book warned of something.
    """
    folder = shared_folder("book")
    for number, (page, (chapter, dataset)) in enumerate(PAGES.items(), 1):
        print(f"[{number}/{len(PAGES)}] {page}", flush=True)
        parameters = {"scale": scale, "workers": workers} | (
            {"dataset": dataset} if dataset else {}
        )
        run_chapter(chapter, parameters, folder / "chapters" / f"{page}.ipynb", fresh=False)
    _place_mathjax(folder / "static" / "mathjax" / "tex-svg.js")
    render(folder)
    return folder / "_build" / "html" / "index.html"


def _place_mathjax(target: Path) -> None:
    """Copy MathJax from its wheel; the SVG bundle is one file and needs no fonts."""
    files = importlib.metadata.files("sphinx-mathjax-offline") or []
    source = next((f for f in files if f.as_posix().endswith("mathjax/tex-svg.js")), None)
    if source is None:
        raise MecoreError("MathJax not found", todo="pip install sphinx-mathjax-offline")
    if not target.is_file():
        write_whole(target, lambda aside: shutil.copyfile(str(source.locate()), aside))


def render(folder: Path) -> None:
    """Render the pages of a book folder to ``_build/html``.

    Raises
    ------
    MecoreError
        jupyter-book warned of something.
    """
    # Warnings are errors: a figure without its file or a dead reference must not be published.
    build = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", build, "build", str(folder), "-W", "-n", "--keep-going"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONHASHSEED": "0", "NO_COLOR": "1"},
    )  # fmt: skip
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        telling = [x for x in lines if "WARNING" in x or "ERROR" in x] or lines[-20:]
        raise MecoreError(
            "jupyter-book refused to build the book:\n  " + "\n  ".join(telling[:20]), where=folder
        )
