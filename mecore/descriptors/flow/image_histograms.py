"""Histograms of ready flow images: HOOF, Bi-WOOF, and gradients as HIGO counts them.

Ready images are scaled to the range that each has (`mecore.descriptors.flow.image`), so the place
of no motion is not known. It is taken to be the median of an image, because most of a face keeps
still; lengths along u and v keep their own units.
"""

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.orientation import biwoof, block_hoof

Floats = NDArray[np.float64]


def motion(images: NDArray[np.floating]) -> NDArray[np.floating]:
    """Flow vectors (n, side, side, 2) of flow images (n, side, side, 3), less their median."""
    flow = images[..., :2]
    return flow - np.median(flow, axis=(1, 2), keepdims=True)


def hoof_of_images(images: NDArray[np.floating], bins: int = 8) -> Floats:
    """HOOF of the whole of each image, (n, bins)."""
    return np.stack([block_hoof(flow, 1, bins).ravel() for flow in motion(images)])


def biwoof_of_images(images: NDArray[np.floating], blocks: int = 5, bins: int = 8) -> Floats:
    """Bi-WOOF of each image, blocks weighted by its strain channel, (n, blocks² · bins)."""
    pairs = zip(motion(images), images[..., 2], strict=True)
    return np.stack([biwoof(flow, blocks, bins, strain).ravel() for flow, strain in pairs])


def higo_of_images(images: NDArray[np.floating], blocks: int = 4, bins: int = 8) -> Floats:
    """Histograms of gradient orientation of u, v and strain in blocks, (n, 3 · blocks² · bins).

    Every pixel counts once, whatever the length of its gradient; one without a gradient does not.
    """
    down, right = np.gradient(np.asarray(images, np.float64), axis=(1, 2))
    length = np.hypot(right, down)
    turned = np.where(length > 0, np.stack([right, down]) / np.where(length > 0, length, 1), 0)
    fields = np.moveaxis(turned, (0, -1), (-1, 1)).reshape(-1, *images.shape[1:3], 2)
    return np.stack([block_hoof(f, blocks, bins) for f in fields]).reshape(len(images), -1)
