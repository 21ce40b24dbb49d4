"""Action units: what each does to the skin, and how people who do not pose show emotions by them.

Each unit at intensity 1 is a strong, posed expression. Micro-expressions use a few per cent of it
up to about a third. Directions and places follow Ekman, Friesen and Hager, Facial Action Coding
System (2002). Displacements are canonical pixels (x away from the midline, y down) of smooth hills
around an anchor of the face; lids and lips also have margins that part or close. Combinations are
in the manner of the coding of spontaneous micro-expression databases (Yan et al., CASME II, PLoS
ONE 2014; Davison et al., SAMM, IEEE Transactions on Affective Computing 2018).
"""

from dataclasses import dataclass

import numpy as np

from mecore.errors import OptionError, nearest
from mecore.phantom.anatomy import Floats

Point = tuple[float, float]


@dataclass(frozen=True)
class Pull:
    """Skin around an anchor that moves by `by` at the centre of a hill of radii `size`.

    `gather` contracts the skin towards the centre, as a fraction of the distance to it; `under`
    is the radius below the centre where it differs from the one above.
    """

    anchor: str
    by: Point
    size: Point
    at: Point = (0.0, 0.0)
    gather: float = 0.0
    under: float | None = None


@dataclass(frozen=True)
class Line:
    """A furrow (negative height) or fold (positive) along points relative to an anchor."""

    anchor: str
    points: tuple[Point, ...]
    height: float
    radius: float = 1.0


@dataclass(frozen=True)
class Bulge:
    """A hill (or hollow) of the surface beside a furrow."""

    anchor: str
    at: Point
    size: Point
    height: float


@dataclass(frozen=True)
class ActionUnit:
    """One action unit at intensity 1: its name in the coding system, what the skin does.

    `lids` and `lips` are displacements (down positive) of the upper and the lower margin, of lids
    that close (`closes`) as a share of the way; `paired` units have an intensity on either side.
    """

    name: str
    parts: tuple[Pull | Line | Bulge, ...] = ()
    lids: Point = (0.0, 0.0)
    lips: Point = (0.0, 0.0)
    closes: bool = False
    paired: bool = True


def _forehead(inner: float, outer: float) -> list[Line]:
    places = [((inner, v), (0.5 * (inner + outer), v - 1.2), (outer, v + 1.0))
              for v in (-13.0, -20.0, -27.5)]  # fmt: skip
    return [Line("glabella", points, -0.95, 1.0) for points in places]


_FOLD = ((-12.5, -22.0), (-6.0, -15.0), (0.5, -7.5), (4.0, 1.5), (3.0, 8.0))

ACTION_UNITS: dict[int, ActionUnit] = {
    1: ActionUnit("inner brow raiser", (
        Pull("inner brow", (0.3, -7.0), (9.0, 10.5), (1.0, -1.0), under=6.0),
        *_forehead(-2.0, 22.0))),
    2: ActionUnit("outer brow raiser", (
        Pull("outer brow", (0.0, -6.5), (11.5, 10.5), (-4.0, -1.0), under=6.0),
        *_forehead(18.0, 42.0))),
    4: ActionUnit("brow lowerer", (
        Pull("inner brow", (-3.0, 4.6), (9.0, 8.0), (1.0, 0.0)),
        Pull("outer brow", (-1.0, 1.8), (13.0, 8.0), (-8.0, 0.0)),
        Line("glabella", ((4.2, -8.0), (4.8, -1.0), (4.0, 6.0)), -1.5, 1.0),
        Line("glabella", ((0.0, 8.0), (5.0, 7.0), (8.0, 5.0)), -0.8, 1.0),
        Bulge("inner brow", (0.0, 0.5), (4.5, 4.0), 1.1))),
    5: ActionUnit("upper lid raiser", lids=(-2.4, 0.3)),
    6: ActionUnit("cheek raiser", (
        Pull("cheek", (-1.2, -4.8), (12.0, 8.5)),
        Pull("outer eye", (-1.6, 0.4), (6.0, 7.0), (4.0, 0.0)),
        Pull("outer brow", (-0.4, 1.2), (10.0, 6.0)),
        Line("outer eye", ((3.5, -1.0), (8.0, -3.5), (12.0, -6.0)), -0.85, 0.8),
        Line("outer eye", ((4.0, 1.5), (9.0, 1.8), (14.0, 2.0)), -0.85, 0.8),
        Line("outer eye", ((3.5, 4.0), (8.0, 6.5), (12.0, 9.0)), -0.75, 0.8),
        Line("eye", ((-9.0, 5.0), (-3.0, 9.0), (6.0, 9.0), (11.0, 6.0)), -0.9, 1.2),
        Bulge("cheek", (-2.0, -3.0), (9.0, 6.0), 1.8)), lids=(0.4, -1.1)),
    7: ActionUnit("lid tightener", (
        Pull("eye", (-0.4, -1.0), (9.0, 4.0), (0.0, 7.0)),
        Line("eye", ((-9.0, 4.5), (0.0, 7.5), (9.0, 5.0)), -0.8, 0.9),
        Bulge("eye", (0.0, 5.2), (7.5, 1.6), 0.6)), lids=(1.3, -1.7)),
    9: ActionUnit("nose wrinkler", (
        Pull("nose side", (-0.6, -4.2), (6.5, 9.0)),
        Pull("ala", (0.6, -2.8), (5.0, 5.0)),
        Pull("inner brow", (-1.6, 2.8), (8.0, 7.0)),
        Pull("upper lip", (0.0, -2.2), (8.0, 5.0), (8.0, 0.0)),
        Line("glabella", ((0.0, 6.5), (4.5, 6.0), (7.5, 4.0)), -1.2, 0.9),
        Line("nose side", ((-5.0, -8.0), (-1.0, -5.5), (4.0, -4.0)), -0.7, 1.0),
        Line("nose side", ((-4.0, -3.5), (-1.0, -1.0), (4.0, 0.5)), -0.6, 1.0),
        Line("lip corner", ((-12.5, -25.0), (-9.0, -18.0), (-5.0, -13.0)), -1.2, 1.2),
        Bulge("nose side", (4.0, 2.0), (4.0, 4.0), 0.9)), lids=(0.3, -0.7)),
    10: ActionUnit("upper lip raiser", (
        Pull("upper lip", (0.4, -4.6), (8.5, 6.0), (8.0, 0.5), under=4.0),
        Pull("ala", (1.2, -1.8), (5.5, 6.0), (3.0, 2.0)),
        Pull("cheek", (-0.4, -1.6), (9.0, 9.0), (-9.0, 3.0)),
        Line("lip corner", _FOLD[:4], -1.5, 1.6),
        Bulge("lip corner", (-1.0, -17.0), (5.5, 6.0), 1.3)), lips=(-2.2, 0.0)),
    12: ActionUnit("lip corner puller", (
        Pull("lip corner", (5.4, -6.8), (8.5, 9.0)),
        Pull("cheek", (1.2, -3.0), (12.0, 10.0), (-2.0, 7.0)),
        Pull("lower lip", (0.0, -0.9), (10.0, 5.0), (0.0, 2.0)),
        Line("lip corner", _FOLD, -1.7, 1.8),
        Bulge("cheek", (-3.0, 4.0), (9.5, 7.5), 2.6),
        Bulge("lip corner", (7.5, -5.0), (4.0, 5.0), 1.1))),
    14: ActionUnit("dimpler", (
        Pull("lip corner", (0.9, 0.1), (8.0, 8.0), (5.0, 0.0), gather=0.34),
        Line("lip corner", ((4.0, -5.0), (5.8, -0.5), (4.6, 5.5)), -1.8, 1.5),
        Bulge("lip corner", (8.5, 0.0), (3.0, 4.5), 1.0))),
    15: ActionUnit("lip corner depressor", (
        Pull("lip corner", (0.6, 5.6), (9.0, 7.5)),
        Pull("lip corner", (0.0, 2.0), (9.0, 8.0), (-1.0, 11.0)),
        Line("lip corner", ((1.5, 2.0), (3.0, 7.0), (2.0, 13.0)), -1.5, 1.2),
        Bulge("lip corner", (-4.0, 9.0), (5.0, 3.5), 0.8))),
    17: ActionUnit("chin raiser", (
        Pull("chin", (0.0, -6.0), (13.0, 7.5), (0.0, -4.0)),
        Pull("lower lip", (0.0, -3.6), (13.0, 5.0), (0.0, 3.0)),
        Pull("upper lip", (0.0, -1.4), (12.0, 4.0), (0.0, 2.0)),
        Line("chin", ((0.0, -17.0), (8.0, -16.0), (14.0, -11.0)), -1.6, 1.4),
        Line("chin", ((2.0, -11.0), (3.0, -9.0)), -1.1, 0.9),
        Line("chin", ((6.5, -9.0), (7.5, -7.0)), -1.1, 0.9),
        Line("chin", ((3.5, -5.0), (5.0, -3.5)), -1.0, 0.9),
        Line("chin", ((0.0, -7.5), (0.5, -6.0)), -1.0, 0.9),
        Line("chin", ((9.0, -3.5), (10.0, -2.0)), -0.8, 0.9),
        Bulge("chin", (0.0, -8.0), (10.0, 6.0), 1.3)), paired=False),
    20: ActionUnit("lip stretcher", (
        Pull("lip corner", (6.2, 0.3), (11.0, 7.0)),
        Pull("lip corner", (3.0, 1.0), (10.0, 9.0), (8.0, 10.0)),
        Line("lip corner", ((4.5, -7.0), (6.5, 0.0), (5.0, 8.0)), -1.3, 1.2),
        Line("lip corner", ((9.5, -5.0), (11.0, 2.0), (9.0, 10.0)), -0.7, 1.2)), lips=(0.0, 0.6)),
    25: ActionUnit("lips part", (
        Pull("lower lip", (0.0, 0.8), (14.0, 6.0)),), lips=(-0.9, 2.6), paired=False),
    26: ActionUnit("jaw drop", (
        Pull("chin", (0.0, 8.0), (22.0, 11.0), (0.0, -4.0)),
        Pull("lower lip", (0.0, 2.4), (16.0, 7.0), (0.0, 4.0)),
        Pull("jaw", (0.0, 3.5), (14.0, 15.0))), lips=(-0.4, 4.2), paired=False),
    45: ActionUnit("blink", lids=(1.0, 1.0), closes=True),
}  # fmt: skip

FIDGET_UNITS = (1, 2, 4, 7, 12, 15, 17, 20)

# Names of the animation controls, as annotators write them: ``L12``, ``R12``, ``17`` ... Left and
# right are those of the person, as in the coding system: ``L`` is on the right of the picture.
CONTROLS: tuple[str, ...] = tuple(
    name
    for number, unit in ACTION_UNITS.items()
    for name in ((f"L{number}", f"R{number}") if unit.paired else (str(number),))
)


def controls_of(unit: int | str) -> list[int]:
    """Indices of the controls of a unit, or of one control by its name; none if unknown."""
    names = (f"L{unit}", f"R{unit}", str(unit))
    return [CONTROLS.index(name) for name in names if name in CONTROLS]


def parts_of(control: str) -> tuple[int, int]:
    """Number and side of a control: +1 right of the picture (person's left), -1 left, 0 both."""
    side = {"L": 1, "R": -1}.get(control[0], 0)
    return int(control[1:] if side else control), side


COMBINATIONS: dict[str, tuple[dict[int, float], ...]] = {
    "happiness": ({12: 1.0, 6: 0.7}, {12: 1.0}, {12: 0.9, 6: 0.9}, {12: 1.0, 25: 0.35},
                  {12: 0.9, 17: 0.5}, {6: 0.8, 7: 0.5, 12: 0.6}, {12: 0.7, 14: 0.6}),
    "surprise": ({1: 1.0, 2: 1.0}, {1: 0.9, 2: 0.9, 5: 0.9}, {1: 0.9, 2: 0.8, 25: 0.7},
                 {1: 0.8, 2: 0.9, 5: 0.7, 26: 0.35}, {2: 1.0}, {5: 1.0, 25: 0.5}),
    "disgust": ({9: 1.0}, {10: 1.0}, {4: 0.8, 9: 0.8}, {4: 0.7, 7: 0.6, 10: 0.8},
                {9: 0.7, 10: 0.8}, {4: 0.9, 7: 0.9}),
    "repression": ({14: 1.0}, {17: 1.0}, {15: 0.8, 17: 0.8}, {14: 0.8, 17: 0.5},
                   {12: 0.45, 15: 0.9}),
    "anger": ({4: 1.0, 7: 0.8}, {4: 1.0}, {4: 0.9, 7: 0.6, 17: 0.4}, {7: 1.0}),
    "sadness": ({1: 0.8, 4: 0.7}, {15: 1.0}, {1: 0.7, 15: 0.9}, {15: 0.8, 17: 0.6}, {1: 1.0}),
    "fear": ({1: 0.8, 2: 0.6, 4: 0.7}, {20: 1.0}, {1: 0.7, 2: 0.6, 4: 0.5, 5: 0.8},
             {4: 0.6, 20: 0.8}),
    "others": ({7: 1.0}, {2: 0.8, 14: 0.7}, {5: 1.0, 14: 0.5}, {4: 0.6, 12: 0.7}),
}  # fmt: skip

VALENCE: dict[str, str] = dict.fromkeys(COMBINATIONS, "negative") | {
    "happiness": "positive", "surprise": "surprise", "others": "others",
}  # fmt: skip

SHARES: dict[str, float] = {
    "happiness": 0.25, "surprise": 0.20, "disgust": 0.22, "repression": 0.12, "anger": 0.07,
    "sadness": 0.06, "fear": 0.05, "others": 0.03,
}  # fmt: skip

_ONE_SIDED = (2, 10, 12, 14, 15)  # units that spontaneous faces often show on one side only
_ONE_SIDED_SHARE = 0.22


@dataclass(frozen=True)
class Expression:
    """What a face does at the apex of an expression."""

    emotion: str  # one of `COMBINATIONS`
    action_units: str  # as annotators write it, such as ``4+L10``
    intensities: Floats  # (k,) of `CONTROLS`, in proportion; their scale is set by `tracks`

    @property
    def valence(self) -> str:
        """Three-class label: negative, positive or surprise; or others."""
        return VALENCE[self.emotion]


def draw_expression(emotion: str, rng: np.random.Generator) -> Expression:
    """Draw one way to show an emotion, one of `COMBINATIONS` (else an OptionError)."""
    if emotion not in COMBINATIONS:
        raise OptionError(f"no emotion {emotion!r}", todo=nearest(emotion, COMBINATIONS))
    choices = COMBINATIONS[emotion]
    units = choices[int(rng.integers(len(choices)))]
    intensities = np.zeros(len(CONTROLS))
    words = []
    for number in sorted(units):
        strength, word = np.array([units[number] * rng.uniform(0.65, 1.35)]), str(number)
        if ACTION_UNITS[number].paired:
            strength = strength * rng.uniform(0.75, 1.25, 2)
        if number in _ONE_SIDED and rng.random() < _ONE_SIDED_SHARE:
            left = rng.random() < 0.5
            strength[1 if left else 0] *= 0.08
            word = f"L{number}" if left else f"R{number}"
        intensities[controls_of(number)] = strength
        words.append(word)
    return Expression(emotion, "+".join(words), intensities)


def deal_emotions(count: int, rng: np.random.Generator) -> list[str]:
    """Emotions of `count` samples in the proportions of `SHARES`, shuffled.

    The numbers are rounded by largest remainder.
    """
    exact = {emotion: share * count for emotion, share in SHARES.items()}
    dealt = {emotion: int(number) for emotion, number in exact.items()}
    rest = sorted(exact, key=lambda emotion: dealt[emotion] - exact[emotion])
    for emotion in rest[: count - sum(dealt.values())]:
        dealt[emotion] += 1
    names = [emotion for emotion, number in dealt.items() for _ in range(number)]
    return [names[k] for k in rng.permutation(count)]
