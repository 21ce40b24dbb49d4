"""Every choice of the handcrafted study that changes a result: what the sources say, what we do."""

from typing import Annotated, Literal

from pydantic import Field

from mecore.descriptors.flow.engines import Engine
from mecore.models.choices import Amount, Count, choice, options
from mecore.preprocessing.apex import ApexRule

_UNPRINTED = "as in the original paper, not printed"


@options
class HandcraftedOptions:
    """Choices that all descriptors share."""

    SMALL = {"atoms": 32, "iterations": 3}  # noqa: RUF012

    missing_apex: ApexRule = choice("difference", "motion", "apex where none is annotated",
        "the frame that differs most from the onset; Bi-WOOF alone needs it", paper="the thesis "
        "has no feature of the apex")  # fmt: skip
    engine: Engine = choice("fast", "motion", "optical flow of MDMO and its relatives", "TV-L1, as "
        "the other studies", paper="«exactly the same method could not be found»")  # fmt: skip
    textured: bool = choice(False, "motion", "flow of the texture part of a frame", "the phantom "
        "does not flicker", paper="against flicker, on SMIC and CASME")  # fmt: skip
    length: Count = choice(10, "frames", "frames after temporal interpolation", "as written; for "
        "histograms on planes and for Sparse MDMO", paper="10 for LBP-TOP; not said of Sparse "
        "MDMO")  # fmt: skip
    weight: Annotated[float, Field(ge=0, le=1)] = choice(0.9, "mdmo", "λ between magnitude and "
        "angle", "as written", paper="0.9")  # fmt: skip
    atoms: Count = choice(128, "sparse", "atoms of the dictionary of Sparse MDMO", "as GraphSC",
        paper=_UNPRINTED)  # fmt: skip
    alpha: Amount = choice(1.0, "sparse", "weight α of the graph", "as GraphSC", paper=_UNPRINTED)
    beta: Amount = choice(0.1, "sparse", "weight β of sparsity", "as GraphSC", paper=_UNPRINTED)
    iterations: Count = choice(10, "sparse", "steps of the dictionary", "for time", paper="not "
        "said")  # fmt: skip
    pool: Literal["mean", "concatenate"] = choice("mean", "sparse", "from codes of frames to a "
        "clip", "short vectors, as of MDMO", paper="not said")  # fmt: skip
