"""Where folds run: in this process, in worker processes, or on a cluster.

Any `concurrent.futures.Executor` will do; that interface is all that the fold runner knows.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

import cv2
from threadpoolctl import threadpool_limits

from mecore.errors import MecoreError, OptionError


class InProcess(Executor):
    """Run each task where it is submitted, for debugging and tests."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn`` now; the future is done when it comes back."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def processes(workers: int = 1) -> Executor:
    """Return a pool of worker processes, each set up for repeatable results on one core.

    Parameters
    ----------
    workers : int
        Number of processes. It never changes a result.

    Raises
    ------
    OptionError
        Fewer than one.
    """
    if workers < 1:
        raise OptionError(f"workers={workers}: at least one worker is needed")
    # Spawned, not forked: a forked child inherits the locks of threads that it does not have.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_set_up)


def cluster(scheduler: str, timeout: float = 10.0) -> Executor:
    """Return the workers of a Dask cluster, set up like those of `processes`.

    Start them with one thread each, and with the package installed; a worker that dies costs only
    the folds it was at, which others take over.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler, such as ``tcp://10.0.0.1:8786``.
    timeout : float
        Seconds to wait for its answer.

    Raises
    ------
    OptionError
        dask.distributed is not installed.
    MecoreError
        Nobody answers at that address, or no worker has come.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise OptionError(
            "a cluster needs dask.distributed", todo="pip install 'mecore[cluster]'"
        ) from error
    start = f"dask scheduler; on each node: dask worker {scheduler} --nthreads 1"
    try:
        client = Client(scheduler, timeout=timeout, set_as_default=False)
        client.wait_for_workers(1, timeout=timeout)
    except (OSError, ValueError, TimeoutError) as error:
        raise MecoreError(
            f"no Dask scheduler with workers answers at {scheduler}: {error}", todo=start
        ) from error
    client.run(_set_up)
    executor: Executor = client.get_executor(pure=False)
    return executor


def executor_for(workers: int = 1, scheduler: str = "") -> Executor:
    """Return the `cluster` of a scheduler if one is named, else ``workers`` `processes`."""
    return cluster(scheduler) if scheduler else processes(workers)


def _set_up() -> None:
    os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
    # For libraries that are loaded already: sums split among threads differ in their last digits.
    threadpool_limits(1)
    cv2.setNumThreads(1)
