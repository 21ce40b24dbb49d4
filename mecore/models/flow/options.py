"""Every choice that changes what flow networks score: the papers, and this study."""

from typing import Any, Literal

from mecore.models.choices import Amount, Count, Natural, choice, options, reading
from mecore.preprocessing.apex import ApexRule


@options
class FlowOptions:
    """Choices of the audit; none was made by a score. They are those of all its models."""

    SMALL = {"epochs": 20}  # noqa: RUF012

    # -- features: databases that deliver frames ---------------------------------------------------
    faces: Literal["only", "largest"] = choice("only", "features", "several faces in a frame",
        "whose face it is should be said", paper="not said")  # fmt: skip
    missing_apex: ApexRule = choice("difference", "features", "apex where none is annotated",
        "the frame that differs most from the onset", paper="a rule of their own")  # fmt: skip
    # -- training ----------------------------------------------------------------------------------
    epochs: Natural = choice(0, "training", "epochs of every network (0: those in the table of "
        "models)", "fixed before a left-out subject was looked at; the oracle columns show what "
        "else it could have been", paper="STSTNet's port: the last of 800")  # fmt: skip
    batch_size: Count = choice(64, "training", "samples per step", "a default, not tuned",
        paper="not said")  # fmt: skip
    learning_rate: Amount = choice(0.001, "training", "step of Adam", "a default, not tuned",
        paper="STSTNet's port: 0.00005, for grey levels from 0 to 255")  # fmt: skip
    inner_folds: Count = choice(3, "training", "folds that choose the setting of a classifier",
        "by subject, among the training subjects", paper="not said")  # fmt: skip


def chosen(scale: str = "full", **changes: Any) -> FlowOptions:
    """Return the options, some of them changed; see `mecore.models.choices.reading`.

    >>> chosen("small").epochs, chosen("small", epochs=5).epochs
    (20, 5)
    """
    return reading(FlowOptions, scale=scale, **changes)
