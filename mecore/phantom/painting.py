"""A person painted once: the neutral, symmetric picture that all frames are warped from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mecore.phantom.anatomy import Anatomy
from mecore.phantom.body import Shape, backdrop, cloth, cloth_colour, ears, neck
from mecore.phantom.canvas import Canvas, Image, smoothstep
from mecore.phantom.hair import Layer, blank_layer, brow_shade, draw_hair, facial_hair, over
from mecore.phantom.hairstyles import STYLES, Scalp
from mecore.phantom.identity import Identity, Rng
from mecore.phantom.light import Lighting, gloss, normals, received, scatter, set_lights, to_display
from mecore.phantom.relief import head_relief
from mecore.phantom.skin import albedo, roughness_relief

SCALE = 3
_EXPOSURE = 1.12


@dataclass(frozen=True)
class Painting:
    """The picture of a person and what the animation needs to relight it, all (n, n).

    There are `SCALE` samples per canonical pixel; lids and lips are closed skin.
    """

    picture: NDArray[np.uint8]  # (n, n, 3) display RGB
    face: Image  # share of visible skin of the face: without hair, ears, neck and backdrop
    relief: Image  # height of the head
    lighting: Lighting
    eye_light: tuple[float, float]  # received by the left and the right eye of the picture


def _hair_layers(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng) -> tuple[Layer, Layer]:
    style = STYLES[who.hair_style]
    front, behind = blank_layer(canvas), blank_layer(canvas)
    for lock in style.locks(Scalp(anatomy, style.volume, style.recede), who, rng):
        layer, how = behind if lock.behind else front, {"shade": lock.shade, "alpha": lock.alpha}
        draw_hair(canvas, layer, lock.strands, who, rng, **how)
    return _fill_gaps(canvas, front, who, style.underlay), behind


def _fill_gaps(canvas: Canvas, hair: Layer, who: Identity, opacity: float) -> Layer:
    """Lay dark hair below the strands, where they are dense."""
    dense = canvas.blur(hair[..., 3].astype(np.float32) / 255, 1.6)
    cover = opacity * smoothstep(0.14, 0.42, dense)
    dark = to_display((1 - who.grey) * 0.4 * np.array(who.hair, np.float32) + 0.07 * who.grey)
    below = np.dstack([cover[..., None] * dark, 255 * cover])
    above = hair.astype(np.float32)
    return np.asarray(above + below * (1 - above[..., 3:] / 255) + 0.5, np.uint8)


@dataclass(frozen=True)
class _Part:
    """A lit part of the picture: its shape, its reflectance, whether it is skin, and glossy."""

    shape: Shape
    tone: Image
    skin: bool = True
    glossy: bool = False


def _parts(canvas: Canvas, anatomy: Anatomy, who: Identity, rng: Rng) -> list[_Part]:
    """Neck, clothes, ears and head, from back to front; the head is the last."""
    skin = albedo(canvas, anatomy, who, rng) * brow_shade(canvas, anatomy, who)[..., None]
    third = canvas.size // 3
    plain = np.median(skin[third : canvas.size // 2, third:-third], axis=(0, 1))
    relief = head_relief(canvas, anatomy, who)
    head = _Part(Shape(canvas.fill(anatomy.outline), relief), skin, glossy=True)
    ear = _Part(ears(canvas, anatomy), plain * np.array([1.08, 0.9, 0.88], np.float32))
    around = [
        _Part(neck(canvas, who), plain * np.float32(0.94)),
        _Part(cloth(canvas, who), cloth_colour(canvas, who), skin=False),
    ]
    return [*around, head] if STYLES[who.hair_style].covers_ears else [*around, ear, head]


def _scene(canvas: Canvas, parts: list[_Part], hair: Image) -> Image:
    """Heights of everything, as the lamps see it."""
    scene = canvas.blank() - 90.0
    for part in parts:
        scene = np.where(part.shape.cover > 0.5, part.shape.height, scene)
    return np.asarray(scene + 4.0 * canvas.blur(hair, 0.6))


def _lit(canvas: Canvas, part: _Part, height: Image, lighting: Lighting, exposure: float) -> Image:
    """Display colours of a part, (n, n, 3)."""
    n = normals(canvas, height)
    light = received(n, lighting)
    if not part.skin:
        return to_display(light[..., None] * part.tone).astype(np.float32)
    colour = scatter(canvas, light) * part.tone
    if part.glossy:
        colour += (0.030 * gloss(n, lighting, 0.42) + 0.012 * gloss(n, lighting, 0.22))[..., None]
    return to_display(np.float32(exposure) * colour).astype(np.float32)


def _eye_light(
    canvas: Canvas, anatomy: Anatomy, relief: Image, lighting: Lighting
) -> tuple[float, float]:
    light = received(normals(canvas, canvas.blur(relief, 4.0)), lighting)
    rows, columns = ((anatomy.eye_centres + 0.5) * canvas.scale).astype(int)[:, ::-1].T
    left, right = _EXPOSURE * light[rows, columns]
    return float(left), float(right)


def paint(anatomy: Anatomy, who: Identity) -> Painting:
    """Paint the neutral picture of a person."""
    canvas = Canvas(SCALE)
    rng = np.random.default_rng([who.texture_seed, 1])
    front, behind = _hair_layers(canvas, anatomy, who, rng)
    hair = front[..., 3].astype(np.float32) / 255
    parts = _parts(canvas, anatomy, who, rng)
    lighting = set_lights(canvas, _scene(canvas, parts, hair), who)
    pores = roughness_relief(canvas, who, rng)
    exposure = _EXPOSURE + 0.16 * min(who.melanin, 2.0)

    head = parts[-1].shape
    image = over(to_display(backdrop(canvas, who)).astype(np.float32), behind)
    for part in parts:
        height = part.shape.height + pores if part.shape is head else part.shape.height
        cover = part.shape.cover[..., None]
        image += cover * (_lit(canvas, part, height, lighting, exposure) - image)
    image = over(over(image, facial_hair(canvas, anatomy, who, rng)), front)
    picture, face = np.clip(image + 0.5, 0, 255).astype(np.uint8), head.cover * (1 - hair)
    eye_light = _eye_light(canvas, anatomy, head.height, lighting)
    return Painting(picture, face, head.height, lighting, eye_light)
