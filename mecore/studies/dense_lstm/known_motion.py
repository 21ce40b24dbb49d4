"""Clips of known motion, to find out how small a movement a spotter can still see.

Each clip shows one person of the phantom and one micro-expression in its middle, whose size and
noise are prescribed; blinks, gaze, sway of the head go on as in the phantom's videos.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.models.dense_lstm.inputs import Inputs, describe_faces, registered
from mecore.phantom.action_units import draw_expression
from mecore.phantom.actor import Actor
from mecore.phantom.anatomy import CANONICAL
from mecore.phantom.camera import Camera
from mecore.phantom.identity import draw_identity
from mecore.phantom.script import Event, Take, subject_names
from mecore.phantom.spec import LONG, PhantomSpec
from mecore.phantom.tracks import perform

if TYPE_CHECKING:
    from mecore.data.database import Database

PEAKS = (0.1, 0.2, 0.35, 0.6, 1.0, 1.75, 3.0)
NOISES = (0.0, 2.0, 4.0, 8.0)
_EMOTIONS = ("happiness", "disgust", "surprise", "anger")
_FRAMES, _ONSET, _RISE, _LENGTH = 72, 31, 4, 10


@dataclass(frozen=True)
class LimitClip:
    """One clip of a person: id in the database, number from 0; ``turn`` counts repetitions.

    ``peak`` is the largest displacement of the skin from onset to apex, pixels of the frame,
    ``noise`` that of the sensor, grey levels.
    """

    subject: str
    index: int
    peak: float
    noise: float
    turn: int

    @property
    def key(self) -> str:
        """Its id."""
        return f"limit/{self.subject}/{self.peak:g}/{self.noise:g}/{self.turn}"

    @property
    def name(self) -> str:
        """Whom it shows and what, for messages."""
        return f"clip of known motion {self.key}"

    @property
    def interval(self) -> tuple[int, int]:
        """Onset and offset of its expression, inclusive."""
        return _ONSET, _ONSET + _LENGTH - 1

    fps = float(LONG.fps)
    n_frames = _FRAMES


def limit_clips(database: Database, turns: int = 2) -> tuple[LimitClip, ...]:
    """List the clips of a phantom's people: every size at usual noise, every noise at one pixel.

    Empty for databases of people and for the phantom's short clips.
    """
    if not database.manifest.synthetic or database.manifest.length != "long":
        return ()
    names = {subject_names(LONG, i)[0].lstrip("s"): i for i in range(LONG.subjects)}
    usual = LONG.nuisance.noise
    levels = [(peak, usual) for peak in PEAKS] + [(1.0, noise) for noise in NOISES]
    return tuple(
        LimitClip(subject, names[subject], peak, noise, turn)
        for subject in sorted(set(database.videos.subject))
        if subject in names
        for peak, noise in levels
        for turn in range(turns)
    )


def clip_inputs(clip: LimitClip, options: Any) -> Inputs:
    """Render, register and describe a clip; of the options, the group ``features`` matters."""
    return describe_faces(registered(render(clip), options, where=clip.name), clip.fps, options)


def render(clip: LimitClip) -> list[NDArray[np.uint8]]:
    """Frames of a clip, (256, 256, 3) RGB, through the usual compression of single frames."""
    spec = replace(LONG, nuisance=replace(LONG.nuisance, noise=clip.noise, macros=0.0))
    # The same take for every size and noise: nothing else differs between two levels.
    seed = (spec.seed, 50, clip.index, clip.turn)
    take, actor, camera = _take(clip, spec, seed), _actor(clip.index), Camera(spec)
    tracks = perform(take, actor.rig, spec)
    rng, quality = np.random.default_rng((*seed, 2)), spec.nuisance.video_quality
    frames = []
    for state, tone in zip(map(tracks.state, range(_FRAMES)), tracks.tone, strict=True):
        clean = actor.render(state, actor.rig.skin_field(state))
        frame = camera.expose(clean, tone, rng)[..., ::-1]
        code = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        frames.append(np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1], np.uint8))
    return frames


@lru_cache(maxsize=1)
def _actor(index: int) -> Actor:
    """One of the phantom's people: made up once for all clips in a row."""
    return Actor(draw_identity(LONG.seed, index), LONG.size)


def _take(clip: LimitClip, spec: PhantomSpec, seed: tuple[int, ...]) -> Take:
    draw = np.random.default_rng(seed)
    emotion = _EMOTIONS[(clip.index + clip.turn) % len(_EMOTIONS)]
    # Displacements of a script are in canonical pixels.
    peak = clip.peak * CANONICAL / spec.size
    event = Event("micro", _ONSET, _ONSET + _RISE, _ONSET + _LENGTH - 1,
                  draw_expression(emotion, draw), peak)  # fmt: skip
    folder, number = subject_names(spec, clip.index)
    return Take(clip.index, folder, number, clip.key, "", _FRAMES, (event,), (*seed, 1))
