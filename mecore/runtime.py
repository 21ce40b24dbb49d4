"""Repeatable computation: seeds, and processes that compute with one thread.

One thread per process, because sums that are split among threads differ in their last digits, and
results must not depend on the number of cores. Work is spread over processes instead.
"""

import logging
import multiprocessing
import os
import random
import sys
import threading
import zlib
from functools import cache
from multiprocessing import connection

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

# Read when a library starts. A GPU is used where TensorFlow finds one; its memory is taken as it
# is needed, so that several processes can share it.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1", "TF_DETERMINISTIC_OPS": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true", "TF_CPP_MIN_LOG_LEVEL": "3",
}  # fmt: skip


def seed_of(seed: int, name: str) -> int:
    """Return the seed of one part of a run, such as a fold, from the seed of the run."""
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])


def configure() -> None:
    """Set this process up for repeatable results on one core; TensorFlow is not loaded for it.

    For processes that are the study's own, such as workers and the command line: a library call
    leaves the process of its caller as it is. If TensorFlow has started here with other settings,
    that is a `RuntimeError`.
    """
    os.environ.update(ENVIRONMENT)
    # For libraries that are loaded already; numbers of threads are in part a matter of the thread.
    threadpool_limits(1)
    cv2.setNumThreads(1)
    _configure_tensorflow()
    _end_with_parent()


@cache
def _end_with_parent() -> None:
    """End a worker when the process that started it is gone; it would wait for tasks for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent.sentinel,), daemon=True).start()


def _wait_and_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


@cache
def _configure_tensorflow() -> None:
    """Once for a process: what was not started before reads its environment."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if "tensorflow" not in sys.modules:
        return
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise RuntimeError(
            "TensorFlow has already started in this process; train in a worker process "
            "(mecore.evaluation.executors.processes), or restart the kernel"
        ) from error
    tf.config.experimental.enable_op_determinism()


def start(seed: int) -> np.random.Generator:
    """Seed Python, NumPy and TensorFlow, and return a generator for everything else."""
    import keras
    from keras.src.random import seed_generator

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed % 2**32)
    # Layers draw their seeds from Python's common generator. Other threads do so, too, such as the
    # one that a Dask worker talks with, and then they would be others from run to run.
    seed_generator.python_random = random.Random(seed % 2**32)
    return np.random.default_rng(seed)
