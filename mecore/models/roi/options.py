"""Every choice in ROI CNN-LSTM that changes a result: paper, code of its successor, this study.

The 2019 code was never published. ``released`` is the code of the journal version by the same
group, whose boxes and convolutions agree with the 2019 paper wherever that can be checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mecore.models.choices import Choices, choice, choice_table, reading


@dataclass(frozen=True)
class RoiOptions(Choices):
    """One reading of the paper; see `preset` for the three that have a name.

    Raises
    ------
    OptionError
        A value that is none of those allowed.
    """

    # -- regions ----------------------------------------------------------------------------------
    regions: Literal["six", "face"] = choice(
        "six", "regions", "what is cut out of a frame", written="six", released="six",
        why="the whole face is the ablation",
    )  # fmt: skip
    layout: Literal["landmark", "released"] = choice(
        "landmark", "regions", "where the boxes lie", written="landmark", released="released",
        why="boxes follow brows, nose and mouth; fixed ones miss brows, or eyes and mouth",
    )  # fmt: skip
    enlarge: bool = choice(
        True, "regions", "small faces enlarged to the canvas (fixed boxes only)", written=False,
        released=False, why="otherwise the width of the padding tells the database",
    )  # fmt: skip
    patch_scale: float = choice(
        0.25, "regions", "pixels of a patch per pixel of the paper", written=1.0, released=1.0,
        why="a sixteenth of the cost; 1.0 where time allows",
    )  # fmt: skip
    span: Literal["expression", "clip"] = choice(
        "expression", "regions", "frames of a clip", written="clip", released="clip",
        why="onset to offset; a frame far from the movement shows no emotion",
    )  # fmt: skip
    faces: Literal["only", "largest"] = choice(
        "only", "regions", "several faces in a frame", written="only", released="largest",
        why="whose face it is should be said",
    )  # fmt: skip
    # -- labels -----------------------------------------------------------------------------------
    labels_from: Literal["emotion", "action_units"] = choice(
        "emotion", "labels", "which regions react", written="emotion", released="emotion",
        why="as written; action units are not coded in every database",
    )  # fmt: skip
    cnn_subjects: Literal["training", "everyone"] = choice(
        "training", "labels", "subjects whose labelled frames the CNNs see", written="training",
        released="everyone", why="with everyone, the left-out subject's labels leak",
    )  # fmt: skip
    # -- network ----------------------------------------------------------------------------------
    channels: Literal["4", "3"] = choice(
        "4", "network", "channels: colour, or colour and mask", written="4", released="4",
        why="1,093,531 parameters need four",
    )  # fmt: skip
    scaling: Literal["standard", "range"] = choice(
        "standard", "network", "grey levels of the input", written="range", released="range",
        why="from -1 to 1 the networks learn nothing in affordable time; the mean patch and the "
        "spread of the training subjects are taken out",
    )  # fmt: skip
    dropout: float = choice(
        0.2, "network", "dropout of the CNN head and of each LSTM", written=0.2, released=0.2,
        why="both agree",
    )  # fmt: skip
    leaky_slope: float = choice(
        0.01, "network", "slope of the leaky ReLU", written=0.3, released=0.01,
        why="as released; 0.3 was the library's default then",
    )  # fmt: skip
    start: Literal["keras", "released"] = choice(
        "keras", "network", "initial weights", written="keras", released="released",
        why="Glorot; N(0, 0.01) leaves dense layers without a signal for many epochs",
    )  # fmt: skip
    padding: Literal["masked", "unmasked"] = choice(
        "masked", "network", "frames behind the end of a clip", written="unmasked",
        released="unmasked", why="hundreds of empty steps wash out the state of an LSTM",
    )  # fmt: skip
    length: int = choice(
        0, "network", "steps that sequences are padded to (0: the longest)", written=500,
        released=145, why="with a mask, padding changes nothing",
    )  # fmt: skip
    # -- training ---------------------------------------------------------------------------------
    loss: Literal["focal", "binary_focal", "cross_entropy"] = choice(
        "focal", "training", "loss", written="binary_focal", released="focal",
        why="the outputs are a softmax; Eq. 2 as printed is for one output",
    )  # fmt: skip
    gamma: float = choice(
        2.0, "training", "focusing parameter γ", written=2.0, released=2.0,
        why="as released; the paper gives none",
    )  # fmt: skip
    weights: Literal["training", "none"] = choice(
        "training", "training", "class weights α: inverse frequency in", written="training",
        released="training", why="of the training subjects only",
    )  # fmt: skip
    frames_per_clip: int = choice(
        6, "training", "frames of a clip in each epoch of the CNNs (0: all)", written=0,
        released=0, why="neighbouring frames are nearly the same; another draw each epoch",
    )  # fmt: skip
    steps: int = choice(
        12, "training", "frames of a clip that the LSTMs see, evenly spaced", written=500,
        released=145,
        why="neighbouring frames are nearly the same",
    )  # fmt: skip
    cnn_epochs: int = choice(
        30, "training", "epochs, CNNs", written=100, released=60, why="cost; fixed before any test"
    )
    cnn_batch: int = choice(
        32, "training", "frames per step, CNNs", written=64, released=32, why="as released"
    )
    cnn_rate: float = choice(
        3e-3, "training", "step of Adam, CNNs", written=1e-3, released=1e-4,
        why="fewer epochs; the paper is silent",
    )  # fmt: skip
    lstm_epochs: int = choice(
        20, "training", "epochs, LSTMs", written=60, released=250, why="cost; fixed before any test"
    )
    lstm_batch: int = choice(
        32, "training", "clips per step, LSTMs", written=244, released=128,
        why="244 is two steps per epoch",
    )  # fmt: skip
    lstm_rate: float = choice(
        1e-3, "training", "step of Adam, LSTMs", written=1e-3, released=1e-4,
        why="fewer epochs; the paper is silent",
    )  # fmt: skip


def preset(name: str = "default", **changes: Any) -> RoiOptions:
    """Return a reading of the paper by name, with some options changed.

    See `mecore.models.choices.reading`.

    Examples
    --------
    >>> preset("as_written").cnn_epochs
    100
    >>> preset("as_released", gamma=0).cnn_subjects
    'everyone'
    """
    return reading(RoiOptions, name, **changes)


def option_table() -> list[dict[str, Any]]:
    """Return one row per option: group, name, topic, written, released, default, why."""
    return choice_table(RoiOptions)
