"""Figures of the ROI CNN-LSTM chapter; each function takes axes and returns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.evaluation.clips import Clip
from mecore.models.roi.inputs import place_regions, region_names
from mecore.models.roi.options import RoiOptions
from mecore.preprocessing.apex import find_apex
from mecore.preprocessing.regions import (
    SIX,
    RegionBox,
    cut_patch,
    patch_mask,
    patch_size,
    region_boxes,
)
from mecore.report import faces
from mecore.report.scores import draw_bars
from mecore.report.style import COLOURS, PROTOCOL_COLOURS
from mecore.studies.roi_cnn_lstm.features import clip_patches, spans_of
from mecore.studies.roi_cnn_lstm.study import RoiStudy

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]
REGION_COLOURS = dict(
    zip(SIX, ("blue", "sky", "orange", "green", "yellow", "red"), strict=True)
) | {"face": "purple"}
LAYOUTS: dict[str, dict[str, Any]] = {
    "boxes by landmarks": {"layout": "landmark"},
    "fixed boxes, face enlarged": {"layout": "released", "enlarge": True},
    "fixed boxes, as released": {"layout": "released", "enlarge": False},
}


@dataclass(frozen=True)
class Example:
    """The first frame of a clip as it may be shown: the face, or the outline of nobody.

    Parameters
    ----------
    clip : Clip
        What is looked at.
    image : array, (H, W, 3), uint8
        The frame, or a light grey area.
    points : array, (68, 2)
        Landmarks on it.
    shown : bool
        Whether it is the face.
    """

    clip: Clip
    image: Image
    points: Floats
    shown: bool

    def boxes(self, options: RoiOptions) -> list[RegionBox]:
        """The regions on the image."""
        return region_boxes(
            self.points, self.image.shape[:2], options.layout, region_names(options),
            enlarge=options.enlarge,
        )  # fmt: skip


def example(clip: Clip, databases: Sequence[Database], options: RoiOptions) -> Example:
    """Take the first frame of a clip, or the outline of nobody where it may not be shown."""
    database = _database(clip, databases)
    if database.manifest.figures.may_show(clip.item.subject):
        first = spans_of(clip.item, options)[clip.number][0]
        frame = clip.item.frames().read(first)
        points, _ = place_regions(frame, options, f"{clip.name}")
        return Example(clip, frame, points, True)
    blank = np.full((176, 168, 3), 235, np.uint8)
    return Example(clip, blank, faces.NEUTRAL + np.array((20, 16), np.float32), False)


def _database(clip: Clip, databases: Sequence[Database]) -> Database:
    return next(d for d in databases if d.manifest.id == clip.database)


def draw_layouts(axes: Sequence[Axes], shown: Example, options: RoiOptions) -> Sequence[Axes]:
    """One panel per layout: the six boxes on the face, and its brows, nose and mouth."""
    for ax, (title, changes) in zip(axes, LAYOUTS.items(), strict=True):
        faces.show_image(ax, shown.image, title)
        faces.draw_outline(ax, shown.points, "white" if shown.shown else "0.4")
        reading = replace(options, regions="six", **changes)
        for name, box, _ in shown.boxes(reading):
            faces.show_boxes(ax, box, COLOURS[REGION_COLOURS[name]])
        low, high = shown.points.min(axis=0), shown.points.max(axis=0)
        margin = 0.45 * (high[0] - low[0])
        ax.set(xlim=(low[0] - margin, high[0] + margin), ylim=(high[1] + margin, low[1] - margin))
    return axes


def draw_patches(axes: NDArray[Any], shown: Example, options: RoiOptions) -> NDArray[Any]:
    """One row per layout, one column per region: the patch, its padding hatched."""
    for row, (title, changes) in zip(axes, LAYOUTS.items(), strict=True):
        reading = replace(options, regions="six", **changes)
        for ax, region in zip(row, shown.boxes(reading), strict=True):
            size = patch_size(region.name, 0.5)
            faces.show_image(ax, cut_patch(shown.image, region, size))
            mask = patch_mask(region, shown.image.shape[:2], size)
            if (mask == 0).any():
                padding = ax.contourf(1 - mask, [0.5, 1.5], colors="none", hatches=["///"])
                padding.set(edgecolor="0.6", linewidth=0)
        row[0].set_ylabel(title, fontsize=8)
    for ax, name in zip(axes[0], SIX, strict=True):
        ax.set_title(name)
    return axes


def draw_learning(axes: Sequence[Axes], study: RoiStudy) -> Sequence[Axes]:
    """Loss of each network by epoch, mean over the folds: training and left-out subjects."""
    history = study.table("history")
    names = [*study.task.regions, "all"]
    for ax, name in zip(axes, names, strict=True):
        part = history[history.region == name].groupby("epoch")[["loss", "monitor_loss"]].mean()
        ax.plot(part.index, part.loss, color=COLOURS["blue"], label="training subjects")
        ax.plot(part.index, part.monitor_loss, color=COLOURS["red"], ls="--", label="left out")
        ax.set(title="LSTMs, all regions" if name == "all" else f"CNN: {name}", ylim=(0, None))
        ax.set(xlabel="epoch")
    axes[0].set_ylabel("loss")
    axes[0].legend(frameon=False)
    return axes


def draw_region_accuracy(ax: Axes, accuracy: pd.DataFrame) -> Axes:
    """Accuracy of each region's CNN on frames of left-out subjects, beside the best guess."""
    place = np.arange(len(accuracy))
    ax.bar(place - 0.2, accuracy["accuracy"], 0.38, color=COLOURS["blue"], label="accuracy")
    ax.bar(place + 0.2, accuracy["most frequent label"], 0.38, color="#bbbbbb",
           label="always the most frequent label")  # fmt: skip
    ax.plot(place, accuracy["mean recall"], "D", color=COLOURS["red"], label="mean recall")
    ax.set_xticks(place, [name.replace(", ", "\n") for name in accuracy.index])
    ax.set(ylim=(0, 1), ylabel="share of frames")
    ax.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def draw_leak(ax: Axes, scores: Mapping[str, Mapping[str, pd.Series]]) -> Axes:
    """UF1 of the clean and of the leaking protocol, with and without a class signal."""
    labels = {"honest": "CNNs fitted on the training subjects",
              "oracle": "CNNs fitted on everyone"}  # fmt: skip
    parts = {label: {kind: both[column] for kind, both in scores.items()}
             for column, label in labels.items()}  # fmt: skip
    colours = {label: PROTOCOL_COLOURS[column] for column, label in labels.items()}
    draw_bars(ax, parts, {kind: kind for kind in scores}, colours)
    ax.axhline(1 / 3, color="black", ls=":", lw=1, label="guessing one of three classes")
    ax.set(ylim=(0, 1.08), ylabel="UF1, leave one subject out")
    ax.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def shown_clips(study: RoiStudy) -> list[Clip]:
    """The first clip of each class."""
    clips = study.task.clips
    first = {name: [c for c in clips if c.label == name][:1] for name in study.task.classes}
    return [c for found in first.values() for c in found if isinstance(c, Clip)]


def region_heat(study: RoiStudy, clip: Clip) -> tuple[list[Image], list[Floats], list[str]]:
    """Patches of the apex, Grad-CAM on them, and the label each region was to give.

    The CNNs are those that were trained without the subject of the clip.
    """
    from mecore.models.gradcam import grad_cam
    from mecore.models.roi.network import split_cnn
    from mecore.models.roi.relevance import NOT_ME

    options = study.task.options
    cnns, patches = study.cnns(clip.subject), clip_patches(clip, options)
    first = spans_of(clip.item, options)[clip.number][0]
    # Where no apex is annotated, the middle is shown; nothing is trained on it.
    apex = find_apex(clip.item.spans[clip.number], "middle", float)
    frame = patches.frames[min(max(apex - first, 0), len(patches.frames) - 1)]
    truth = study.task.truth(study.plan(clip.subject))
    labels = truth.regions[study.task.clips.index(clip)]
    inputs = cnns.patches(frame[None], patches.mask[None])
    pictures, heats, names = [], [], []
    ends = np.cumsum([h * w for h, w in cnns.sizes])[:-1]
    for model, x, label, flat, size in zip(
        cnns.models, inputs, labels, np.split(frame, ends), cnns.sizes, strict=True
    ):
        body, head = split_cnn(model)
        heat = grad_cam(head, np.asarray(body(x)), int(label))[0]
        heats.append(np.asarray(cv2.resize(heat, size[::-1]), np.float32))
        pictures.append(flat.reshape(*size, 3))
        names.append([*study.task.classes, NOT_ME][label])
    return pictures, heats, names


def draw_heat(
    axes: NDArray[Any], study: RoiStudy, clips: Sequence[Clip], databases: Sequence[Database]
) -> NDArray[Any]:
    """One row per clip, one column per region: what speaks for the label of the region."""
    for row, clip in zip(axes, clips, strict=True):
        database = _database(clip, databases)
        for ax, picture, heat, label in zip(row, *region_heat(study, clip), strict=True):
            seen = faces.face_or_blank(database, clip.item.subject, picture)
            faces.show_heat(ax, seen, heat, label)
        row[0].set_ylabel(clip.label)
    for ax, name in zip(axes[-1], study.task.regions, strict=True):
        ax.set_xlabel(name.replace(", ", "\n"))
    return axes
