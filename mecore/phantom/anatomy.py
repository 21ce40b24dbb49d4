"""Where things are on a neutral, symmetric face: outline, lids, lips, brows, 68 landmarks.

Canonical coordinates: a frame of `CANONICAL` x `CANONICAL` pixels with centres at integers, x
right, y down, whatever the size of the pictures; a face is about half as wide. Features are laid
out relative to the point between the eyes, `ORIGIN`. The asymmetry of a person is a
displacement field applied on top (see `motion`), so everything here is mirrored.

Proportions are those of ordinary facial anthropometry (Farkas, Anthropometry of the Head and Face,
1994): eye fissures of about 30 mm, 33 mm apart, a mouth of 52 mm, a face 135 mm wide.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from mecore.phantom.identity import Identity

Floats = NDArray[np.floating[Any]]  # float32 for pictures, float64 for curves

CANONICAL = 236
CENTRE_X = 117.5
EYE_LINE = 104.0
ORIGIN = np.array([CENTRE_X, EYE_LINE])

LOWER_MARGIN = (40, 41, 46, 47, 65, 66, 67)  # landmarks on the lower margin of a slit


@dataclass(frozen=True)
class Slit:
    """An opening of the skin between an upper and a lower margin: a pair of lids, or the lips."""

    x: Floats  # (n,): increasing positions of the margins, evenly spaced from corner to corner
    upper: Floats  # (n,): heights of the two margins, equal where the slit is closed
    lower: Floats
    reach_up: float  # how far from its margin the skin still moves with it
    reach_down: float

    @property
    def width(self) -> float:
        """Distance between the corners."""
        return float(self.x[-1] - self.x[0])

    def margin(self, *, lower: bool = False) -> Floats:
        """Points (n, 2) of the upper or the lower margin."""
        return np.column_stack([self.x, self.lower if lower else self.upper])


@dataclass(frozen=True)
class Anatomy:
    """Curves of one face in canonical coordinates; polylines are (n, 2) arrays of x, y."""

    outline: Floats  # closed: skull and jaw, without ears and hair
    hairline: Floats  # from temple to temple over the forehead
    landmarks: Floats  # (68, 2), iBUG order
    eyes: tuple[Slit, Slit]  # left and right in the picture
    eye_centres: Floats  # (2, 2)
    mouth: Slit
    lip_top: Floats
    lip_bottom: Floats
    brows: tuple[Floats, Floats]  # centre lines from the inner end outwards
    brow_thickness: float


def to_pixels(points: Floats, size: int) -> Floats:
    """Canonical points in pixels of a frame of `size` x `size`."""
    return (points + 0.5) * (size / CANONICAL) - 0.5


def pixel_grid(size: int) -> tuple[Floats, Floats]:
    """Canonical x and y of the pixels of a frame, both (size, size)."""
    line = (np.arange(size) + 0.5) * (CANONICAL / size) - 0.5
    x, y = np.meshgrid(line, line)
    return x, y


def arc_points(curve: Floats, places: Floats) -> Floats:
    """Points of a polyline at the given fractions (0 ... 1) of its length, shape (n, 2)."""
    steps = np.hypot(*np.diff(curve, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    at = places * length[-1]
    return np.column_stack([np.interp(at, length, curve[:, 0]), np.interp(at, length, curve[:, 1])])


def mirrored(curve: Floats) -> Floats:
    """Mirror a polyline of feature coordinates (u, v) at the midline."""
    return curve * np.array([-1.0, 1.0])


def closed(half: Floats) -> Floats:
    """Canonical polygon of a right half (u, v) and its mirror image."""
    return np.concatenate([half, mirrored(half[::-1])]) + ORIGIN


def heights(curve: Floats, x: Floats) -> Floats:
    """Points (n, 2) of a polyline at the given x."""
    return np.column_stack([x, np.interp(x, curve[:, 0], curve[:, 1])])


def _spline(points: Any, n: int) -> Floats:
    """A smooth curve of `n` points through others."""
    at = np.linspace(0, 1, len(points))
    curve = CubicSpline(at, np.asarray(points, float), bc_type="natural")
    return np.asarray(curve(np.linspace(0, 1, n)))


def _half_outline(who: Identity) -> Floats:
    """Right half of the outline from the top of the skull to the chin, (n, 2) of u, v."""
    u, v = np.array([(0, -85), (27, -79), (47, -60), (57, -33), (59, -8), (57.5, 14), (54.5, 33),
                     (48.5, 52), (38.5, 70), (26, 83.5), (12, 92), (0, 94)]).T  # fmt: skip
    jaw = np.interp(v, [10, 52, 75, 94], [0.0, 1.0, 0.75, 0.3])
    chin = np.interp(v, [55, 80, 94], [0.0, 1.0, 1.0])
    cheek = np.interp(v, [0, 28, 60], [0.0, 1.0, 0.0])
    u = u * (1 + 0.034 * who.face_width) * (1 + 0.042 * who.jaw_width * jaw)
    u = u * (1 + 0.085 * who.chin_width * chin) * (1 + 0.018 * who.cheek_fullness * cheek)
    v = np.where(v > 20, 20 + (v - 20) * (1 + 0.045 * who.face_length), v)
    return _spline(np.column_stack([u, v]), 120)


def _eye(who: Identity, side: int) -> tuple[Slit, Floats]:
    """Lid margins of the eye on one side of the picture (-1 left, +1 right), and its centre."""
    half = 10.3 * (1 + 0.06 * who.eye_size)
    centre = 24.6 * (1 + 0.038 * who.eye_spacing)
    t = np.linspace(0.0, 1.0, 65)  # from the inner corner outwards
    corners = 1.0 - (1.9 + 1.15 * who.eye_tilt) * t
    upper_height = 5.1 * (1 + 0.11 * min(who.eye_opening, 0.9)) * (1 - 0.10 * who.wrinkles)
    upper_height *= 1 + 0.04 * who.eye_size
    lower_height = 2.9 * (1 + 0.05 * who.eye_opening)
    upper = corners - upper_height * np.sin(np.pi * t**0.88) ** 0.8
    lower = corners + lower_height * np.sin(np.pi * t**1.25) ** 0.95
    x = CENTRE_X + side * (centre - half + 2 * half * t)
    upper, lower = upper + EYE_LINE, lower + EYE_LINE
    if side < 0:
        x, upper, lower = x[::-1], upper[::-1], lower[::-1]
    return Slit(x, upper, lower, 11.0, 8.0), np.array([CENTRE_X + side * centre, EYE_LINE - 0.6])


def _lips(who: Identity) -> tuple[Slit, Floats, Floats]:
    """The closed mouth, and the outer borders of the upper and the lower lip."""
    half = 22.0 * (1 + 0.065 * who.mouth_width)
    line = 53.0 + 1.4 * who.face_length
    top = 5.5 * (1 + 0.2 * who.upper_lip) * (1 - 0.16 * who.wrinkles)
    bottom = 9.4 * (1 + 0.15 * who.lower_lip) * (1 - 0.10 * who.wrinkles)
    t = np.linspace(-1.0, 1.0, 129)
    a = np.abs(t)
    dip = 0.80 - 0.06 * who.cupid
    upper_shape = PchipInterpolator([0, 0.09, 0.22, 0.5, 0.78, 1], [dip, 0.87, 1, 0.74, 0.33, 0])
    lower_shape = PchipInterpolator([0, 0.3, 0.6, 0.85, 1], [1, 0.95, 0.68, 0.27, 0])
    margin = line + 0.8 * np.exp(-((a / 0.15) ** 2)) - 0.5 * np.exp(-(((a - 0.42) / 0.22) ** 2))
    margin = margin - (0.5 + 0.7 * who.mouth_curve) * a**2.2
    x, margin = CENTRE_X + half * t, margin + EYE_LINE
    slit = Slit(x, margin, margin, 14.0, 17.0)
    lip_top = np.column_stack([x, margin - top * upper_shape(a)])
    lip_bottom = np.column_stack([x, margin + bottom * lower_shape(a)])
    return slit, lip_top, lip_bottom


def _brow(who: Identity) -> Floats:
    """Centre line of the right brow in feature coordinates, from the inner end outwards."""
    arch = who.brow_arch
    u = np.array([9.5, 17.0, 26.0, 35.0, 42.0, 47.0]) * (1 + 0.02 * who.face_width)
    v = np.array([-14.2, -15.8, -17.2 - 0.4 * arch, -17.6 - 1.2 * arch, -15.4 - 0.5 * arch, -12.2])
    return _spline(np.column_stack([u, v - 1.6 * who.brow_height]), 40)


def _hairline(who: Identity) -> Floats:
    """Border of the scalp hair over the forehead, from left to right."""
    high = -57.0 - (1.5 if who.male else 0.0)
    right = _spline([(0, high), (16, high + 1), (30, high + 5), (41, high + 15),
                     (47.5, high + 27), (52, -20), (55, -4)], 60)  # fmt: skip
    return np.concatenate([mirrored(right[:0:-1]), right])


def _eye_landmarks(slit: Slit) -> Floats:
    """Six lid landmarks: corner, two above, corner, two below, as listed from the left corner."""
    x = slit.x[0] + slit.width * np.array([0.0, 0.31, 0.67, 1.0])
    return np.vstack([heights(slit.margin(), x), heights(slit.margin(lower=True), x[[2, 1]])])


def _lip_landmarks(slit: Slit, lip_top: Floats, lip_bottom: Floats) -> Floats:
    half = slit.width / 2
    upper = CENTRE_X + half * np.array([-1.0, -0.62, -0.26, 0.0, 0.26, 0.62, 1.0])
    lower = CENTRE_X + half * np.array([0.64, 0.29, 0.0, -0.29, -0.64])
    inner = CENTRE_X + half * np.array([-0.84, -0.27, 0.0, 0.27, 0.84])
    inner = np.concatenate([inner, inner[3:0:-1]])
    outer = [heights(lip_top, upper), heights(lip_bottom, lower)]
    return np.vstack([*outer, heights(slit.margin(), inner)])


def _nose_landmarks(who: Identity) -> Floats:
    long = 1 + 0.045 * who.nose_length
    wide = 10.2 * (1 + 0.085 * who.nose_width)
    bridge = [(0, -3.0), (0, 7.5 * long), (0, 17.5 * long), (0, 27.5 * long)]
    base = [(-wide, 35.4), (-0.5 * wide, 37.2), (0, 38.8), (0.5 * wide, 37.2), (wide, 35.4)]
    return np.array(bridge + [(u, v * long) for u, v in base])


def build_anatomy(who: Identity) -> Anatomy:
    """Lay out the curves and the 68 landmarks of a person's neutral face."""
    half, brow = _half_outline(who), _brow(who)
    jaw_points = arc_points(half[half[:, 1] >= -5.0], np.linspace(0, 1, 9))
    brow_points = arc_points(brow, np.array([0.0, 0.24, 0.5, 0.76, 1.0])) + np.array([0.0, -1.0])
    (left, left_centre), (right, right_centre) = _eye(who, -1), _eye(who, 1)
    mouth, top, bottom = _lips(who)
    skin = [mirrored(jaw_points), jaw_points[-2::-1], mirrored(brow_points[::-1]), brow_points]
    margins = [_eye_landmarks(left), _eye_landmarks(right), _lip_landmarks(mouth, top, bottom)]
    return Anatomy(
        outline=closed(half), hairline=_hairline(who) + ORIGIN,
        landmarks=np.vstack([np.vstack([*skin, _nose_landmarks(who)]) + ORIGIN, *margins]),
        eyes=(left, right), eye_centres=np.vstack([left_centre, right_centre]),
        mouth=mouth, lip_top=top, lip_bottom=bottom,
        brows=(mirrored(brow) + ORIGIN, brow + ORIGIN),
        brow_thickness=4.5 * (1 + 0.24 * who.brow_weight),
    )  # fmt: skip
