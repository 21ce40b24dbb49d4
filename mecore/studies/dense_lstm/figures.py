"""Figures of the dense LSTM chapter; each function takes axes and returns them."""

from collections.abc import Sequence
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.descriptors.top.histograms import describe
from mecore.evaluation.videos import VideoItem
from mecore.models.dense_lstm.inputs import descriptor_options, registered
from mecore.models.dense_lstm.options import DESCRIPTORS, TARGETS, DenseOptions
from mecore.preprocessing.crop import to_grey
from mecore.preprocessing.template import template
from mecore.report import faces
from mecore.report.scores import draw_bars
from mecore.report.style import COLOURS, MAGNITUDE, PROTOCOL_COLOURS
from mecore.spotting.apexes import apex_frames, half_threshold
from mecore.spotting.learning_free import METHODS
from mecore.studies.dense_lstm.fold import target_scores, with_apexes
from mecore.studies.dense_lstm.limit import f1_at, usual_noise
from mecore.studies.dense_lstm.study import DenseStudy

Image = NDArray[np.uint8]


def title_of(technique: str) -> str:
    """Name of a technique as tables and figures print it."""
    if technique in METHODS:
        return METHODS[technique].title
    descriptor, target = technique.split("-")
    return f"{descriptor.upper()}-TOP {target.capitalize()} LSTM"


class Example(NamedTuple):
    """One video, whose apexes are known, as far as a little after its first expression.

    ``frames`` are the first and the last of those; ``clip`` (T, size, size), uint8, registers all.
    """

    item: VideoItem
    frames: tuple[Image, Image]
    clip: Image


def example(study: DenseStudy) -> Example:
    """Take the video with most expressions through the registration."""
    item, options = max(study.task.items, key=lambda i: len(i.expressions)), study.task.options
    frames = item.frames()
    clip = registered(islice(frames, item.spans[0][2] + 26), options).clip
    return Example(with_apexes(item, options), (frames.read(0), frames.read(len(clip) - 1)), clip)


def well_spotted(study: DenseStudy, technique: str, seed: int = 0) -> VideoItem:
    """The video in which a technique is right most often."""
    found = study.rows("honest", seed, technique)[0]

    def good(item: VideoItem) -> tuple[int, int]:
        apexes = found[item.key].apexes
        hits = sum(((apexes >= a) & (apexes <= b)).any() for a, b in item.intervals)
        return 2 * int(hits) - len(apexes), len(item.expressions)

    return max((i for i in study.task.items if i.expressions), key=good)


def draw_registration(axes: Sequence[Axes], shown: Example, database: Database) -> Sequence[Axes]:
    """Four panels: frame, registered face, and what has changed later, before and after."""
    subject, (first, later) = shown.item.subject, shown.frames
    size, number = shown.clip.shape[1], len(shown.clip) - 1
    faces.show_image(axes[0], faces.face_or_blank(database, subject, first), "first frame")
    face = faces.face_or_blank(database, subject, shown.clip[0])
    faces.show_image(axes[1], face, "registered, template")
    axes[1].plot(*template(size).T, ".", ms=2.5, color=COLOURS["orange"])
    before = to_grey(later).astype(np.float32) - to_grey(first)
    after = shown.clip[-1].astype(np.float32) - shown.clip[0]
    names = (f"frame {number} − first, as filmed", "the same, registered")
    # Edges that differ draw a face as well as the face itself does.
    may_show = database.manifest.figures.may_show(subject)
    for ax, difference, name in zip(axes[2:], (before, after), names, strict=True):
        mean = f"{name}\nmean {np.abs(difference).mean():.1f} grey levels"
        faces.show_signed(ax, difference if may_show else np.zeros_like(difference), 40, mean)
    axes[-1].figure.colorbar(axes[-1].images[0], ax=axes[-1], label="grey levels", shrink=0.8)
    return axes


def draw_slices(axes: Sequence[Axes], shown: Example, database: Database) -> Sequence[Axes]:
    """The three planes of a clip around its first expression: XY, XT and YT through the mouth."""
    onset, _, offset = shown.item.spans[0]
    first = max(onset - 25, 0)
    clip = shown.clip[first:]
    x, y = template(clip.shape[1])[48].round().astype(int)
    face = faces.face_or_blank(database, shown.item.subject, clip[len(clip) // 2])
    slices = face, clip[:, y], clip[:, :, x]
    names = ("XY: one frame", "XT: a row, through the mouth", "YT: a column, mouth corner")
    for ax, image, name in zip(axes, slices, names, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255, aspect="auto")
        ax.set(title=name, xticks=[], ylabel="" if name.startswith("XY") else "frames")
    for ax, frame in product(axes[1:], (onset, offset)):
        ax.axhline(frame - first, color=COLOURS["orange"], lw=1)
    axes[0].axhline(y, color=COLOURS["sky"], lw=1)
    axes[0].axvline(x, color=COLOURS["sky"], lw=1)
    return axes


def draw_descriptors(
    axes: Sequence[Axes], shown: Example, options: DenseOptions, length: int
) -> Sequence[Axes]:
    """What changes in each descriptor's blocks: window at the expression minus one before it."""
    onset, _, offset = shown.item.spans[0]
    start = max((onset + offset + 1 - length) // 2, 0)
    still = max(start - 2 * length, 0)
    for ax, kind in zip(axes, DESCRIPTORS, strict=True):
        described = descriptor_options(kind, options)
        vectors = [describe(shown.clip[i : i + length], described) for i in (start, still)]
        change = np.abs(vectors[0] - vectors[1]).reshape(described.shape)[0].sum(axis=(-1, -2))
        ax.imshow(change, cmap=MAGNITUDE, vmin=0)
        faces.draw_outline(ax, template(options.blocks, 68) - 0.5, "0.85")
        ax.set(xticks=[], yticks=[], title=f"{kind.upper()}-TOP", xlim=(-0.5, options.blocks - 0.5),
               ylim=(options.blocks - 0.5, -0.5))  # fmt: skip
        ax.figure.colorbar(ax.images[0], ax=ax, label="change", shrink=0.8)
    return axes


def draw_targets(ax: Axes, item: VideoItem, options: DenseOptions, length: int) -> Axes:
    """Both kinds of targets of the positions of a video, around its first expressions (Fig. 2)."""
    for target, colour in zip(TARGETS, ("blue", "orange"), strict=True):
        scores = target_scores(item, target, length, options)
        at = np.arange(len(scores)) + (length - 1) / 2
        ax.plot(at, scores, color=COLOURS[colour], label=f"{target} score", marker=".", ms=4)
    _annotated(ax, item, 1.0)
    for number, e in enumerate(item.expressions):
        label = "" if number else "apex"
        ax.axvline(float(e.apex or 0), color=COLOURS["green"], ls=":", label=label)
    first, last = item.intervals[0, 0], item.intervals[min(1, len(item.intervals) - 1), 1]
    ax.set(xlim=(first - 2 * length, last + 2 * length), ylim=(-0.03, 1.08),
           xlabel="middle frame of the window", ylabel="target")  # fmt: skip
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def _annotated(ax: Axes, item: VideoItem, unit: float) -> None:
    for number, (onset, offset) in enumerate(item.intervals):
        ax.axvspan(onset / unit, (offset + 1) / unit, color=COLOURS["green"], alpha=0.25, lw=0,
                   label="" if number else "annotated")  # fmt: skip


def draw_scores(
    ax: Axes, study: DenseStudy, technique: str, item: VideoItem, seed: int = 0
) -> Axes:
    """Scores of one left-out video by one technique, with detections and threshold."""
    fps, found = item.fps, study.rows("honest", seed, technique)[0][item.key]
    if technique in METHODS:
        scores, at = study.features(item).scores[technique], np.arange(item.n_frames)
    else:
        epoch, floor = study.setting(technique, item.subject, seed)
        scores, length = study.scores_of(technique, item.key, epoch, seed)
        at, height = apex_frames(np.arange(len(scores)), length), half_threshold(scores)
        ax.axhline(max(height, floor), color=COLOURS["red"], ls="--", lw=1, label="threshold")
    _annotated(ax, item, fps)
    ax.plot(at / fps, scores, color=COLOURS["blue"], lw=1.2, label="score")
    ax.plot(found.apexes / fps, found.scores, "v", color=COLOURS["red"], ms=6, label="spotted")
    ax.set(title=title_of(technique), ylabel="score", xlim=(0, item.n_frames / fps))
    return ax


def draw_columns(ax: Axes, study: DenseStudy) -> Axes:
    """F1 of every technique in the columns honest, oracle and chance; lines are intervals."""
    names = {title_of(t).replace(" ", "\n"): t for t in study.methods}
    draw_bars(ax, study.f1, names, PROTOCOL_COLOURS)
    ax.set(ylim=(0, 1), ylabel="F1, apex inside the expression, pooled")
    return ax


def draw_learning(axes: Sequence[Axes], study: DenseStudy) -> Sequence[Axes]:
    """Loss on the training subjects, and F1 on the left-out ones, by epoch.

    Lines are means over seeds, bands the range of the seeds.
    """
    history = study.table("history").groupby(["technique", "seed", "epoch"]).loss.mean()
    curves = history.reset_index(), study.learning
    for technique, colour in zip(study.networks, COLOURS.values(), strict=False):
        for ax, table, value in zip(axes, curves, ("loss", "f1"), strict=True):
            own = table[table.technique == technique].groupby("epoch")[value]
            mean = own.mean()
            ax.plot(mean, color=colour, label=title_of(technique))
            ax.fill_between(mean.index, own.min(), own.max(), color=colour, alpha=0.15, lw=0)
    axes[0].set(xlabel="epoch", ylabel="loss, training subjects", ylim=(0, None))
    axes[1].set(xlabel="epoch", ylabel="F1, left-out subjects", ylim=(0, None))
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return axes


def draw_limit(axes: NDArray[Any], study: DenseStudy) -> NDArray[Any]:
    """F1 against the size of the motion and against noise, mean over seeds, with intervals.

    Spotters without learning in the first row of axes, networks in the second.
    """
    limit, usual = study.limit, usual_noise(study.limit)
    parts = {"peak": limit[limit.noise == usual], "noise": limit[limit.peak == 1.0]}
    for row, techniques in zip(axes, (METHODS, study.networks), strict=True):
        for ax, (by, part) in zip(row, parts.items(), strict=True):
            for technique, colour in zip(techniques, COLOURS.values(), strict=False):
                curve = f1_at(part[part.technique == technique], by)
                ax.plot(curve.score, color=colour, label=title_of(technique), marker=".")
                ax.fill_between(curve.index, curve.low, curve.high, color=colour, alpha=0.15, lw=0)
            ax.set(ylim=(-0.02, 1.05), ylabel="F1")
        levels = sorted(parts["peak"].peak.unique())
        row[0].set_xscale("log")
        row[0].set_xticks(levels, [f"{p:g}" for p in levels])
        row[0].minorticks_off()
        row[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes[-1, 0].set_xlabel(f"peak motion, pixels of the frame (noise {usual:g})")
    axes[-1, 1].set_xlabel("noise, grey levels (motion 1 pixel)")
    return axes
