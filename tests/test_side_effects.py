"""Importing the package and calling it leaves the process of its user as it was.

The test runs this file in a process of its own, in which nobody has set anything up before.
"""

import importlib
import logging
import os
import pkgutil
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest


def test_library_calls_leave_threads_seeds_and_settings_as_they_were(tmp_path):
    from mecore.runtime import ENVIRONMENT

    own = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    done = subprocess.run(
        [sys.executable, __file__, tmp_path], capture_output=True, text=True, check=False,
        env=own | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert done.stdout.strip() == "as it was", done.stderr[-2000:]


class State:
    """What libraries keep for a whole process."""

    def __init__(self):
        import cv2
        import tensorflow as tf
        from threadpoolctl import threadpool_info

        cv2.setNumThreads(2)
        tf.config.threading.set_inter_op_parallelism_threads(2)
        assert int(tf.constant(1) + 1) == 2  # TensorFlow has started
        self.pools = {pool["filepath"] for pool in threadpool_info()}
        self.before = self.now()

    def now(self):
        import cv2
        import matplotlib
        import numpy as np
        import tensorflow as tf
        from tensorflow.python.framework.config import is_op_determinism_enabled
        from threadpoolctl import threadpool_info

        threading, pools = tf.config.threading, threadpool_info()
        return {
            "environment": dict(os.environ),
            "OpenCV": cv2.getNumThreads(),
            "pools": [p["num_threads"] for p in pools if p["filepath"] in self.pools],
            "threads within an operation": threading.get_intra_op_parallelism_threads(),
            "threads across operations": threading.get_inter_op_parallelism_threads(),
            "determinism": is_op_determinism_enabled(),
            "random": random.getstate(),
            "numpy.random": str(np.random.get_state()),  # noqa: NPY002
            "logging": (logging.getLogger().level, tf.get_logger().level),
            "matplotlib": dict(matplotlib.rcParams),
            "current folder": Path.cwd(),
        }

    def check(self, what):
        changed = [k for k, value in self.now().items() if value != self.before[k]]
        assert not changed, f"{what} changes: {', '.join(changed)}"


def check_imports(state):
    import mecore

    for module in pkgutil.walk_packages(mecore.__path__, "mecore."):
        importlib.import_module(module.name)
        state.check(f"import {module.name}")


def check_flow(state):
    import numpy as np

    from mecore.descriptors.flow.engines import Engine, flow_pairs

    clip = np.random.default_rng(0).integers(0, 255, (4, 32, 32), dtype=np.uint8)
    for engine in get_args(Engine):
        for threads in (1, 2):
            assert len(list(flow_pairs(clip, 1, engine=engine, threads=threads))) == 3
        state.check(engine)


def check_frames(state, folder):
    from mecore.data.database import open_database
    from mecore.evaluation.videos import list_videos
    from mecore.phantom import SHORT, write_phantom

    few = replace(SHORT, subjects=1, recordings=1, seconds=(0.2, 0.2))
    write_phantom(few, folder / "phantom-short")
    state.check("rendering a phantom")
    (item,) = list_videos(open_database("phantom-short", folder / "phantom-short"))
    assert sum(1 for _ in item.frames()) == item.n_frames
    state.check("reading frames")
    return item.footage.path


def check_video(state, video, out):
    import numpy as np

    from mecore.models.mean import weights
    from mecore.models.mean.options import preset
    from mecore.models.mean.stacked import fresh
    from mecore.video.analyze import analyze_video
    from mecore.video.spot import spot_video

    own = [fresh(5, preset("as_released"), np.random.default_rng(n)) for n in range(2)]
    weights.published_networks = lambda name: own
    analyze_video(video, "casme2", out, fps=30)
    state.check("analyze_video")
    spot_video(video, "flow-peaks", out, fps=30)
    state.check("spot_video")


@pytest.mark.parametrize("name", ["analyze", "spot"])
def test_the_command_line_sets_up_the_process_it_owns(name, monkeypatch):
    from click.testing import CliRunner

    from mecore.cli import main as cli

    calls = []
    monkeypatch.setattr(cli.runtime, "configure", lambda: calls.append(name))
    CliRunner().invoke(cli.main, [name, "gone.mp4"])
    assert calls == [name]


def settings():
    """What a task finds in the process that it runs in."""
    import cv2
    from threadpoolctl import threadpool_info

    from mecore.runtime import ENVIRONMENT

    pools = {pool["num_threads"] for pool in threadpool_info()}
    return cv2.getNumThreads(), pools, {name: os.environ.get(name) for name in ENVIRONMENT}


def test_worker_processes_compute_with_one_thread_each():
    from mecore.evaluation.executors import processes
    from mecore.runtime import ENVIRONMENT

    with processes(1) as pool:
        threads, pools, environment = pool.submit(settings).result()
    assert threads == 1
    assert pools == {1}
    assert environment == ENVIRONMENT


if __name__ == "__main__":
    process, folder = State(), Path(sys.argv[1])
    check_imports(process)
    check_flow(process)
    check_video(process, check_frames(process, folder), folder / "out")
    print("as it was")
