"""What all benchmarks share: timing and memory, tables printed and kept, and the machine."""

from __future__ import annotations

import os
import platform
import re
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import keras
import matplotlib.pyplot as plt
import numba
import numpy as np
import pandas as pd
import skimage
import tensorflow as tf

from mecore.data.files import write_whole
from mecore.evaluation.executors import processes
from mecore.report.style import COLOURS, styled

MACHINES = "machine.csv"


class Result(NamedTuple):
    """One table of a benchmark.

    Parameters
    ----------
    name : str
        Name of its files.
    title : str
        What it shows, with its unit.
    table : DataFrame
        Named rows.
    curve : bool
        Also draw it: row names are numbers (x), columns are methods (y).
    """

    name: str
    title: str
    table: pd.DataFrame
    curve: bool = False


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int) -> pd.DataFrame:
    """Milliseconds on the clock of several works, which take turns: one row per round."""
    for work in works.values():
        work()  # compiled, and in the caches
    return pd.DataFrame([{k: timed(work)[1] for k, work in works.items()} for _ in range(rounds)])


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Result and milliseconds on the clock of one call."""
    start = time.perf_counter()
    result = work()
    return result, 1e3 * (time.perf_counter() - start)


def clock() -> Callable[[], float]:
    """Clock of the processor, which others hardly lengthen; on the wall where a GPU computes."""
    return time.perf_counter if tf.config.list_physical_devices("GPU") else time.process_time


def memory_of(work: Callable[..., object], *given: object) -> tuple[float, float]:
    """Peak memory in MB, before some work and after it, of a process of its own."""
    with processes(1) as pool:
        return pool.submit(_peaks, work, *given).result()


def _peaks(work: Callable[..., object], *given: object) -> tuple[float, float]:
    before = _peak()
    work(*given)
    return before, _peak()


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # where `ru_maxrss` of a new process begins with that of its parent
        return int(re.findall(r"VmHWM:\s*(\d+)", status.read_text())[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def beside_aims(rows: list[tuple[str, object, str]]) -> pd.DataFrame:
    """Table of what was measured, and what was aimed at."""
    return pd.DataFrame(rows, columns=["what", "measured", "aim"]).set_index("what")


def show(result: Result) -> None:
    """Print a table in Markdown."""
    table = result.table.map(_cell)
    print(f"\n### {result.title}\n")
    print(f"|{table.index.name or ''}|" + "|".join(map(str, table.columns)) + "|")
    print("|---" * (table.shape[1] + 1) + "|")
    for label, *cells in table.itertuples():
        print(f"|{label}|" + "|".join(cells) + "|")
    print(flush=True)


def keep(result: Result, folder: Path) -> None:
    """Write a table as ``<name>.csv``, and its curves as ``<name>.svg``."""
    table = result.table.map(_cell)
    write_whole(folder / f"{result.name}.csv", lambda aside: table.to_csv(aside))
    if result.curve:
        with styled():
            figure = draw(result)
            write_whole(
                folder / f"{result.name}.svg",
                lambda aside: figure.savefig(aside, format="svg", metadata={"Date": None}),
            )
            plt.close(figure)


def _cell(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        if not np.isfinite(value):
            return "–"
        return f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return str(value)


def draw(result: Result) -> plt.Figure:
    """Draw cost against whatever the rows are, both axes logarithmic."""
    figure, ax = plt.subplots(figsize=(6, 3.4))
    colours = [c for name, c in COLOURS.items() if name != "yellow"]
    for (name, values), colour, marker in zip(
        result.table.items(), colours, "osD^v<>", strict=False
    ):
        ax.plot(result.table.index, values, marker=marker, color=colour, label=str(name))
    ax.set(xscale="log", yscale="log", xlabel=result.table.index.name, ylabel="milliseconds")
    ax.set_xticks(list(result.table.index), labels=[str(x) for x in result.table.index])
    ax.minorticks_off()
    ax.set_ylim(bottom=min(0.5, 0.7 * result.table.min(axis=None)))
    ax.legend(frameon=False, ncols=2)
    return figure


def machine() -> dict[str, object]:
    """Where and with what a benchmark runs, and how busy the machine is before it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    gpus = [d.name for d in tf.config.list_physical_devices("GPU")]
    libraries = [f"{m.__name__} {m.__version__}" for m in (np, numba, cv2, skimage, keras, tf)]
    return {
        "processor": (names or [platform.processor()])[0], "cores": os.cpu_count(),
        "GPU": ", ".join(gpus) or "none", "load before": round(os.getloadavg()[0], 1),
        "versions": ", ".join([f"python {platform.python_version()}", *libraries]),
    }  # fmt: skip


def keep_machine(benchmark: str, about: dict[str, object], folder: Path) -> None:
    """Write the row of a benchmark in the table of machines; rows of others stay."""
    path = folder / MACHINES
    known = pd.read_csv(path, index_col=0, dtype=str) if path.is_file() else pd.DataFrame()
    rows = known.to_dict("index") | {benchmark: {k: str(v) for k, v in about.items()}}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("benchmark")
    write_whole(path, lambda aside: table.to_csv(aside))
