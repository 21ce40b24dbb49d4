"""Who a phantom person is: the seeded numbers from which a face is built.

A person is a frozen dataclass of about fifty numbers. Traits that make people look different
(sex, age, complexion, hair style) are dealt out in turn over the subjects of a data set, so that
a handful of subjects already spans the range; everything else is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mecore.errors import OptionError

_CLOTHES: tuple[str, ...] = ("crew neck", "shirt", "v neck", "turtleneck")

_MALE_STYLES = ("side part", "receding", "crop", "swept back", "buzz", "curly", "bald", "side part")
_FEMALE_STYLES = ("long", "bob", "bun", "waves", "fringe", "curly", "swept back", "waves")
_DARK_FEMALE_STYLES = ("curly", "bun", "swept back")
_COMPLEXIONS = (0.10, 0.55, 0.26, 1.70, 0.18, 0.95, 0.38, 2.30)
_AGES = (27, 44, 24, 33, 61, 29, 38, 22)


@dataclass(frozen=True)
class Identity:
    """One person. Lengths are in canonical pixels (a face of about 128 px in a 256-px frame).

    Shape numbers without a unit are standard scores around an average adult face.
    """

    index: int
    male: bool
    age: float
    melanin: float  # 0.1 very fair ... 2.4 very dark
    redness: float  # haemoglobin of the skin, 0.6 ... 1.4
    texture_seed: int
    # outline
    face_width: float
    jaw_width: float
    chin_width: float
    face_length: float
    cheek_fullness: float
    # eyes and brows
    eye_spacing: float
    eye_size: float
    eye_opening: float
    eye_tilt: float
    crease: float  # depth of the lid crease, 0 (none) ... 1
    iris: tuple[float, float, float]  # linear RGB albedo
    brow_height: float
    brow_arch: float
    brow_weight: float
    brow_ridge: float
    # nose and mouth
    nose_length: float
    nose_width: float
    nose_bridge: float
    nose_tip: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    lip_colour: float
    cupid: float
    mouth_curve: float
    # surface
    freckles: float
    moles: int
    stubble: float
    beard: float
    # hair
    hair_style: str
    hair: tuple[float, float, float]  # linear RGB albedo
    grey: float
    part: float  # where the hair parts, -1 ... 1
    # surroundings
    cloth: str
    cloth_colour: tuple[float, float, float]
    backdrop: tuple[float, float, float]
    key_azimuth: float  # degrees, positive from the right of the picture
    key_elevation: float
    # permanent asymmetry of the two halves
    asymmetry: tuple[float, ...]

    @property
    def wrinkles(self) -> float:
        """Depth of the lines that stay in the neutral face, 0 ... 1, from the age."""
        return float(np.clip((self.age - 24.0) / 40.0, 0.0, 1.0))


def _hair_colour(rng: np.random.Generator, melanin: float) -> tuple[float, float, float]:
    """Linear RGB of unpigmented-to-black hair; dark skin goes with dark hair."""
    palette = np.array(
        [
            (0.36, 0.235, 0.11),  # fair
            (0.22, 0.085, 0.03),  # auburn
            (0.115, 0.062, 0.032),  # light brown
            (0.05, 0.027, 0.016),  # brown
            (0.017, 0.0125, 0.0105),  # black
        ]
    )
    low = 0.0 if melanin < 0.4 else 1.9 if melanin < 0.8 else 3.2
    place = rng.uniform(low, 4.0)
    whole = min(int(place), 3)
    mix = place - whole
    red, green, blue = (1 - mix) * palette[whole] + mix * palette[whole + 1]
    return float(red), float(green), float(blue)


def _iris_colour(rng: np.random.Generator, melanin: float) -> tuple[float, float, float]:
    light = ((0.16, 0.26, 0.36), (0.17, 0.24, 0.15), (0.22, 0.22, 0.20), (0.19, 0.11, 0.04))
    dark = ((0.10, 0.048, 0.02), (0.055, 0.026, 0.013))
    choices = light + dark[:1] if melanin < 0.4 else dark
    red, green, blue = choices[int(rng.integers(len(choices)))]
    return red, green, blue


def _surroundings(rng: np.random.Generator) -> dict[str, object]:
    hue = rng.uniform(0, 2 * np.pi)
    tint = 0.035 * np.cos(hue + np.array([0.0, 2.1, 4.2]))
    cloth_hue = rng.uniform(0, 2 * np.pi)
    cloth_value = rng.choice([0.05, 0.12, 0.25, 0.5])
    saturation = rng.uniform(0.0, 0.55)
    cloth = cloth_value * (1 + saturation * np.cos(cloth_hue + np.array([0.0, 2.1, 4.2])))
    side = 1.0 if rng.random() < 0.5 else -1.0
    return {
        "cloth": str(rng.choice(_CLOTHES)),
        "cloth_colour": tuple(float(value) for value in cloth),
        "backdrop": tuple(float(value) for value in rng.uniform(0.16, 0.42) + tint),
        "key_azimuth": float(side * rng.uniform(22.0, 42.0)),
        "key_elevation": float(rng.uniform(32.0, 46.0)),
    }


def _shape(rng: np.random.Generator, male: bool, melanin: float) -> dict[str, float]:
    def normal(mean: float, spread: float) -> float:
        return float(mean + spread * np.clip(rng.standard_normal(), -1.7, 1.7))

    man = 1.0 if male else -1.0
    dark = min(melanin, 2.0) / 2.0
    return {
        "face_width": normal(0.25 * man, 0.9),
        "jaw_width": normal(0.75 * man, 0.7),
        "chin_width": normal(0.7 * man, 0.7),
        "face_length": normal(0.1 * man, 0.9),
        "cheek_fullness": normal(-0.15 * man, 0.9),
        "eye_spacing": normal(0.0, 0.8),
        "eye_size": normal(-0.3 * man, 0.8),
        "eye_opening": normal(-0.4 * man, 0.8),
        "eye_tilt": normal(-0.2 * man, 0.9),
        "crease": float(rng.choice([0.15, 0.6, 0.85, 1.0])),
        "brow_height": normal(-0.45 * man, 0.8),
        "brow_arch": normal(-0.6 * man, 0.7),
        "brow_weight": normal(0.7 * man, 0.6),
        "brow_ridge": normal(0.8 * man, 0.6),
        "nose_length": normal(0.1, 0.8),
        "nose_width": normal(0.2 * man + 1.0 * dark, 0.8),
        "nose_bridge": normal(0.4 * man - 0.8 * dark, 0.8),
        "nose_tip": normal(0.0, 0.9),
        "mouth_width": normal(0.2 * man, 0.8),
        "upper_lip": normal(-0.5 * man + 0.9 * dark, 0.8),
        "lower_lip": normal(-0.3 * man + 0.8 * dark, 0.8),
        "lip_colour": normal(-0.6 * man, 0.5),
        "cupid": normal(-0.1 * man, 0.9),
        "mouth_curve": normal(0.0, 0.8),
    }


def _trunk(seed: int, index: int) -> tuple[bool, float, float, str]:
    """Sex, age, melanin and hair style, dealt out in turn over the population."""
    deal = np.random.default_rng([seed, 7])
    men, women = deal.permutation(_MALE_STYLES), deal.permutation(_FEMALE_STYLES)
    complexions, ages = deal.permutation(_COMPLEXIONS), deal.permutation(_AGES)
    rng = np.random.default_rng([seed, 10, index])
    male = index % 2 == 0
    melanin = float(complexions[index % 8] * rng.uniform(0.85, 1.15))
    age = float(np.clip(ages[(index + index // 8 * 3) % 8] + rng.integers(-3, 4), 19, 68))
    style = str((men if male else women)[(index // 2) % 8])
    if not male and melanin > 1.2 and style not in _DARK_FEMALE_STYLES:
        style = str(rng.choice(_DARK_FEMALE_STYLES))
    return male, age, melanin, style


def draw_identity(seed: int, index: int) -> Identity:
    """Draw person number `index` of the population `seed`.

    Parameters
    ----------
    seed : int
        Seed of the population; the same seed and index always give the same person.
    index : int
        Number of the person, from 0.

    Returns
    -------
    Identity

    Raises
    ------
    OptionError
        If `index` is negative.
    """
    if index < 0:
        raise OptionError(f"a person's index starts at 0, got {index}")
    male, age, melanin, style = _trunk(seed, index)
    rng = np.random.default_rng([seed, 11, index])
    grey = float(np.clip((age - 42.0) / 24.0 + rng.normal(0.0, 0.15), 0.0, 0.95))
    beard = float(rng.choice([0.0, 0.0, 0.0, 0.55, 0.9])) if male else 0.0
    colour = _hair_colour(rng, melanin)
    return Identity(
        index=index,
        male=male,
        age=age,
        melanin=melanin,
        redness=float(rng.uniform(0.75, 1.3)),
        texture_seed=int(rng.integers(2**31)),
        iris=_iris_colour(rng, melanin),
        freckles=float(max(0.0, rng.normal(-0.1, 0.5)) if melanin < 0.35 else 0.0),
        moles=int(rng.integers(0, 4)),
        stubble=float(rng.uniform(0.15, 0.9)) if male else 0.0,
        beard=beard if age > 21 else 0.0,
        hair_style=style,
        hair=colour,
        grey=grey if age > 38 else 0.0,
        part=float(rng.uniform(0.35, 0.8) * rng.choice([-1.0, 1.0])),
        asymmetry=tuple(float(value) for value in rng.normal(0.0, 1.0, 6)),
        **_shape(rng, male, melanin),  # type: ignore[arg-type]
        **_surroundings(rng),  # type: ignore[arg-type]
    )
