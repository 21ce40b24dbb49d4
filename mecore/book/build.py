"""The book: every chapter executed on the phantom, then rendered by jupyter-book, offline.

A chapter is executed again only if something has changed that its results depend on. Two of them
run side by side, so that one computes while the other draws.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from mecore.book.execute import mark_of, run_chapter, seconds_file, stored_mark
from mecore.book.pages import PAGES, SCALES, usual_seconds
from mecore.book.preflight import check_build, check_places, check_references
from mecore.book.progress import Progress, clock, expected_seconds, roughly, store_seconds
from mecore.book.render import render
from mecore.data.datasets import PHANTOMS, Scale, phantom_folder, phantom_root
from mecore.data.files import write_whole
from mecore.data.places import shared_folder
from mecore.errors import MecoreError, OptionError, nearest
from mecore.evaluation.executors import processes

_LANES = 2  # chapters that run at once
_SCALE = """This book was built at {scale} scale: {meaning}. For the {other} one:

```bash
make book SCALE={other}
mecore book --scale {other}     # the same, without a checkout
```
"""
_MEANING = {
    "small": "four invented people, short videos and short training. Every cell was run, but "
    "scores of so few samples scatter widely",
    "full": "all invented people, several seeds and full training",
}
Stages = list[tuple[str, str, float]]


def build_book(scale: Scale = "small", workers: int = 1) -> Path:
    """Execute what is not up to date, render the book, and return its first page.

    Parameters
    ----------
    scale : {"full", "small"}
        Size of the phantom and number of epochs.
    workers : int
        Processes.

    Raises
    ------
    OptionError
        No such scale.
    MecoreError
        Something is missing, a chapter failed, jupyter-book warned of something, or another build
        is running.
    """
    if scale not in SCALES:
        raise OptionError(f"scale={scale!r}; {nearest(scale, SCALES)}")
    folder, begun = shared_folder("book"), time.monotonic()
    check_places(folder)
    with _alone(folder):
        _write_scale(folder, scale)
        check_build(folder, PAGES, scale)
        build = _Build(folder, scale, workers)
        if build.due:
            check_references(folder, PAGES)
        stages = build.run()
    # On the terminal only: a page with times would differ from build to build.
    print(stage_table(stages).to_string(index=False))
    print(f"{clock(time.monotonic() - begun)} on the clock")
    return folder / "_build" / "html" / "index.html"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One build at a time; the lock of a killed one is gone with it."""
    try:
        with FileLock(folder / "_build" / ".lock", timeout=0):
            yield
    except Timeout:
        raise MecoreError("another build is running", where=folder, todo="wait for it") from None


def _write_scale(folder: Path, scale: str) -> None:
    """Write what the first page says of the scale of a book."""
    other = next(x for x in SCALES if x != scale)
    text = _SCALE.format(scale=scale, other=other, meaning=_MEANING[scale])
    write_whole(folder / "chapters" / "scale.txt", lambda aside: aside.write_text(text, "utf-8"))


class _Build:
    """One build: its phantoms, its chapters, and the rendering."""

    def __init__(self, folder: Path, scale: Scale, workers: int) -> None:
        self.folder, self.scale, self.workers = folder, scale, workers
        self.log = folder / "_build" / "build.log"
        self.log.write_text("", "utf-8")
        self.due = [name for name in PAGES if not self.up_to_date(name)]
        phantoms = [name for name in PHANTOMS if not phantom_folder(name, scale).is_dir()]
        self.phantoms = phantoms if self.due else []
        self.lanes = min(_LANES, workers, max(len(self.due), 1))
        names = (*PHANTOMS, *PAGES, "rendering")
        expected = expected_seconds({n: usual_seconds(n, scale) for n in names}, scale)
        # The longest first: the last ones fill the gaps.
        self.due.sort(key=lambda name: -expected[name])
        parts = [*self.phantoms, *self.due, "rendering"]
        self.progress = Progress({name: expected[name] for name in parts}, self.lanes)

    def run(self) -> Stages:
        """Execute and render; page, section and seconds of what was done."""
        for name in (name for name in PAGES if name not in self.due):
            print(f"{name}: up to date")
        print(f"{self.scale} scale: {roughly(self.progress.left)} (an estimate)", flush=True)
        for name in self.phantoms:
            self.part(name, partial(phantom_root, name, self.scale, workers=self.workers))
        self.chapters()
        self.part("rendering", partial(render, self.folder))
        return [s for part in self.progress.taken.items() for s in self.sections(*part)]

    def part(self, name: str, work: Callable[[], object]) -> None:
        self.progress.start(name)
        work()
        self.end(name)

    def end(self, name: str) -> None:
        """Note that a part has ended, for this build and for later ones."""
        self.progress.end(name)
        store_seconds(self.scale, self.progress.taken)

    def chapters(self) -> None:
        """Execute the pages that are due; after a failure those that run already are finished."""
        waiting, running = list(self.due), dict[Future[Path], str]()
        failed: BaseException | None = None
        with processes(self.lanes) as pool:
            while running or waiting:
                while waiting and len(running) < self.lanes:
                    name = waiting.pop(0)
                    self.progress.start(name)
                    running[pool.submit(_run, self.log, *self.chapter(name))] = name
                for future in wait(running, 1, FIRST_COMPLETED).done:
                    name, error = running.pop(future), future.exception()
                    if error is None:
                        self.end(name)
                    else:
                        self.progress.fail(name)
                        failed, waiting = failed or error, []
                self.progress.show()
        if failed:
            raise failed

    def chapter(self, name: str) -> tuple[str, dict[str, Any], Path]:
        workers = {"workers": -(-self.workers // self.lanes)}
        return PAGES[name].chapter, PAGES[name].parameters(self.scale) | workers, self.place(name)

    def place(self, name: str) -> Path:
        return self.folder / "chapters" / f"{name}.ipynb"

    def up_to_date(self, name: str) -> bool:
        """Tell whether nothing has changed that the results of a page depend on."""
        page = PAGES[name]
        return stored_mark(self.place(name)) == mark_of(page.chapter, page.parameters(self.scale))

    def sections(self, name: str, seconds: float) -> Stages:
        """Sections of a part and what they took; only pages have any."""
        if name not in PAGES:
            return [(name, "", seconds)]
        parts = json.loads(seconds_file(self.place(name)).read_text(encoding="utf-8"))
        rest = ("start and end of the kernel", seconds - sum(parts.values()))
        return [(name, section, taken) for section, taken in (*parts.items(), rest)]


def _run(log: Path, name: str, parameters: dict[str, Any], out: Path) -> Path:
    """Execute a chapter in a process that is there for it alone."""
    with log.open("a", encoding="utf-8") as handle:
        os.dup2(handle.fileno(), 2)  # what libraries say would stand in the line of progress
    return run_chapter(name, parameters, out, progress=False)


def stage_table(stages: Stages) -> pd.DataFrame:
    """Where the time of a build went: what took a second or more, the rest of each page, the sum.

    ``stages`` are pages, sections and seconds.
    """
    table = pd.DataFrame(stages, columns=["page", "stage", "seconds"])
    table.loc[table.seconds < 1, "stage"] = "all others"
    table = table.groupby(["page", "stage"], sort=False, as_index=False).seconds.sum()
    table.loc[len(table)] = ["all", "", table.seconds.sum()]
    share = 100 * table.seconds / table.seconds.iloc[-1]
    return table.assign(share=share.map("{:.0f} %".format)).round({"seconds": 1})
