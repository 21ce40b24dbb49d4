"""Options of a method: every choice that changes a result, with what paper and code say of it.

A class of options is a frozen dataclass made by `options`, with one field per choice, made by
`choice`. Its metadata holds its group, the values of the paper as written and the code as released,
and the reason for ours: presets and tables are made from it. Pydantic checks values.
"""

from dataclasses import asdict, field, fields
from types import SimpleNamespace
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform, get_args

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from mecore.errors import OptionError, nearest

Preset = Literal["default", "as_written", "as_released"]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Options = TypeVar("Options")


@dataclass_transform(frozen_default=True)
def options(kind: type[Options]) -> type[Options]:
    """Make a class of options: frozen, and refusing values of another type or out of range."""
    made: Any = dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))(kind)
    return made


def choice(default: Any, group: str, topic: str, why: str, **others: Any) -> Any:
    """Return a field of a class of options.

    Parameters
    ----------
    default : object
        Our value; ``why`` is the reason for it.
    group, topic : str
        What the choice belongs to, such as ``"features"``, and what is chosen.
    **others
        ``written`` and ``released``, the values of paper and code where they differ from ours; or
        ``paper``, what a paper without presets says in words.
    """
    known = {"group": group, "topic": topic, "written": default, "released": default}
    return field(default=default, metadata=known | others | {"why": why})


def group(chosen: Any, *names: str) -> SimpleNamespace:
    """Return the options of some groups, and nothing else: what a feature may depend on."""
    return SimpleNamespace(
        **{f.name: getattr(chosen, f.name) for f in fields(chosen) if f.metadata["group"] in names}
    )


def reading(
    kind: type[Options], name: str = "default", scale: str = "full", **changes: Any
) -> Options:
    """Return an interpretation of a paper: options of a kind by name, and some ``changes``.

    OptionError for a preset, option or value that does not exist; it names the nearest right one.

    Parameters
    ----------
    name : {"default", "as_written", "as_released"}
        Ours, the text of the paper, or the code published with it.
    scale : {"full", "small"}
        At ``"small"``, options take the values in ``kind.SMALL``: a quick run in which every cell
        executes but no network is well trained.
    """
    if name not in get_args(Preset):
        raise OptionError(f"no preset is called {name!r}; {nearest(name, get_args(Preset))}")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for change in changes:
        if change not in known:
            raise OptionError(f"no option is called {change!r}; {nearest(change, known)}")
    key, quick = name.removeprefix("as_"), getattr(kind, "SMALL", {}) if scale == "small" else {}
    preset = {n: f.metadata[key] for n, f in known.items()} if name != "default" else {}
    try:
        return kind(**(preset | quick | changes))
    except ValidationError as error:
        raise OptionError("; ".join(_problem(e) for e in error.errors())) from None


def _problem(error: Any) -> str:
    name, value = ".".join(map(str, error["loc"])), error["input"]
    if error["type"] == "literal_error":
        words = error["ctx"]["expected"].replace(" or ", ", ").split(", ")
        allowed = (word.strip("'") for word in words)
        return f"{name}={value!r}; {nearest(str(value), allowed)}"
    return f"{name}={value!r}: {error['msg']}"


def choice_table(kind: type[Any]) -> list[dict[str, Any]]:
    """Return one row per option: name, default, group, topic, written, released, why."""
    ours = asdict(kind())
    return [{"name": f.name, "default": ours[f.name], **f.metadata} for f in fields(kind)]
