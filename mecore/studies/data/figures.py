"""Figures of the data chapter that show the phantom: its people and their motions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.phantom import SHORT, load_truth, portrait, true_flow
from mecore.phantom.action_units import ACTION_UNITS
from mecore.report.faces import show_image
from mecore.report.style import COLOURS, MAGNITUDE
from mecore.studies.data.phantom_checks import truth_of


def draw_people(axes: NDArray[Any]) -> NDArray[Any]:
    """Portraits of the first people of the phantom's population, one per axes."""
    for number, ax in enumerate(axes.flat):
        show_image(ax, portrait(SHORT.seed, number, size=192), f"person {number + 1}")
    return axes


def draw_action_units(axes: NDArray[Any], person: int = 9) -> NDArray[Any]:
    """One person at rest, then with each action unit in turn, far stronger than in a glimpse."""
    for ax in axes.flat:
        ax.set_axis_off()
    face = np.s_[58:218, 48:208]
    show_image(axes.flat[0], portrait(SHORT.seed, person)[face], "at rest")
    for ax, (number, unit) in zip(axes.flat[1:], ACTION_UNITS.items(), strict=False):
        show_image(ax, portrait(SHORT.seed, person, {number: 1.0})[face], f"{number} {unit.name}")
    return axes


def draw_expression(axes: Sequence[Axes], database: Database, number: int) -> Sequence[Axes]:
    """Onset, apex, their difference and the true flow of one micro-expression of a phantom."""
    sample = database.samples[database.samples.kind == "micro"].iloc[number]
    source = database.frames(sample.subject, sample.video)
    onset, apex = (source.read(int(i)) for i in (sample.onset, sample.apex))
    place = truth_of(database, sample.subject, sample.video)
    flow, mask = true_flow(*place, sample.onset, sample.apex)
    show_image(axes[0], onset, f"onset, frame {sample.onset}")
    show_image(axes[1], apex, f"apex, frame {sample.apex}")
    change = apex.astype(int) - onset
    show_image(axes[2], np.clip(128 + 5 * change, 0, 255).astype(np.uint8), "difference, 5-fold")
    size = np.where(mask, np.linalg.norm(flow, axis=-1), np.nan)
    shown = axes[3].imshow(size, cmap=MAGNITUDE, vmin=0)
    y, x = np.mgrid[8 : len(size) : 12, 8 : len(size) : 12]
    step = np.where(mask[y, x][..., None], flow[y, x], np.nan)
    axes[3].quiver(x, y, step[..., 0], step[..., 1], angles="xy", color="white", width=0.004)
    axes[3].set(xticks=[], yticks=[], title="true flow")
    axes[3].figure.colorbar(shown, ax=axes[3], label="pixels", shrink=0.8)
    axes[0].set_ylabel(f"{sample.emotion}\n{sample.action_units}")
    return axes


def liveliest(database: Database) -> tuple[str, str]:
    """Subject and video with the most expressions, the first of several."""
    counts = database.samples.groupby(["subject", "video"]).kind.agg(["nunique", "size"])
    subject, video = counts.sort_values(["nunique", "size"], kind="stable").index[-1]
    return str(subject), str(video)


def draw_intensities(ax: Axes, database: Database, subject: str, video: str) -> Axes:
    """True intensities of the action units of one video, with its annotated expressions."""
    truth = load_truth(*truth_of(database, subject, video))
    seconds = np.arange(len(truth.intensities)) / truth.fps
    ax.plot(seconds, truth.blink.max(axis=1), lw=0.8, color="0.75", label="blink")
    units = [name.lstrip("LR") for name in truth.action_units]
    sides = {
        u: truth.intensities[:, [v == u for v in units]].max(axis=1) for u in units if u != "45"
    }
    strongest = sorted(sides, key=lambda u: -sides[u].max())[: len(COLOURS)]
    for unit, colour in zip(strongest, COLOURS.values(), strict=False):
        ax.plot(seconds, sides[unit], lw=1.4, color=colour, label=f"unit {unit}")
    for kind, colour in (("micro", COLOURS["green"]), ("macro", "0.6")):
        parts = [s for s in truth.samples if s.kind == kind]
        for n, s in enumerate(parts):
            ax.axvspan(s.onset / truth.fps, s.offset / truth.fps, color=colour, alpha=0.25, lw=0,
                       label="" if n else f"{kind}-expression")  # fmt: skip
    ax.set(xlabel="seconds", ylabel="intensity", title=f"subject {subject}, video {video}")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_spread(axes: Sequence[Axes], database: Database) -> Sequence[Axes]:
    """Durations and largest displacements of the micro-expressions."""
    samples = database.samples[database.samples.kind == "micro"]
    seconds = (samples.offset - samples.onset + 1).astype(float) / samples.fps
    peaks = [
        s.peak
        for row in database.videos.itertuples()
        for s in load_truth(*truth_of(database, row.subject, row.video)).samples
        if s.kind == "micro"
    ]
    named = {"duration, seconds": seconds, "largest displacement, pixels": peaks}
    for ax, (label, values) in zip(axes, named.items(), strict=True):
        ax.hist(values, bins=14, color=COLOURS["blue"])
        ax.set(xlabel=label, ylabel="micro-expressions")
    return axes
