"""Errors that say what was looked for, where, what was found, and what to do next."""

import difflib
from collections.abc import Iterable
from functools import partial
from typing import Any


class MecoreError(Exception):
    """A problem the user can act on.

    Parameters
    ----------
    what, where
        What was looked for and what was found instead; the file, row and column, frame or video
        that it is about.
    todo : str, optional
        The next step, if possible a command to type.
    """

    def __init__(self, what: str, *, where: object = None, todo: str | None = None) -> None:
        self.what, self.where, self.todo = what, where, todo
        super().__init__(what, where, todo)

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors of worker processes are sent back; the usual way forgets the keywords.
        return partial(type(self), where=self.where, todo=self.todo), (self.what,)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where is not None else ""
        after = f"\n  Next: {self.todo}" if self.todo else ""
        return f"{place}{self.what}{after}"


class ManifestError(MecoreError):
    """A manifest that cannot be read or contradicts itself."""


class DataError(MecoreError):
    """Annotations, frames or videos that are missing, broken or contradict their manifest."""


class FaceError(MecoreError):
    """No face, or not the one face that was asked for."""


class ExternalFileError(MecoreError):
    """A landmark model, published weights or another external file that is absent or damaged."""


class OptionError(MecoreError):
    """A parameter, dataset or option that does not exist."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'dataset'?`` for the nearest known name, or else list all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


def check_option(
    value: str, known: tuple[str, ...], name: str, error: type[Exception] = OptionError
) -> None:
    """Refuse an option that does not exist, naming the one that was probably meant."""
    if value not in known:
        raise error(f"{name}={value!r} does not exist; {nearest(str(value), known)}")
