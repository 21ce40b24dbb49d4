"""Every choice in dense LSTM spotting that changes a result: what the paper says, and what we do.

The paper leaves 21 things open or says two things of one. `DenseOptions` has a field for each that
can be chosen; its metadata makes the table of the book.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mecore.errors import OptionError
from mecore.models import choices

Group = Literal["features", "labels", "network", "training", "spotting"]
DESCRIPTORS = ("lbp", "hog", "higo")
TARGETS = ("overlap", "apex")


def _choice(default: Any, group: Group, topic: str, *, paper: str, why: str) -> Any:
    return field(default=default, metadata={"group": group, "topic": topic, "paper": paper,
                                            "why": why})  # fmt: skip


@dataclass(frozen=True)
class DenseOptions(choices.Choices):
    """One reading of the paper.

    Raises
    ------
    OptionError
        A value that is none of those allowed.
    """

    # -- features ---------------------------------------------------------------------------------
    geometry: Literal["similarity", "lwm"] = _choice(
        "similarity", "features", "registration", paper="local weighted mean from 5 landmarks",
        why="5 points do not determine its polynomials; 'lwm' takes 68",
    )  # fmt: skip
    follow: Literal["track", "landmarks", "first"] = _choice(
        "track", "features", "landmarks in later frames", paper="dlib on each frame",
        why="landmarks tremble by more than an expression moves; tracked points do not",
    )  # fmt: skip
    size: int = _choice(
        128, "features", "side of the registered face, pixels", paper="not said", why="as MEAN"
    )
    blocks: int = _choice(
        8, "features", "block grid", paper="not said", why="8×8×1, as the LBP-TOP of the thesis"
    )
    radius: int = _choice(
        1, "features", "radius of LBP on all planes", paper="not said",
        why="short windows have few centre frames to lose",
    )  # fmt: skip
    bins: int = _choice(
        8, "features", "bins of HOG and HIGO", paper="not said", why="signed, as Li et al. (2018)"
    )
    seconds: float = _choice(
        0.0, "features", "length L of a window, seconds", paper="9 and 23 frames",
        why="0: the mean length of the expressions of the training subjects",
    )  # fmt: skip
    # -- labels -----------------------------------------------------------------------------------
    inclusive: bool = _choice(
        False, "labels", "limits of a window", paper="[i, i + L], L + 1 frames over L",
        why="[i, i + L) holds L frames, and no score exceeds 1",
    )  # fmt: skip
    cut: float = _choice(
        0.5, "labels", "scores below it are 0", paper="0.5", why="as written; for the apex score it"
        " never acts",
    )  # fmt: skip
    ramp: bool = _choice(
        False, "labels", "apex score falls to 0 at the ends", paper="no: to 0.5",
        why="as written; the option trains a sharper peak",
    )  # fmt: skip
    # -- network ----------------------------------------------------------------------------------
    units: int = _choice(20, "network", "units of the LSTM", paper="20", why="as written")
    layers: int = _choice(
        1, "network", "LSTM layers", paper="1; 2 were worse", why="as written; chosen on the test"
    )
    bidirectional: bool = _choice(
        False, "network", "both directions", paper="no", why="as written; for comparison only"
    )
    positions: int = _choice(
        32, "network", "positions M of a scanning window", paper="30 to 40; 30 to 35",
        why="one value for all",
    )  # fmt: skip
    # -- training ---------------------------------------------------------------------------------
    components: int = _choice(
        128, "training", "principal components", paper="none",
        why="fitted on training subjects; 0 for none: 907,941 weights see 40 expressions",
    )  # fmt: skip
    centre: Literal["training", "video"] = _choice(
        "training", "training", "features centred by", paper="not said",
        why="the mean of the training subjects; 'video' also takes off the mean of each video",
    )  # fmt: skip
    stride: int = _choice(
        8, "training", "stride of training windows", paper="not said", why="M/4; 1 at test"
    )
    negatives: float = _choice(
        3.0, "training", "windows without : with expression", paper="not said",
        why="else nearly all are without",
    )  # fmt: skip
    loss: Literal["cross-entropy", "squared"] = _choice(
        "cross-entropy", "training", "loss on soft targets", paper="not said",
        why="suits the sigmoid",
    )  # fmt: skip
    epochs: int = _choice(
        30, "training", "epochs, at most", paper="150", why="by then the loss has stopped falling"
    )
    every: int = _choice(
        3, "training", "epochs between two that can be chosen", paper="1", why="10 to choose from"
    )
    validation: int = _choice(
        2, "training", "training subjects kept to choose epoch and floor on",
        paper="none: the best epoch on the left-out subject", why="nothing is chosen on the test",
    )  # fmt: skip
    batch: int = _choice(32, "training", "batch size", paper="not said", why="usual")
    rate: float = _choice(
        3e-3, "training", "learning rate of Adam", paper="not said",
        why="three times the usual one, for a fifth of the epochs",
    )  # fmt: skip
    # -- spotting ---------------------------------------------------------------------------------
    skip: int = _choice(
        8, "spotting", "first positions of a window left out of the mean", paper="no",
        why="the LSTM has seen little there; the first frame stands still before a video begins",
    )  # fmt: skip
    floor: bool = _choice(
        True, "spotting", "absolute floor besides the threshold", paper="no",
        why="½(max + min) fires in every video; chosen on the validation subjects",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.units, self.layers, self.positions, self.epochs, self.every, self.batch,
               self.stride, self.radius, self.blocks) < 1:  # fmt: skip
            raise OptionError("units, layers, positions, epochs, every, batch, stride, radius and "
                              "blocks are at least 1")  # fmt: skip


def reading(**changes: Any) -> DenseOptions:
    """Return our reading with some options changed; see `mecore.models.choices.reading`."""
    return choices.reading(DenseOptions, **changes)


def option_table() -> list[dict[str, Any]]:
    """Return one row per option: group, topic, name, paper, default, why."""
    return choices.choice_table(DenseOptions)
