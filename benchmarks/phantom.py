"""What the phantom promises, measured on the whole default sets: faces, truth, bytes, speed.

    python -m benchmarks.phantom [--small] [--every 10] [--workers 2]

writes both data sets to a temporary folder and prints one table for each.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from mecore.data.database import open_database
from mecore.data.datasets import PHANTOMS
from mecore.data.phantom import PhantomSpec, write_phantom
from mecore.evaluation.executors import processes
from mecore.evaluation.phantom_checks import check_phantom, summary


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


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the small versions")
    parser.add_argument("--every", type=int, default=10, help="look at every n-th frame")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for name, whole in PHANTOMS.items():
            spec = whole.small() if options.small else whole
            root = Path(temporary) / name
            wall, processor = time.perf_counter(), _processor_seconds()
            write_phantom(spec, root, workers=options.workers)
            wall, processor = time.perf_counter() - wall, _processor_seconds() - processor
            database = open_database(name, root)
            frames = int(database.videos.n_frames.sum())
            few = replace(spec, subjects=2, recordings=2, seconds=(0.5, 1.0))
            same = same_bytes(few, Path(temporary) / f"few-{name}")
            print(f"\n{name}, seed {spec.seed}: {len(database.videos)} videos, {frames} frames")
            print(
                f"{frames / wall:.0f} frames/s with {options.workers} workers (promised 150), "
                f"{1e3 * processor / frames:.1f} ms of processor time per frame"
            )
            print("the same bytes with 1 and 2 workers:", same)
            with processes(options.workers) as executor:
                checks = check_phantom(database, executor, options.every)
            print(summary(checks).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
