"""Every choice in MEAN that changes a result: what the paper says, what its code does, what we do.

`MeanOptions` has one field for each; see `mecore.models.choices` for what a field says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mecore.models.choices import Choices, choice, choice_table, reading


@dataclass(frozen=True)
class MeanOptions(Choices):
    """One reading of the paper; see `preset` for the three that have a name.

    Raises
    ------
    OptionError
        A value that is none of those allowed.
    """

    # -- features ---------------------------------------------------------------------------------
    engine: Literal["opencv", "dual", "fast", "graph", "dis"] = choice(
        "fast", "features", "optical flow", written="dual", released="dual",
        why="TV-L1 with smaller errors, in less time; `dual` is the flow of OpenCV, bit for bit",
    )  # fmt: skip
    k_seconds: float = choice(
        0.1, "features", "distance k of a pair, in seconds", written=0.1, released=0.1,
        why="2.5 frames are rounded up to 3, as the released table has it",
    )  # fmt: skip
    landmarks_from: Literal["frame", "crop"] = choice(
        "frame", "features", "landmarks predicted on", written="frame", released="crop",
        why="the frame has more detail than the 128-pixel crop",
    )  # fmt: skip
    jpeg_quality: int | None = choice(
        None, "features", "crops stored as JPEG", written=None, released=95,
        why="a second lossy compression adds flow that no face made",
    )  # fmt: skip
    faces: Literal["only", "largest"] = choice(
        "only", "features", "several faces in a frame", written="only", released="largest",
        why="whose face it is should be said; the released code takes the last one found",
    )  # fmt: skip
    eyes: Literal["band", "two"] = choice(
        "band", "features", "eye regions", written="two", released="band",
        why="the published weights expect it, and brows keep their proportions",
    )  # fmt: skip
    normalise: Literal["frame", "crop", "none"] = choice(
        "frame", "features", "input scaled to [0, 1] over", written="crop", released="frame",
        why="the weights prove it; the paper refers to SOFTNet, which scales after cropping",
    )  # fmt: skip
    differences: Literal["backward", "forward", "central"] = choice(
        "backward", "features", "finite differences of strain", written="forward",
        released="backward", why="as released; the paper refers to SOFTNet",
    )  # fmt: skip
    nose_reference: bool = choice(
        False, "features", "flow of the nose subtracted", written=True, released=False,
        why="scaling per frame already cancels a shift of the head",
    )  # fmt: skip
    absolute_flow: bool = choice(
        False, "features", "|u| and |v| in place of u and v", written=True, released=False,
        why="raised and lowered brows differ by sign",
    )  # fmt: skip
    eye_mask: bool = choice(
        False, "features", "flow of the eyes set to 0", written=True, released=False,
        why="action units 5, 6 and 7 move the lids; blinks are left to the network",
    )  # fmt: skip
    missing_apex: Literal["difference", "features"] = choice(
        "difference", "features", "apex where none is annotated", written="difference",
        released="features", why="scaled features say little of the size of a motion",
    )  # fmt: skip
    # -- network ----------------------------------------------------------------------------------
    batch_norm: bool = choice(
        True, "network", "batch normalisation after the first convolutions", written=False,
        released=True, why="7,608 parameters need it",
    )  # fmt: skip
    dropout_shared: float = choice(
        0.3, "network", "dropout after the first pooling", written=0.0, released=0.3,
        why="as released",
    )  # fmt: skip
    dropout_head: float = choice(
        0.2, "network", "dropout before each output", written=0.0, released=0.2, why="as released"
    )
    l2_shared: float = choice(
        0.001, "network", "weight decay of the first convolutions", written=0.0, released=0.001,
        why="as released",
    )  # fmt: skip
    l2_head: float = choice(
        0.1, "network", "weight decay of the second convolutions", written=0.0, released=0.1,
        why="as released",
    )  # fmt: skip
    # -- training ---------------------------------------------------------------------------------
    negatives_per_positive: float = choice(
        8.0, "training", "frames without : with expression", written=8.0, released=5.0,
        why="as written",
    )  # fmt: skip
    balance: Literal["ratio", "released"] = choice(
        "ratio", "training", "rule of that sampling", written="ratio", released="released",
        why="the released rule asks for more frames than there are in some cases",
    )  # fmt: skip
    spot_epochs: int = choice(
        10, "training", "epochs, spotting", written=200, released=10, why="as released"
    )
    recog_epochs: int = choice(
        100, "training", "epochs, recognition", written=800, released=100, why="as released"
    )
    batch_size: int = choice(
        32, "training", "samples per step", written=32, released=32,
        why="as released; the paper is silent",
    )  # fmt: skip
    learning_rate: float = choice(
        5e-4, "training", "step of Adam", written=5e-4, released=5e-4, why="both agree"
    )
    k_prime_from: Literal["training", "all"] = choice(
        "training", "training", "subjects that k' is computed from", written="all", released="all",
        why="the left-out subject may not be looked at",
    )  # fmt: skip
    targets: Literal["features", "written"] = choice(
        "features", "training", "frames with a target", written="written", released="features",
        why="every frame with a feature has one",
    )  # fmt: skip
    frozen_dropout: bool = choice(
        False, "training", "dropout of frozen layers during recognition", written=False,
        released=True, why="frozen means frozen",
    )  # fmt: skip
    same_start: bool = choice(
        False, "training", "all folds start from the same weights", written=False, released=True,
        why="one fold, one seed: folds are repetitions, not copies",
    )  # fmt: skip
    # -- spotting ---------------------------------------------------------------------------------
    smoothing: Literal["normalised", "written", "released", "gaussian", "exponential"] = choice(
        "normalised", "spotting", "smoothing of the scores", written="written",
        released="released", why="symmetric, and defined at the borders",
    )  # fmt: skip
    smoothing_width: float | None = choice(
        None, "spotting", "σ or τ of Gaussian or exponential smoothing", written=None,
        released=None, why="the average has none",
    )  # fmt: skip
    p: float = choice(
        0.55, "spotting", "threshold between mean and maximum", written=0.55, released=0.55,
        why="both agree",
    )  # fmt: skip
    interval: Literal["written", "released"] = choice(
        "released", "spotting", "reach of an interval", written="written", released="released",
        why="symmetric about its peak",
    )  # fmt: skip
    clip: bool = choice(
        True, "spotting", "intervals cut at the ends of the video", written=False, released=False,
        why="there are no frames outside",
    )  # fmt: skip
    without_peak: Literal["nothing", "dummy"] = choice(
        "nothing", "spotting", "a video without peak yields", written="nothing", released="dummy",
        why="the interval [0, 0] is a false alarm that nobody raised",
    )  # fmt: skip
    vote: Literal["onset_to_apex", "apex", "onset_to_offset"] = choice(
        "onset_to_apex", "spotting", "frames that vote for the emotion (case 1, 2, 3)",
        written="onset_to_apex", released="onset_to_apex", why="both agree",
    )  # fmt: skip
    # -- scoring ----------------------------------------------------------------------------------
    matching: Literal["maximum", "best"] = choice(
        "maximum", "scoring", "assignment of intervals to annotations", written="best",
        released="best", why="counts must not depend on the order of the intervals",
    )  # fmt: skip
    videos: Literal["all", "with_micro"] = choice(
        "all", "scoring", "videos trained on and scored", written="with_micro",
        released="with_micro", why="false alarms in videos without an expression count",
    )  # fmt: skip


def preset(name: str = "default", **changes: Any) -> MeanOptions:
    """Return a reading of the paper by name, with some options changed.

    Parameters
    ----------
    name : {"default", "as_written", "as_released"}
        Ours, the text of the paper, or the code published with it.
    **changes
        Options to set otherwise.

    Raises
    ------
    OptionError
        A preset, option or value that does not exist; the message names the nearest right one.

    Examples
    --------
    >>> preset("as_written").spot_epochs
    200
    >>> preset("as_released", p=0.6).p
    0.6
    """
    return reading(MeanOptions, name, **changes)


def option_table() -> list[dict[str, Any]]:
    """Return one row per option: group, name, topic, written, released, default, why."""
    return choice_table(MeanOptions)
