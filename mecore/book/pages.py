"""The pages of the book that are made from chapters, and what each is executed with."""

from dataclasses import dataclass
from typing import Any

from mecore.data.external import set_folder

SCALES = ("full", "small")


@dataclass(frozen=True)
class Page:
    """One page.

    Parameters
    ----------
    chapter, dataset : str
        Its notebook; what it is run on, empty where the notebook itself says that.
    seconds : (float, float)
        What it takes with one worker at full and at small scale, nothing stored yet, on a machine
        that counts as `mecore.book.progress.speed` 1. They say how long a first build will take.
    """

    chapter: str
    dataset: str
    seconds: tuple[float, float]

    def parameters(self, scale: str) -> dict[str, Any]:
        """Parameters that change the results of the page."""
        dataset = self.dataset
        if self.chapter == "honest_evaluation":
            # Ready flow images of people where they are at hand.
            dataset = "megc2019_flow" if set_folder("megc2019_flow") else dataset
        return {"scale": scale} | ({"dataset": dataset} if dataset else {})


# The other parts of a build, as `Page.seconds`.
OTHER_SECONDS = {"phantom-short": (40.0, 6.0), "phantom-long": (60.0, 7.0), "rendering": (8.0, 7.0)}
PAGES = {
    "data": Page("data", "", (150, 30)),
    "mean-phantom-short": Page("mean", "phantom-short", (420, 42)),
    "mean-phantom-long": Page("mean", "phantom-long", (480, 42)),
    "handcrafted-phantom-short": Page("handcrafted", "phantom-short", (480, 38)),
    "dense_lstm-phantom-long": Page("dense_lstm", "phantom-long", (480, 72)),
    "roi_cnn_lstm-phantom-short": Page("roi_cnn_lstm", "phantom-short", (600, 95)),
    "honest_evaluation": Page("honest_evaluation", "phantom-short", (420, 36)),
}
