"""Networks on onset-apex flow images of 28×28: STSTNet, OFF-ApexNet, MEAN's recognition branch.

A network is described once, by a `FlowNetwork`. `build` makes a plain `keras.Model` of it;
`mecore.models.flow.stacked` trains many copies of it in one graph.

Sources. STSTNet: Liong, Gan, See, Khor, Huang (2019), arXiv 1902.03634, Fig. 2 and Table 1, with
the dropout of the authors' port; that port also pads by two pixels, normalises batches and takes
grey levels as they are, which is left out here. OFF-ApexNet: Liong, Gan, Yau, Huang, Ken (2019).
MEAN: Liong, See, Chan (2023), section 3.3, as written, without batch normalisation.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SIDE, CHANNELS = 28, ("u", "v", "strain")


@dataclass(frozen=True)
class Block:
    """Convolution, max-pooling with the stride of its window, ReLU.

    Both pad with what keeps every pixel («same»). Pooling before the ReLU gives what pooling after
    it gives, and costs less.
    """

    filters: int
    kernel: int
    pool: int


@dataclass(frozen=True)
class FlowNetwork:
    """One network, as data.

    ``streams`` says what each stream sees (0: u, 1: v, 2: strain; neighbours only) and its blocks,
    as many in each; they are concatenated. ``joint`` are blocks on the concatenated maps,
    ``average`` the window of an average pooling of the maps (1 for none), and ``dense`` the units
    of hidden fully connected layers, each with ReLU. ``dropout_maps`` is the dropout of the
    concatenated maps, ``dropout_dense`` that before every fully connected layer but, where there
    are hidden ones, the first.
    """

    name: str
    streams: tuple[tuple[tuple[int, ...], tuple[Block, ...]], ...]
    joint: tuple[Block, ...] = ()
    average: int = 1
    dense: tuple[int, ...] = ()
    dropout_maps: float = 0.0
    dropout_dense: float = 0.0


_OFF_BLOCKS = (Block(6, 5, 2), Block(16, 5, 2))
NETWORKS = {
    n.name: n
    for n in (
        FlowNetwork("STSTNet", tuple(((0, 1, 2), (Block(f, 3, 3),)) for f in (3, 5, 8)),
                    average=2, dropout_maps=0.5),
        FlowNetwork("OFF-ApexNet", (((0,), _OFF_BLOCKS), ((1,), _OFF_BLOCKS)),
                    dense=(1024, 1024), dropout_dense=0.5),
        FlowNetwork("MEAN, recognition",
                    tuple(((c,), (Block(f, 5, 3),)) for c, f in enumerate((3, 3, 8))),
                    joint=(Block(8, 5, 2),), dropout_maps=0.3, dropout_dense=0.2),
    )
}  # fmt: skip


def weight_shapes(
    network: FlowNetwork, n_classes: int, side: int = SIDE
) -> list[tuple[tuple[int, ...], tuple[int]]]:
    """Shapes of kernel and bias of every layer, those of parallel streams side by side."""
    shapes: list[tuple[tuple[int, ...], tuple[int]]] = []

    def add(channels: int, block: Block) -> int:
        shapes.append(((block.kernel, block.kernel, channels, block.filters), (block.filters,)))
        return block.filters

    ends = [len(seen) for seen, _ in network.streams]
    for blocks in zip(*(chain for _, chain in network.streams), strict=True):
        ends = [add(channels, block) for channels, block in zip(ends, blocks, strict=True)]
        side = -(-side // blocks[0].pool)
    channels = sum(ends)
    for block in network.joint:
        channels, side = add(channels, block), -(-side // block.pool)
    units = [channels * (side // network.average) ** 2, *network.dense, n_classes]
    return shapes + [((a, b), (b,)) for a, b in pairwise(units)]


def first_weights(
    network: FlowNetwork, n_classes: int, rng: np.random.Generator, side: int = SIDE
) -> list[Floats]:
    """Draw kernels (Glorot's uniform rule) and zero biases, in the order of `weight_shapes`."""
    from mecore.models.stacking import glorot

    arrays: list[Floats] = []
    for kernel, bias in weight_shapes(network, n_classes, side):
        arrays += [glorot(kernel, rng), np.zeros(bias, np.float32)]
    return arrays


def build(network: FlowNetwork, n_classes: int, side: int = SIDE) -> Any:
    """Build a `keras.Model` of a network, such as ``NETWORKS["STSTNet"]``, for one fold.

    It takes flow images (n, side, side, 3) and gives logits (n, C). ``get_weights`` and
    ``set_weights`` use the order of `weight_shapes`.
    """
    import keras
    from keras import layers

    def blocks(x: Any, chain: tuple[Block, ...]) -> Any:
        for b in chain:
            x = layers.Conv2D(b.filters, b.kernel, padding="same")(x)
            x = layers.MaxPooling2D(b.pool, padding="same")(x)
            x = layers.ReLU()(x)
        return x

    image = keras.Input((side, side, len(CHANNELS)))
    parts = []
    for seen, chain in network.streams:
        part = image if len(seen) == len(CHANNELS) else image[..., seen[0] : seen[-1] + 1]
        parts.append(blocks(part, chain))
    x = layers.Dropout(network.dropout_maps)(layers.Concatenate()(parts))
    x = blocks(x, network.joint)
    if network.average > 1:
        x = layers.AveragePooling2D(network.average)(x)
    x = layers.Flatten()(x)
    for number, units in enumerate((*network.dense, n_classes)):
        if number or not network.dense:
            x = layers.Dropout(network.dropout_dense)(x)
        hidden = number < len(network.dense)
        x = layers.Dense(units, activation="relu" if hidden else None)(x)
    return keras.Model(image, x, name="".join(c for c in network.name if c.isalnum()))
