"""Emotions as combinations of action units, with the variation of people who do not pose.

Combinations are in the manner of the coding of spontaneous micro-expression databases (Yan et al.,
CASME II, PLoS ONE 2014; Davison et al., SAMM, IEEE Transactions on Affective Computing 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecore.errors import OptionError, nearest
from mecore.phantom.action_units import ACTION_UNITS, CONTROLS, controls_of
from mecore.phantom.anatomy import Floats

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
