"""Spotting by chi-square distance of binary patterns (Moilanen, Zhao, Pietikäinen 2014).

The histograms of a frame's blocks are compared with the mean of those k frames before and after;
the mean over the blocks that differ most, minus its own mean k frames before and after, is the
contrast of the frame. Slow changes and a steady difference leave no contrast.
"""

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.top.histograms import frame_histograms
from mecore.descriptors.top.options import TopOptions
from mecore.spotting._checks import check_length

Floats = NDArray[np.float64]
# 36 blocks of uniform patterns with radius 3, as in the paper.
PATTERNS = TopOptions(planes="XY", rows=6, columns=6, radii=(3, 3, 0))


def chi2_scores(clip: NDArray[np.uint8], k: int, options: TopOptions = PATTERNS) -> Floats:
    """Contrast of each frame of a registered clip.

    Parameters
    ----------
    clip : array, (T, H, W), uint8
        Grey faces; DataError if fewer than 4k + 1.
    k : int
        Half the window, N = 2k + 1 frames.
    options : TopOptions
        Patterns and blocks; they must not lose frames.

    Returns
    -------
    array, (T,), float64
        At least 0; NaN in the first and last 2k frames.
    """
    votes = frame_histograms(clip, options).reshape(len(clip), -1, options.n_bins)
    shares = votes / np.maximum(votes.sum(axis=-1, keepdims=True), 1)
    return contrast(differences(shares, k), k)


def differences(features: Floats, k: int, share: float = 1 / 3) -> Floats:
    """Difference F of each frame from the mean of the frames k before and k after, (T,).

    ``features`` are histograms with sum 1, (T, blocks, bins); ``share`` is the part of the blocks
    that counts, those of the largest distance. NaN in the first and last k frames.
    """
    check_length(len(features), k, 4, 1, "chi-square spotting")
    reference = (features[: -2 * k] + features[2 * k :]) / 2
    current = features[k:-k]
    both = current + reference
    parts = np.divide((current - reference) ** 2, both, out=np.zeros_like(both), where=both > 0)
    distance = np.sort(parts.sum(axis=-1), axis=1)[:, ::-1]
    top = max(1, round(share * features.shape[1]))
    return np.pad(distance[:, :top].mean(axis=1), k, constant_values=np.nan)


def contrast(difference: Floats, k: int) -> Floats:
    """Contrast C of differences F: F minus the mean of those k before and k after, at least 0."""
    check_length(len(difference), k, 4, 1, "chi-square spotting")
    around = (difference[: -2 * k] + difference[2 * k :]) / 2
    return np.pad(np.maximum(difference[k:-k] - around, 0), k, constant_values=np.nan)
