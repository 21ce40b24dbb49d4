"""The authors' published weights: HDF5 files of Keras 2.4, read array by array.

Layer names in them (conv2d_63, …) differ between data sets and folds, so arrays are taken in the
order of the attributes ``layer_names`` and ``weight_names``, never sorted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mecore.data.external import file_set, locate
from mecore.errors import ExternalFileError, nearest
from mecore.models.mean.network import STREAMS
from mecore.models.mean.options import preset
from mecore.models.mean.stacked import Floats, fresh

NAME = "mean-weights"
# Classes in the order of the published heads, and k' and frame rate of their databases (Table 1).
SETS: dict[str, dict[str, Any]] = {
    name: {"folder": folder, "classes": classes, "k_prime": k_prime, "fps": fps}
    for name, folder, classes, k_prime, fps in [
        ("casme2", "CASME2", ["disgust", "happiness", "others", "surprise", "repression"], 34, 200),
        ("smic_hs", "SMIC_HS", ["negative", "positive", "surprise"], 17, 100),
        ("smic_vis", "SMIC_VIS", ["negative", "positive", "surprise"], 4, 25),
        ("smic_nir", "SMIC_NIR", ["negative", "positive", "surprise"], 4, 25),
        ("casme_sq", "CASME_sq", ["negative", "positive", "surprise"], 6, 30),
        ("sammlv", "SAMMLV", ["negative", "positive", "surprise"], 37, 200),
    ]
}
# Where the published arrays belong, in their order.
_PLACES = [
    *(f"conv1_{stream}/{weight}" for stream in STREAMS for weight in ("kernel", "bias")),
    *(f"norm_{stream}/{weight}" for stream in STREAMS
      for weight in ("gamma", "beta", "moving_mean", "moving_variance")),
    *(f"{layer}_{task}/{weight}" for layer in ("conv2", "dense") for task in ("spot", "recog")
      for weight in ("kernel", "bias")),
]  # fmt: skip
# No recognition file was published for these folds (no sample of the three classes in them): the
# recognition head of their two-headed file is a random start.
UNTRAINED = {"casme_sq": {1, 4, 6, 11, 13}, "sammlv": {19}}


def load_published(path: Path, n_classes: int) -> dict[str, Floats]:
    """Load the weights of one published two-headed network (``spot_recog/sN.hdf5``).

    Returns
    -------
    dict
        By layer and name, as `mecore.models.mean.stacked.MeanStack` takes them.

    Raises
    ------
    ExternalFileError
        Not such a file, or one with another number of classes.
    """
    try:
        with h5py.File(path, "r") as file:
            arrays = list(_arrays(file.get("model_weights", file)))
    except (OSError, KeyError) as error:
        raise ExternalFileError(f"no weights of MEAN: {error}", where=path) from error
    like = fresh(n_classes, preset("as_released"), np.random.default_rng(0))
    shapes = [a.shape for a in arrays], [like[place].shape for place in _PLACES]
    if shapes[0] != shapes[1]:
        raise ExternalFileError(
            f"holds arrays {shapes[0]}, {n_classes} classes need {shapes[1]}", where=path
        )
    return dict(zip(_PLACES, arrays, strict=True))


def _arrays(group: h5py.Group) -> Iterator[Floats]:
    for layer in group.attrs["layer_names"]:
        for weight in group[layer].attrs["weight_names"]:
            yield np.asarray(group[layer][weight], np.float32)


def published_networks(name: str) -> list[dict[str, Floats]]:
    """Load the weights of all networks of a set, one per left-out subject, with both heads trained.

    Parameters
    ----------
    name : str
        ``"casme2"``, ``"casme_sq"``, ``"sammlv"``, ``"smic_hs"``, ``"smic_nir"``, ``"smic_vis"``.

    Raises
    ------
    ExternalFileError
        No such set, or its files are not there: ``mecore fetch mean-weights``.
    """
    if name not in SETS:
        raise ExternalFileError(f"no published weights are called {name!r}; {nearest(name, SETS)}")
    about = SETS[name]
    folds = sorted(
        int(Path(p).stem.removeprefix("s"))
        for p in file_set(NAME)
        if p.startswith(f"{about['folder']}/")
    )
    trained = [n for n in folds if n not in UNTRAINED.get(name, ())]
    paths = [locate(NAME, f"{about['folder']}/spot_recog/s{n}.hdf5") for n in trained]
    return [load_published(p, len(about["classes"])) for p in paths]
