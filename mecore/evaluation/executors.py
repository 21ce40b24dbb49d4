"""Where folds run: in this process, in worker processes, or on a cluster.

Any `concurrent.futures.Executor` will do; that interface is all that the fold runner knows.
"""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ClassVar, TypeAlias

from mecore import runtime
from mecore.data.code import package_digest
from mecore.data.places import cache_home
from mecore.errors import MecoreError, OptionError

# A number of processes, or the address of a Dask scheduler (tcp://…).
Workers: TypeAlias = int | str
# Bytes of a task from which on it is sent once, and not with every fold.
_LARGE = 1_000_000


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
    """Return worker processes, each set up for repeatable results on one core.

    They stay for the next call: to start one, with all that it imports, takes seconds.

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
    return _Processes(workers)


class _Processes(Executor):
    """Worker processes that outlive the study they were started for."""

    _kept: ClassVar[dict[int, ProcessPoolExecutor]] = {}

    def __init__(self, workers: int) -> None:
        try:
            self._kept[workers].submit(os.getpid)
        except (KeyError, BrokenProcessPool):
            # Spawned, not forked: a forked child inherits locks of threads that it does not have.
            context = multiprocessing.get_context("spawn")
            self._kept[workers] = ProcessPoolExecutor(workers, context, initializer=_begin)
        self._inner = self._kept[workers]
        self._futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn`` in some worker, with the environment of this process."""
        self._futures.append(self._inner.submit(_here, _environment(), fn, *args, **kwargs))
        return self._futures[-1]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel it; the workers stay for others."""
        if cancel_futures:
            for future in self._futures:
                future.cancel()
        if wait:
            wait_for(self._futures)

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        """Wait for what was submitted; after an error, cancel what has not begun."""
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("MECORE_")}


def _here(environment: dict[str, str], fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a task in a worker that may have been started under another environment."""
    for name in _environment():
        del os.environ[name]
    os.environ.update(environment)
    return fn(*args, **kwargs)


def cluster(scheduler: str, timeout: float = 10.0) -> Executor:
    """Return the workers of a Dask cluster, set up like those of `processes`.

    Start them with one thread each, and with the package installed; they may come and go. A worker
    that dies costs only the folds it was at, which others take over. Features are kept where
    `mecore.data.places.cache_home` of this process says, on every worker.

    Parameters
    ----------
    scheduler, timeout : str, and float
        Its address, such as ``tcp://10.0.0.1:8786``, and seconds to wait for its answer.
        MecoreError if dask.distributed is not installed, nobody answers, or no worker has come;
        later, by a task, if its worker has several threads or another version of the package.
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
    return _Cluster(client)


class _Cluster(Executor):
    """A client's executor whose tasks find, wherever they run, what they would find here."""

    def __init__(self, client: Any) -> None:
        self._client, self._inner = client, client.get_executor(pure=False)
        self._home = str(cache_home()), package_digest()
        self._sent: dict[int, tuple[Any, Any]] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn`` on some worker; one that holds much data is sent once for all its calls."""
        if id(fn) not in self._sent:
            large = len(pickle.dumps(fn)) > _LARGE
            # A task of its own, not scattered data: that would be lost with the worker it is on.
            self._sent[id(fn)] = fn, self._client.submit(_same, fn, pure=False) if large else fn
        return self._inner.submit(_there, *self._home, self._sent[id(fn)][1], *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel it; then leave the cluster to others."""
        self._inner.shutdown(wait and not cancel_futures)
        self._sent.clear()
        self._client.close()


def _same(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


def _there(cache: str, code: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run a task on a worker of a cluster, set up first: workers may have come a moment ago."""
    from distributed import get_worker

    worker = get_worker()
    if worker.state.nthreads > 1:
        # Seeds belong to a process: two folds at once would take from one another.
        raise MecoreError(
            f"has {worker.state.nthreads} threads", where=f"worker {worker.address}",
            todo="start workers with --nthreads 1",
        )  # fmt: skip
    if package_digest() != code:
        raise MecoreError(
            "has another version of mecore", where=f"worker {worker.address}",
            todo="install the same one everywhere, and start the workers again",
        )  # fmt: skip
    # Here, in the thread that computes: numbers of threads are in part a matter of the thread.
    runtime.configure()
    os.environ["MECORE_CACHE"] = cache
    return fn(*args, **kwargs)


def executor_for(workers: Workers = 1) -> Executor:
    """Return so many `processes`, or the `cluster` at that address."""
    return cluster(workers) if isinstance(workers, str) else processes(workers)


def _begin() -> None:
    """Set up a process of a pool; interrupted, it ends at once and in silence."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    runtime.configure()
