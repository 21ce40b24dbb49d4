"""The three spotters that learn nothing, under one roof: a registered clip in, intervals out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.engines import Engine, flow_pairs
from mecore.errors import OptionError, nearest
from mecore.spotting._checks import check_length
from mecore.spotting.chi2 import chi2_scores
from mecore.spotting.flow_peaks import flow_peak_scores, region_motion
from mecore.spotting.labels import flow_distance
from mecore.spotting.mdmd import Sectors, mdmd_intervals, mdmd_scores
from mecore.spotting.peaks import find_peaks

Method: TypeAlias = Literal["chi2", "mdmd", "flow-peaks", "mdmd-released"]
Clip = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spotted:
    """What was found in one video.

    ``intervals`` (n, 2) are onset and offset, inclusive; ``apexes`` (n,) the frames of the highest
    score of each, and ``scores`` (n,) that score.
    """

    intervals: NDArray[np.int64]
    apexes: NDArray[np.int64]
    scores: Floats


@dataclass(frozen=True)
class LearningFree:
    """One spotter, with its ``title`` in tables.

    ``score`` takes a clip (T, H, W), k and a flow engine, and returns the score of each frame, NaN
    where undefined; k is so many ``seconds``. ``p`` is the usual place of the threshold between the
    mean (0) and the maximum (1) of the scores. With ``runs``, intervals are runs above the
    threshold (MDMD), not peaks.
    """

    title: str
    score: Callable[[Clip, int, Engine], Floats]
    seconds: float
    p: float
    runs: bool = False


def _chi2(clip: Clip, k: int, engine: Engine) -> Floats:
    return chi2_scores(clip, k)


def _mdmd(clip: Clip, k: int, engine: Engine, sectors: Sectors = "quadrants") -> Floats:
    check_length(len(clip), k, 4, 0, "MDMD")
    near, far = (flow_pairs(clip, k * times, engine=engine) for times in (1, 2))
    return mdmd_scores(near, far, k, len(clip), sectors)  # type: ignore[arg-type]


def _flow_peaks(clip: Clip, k: int, engine: Engine) -> Floats:
    check_length(len(clip), k, 2, 1, "flow-peak spotting")
    motion = region_motion(flow_pairs(clip, k, engine=engine))
    return flow_peak_scores(motion, k, len(clip))


# k: N = 0.32 s for chi-square; 12 frames of CAS(ME)² for MDMD; half of a usual micro-expression.
METHODS: dict[str, LearningFree] = {
    "chi2": LearningFree("LBP-χ² (Moilanen)", _chi2, 0.16, 0.5),
    "mdmd": LearningFree("MDMD", _mdmd, 0.4, 0.01, runs=True),
    "flow-peaks": LearningFree("flow peaks", _flow_peaks, 0.2, 0.55),
}
# What the published script of MDMD does, on request only.
AS_RELEASED: dict[str, LearningFree] = {
    "mdmd-released": replace(
        METHODS["mdmd"], title="MDMD, two sectors", score=partial(_mdmd, sectors="released")
    )
}
# Lengths of micro-expressions that MDMD keeps: 7 to 16 frames of CAS(ME)².
_SHORTEST, _LONGEST = 7 / 30, 16 / 30


def method(name: str) -> LearningFree:
    """Return a spotter by name, or say which one was meant."""
    known = METHODS | AS_RELEASED
    if name not in known:
        raise OptionError(f"no spotter is called {name!r}; {nearest(name, known)}")
    return known[name]


def frame_scores(
    clip: Clip, name: str, fps: float, engine: Engine = "dis",
    broken: NDArray[np.bool_] | None = None,
) -> Floats:  # fmt: skip
    """Score every frame of a registered clip, (T,) of float64.

    NaN at the ends, where the score is not defined, and up to 2k frames from a broken one.

    Parameters
    ----------
    clip : array, (T, H, W), uint8
        Grey faces on the template (`mecore.preprocessing.registration`); DataError if too short.
    name : {"chi2", "mdmd", "mdmd-released", "flow-peaks"}
        Spotter; OptionError for another.
    fps, engine : float, and {"dis", "fast", "opencv"}
        Frames per second, from which k follows; optical flow.
    broken : array of bool, (T,), optional
        Frames in which the face was lost or found again.
    """
    spotter = method(name)
    k = flow_distance(fps, spotter.seconds)
    scores = spotter.score(clip, k, engine)
    if broken is not None and broken.any():
        near = np.convolve(broken, np.ones(4 * k + 1))[2 * k : len(scores) + 2 * k] > 0
        scores = np.where(near, np.nan, scores)
    return scores


def spot(scores: Floats, name: str, fps: float, p: float | None = None,
         floor: float | None = None) -> Spotted:  # fmt: skip
    """Turn frame scores into intervals.

    Parameters
    ----------
    scores, name, fps
        See `frame_scores`.
    p, floor : float, optional
        Place of the threshold, by default that of the spotter; and absolute score that a peak must
        reach as well.
    """
    spotter = method(name)
    p, k = spotter.p if p is None else p, flow_distance(fps, spotter.seconds)
    if np.isnan(scores).all():
        return _spotted(np.empty((0, 2), np.int64), scores, floor)
    if spotter.runs:
        shortest, longest = round(_SHORTEST * fps), round(_LONGEST * fps)
        return _spotted(mdmd_intervals(scores, p, shortest, longest), scores, floor)
    peaks = find_peaks(scores, max(1, k), p=p)
    around = np.stack([peaks - k, peaks + k], axis=1)
    return _spotted(np.clip(around, 0, len(scores) - 1), scores, floor)


def _spotted(intervals: NDArray[np.int64], scores: Floats, floor: float | None) -> Spotted:
    apexes = np.array([a + np.nanargmax(scores[a : b + 1]) for a, b in intervals], np.int64)
    kept = scores[apexes] >= (-np.inf if floor is None else floor)
    return Spotted(intervals[kept], apexes[kept], scores[apexes][kept])
