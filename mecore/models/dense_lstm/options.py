"""Every choice in dense LSTM spotting that changes a result: what the paper says, and what we do.

The paper leaves 21 things open or says two things of one. What can be chosen is a field, whose
metadata makes the table of the book.
"""

from typing import Any, Literal

from mecore.models.choices import Amount, Count, Natural, choice, options, reading
from mecore.preprocessing.apex import ApexRule

DESCRIPTORS = ("lbp", "hog", "higo")
TARGETS = ("overlap", "apex")


# fmt: off
@options
class DenseOptions:
    """One interpretation of the paper."""

    SMALL = {"epochs": 4, "every": 2, "components": 32}  # noqa: RUF012

    geometry: Literal["similarity", "lwm"] = choice("similarity", "features", "registration",
        "5 points do not determine its polynomials; 'lwm' takes 68", paper="local weighted mean "
        "from 5 landmarks")
    follow: Literal["track", "landmarks", "first"] = choice("track", "features", "landmarks in "
        "later frames", "landmarks tremble by more than an expression moves; tracked points do not",
        paper="dlib on each frame")
    size: Count = choice(128, "features", "side of the registered face, pixels", "as MEAN",
        paper="not said")
    blocks: Count = choice(8, "features", "block grid", "8×8×1, as the LBP-TOP of the thesis",
        paper="not said")
    radius: Count = choice(1, "features", "radius of LBP on all planes", "short windows have few "
        "centre frames to lose", paper="not said")
    bins: Count = choice(8, "features", "bins of HOG and HIGO", "signed, as Li et al. (2018)",
        paper="not said")
    missing_apex: ApexRule = choice("middle", "apex", "apex where none is annotated",
        "half-way from onset to offset; 'difference': the frame that differs most from the onset",
        paper="not said; SMIC has none")
    seconds: Amount = choice(0.0, "labels", "length L of a window, seconds", "0: the mean length "
        "of the expressions of the training subjects", paper="9 and 23 frames")
    inclusive: bool = choice(False, "labels", "limits of a window", "[i, i + L) holds L frames, "
        "and no score exceeds 1", paper="[i, i + L], L + 1 frames over L")
    cut: Amount = choice(0.5, "labels", "scores below it are 0", "as written; for the apex score "
        "it never acts", paper="0.5")
    ramp: bool = choice(False, "labels", "apex score falls to 0 at the ends", "as written; the "
        "option trains a sharper peak", paper="no: to 0.5")
    units: Count = choice(20, "network", "units of the LSTM", "as written", paper="20")
    layers: Count = choice(1, "network", "LSTM layers", "as written; chosen on the test",
        paper="1; 2 were worse")
    bidirectional: bool = choice(False, "network", "both directions", "as written; for comparison "
        "only", paper="no")
    positions: Count = choice(32, "network", "positions M of a scanning window", "one value for "
        "all", paper="30 to 40; 30 to 35")
    components: Natural = choice(128, "training", "principal components", "fitted on training "
        "subjects; 0 for none: 907,941 weights see 40 expressions", paper="none")
    centre: Literal["training", "video"] = choice("training", "training", "features centred by",
        "the mean of the training subjects; 'video' also takes off the mean of each video",
        paper="not said")
    stride: Count = choice(8, "training", "stride of training windows", "M/4; 1 at test",
        paper="not said")
    negatives: Amount = choice(3.0, "training", "windows without : with expression", "else nearly "
        "all are without", paper="not said")
    loss: Literal["cross-entropy", "squared"] = choice("cross-entropy", "training", "loss on soft "
        "targets", "suits the sigmoid", paper="not said")
    epochs: Count = choice(30, "training", "epochs, at most", "by then the loss has stopped "
        "falling", paper="150")
    every: Count = choice(3, "training", "epochs between two that can be chosen", "10 to choose "
        "from", paper="1")
    validation: Natural = choice(2, "training", "training subjects kept to choose epoch and floor "
        "on", "nothing is chosen on the test", paper="none: the best epoch on the left-out "
        "subject")
    batch: Count = choice(32, "training", "batch size", "usual", paper="not said")
    rate: Amount = choice(0.003, "training", "learning rate of Adam", "three times the usual one, "
        "for a fifth of the epochs", paper="not said")
    skip: Natural = choice(8, "spotting", "first positions of a window left out of the mean",
        "the LSTM has seen little there; the first frame stands still before a video begins",
        paper="no")
    floor: bool = choice(True, "spotting", "absolute floor besides the threshold", "½(max + min) "
        "fires in every video; chosen on the validation subjects", paper="no")
# fmt: on


def preset(scale: str = "full", **changes: Any) -> DenseOptions:
    """Return our interpretation, with some options changed; see `mecore.models.choices.reading`."""
    return reading(DenseOptions, "default", scale, **changes)
