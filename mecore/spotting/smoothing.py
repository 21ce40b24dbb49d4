"""Smooth the frame scores of a video before peaks are looked for.

Five ways (Liong, See, Chan 2022, Eq. 11 and Table 7). All return one value per frame, at the same
index as the score; NaN means «not defined here» and is ignored by the peak search.

``"normalised"`` (default)
    Mean over the existing frames of [i − k', i + k']: symmetric, and defined at the borders.
``"written"``
    Eq. 11: the mean over 2k' + 1 frames, with k' frames at either end undefined (NaN).
``"released"``
    The released code: the mean over the 2k' frames [i − k', i + k' − 1], half a frame off centre,
    with zeros outside the video.
``"gaussian"``, ``"exponential"``
    Table 7: weights exp(−d²/2σ²) or exp(−|d|/τ) over [i − k', i + k'], divided by their sum over
    the existing frames. The paper gives σ and τ (1 and 3) but no length; it is that of Eq. 11.
"""

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import windows

from mecore.errors import OptionError, check_option
from mecore.spotting._checks import as_scores, check_half_length

Floats = NDArray[np.float64]
Smoothing: TypeAlias = Literal["normalised", "written", "released", "gaussian", "exponential"]


def smooth(
    scores: ArrayLike, k_prime: int, *, method: Smoothing = "normalised",
    width: float | None = None,
) -> Floats:  # fmt: skip
    """Smooth the scores of one video.

    Parameters
    ----------
    scores : array_like, shape (n_frames,)
        Raw score of every frame with a feature; n_frames may be 0 or below the window length.
    k_prime : int
        Half the length of an expression in frames, at least 1.
    method : {"normalised", "written", "released", "gaussian", "exponential"}
        See the head of this module.
    width : float, optional
        σ or τ in frames, above 0; needed by, and only by, the last two methods.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        Within the range of the scores, except for ``"released"`` near the borders; NaN where
        undefined (``"written"`` only).

    Raises
    ------
    DataError
        Scores that are NaN, infinite or of another shape.
    OptionError
        A method that does not exist, or a width that is missing, out of place or not above 0.
    """
    check_option(method, get_args(Smoothing), "method")
    check_half_length(k_prime)
    values = as_scores(scores)
    weights = _weights(method, k_prime, width)
    if values.size == 0:
        return values
    if method == "released":
        return _window_sums(values, weights, k_prime)
    # relative to the first score, so that equal scores stay equal to the last bit
    level = values[0]
    sums = _window_sums(values - level, weights, k_prime)
    total = _window_sums(np.ones_like(values), weights, k_prime)
    smoothed = level + sums / total
    if method == "written":
        smoothed[:k_prime] = smoothed[-k_prime:] = np.nan
    return smoothed


def _weights(method: Smoothing, k_prime: int, width: float | None) -> Floats:
    """Weights of the window that starts k' frames before its frame."""
    if method in ("gaussian", "exponential"):
        if width is None or not 0 < width < float("inf"):
            raise OptionError(f"width: method={method!r} needs a value above 0, found {width}")
        if method == "gaussian":
            return np.asarray(windows.gaussian(2 * k_prime + 1, width), float)
        return np.asarray(windows.exponential(2 * k_prime + 1, tau=width), float)
    if width is not None:
        raise OptionError(f"width: method={method!r} has none, found {width}")
    size = 2 * k_prime
    return np.full(size, 1 / size) if method == "released" else np.ones(size + 1)


def _window_sums(values: Floats, weights: Floats, k_prime: int) -> Floats:
    """Sum of weights times values from k' frames before every frame, zeros outside the video.

    Added up shift by shift: every frame then sums in the same order, and equal windows give equal
    sums to the last bit, which a plateau needs to be seen as one.
    """
    padded = np.pad(values, (k_prime, len(weights) - 1 - k_prime))
    sums = np.zeros_like(values)
    for shift, weight in enumerate(weights):
        sums += weight * padded[shift : shift + len(values)]
    return sums
