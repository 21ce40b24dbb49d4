"""Optical flow of frame pairs, one pair at a time or along a video, by a named engine.

``opencv`` is OpenCV's DualTVL1 with its defaults (released MEAN code), ``dual`` is the same flow to
the last bit, computed a dozen times faster by this package. ``fast`` is TV-L1 of this package, with
smaller errors in less time; ``graph`` is the same for many pairs at once, for a GPU, and differs in
the last digits. ``dis`` is OpenCV's dense inverse search (Kroeger et al. 2016). None ever stands in
for another.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Literal, TypeVar, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow import dual_tvl1, tvl1_pyramid
from mecore.descriptors.flow.dual_tvl1 import DualTVL1
from mecore.descriptors.flow.tvl1 import TVL1, TVL1Parameters
from mecore.descriptors.flow.tvl1_pyramid import SMALLEST
from mecore.errors import OptionError, nearest

Engine = Literal["opencv", "dual", "fast", "graph", "dis"]
Image = NDArray[Any]
Floats = NDArray[np.float32]
Solve = Callable[[Any, Any], Floats]
T = TypeVar("T")
Flows = Iterator[NDArray[np.float32]]


def optical_flow(reference: Image, moved: Image, *, engine: Engine = "fast") -> Floats:
    """Flow from one frame to another.

    Parameters
    ----------
    reference, moved : array, (H, W), uint8, or float in [0, 1]
        Grey images of one size, at least 16×16. ValueError for images that differ in size or type,
        are no grey images, are too small, hold NaN, or floats outside [0, 1].
    engine : {"fast", "graph", "dual", "opencv", "dis"}
        See `mecore.descriptors.flow.engines`; OptionError for another.

    Returns
    -------
    array, (H, W, 2), float32
        u (right), v (down) in pixels: what is at x in ``reference`` is at x + (u, v) in ``moved``.
    """
    return next(flow_stream([reference, moved], 1, engine=engine))


def flow_pairs(clip: Image, distance: int, *, engine: Engine = "fast", threads: int = 1) -> Flows:
    """Flow of all pairs (i, i + distance) of a clip, in order: T - distance of (H, W, 2), float32.

    ``clip`` is (T, H, W), uint8, or float in [0, 1]. ValueError if it is not, or if T is not more
    than ``distance``; else as `flow_stream`.
    """
    if np.ndim(clip) != 3:
        raise ValueError(f"a clip is an array (T, H, W) of grey frames, not {np.shape(clip)}")
    if len(clip) <= distance:
        raise ValueError(f"a clip of {len(clip)} frames has no pair {distance} frames apart")
    return flow_stream(clip, distance, engine=engine, threads=threads)


def flow_stream(
    frames: Iterable[Image], distance: int, *, engine: Engine = "fast", threads: int = 1
) -> Flows:
    """Flow of all pairs (i, i + distance) while frames arrive, in constant memory.

    Gives arrays (H, W, 2), float32; none if there are not more than ``distance`` frames. Errors as
    of `optical_flow`, with the number of the frame.

    Parameters
    ----------
    frames : iterable of array, (H, W), uint8, or float in [0, 1]
        Read once, one at a time.
    distance : int
        Frames between reference and moved frame, at least 1, else ValueError.
    engine : {"fast", "graph", "dual", "opencv", "dis"}
        See `mecore.descriptors.flow.engines`.
    threads : int
        Pairs computed at once, at least 1, else ValueError. With 1, a flow is there as soon as its
        second frame; with more, up to twice as many frames are read ahead. It never changes a
        result: no pair uses another. ``graph`` reads 256 frames ahead, and uses as many threads as
        TensorFlow has.
    """
    if engine not in get_args(Engine):
        raise OptionError(f"no flow engine {engine!r}: {nearest(str(engine), get_args(Engine))}")
    if distance < 1 or threads < 1:
        raise ValueError(f"distance ({distance}) and threads ({threads}) must be at least 1")
    images = _checked(frames)
    if engine == "graph":
        # TensorFlow takes seconds to import; the other engines do without it.
        from mecore.descriptors.flow import tvl1_graph

        return tvl1_graph.stream(map(_grey_levels, images), distance)
    if threads == 1:
        return _serial(images, distance, engine)
    return _threaded(images, distance, engine, threads)


def _grey_levels(image: Image) -> Floats:
    """0-255 in single precision, of bytes or fractions."""
    scale = 1 if image.dtype == np.uint8 else 255
    return np.multiply(image, np.float32(scale), dtype=np.float32)


def _single(image: Image) -> Image:
    """Bytes, or fractions in single precision, which OpenCV multiplies by 255."""
    return image if image.dtype == np.uint8 else image.astype(np.float32)


def _bytes(image: Image) -> Image:
    return image if image.dtype == np.uint8 else np.rint(image * 255).astype(np.uint8)


def _opencv(solver: Any) -> Solve:
    return lambda reference, moved: solver.calc(reference, moved, None)


# What prepares each frame once, and what makes a solver of pairs of prepared frames of one size.
_SOLVERS: dict[str, tuple[Callable[[Image], Any], Callable[[tuple[int, int]], Solve]]] = {
    "opencv": (_single, lambda _: _opencv(cv2.optflow.DualTVL1OpticalFlow.create())),
    "dual": (lambda i: dual_tvl1.pyramid(_grey_levels(i)), lambda s: DualTVL1(s).flow),
    "fast": (lambda i: tvl1_pyramid.pyramid(_grey_levels(i)),
             lambda s: TVL1(s, TVL1Parameters()).flow),
    "dis": (_bytes, lambda _: _opencv(cv2.DISOpticalFlow.create(
        cv2.DISOPTICAL_FLOW_PRESET_MEDIUM))),
}  # fmt: skip


def _checked(frames: Iterable[Image]) -> Iterator[Image]:
    """Pass on what is a grey image like the first one."""
    kind: tuple[Any, ...] | None = None
    for index, frame in enumerate(frames):
        image = np.ascontiguousarray(frame)
        problem, own = _problem(image), (image.shape, image.dtype)
        kind = kind or own
        if not problem and own != kind:
            problem = f"{image.dtype} {image.shape}, but frame 0 is {kind[1]} {kind[0]}"
        if problem:
            raise ValueError(f"frame {index}: {problem}")
        yield image


def _problem(image: Image) -> str | None:
    """Say what keeps an array from being a grey image, if anything does."""
    if image.ndim != 2 or min(image.shape) < SMALLEST:
        return f"a grey image of at least {SMALLEST}×{SMALLEST} is needed, not shape {image.shape}"
    if image.dtype == np.uint8:
        return None
    if image.dtype.kind != "f":
        return f"grey levels must be uint8, or floats in [0, 1], not {image.dtype}"
    low, high = image.min(), image.max()
    if not np.isfinite(low + high):
        return "NaN or infinite grey levels"
    if low < 0 or high > 1:
        return f"floats must lie in [0, 1], these in [{low:g}, {high:g}]: divide, or pass uint8"
    return None


def _pairs(items: Iterable[T], distance: int) -> Iterator[tuple[T, T]]:
    waiting: deque[T] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > distance:
            yield waiting.popleft(), item


def _serial(images: Iterator[Image], distance: int, engine: Engine) -> Flows:
    prepare, solver_for = _SOLVERS[engine]
    solve: Solve | None = None
    ready = ((image.shape, prepare(image)) for image in images)
    for (shape, reference), (_, moved) in _pairs(ready, distance):
        solve = solve or solver_for(shape)
        yield solve(reference, moved)


def _threaded(images: Iterator[Image], distance: int, engine: Engine, threads: int) -> Flows:
    prepare, solver_for = _SOLVERS[engine]
    solvers: SimpleQueue[Solve | None] = SimpleQueue()
    for _ in range(threads):
        solvers.put(None)

    def solve(reference: Future[Any], moved: Future[Any], shape: tuple[int, int]) -> Floats:
        solver = solvers.get()
        try:
            solver = solver or solver_for(shape)
            return solver(reference.result(), moved.result())
        finally:
            solvers.put(solver)

    pending: deque[Future[Floats]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        # A frame is queued before the pairs that wait for it, so nobody waits for a later job.
        ready = ((image.shape, pool.submit(prepare, image)) for image in images)
        for (shape, reference), (_, moved) in _pairs(ready, distance):
            pending.append(pool.submit(solve, reference, moved, shape))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
