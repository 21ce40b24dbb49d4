"""Descriptors of all clips: computed once per video, kept in the cache, put together on disk.

What is kept of an expression are counts, directions and flow; no face is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mecore.data.code import code_digest
from mecore.data.files import digest, write_whole
from mecore.data.places import cache_home
from mecore.descriptors.materials import Materials, describe, options_of
from mecore.descriptors.registry import Descriptor
from mecore.errors import DataError
from mecore.evaluation.cache import cached
from mecore.evaluation.clips import Clip
from mecore.evaluation.videos import VideoItem
from mecore.preprocessing.clips import face_clips
from mecore.studies.handcrafted.options import HandcraftedOptions

Array = NDArray[Any]
Compute = Callable[..., Array]
# Values and clips that are multiplied at a time, so that memory does not grow with either.
BLOCK, ROWS = 2048, 1024


@dataclass(frozen=True)
class Expressions:
    """The expressions of one video, as descriptors see them; decoded when first asked for."""

    item: VideoItem
    options: HandcraftedOptions

    @cached_property
    def materials(self) -> list[Materials]:
        """Materials of each expression."""
        faces = face_clips(self.item.footage, self.item.spans)
        return [
            Materials(frames=frames, points=points, span=span, **asdict(self.options))
            for (frames, points), span in zip(faces, self.item.spans, strict=True)
        ]


@dataclass(frozen=True)
class Source:
    """What is computed of some expressions; its identity is all that the result depends on."""

    compute: Compute
    expressions: Expressions

    @property
    def materials(self) -> list[Materials]:
        """Materials of each expression."""
        return self.expressions.materials

    @property
    def identity(self) -> tuple[object, ...]:
        """Function, code, options that it reads, video and spans."""
        item = self.expressions.item
        return (*known_of(self.compute, self.expressions.options),
                item.footage.identity, item.spans)  # fmt: skip


def known_of(compute: Compute, options: HandcraftedOptions) -> tuple[object, ...]:
    """What the array of a clip depends on but the clip: function, code, options that are read."""
    values = asdict(options)
    read = {name: values[name] for name in options_of(compute, values)}
    code = code_digest(compute.__module__, face_clips.__module__, Materials.__module__)
    return compute.__module__, compute.__qualname__, code, read


def shown_flow(aligned: NDArray[np.float32], apex: int) -> NDArray[np.float32]:
    """Return the motion from onset to apex on a quarter of the pixels, for figures."""
    return aligned[max(apex, 1) - 1][::2, ::2]


def array_of(clip: Clip, compute: Compute, options: HandcraftedOptions) -> Array:
    """Return what a function gives of one clip, from the cache where it is there.

    For errors see `mecore.preprocessing.clips.face_clips`; ValueError if the function refuses it.
    """
    whole = cached(describe, Source(compute, Expressions(clip.item, options)))
    return np.asarray(whole[clip.number])


def compute_all(item: VideoItem, computes: Iterable[Compute], options: HandcraftedOptions) -> None:
    """Compute some functions of a video, and keep what they give; it is decoded once at most."""
    expressions = Expressions(item, options)
    for compute in dict.fromkeys(computes):
        cached(describe, Source(compute, expressions))


def matrix_file(clips: Sequence[Clip], kind: Descriptor, options: HandcraftedOptions) -> Path:
    """File of the features of some clips in this order."""
    places = [(clip.item.footage.identity, clip.item.spans, clip.number) for clip in clips]
    known = *known_of(kind.compute, options), kind.scale, kind.planes, code_digest(__name__)
    return cache_home() / "handcrafted" / digest([known, places]) / f"{kind.name}.npy"


def gram_file(path: Path) -> Path:
    """File of the inner products of the features in a file."""
    return path.with_suffix(".gram.npy")


def write_matrix(
    clips: Sequence[Clip], kind: Descriptor, options: HandcraftedOptions, path: Path
) -> None:
    """Write features and Gram matrix of a descriptor; of one that is learnt, the arrays alone.

    The file of `matrix_file` gets (n, d) float32, that of `gram_file` (n, n); or the first alone
    (n, …) float32. DataError if features are not finite: descriptor and clip are named.
    """
    if path.is_file():
        return
    aside = path.with_suffix(".features.npy") if kind.learn is None else path
    write_whole(aside, partial(_write_rows, clips, kind, options))
    if kind.learn is None:
        gram = blockwise_gram(np.load(aside, mmap_mode="r"))
        write_whole(gram_file(path), lambda place: np.save(place, gram))
        aside.replace(path)


def _write_rows(
    clips: Sequence[Clip], kind: Descriptor, options: HandcraftedOptions, path: Path
) -> None:
    """Write the features of one clip after the other, without holding them all in memory."""
    out = None
    for number, clip in enumerate(clips):
        stored = array_of(clip, kind.compute, options)
        row = kind.vectors(stored[None])[0] if kind.learn is None else stored
        if not np.isfinite(row).all():
            raise DataError(f"{kind.title} gives NaN or infinite values", where=clip.name)
        if out is None:
            out = open_memmap(path, "w+", np.float32, (len(clips), *row.shape))
        out[number] = row


def blockwise_gram(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner products of all rows in double precision, some rows and columns at a time."""
    gram = np.zeros((len(features), len(features)))
    for start in range(0, features.shape[1], BLOCK):
        part = features[:, start : start + BLOCK].astype(np.float64)
        for row in range(0, len(gram), ROWS):
            gram[row : row + ROWS] += part[row : row + ROWS] @ part.T
    return gram
