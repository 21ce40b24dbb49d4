"""Descriptors of all clips: computed once per clip, kept in the cache, read as memory maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from mecore.data.files import digest, file_sha256, source_digest, write_whole
from mecore.data.places import cache_home
from mecore.errors import DataError
from mecore.evaluation import clips as clip_code
from mecore.evaluation import videos
from mecore.evaluation.clips import Clip, apex_frame, face_clip
from mecore.studies.handcrafted import methods as method_code
from mecore.studies.handcrafted.methods import DESCRIPTORS, METHODS, HandcraftedOptions, prepare

Stored = dict[str, NDArray[Any]]
# Values and clips that are multiplied at a time, so that memory does not grow with either.
BLOCK, ROWS = 2048, 1024
_FLOW_OPTIONS = ("engine", "textured", "length", "weight")


def clip_features(clip: Clip, options: HandcraftedOptions) -> Stored:
    """Return every descriptor of one clip, from the cache where it is there.

    Raises
    ------
    DataError, FaceError
        See `mecore.evaluation.clips.face_clip`.
    ValueError
        A descriptor refused the clip.
    """
    memory = joblib.Memory(cache_home() / "features", mmap_mode="r", verbose=0)
    chosen = {name: getattr(options, name) for name in _FLOW_OPTIONS}
    stored: Stored = memory.cache(_compute, ignore=["options"])(clip, chosen, _code(), options)
    return stored


@cache
def _code() -> str:
    """Digest of all code that a stored descriptor depends on."""
    own = [file_sha256(Path(str(m.__file__))) for m in (clip_code, method_code)]
    return digest([source_digest("data", "preprocessing", "descriptors"), *own])


def _compute(clip: Clip, chosen: Any, code: str, options: HandcraftedOptions) -> Stored:
    frames, points = face_clip(clip)
    material = prepare(frames, points, apex_frame(clip, frames), options)
    return {name: function(material, options) for name, function in DESCRIPTORS.items()}


def prepare_clips(
    clips: Iterable[Clip], options: HandcraftedOptions, executor: Executor, *, progress: bool = True
) -> None:
    """Compute the descriptors of many clips; what is in the cache is not computed again.

    Raises
    ------
    DataError
        Some clips cannot be used: all of them are named, and the others are kept.
    """
    compute = partial(clip_features, options=options)
    videos.prepare(compute, clips, executor, what="clips", progress=progress)


def feature_folder(clips: Sequence[Clip], options: HandcraftedOptions) -> Path:
    """Folder of the feature matrices of some clips in this order."""
    known = [asdict(c) for c in clips], asdict(options), _code()
    return cache_home() / "handcrafted" / digest(known)


def write_matrices(
    clips: Sequence[Clip], methods: Sequence[str], options: HandcraftedOptions
) -> Path:
    """Write features and Gram matrix of every method whose features are not learnt.

    Returns
    -------
    Path
        Folder of ``<method>.npy`` (n, d) float32 and ``<method>.gram.npy`` (n, n); ``atomic.npy``
        (n, frames, 36, 2) for what is learnt in each fold.

    Raises
    ------
    DataError
        NaN or infinite features: method and clip are named.
    """
    folder = feature_folder(clips, options)
    for name in methods:
        path = folder / f"{name}.npy"
        if path.is_file():
            continue
        if not METHODS[name].fitted:
            aside = folder / f"{name}.features.npy"
            write_whole(aside, partial(_write_rows, clips, name, options))
            gram = blockwise_gram(np.load(aside, mmap_mode="r"))
            write_whole(folder / f"{name}.gram.npy", partial(_save, gram))
            aside.replace(path)
        else:
            write_whole(path, partial(_write_rows, clips, name, options))
    return folder


def _save(array: NDArray[Any], path: Path) -> None:
    np.save(path, array)


def _write_rows(clips: Sequence[Clip], name: str, options: HandcraftedOptions, path: Path) -> None:
    """Write the features of one clip after the other, without holding them all in memory."""
    method, out = METHODS[name], None
    for number, clip in enumerate(clips):
        stored = clip_features(clip, options)[method.source]
        row = stored if method.fitted else method.features(stored[None])[0]
        if not np.isfinite(row).all():
            raise DataError(f"{method.title} gives NaN or infinite values", where=clip.name)
        if out is None:
            shape = (len(clips), *row.shape)
            out = np.lib.format.open_memmap(path, "w+", np.float32, shape)
        out[number] = row


def blockwise_gram(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner products of all rows in double precision, some rows and columns at a time."""
    gram = np.zeros((len(features), len(features)))
    for start in range(0, features.shape[1], BLOCK):
        part = features[:, start : start + BLOCK].astype(np.float64)
        for row in range(0, len(gram), ROWS):
            gram[row : row + ROWS] += part[row : row + ROWS] @ part.T
    return gram
