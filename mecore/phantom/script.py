"""The script of a phantom data set: who is recorded when, and what happens in which frame.

Nothing is rendered here. Every recording draws from its own generator, so that the script, and all
that follows from it, does not depend on the order or the number of workers.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mecore.phantom.action_units import VALENCE, Expression, deal_emotions, draw_expression
from mecore.phantom.identity import Rng
from mecore.phantom.spec import PhantomSpec

STIMULI: dict[str, str] = {
    "disgust1": "0101sourmilkpour", "disgust2": "0102cloggeddrain",
    "anger1": "0401queuejumping", "anger2": "0402keyedcar",
    "happy1": "0502slidingpuppies", "happy2": "0503hummingparrot",
    "happy3": "0505clumsypandas", "happy4": "0507dancingtoddler",
}  # fmt: skip
_LEANING = {"disgust": "disgust", "anger": "anger", "happy": "happiness"}
_MICRO_SECONDS = (0.15, 0.5)
_MACRO_SECONDS = (0.6, 3.0)
_PEAK = (0.34, 2.6)  # largest displacement of a micro-expression, canonical pixels
_PER_VIDEO = ((0, 4), (3, 2), (4, 1), (3, 3), (2, 4), (0, 3), (3, 4), (1, 3))  # in 26 s, by subject

Kind = Literal["micro", "macro"]


@dataclass(frozen=True)
class Event:
    """One expression: frames from 0, onset and offset inclusive.

    `peak` is the largest displacement of the skin from onset to apex, canonical pixels, without
    that of the head; macro-expressions are scaled by intensity instead and have none.
    """

    kind: Kind
    onset: int
    apex: int
    offset: int
    expression: Expression
    peak: float | None


@dataclass(frozen=True)
class Take:
    """One recording: a clip or a video."""

    subject: int  # index of the person, from 0
    folder: str  # of the subject on disk, which is also the subject's name
    number: str  # the subject as the annotation sheet writes it
    video: str  # name of the clip's folder, or of the video file without its ending
    code: str  # short name of the stimulus in the annotation sheet (videos only)
    n_frames: int
    events: tuple[Event, ...]  # in order of their onsets
    seed: tuple[int, ...]  # of the generators of everything else that happens in it


def subject_names(spec: PhantomSpec, subject: int) -> tuple[str, str]:
    """Names of a subject by index: its folder on disk, and that in the annotation sheet."""
    if spec.layout == "clips":
        return f"sub{subject + 1:02d}", f"{subject + 1:02d}"
    numbers = [15, 16, *range(19, 28), *range(29, 39)]
    number = numbers[subject] if subject < len(numbers) else subject + 18
    return f"s{number}", str(subject + 1)


def _event(kind: Kind, expression: Expression, first: int, fps: int, rng: Rng) -> Event:
    """An event that starts at the frame `first`; its rise is faster than its decay."""
    span = _MICRO_SECONDS if kind == "micro" else _MACRO_SECONDS
    low, high = int(np.ceil(span[0] * fps)), int(span[1] * fps)
    if kind == "macro":  # short ones are frequent
        length = int(low + (high - low) * rng.beta(1.2, 2.2))
    else:
        length = int(rng.integers(low, high + 1))
    rise = max(2, round(length * rng.uniform(0.3, 0.48)))
    peak = None
    if kind == "micro":
        peak = float(np.clip(np.exp(rng.normal(np.log(0.95), 0.45)), *_PEAK))
    return Event(kind, first, first + rise, first + length - 1, expression, peak)


def _hand_out(owners: list[int], rng: Rng) -> list[str]:
    """Emotions of samples, so that every owner of two or more shows two classes."""
    left = deal_emotions(len(owners), rng)
    dealt = [""] * len(owners)
    for owner in sorted(set(owners)):
        mine = rng.permutation([k for k, other in enumerate(owners) if other == owner]).tolist()
        if len(mine) < 2:
            continue
        first = next((e for e in left if VALENCE[e] == "negative"), "disgust")
        second = next((e for e in left if VALENCE[e] in ("positive", "surprise")), "happiness")
        dealt[mine[0]], dealt[mine[1]] = first, second
        for emotion in {first, second} & set(left):
            left.remove(emotion)
    return [emotion or left.pop(0) for emotion in dealt]


def _clips(spec: PhantomSpec) -> list[Take]:
    rng = np.random.default_rng([spec.seed, 20])
    extra = spec.recordings - 2 * spec.subjects
    owners = [k % spec.subjects for k in range(min(spec.recordings, 2 * spec.subjects))]
    weights = rng.uniform(0.5, 1.5, spec.subjects)
    if extra > 0:
        owners += rng.choice(spec.subjects, extra, p=weights / weights.sum()).tolist()
    owners.sort()
    emotions = _hand_out(owners, rng)
    takes = []
    for k, (owner, emotion) in enumerate(zip(owners, emotions, strict=True)):
        index = k - owners.index(owner)
        seed = (spec.seed, 21, owner, index)
        draw = np.random.default_rng(seed)
        lead = int(spec.fps * draw.uniform(*spec.seconds) * draw.uniform(0.4, 0.6))
        event = _event("micro", draw_expression(emotion, draw), lead, spec.fps, draw)
        tail = max(4, int(spec.fps * draw.uniform(*spec.seconds) * 0.5))
        names = (*subject_names(spec, owner), f"EP{index // 3 + 1:02d}_{index % 3 + 1:02d}", "")
        takes.append(Take(owner, *names, event.offset + 1 + tail, (event,), (*seed, 1)))
    return takes


def _place(kinds: list[Kind], n_frames: int, fps: int, rng: Rng) -> list[int]:
    """First frames of events that keep half a second from one another and from the ends."""
    room = [(_MACRO_SECONDS if kind == "macro" else _MICRO_SECONDS)[1] + 0.5 for kind in kinds]
    free = n_frames / fps - sum(room) - 1.0
    gaps = np.sort(rng.uniform(0, max(free, 0.0), len(kinds)))
    before = np.concatenate([[0.0], np.cumsum(room)[:-1]]) if kinds else np.zeros(0)
    return [int(fps * (0.5 + gap + start)) for gap, start in zip(gaps, before, strict=True)]


def _video_events(
    spec: PhantomSpec, micro: list[str], leaning: str, n_frames: int, rng: Rng
) -> tuple[Event, ...]:
    seconds = n_frames / spec.fps
    n_macro = int(min(rng.poisson(spec.nuisance.macros * seconds / 30.0), seconds // 6))
    macro = [leaning if rng.random() < 0.7 else "surprise" for _ in range(n_macro)]
    parts: list[tuple[Kind, str]] = [("micro", e) for e in micro] + [("macro", e) for e in macro]
    order = [parts[k] for k in rng.permutation(len(parts))]
    firsts = _place([kind for kind, _ in order], n_frames, spec.fps, rng)
    events = [
        _event(kind, draw_expression(emotion, rng), first, spec.fps, rng)
        for (kind, emotion), first in zip(order, firsts, strict=True)
    ]
    return tuple(event for event in events if event.offset < n_frames - 2)


def _micro_counts(spec: PhantomSpec, seconds: list[float], owners: list[int]) -> list[int]:
    """Micro-expressions of each video: none in some, four at most."""
    counts: list[int] = []
    for k, (owner, duration) in enumerate(zip(owners, seconds, strict=True)):
        index = k - owners.index(owner)
        wanted = _PER_VIDEO[owner % len(_PER_VIDEO)][index % 2] * min(duration / 26.0, 1.0)
        last = index == owners.count(owner) - 1
        counts.append(max(int(np.ceil(wanted)), 2 if last and sum(counts[k - index :]) < 2 else 0))
    return counts


def _videos(spec: PhantomSpec) -> list[Take]:
    rng = np.random.default_rng([spec.seed, 30])
    owners = sorted(k % spec.subjects for k in range(spec.recordings))
    low, high = spec.seconds
    seconds = [low + (high - low) * float(rng.beta(1.1, 2.6)) for _ in owners]
    counts = _micro_counts(spec, seconds, owners)
    samples = [owner for owner, count in zip(owners, counts, strict=True) for _ in range(count)]
    emotions = _hand_out(samples, rng)
    takes = []
    for k, (owner, duration) in enumerate(zip(owners, seconds, strict=True)):
        index, done = k - owners.index(owner), sum(counts[:k])
        seed = (spec.seed, 31, owner, index)
        draw = np.random.default_rng(seed)
        codes = np.random.default_rng([spec.seed, 32, owner]).permutation(list(STIMULI))
        code = str(codes[index % len(codes)])
        folder, number = subject_names(spec, owner)
        again = f"_{index // len(codes) + 1}" if index >= len(codes) else ""
        n_frames = int(duration * spec.fps)
        shown, leaning = emotions[done : done + counts[k]], _LEANING[code[:-1]]
        events = _video_events(spec, shown, leaning, n_frames, draw)
        video = f"{folder[1:]}_{STIMULI[code]}{again}"
        takes.append(Take(owner, folder, number, video, code + again, n_frames, events, (*seed, 1)))
    return takes


def write_script(spec: PhantomSpec) -> list[Take]:
    """All recordings of a phantom data set, ordered by subject."""
    return _clips(spec) if spec.layout == "clips" else _videos(spec)
