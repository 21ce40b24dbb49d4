"""Hair, strand by strand: scalp, brows, lashes and beard.

Strands are polylines of feature coordinates, (n, k, 2). Each segment is lit as a thin cylinder
(Kajiya and Kay, Rendering fur with three dimensional textures, 1989) that lies on an ellipsoid
around the skull, and drawn anti-aliased, back to front.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mecore.phantom.anatomy import ORIGIN, Anatomy, Floats, arc_points, heights, mirrored
from mecore.phantom.canvas import SUBPIXEL, Canvas, Image
from mecore.phantom.identity import Identity, Rng
from mecore.phantom.light import direction, to_display
from mecore.phantom.skin import beard_region, lip_mask

Layer = NDArray[np.uint8]  # (n, n, 4): premultiplied display RGB and coverage


def blank_layer(canvas: Canvas) -> Layer:
    """A transparent layer."""
    return np.zeros((canvas.size, canvas.size, 4), np.uint8)


def over(image: Image, layer: Layer) -> Image:
    """Lay `layer` over a display image (0 ... 255 float)."""
    return image * (1 - layer[..., 3:] / np.float32(255)) + layer[..., :3]


def _light(strands: Floats, who: Identity) -> tuple[Floats, Floats]:
    """Diffuse and specular light on each segment of strands, both (n, k - 1)."""
    middle = 0.5 * (strands[:, 1:] + strands[:, :-1])
    flat = np.diff(strands, axis=1)
    flat = flat / (np.linalg.norm(flat, axis=-1, keepdims=True) + 1e-6)
    surface = (middle - np.array([0.0, -12.0])) / np.array([74.0, 88.0])
    size = np.linalg.norm(surface, axis=-1, keepdims=True)
    surface = surface * np.minimum(1.0, 0.96 / np.maximum(size, 1e-6))
    nz = np.sqrt(1 - np.sum(surface**2, axis=-1))
    tz = -np.sum(surface * flat, axis=-1) / nz
    tangent = np.concatenate([flat, tz[..., None]], axis=-1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
    normal = np.concatenate([surface, nz[..., None]], axis=-1)
    key = direction(who.key_azimuth, who.key_elevation).astype(float)
    half = key + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    facing = np.clip((normal @ key + 0.35) / 1.35, 0.0, None)
    across = np.sqrt(np.clip(1 - (tangent @ key) ** 2, 0, 1))
    diffuse = 0.30 + 0.92 * facing * (0.45 + 0.55 * across)
    specular = facing * np.clip(1 - (tangent @ half) ** 2, 0, 1) ** 22
    return diffuse, specular


def _colours(strands: Floats, who: Identity, rng: Rng, shade: float) -> NDArray[np.uint8]:
    """Display colours of the segments, (n, k - 1, 3), grey hairs among them by age."""
    diffuse, specular = _light(strands, who)
    n, k = diffuse.shape
    grey = np.clip(rng.normal(who.grey, 0.22 * (who.grey > 0), (n, 1)), 0.0, 1.0)
    base = (1 - grey) * np.array(who.hair) + grey * np.array([0.40, 0.39, 0.37])
    table = rng.normal(0.0, 0.24, (97, 89))  # neighbours form tufts of one shade
    cell = np.floor(strands[:, k // 2] / np.array([2.4, 9.0])).astype(int)
    tuft = table[cell[:, 0] % 97, cell[:, 1] % 89]
    base = base * np.exp(tuft + rng.normal(0.0, 0.16, n))[:, None]
    root = 0.62 + 0.43 * np.linspace(0, 1, k) ** 0.4  # hair lies deeper where it leaves the skin
    lit = base[:, None, :] * (diffuse * root)[..., None]
    gloss = (0.010 + 0.30 * base.mean(axis=1))[:, None] * specular
    return to_display((shade * (lit + gloss[..., None])).astype(np.float32))


def draw_hair(
    canvas: Canvas, layer: Layer, strands: Floats, who: Identity, rng: Rng, *, shade: float,
    alpha: float,
) -> None:  # fmt: skip
    """Draw strands in a person's colour onto a layer, in order, with an opacity of `alpha`."""
    _draw(canvas, layer, strands, _colours(strands, who, rng, shade), alpha)


def _draw(
    canvas: Canvas, layer: Layer, strands: Floats, colours: NDArray[np.uint8], alpha: float
) -> None:
    points = canvas.fixed(strands + ORIGIN)
    starts, stops = (ends.reshape(-1, 2).tolist() for ends in (points[:, :-1], points[:, 1:]))
    shades = np.full((len(starts), 4), round(255 * alpha), float)
    shades[:, :3] = (colours * alpha).reshape(-1, 3)
    for start, stop, shade in zip(starts, stops, shades.tolist(), strict=True):
        cv2.line(layer, start, stop, shade, 1, cv2.LINE_AA, SUBPIXEL)


def between(first: Floats, second: Floats, places: Floats, locks: int = 0) -> Floats:
    """Strands between two guide polylines (k, 2) at the places (n,) 0 ... 1, (n, k, 2).

    With `locks`, strands run together towards their ends in that many locks.
    """
    k = len(first)
    s = np.repeat(places[:, None], k, axis=1)
    if locks:
        middle = (np.floor(places * locks) + 0.5) / locks
        s = s + (middle - places)[:, None] * 0.75 * np.linspace(0, 1, k)[None] ** 2
    # every strand is cut into segments elsewhere, or their joints would show as bands
    shift = (997 * places % 1.0)[:, None, None]
    at = [
        (1 - shift) * guide[None] + shift * np.vstack([guide[1:], guide[-1:]])[None]
        for guide in (first, second)
    ]
    at[0][:, 0], at[1][:, 0] = first[0], second[0]
    return (1 - s[..., None]) * at[0] + s[..., None] * at[1]


def frizz(strands: Floats, rng: Rng, amount: float, waves: float = 0.0) -> Floats:
    """Let strands (n, k, 2) leave their guides.

    `amount` is the random bend of each strand at its tip, `waves` the amplitude of the waves that
    neighbours share, canonical pixels.
    """
    n, k = strands.shape[:2]
    t = np.linspace(0, 1, k)[None, :, None]
    bend = rng.normal(0, amount, (n, 1, 2)) * t + rng.normal(0, 0.5 * amount, (n, 1, 2)) * t**2
    phase = rng.normal(0.0, 0.5, (n, 1)) + 0.06 * strands[:, :1, 0]
    phase = phase + rng.integers(0, 3, (n, 1)) * 2.0
    swing = waves * np.sin(2 * np.pi * 2.2 * t[..., 0] + phase) * t[..., 0] ** 0.7
    return strands + bend + np.stack([swing, 0.25 * swing], axis=-1)


def _brow_strands(anatomy: Anatomy, who: Identity, rng: Rng) -> Floats:
    """Hairs of the right brow, (n, 4, 2): upwards at its inner end, outwards along it."""
    line = anatomy.brows[1] - ORIGIN
    n = int(280 * (1 + 0.22 * who.brow_weight))
    place = np.sort(rng.beta(1.1, 1.15, n))
    centre = arc_points(line, place)
    ahead = arc_points(line, np.minimum(place + 0.05, 1.0)) - arc_points(line, place - 0.05)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    profile = np.interp(place, [0, 0.12, 0.5, 0.8, 1.0], [0.7, 1.0, 0.95, 0.55, 0.2])
    across = rng.uniform(-0.5, 0.5, n) * anatomy.brow_thickness * profile
    roots = centre + np.column_stack([np.zeros(n), across])
    rise = np.interp(place, [0, 0.2, 0.5, 1.0], [1.15, 0.75, 0.28, -0.05])
    rise = rise + 0.10 * across + rng.normal(0, 0.12, n)
    heading = ahead * np.interp(place, [0, 0.25, 1], [0.45, 0.9, 1.0])[:, None]
    heading = heading + np.column_stack([np.zeros(n), -rise])
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    length = np.interp(place, [0, 0.5, 1.0], [3.6, 4.4, 3.0]) * rng.uniform(0.65, 1.15, n)
    t = np.linspace(0, 1, 4)[None, :, None]
    droop = np.array([0.5, 0.9]) * t**2
    return roots[:, None] + length[:, None, None] * heading[:, None] * t + droop


def _lash_strands(anatomy: Anatomy, who: Identity, rng: Rng) -> Floats:
    """Upper lashes of the right eye, (n, 4, 2): fanned outwards, longer at the outer corner."""
    slit, n = anatomy.eyes[1], 46
    t = np.linspace(0.1, 0.99, n)
    roots = heights(slit.margin() - ORIGIN, t * slit.width + slit.x[0] - ORIGIN[0])
    angle = np.interp(t, [0, 0.5, 1.0], [-0.45, 0.15, 1.15]) + rng.normal(0, 0.08, n)
    length = np.interp(t, [0, 0.5, 1.0], [1.0, 1.7, 2.6]) * (0.85 if who.male else 1.2)
    heading = np.column_stack([np.sin(angle), -np.cos(angle)])
    s = np.linspace(0, 1, 4)[None, :, None]
    return roots[:, None] + (length[:, None, None] * heading[:, None]) * s - [0.0, 0.25] * s**2


def _beard_strands(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng) -> Floats:
    """Hairs of the beard, (n, 4, 2): downwards, and away from the middle."""
    inside = canvas.blur(canvas.fill(anatomy.outline), 1.5)
    region = beard_region(canvas, anatomy, lip_mask(canvas, anatomy))
    region = region * np.clip(2.4 * inside - 1.3, 0, 1)
    n = int(20000 * who.beard)
    roots = np.column_stack([rng.uniform(-62, 62, n), rng.uniform(20, 98, n)])
    column, row = ((roots + ORIGIN + 0.5) * canvas.scale).astype(int).T
    roots = roots[region[row, column] > rng.uniform(0.15, 0.9, n)]
    roots = roots[np.argsort(roots[:, 1])]
    n = len(roots)
    angle = 0.011 * roots[:, 0] + rng.normal(0, 0.3, n)
    length = (0.9 + 1.9 * who.beard) * rng.uniform(0.6, 1.2, n)
    heading = np.column_stack([np.sin(angle), np.cos(angle)])
    t = np.linspace(0, 1, 4)[None, :, None]
    return np.asarray(roots[:, None] + length[:, None, None] * heading[:, None] * t)


def brow_shade(canvas: Canvas, anatomy: Anatomy, who: Identity) -> Image:
    """Shade that the hairs of the brows leave on the skin, 1 where none."""
    lines = [arc_points(brow, np.linspace(0, 0.96, 30)) for brow in anatomy.brows]
    soft = canvas.stroke(lines, 0.36 * anatomy.brow_thickness, taper=0.25)
    depth = 0.42 if sum(who.hair) < 0.25 else 0.26
    return 1 - np.float32(depth * (1 - 0.5 * who.grey)) * np.minimum(soft, 1)


def facial_hair(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng) -> Layer:
    """Layer of brows, upper lashes and beard."""
    layer = blank_layer(canvas)
    if who.beard > 0:
        beard = _beard_strands(canvas, anatomy, who, rng)
        draw_hair(canvas, layer, beard, who, rng, shade=0.8, alpha=0.75)
    shade, alpha = (0.55, 0.5) if max(who.hair) > 0.2 else (0.75, 0.66)
    for side in (-1, 1):
        brow, lash = _brow_strands(anatomy, who, rng), _lash_strands(anatomy, who, rng)
        if side < 0:
            brow, lash = mirrored(brow), mirrored(lash)
        draw_hair(canvas, layer, brow, who, rng, shade=shade, alpha=alpha)
        _draw(canvas, layer, lash, np.full((len(lash), 3, 3), 14, np.uint8), 0.55)
    return layer
