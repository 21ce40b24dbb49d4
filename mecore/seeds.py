"""Seeds of the parts of a run, derived from the seed of the whole."""

from __future__ import annotations

import zlib

import numpy as np


def seed_of(seed: int, name: str) -> int:
    """Return the seed of one part of a run, such as a fold, from the seed of the run.

    Examples
    --------
    >>> seed_of(0, "sub01") == seed_of(0, "sub01") != seed_of(0, "sub02")
    True
    """
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])
