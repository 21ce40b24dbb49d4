"""From a script to tracks: the state of the face, the head and the camera in every frame."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mecore.phantom.action_units import CONTROLS, FIDGET_UNITS, controls_of
from mecore.phantom.anatomy import Floats
from mecore.phantom.identity import Rng
from mecore.phantom.motion import POSE, Rig, State
from mecore.phantom.script import Event, Take
from mecore.phantom.spec import PhantomSpec

Track = NDArray[np.float32]


@dataclass(frozen=True)
class Tracks:
    """What is true of each of T frames, all float32."""

    controls: Track  # (T, k): intensities of `CONTROLS`
    pose: Track  # (T, 5): translation (canonical pixels) and rotation (degrees), see `POSE`
    gaze: Track  # (T, 2): displacement of the irises, canonical pixels
    tone: Track  # (T, 2): gain and gamma of the camera

    def state(self, frame: int) -> State:
        """The state of one frame."""
        tracks = (self.controls, self.pose, self.gaze)
        return State(*(track[frame].astype(float) for track in tracks))


def course(onset: int, apex: int, offset: int, powers: tuple[float, float]) -> Floats:
    """Intensity of an expression: 0 at the onset, smoothly up to 1 at the apex, and down again.

    Onset and offset are inclusive: (offset - onset + 1,). `powers` are those of the raised cosines
    of rise and decay; above 1 starts slower.
    """
    frames = np.arange(onset, offset + 1)
    rise, decay = (frames - onset) / (apex - onset), (offset - frames) / max(offset - apex, 1)
    share, power = (np.where(frames <= apex, *pair) for pair in ((rise, decay), powers))
    return np.asarray((0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))) ** power)


def sway(n: int, fps: int, band: tuple[float, float], rng: Rng) -> Floats:
    """Smooth noise of unit variance, (n,); `band` is the lowest and highest frequency, hertz."""
    frequency = np.exp(rng.uniform(np.log(band[0]), np.log(band[1]), 8))
    phase = rng.uniform(0, 2 * np.pi, 8)
    weight = rng.normal(0, 1, 8) / np.sqrt(frequency)
    time = np.arange(n)[:, None] / fps
    waves = (weight * np.sin(2 * np.pi * frequency * time + phase)).sum(1)
    return np.asarray(waves / np.sqrt(0.5 * np.sum(weight**2)))


def largest_displacement(rig: Rig, intensities: Floats) -> float:
    """Largest displacement of the skin from the neutral face by intensities (k,) of `CONTROLS`.

    Canonical pixels, over points of the face 2 pixels apart and the margins of all slits.
    """
    state = replace(State.neutral(), controls=intensities)
    moved = rig.forward(state, rig.probes, rig.still, lower=rig.probes_lower)
    return float(np.hypot(*(moved - rig.still).T).max())


def scaled(rig: Rig, event: Event, rng: Rng) -> Floats:
    """Intensities of `CONTROLS` at the apex of an event, (k,).

    A micro-expression is scaled so that its largest displacement is the event's `peak`; a
    macro-expression so that its strongest unit is at 0.45 ... 0.95.
    """
    proportion = event.expression.intensities
    if event.peak is None:
        return np.asarray(proportion / proportion.max() * rng.uniform(0.45, 0.95))
    factor = 0.1
    for _ in range(3):
        factor *= event.peak / largest_displacement(rig, factor * proportion)
    return np.asarray(factor * proportion)


def _blinks(n: int, spec: PhantomSpec, rng: Rng) -> Floats:
    """Closure of the lids, (n, 2) for left and right: fast down, slower up."""
    lids = np.zeros((n, 2))
    for _ in range(rng.poisson(spec.nuisance.blinks * n / spec.fps)):
        length = max(4, round(spec.fps * rng.uniform(0.16, 0.32)))
        first = int(rng.integers(-length // 2, max(n - length // 2, 1)))
        depth = rng.uniform(0.8, 1.0) * rng.uniform(0.97, 1.0, 2)
        shut = course(0, max(1, round(0.38 * length)), length - 1, (0.8, 1.1))
        begin, end = max(first, 0), min(first + length, n)
        part = shut[begin - first : end - first, None] * depth
        lids[begin:end] = np.maximum(lids[begin:end], part)
    return lids


def _gaze(n: int, spec: PhantomSpec, rng: Rng) -> Floats:
    """Displacement of the irises, (n, 2): fixations joined by saccades of 40 ms."""
    spread = np.array([0.9, 0.45]) * (spec.nuisance.saccades > 0)
    current = rng.normal(0, 0.3, 2) * (spec.nuisance.saccades > 0)
    jumps = np.sort(rng.integers(0, n, rng.poisson(spec.nuisance.saccades * n / spec.fps)))
    ramp = max(2, round(0.04 * spec.fps))
    gaze = np.tile(current, (n, 1))
    for jump in jumps:
        target = np.clip(rng.normal(0, spread), -2.4 * spread, 2.4 * spread)
        steps = np.clip((np.arange(n) - jump) / ramp, 0, 1)[:, None]
        after = np.arange(n)[:, None] >= jump
        gaze = np.where(after, current + (target - current) * steps, gaze)
        current = target
    return gaze


def _fidgets(n: int, spec: PhantomSpec, rng: Rng) -> Floats:
    """Slow, small, one-unit movements without emotion, (n, k)."""
    controls = np.zeros((n, len(CONTROLS)))
    for _ in range(rng.poisson(spec.nuisance.fidgets * n / spec.fps)):
        length = round(spec.fps * rng.uniform(0.5, 1.6))
        first = int(rng.integers(-length // 2, n))
        shape = course(0, max(1, length // 2), length - 1, (1.0, 1.0)) * rng.uniform(0.02, 0.09)
        begin, end = max(first, 0), min(first + length, n)
        for column in controls_of(int(rng.choice(FIDGET_UNITS))):
            side = rng.uniform(0.5, 1.0)
            controls[begin:end, column] += side * shape[begin - first : end - first]
    for column in (*controls_of(4), *controls_of(12)):
        controls[:, column] += spec.nuisance.tonus * sway(n, spec.fps, (0.5, 4.0), rng)
    return controls


def _head(n: int, spec: PhantomSpec, rng: Rng) -> Floats:
    """Pose of the head, (n, 5)."""
    dials = spec.nuisance
    pose = np.zeros((n, len(POSE)))
    pose[:, :2] += dials.placement * rng.normal(0, [1.0, 0.6])
    pose[:, 2:] += np.clip(rng.normal(0, 1.0, 3), -2, 2) * dials.rotation * [1.6, 2.0, 1.4]
    for column, size in enumerate((1.0, 0.7, 0.7, 1.2, 1.0)):
        dial = dials.drift if column < 2 else dials.rotation
        pose[:, column] += dial * size * sway(n, spec.fps, (0.06, 0.45), rng)
    for column in (0, 1):
        pose[:, column] += dials.tremor * sway(n, spec.fps, (3.0, 8.0), rng)
    return pose


def _camera(n: int, spec: PhantomSpec, rng: Rng) -> Floats:
    """Gain and gamma of each frame, (n, 2)."""
    dials = spec.nuisance
    gain = 1 + dials.gamma * np.clip(rng.normal(), -2, 2) + dials.flicker * rng.normal(0, 1, n)
    gamma = np.full(n, 1 + 0.7 * dials.gamma * np.clip(rng.normal(), -2, 2))
    return np.column_stack([gain, gamma])


def perform(take: Take, rig: Rig, spec: PhantomSpec) -> Tracks:
    """Play a recording's script; the person's `rig` sets the scale of the micro-expressions."""
    rng = np.random.default_rng(take.seed)
    n = take.n_frames
    controls = np.zeros((n, len(CONTROLS)))
    for event in take.events:
        powers = (float(rng.uniform(0.8, 1.3)), float(rng.uniform(0.8, 1.5)))
        shape = course(event.onset, event.apex, event.offset, powers)
        controls[event.onset : event.offset + 1] += shape[:, None] * scaled(rig, event, rng)
    controls += _fidgets(n, spec, rng)
    controls[:, controls_of(45)] = _blinks(n, spec, rng)
    tracks = (controls, _head(n, spec, rng), _gaze(n, spec, rng), _camera(n, spec, rng))
    return Tracks(*(track.astype(np.float32) for track in tracks))
