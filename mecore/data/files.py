"""Files that appear whole or not at all, and digests that tell whether something has changed."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mecore.errors import DataError

_ASIDE = ".aside-"


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file aside and rename it, so that a reader never meets half of it.

    Parameters
    ----------
    path : Path
        Final place; its folder is made if need be.
    write : callable
        Takes a temporary path of the same ending and writes to it.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full. What was there stays as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ending = "".join(path.suffixes)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=_ASIDE, suffix=ending)
        os.close(handle)
        try:
            write(Path(aside))
            # mkstemp makes private files; results are shared like any other file.
            os.umask(mask := os.umask(0))
            os.chmod(aside, 0o666 & ~mask)
            os.replace(aside, path)
        finally:
            Path(aside).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}", where=path,
            todo="free some disk space or grant write permission, and run the same command "
            "again: what is finished is kept",
        ) from error  # fmt: skip
    return path


def sweep(folder: Path, older_than: float = 0.0) -> None:
    """Remove half-written files that a killed process has left in a folder.

    Parameters
    ----------
    folder : Path
        Looked through with all that is in it.
    older_than : float
        Seconds; younger ones may be somebody else's who is still writing.
    """
    for left in folder.rglob(f"{_ASIDE}*"):
        with suppress(FileNotFoundError):  # it has just got its name
            if time.time() - left.stat().st_mtime >= older_than:
                left.unlink()


def write_json(path: Path, value: Any) -> Path:
    """Write ``value`` as sorted, indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def digest(value: Any) -> str:
    """Return 16 hex digits of a JSON-like value; the order of keys does not change them."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_stamp(path: Path) -> str:
    """Return a digest of name, size and time of a file, or of all files of a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return digest([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files])


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
