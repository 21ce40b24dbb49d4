"""Options of a method: every choice that changes a result, with what paper and code say of it.

A dataclass derived from `Choices` has one field per choice, made by `choice`. Its metadata holds
the group the field belongs to, the value of the paper as written, the value of the code as
released, and the reason for ours; presets and the table of a chapter are made from it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from mecore.errors import OptionError, nearest

Preset = Literal["default", "as_written", "as_released"]


def choice(default: Any, group: str, topic: str, *, written: Any, released: Any, why: str) -> Any:
    """Return a field of a class of options."""
    known = {"group": group, "topic": topic, "written": written, "released": released, "why": why}
    return field(default=default, metadata=known)


@dataclass(frozen=True)
class Choices:
    """Base of the options of a method.

    Raises
    ------
    OptionError
        A value that is none of those allowed.
    """

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            _check(name, getattr(self, name), hint)

    def group(self, name: str) -> dict[str, Any]:
        """Return the options of one group, e.g. those that features depend on."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.metadata["group"] == name}


Options = TypeVar("Options", bound=Choices)


def _check(name: str, value: Any, hint: Any) -> None:
    allowed = get_args(hint)
    if allowed and all(isinstance(a, str) for a in allowed):
        if value not in allowed:
            raise OptionError(f"{name}={value!r}; {nearest(str(value), allowed)}")
    elif hint is bool and not isinstance(value, bool):
        raise OptionError(f"{name}={value!r} is neither True nor False")
    elif hint in (int, float) and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise OptionError(f"{name}={value!r} is no number")
    elif isinstance(value, (int, float)) and value < 0:
        raise OptionError(f"{name}={value!r} is negative")
    elif hint is int and value != int(value):
        raise OptionError(f"{name}={value!r} is no whole number")


def reading(kind: type[Options], name: str = "default", **changes: Any) -> Options:
    """Return a reading of a paper by name, with some options changed.

    Parameters
    ----------
    kind : type
        Class of the options.
    name : {"default", "as_written", "as_released"}
        Ours, the text of the paper, or the code published with it.
    **changes
        Options to set otherwise.

    Raises
    ------
    OptionError
        A preset, option or value that does not exist; the message names the nearest right one.
    """
    if name not in get_args(Preset):
        raise OptionError(f"no preset is called {name!r}; {nearest(name, get_args(Preset))}")
    known = {f.name: f for f in fields(kind)}
    for change in changes:
        if change not in known:
            raise OptionError(f"no option is called {change!r}; {nearest(change, known)}")
    if name != "default":
        key = name.removeprefix("as_")
        changes = {n: f.metadata[key] for n, f in known.items()} | changes
    return kind(**changes)


def choice_table(kind: type[Choices]) -> list[dict[str, Any]]:
    """Return one row per option: group, name, topic, written, released, default, why."""
    ours = asdict(kind())
    return [{"name": f.name, "default": ours[f.name], **f.metadata} for f in fields(kind)]
