"""Every choice in ROI CNN-LSTM that changes a result: paper, code of its successor, this study.

The 2019 code was never published. ``released`` is the code of the journal version by the same
group, whose boxes and convolutions agree with the 2019 paper wherever that can be checked.
"""

from typing import Any, Literal

from mecore.models.choices import Amount, Count, Natural, choice, options, reading


# fmt: off
@options
class RoiOptions:
    """One interpretation of the paper; see `preset` for the three that have a name."""

    SMALL = {"cnn_epochs": 4, "lstm_epochs": 8}  # noqa: RUF012

    # -- regions -----------------------------------------------------------------------------------
    regions: Literal["six", "face"] = choice("six", "regions", "what is cut out of a frame",
        "the whole face is the ablation")
    layout: Literal["landmark", "released"] = choice("landmark", "regions", "where the boxes lie",
        "boxes follow brows, nose and mouth; fixed ones miss brows, or eyes and mouth",
        released="released")
    enlarge: bool = choice(True, "regions", "small faces enlarged to the canvas (fixed boxes only)",
        "otherwise the width of the padding tells the database", written=False, released=False)
    patch_scale: Amount = choice(0.25, "regions", "pixels of a patch per pixel of the paper",
        "a sixteenth of the cost; 1.0 where time allows", written=1.0, released=1.0)
    span: Literal["expression", "clip"] = choice("expression", "regions", "frames of a clip",
        "onset to offset; a frame far from the movement shows no emotion", written="clip",
        released="clip")
    faces: Literal["only", "largest"] = choice("only", "regions", "several faces in a frame",
        "whose face it is should be said", released="largest")
    # -- labels ------------------------------------------------------------------------------------
    labels_from: Literal["emotion", "action_units"] = choice("emotion", "labels", "which regions "
        "react", "as written; action units are not coded in every database")
    cnn_subjects: Literal["training", "everyone"] = choice("training", "labels", "subjects whose "
        "labelled frames the CNNs see", "with everyone, the left-out subject's labels leak",
        released="everyone")
    # -- network -----------------------------------------------------------------------------------
    channels: Literal["4", "3"] = choice("4", "network", "channels: colour, or colour and mask",
        "1,093,531 parameters need four")
    scaling: Literal["standard", "range"] = choice("standard", "network", "grey levels of the "
        "input", "from -1 to 1 the networks learn nothing in affordable time; the mean patch and "
        "the spread of the training subjects are taken out", written="range", released="range")
    dropout: Amount = choice(0.2, "network", "dropout of the CNN head and of each LSTM",
        "both agree")
    leaky_slope: Amount = choice(0.01, "network", "slope of the leaky ReLU", "as released; 0.3 was "
        "the library's default then", written=0.3)
    start: Literal["keras", "released"] = choice("keras", "network", "initial weights",
        "Glorot; N(0, 0.01) leaves dense layers without a signal for many epochs",
        released="released")
    padding: Literal["masked", "unmasked"] = choice("masked", "network", "frames behind the end of "
        "a clip", "hundreds of empty steps wash out the state of an LSTM", written="unmasked",
        released="unmasked")
    length: Natural = choice(0, "network", "steps that sequences are padded to (0: the longest)",
        "with a mask, padding changes nothing", written=500, released=145)
    # -- training ----------------------------------------------------------------------------------
    loss: Literal["focal", "binary_focal", "cross_entropy"] = choice("focal", "training", "loss",
        "the outputs are a softmax; Eq. 2 as printed is for one output", written="binary_focal")
    gamma: Amount = choice(2.0, "training", "focusing parameter γ",
        "as released; the paper gives none")
    weights: Literal["training", "none"] = choice("training", "training", "class weights α: "
        "inverse frequency in", "of the training subjects only")
    frames_per_clip: Natural = choice(6, "training", "frames of a clip in each epoch of the CNNs "
        "(0: all)", "neighbouring frames are nearly the same; another draw each epoch", written=0,
        released=0)
    steps: Count = choice(12, "training", "frames of a clip that the LSTMs see, evenly spaced",
        "neighbouring frames are nearly the same", written=500, released=145)
    cnn_epochs: Count = choice(30, "training", "epochs, CNNs", "cost; fixed before any test",
        written=100, released=60)
    cnn_batch: Count = choice(32, "training", "frames per step, CNNs", "as released", written=64)
    cnn_rate: Amount = choice(0.003, "training", "step of Adam, CNNs", "fewer epochs; the paper is "
        "silent", written=0.001, released=0.0001)
    lstm_epochs: Count = choice(20, "training", "epochs, LSTMs", "cost; fixed before any test",
        written=60, released=250)
    lstm_batch: Count = choice(32, "training", "clips per step, LSTMs", "244 is two steps per "
        "epoch", written=244, released=128)
    lstm_rate: Amount = choice(0.001, "training", "step of Adam, LSTMs", "fewer epochs; the paper "
        "is silent", released=0.0001)
# fmt: on


def preset(name: str = "default", scale: str = "full", **changes: Any) -> RoiOptions:
    """Return an interpretation of the paper by name; see `mecore.models.choices.reading`.

    Examples
    --------
    >>> preset("as_written").cnn_epochs
    100
    >>> preset("as_released", gamma=0).cnn_subjects
    'everyone'
    """
    return reading(RoiOptions, name, scale, **changes)
