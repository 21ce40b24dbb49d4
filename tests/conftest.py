"""Small databases on disk, and the gate to files that are not part of the project."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

from mecore import runtime
from mecore.data.manifest import parse_manifest

# The same examples on every machine, and no timing.
settings.register_profile("study", deadline=None, derandomize=True)
settings.load_profile("study")

MANIFEST = {
    "id": "own",
    "name": "Own recordings",
    "edition": "1",
    "citation": "us",
    "licence": {"name": "consent"},
    "confidence": "checked on a real file",
    "fps": 100,
    "length": "short",
    "layout": {
        "kind": "image_folders",
        "video": "frames/{subject}/{video}",
        "image": "img{frame}.png",
    },
    "annotations": {
        "file": "annotations.csv",
        "columns": {c: c for c in ("subject", "video", "onset", "apex", "offset", "emotion")},
    },
    "classes": {"negative": ["anger"], "positive": ["happiness"], "surprise": ["surprise"]},
    "other_emotions": ["others"],
}
HEADER = "subject,video,onset,apex,offset,emotion\n"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A function that has a folder made by whichever of the test processes comes first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name, make):
        with FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.made").exists():
                make(shared / name)
                (shared / f"{name}.made").touch()
        return shared / name

    return made


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tests own their process; networks are tested as they are trained."""
    runtime.configure()


@pytest.fixture(autouse=True)
def _own_caches(tmp_path_factory, monkeypatch):
    """No test reads or leaves anything in the user's folders."""
    home = tmp_path_factory.mktemp("home")
    for name in ("MECORE_CACHE", "MECORE_DATA", "MECORE_RESULTS"):
        monkeypatch.setenv(name, str(home / name.lower()))


def write_frames(folder: Path, n: int = 12, first: int = 1) -> None:
    """Write n small images numbered from ``first``; frame i has the grey value 10 + i."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        cv2.imwrite(str(folder / f"img{first + i}.png"), np.full((16, 24, 3), 10 + i, np.uint8))


@pytest.fixture
def own(tmp_path):
    """A database of two subjects with one clip each, and its manifest as a mapping to change."""
    return OwnDatabase(tmp_path)


class OwnDatabase:
    """A tiny licensed-style database whose parts a test can spoil before it is opened."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "own"
        self.manifest = yaml.safe_load(yaml.safe_dump(MANIFEST))
        self.rows = ["006,a,2,5,9,anger", "007,b,1,4,8,happiness"]
        for row in self.rows:
            write_frames(self.root / "frames" / row.split(",")[0] / row.split(",")[1])

    def write(self):
        """Write annotations and manifest; return the manifest's path."""
        text = HEADER + "\n".join(self.rows) + "\n"
        (self.root / "annotations.csv").write_text(text, encoding="utf-8")
        return self.manifest_file()

    def manifest_file(self):
        """Write the manifest alone; return its path."""
        path = self.root.parent / "own.yaml"
        path.write_text(yaml.safe_dump(self.manifest), encoding="utf-8")
        return path

    def open(self):
        """Open the database as it stands."""
        from mecore.data.database import open_database

        return open_database(parse_manifest(self.write()), self.root)


@pytest.fixture(scope="session")
def external():
    """Return the folder of files that their owners do not let us pass on."""
    folder = os.environ.get("MECORE_EXTERNAL")
    if not folder:
        pytest.skip(
            "external files not found: name their folder in MECORE_EXTERNAL, "
            "or for the weights run `mecore fetch mean-weights`"
        )
    return Path(folder)
