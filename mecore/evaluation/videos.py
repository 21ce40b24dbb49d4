"""The videos of a study: where they lie, and what is annotated in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.data.composite import join_subject
from mecore.data.files import file_stamp
from mecore.data.frames import Footage, FrameSource
from mecore.errors import DataError
from mecore.preprocessing.apex import Span

if TYPE_CHECKING:
    from mecore.data.database import Database


@dataclass(frozen=True)
class Expression:
    """One annotated micro-expression; frames are counted from 0, both ends are inside.

    Parameters
    ----------
    sample, label : str, and str or None
        Its id within the video, and its class; None where its emotion is in none.
    onset, apex, offset : int
        First, strongest, last frame; the apex is None where none is annotated.
    units : tuple of int
        Its action units, as far as they are annotated.
    """

    sample: str
    onset: int
    apex: int | None
    offset: int
    label: str | None
    units: tuple[int, ...] = ()


@dataclass(frozen=True)
class VideoItem:
    """One video of a study.

    Parameters
    ----------
    database, subject, video : str
        Ids; subjects of several databases carry the name of their own.
    footage, expressions : Footage, and tuple of Expression
        Its frames, and the annotated micro-expressions in order of time.
    """

    database: str
    subject: str
    video: str
    footage: Footage
    expressions: tuple[Expression, ...]

    @property
    def name(self) -> str:
        """Subject and video, for messages."""
        return f"subject {self.subject}, video {self.video}"

    @property
    def key(self) -> str:
        """Subject and video, as one id."""
        return f"{self.subject}/{self.video}"

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.footage.fps

    @property
    def n_frames(self) -> int:
        """Its length."""
        return self.footage.n_frames

    def frames(self) -> FrameSource:
        """Open its frames."""
        return self.footage.frames()

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Onset, apex (or None), offset of every expression."""
        return tuple((e.onset, e.apex, e.offset) for e in self.expressions)

    @property
    def intervals(self) -> NDArray[np.int64]:
        """Onset and offset of every expression, (n, 2)."""
        return np.array([(e.onset, e.offset) for e in self.expressions], np.int64).reshape(-1, 2)


def list_videos(
    databases: Database | Sequence[Database], *, without_class: bool = True
) -> list[VideoItem]:
    """List the videos that a study trains and is scored on, with their micro-expressions.

    Macro-expressions are background.

    Parameters
    ----------
    databases : Database or sequence of Database
        One, or several with the same classes; DataError if they have others, or if one delivers
        ready features in place of frames.
    without_class : bool
        Whether videos without a micro-expression of the classes take part.
    """
    several = list(databases) if isinstance(databases, Sequence) else [databases]
    classes = list(several[0].manifest.classes)
    items: list[VideoItem] = []
    for database in several:
        manifest = database.manifest
        if manifest.layout.kind == "features":
            raise DataError(
                f"{manifest.name} holds ready features, and this needs frames",
                where=database.root,
                todo=f"mecore chapter honest_evaluation --dataset {manifest.id}",
            )
        if list(manifest.classes) != classes:
            raise DataError(
                f"several databases need the same classes: {list(manifest.classes)} here, "
                f"{classes} in {several[0].manifest.id}", where=manifest.id,
                todo="map the emotions of this manifest to those classes",
            )  # fmt: skip
        found = _items(database, prefix=len(several) > 1)
        items += [i for i in found if without_class or any(e.label for e in i.expressions)]
    return items


def _items(database: Database, prefix: bool) -> Iterator[VideoItem]:
    micro = database.samples[database.samples.kind == "micro"].copy()
    micro["label"] = database.classes(micro)
    groups = dict(iter(micro.groupby(["subject", "video"])))
    manifest, nobody = database.manifest, micro.iloc[:0]
    for row in database.videos.itertuples():
        path = database.root / row.path
        footage = Footage(path, manifest.layout.image, manifest.layout.first_frame, manifest.fps,
                          int(row.n_frames), file_stamp(path))  # fmt: skip
        own = groups.get((row.subject, row.video), nobody)
        subject = join_subject(manifest.id, row.subject) if prefix else row.subject
        yield VideoItem(manifest.id, subject, row.video, footage, tuple(_expressions(own)))


def _expressions(samples: pd.DataFrame) -> Iterator[Expression]:
    for s in samples.sort_values(["onset", "sample"]).itertuples():
        apex = None if s.apex is pd.NA else int(s.apex)
        label = None if pd.isna(s.label) else str(s.label)
        units = _units(s.action_units)
        yield Expression(str(s.sample), int(s.onset), apex, int(s.offset), label, units)


def _units(text: Any) -> tuple[int, ...]:
    """Read action units as databases write them: ``L12+R14B, AU4`` is (12, 14, 4)."""
    return () if pd.isna(text) else tuple(int(n) for n in re.findall(r"\d+", text))
