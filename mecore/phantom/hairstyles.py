"""The hair styles: where the strands of each run, in scalp coordinates or between guides."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.interpolate import PchipInterpolator

from mecore.phantom.action_units import Point
from mecore.phantom.anatomy import ORIGIN, Anatomy, Floats, arc_points
from mecore.phantom.hair import between, frizz
from mecore.phantom.identity import Identity, Rng

_KNOTS = 30  # points of a long strand
_PIVOT = np.array([0.0, -18.0])  # middle of the head


class Scalp:
    """Turns scalp coordinates into feature coordinates for one head.

    Scalp coordinates are (angle, s): the angle around the middle of the head, 0 upwards, positive
    to the right; s is 0 at the hairline and 1 at the outer border of the hair. `volume` is the
    height of the hair over the skull, canonical pixels, `recede` how far the hairline has drawn
    back, 0 ... 1.
    """

    def __init__(self, anatomy: Anatomy, volume: float, recede: float) -> None:
        self._angles = np.deg2rad(np.linspace(-115, 115, 240))
        self._inner = self._radius(anatomy.hairline - ORIGIN)
        temple = np.exp(-0.5 * ((np.abs(self._angles) - 0.7) / 0.34) ** 2)
        crown = np.exp(-0.5 * (self._angles / 0.5) ** 2)
        self._inner = self._inner + recede * (9 * temple + 6 * crown)
        outer = self._radius(anatomy.outline - ORIGIN)
        fade = np.clip((2.0 - np.abs(self._angles)) / 0.9, 0, 1)
        self._outer = outer + volume * fade * (0.8 + 0.2 * np.cos(self._angles))
        self._inner = np.minimum(self._inner, self._outer - 1.0)

    def _radius(self, curve: Floats) -> Floats:
        angle = self.angle(curve)
        order = np.argsort(angle)
        return np.interp(self._angles, angle[order], np.hypot(*(curve - _PIVOT).T)[order])

    @staticmethod
    def angle(points: Floats) -> Floats:
        """Angle of feature coordinates (..., 2), radians."""
        away = points - _PIVOT
        return np.arctan2(away[..., 0], -away[..., 1])

    def place(self, angle: Floats, s: Floats) -> Floats:
        """Feature coordinates of scalp coordinates, shape (..., 2)."""
        inner = np.interp(angle, self._angles, self._inner)
        outer = np.interp(angle, self._angles, self._outer)
        radius = inner + s * (outer - inner)
        return np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=-1) + _PIVOT


@dataclass(frozen=True)
class Lock:
    """Strands that are drawn together: (n, k, 2), their brightness and opacity."""

    strands: Floats
    shade: float = 1.0
    alpha: float = 0.9
    behind: bool = False  # behind the neck and the ears


def _along(start: Floats, stop: Floats, k: int) -> Floats:
    """Straight runs from `start` (n,) to `stop` (n,), (n, k)."""
    return start[:, None] + (stop - start)[:, None] * np.linspace(0, 1, k)[None]


def _short(
    scalp: Scalp, rng: Rng, *, count: int, length: float, lean: float, reach: float = 102.0,
    low: float = -0.05, high: float = 0.97,
) -> Floats:  # fmt: skip
    """Short hair all over, standing off the head and leaning to one side."""
    angle = np.deg2rad(rng.uniform(-reach, reach, count))
    s = rng.uniform(low, high, count)
    order = np.argsort(s + 0.1 * rng.random(count))
    angle, s = angle[order], s[order]
    roots = scalp.place(angle, s)
    out = np.column_stack([np.sin(angle), -np.cos(angle)])
    side = np.column_stack([np.cos(angle), np.sin(angle)])
    aside = np.clip((np.abs(angle) - 0.7) / 0.6, 0, 1)[:, None]  # hair of the sides lies down
    heading = out * rng.uniform(0.35, 1.0, (count, 1)) * (1 - 0.85 * aside)
    heading += side * (lean + rng.normal(0, 0.35, (count, 1))) * (1 - 0.8 * aside)
    heading += np.array([0.0, 0.9]) * aside
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    t = np.linspace(0, 1, 5)[None, :, None]
    reach_out = (length * rng.uniform(0.6, 1.2, count))[:, None, None]
    droop = np.array([0.25 * lean, 0.30]) * t**2
    return roots[:, None] + reach_out * (heading[:, None] * t + droop)


def crop(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Short hair, a little longer on top."""
    lean = 0.5 * float(np.sign(who.part))
    return [
        Lock(_short(scalp, rng, count=2600, length=6.0, lean=lean), shade=0.75),
        Lock(_short(scalp, rng, count=1500, length=9.0, lean=lean, reach=62.0, low=-0.02)),
    ]


def buzz(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Clipped to a few millimetres: the scalp shines through."""
    return [Lock(_short(scalp, rng, count=9500, length=2.4, lean=0.2, low=-0.12), 0.85, alpha=0.55)]


def receding(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Thin on top, fuller at the sides."""
    top = _short(scalp, rng, count=1500, length=8.5, lean=0.55 * float(np.sign(who.part)))
    sides = _short(scalp, rng, count=2600, length=6.0, lean=0.0)
    sides = sides[np.abs(scalp.angle(sides[:, 0])) > 0.85]
    return [Lock(top, 0.9, alpha=0.75), Lock(sides, 0.85)]


def bald(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """A wreath of short hair above the ears."""
    sides = _short(scalp, rng, count=2600, length=3.6, lean=0.0, low=0.08)
    angle = np.abs(scalp.angle(sides[:, 0]))
    keep = rng.random(len(angle)) < np.clip((angle - 0.95) / 0.35, 0, 1)
    return [Lock(sides[keep], 0.8, alpha=0.65)]


def _combed(scalp: Scalp, rng: Rng, count: int, start: Point, stop: Point, *, dip: float) -> Floats:
    """Hair combed around the head between two ranges of angles (degrees), dipping on its way."""
    s = np.sort(rng.uniform(-0.02, 0.98, count))[::-1, None]
    ranges = (sorted(np.deg2rad(ends).tolist()) for ends in (start, stop))
    a0, a1 = (rng.uniform(low, high, count) for low, high in ranges)
    height = s - dip * np.sin(np.pi * np.linspace(0, 1, 12)[None] ** 0.8) * (1 - s)
    return frizz(scalp.place(_along(a0, a1, 12), height), rng, 1.1)


def side_part(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Parted at one side, combed over to the other."""
    sign = float(np.sign(who.part))
    p = sign * 27.0
    under = _short(scalp, rng, count=1800, length=5.0, lean=0.0, high=0.82)
    close = _combed(scalp, rng, 700, (p + sign, p + sign * 7.0), (sign * 78, sign * 102), dip=0.05)
    far = (p - sign, p - sign * 50.0)
    across = _combed(scalp, rng, 1700, far, (-sign * 62, -sign * 98), dip=0.24)
    return [Lock(under, 0.6), Lock(close, 0.9), Lock(across)]


def swept_back(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Combed from the hairline back over the crown."""
    count = 3400
    angle = np.deg2rad(rng.uniform(-104, 104, count))
    uneven = 0.035 * np.sin(23 * angle + 1.0) + 0.03 * np.sin(41 * angle)
    first = np.maximum(rng.uniform(-0.05, 0.75, count), -0.05 + uneven)
    order = np.argsort(-first)
    angle, first = angle[order], first[order]
    s = _along(first, np.minimum(first + rng.uniform(0.35, 0.6, count), 1.03), 10)
    turned = angle[:, None] * (1 + 0.05 * np.linspace(0, 1, 10)[None])
    return [Lock(frizz(scalp.place(turned, s), rng, 0.8))]


def bun(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Pulled back tightly, with a knot on the crown."""
    count = 1100
    turn = rng.uniform(0, 2 * np.pi, count)[:, None] + np.linspace(0, 2.2, 12)[None]
    radius = np.sqrt(rng.uniform(0.0, 1, count))[:, None] * np.linspace(19.0, 15.0, 12)[None]
    knot = np.stack([radius * np.cos(turn), -90 - 0.72 * radius * np.sin(turn)], axis=-1)
    knot = knot[np.argsort(-radius[:, 0])]
    stray = np.deg2rad(rng.uniform(-100, 100, 90))
    wisps = _along(np.full(90, 0.0), rng.uniform(-0.25, 0.2, 90), 8)
    loose = scalp.place(stray[:, None] + 0.05 * np.linspace(0, 1, 8)[None], wisps)
    return [
        Lock(frizz(knot, rng, 0.8), 0.9, behind=True),
        *swept_back(scalp, who, rng),
        Lock(frizz(loose, rng, 1.5), alpha=0.5),
    ]


def _guide(points: Floats, k: int) -> Floats:
    """Smooth guide (k, 2) through points, evenly spaced along its length."""
    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    curve = PchipInterpolator(knots, points)(np.linspace(0, knots[-1], 4 * k))
    return arc_points(np.asarray(curve), np.linspace(0, 1, k))


def _curtain_guides(
    scalp: Scalp, side: float, part: float, *, end: float, flare: float
) -> tuple[Floats, Floats]:
    """Inner and outer guide of the hair on one side, from the parting down to `end`."""
    angles = np.deg2rad(np.linspace(part + side * 0.8, side * 78.0, 6))
    rest = np.array([0.01, 0.01, 0.0, 0.01, 0.03, 0.03])
    if part * side < -10.0:  # the side that the hair is combed over to
        rest = np.array([0.01, -0.02, -0.08, -0.09, -0.02, 0.05])
    down = [(54.0, 0.0), (55.0, 26.0), (50.5, 60.0), (49.0, end)]
    out = [(68 + 0.5 * flare, 0.0), (71 + 0.8 * flare, 40.0), (64 + flare, end)]
    inner = np.vstack([scalp.place(angles, rest), np.array(down) * [side, 1]])
    outer = np.vstack([scalp.place(angles, np.linspace(0.97, 1.0, 6)), np.array(out) * [side, 1]])
    return _guide(inner, _KNOTS), _guide(outer, _KNOTS)


def _hang(first: Floats, last: Floats, rng: Rng, count: int, bend: Floats) -> Floats:
    """Strands between two guides that run together in locks; `bend` (locks, 3) sways each."""
    locks = len(bend)
    places = rng.permutation(np.linspace(0.0, 1.0, count))
    strands = between(first, last, places, locks=locks)
    mine = bend[np.minimum((places * locks).astype(int), locks - 1)]
    t = np.linspace(0, 1, strands.shape[1])[None]
    sway = mine[:, :1] * np.sin(np.pi * t) + mine[:, 1:2] * np.sin(2 * np.pi * t)
    strands[..., 0] += 1.1 * sway
    shorten = 0.06 * np.clip(mine[:, 2], -1, 1) - 0.05 + rng.uniform(-0.03, 0.0, count)
    strands[..., 1] += np.maximum(strands[..., 1] + 20, 0) * shorten[:, None]
    return strands


def _curtain(scalp: Scalp, who: Identity, rng: Rng, hang: tuple[float, float, float]) -> list[Lock]:
    """Long hair down both sides of the face; `hang` is its lower end, its flare, its waves."""
    end, flare, waviness = hang
    part = 17.0 * float(np.sign(who.part)) if abs(who.part) > 0.5 else 2.0
    locks = []
    for side in (-1.0, 1.0):
        first, last = _curtain_guides(scalp, side, part, end=end, flare=flare)
        bend = rng.normal(0.0, 1.0, (17, 3))
        for count, shade in ((900, 0.55), (1500, 1.0)):
            strands = _hang(first, last, rng, count, bend)
            locks.append(Lock(frizz(strands, rng, 1.1, waviness), shade))
        half = _KNOTS // 2
        low = between(first[half:] - np.array([side * 16, 0]), last[half:], rng.random(800))
        locks.append(Lock(frizz(low, rng, 2.0, waviness), 0.38, behind=True))
    return locks


def fringe(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Long, with a fringe down to the brows."""
    count = 1500
    angle = np.deg2rad(rng.uniform(-48, 48, count))
    t = np.linspace(0, 1, 10)[None]
    top = scalp.place(0.75 * angle, rng.uniform(0.45, 0.85, count))
    low = -31 + 4 * np.abs(angle) ** 2 + rng.normal(0, 1.6, count)
    end = np.column_stack([46 * angle / np.deg2rad(48), low])
    bulge = np.sin(np.pi * t)[..., None] * np.array([0.0, -3.0])
    strands = top[:, None] + (end - top)[:, None] * t[..., None] ** 0.9 + bulge
    return [*_curtain(scalp, who, rng, (135, 6, 0.8)), Lock(frizz(strands, rng, 1.0))]


def curly(scalp: Scalp, who: Identity, rng: Rng) -> list[Lock]:
    """Tight curls standing off the head."""
    count = 2600
    angle = np.deg2rad(rng.uniform(-108, 108, count))
    s = rng.uniform(0.0, 1.0, count) ** 0.75 - 0.02
    order = np.argsort(-s + 0.25 * rng.random(count))
    centres = scalp.place(angle[order], s[order])
    turn = rng.uniform(0, 2 * np.pi, count)[:, None] + np.linspace(0, 4.6, 9)[None]
    radius = rng.uniform(1.1, 2.7, count)[:, None] * np.linspace(1.15, 0.75, 9)[None]
    curls = centres[:, None] + np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=-1)
    under = _short(scalp, rng, count=1500, length=7.0, lean=0.0)
    return [Lock(under, 0.55), Lock(curls, 1.05)]


@dataclass(frozen=True)
class Style:
    """How a style is made: its strands, its volume over the skull, its hairline, its underlay."""

    locks: Callable[[Scalp, Identity, Rng], list[Lock]]
    volume: float
    recede: float = 0.0
    underlay: float = 0.9  # opacity of the dark layer below the strands
    covers_ears: bool = False


STYLES: dict[str, Style] = {
    "crop": Style(crop, 5.0),
    "buzz": Style(buzz, 1.2, underlay=0.5),
    "receding": Style(receding, 3.5, recede=1.0, underlay=0.45),
    "bald": Style(bald, 0.8, recede=0.2, underlay=0.0),
    "side part": Style(side_part, 8.0),
    "swept back": Style(swept_back, 6.0),
    "bun": Style(bun, 4.0),
    "long": Style(partial(_curtain, hang=(150, 6, 0.6)), 10.0, covers_ears=True),
    "waves": Style(partial(_curtain, hang=(142, 16, 3.6)), 13.0, covers_ears=True),
    "bob": Style(partial(_curtain, hang=(80, 9, 0.8)), 11.0, covers_ears=True),
    "fringe": Style(fringe, 10.0, covers_ears=True),
    "curly": Style(curly, 15.0, underlay=1.0),
}
