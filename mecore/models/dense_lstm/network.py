"""The network of Tran et al. (2019): an LSTM of 20 units and one dense output per position.

For features of length D it has 80 D + 1,701 parameters. Padding stands at the end of a window, not
seen yet when what comes before is scored; a mask keeps it from a network that also reads backwards,
and from the loss.
"""

import keras
from keras import layers

from mecore.models.dense_lstm.options import DenseOptions


def build_network(length: int, options: DenseOptions) -> keras.Model:
    """Build a network with fresh weights from Keras' global seed.

    Parameters
    ----------
    length : int
        D, length of the features of a position.
    options : DenseOptions
        Only the group ``network`` matters.

    Returns
    -------
    keras.Model
        Features (n, M, D) and mask (n, M) of bool → scores (n, M) before the sigmoid.
    """
    features = keras.Input((options.positions, length), name="features")
    mask = keras.Input((options.positions,), dtype="bool", name="mask")
    x = features
    for number in range(options.layers):
        lstm = layers.LSTM(options.units, return_sequences=True, name=f"lstm_{number + 1}")
        if options.bidirectional:
            x = layers.Bidirectional(lstm, name=f"both_{number + 1}")(x, mask=mask)
        else:
            x = lstm(x)
    scores = layers.Dense(1, name="score")(x)[..., 0]
    return keras.Model([features, mask], scores, name="dense_lstm")
