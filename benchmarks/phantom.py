"""What the phantom promises, measured on the whole default sets: faces, truth, bytes, speed."""

from __future__ import annotations

import hashlib
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.common import Result
from mecore.data.database import open_database
from mecore.evaluation.executors import processes
from mecore.phantom import SPECS, PhantomSpec, write_phantom
from mecore.studies.data.phantom_checks import check_phantom, summary

WORKERS = 2


def measure(quick: bool) -> Iterator[Result]:
    """Write both sets; their promises and their cost."""
    with tempfile.TemporaryDirectory() as temporary:
        for name, whole in SPECS.items():
            spec, folder = whole.small() if quick else whole, Path(temporary) / name
            cost = _write(spec, folder / "set")
            few = replace(spec, subjects=2, recordings=2, seconds=(0.5, 1.0))
            cost["same bytes with 1 and 2 workers"] = same_bytes(few, folder / "few")
            table = pd.DataFrame({spec.name: cost}).rename_axis(f"{WORKERS} workers")
            yield Result(f"{name}_cost", f"{name}, seed {spec.seed}: rendering", table)
            database = open_database(name, folder / "set")
            with processes(WORKERS) as executor:
                checks = check_phantom(database, executor, every=30 if quick else 10)
            promises = summary(checks).set_index("measure")
            yield Result(f"{name}_promises", f"{name}: what it promises", promises)


def _write(spec: PhantomSpec, root: Path) -> dict[str, object]:
    begun = _processor_seconds()
    write_phantom(spec, root, workers=WORKERS)
    spent = _processor_seconds() - begun
    frames = int(open_database(spec.name, root).videos.n_frames.sum())
    return {
        "frames": frames, "milliseconds of a core per frame": 1e3 * spent / frames,
        "frames per second of two idle cores (promised: 150)": WORKERS * frames / spent,
    }  # fmt: skip


def fingerprint(root: Path) -> str:
    """Hash of the names and the bytes of all files below a folder."""
    total = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        total.update(str(path.relative_to(root)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def same_bytes(spec: PhantomSpec, folder: Path) -> bool:
    """Whether one worker and two write the same files."""
    prints = set()
    for workers in (1, 2):
        write_phantom(spec, folder / str(workers), workers=workers)
        prints.add(fingerprint(folder / str(workers)))
    return len(prints) == 1


def _processor_seconds() -> float:
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
