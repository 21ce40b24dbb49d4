"""The book: every chapter executed on the phantom, then rendered by jupyter-book, offline.

A chapter is executed again only if its notebook, its parameters or the package have changed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from mecore.book.chapter import run_chapter, seconds_file
from mecore.data.external import set_folder
from mecore.data.files import write_whole
from mecore.data.places import shared_folder
from mecore.errors import MecoreError

# Ready flow images of people where they are at hand; of the phantom elsewhere.
_FLOW = "megc2019_flow" if set_folder("megc2019_flow") else "phantom-short"
# Page of the book: chapter and the data set it is run on.
PAGES = {
    "data": ("data", None),
    "mean-phantom-short": ("mean", "phantom-short"),
    "mean-phantom-long": ("mean", "phantom-long"),
    "handcrafted-phantom-short": ("handcrafted", "phantom-short"),
    "dense_lstm-phantom-long": ("dense_lstm", "phantom-long"),
    "roi_cnn_lstm-phantom-short": ("roi_cnn_lstm", "phantom-short"),
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
    stages: list[tuple[str, str, float]] = []
    for number, (page, (chapter, dataset)) in enumerate(PAGES.items(), 1):
        print(f"[{number}/{len(PAGES)}] {page}", flush=True)
        parameters = {"scale": scale, "workers": workers} | (
            {"dataset": dataset} if dataset else {}
        )
        out, begun = folder / "chapters" / f"{page}.ipynb", time.time()
        run_chapter(chapter, parameters, out, fresh=False)
        stages += _stages(page, out, begun)
    begun = time.time()
    _place_mathjax(folder / "static" / "mathjax" / "tex-svg.js")
    render(folder)
    stages.append(("book", "rendered", time.time() - begun))
    # On the terminal only: a page with times would differ from build to build.
    print(stage_table(stages).to_string(index=False))
    return folder / "_build" / "html" / "index.html"


def _stages(page: str, out: Path, begun: float) -> list[tuple[str, str, float]]:
    """Page, section and seconds of what was executed since then."""
    wall = time.time() - begun
    if out.stat().st_mtime < begun:
        return [(page, "up to date", wall)]
    sections = json.loads(seconds_file(out).read_text(encoding="utf-8"))
    rest = ("start and end of the kernel", wall - sum(sections.values()))
    return [(page, name, seconds) for name, seconds in (*sections.items(), rest)]


def stage_table(stages: list[tuple[str, str, float]]) -> pd.DataFrame:
    """Where the time of a build went: what took a second or more, the rest of each page, the sum.

    Parameters
    ----------
    stages : list of (str, str, float)
        Page, section and seconds.
    """
    table = pd.DataFrame(stages, columns=["page", "stage", "seconds"])
    table.loc[table.seconds < 1, "stage"] = "all others"
    table = table.groupby(["page", "stage"], sort=False, as_index=False).seconds.sum()
    table.loc[len(table)] = ["all", "", table.seconds.sum()]
    share = 100 * table.seconds / table.seconds.iloc[-1]
    return table.assign(share=share.map("{:.0f} %".format)).round({"seconds": 1})


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
    # From nothing: what an earlier build left behind would show in the bytes of this one.
    shutil.rmtree(folder / "_build", ignore_errors=True)
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
