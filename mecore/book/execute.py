"""A chapter executed: papermill runs its notebook with checked parameters.

The kernel is that of this environment. A notebook that was executed before is kept as long as
nothing has changed that its results depend on, see `mark_of`.
"""

import ast
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from mecore.book.chapter import chapter_notebook, check_parameters, code_cells, defaults
from mecore.data.code import closure, code_digest, imports_of, strings_of
from mecore.data.datasets import PHANTOMS, open_dataset
from mecore.data.files import digest, file_sha256, write_json, write_whole
from mecore.data.manifest import known_manifests, load_manifest
from mecore.data.places import shared_folder
from mecore.errors import MecoreError
from mecore.runtime import ENVIRONMENT

# Parameters that say how a chapter is run; no result depends on them.
EXECUTION = ("workers", "scheduler", "progress")
# Parameters that name a database, and the one that says where it lies.
_DATABASES = {"dataset": "data_root", "other": "other_root"}


def run_chapter(
    name: str, parameters: Mapping[str, Any], out: Path, *,
    fresh: bool = True, progress: bool = True,
) -> Path:  # fmt: skip
    """Execute a chapter.

    Parameters
    ----------
    name, parameters
        Name of the notebook; see `mecore.book.chapter.check_parameters`, also for an `OptionError`.
    out : Path
        The executed notebook.
    fresh, progress : bool
        Execute even if ``out`` is up to date, see `mark_of`; show a bar over the cells.

    Raises
    ------
    MecoreError
        A cell failed; the notebook as far as it came lies beside ``out``.
    """
    notebook = chapter_notebook(name)
    checked = check_parameters(notebook, parameters)
    mark = mark_of(name, checked)
    if not fresh and stored_mark(out) == mark:
        return out
    write_whole(out, lambda aside: _execute(notebook, aside, checked, out, mark, progress))
    _failed(out).unlink(missing_ok=True)
    return out


def mark_of(name: str, parameters: Mapping[str, Any]) -> str:
    """Return a digest of all that the results of a chapter depend on.

    They are its notebook, the parameters that change a result, the data, and the code of the
    modules it imports, directly or not, without comments and docstrings.
    """
    notebook = chapter_notebook(name)
    tree = ast.parse("\n".join(code_cells(notebook)))
    results = {key: value for key, value in parameters.items() if key not in EXECUTION}
    imports = sorted(set(imports_of(tree)))
    data = [*_data(defaults(notebook) | results), *_files_named_in(tree, imports)]
    return digest([notebook.read_text(encoding="utf-8"), results, code_digest(*imports), data])


def _data(values: Mapping[str, Any]) -> Iterator[str]:
    """Fingerprints of the databases of a chapter; of all manifests, where it names none."""
    if "dataset" not in values:
        yield from map(file_sha256, known_manifests().values())
    pairs = {values.get(key, ""): values.get(root, "") for key, root in _DATABASES.items()}
    for name, given in (pairs | values.get("composite", {})).items():
        manifest = load_manifest(name) if name else None
        if manifest and manifest.id in PHANTOMS and not given:
            yield manifest.fingerprint  # the rest of it is what its code renders
        elif manifest:
            yield open_dataset(name, given).fingerprint


def _files_named_in(tree: ast.AST, imports: list[str]) -> Iterator[tuple[str, str]]:
    """Published and measured tables that a notebook, or the study it shows, names."""
    studies = [m for m in closure(imports) if m.startswith("mecore.studies.")]
    named = {text.strip("_") for text in strings_of(tree, *studies)}
    for folder in ("published", "measured"):
        for path in sorted((shared_folder("book") / folder).glob("*_*")):
            if path.stem in named or path.stem.rpartition("_")[0] in named:
                yield path.name, file_sha256(path)


def stored_mark(out: Path) -> str | None:
    """Return the mark of an executed notebook, if there is one."""
    return nbformat.read(out, as_version=4).metadata.get("mecore") if out.is_file() else None


def _execute(
    notebook: Path, aside: Path, parameters: dict[str, Any], out: Path, mark: str, progress: bool
) -> None:
    # Papermill takes a second to import: who only asks what is up to date does without it.
    import papermill
    from papermill.exceptions import PapermillExecutionError

    try:
        with _environment(ENVIRONMENT):
            papermill.execute_notebook(
                notebook,
                aside,
                parameters,
                kernel_name="python3",
                language="python",
                progress_bar=progress and sys.stderr.isatty(),
                log_output=False,
                extra_arguments=["--log-level=ERROR"],  # the kernel talks to this process only
            )
    except PapermillExecutionError as error:
        aside.replace(_failed(out))
        raise MecoreError(
            f"{error.ename}: {error.evalue}",
            where=f"chapter {notebook.stem}, cell {error.exec_count}",
            todo=f"the notebook as far as it came is {_failed(out)}",
        ) from None  # fmt: skip
    write_json(seconds_file(out), section_seconds(aside))
    data = load_manifest(parameters["dataset"]).name if "dataset" in parameters else None
    clean(aside, mark, data)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The environment that a kernel begins with; that of this process stays as it was."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _failed(out: Path) -> Path:
    return out.with_suffix(".failed.ipynb")


def seconds_file(out: Path) -> Path:
    """Return where the seconds of an executed notebook lie: beside it, never in it."""
    return out.with_suffix(".seconds.json")


def section_seconds(path: Path) -> dict[str, float]:
    """Seconds that the cells under each heading of a notebook took, as papermill notes them."""
    seconds, heading = Counter[str](), ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            titles = re.findall(r"^#.*", cell.source, re.MULTILINE)
            heading = titles[-1].lstrip("# ") if titles else heading
        seconds[heading] += cell.metadata.papermill.duration or 0
    return {name: round(value, 2) for name, value in seconds.items()}


def clean(path: Path, mark: str, data: str | None) -> None:
    """Remove what differs between executions, note what made the notebook, and name its data."""
    book = nbformat.read(path, as_version=4)
    about = {"language_info": {"name": "python"}, "mecore": mark}
    book.metadata = nbformat.from_dict({"kernelspec": book.metadata.kernelspec} | about)
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
