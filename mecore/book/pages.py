"""The pages of the book that are made from chapters, and what each is executed with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mecore.data.external import set_folder
from mecore.data.places import shared_folder

SCALES = ("full", "small")
# Seconds with one worker at full and at small scale, nothing stored yet, on a machine that counts
# as `mecore.book.progress.speed` 1. They say how long a first build will take.
SECONDS = {
    "phantom-short": (40.0, 6.0),
    "phantom-long": (60.0, 7.0),
    "rendering": (8.0, 7.0),
    "data": (150.0, 26.0),
    "mean-phantom-short": (870.0, 38.0),
    "mean-phantom-long": (1050.0, 40.0),
    "handcrafted-phantom-short": (300.0, 24.0),
    "dense_lstm-phantom-long": (690.0, 70.0),
    "roi_cnn_lstm-phantom-short": (1450.0, 108.0),
    "honest_evaluation": (420.0, 36.0),
}
_OF_A_NEW_PAGE = (400.0, 40.0)


@dataclass(frozen=True)
class Page:
    """One page: its notebook, and the dataset, empty where the notebook itself says that."""

    chapter: str
    dataset: str

    def parameters(self, scale: str) -> dict[str, Any]:
        """Parameters that change the results of the page."""
        # Ready flow images of people where they are at hand.
        people = self.chapter == "honest_evaluation" and set_folder("megc2019_flow")
        dataset = "megc2019_flow" if people else self.dataset
        return {"scale": scale} | ({"dataset": dataset} if dataset else {})


def listed_files(folder: Path) -> set[str]:
    """Return what the table of contents in a folder lists."""
    return set(_files_of(yaml.safe_load((folder / "_toc.yml").read_text(encoding="utf-8"))))


def _files_of(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (str(part[key]) for key in ("root", "file") if key in part)
        part = list(part.values())
    for below in part if isinstance(part, list) else ():
        yield from _files_of(below)


def listed_pages(folder: Path) -> dict[str, Page]:
    """Return the pages that are listed as ``chapters/CHAPTER`` or ``chapters/CHAPTER-DATASET``."""
    files = sorted(listed_files(folder))
    names = [f.removeprefix("chapters/") for f in files if f.startswith("chapters/")]
    return {name: Page(name.partition("-")[0], name.partition("-")[2]) for name in names}


def usual_seconds(name: str, scale: str) -> float:
    """Return what a part of a build takes, see `SECONDS`."""
    return SECONDS.get(name, _OF_A_NEW_PAGE)[SCALES.index(scale)]


PAGES = listed_pages(shared_folder("book"))
