"""The videos of a study: where they lie, what is annotated, and their features, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.data.frames import FirstFrame, FrameSource, open_frames
from mecore.errors import DataError, MecoreError
from mecore.evaluation.runner import progress_bar


@dataclass(frozen=True)
class Expression:
    """One annotated micro-expression: its id, its frames (0-based, inclusive) and its class."""

    sample: str
    onset: int
    apex: int | None
    offset: int
    label: str | None


@dataclass(frozen=True)
class VideoItem:
    """One video of a study, with all that its features depend on.

    Parameters
    ----------
    subject, video : str
        Ids.
    path : Path
        Folder of images or video file.
    image, first_frame, fps
        How to read it, see `mecore.data.frames.open_frames`.
    n_frames : int
        Its length.
    stamp : str
        Changes when the files change.
    expressions : tuple of Expression
        Annotated micro-expressions in order of time.
    """

    subject: str
    video: str
    path: Path
    image: str | None
    first_frame: FirstFrame
    fps: float
    n_frames: int
    stamp: str
    expressions: tuple[Expression, ...]

    @property
    def name(self) -> str:
        """Subject and video, for messages."""
        return f"subject {self.subject}, video {self.video}"

    def frames(self) -> FrameSource:
        """Open its frames."""
        return open_frames(self.path, self.fps, self.image, self.first_frame)

    @property
    def intervals(self) -> NDArray[np.int64]:
        """Onset and offset of every expression, (n, 2)."""
        return np.array([(e.onset, e.offset) for e in self.expressions], np.int64).reshape(-1, 2)


def list_videos(database: Database, *, without_class: bool = True) -> list[VideoItem]:
    """List the videos that a study trains and is scored on, with their micro-expressions.

    Macro-expressions are background. ``without_class`` says whether videos without a
    micro-expression of the classes take part.

    Raises
    ------
    DataError
        The database delivers ready features in place of frames.
    """
    if database.manifest.layout.kind == "features":
        raise DataError(
            f"{database.manifest.name} holds ready features, and this needs frames",
            where=database.root,
            todo=f"mecore chapter honest_evaluation --dataset {database.manifest.id}",
        )
    micro = database.samples[database.samples.kind == "micro"].copy()
    micro["label"] = database.classes(micro)
    groups = dict(iter(micro.groupby(["subject", "video"])))
    items = []
    for row in database.videos.itertuples():
        part = groups.get((row.subject, row.video))
        expressions = tuple(_expressions(part)) if part is not None else ()
        if without_class or any(e.label for e in expressions):
            items.append(_item(database, row, expressions))
    return items


def _expressions(samples: pd.DataFrame) -> Iterable[Expression]:
    for s in samples.sort_values(["onset", "sample"]).itertuples():
        apex = None if s.apex is pd.NA else int(s.apex)
        label = None if pd.isna(s.label) else str(s.label)
        yield Expression(str(s.sample), int(s.onset), apex, int(s.offset), label)


def _item(database: Database, row: Any, expressions: tuple[Expression, ...]) -> VideoItem:
    layout, path = database.manifest.layout, database.root / row.path
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stamp = joblib.hash([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files])
    return VideoItem(
        row.subject, row.video, path, layout.image, layout.first_frame, database.manifest.fps,
        int(row.n_frames), stamp, expressions,
    )  # fmt: skip


class Named(Protocol):
    """A video or a clip, with a name for messages."""

    @property
    def name(self) -> str:
        """Subject, video, and which part of it."""


Item = TypeVar("Item", bound=Named)


def prepare(
    compute: Callable[[Item], object],
    items: Iterable[Item],
    executor: Executor,
    *,
    what: str = "videos",
    progress: bool = True,
) -> None:
    """Compute the features of many videos or clips; what is in the cache is not computed again.

    Parameters
    ----------
    compute : callable
        Picklable; computes the features of one and keeps them.
    items : iterable of VideoItem or clips
        All of them.
    executor : concurrent.futures.Executor
        Where they are computed.
    what : str
        What messages call them.
    progress : bool
        Show a bar in a terminal.

    Raises
    ------
    DataError
        Some cannot be used: all of them are named, and the others are kept.
    """
    items = list(items)
    futures = [executor.submit(_problem, compute, item) for item in items]
    done = progress_bar((f.result() for f in futures), len(items), "features", progress)
    problems = [p for p in done if p]
    if problems:
        raise DataError(
            f"{len(problems)} of {len(items)} {what} cannot be used:\n  " + "\n  ".join(problems),
            todo=f"exclude {'them' if what == 'videos' else 'their videos'} in the manifest with a "
            "reason; the others are in the cache",
        )


def _problem(compute: Callable[[Item], object], item: Item) -> str | None:
    try:
        compute(item)
    except (MecoreError, ValueError) as error:
        return f"{item.name}: {error}"
    return None
