"""Motion magnification on a face that moves by a known amount: what comes out, and until when.

One corner of the mouth of a rendered face rises and falls again by a known number of pixels. The
clip is magnified, and the motion at its height is measured as the multiple of the true one.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mecore.descriptors.flow.engines import optical_flow
from mecore.phantom import SHORT, portrait
from mecore.preprocessing.crop import to_grey
from mecore.preprocessing.magnification import magnify_eulerian, magnify_lagrangian, warp

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
SIDE, FRAMES, PEAK = 128, 24, 8
# Where the corner of the mouth lies on the portrait crop, and how far its motion reaches, pixels.
PLACE, REACH = (78.0, 82.0), 14.0


def known_face(person: int = 0) -> Bytes:
    """Grey face of a person of the phantom's population, (128, 128)."""
    return to_grey(portrait(SHORT.seed, person, size=192))[40:168, 32:160]


def known_motion(size: float) -> Floats:
    """Smooth motion up, ``size`` pixels at `PLACE`, (128, 128, 2)."""
    y, x = np.mgrid[:SIDE, :SIDE]
    shape = np.exp(-((x - PLACE[0]) ** 2 + (y - PLACE[1]) ** 2) / (2 * REACH**2))
    return np.stack([0 * shape, -size * shape], axis=-1).astype(np.float32)


def known_clip(face: Bytes, size: float) -> Bytes:
    """A face whose mouth corner moves by ``size`` pixels in frame `PEAK` and comes back."""
    t = np.arange(FRAMES)
    course = np.clip(np.where(t <= PEAK, t / PEAK, 2 - t / PEAK), 0, 1)
    return np.stack([warp(face, known_motion(size * float(c))) for c in course])


def magnified_motion(size: float, alpha: float, method: str, person: int = 0) -> float:
    """Magnify a known motion, and measure how many times as large it has become.

    Of ``size`` pixels at the peak, by a ``method``, ``"Eulerian"`` or ``"Lagrangian"``. The motion
    of the magnified clip along the true one, in true motions, is ``alpha`` if all is well.
    """
    clip = known_clip(known_face(person), size)
    if method == "Eulerian":
        # It adds to the motion that is there.
        shown = magnify_eulerian(clip, alpha - 1)
    else:
        flows = np.stack([optical_flow(clip[0], frame) for frame in clip])
        shown = magnify_lagrangian(clip[0], flows, alpha)
    truth = known_motion(size)
    found = np.stack([optical_flow(shown[0], frame) for frame in shown[PEAK : PEAK + 3]])
    along = (found * truth).sum(axis=(1, 2, 3)) / float((truth**2).sum())
    return float(along.max())


def magnification_curve(
    sizes: Sequence[float] = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0),
    alphas: Sequence[float] = (2, 5, 10),
) -> pd.DataFrame:
    """Measure both methods over sizes and factors: method, alpha, size, measured (pixels)."""
    return pd.DataFrame([
        {"method": method, "alpha": alpha, "size": size,
         "measured": size * magnified_motion(size, alpha, method)}
        for method, alpha, size in product(("Eulerian", "Lagrangian"), alphas, sizes)
    ])  # fmt: skip
