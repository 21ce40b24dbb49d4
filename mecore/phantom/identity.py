"""Who a phantom person is: the seeded numbers from which a face is built.

A person is a frozen dataclass of about fifty numbers. Traits that make people look different
(sex, age, complexion, hair style) are dealt out in turn over the subjects of a data set, so that
a handful of subjects already spans the range; everything else is drawn.
"""

from dataclasses import dataclass

import numpy as np

from mecore.errors import OptionError

Colour = tuple[float, ...]
Rng = np.random.Generator

_CLOTHES = ("crew neck", "shirt", "v neck", "turtleneck")
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
    iris: Colour  # linear RGB albedo
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
    hair: Colour  # linear RGB albedo
    grey: float
    part: float  # where the hair parts, -1 ... 1
    # surroundings
    cloth: str
    cloth_colour: Colour
    backdrop: Colour
    key_azimuth: float  # degrees, positive from the right of the picture
    key_elevation: float
    # permanent asymmetry of the two halves
    asymmetry: tuple[float, ...]

    @property
    def wrinkles(self) -> float:
        """Depth of the lines that stay in the neutral face, 0 ... 1, from the age."""
        return float(np.clip((self.age - 24.0) / 40.0, 0.0, 1.0))


_HAIRS = np.array([  # linear RGB: fair, auburn, light brown, brown, black
    (0.36, 0.235, 0.11), (0.22, 0.085, 0.03), (0.115, 0.062, 0.032), (0.05, 0.027, 0.016),
    (0.017, 0.0125, 0.0105),
])  # fmt: skip
_IRISES = ((0.16, 0.26, 0.36), (0.17, 0.24, 0.15), (0.22, 0.22, 0.20), (0.19, 0.11, 0.04),
           (0.10, 0.048, 0.02), (0.055, 0.026, 0.013))  # fmt: skip
# Scores by name: mean for men (for women its negative), what dark skin adds to it, spread.
_SHAPE: dict[str, tuple[float, float, float]] = {
    "face_width": (0.25, 0, 0.9), "jaw_width": (0.75, 0, 0.7), "chin_width": (0.7, 0, 0.7),
    "face_length": (0.1, 0, 0.9), "cheek_fullness": (-0.15, 0, 0.9), "eye_spacing": (0, 0, 0.8),
    "eye_size": (-0.3, 0, 0.8), "eye_opening": (-0.4, 0, 0.8), "eye_tilt": (-0.2, 0, 0.9),
    "crease": (0, 0, 0), "brow_height": (-0.45, 0, 0.8), "brow_arch": (-0.6, 0, 0.7),
    "brow_weight": (0.7, 0, 0.6), "brow_ridge": (0.8, 0, 0.6), "nose_length": (0, 0, 0.8),
    "nose_width": (0.2, 1.0, 0.8), "nose_bridge": (0.4, -0.8, 0.8), "nose_tip": (0, 0, 0.9),
    "mouth_width": (0.2, 0, 0.8), "upper_lip": (-0.5, 0.9, 0.8), "lower_lip": (-0.3, 0.8, 0.8),
    "lip_colour": (-0.6, 0, 0.5), "cupid": (-0.1, 0, 0.9), "mouth_curve": (0, 0, 0.8),
}  # fmt: skip


def _hair_colour(rng: Rng, melanin: float) -> Colour:
    """Linear RGB of unpigmented-to-black hair; dark skin goes with dark hair."""
    place = rng.uniform(0.0 if melanin < 0.4 else 1.9 if melanin < 0.8 else 3.2, 4.0)
    whole = min(int(place), 3)
    mix = place - whole
    return tuple(((1 - mix) * _HAIRS[whole] + mix * _HAIRS[whole + 1]).tolist())


def _surroundings(rng: Rng) -> dict[str, object]:
    phases = np.array([0.0, 2.1, 4.2])
    tint = 0.035 * np.cos(rng.uniform(0, 2 * np.pi) + phases)
    hue, value = rng.uniform(0, 2 * np.pi), rng.choice([0.05, 0.12, 0.25, 0.5])
    cloth = value * (1 + rng.uniform(0.0, 0.55) * np.cos(hue + phases))
    side = 1.0 if rng.random() < 0.5 else -1.0
    return {
        "cloth": str(rng.choice(_CLOTHES)), "cloth_colour": tuple(cloth.tolist()),
        "backdrop": tuple((rng.uniform(0.16, 0.42) + tint).tolist()),
        "key_azimuth": float(side * rng.uniform(22.0, 42.0)),
        "key_elevation": float(rng.uniform(32.0, 46.0)),
    }  # fmt: skip


def _shape(rng: Rng, male: bool, melanin: float) -> dict[str, float]:
    shape, dark = {}, min(melanin, 2.0) / 2.0
    for name, (man, pigment, spread) in _SHAPE.items():
        if name == "crease":
            shape[name] = float(rng.choice([0.15, 0.6, 0.85, 1.0]))
            continue
        mean = (man if male else -man) + pigment * dark + (0.1 if name == "nose_length" else 0.0)
        shape[name] = float(mean + spread * np.clip(rng.standard_normal(), -1.7, 1.7))
    return shape


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
    """Draw person number `index`, from 0 (else an OptionError), of the population `seed`.

    The same seed and index always give the same person.
    """
    if index < 0:
        raise OptionError(f"a person's index starts at 0, got {index}")
    male, age, melanin, style = _trunk(seed, index)
    rng = np.random.default_rng([seed, 11, index])
    grey = float(np.clip((age - 42.0) / 24.0 + rng.normal(0.0, 0.15), 0.0, 0.95))
    beard = float(rng.choice([0.0, 0.0, 0.0, 0.55, 0.9])) if male else 0.0
    colour, irises = _hair_colour(rng, melanin), _IRISES[:5] if melanin < 0.4 else _IRISES[4:]
    return Identity(
        index=index, male=male, age=age, melanin=melanin,
        redness=float(rng.uniform(0.75, 1.3)),
        texture_seed=int(rng.integers(2**31)),
        iris=irises[int(rng.integers(len(irises)))],
        freckles=float(max(0.0, rng.normal(-0.1, 0.5)) if melanin < 0.35 else 0.0),
        moles=int(rng.integers(0, 4)),
        stubble=float(rng.uniform(0.15, 0.9)) if male else 0.0,
        beard=beard if age > 21 else 0.0,
        hair_style=style, hair=colour,
        grey=grey if age > 38 else 0.0,
        part=float(rng.uniform(0.35, 0.8) * rng.choice([-1.0, 1.0])),
        asymmetry=tuple(rng.normal(0.0, 1.0, 6).tolist()),
        **_shape(rng, male, melanin),  # type: ignore[arg-type]
        **_surroundings(rng),  # type: ignore[arg-type]
    )  # fmt: skip
