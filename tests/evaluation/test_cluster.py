"""Studies on a Dask cluster: a real scheduler and real workers, which are killed and join late."""

import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mecore.data.places import cache_home
from mecore.errors import MecoreError, OptionError
from mecore.evaluation import executors
from mecore.evaluation.executors import InProcess, cluster
from mecore.evaluation.folds import FoldResult, leave_one_subject_out
from mecore.evaluation.runner import run_folds
from mecore.evaluation.store import open_run
from mecore.evaluation.study import Execution
from mecore.models.mean.options import preset
from mecore.runtime import seed_of
from mecore.studies.handcrafted.options import HandcraftedOptions
from mecore.studies.handcrafted.study import run_handcrafted
from mecore.studies.mean.study import run_mean
from tests.evaluation.conftest import FEW

# Where workers find the package and the task below.
WHERE = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
PLANS = leave_one_subject_out([f"{i:02}" for i in range(8)])


@dataclass(frozen=True)
class Slow:
    """A fold that takes a while and says where it ran."""

    notes: Path
    seconds: float

    def __call__(self, plans):
        (plan,) = plans
        (self.notes / f"{plan.name}-{os.getpid()}").touch()
        time.sleep(self.seconds)
        rng = np.random.default_rng(seed_of(plan.seed, plan.name))
        return [FoldResult(pd.DataFrame({"subject": plan.test, "score": rng.random(1)}))]


class Large:
    """A fold with much data, which leaves a note whenever somebody unpacks it."""

    def __init__(self, notes):
        self.notes, self.data = notes, np.ones(executors._LARGE)

    def __setstate__(self, state):
        self.__dict__.update(state)
        (self.notes / uuid.uuid4().hex).touch()

    def __call__(self, plan):
        return plan.name, self.data.sum()


def surroundings():
    """What a task finds where it runs."""
    return os.getpid(), os.environ["OMP_NUM_THREADS"], cv2.getNumThreads(), cache_home()


class Processes:
    """A scheduler and two workers, known by their process ids."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.scheduler = self.start("dask_scheduler", "--port", "0")
        while not self.file.is_file():
            time.sleep(0.1)
        self.address = json.loads(self.file.read_text())["address"]
        self.workers = [self.worker() for _ in range(2)]

    def worker(self, threads=1):
        return self.start("dask_worker", "--nthreads", str(threads), "--no-nanny")

    def replace_workers(self, *others):
        """Let others join, and kill those there were."""
        self.workers, old = list(others), self.workers
        for process in old:
            process.kill()
            process.wait()

    def start(self, module, *options):
        common = ("--scheduler-file", str(self.file), "--no-dashboard")
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options, *common]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.file.parent,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(WHERE)},
        )  # fmt: skip

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def dask(tmp_path):
    pytest.importorskip("distributed", reason="dask.distributed not found: mecore[cluster]")
    processes = Processes(tmp_path)
    yield processes
    processes.stop()


def run(folder, executor, seconds=0.05):
    (folder / "notes").mkdir(parents=True)
    store, groups = run_in(folder), [[plan] for plan in PLANS]
    with executor:
        run_folds(Slow(folder / "notes", seconds), groups, store, executor, progress=False)
    return store


def run_in(folder):
    return open_run(folder, "cluster", "own", {}, "data", "mecore.data.images")


def rows_of(store):
    return {p.name: p.read_bytes() for p in store.folder.rglob("*.parquet")}


@pytest.mark.slow
def test_a_cluster_gives_the_bytes_of_this_process(dask, tmp_path):
    here = run(tmp_path / "here", InProcess())
    there = run(tmp_path / "there", cluster(dask.address, 60))
    assert rows_of(there) == rows_of(here)
    places = {p.name.split("-")[1] for p in (tmp_path / "there" / "notes").iterdir()}
    assert places <= {str(w.pid) for w in dask.workers}


def mean(database, folder, workers):
    run_mean(database, preset(**FEW), Execution(workers, False, folder))


def handcrafted(database, folder, workers):
    options, methods = HandcraftedOptions(atoms=12, iterations=2), ("lbp_top", "sparse_mdmo")
    run_handcrafted(database, methods, options, Execution(workers, False, folder))


@pytest.mark.slow
@pytest.mark.parametrize("study", [mean, handcrafted])
def test_a_study_on_a_cluster_gives_the_bytes_of_processes(
    study, dask, tiny, tmp_path, monkeypatch
):
    rows, features = {}, {}
    for name, workers in (("here", 1), ("there", dask.address)):
        folder = tmp_path / name
        # Workers of the cluster were started with no such place, nor with this one.
        monkeypatch.setenv("MECORE_CACHE", str(folder / "cache"))
        study(tiny, folder / "results", workers)
        results, cache = folder / "results", folder / "cache" / "features"
        rows[name] = {p.relative_to(results): p.read_bytes() for p in results.rglob("*.parquet")}
        features[name] = len(list(cache.rglob("output.pkl")))
    assert rows["there"] == rows["here"]
    assert features["there"] == features["here"] > 0


@pytest.mark.slow
def test_a_worker_that_comes_later_is_set_up_like_the_others(dask, tmp_path, monkeypatch):
    monkeypatch.setenv("MECORE_CACHE", str(tmp_path / "mine"))
    with cluster(dask.address, 60) as executor:
        executor.submit(surroundings).result()
        late = dask.worker()
        dask.replace_workers(late)
        found = executor.submit(surroundings).result()
    assert found == (late.pid, "1", 1, tmp_path / "mine")


@pytest.mark.slow
def test_a_task_with_much_data_is_not_sent_with_every_fold(dask, tmp_path):
    task = Large(tmp_path / "notes")
    task.notes.mkdir()
    with cluster(dask.address, 60) as executor:
        futures = [executor.submit(task, plan) for plan in PLANS]
        assert [f.result() for f in futures] == [(p.name, executors._LARGE) for p in PLANS]
    # Scheduler, first worker, second worker.
    assert len(list(task.notes.iterdir())) <= 3


@pytest.mark.slow
def test_a_worker_with_several_threads_is_refused(dask):
    with cluster(dask.address, 60) as executor:
        dask.replace_workers(dask.worker(threads=2))
        with pytest.raises(MecoreError, match=r"has 2 threads(.|\n)*--nthreads 1"):
            executor.submit(surroundings).result()


@pytest.mark.slow
def test_a_worker_with_another_version_of_the_package_is_refused(dask, monkeypatch):
    monkeypatch.setattr(executors, "package_digest", lambda: "as it was yesterday")
    with (
        cluster(dask.address, 60) as executor,
        pytest.raises(MecoreError, match="another version of mecore"),
    ):
        executor.submit(surroundings).result()


@pytest.mark.slow
def test_a_killed_worker_costs_only_the_fold_it_was_at(dask, tmp_path):
    executor, folder = cluster(dask.address, 60), tmp_path / "killed"
    victim = dask.workers[0]
    code = (
        "import os, sys, time\nfrom pathlib import Path\n"
        f"notes, pid = Path({str(folder / 'notes')!r}), {victim.pid}\n"
        "while not list(notes.glob(f'*-{pid}')):\n    time.sleep(0.02)\nos.kill(pid, 9)\n"
    )
    killer = subprocess.Popen([sys.executable, "-c", code])
    store = run(folder, executor, seconds=0.5)
    assert killer.wait() == 0
    assert rows_of(store) == rows_of(run(tmp_path / "here", InProcess()))
    assert len(list((folder / "notes").iterdir())) <= len(PLANS) + 1


@pytest.mark.slow
def test_a_scheduler_that_dies_is_named_and_what_is_finished_is_kept(dask, tmp_path):
    executor, folder = cluster(dask.address, 60), tmp_path / "dead"
    code = (
        "import os, time\nfrom pathlib import Path\n"
        f"folds = Path({str(folder)!r})\n"
        "while len(list(folds.rglob('folds/*.parquet'))) < 2:\n    time.sleep(0.02)\n"
        f"os.kill({dask.scheduler.pid}, 9)\n"
    )
    killer = subprocess.Popen([sys.executable, "-c", code])
    with pytest.raises(MecoreError, match=r"folds failed(.|\n)*finished folds are stored"):
        run(folder, executor, seconds=1.0)
    assert killer.wait() == 0
    store = run_in(folder)
    assert sum(store.has_fold(p.key) for p in PLANS) >= 2


def test_a_scheduler_that_is_not_there_is_named_with_how_to_start_one():
    pytest.importorskip("distributed", reason="dask.distributed not found: mecore[cluster]")
    with pytest.raises(MecoreError, match=r"answers at tcp://127.0.0.1:9(.|\n)*dask worker tcp"):
        cluster("tcp://127.0.0.1:9", 2)


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OptionError, match=r"pip install 'mecore\[cluster\]'"):
        cluster("tcp://127.0.0.1:9")
