"""The folder of one run: what was asked, what each fold gave, and the rows of all of them.

``results/<chapter>/<dataset>/<run id>/`` holds ``run.json`` (parameters, versions, data
fingerprint), ``folds/`` (rows and further tables of each fold), ``rows.parquet``,
``metrics.json`` and ``timings.json`` (wall-clock times, which are no result). Files appear whole
or not at all, and a run that was interrupted ends byte-identical to one that was not.
"""

import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import mecore
from mecore.data.code import code_digest
from mecore.data.files import digest, sweep, write_json, write_whole
from mecore.errors import DataError
from mecore.evaluation.folds import FoldResult

# Seconds; no file of a run takes nearly as long to write. Young ones may be another run's.
_STALE = 3600.0
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "opencv-contrib-python-headless", "dlib-bin",
              "keras", "tensorflow")  # fmt: skip


@dataclass(frozen=True)
class RunStore:
    """One run folder; see `open_run`."""

    folder: Path

    @property
    def id(self) -> str:
        """Digest of all that can change the result."""
        return self.folder.name

    def has_fold(self, name: str) -> bool:
        """Tell whether a fold is complete: its rows are written last."""
        return self._path(name, "rows").is_file()

    def save_fold(self, name: str, result: FoldResult) -> None:
        """Keep the result of a fold."""
        write_json(self._seconds(name), dict(result.seconds))
        for table, frame in {**result.tables, "rows": result.rows}.items():
            _save(self._path(name, table), frame)

    def fold_table(self, name: str, table: str = "rows") -> pd.DataFrame:
        """Read one table of a fold.

        DataError if it is not there, or damaged; the message says what to delete.
        """
        path = self._path(name, table)
        try:
            return pd.read_parquet(path)
        except Exception as error:
            # A fold is computed anew when its rows are gone, whichever of its tables is damaged.
            rows = self._path(name, "rows")
            todo = f"delete {rows} and run again; only this fold is computed anew"
            raise DataError(f"cannot be read: {error}", where=path, todo=todo) from error

    def fold_seconds(self, name: str) -> dict[str, float]:
        """Read how long the parts of a fold took."""
        return json.loads(self._seconds(name).read_text())

    def save_scores(self, scores: pd.DataFrame, rows: pd.DataFrame) -> None:
        """Keep the rows of all folds together, and the scores that were derived from them."""
        write_json(self.folder / "metrics.json", {"scores": scores.to_dict("records")})
        _save(self.folder / "rows.parquet", rows)

    def timings(self, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Wall-clock seconds of this run: measured once, then read, so that a page repeats."""
        path = self.folder / "timings.json"
        if not path.is_file():
            write_json(path, measure())
        return json.loads(path.read_text())

    def _path(self, name: str, table: str) -> Path:
        ending = "" if table == "rows" else f".{table}"
        return self.folder / "folds" / f"{name}{ending}.parquet"

    def _seconds(self, name: str) -> Path:
        return self.folder / "folds" / f"{name}.seconds.json"


def open_run(
    results: Path, chapter: str, dataset: str, parameters: Mapping[str, Any], data: str, code: str
) -> RunStore:
    """Open the folder of a run, new or begun before.

    Parameters
    ----------
    results, chapter, dataset, data : Path, and str
        Where runs are stored, names of folders in it, and the fingerprint of the data.
    parameters : mapping
        All that changes the result but the seeds, JSON-like. Workers, devices and places do not
        belong here.
    code : str
        Name of the module that runs a fold: it and all that it imports are part of the run's id.
    """
    known = {
        "chapter": chapter, "dataset": dataset, "parameters": dict(parameters), "data": data,
        "mecore": mecore.__version__, "code": code_digest(code),
    }  # fmt: skip
    store = RunStore(results / chapter / dataset / digest(known))
    sweep(store.folder, _STALE)
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    versions["python"] = sys.version.split()[0]
    write_json(store.folder / "run.json", known | {"versions": versions})
    return store


def _save(path: Path, table: pd.DataFrame) -> None:
    write_whole(path, lambda aside: table.to_parquet(aside, index=False))
