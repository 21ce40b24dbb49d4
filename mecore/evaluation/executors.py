"""Where folds run: in this process, or in worker processes.

Any `concurrent.futures.Executor` will do; `dask.distributed.Client.get_executor()` spreads folds
over a cluster.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

import cv2

from mecore.errors import OptionError


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


def _set_up() -> None:
    os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
    cv2.setNumThreads(1)
