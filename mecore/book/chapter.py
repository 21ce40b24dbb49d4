"""Chapters: the notebooks of the study, and their parameters.

Papermill warns of a misspelt parameter and retypes ``006`` to 6; here a name that does not exist
is an error, and a value keeps the type that the notebook gives it.
"""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mecore.data.manifest import load_manifest
from mecore.data.places import shared_folder
from mecore.errors import OptionError, nearest


def chapters() -> dict[str, Path]:
    """Return the notebooks of the study by name."""
    return {p.stem: p for p in sorted(shared_folder("notebooks").glob("*.ipynb"))}


def chapter_notebook(name: str) -> Path:
    """Return the notebook of a chapter; an `OptionError` names the nearest where there is none."""
    known = chapters()
    if name not in known:
        raise OptionError(f"no chapter is called {name!r}; {nearest(name, known)}")
    return known[name]


def code_cells(notebook: Path, tag: str = "") -> list[str]:
    """Return the source of the code cells of a notebook, or of those with a tag."""
    # Plain JSON: nbformat, which every kernel would have to import, takes longer than all else.
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "code" and (not tag or tag in cell["metadata"].get("tags", []))
    ]


def defaults(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook with their default values.

    They are the plain assignments of the cell tagged ``parameters``, one literal per line; no such
    cell, or several, are an `OptionError`.
    """
    tagged = code_cells(notebook, "parameters")
    if len(tagged) != 1:
        raise OptionError("has no single cell tagged 'parameters'", where=notebook)
    assignments = [n for n in ast.parse(tagged[0]).body if isinstance(n, ast.Assign)]
    return {ast.unparse(a.targets[0]): ast.literal_eval(a.value) for a in assignments}


def check_parameters(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against a notebook, and give text the type that the notebook expects.

    Parameters
    ----------
    notebook : Path
        The chapter.
    given : mapping
        Names and values; text, as it comes from a command line, is converted: to a number or a
        truth value where the default is one, to a mapping or list from YAML where it is one, and
        stays text otherwise (``"006"``).

    Raises
    ------
    OptionError
        An unknown name, with the nearest right one, or a value of another type.
    """
    known = defaults(notebook)
    for name in (name for name in given if name not in known):
        near = nearest(name, known)
        raise OptionError(f"chapter {notebook.stem} has no parameter {name!r}; {near}")
    checked = {name: _convert(name, value, known[name]) for name, value in given.items()}
    if isinstance(checked.get("dataset"), str):
        load_manifest(checked["dataset"])
    return checked


def check_namespace(name: str, namespace: dict[str, Any]) -> None:
    """Check the parameters inside a chapter, however it is run, and give them their types.

    ``namespace`` is ``globals()`` of the notebook, before it has computed anything, and is changed
    in place. Errors are those of `check_parameters`.
    """
    plain = (str, int, float, bool, list, dict)
    given = {
        key: value
        for key, value in namespace.items()
        if isinstance(value, plain) and not key.startswith("_") and key not in ("In", "Out")
    }
    namespace.update(check_parameters(chapter_notebook(name), given))


def _convert(name: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if isinstance(value, str) and kind is not str:
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            value = None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise OptionError(f"parameter {name}: expected {kind.__name__}, such as {default!r}")
    return value
