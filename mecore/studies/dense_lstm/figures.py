"""Figures of the dense LSTM chapter; each function takes axes and returns them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.descriptors.top.histograms import describe
from mecore.evaluation.videos import VideoItem
from mecore.metrics.spotting import precision_recall_f1
from mecore.models.dense_lstm.options import DenseOptions
from mecore.preprocessing.crop import to_grey
from mecore.preprocessing.registration import register_clip
from mecore.preprocessing.template import template
from mecore.report import faces
from mecore.report.style import COLOURS, MAGNITUDE, PROTOCOL_COLOURS, SIGNED
from mecore.spotting.apexes import half_threshold
from mecore.spotting.learning_free import METHODS
from mecore.studies.dense_lstm.features import descriptor_options
from mecore.studies.dense_lstm.fold import target_scores
from mecore.studies.dense_lstm.scores import count
from mecore.studies.dense_lstm.study import DenseStudy

_CYCLE = ["blue", "orange", "green", "red", "purple", "sky", "yellow", "black"]


def title_of(technique: str) -> str:
    """Name of a technique as tables and figures print it."""
    if technique in METHODS:
        return METHODS[technique].title
    descriptor, target = technique.split("-")
    return f"{descriptor.upper()}-TOP {target.capitalize()} LSTM"


def shown_video(study: DenseStudy, technique: str | None = None) -> VideoItem:
    """A video to look at: that with most expressions, or the best spotted by a technique."""
    items = [i for i in study.task.items if i.expressions]
    if technique is None:
        return max(items, key=lambda i: len(i.expressions))
    rows = study.rows(technique)
    found = rows[rows.source == "spotted"]

    def good(item: VideoItem) -> tuple[int, int]:
        part = found[(found.subject == item.subject) & (found.video == item.video)]
        hits = sum(((part.apex >= a) & (part.apex <= b)).any() for a, b in item.intervals)
        return 2 * hits - len(part), len(item.expressions)

    return max(items, key=good)


def draw_registration(
    axes: Sequence[Axes], item: VideoItem, database: Database, options: DenseOptions, later: int
) -> Sequence[Axes]:
    """Five panels: frame, registered face, and what has changed later, before and after."""
    source = item.frames()
    frames = [source.read(i) for i in (0, later)]
    seen = register_clip(
        islice(source, later + 1), options.size, geometry=options.geometry, follow=options.follow
    )
    subject = item.subject
    faces.show_image(axes[0], faces.face_or_blank(database, subject, frames[0]), "first frame")
    first = faces.face_or_blank(database, subject, seen.clip[0])
    faces.show_image(axes[1], first, "registered, template")
    axes[1].plot(*template(options.size).T, ".", ms=2.5, color=COLOURS["orange"])
    before = to_grey(frames[1]).astype(np.float32) - to_grey(frames[0])
    after = seen.clip[-1].astype(np.float32) - seen.clip[0]
    names = (f"frame {later} − first, as filmed", "the same, registered")
    # Edges that differ draw a face as well as the face itself does.
    may_show = database.manifest.figures.may_show(subject)
    for ax, difference, name in zip(axes[2:], (before, after), names, strict=True):
        mean = f"{name}\nmean {np.abs(difference).mean():.1f} grey levels"
        _signed(ax, difference if may_show else np.zeros_like(difference), 40, mean)
    axes[-1].figure.colorbar(axes[-1].images[0], ax=axes[-1], label="grey levels", shrink=0.8)
    return axes


def _signed(ax: Axes, image: NDArray[Any], limit: float, title: str) -> Axes:
    ax.imshow(image, cmap=SIGNED, vmin=-limit, vmax=limit)
    ax.set(xticks=[], yticks=[], title=title)
    return ax


def draw_slices(
    axes: Sequence[Axes], item: VideoItem, database: Database, options: DenseOptions
) -> Sequence[Axes]:
    """The three planes of a clip around its first expression: XY, XT and YT through the mouth."""
    onset, offset = (int(v) for v in item.intervals[0])
    first = max(onset - 25, 0)
    seen = register_clip(islice(item.frames(), offset + 26), options.size)
    clip = seen.clip[first:]
    x, y = template(options.size)[48].round().astype(int)
    face = faces.face_or_blank(database, item.subject, clip[len(clip) // 2])
    slices = face, clip[:, y], clip[:, :, x]
    names = ("XY: one frame", "XT: a row, through the mouth", "YT: a column, mouth corner")
    for ax, image, name in zip(axes, slices, names, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255, aspect="auto")
        ax.set(title=name, xticks=[], ylabel="" if name.startswith("XY") else "frames")
    for ax in axes[1:]:
        for frame in (onset - first, offset - first):
            ax.axhline(frame, color=COLOURS["orange"], lw=1)
    axes[0].axhline(y, color=COLOURS["sky"], lw=1)
    axes[0].axvline(x, color=COLOURS["sky"], lw=1)
    return axes


def draw_descriptors(
    axes: Sequence[Axes], item: VideoItem, options: DenseOptions, length: int
) -> Sequence[Axes]:
    """What changes in each descriptor's blocks: window at the expression minus one before it."""
    onset, offset = (int(v) for v in item.intervals[0])
    start = (onset + offset + 1 - length) // 2
    still = max(start - 2 * length, 0)
    seen = register_clip(islice(item.frames(), start + length), options.size)
    for ax, kind in zip(axes, ("lbp", "hog", "higo"), strict=True):
        described = descriptor_options(kind, options)
        vectors = [describe(seen.clip[i : i + length], described) for i in (start, still)]
        change = np.abs(vectors[0] - vectors[1]).reshape(described.shape)[0].sum(axis=(-1, -2))
        ax.imshow(change, cmap=MAGNITUDE, vmin=0)
        faces.draw_outline(ax, template(options.blocks, 68) - 0.5, "0.85")
        ax.set(xticks=[], yticks=[], title=f"{kind.upper()}-TOP", xlim=(-0.5, options.blocks - 0.5),
               ylim=(options.blocks - 0.5, -0.5))  # fmt: skip
        ax.figure.colorbar(ax.images[0], ax=ax, label="change", shrink=0.8)
    return axes


def draw_targets(ax: Axes, item: VideoItem, options: DenseOptions, length: int) -> Axes:
    """Both kinds of targets of the positions of a video, around its first expressions (Fig. 2)."""
    middle = (length - 1) / 2
    for target, colour in (("overlap", "blue"), ("apex", "orange")):
        scores = target_scores(item, target, length, options)
        at = np.arange(len(scores)) + middle
        ax.plot(at, scores, color=COLOURS[colour], label=f"{target} score", marker=".", ms=4)
    _annotated(ax, item, 1.0)
    for number, e in enumerate(item.expressions):
        if e.apex is not None:
            ax.axvline(e.apex, color=COLOURS["green"], ls=":", label="" if number else "apex")
    first, last = item.intervals[0, 0], item.intervals[min(1, len(item.intervals) - 1), 1]
    ax.set(xlim=(first - 2 * length, last + 2 * length), ylim=(-0.03, 1.08),
           xlabel="middle frame of the window", ylabel="target")  # fmt: skip
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def _annotated(ax: Axes, item: VideoItem, unit: float) -> None:
    for number, (onset, offset) in enumerate(item.intervals):
        ax.axvspan(onset / unit, (offset + 1) / unit, color=COLOURS["green"], alpha=0.25, lw=0,
                   label="" if number else "annotated")  # fmt: skip


def draw_scores(ax: Axes, study: DenseStudy, technique: str, item: VideoItem) -> Axes:
    """Scores of one left-out video by one technique, with detections and threshold."""
    key, fps = f"{item.subject}/{item.video}", item.fps
    setting = study.choice(technique, item.subject)
    found = study.found(technique, key, setting)
    if technique in METHODS:
        scores, at = study.free.scores[technique][key], np.arange(item.n_frames)
    else:
        raw, length = study.scores(technique, key, setting[0])
        scores = np.asarray(raw, np.float64)
        at = np.arange(len(scores)) + (length - 1) // 2
        ax.axhline(max(half_threshold(scores), setting[1]), color=COLOURS["red"], ls="--", lw=1,
                   label="threshold")  # fmt: skip
    _annotated(ax, item, fps)
    ax.plot(at / fps, scores, color=COLOURS["blue"], lw=1.2, label="score")
    ax.plot(found.apexes / fps, found.scores, "v", color=COLOURS["red"], ms=6, label="spotted")
    ax.set(title=title_of(technique), ylabel="score", xlim=(0, item.n_frames / fps))
    return ax


def draw_columns(ax: Axes, table: pd.DataFrame) -> Axes:
    """F1 of every technique in the columns honest, oracle and chance, as horizontal bars."""
    shown = [c for c in table.columns if c in PROTOCOL_COLOURS]
    height = 0.8 / len(shown)
    for number, column in enumerate(shown):
        place = np.arange(len(table)) + (number - (len(shown) - 1) / 2) * height
        colour = PROTOCOL_COLOURS[column]
        ax.barh(place, table[column], height * 0.92, color=colour, label=column)
    ax.set_yticks(range(len(table)), table.index)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="F1, apex inside the expression, pooled")
    ax.legend(frameon=False, loc="lower right")
    return ax


def draw_learning(axes: Sequence[Axes], study: DenseStudy) -> Sequence[Axes]:
    """Loss on the training subjects, and F1 on the left-out ones, by epoch."""
    history = study.history()
    for technique, colour in zip(study.networks, _CYCLE, strict=False):
        style: dict[str, Any] = {"color": COLOURS[colour], "label": title_of(technique)}
        loss = history[history.technique == technique].groupby("epoch").loss.mean()
        axes[0].plot(loss.index, loss, **style)
        f1 = [f1_at(study, technique, epoch) for epoch in study.epochs]
        axes[1].plot(study.epochs, f1, marker=".", **style)
    axes[0].set(xlabel="epoch", ylabel="loss, training subjects", ylim=(0, None))
    axes[1].set(xlabel="epoch", ylabel="F1, left-out subjects", ylim=(0, None))
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return axes


def f1_at(study: DenseStudy, technique: str, epoch: float) -> float:
    """F1 on the left-out subjects after an epoch, with the paper's threshold and no floor."""
    found = (
        (study.found(technique, key, (epoch, 0.0)), item.intervals)
        for key, item in study.items.items()
    )
    return precision_recall_f1(*count(found).tolist())[2]


def draw_limit(axes: NDArray[Any], limit: pd.DataFrame, seed: int = 0) -> NDArray[Any]:
    """F1 against the size of the motion and against noise, with 90 % bands over subjects.

    Spotters without learning in the first row of axes, networks in the second.
    """
    usual = limit.noise.mode().iloc[0]
    parts = {"peak": limit[limit.noise == usual], "noise": limit[limit.peak == 1.0]}
    free = limit.technique.isin(METHODS)
    groups = [limit[rows].technique.unique() for rows in (free, ~free)]
    for row, techniques in zip(axes, groups, strict=True):
        for ax, (by, part) in zip(row, parts.items(), strict=True):
            for technique, colour in zip(techniques, _CYCLE, strict=False):
                curve = _bands(part[part.technique == technique], by, seed)
                ax.plot(curve.index, curve.f1, color=COLOURS[colour], label=title_of(technique),
                        marker=".")  # fmt: skip
                ax.fill_between(curve.index, curve.low, curve.high, color=COLOURS[colour],
                                alpha=0.15, lw=0)  # fmt: skip
            ax.set(ylim=(-0.02, 1.05), ylabel="F1")
        levels = sorted(parts["peak"].peak.unique())
        row[0].set_xscale("log")
        row[0].set_xticks(levels, [f"{p:g}" for p in levels])
        row[0].minorticks_off()
        row[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes[-1, 0].set_xlabel(f"peak motion, pixels of the frame (noise {usual:g})")
    axes[-1, 1].set_xlabel("noise, grey levels (motion 1 pixel)")
    return axes


def _bands(part: pd.DataFrame, by: str, seed: int, rounds: int = 200) -> pd.DataFrame:
    """F1 of each level, and the 5th and 95th percentile over subjects drawn with replacement."""
    subjects = sorted(part.subject.unique())
    counts = part.groupby([by, "subject"])[["tp", "fp", "fn"]].sum()
    rng, rows = np.random.default_rng(seed), {}
    for level in sorted(part[by].unique()):
        table = counts.loc[level].loc[subjects].to_numpy()
        drawn = table[rng.integers(len(subjects), size=(rounds, len(subjects)))].sum(axis=1)
        low, high = np.percentile(_f1(drawn), [5, 95])
        rows[level] = {"f1": _f1(table.sum(axis=0)[None])[0], "low": low, "high": high}
    return pd.DataFrame(rows).T


def _f1(counts: NDArray[Any]) -> NDArray[np.float64]:
    tp, fp, fn = counts.T
    return np.asarray(2 * tp / np.maximum(2 * tp + fp + fn, 1), np.float64)
