"""All benchmarks, or those named: printed, and kept where the book shows them.

    python -m benchmarks [NAME ...] [--quick] [--out FOLDER]

One that takes long is run only when it is named: audit. Without --quick, tables are written to
``book/measured``: pages of the book show them with the machine they were made on. A benchmark is a
module with a function ``measure(quick)`` that yields tables, and a name in `BENCHMARKS`.
"""

from __future__ import annotations

import argparse
import os
import time
from importlib import import_module
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import common
from mecore import runtime
from mecore.data.places import shared_folder

BENCHMARKS = ("phantom", "flow", "engines", "spotters", "subjects", "analyze", "check",
              "dense_windows", "svm_grid", "roi", "folds", "cluster", "audit")  # fmt: skip
# Takes long, and data that few have.
ON_REQUEST = {"audit"}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true",
                        help="less of everything; nothing is kept without --out")  # fmt: skip
    parser.add_argument("--out", type=Path, help="folder for the tables  [default: book/measured]")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(BENCHMARKS)}")
    folder = options.out or (None if options.quick else shared_folder("book") / "measured")
    runtime.configure()
    for name in options.names or [n for n in BENCHMARKS if n not in ON_REQUEST]:
        run(name, options.quick, folder)


def run(name: str, quick: bool, folder: Path | None) -> None:
    """Run one benchmark."""
    about, begun = common.machine(), time.perf_counter()
    print(f"\n## {name}\n")
    print(", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    for result in import_module(f"benchmarks.{name}").measure(quick):
        common.show(result)
        if folder:
            common.keep(result, folder)
    if folder:
        common.keep_machine(name, about, folder)
    print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
