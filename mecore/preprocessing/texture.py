"""Structure-texture decomposition: an image without what a flickering lamp changes.

Rudin, Osher, Fatemi (1992) split an image into structure, which varies slowly, and texture. Light
changes the structure; texture moves with the skin. Flow is computed on texture with a little
structure left in (Wedel et al., «An improved algorithm for TV-L1 optical flow», 2009, section 3.1).
"""

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import denoise_tv_chambolle

THETA = 0.125
STRUCTURE_TAKEN = 0.95


def texture(image: NDArray[np.uint8], *, contrast: float = 128.0) -> NDArray[np.uint8]:
    """Texture part of a grey image, (H, W) of uint8; 128 where there is none.

    ``contrast`` is the grey levels of a texture of one unit ([-1, 1] as in Wedel et al.). A fixed
    number, so that a frame is not stretched differently from the next. ValueError for any other
    image.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"a grey image of uint8 is needed, not {image.dtype} {image.shape}")
    unit = image / 127.5 - 1
    structure = denoise_tv_chambolle(unit, weight=THETA)
    part = unit - STRUCTURE_TAKEN * structure
    return np.clip(np.rint(128 + contrast * part), 0, 255).astype(np.uint8)
