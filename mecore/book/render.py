"""The book rendered from executed notebooks by jupyter-book, offline, every warning an error."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mecore.data.files import write_whole
from mecore.errors import MecoreError

# A process that ends with its parent: the pipe closes when that is gone, however it went.
_JUPYTER_BOOK = """
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
from jupyter_book.cli.main import main
main()
"""
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


def place_mathjax(folder: Path) -> None:
    """Copy MathJax from its wheel into a book; the SVG bundle is one file and needs no fonts.

    A wheel that is not installed is a `MecoreError`.
    """
    target = folder / "static" / "mathjax" / "tex-svg.js"
    try:
        files = importlib.metadata.files("sphinx-mathjax-offline") or []
        source = next(f for f in files if f.as_posix().endswith("mathjax/tex-svg.js"))
    except (importlib.metadata.PackageNotFoundError, StopIteration):
        todo = "pip install sphinx-mathjax-offline"
        raise MecoreError("MathJax not found", todo=todo) from None
    if not target.is_file():
        write_whole(target, lambda aside: shutil.copyfile(str(source.locate()), aside))


def render(folder: Path) -> None:
    """Render the pages of a book folder to ``_build/html``, whole or not at all."""
    # From nothing: what an earlier build left behind would show in the bytes of this one.
    aside, html = folder / "_build" / ".aside", folder / "_build" / "html"
    shutil.rmtree(aside, ignore_errors=True)
    jupyter_book(folder, "--path-output", str(aside))
    shutil.rmtree(html, ignore_errors=True)
    (aside / "_build" / "html").rename(html)
    shutil.rmtree(aside)


def jupyter_book(folder: Path, *options: str) -> None:
    """Build a book folder with some options of ``jupyter-book build``.

    Any warning is a `MecoreError`: a figure without its file or a dead reference must not be
    published.
    """
    command = [sys.executable, "-c", _JUPYTER_BOOK, "build", str(folder), "-W", "-n",
               "--keep-going", *options]  # fmt: skip
    reading, held = os.pipe()
    try:
        done = subprocess.run(
            command, stdin=reading, capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONHASHSEED": "0", "NO_COLOR": "1"},
        )  # fmt: skip
    finally:
        os.close(reading)
        os.close(held)
    if done.returncode:
        lines = _COLOURS.sub("", done.stdout + done.stderr).splitlines()
        telling = [x for x in lines if "WARNING" in x or "ERROR" in x] or lines[-20:]
        raise MecoreError(
            "jupyter-book refused to build the book:\n  " + "\n  ".join(telling[:20]), where=folder
        )
