"""One video in, micro-expression intervals out, by rules that learn nothing."""

from pathlib import Path

import pandas as pd

from mecore.errors import DataError
from mecore.preprocessing.registration import register_clip
from mecore.spotting.learning_free import frame_scores, method, spot
from mecore.video.report import Report, open_video, watched, write_report


def spot_video(
    video: Path, name: str, out: Path, *, fps: float | None = None, p: float | None = None,
    floor: float | None = None,
) -> Report:  # fmt: skip
    """Spot micro-expressions in one video.

    Parameters
    ----------
    video, fps
        See `mecore.video.report.open_video`; read once.
    name : {"chi2", "mdmd", "mdmd-released", "flow-peaks"}
        Spotter.
    out : Path
        Folder for ``intervals.csv``, ``frames.csv`` and ``scores.png``.
    p, floor
        See `mecore.spotting.learning_free.spot`.

    Raises
    ------
    DataError, FaceError, OptionError
        No such video or spotter, no face, or fewer frames than the spotter needs.
    """
    title = method(name).title
    source = open_video(video, fps)
    seen = register_clip(watched(source), where=video)
    try:
        scores = frame_scores(seen.clip, name, source.fps, broken=seen.broken)
    except DataError as error:
        raise DataError(
            error.what, where=video, todo="mecore spot --method flow-peaks needs the fewest"
        ) from error
    found = spot(scores, name, source.fps, p, floor)
    onset, offset = found.intervals.T
    intervals = pd.DataFrame(
        {"onset": onset, "apex": found.apexes, "offset": offset, "onset_s": onset / source.fps,
         "offset_s": (offset + 1) / source.fps, "score": found.scores}
    ).round({"onset_s": 3, "offset_s": 3, "score": 6})  # fmt: skip
    frames = pd.DataFrame({"frame": range(len(scores)), "score": scores})
    notes = [f"{len(scores)} frames at {source.fps:g} per second, {title}"]
    for state, what in (("lost", "No face in"), ("found again", "Face lost and found again in")):
        if seen.states.get(state):
            notes.append(f"{what} {seen.states[state]} frames; nothing is spotted near them")
    return write_report(out, f"{video.name}, {title}", intervals, frames, source.fps, notes)
