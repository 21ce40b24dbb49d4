"""Databases by name: a manifest and the folder of its data; the phantom is rendered on demand."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mecore.data import external
from mecore.data.code import code_digest
from mecore.data.database import Database, open_database
from mecore.data.files import digest, write_json
from mecore.data.manifest import load_manifest
from mecore.data.places import data_home
from mecore.errors import DataError, OptionError, nearest

if TYPE_CHECKING:
    from mecore.phantom import PhantomSpec

Scale = Literal["full", "small"]
PHANTOMS = ("phantom-short", "phantom-long")


def phantom_root(
    name: str, scale: Scale = "full", *, workers: int = 1, progress: bool = True
) -> Path:
    """Return the folder of a phantom, rendering it first if it is not there.

    Parameters
    ----------
    name : {"phantom-short", "phantom-long"}
    scale : {"full", "small"}
        The default set, or fewer people and shorter videos.
    workers : int
        Processes that render; they do not change a pixel.
    progress : bool
        Show a bar in a terminal.
    """
    # The renderer is imported where a phantom is opened, and nowhere else in the library.
    from mecore.phantom import write_phantom

    spec, root = _phantom(name, scale)
    if not root.is_dir():
        write_phantom(spec, root, workers=workers, progress=progress and sys.stderr.isatty())
    return root


def phantom_folder(name: str, scale: Scale = "full") -> Path:
    """Return where a phantom lies, or will lie when it is rendered."""
    return _phantom(name, scale)[1]


def _phantom(name: str, scale: Scale) -> tuple["PhantomSpec", Path]:
    from mecore.phantom import SPECS

    if scale not in ("full", "small"):
        raise OptionError(f"scale={scale!r}; {nearest(scale, ('full', 'small'))}")
    if name not in PHANTOMS:
        raise OptionError(f"no phantom is called {name!r}; {nearest(name, PHANTOMS)}")
    spec = SPECS[name] if scale == "full" else SPECS[name].small()
    # Another renderer renders other faces: the folder is named by both, and never overwritten.
    version = digest([asdict(spec), code_digest("mecore.phantom")])[:8]
    return spec, data_home() / f"{name}-{scale}-{version}"


def known_root(name: str) -> Path | None:
    """Return the folder of a database that was remembered, or of fetched public features."""
    if name in external.registry():
        return external.set_folder(name)
    given = _remembered().get(name)
    return Path(given) if given else None


def remember_root(name: str, root: Path) -> None:
    """Remember the folder of a database for later commands."""
    write_json(_roots_file(), _remembered() | {name: str(root.resolve())})


def _roots_file() -> Path:
    return data_home() / "databases.json"


def _remembered() -> dict[str, str]:
    try:
        found = json.loads(_roots_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def open_dataset(
    dataset: str, data_root: str = "", scale: Scale = "full", *, workers: int = 1,
    progress: bool = True,
) -> Database:  # fmt: skip
    """Open a database by the id or the file of its manifest.

    Parameters
    ----------
    dataset : str
        Id of a manifest of the study, or path of one's own.
    data_root : str
        Folder of the data. Where it is empty: the folder that `remember_root` knows; the phantom
        is rendered where `mecore.data.places.data_home` says.
    scale, workers, progress
        See `phantom_root`; other databases are always taken whole.

    Errors are those of `mecore.data.database.open_database`.
    """
    manifest = load_manifest(dataset)
    given = Path(data_root).expanduser().absolute() if data_root else known_root(manifest.id)
    if given is not None:
        return open_database(manifest, given)
    if manifest.id not in PHANTOMS:
        todo = (f"mecore data check {manifest.id} --root DIR, which remembers the folder; or "
                f"--data-root DIR (the folder of {manifest.annotations.file_name})")  # fmt: skip
        what = f"{manifest.name} is licensed: say where your copy lies"
        raise DataError(what, where=dataset, todo=todo)
    root = phantom_root(manifest.id, scale, workers=workers, progress=progress)
    return open_database(manifest, root)
