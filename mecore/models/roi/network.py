"""The networks of ROI CNN-LSTM as plain Keras models (Aouayeb et al. 2019, sections 3.2, 3.3).

The paper states 1,093,531 parameters for the whole system. Of the readings that were tried, one
gives this number: six CNNs of 106,852, each on four channels and with its own output layer
counted, and a sequence network of 452,419. The fourth channel is the transparency of the picture
library that pads the patches; here it is 1 where there is a picture and 0 in the padding.
"""

from __future__ import annotations

import keras
from keras import initializers, layers

from mecore.models.roi.options import RoiOptions

FEATURES = 20
UNITS = 120
BRANCHES = (1, 3, 5, 7)


def region_cnn(shape: tuple[int, int], n_outputs: int, options: RoiOptions) -> keras.Model:
    """Build the CNN of one region: patch → probabilities of the classes and of «not me».

    Its layer ``features`` is what the sequence network sees.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the patch in pixels; no parameter depends on it.
    n_outputs : int
        Classes and one for «not me».
    options : RoiOptions
        Only the group ``network`` matters.
    """
    conv, dense = _starts(options, 0.1), _starts(options, 0.01)
    patch = keras.Input((*shape, int(options.channels)), name="patch")
    x = patch
    for number, (filters, side) in enumerate(((4, 5), (8, 3)), 1):
        x = _convolution(filters, side, f"conv{number}", conv)(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
    branches = [_convolution(16, side, f"branch{side}", conv)(x) for side in BRANCHES]
    x = layers.Concatenate(name="maps")([*branches, x])
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(1024, "relu", kernel_initializer=dense, name="hidden")(x)
    x = layers.Dropout(options.dropout, name="dropout")(x)
    x = layers.Dense(FEATURES, "relu", kernel_initializer=dense, name="features")(x)
    out = layers.Dense(n_outputs, "softmax", kernel_initializer=dense, name="output")(x)
    return keras.Model(patch, out, name="region_cnn")


def sequence_network(n_regions: int, n_classes: int, options: RoiOptions) -> keras.Model:
    """Build the sequence network: region features over time and a mask → class probabilities.

    Inputs are one array (n, T, 20) per region and, with ``padding="masked"``, the mask (n, T),
    true where there is a frame. An explicit mask: a frame whose features are all zero is still one.
    """
    start = _starts(options, 0.01)
    sequences = [keras.Input((None, FEATURES), name=f"region{r}") for r in range(n_regions)]
    mask = keras.Input((None,), dtype="bool", name="mask") if options.padding == "masked" else None
    states = []
    for r, x in enumerate(sequences):
        x = layers.LSTM(UNITS, kernel_initializer=start, name=f"lstm{r}")(x, mask=mask)
        states.append(layers.Dropout(options.dropout, name=f"dropout{r}")(x))
    x = layers.Concatenate(name="states")(states) if n_regions > 1 else states[0]
    x = layers.Dense(64, kernel_initializer=start, name="hidden")(x)
    x = layers.LeakyReLU(options.leaky_slope, name="leaky")(x)
    out = layers.Dense(n_classes, "softmax", kernel_initializer=start, name="output")(x)
    inputs = sequences if mask is None else [*sequences, mask]
    return keras.Model(inputs, out, name="sequence_network")


def _starts(options: RoiOptions, deviation: float) -> object:
    if options.start == "keras":
        return "glorot_uniform"
    return initializers.RandomNormal(stddev=deviation)


def _convolution(filters: int, side: int, name: str, start: object) -> layers.Layer:
    return layers.Conv2D(
        filters, side, padding="same", activation="relu", kernel_initializer=start, name=name
    )


def split_cnn(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cut a region CNN at the concatenated maps: patch → maps, and maps → probabilities.

    The parts share the layers of the model; Grad-CAM looks at the maps between them.
    """
    maps = model.get_layer("maps").output
    x = seen = keras.Input(maps.shape[1:], name="seen")
    for name in ("average", "hidden", "dropout", "features", "output"):
        x = model.get_layer(name)(x)
    return keras.Model(model.input, maps, name="body"), keras.Model(seen, x, name="head")
