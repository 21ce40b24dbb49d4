"""Databases by name: a manifest and the folder of its data; the phantom is rendered on demand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from mecore.data.database import Database, open_database
from mecore.data.files import digest, source_digest
from mecore.data.manifest import load_manifest
from mecore.data.phantom import LONG, SHORT, PhantomSpec, write_phantom
from mecore.data.places import data_home
from mecore.errors import DataError, OptionError, nearest

Scale = Literal["full", "small"]
PHANTOMS: dict[str, PhantomSpec] = {"phantom-short": SHORT, "phantom-long": LONG}


def phantom_root(
    name: str, scale: Scale = "full", *, workers: int = 1, progress: bool = True
) -> Path:
    """Return the folder of a phantom, rendering it first if it is not there.

    Parameters
    ----------
    name : {"phantom-short", "phantom-long"}
        Which one.
    scale : {"full", "small"}
        The default set, or fewer people and shorter videos.
    workers : int
        Processes that render; they do not change a pixel.
    progress : bool
        Show a bar in a terminal.
    """
    if scale not in ("full", "small"):
        raise OptionError(f"scale={scale!r}; {nearest(scale, ('full', 'small'))}")
    if name not in PHANTOMS:
        raise OptionError(f"no phantom is called {name!r}; {nearest(name, PHANTOMS)}")
    spec = PHANTOMS[name] if scale == "full" else PHANTOMS[name].small()
    # Another renderer renders other faces: the folder is named by both, and never overwritten.
    version = digest([asdict(spec), source_digest("data/phantom")])[:8]
    root = data_home() / f"{name}-{scale}-{version}"
    if not root.is_dir():
        write_phantom(spec, root, workers=workers, progress=progress and sys.stderr.isatty())
    return root


def open_dataset(
    dataset: str,
    data_root: str = "",
    scale: Scale = "full",
    *,
    workers: int = 1,
    progress: bool = True,
) -> Database:
    """Open a database by the id or the file of its manifest.

    Parameters
    ----------
    dataset : str
        Id of a manifest of the study, or path of one's own.
    data_root : str
        Folder of the data; may be empty for the phantom, which is then rendered where
        `mecore.data.places.data_home` says.
    scale : {"full", "small"}
        Size of the phantom; other databases are always taken whole.
    workers, progress
        See `phantom_root`.

    Raises
    ------
    ManifestError, DataError
        See `mecore.data.database.open_database`.
    """
    manifest = load_manifest(dataset)
    if data_root:
        return open_database(manifest, Path(data_root).expanduser())
    if manifest.id not in PHANTOMS:
        raise DataError(
            f"{manifest.name} is licensed: say where your copy lies", where=dataset,
            todo=f"--data-root /path/to/{manifest.id} (the folder of {manifest.annotations.file})",
        )  # fmt: skip
    root = phantom_root(manifest.id, scale, workers=workers, progress=progress)
    return open_database(manifest, root)
