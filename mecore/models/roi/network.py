"""The networks of ROI CNN-LSTM as plain Keras models (Aouayeb et al. 2019, sections 3.2, 3.3).

The paper states 1,093,531 parameters for the whole system. Of the readings that were tried, one
gives this number: six CNNs of 106,852, each on four channels and with its own output layer
counted, and a sequence network of 452,419. The fourth channel is the transparency of the picture
library that pads the patches; here it is 1 where there is a picture and 0 in the padding.
"""

from functools import partial

import keras
from keras import initializers, layers

from mecore.models.roi.options import RoiOptions

FEATURES, UNITS = 20, 120
BRANCHES = (1, 3, 5, 7)


def region_cnn(shape: tuple[int, int], n_outputs: int, options: RoiOptions) -> keras.Model:
    """Build the CNN of one region: patch → probabilities of the classes and of «not me».

    Its layer ``features`` is what the sequence network sees. No parameter depends on the shape,
    height and width of the patch in pixels; of the options, only the group ``network`` matters.
    """
    conv = partial(layers.Conv2D, padding="same", activation="relu",
                   kernel_initializer=_start(options, 0.1))  # fmt: skip
    dense = partial(layers.Dense, kernel_initializer=_start(options, 0.01))
    x = patch = keras.Input((*shape, int(options.channels)), name="patch")
    for number, (filters, side) in enumerate(((4, 5), (8, 3)), 1):
        x = conv(filters, side, name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
    branches = [conv(16, side, name=f"branch{side}")(x) for side in BRANCHES]
    x = layers.Concatenate(name="maps")([*branches, x])
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = dense(1024, "relu", name="hidden")(x)
    x = layers.Dropout(options.dropout, name="dropout")(x)
    x = dense(FEATURES, "relu", name="features")(x)
    return keras.Model(patch, dense(n_outputs, "softmax", name="output")(x), name="region_cnn")


def sequence_network(n_regions: int, n_classes: int, options: RoiOptions) -> keras.Model:
    """Build the sequence network: region features over time and a mask → class probabilities.

    Inputs are one array (n, T, 20) per region and, with ``padding="masked"``, the mask (n, T),
    true where there is a frame: one whose features are all zero is still a frame.
    """
    start = _start(options, 0.01)
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


def _start(options: RoiOptions, deviation: float) -> object:
    keras_own = options.start == "keras"
    return "glorot_uniform" if keras_own else initializers.RandomNormal(stddev=deviation)


def split_cnn(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cut a region CNN at the concatenated maps: patch → maps, and maps → probabilities.

    The parts share the layers of the model; Grad-CAM looks at the maps between them.
    """
    maps = model.get_layer("maps").output
    return keras.Model(model.input, maps, name="body"), keras.Model(maps, model.output, name="head")
