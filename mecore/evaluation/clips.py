"""Clips: one annotated micro-expression each, cut out as a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mecore.errors import DataError
from mecore.evaluation.videos import Expression, VideoItem, list_videos

if TYPE_CHECKING:
    from mecore.data.database import Database


@dataclass(frozen=True)
class Clip:
    """One micro-expression with a class.

    Parameters
    ----------
    item : VideoItem
        Its video.
    number : int
        Which of the expressions of the video it is.
    """

    item: VideoItem
    number: int

    @property
    def expression(self) -> Expression:
        """What is annotated."""
        return self.item.expressions[self.number]

    @property
    def database(self) -> str:
        """Id of its database."""
        return self.item.database

    @property
    def subject(self) -> str:
        """Whom it shows; unique over all databases."""
        return self.item.subject

    @property
    def video(self) -> str:
        """Id of its video."""
        return self.item.video

    @property
    def sample(self) -> str:
        """Its id within the video."""
        return self.expression.sample

    @property
    def label(self) -> str:
        """Its class."""
        return str(self.expression.label)

    @property
    def units(self) -> tuple[int, ...]:
        """Its action units, as far as they are annotated."""
        return self.expression.units

    @property
    def name(self) -> str:
        """Subject, video and frames, for messages."""
        e = self.expression
        return f"{self.item.name}, frames {e.onset} to {e.offset}"


def list_clips(databases: Database | Sequence[Database]) -> list[Clip]:
    """List the micro-expressions of the classes; see `mecore.evaluation.videos.list_videos`.

    DataError also if there is none.
    """
    clips = [
        Clip(item, number)
        for item in list_videos(databases, without_class=False)
        for number, expression in enumerate(item.expressions)
        if expression.label is not None
    ]
    if not clips:
        several = databases if isinstance(databases, Sequence) else [databases]
        where = ", ".join(str(d.root) for d in several)
        raise DataError("no micro-expression belongs to a class", where=where)
    return clips
