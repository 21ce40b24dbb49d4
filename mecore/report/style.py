"""How figures look: sizes that stay readable in a page, colours that everybody can tell apart."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import seaborn as sns

# Okabe and Ito's palette: distinct for every common kind of colour vision.
COLOURS = {
    "blue": "#0072B2", "orange": "#E69F00", "green": "#009E73", "red": "#D55E00",
    "purple": "#CC79A7", "sky": "#56B4E9", "yellow": "#F0E442", "black": "#000000",
}  # fmt: skip
PROTOCOL_COLOURS = {
    "honest": COLOURS["blue"], "oracle": COLOURS["orange"], "chance": "#888888",
    "oracle on chance": "#bbbbbb",
}  # fmt: skip
SIGNED, MAGNITUDE, HEAT = "RdBu_r", "viridis", "inferno"


def use_style() -> None:
    """Set matplotlib's defaults for the figures of the study; fixed ids make SVGs repeatable."""
    sns.set_theme(context="notebook", style="ticks")
    mpl.rcParams.update({
        "figure.dpi": 110, "savefig.dpi": 110, "figure.constrained_layout.use": True,
        "font.size": 10, "axes.titlesize": 10, "axes.labelsize": 10, "legend.fontsize": 9,
        "xtick.labelsize": 9, "ytick.labelsize": 9, "axes.spines.top": False,
        "axes.spines.right": False, "svg.hashsalt": "mecore", "image.interpolation": "nearest",
    })  # fmt: skip


@contextmanager
def styled() -> Iterator[None]:
    """Use the style of the study for figures made inside, and leave the user's as it was."""
    with mpl.rc_context():
        use_style()
        yield
