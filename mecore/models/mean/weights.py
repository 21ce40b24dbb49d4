"""The authors' published weights: HDF5 files of Keras 2.4, read array by array.

Layer names in them (conv2d_63, …) differ between data sets and folds, so arrays are taken in the
order of the attributes ``layer_names`` and ``weight_names``, never sorted.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mecore.data.external import file_set, locate
from mecore.errors import ExternalFileError, nearest
from mecore.models.mean.options import preset
from mecore.models.mean.stacked import Floats, fresh

NAME = "mean-weights"
_FIVE = ["disgust", "happiness", "others", "surprise", "repression"]
_THREE = ["negative", "positive", "surprise"]
# Classes in the order of the published heads, and k' and frame rate of their databases (Table 1).
SETS: dict[str, dict[str, Any]] = {
    folder.lower(): {"folder": folder, "classes": classes, "k_prime": k_prime, "fps": fps}
    for folder, classes, k_prime, fps in [
        ("CASME2", _FIVE, 34, 200), ("SMIC_HS", _THREE, 17, 100), ("SMIC_VIS", _THREE, 4, 25),
        ("SMIC_NIR", _THREE, 4, 25), ("CASME_sq", _THREE, 6, 30), ("SAMMLV", _THREE, 37, 200),
    ]
}  # fmt: skip
# Layers in the order of the published arrays, and of streams and heads within each.
_ORDER = ["conv1", "norm", "conv2", "dense"]
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
            group = file.get("model_weights", file)
            arrays = [
                np.asarray(group[layer][weight], np.float32)
                for layer in group.attrs["layer_names"]
                for weight in group[layer].attrs["weight_names"]
            ]
    except (OSError, KeyError) as error:
        raise ExternalFileError(f"no weights of MEAN: {error}", where=path) from error
    like = fresh(n_classes, preset("as_released"), np.random.default_rng(0))
    places = sorted(like, key=lambda place: _ORDER.index(place.split("_")[0]))
    found, needed = [a.shape for a in arrays], [like[place].shape for place in places]
    if found != needed:
        raise ExternalFileError(
            f"holds arrays {found}, {n_classes} classes need {needed}", where=path
        )
    return dict(zip(places, arrays, strict=True))


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
    folder, n_classes = SETS[name]["folder"], len(SETS[name]["classes"])
    own = [Path(path) for path in file_set(NAME) if path.startswith(f"{folder}/")]
    folds = {int(path.stem.removeprefix("s")) for path in own} - UNTRAINED.get(name, set())
    paths = [locate(NAME, f"{folder}/spot_recog/s{n}.hdf5") for n in sorted(folds)]
    return [load_published(path, n_classes) for path in paths]
