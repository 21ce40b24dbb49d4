"""Every choice in MEAN that changes a result: what the paper says, its code does, and we do."""

from typing import Any, Literal

from mecore.models.choices import Amount, Count, choice, options, reading


# fmt: off
@options
class MeanOptions:
    """One interpretation of the paper, see `preset`; `mecore.models.choices` explains a field."""

    SMALL = {"spot_epochs": 2, "recog_epochs": 15}  # noqa: RUF012

    engine: Literal["opencv", "dual", "fast", "graph", "dis"] = choice("fast", "features",
        "optical flow", "TV-L1 with smaller errors, in less time; `dual` is the flow of OpenCV, "
        "bit for bit", written="dual", released="dual")
    k_seconds: Amount = choice(0.1, "features", "distance k of a pair, in seconds",
        "2.5 frames are rounded up to 3, as the released table has it")
    landmarks_from: Literal["frame", "crop"] = choice("frame", "features", "landmarks predicted on",
        "the frame has more detail than the 128-pixel crop", released="crop")
    jpeg_quality: int | None = choice(None, "features", "crops stored as JPEG",
        "a second lossy compression adds flow that no face made", released=95)
    faces: Literal["only", "largest"] = choice("only", "features", "several faces in a frame",
        "whose face it is should be said; the released code takes the last one found",
        released="largest")
    eyes: Literal["band", "two"] = choice("band", "features", "eye regions",
        "the published weights expect it, and brows keep their proportions", written="two")
    normalise: Literal["frame", "crop", "none"] = choice("frame", "features",
        "input scaled to [0, 1] over", "the weights prove it; the paper refers to SOFTNet, which "
        "scales after cropping", written="crop")
    differences: Literal["backward", "forward", "central"] = choice("backward", "features",
        "finite differences of strain", "as released; the paper refers to SOFTNet",
        written="forward")
    nose_reference: bool = choice(False, "features", "flow of the nose subtracted",
        "scaling per frame already cancels a shift of the head", written=True)
    absolute_flow: bool = choice(False, "features", "|u| and |v| in place of u and v",
        "raised and lowered brows differ by sign", written=True)
    eye_mask: bool = choice(False, "features", "flow of the eyes set to 0",
        "action units 5, 6 and 7 move the lids; blinks are left to the network", written=True)
    missing_apex: Literal["difference", "features"] = choice("difference", "features",
        "apex where none is annotated", "scaled features say little of the size of a motion",
        released="features")

    batch_norm: bool = choice(True, "network", "batch normalisation after the first convolutions",
        "7,608 parameters need it", written=False)
    dropout_shared: Amount = choice(0.3, "network", "dropout after the first pooling",
        "as released", written=0.0)
    dropout_head: Amount = choice(0.2, "network", "dropout before each output",
        "as released", written=0.0)
    l2_shared: Amount = choice(0.001, "network", "weight decay of the first convolutions",
        "as released", written=0.0)
    l2_head: Amount = choice(0.1, "network", "weight decay of the second convolutions",
        "as released", written=0.0)

    negatives_per_positive: Amount = choice(8.0, "training", "frames without : with expression",
        "as written", released=5.0)
    balance: Literal["ratio", "released"] = choice("ratio", "training", "rule of that sampling",
        "the released rule asks for more frames than there are in some cases", released="released")
    spot_epochs: Count = choice(10, "training", "epochs, spotting", "as released", written=200)
    recog_epochs: Count = choice(100, "training", "epochs, recognition", "as released", written=800)
    batch_size: Count = choice(32, "training", "samples per step",
        "as released; the paper is silent")
    learning_rate: Amount = choice(0.0005, "training", "step of Adam", "both agree")
    k_prime_from: Literal["training", "all"] = choice("training", "training",
        "subjects that k' is computed from", "the left-out subject may not be looked at",
        written="all", released="all")
    targets: Literal["features", "written"] = choice("features", "training", "frames with a target",
        "every frame with a feature has one", written="written")
    frozen_dropout: bool = choice(False, "training", "dropout of frozen layers during recognition",
        "frozen means frozen", released=True)
    same_start: bool = choice(False, "training", "all folds start from the same weights",
        "one fold, one seed: folds are repetitions, not copies", released=True)

    smoothing: Literal["normalised", "written", "released", "gaussian", "exponential"] = choice(
        "normalised", "spotting", "smoothing of the scores",
        "symmetric, and defined at the borders", written="written", released="released")
    smoothing_width: Amount | None = choice(None, "spotting",
        "σ or τ of Gaussian or exponential smoothing", "the average has none")
    p: Amount = choice(0.55, "spotting", "threshold between mean and maximum", "both agree")
    interval: Literal["written", "released"] = choice("released", "spotting",
        "reach of an interval", "symmetric about its peak", written="written")
    clip: bool = choice(True, "spotting", "intervals cut at the ends of the video",
        "there are no frames outside", written=False, released=False)
    without_peak: Literal["nothing", "dummy"] = choice("nothing", "spotting",
        "a video without peak yields", "the interval [0, 0] is a false alarm that nobody raised",
        released="dummy")
    vote: Literal["onset_to_apex", "apex", "onset_to_offset"] = choice("onset_to_apex", "spotting",
        "frames that vote for the emotion (case 1, 2, 3)", "both agree")

    matching: Literal["maximum", "best"] = choice("maximum", "scoring",
        "assignment of intervals to annotations", "counts must not depend on the order of the "
        "intervals", written="best", released="best")
    videos: Literal["all", "with_micro"] = choice("all", "scoring", "videos trained on and scored",
        "false alarms in videos without an expression count",
        written="with_micro", released="with_micro")
# fmt: on


def preset(name: str = "default", scale: str = "full", **changes: Any) -> MeanOptions:
    """Return an interpretation of the paper by name; see `mecore.models.choices.reading`.

    Examples
    --------
    >>> preset("as_written").spot_epochs
    200
    >>> preset("as_released", p=0.6).p
    0.6
    """
    return reading(MeanOptions, name, scale, **changes)
