"""Runs that are killed, crowded out or tampered with: nothing is lost, nothing stale is served."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from mecore.errors import DataError
from mecore.evaluation.executors import InProcess
from mecore.evaluation.folds import FoldResult, grouped, leave_one_subject_out
from mecore.evaluation.runner import collect, run_folds
from mecore.evaluation.store import open_run

# Folds of two tables each, and a pause in each in which a killer can strike.
RUN = """
import sys, time
from pathlib import Path
import numpy as np, pandas as pd
from mecore.errors import MecoreError
from mecore.evaluation.executors import InProcess
from mecore.evaluation.folds import FoldResult, grouped, leave_one_subject_out
from mecore.evaluation.runner import run_folds
from mecore.evaluation.store import open_run
from mecore.runtime import seed_of

def fold(plan):
    rng = np.random.default_rng(seed_of(plan.seed, plan.name))
    rows = pd.DataFrame({"subject": plan.test[0], "score": rng.random(50)})
    return FoldResult(rows, {"steps": rows}, {"training": 1.0})

def task(plans):
    time.sleep(0.03 * len(plans))
    return [fold(plan) for plan in plans]

def go(folder, folds):
    plans = leave_one_subject_out([f"{i:03}" for i in range(folds)])
    store = open_run(Path(folder), "crash", "own", {}, "data", "mecore.data.images")
    run_folds(task, grouped(plans, lambda p: p.seed, 2), store, InProcess(), progress=False)

if __name__ == "__main__":
    print("ready", flush=True)
    try:
        go(sys.argv[1], int(sys.argv[2]))
    except MecoreError as error:
        sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "run.py"
    path.write_text(RUN, encoding="utf-8")
    return path


def start(script, folder, before="", folds=12):
    """Start a run; come back when its imports are done."""
    code = f"{before}\nimport runpy, sys\nsys.argv = ['run', {str(folder)!r}, '{folds}']\n"
    code += f"runpy.run_path({str(script)!r}, run_name='__main__')"
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process):
    _, problems = process.communicate(timeout=120)
    return process.returncode, problems


def contents(folder):
    """Every file of a run but wall-clock times and what a killed writer left half-done."""
    return {
        p.relative_to(folder): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and "seconds" not in p.name and not p.name.startswith(".aside-")
    }


@pytest.fixture(scope="module")
def undisturbed(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert finish(start(script, folder)) == (0, "")
    return contents(folder)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_byte_identical(script, tmp_path, kills):
    # Ten folds for each kill last twice the longest wait for it: every kill strikes.
    chance, folds = random.Random(kills), 10 * kills
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(start(script, whole, folds=folds)) == (0, "")
    for _ in range(kills):
        process = start(script, killed, folds=folds)
        time.sleep(chance.uniform(0, 0.15))
        process.kill()
        assert finish(process)[0] == -9
    assert finish(start(script, killed, folds=folds))[0] == 0
    assert contents(killed) == contents(whole)


def test_two_runs_in_one_folder_at_once_do_not_disturb_each_other(script, undisturbed, tmp_path):
    both = [start(script, tmp_path / "both") for _ in range(2)]
    assert [finish(p) for p in both] == [(0, ""), (0, "")]
    assert contents(tmp_path / "both") == undisturbed


def test_a_full_disk_ends_with_a_message_and_keeps_what_is_finished(script, undisturbed, tmp_path):
    folder = tmp_path / "full"
    # Files of this process may not grow: what a full disk looks like to it.
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    code, problems = finish(start(script, folder, limit))
    assert code == 1
    assert "cannot be written" in problems
    assert "what is finished is kept" in problems
    assert not list(folder.rglob(".aside-*"))
    assert finish(start(script, folder))[0] == 0
    assert contents(folder) == undisturbed


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="no folder is read-only for everybody")
def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(DataError, match=r"/sys/.*cannot be written: (.|\n)*write permission"):
        run_in(Path("/sys/results"))


def run_in(folder):
    return open_run(folder, "crash", "own", {}, "data", "mecore.data.images")


def damaged(script, tmp_path, name):
    folder = tmp_path / "damaged"
    finish(start(script, folder))
    store = run_in(folder)
    path = store.folder / "folds" / name
    path.write_bytes(path.read_bytes()[:-20])
    return store


@pytest.mark.parametrize("name", ["004.s0.parquet", "004.s0.steps.parquet"])
def test_a_truncated_table_is_named_and_its_fold_alone_computed_anew(
    script, undisturbed, tmp_path, name
):
    store = damaged(script, tmp_path, name)
    plans = leave_one_subject_out([f"{i:03}" for i in range(12)])
    with pytest.raises(DataError, match=rf"{name}: cannot be read(.|\n)*delete .*004\.s0\.parquet"):
        collect(store, plans, "rows" if name == "004.s0.parquet" else "steps")
    (store.folder / "folds" / "004.s0.parquet").unlink()
    kept = {p: p.stat().st_mtime_ns for p in (store.folder / "folds").glob("00[0-3]*.parquet")}
    assert finish(start(script, tmp_path / "damaged"))[0] == 0
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert contents(tmp_path / "damaged") == undisturbed


def test_what_a_killed_writer_left_is_swept_away_but_not_what_is_being_written(tmp_path):
    store = run_in(tmp_path)
    old, young = store.folder / ".aside-old", store.folder / ".aside-young"
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    run_in(tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_group_of_folds_is_the_same_whatever_is_stored_already(tmp_path):
    plans, groups, store = leave_one_subject_out(list("abcdef")), [], run_in(tmp_path)

    def task(group):
        groups.append([p.name for p in group])
        return [FoldResult(pd.DataFrame({"subject": p.test})) for p in group]

    together = grouped(plans, lambda plan: plan.seed, 4)
    run_folds(task, together, store, InProcess())
    assert groups == [["a", "b", "c", "d"], ["e", "f"]]
    (store.folder / "folds" / "b.s0.parquet").unlink()
    run_folds(task, together, store, InProcess())
    assert groups[2:] == [["a", "b", "c", "d"]]
    assert collect(store, plans).fold.tolist() == list("abcdef")
