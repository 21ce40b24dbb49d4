"""Figures of the ROI CNN-LSTM chapter; each function takes axes and returns them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.evaluation.clips import Clip
from mecore.models.roi.inputs import region_names
from mecore.models.roi.options import RoiOptions
from mecore.models.roi.relevance import NOT_ME
from mecore.preprocessing import regions
from mecore.preprocessing.apex import find_apex
from mecore.preprocessing.faces import landmarks, one_face
from mecore.report import faces
from mecore.report.scores import draw_bars
from mecore.report.style import COLOURS, PROTOCOL_COLOURS
from mecore.studies.roi_cnn_lstm.clips import clip_patches, spans_of
from mecore.studies.roi_cnn_lstm.study import RoiStudy

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]
# In the order of the six regions.
REGION_COLOURS = ("blue", "sky", "orange", "green", "yellow", "red")


def layouts(options: RoiOptions) -> dict[str, RoiOptions]:
    """Title → options that differ in where the six regions lie."""
    changes: dict[str, dict[str, Any]] = {
        "boxes by landmarks": {"layout": "landmark"},
        "fixed boxes, face enlarged": {"layout": "released", "enlarge": True},
        "fixed boxes, as released": {"layout": "released", "enlarge": False},
    }
    return {title: replace(options, regions="six", **own) for title, own in changes.items()}


class Example(NamedTuple):
    """The first frame of a clip as it may be shown: the face, or the outline of nobody.

    The image is (H, W, 3) of uint8, a light grey area without a face; points, (68, 2), are the
    landmarks on it.
    """

    image: Image
    points: Floats
    is_face: bool

    def boxes(self, options: RoiOptions) -> list[regions.RegionBox]:
        """The regions on the image."""
        where = self.points, self.image.shape[:2], options.layout, region_names(options)
        return regions.region_boxes(*where, enlarge=options.enlarge)


def example(clip: Clip, databases: Sequence[Database], options: RoiOptions) -> Example:
    """Take the first frame of a clip, or the outline of nobody where it may not be shown."""
    database = {d.manifest.id: d for d in databases}[clip.database]
    if database.manifest.figures.may_show(clip.item.subject):
        first = spans_of(clip.item, options)[clip.number][0]
        frame = clip.item.frames().read(first)
        points = landmarks(frame, one_face(frame, options.faces, where=clip.name))
        return Example(frame, points, True)
    blank = np.full((176, 168, 3), 235, np.uint8)
    return Example(blank, faces.NEUTRAL + np.array((20, 16), np.float32), False)


def draw_layouts(axes: Sequence[Axes], shown: Example, options: RoiOptions) -> Sequence[Axes]:
    """One panel per layout: the six boxes on the face, and its brows, nose and mouth."""
    for ax, (title, layout) in zip(axes, layouts(options).items(), strict=True):
        faces.show_image(ax, shown.image, title)
        faces.draw_outline(ax, shown.points, "white" if shown.is_face else "0.4")
        for region, colour in zip(shown.boxes(layout), REGION_COLOURS, strict=True):
            faces.show_boxes(ax, region.box, COLOURS[colour])
        low, high = shown.points.min(axis=0), shown.points.max(axis=0)
        margin = 0.45 * (high[0] - low[0])
        ax.set(xlim=(low[0] - margin, high[0] + margin), ylim=(high[1] + margin, low[1] - margin))
    return axes


def draw_patches(axes: NDArray[Any], shown: Example, options: RoiOptions) -> NDArray[Any]:
    """One row per layout, one column per region: the patch, its padding hatched."""
    for row, (title, layout) in zip(axes, layouts(options).items(), strict=True):
        for ax, region in zip(row, shown.boxes(layout), strict=True):
            size = regions.patch_size(region.name, 0.5)
            faces.show_image(ax, regions.cut_patch(shown.image, region, size))
            mask = regions.patch_mask(region, shown.image.shape[:2], size)
            if (mask == 0).any():
                padding = ax.contourf(1 - mask, [0.5, 1.5], colors="none", hatches=["///"])
                padding.set(edgecolor="0.6", linewidth=0)
        row[0].set_ylabel(title, fontsize=8)
    for ax, name in zip(axes[0], regions.SIX, strict=True):
        ax.set_title(name)
    return axes


def draw_learning(axes: Sequence[Axes], study: RoiStudy) -> Sequence[Axes]:
    """Loss of each network by epoch, mean over the folds: training and left-out subjects."""
    means = study.table("history").groupby(["region", "epoch"])[["loss", "monitor_loss"]].mean()
    for ax, name in zip(axes, [*study.task.regions, "all"], strict=True):
        part = means.loc[name]
        ax.plot(part.index, part.loss, color=COLOURS["blue"], label="training subjects")
        ax.plot(part.index, part.monitor_loss, color=COLOURS["red"], ls="--", label="left out")
        title = "LSTMs, all regions" if name == "all" else f"CNN: {name}"
        ax.set(title=title, ylim=(0, None), xlabel="epoch")
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
    first = {c.label: c for c in reversed(study.task.clips)}
    return [c for name in study.task.classes if isinstance(c := first.get(name), Clip)]


def region_heat(study: RoiStudy, clip: Clip) -> tuple[list[Image], list[Floats], list[str]]:
    """Patches of the apex, Grad-CAM on them, and the label each region was to give.

    The CNNs are those that were trained without the subject of the clip.
    """
    from mecore.models.gradcam import grad_cam
    from mecore.models.roi.network import split_cnn

    options = study.task.options
    cnns, patches = study.cnns(clip.subject), clip_patches(clip, options)
    first = spans_of(clip.item, options)[clip.number][0]
    # Where no apex is annotated, the middle is shown; nothing is trained on it.
    apex = find_apex(clip.item.spans[clip.number], "middle", float)
    frame = patches.frames[min(max(apex - first, 0), len(patches.frames) - 1)]
    truth = study.task.truth(study.plan(clip.subject))
    labels = truth.regions[study.task.clips.index(clip)]
    heats = []
    inputs = cnns.patches(frame[None], patches.mask[None])
    for model, x, label, size in zip(cnns.models, inputs, labels, cnns.sizes, strict=True):
        body, head = split_cnn(model)
        heat = grad_cam(head, np.asarray(body(x)), int(label))[0]
        heats.append(np.asarray(cv2.resize(heat, size[::-1]), np.float32))
    parts = np.split(frame, np.cumsum(cnns.pixels)[:-1])
    pictures = [p.reshape(*size, 3) for p, size in zip(parts, cnns.sizes, strict=True)]
    return pictures, heats, [[*study.task.classes, NOT_ME][label] for label in labels]


def draw_heat(
    axes: NDArray[Any], study: RoiStudy, clips: Sequence[Clip], databases: Sequence[Database]
) -> NDArray[Any]:
    """One row per clip, one column per region: what speaks for the label of the region."""
    for row, clip in zip(axes, clips, strict=True):
        database = {d.manifest.id: d for d in databases}[clip.database]
        for ax, picture, heat, label in zip(row, *region_heat(study, clip), strict=True):
            seen = faces.face_or_blank(database, clip.item.subject, picture)
            faces.show_heat(ax, seen, heat, label)
        row[0].set_ylabel(clip.label)
    for ax, name in zip(axes[-1], study.task.regions, strict=True):
        ax.set_xlabel(name.replace(", ", "\n"))
    return axes
