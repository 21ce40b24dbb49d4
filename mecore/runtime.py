"""Repeatable computation: seeds, and TensorFlow with one thread and deterministic operations.

One thread per process, because sums that are split among threads differ in their last digits, and
results must not depend on the number of cores. Work is spread over processes instead.
"""

from __future__ import annotations

import random
import zlib

import numpy as np


def seed_of(seed: int, name: str) -> int:
    """Return the seed of one part of a run, such as a fold, from the seed of the run.

    Examples
    --------
    >>> seed_of(0, "sub01") == seed_of(0, "sub01") != seed_of(0, "sub02")
    True
    """
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])


def configure() -> None:
    """Prepare this process for repeatable training; call it before the first tensor is made.

    A GPU is used where TensorFlow finds one; its memory is taken as needed, so that several
    processes can share it.
    """
    # TensorFlow takes seconds to import: who needs a seed only does without it.
    import tensorflow as tf

    # In a notebook its warnings go to the page.
    tf.get_logger().setLevel("ERROR")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
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
