"""The chapter runner: a notebook executed by papermill with checked parameters.

Papermill warns of a misspelt parameter and retypes ``006`` to 6; here a name that does not exist
is an error, a value keeps the type that the notebook gives it, and the kernel is that of this
environment.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml
from papermill.exceptions import PapermillExecutionError

from mecore.data.files import digest, source_digest, write_json, write_whole
from mecore.data.manifest import load_manifest
from mecore.data.places import shared_folder
from mecore.errors import MecoreError, OptionError, nearest

_PACKAGES = ("data", "preprocessing", "descriptors", "models", "spotting", "metrics", "evaluation",
             "report")  # fmt: skip
# Parameters that say how a chapter is run; no result depends on them.
EXECUTION = ("workers", "scheduler", "progress")


def chapters() -> dict[str, Path]:
    """Return the notebooks of the study by name."""
    return {p.stem: p for p in sorted(shared_folder("notebooks").glob("*.ipynb"))}


def chapter_notebook(name: str) -> Path:
    """Return the notebook of a chapter, or say which one was meant."""
    known = chapters()
    if name not in known:
        raise OptionError(f"no chapter is called {name!r}; {nearest(name, known)}")
    return known[name]


def defaults(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook with their default values.

    They are the plain assignments of the cell tagged ``parameters``, one literal per line.
    """
    cells = nbformat.read(notebook, as_version=4).cells
    tagged = [c.source for c in cells if "parameters" in c.metadata.get("tags", [])]
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
    checked = {}
    for name, value in given.items():
        if name not in known:
            raise OptionError(
                f"chapter {notebook.stem} has no parameter {name!r}; {nearest(name, known)}"
            )
        checked[name] = _convert(name, value, known[name])
    if isinstance(checked.get("dataset"), str):
        load_manifest(checked["dataset"])
    return checked


def check_namespace(name: str, namespace: dict[str, Any]) -> None:
    """Check the parameters inside a chapter, however it is run, and give them their types.

    Papermill by itself only warns of a name that the notebook does not know.

    Parameters
    ----------
    name : str
        The chapter.
    namespace : dict
        ``globals()`` of the notebook, before it has computed anything; changed in place.

    Raises
    ------
    OptionError
        See `check_parameters`.
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
    if isinstance(value, kind) and isinstance(value, bool) == isinstance(default, bool):
        return value
    if isinstance(value, str):
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            value = None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise OptionError(f"parameter {name}: expected {kind.__name__}, such as {default!r}")
    return value


def run_chapter(
    name: str,
    parameters: Mapping[str, Any],
    out: Path,
    *,
    fresh: bool = True,
    progress: bool = True,
) -> Path:
    """Execute a chapter.

    Parameters
    ----------
    name : str
        Name of the notebook.
    parameters : mapping
        See `check_parameters`.
    out : Path
        The executed notebook.
    fresh : bool
        Execute even if ``out`` was made by the same notebook, code and parameters.
    progress : bool
        Show a bar over the cells in a terminal.

    Raises
    ------
    OptionError
        See `check_parameters`.
    MecoreError
        A cell failed; the notebook as far as it came lies beside ``out``.
    """
    notebook = chapter_notebook(name)
    checked = check_parameters(notebook, parameters)
    results = {name: value for name, value in checked.items() if name not in EXECUTION}
    mark = digest([notebook.read_text(encoding="utf-8"), results, source_digest(*_PACKAGES)])
    if not fresh and _mark_of(out) == mark:
        return out
    write_whole(out, lambda aside: _execute(notebook, aside, checked, out, mark, progress))
    return out


def _mark_of(path: Path) -> str | None:
    if not path.is_file():
        return None
    mark: str | None = nbformat.read(path, as_version=4).metadata.get("mecore")
    return mark


def _execute(
    notebook: Path, aside: Path, parameters: dict[str, Any], out: Path, mark: str, progress: bool
) -> None:
    bar = progress and sys.stderr.isatty()
    try:
        papermill.execute_notebook(
            notebook,
            aside,
            parameters,
            kernel_name="python3",
            language="python",
            progress_bar=bar,
            log_output=False,
            extra_arguments=["--log-level=ERROR"],  # the kernel talks to this process only
        )
    except PapermillExecutionError as error:
        failed = out.with_suffix(".failed.ipynb")
        aside.replace(failed)
        raise MecoreError(
            f"{error.ename}: {error.evalue}",
            where=f"chapter {notebook.stem}, cell {error.exec_count}",
            todo=f"the notebook as far as it came is {failed}",
        ) from None  # fmt: skip
    write_json(seconds_file(out), section_seconds(aside))
    data = load_manifest(parameters["dataset"]).name if "dataset" in parameters else None
    clean(aside, mark, data)


def seconds_file(out: Path) -> Path:
    """Where the seconds of an executed notebook lie: beside it, never in it."""
    return out.with_suffix(".seconds.json")


def section_seconds(path: Path) -> dict[str, float]:
    """Seconds that the cells under each heading of a notebook took, as papermill notes them."""
    seconds: dict[str, float] = {}
    heading = ""
    for cell in nbformat.read(path, as_version=4).cells:
        titles = [
            x for x in cell.source.splitlines() if cell.cell_type == "markdown" and x[:1] == "#"
        ]
        heading = titles[-1].lstrip("# ") if titles else heading
        seconds[heading] = seconds.get(heading, 0) + (cell.metadata.papermill.duration or 0)
    return {name: round(value, 2) for name, value in seconds.items()}


def clean(path: Path, mark: str, data: str | None) -> None:
    """Remove what differs between executions, note what made the notebook, and name its data."""
    book = nbformat.read(path, as_version=4)
    book.metadata = nbformat.from_dict(
        {
            "kernelspec": book.metadata.kernelspec,
            "language_info": {"name": "python"},
            "mecore": mark,
        }
    )
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"
        if "injected-parameters" in cell.metadata.get("tags", []):
            lines = cell.source.splitlines()
            cell.source = "\n".join(x for x in lines if x.split(" =")[0] not in EXECUTION)
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.get("tags", [])})
        if cell.cell_type == "code":
            # What a library says on standard error is no result.
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    if data:
        title, _, rest = book.cells[0].source.partition("\n")
        book.cells[0].source = f"{title} ({data})\n{rest}"
    nbformat.write(book, path)
