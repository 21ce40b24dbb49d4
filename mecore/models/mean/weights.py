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
from numpy.typing import NDArray

from mecore.data.external import file_set, locate
from mecore.errors import ExternalFileError, nearest
from mecore.models.mean.network import STREAMS, Mean, build_mean
from mecore.models.mean.options import preset

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
# No recognition file was published for these folds (no sample of the three classes in them): the
# recognition head of their two-headed file is a random start.
UNTRAINED = {"casme_sq": {1, 4, 6, 11, 13}, "sammlv": {19}}


def load_published(path: Path, n_classes: int) -> Mean:
    """Load one published two-headed network (``spot_recog/sN.hdf5``).

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
    network = build_mean(n_classes, preset("as_released"))
    places = _places(network)
    shapes = [a.shape for a in arrays], [tuple(w.shape) for w in places]
    if shapes[0] != shapes[1]:
        raise ExternalFileError(
            f"holds arrays {shapes[0]}, {n_classes} classes need {shapes[1]}", where=path
        )
    for place, array in zip(places, arrays, strict=True):
        place.assign(array)
    return network


def _arrays(group: h5py.Group) -> Iterator[NDArray[np.float32]]:
    for layer in group.attrs["layer_names"]:
        for weight in group[layer].attrs["weight_names"]:
            yield np.asarray(group[layer][weight], np.float32)


def _places(network: Mean) -> list[Any]:
    """Variables in the order of the published arrays."""
    shared = [f"conv1_{s}" for s in STREAMS], [f"norm_{s}" for s in STREAMS]
    variables = [w for names in shared for n in names for w in network.shared.get_layer(n).weights]
    heads = (network.spot, "spot"), (network.recog, "recog")
    for kind in ("conv2", "dense"):
        variables += [w for model, task in heads for w in model.get_layer(f"{kind}_{task}").weights]
    return variables


def published_networks(name: str) -> list[Mean]:
    """Load all networks of a set whose heads were both trained, one per left-out subject.

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
