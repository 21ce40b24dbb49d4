"""Figures of the MEAN chapter; each function takes axes and returns them."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.descriptors.flow.engines import optical_flow
from mecore.descriptors.flow.strain import optical_strain
from mecore.descriptors.mean_input import Region, mean_regions
from mecore.evaluation.videos import Expression, VideoItem
from mecore.metrics.matching import match_intervals
from mecore.models.mean.inputs import CROP, face_crops
from mecore.models.mean.options import MeanOptions
from mecore.preprocessing.faces import Box, one_face
from mecore.report import faces
from mecore.report.style import COLOURS
from mecore.spotting.peaks import find_peaks, threshold
from mecore.spotting.smoothing import smooth
from mecore.studies.mean.features import video_features
from mecore.studies.mean.study import MeanStudy

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]


class Example(NamedTuple):
    """One expression, taken through the pipeline step by step.

    Its apex is annotated or found; ``frame`` (H, W, 3) is the first of the video, and ``box`` its
    face. Of the face crops (n, 128, 128) of all frames, ``points`` (68, 2) are the landmarks,
    ``flow`` (128, 128, 2) leads from onset to apex, and ``features`` (42, 42, 3) and ``regions``
    are what the network sees of it.
    """

    item: VideoItem
    expression: Expression
    apex: int
    frame: Image
    box: Box
    crops: Image
    points: Floats
    flow: Floats
    features: Floats
    regions: list[Region]


def example(item: VideoItem, expression: Expression, options: MeanOptions) -> Example:
    """Take one expression through the pipeline."""
    frame = item.frames().read(0)
    crops, points = face_crops(item.footage, options)
    number, known = item.expressions.index(expression), video_features(item, options)
    apex = known.apexes[number]
    flow = optical_flow(crops[expression.onset], crops[apex], engine=options.engine)
    return Example(
        item, expression, apex, frame, one_face(frame, options.faces), crops, points, flow,
        known.recog[number], mean_regions(points, eyes=options.eyes),
    )  # fmt: skip


def examples(
    items: Sequence[VideoItem], classes: Sequence[str], options: MeanOptions
) -> list[Example]:
    """Take the first expression of each class through the pipeline."""
    first: dict[str | None, tuple[VideoItem, Expression]] = {}
    for item in items:
        for expression in item.expressions:
            first.setdefault(expression.label, (item, expression))
    return [example(*first[c], options) for c in classes if c in first]


def draw_preprocessing(axes: Sequence[Axes], shown: Example, database: Database) -> Sequence[Axes]:
    """Four panels: frame with face box, crop with landmarks, regions, assembled strain."""
    subject = shown.item.subject
    visible = faces.face_or_blank(database, subject, shown.frame)
    crop = faces.face_or_blank(database, subject, shown.crops[0])
    faces.show_boxes(faces.show_image(axes[0], visible, "first frame, face box"), shown.box)
    faces.show_image(axes[1], crop, "crop 128×128, 68 landmarks")
    outline = faces.outline_points(database, subject, shown.points)
    faces.draw_outline(axes[1], outline, COLOURS["orange"])
    faces.show_regions(faces.show_image(axes[2], crop, "regions"), shown.regions)
    faces.show_magnitude(axes[3], shown.features[..., 2], 1, "network input 42×42 (strain)")
    return axes


def draw_motion(axes: NDArray[Any], shown: Sequence[Example], database: Database) -> NDArray[Any]:
    """One row per expression: u, v and strain from onset to apex, on the outline of a face."""
    limit = max(float(np.percentile(np.abs(e.flow), 99.8)) for e in shown)
    strains = [optical_strain(e.flow) for e in shown]
    most = max(float(np.percentile(strain, 99.8)) for strain in strains)
    for row, e, strain in zip(axes, shown, strains, strict=True):
        faces.show_signed(row[0], e.flow[..., 0], limit, "u: → positive")
        faces.show_signed(row[1], e.flow[..., 1], limit, "v: ↓ positive")
        faces.show_magnitude(row[2], strain, most, "strain")
        outline = faces.outline_points(database, e.item.subject, e.points)
        for ax, colour in zip(row, ("0.4", "0.4", "0.85"), strict=True):
            faces.draw_outline(ax, outline, colour)
        row[0].set_ylabel(f"{e.expression.label}\nsubject {e.item.subject}")
        for ax, unit in zip(row[1:], ("pixels", "strain"), strict=True):
            ax.figure.colorbar(ax.images[0], ax=ax, label=unit, shrink=0.8)
    return axes


def draw_learning(axes: Sequence[Axes], history: pd.DataFrame, fold: str) -> Sequence[Axes]:
    """Cross-entropy and accuracy of recognition by epoch, with and without transfer (Fig. 6)."""
    stages = {"recognition": ("with transfer", COLOURS["blue"]),
              "recognition without transfer": ("without transfer", COLOURS["orange"])}  # fmt: skip
    measures = {"error": "cross-entropy", "accuracy": "accuracy"}
    for ax, (measure, label) in zip(axes, measures.items(), strict=True):
        for stage, (name, colour) in stages.items():
            rows = history[(history.stage == stage) & (history.fold == fold)]
            ax.plot(rows.epoch, rows[measure], color=colour, label=f"{name}, training")
            if f"monitor_{measure}" in rows:
                ax.plot(rows.epoch, rows[f"monitor_{measure}"], color=colour, ls="--",
                        label=f"{name}, subject {fold} (left out)")  # fmt: skip
        ax.set(xlabel="epoch", ylabel=label, ylim=(0, None))
    axes[0].legend(frameon=False)
    return axes


def best_and_worst(study: MeanStudy, seed: int = 0) -> tuple[VideoItem, VideoItem]:
    """A video that was spotted well and one that was not: by its number of errors, then by name."""
    found = study.rows("honest", seed)

    def order(item: VideoItem) -> tuple[int, str]:
        hits = match_intervals(found[item.key].intervals, item.intervals, rule="maximum") >= 0
        return len(hits) + len(item.expressions) - 3 * int(hits.sum()), item.key

    ranked = sorted((item for item in study.task.items if item.expressions), key=order)
    return ranked[0], ranked[-1]


def heat(study: MeanStudy, shown: Sequence[Example]) -> dict[str, list[Floats]]:
    """Grad-CAM (14, 14) of each expression for both heads, by the network that left it out."""
    from mecore.models.gradcam import grad_cam

    heats: dict[str, list[Floats]] = {"spotting": [], "recognition": []}
    for e in shown:
        network = study.network(e.item.subject)
        maps = network.maps(e.features[None])
        label = study.task.classes.index(str(e.expression.label))
        heats["spotting"].append(grad_cam(network.spot, maps)[0])
        heats["recognition"].append(grad_cam(network.recog, maps, label)[0])
    return heats


def draw_spotting(ax: Axes, study: MeanStudy, item: VideoItem) -> Axes:
    """Score of every frame of one video, with spotted and annotated intervals (Fig. 3)."""
    frames, rows = (study.video(item, study.table(t, seed=0)) for t in ("frames", "rows"))
    options, short, fps = study.task.options, study.task.short, item.fps
    half = int(frames.k_prime.iloc[0])
    smoothed = smooth(frames.spot, half, method=options.smoothing, width=options.smoothing_width)
    seconds, top = frames.frame / fps, 1.08 * float(np.nanmax(smoothed))
    draw: dict[str, Any] = {
        "annotated": partial(ax.axvspan, color=COLOURS["green"], alpha=0.25, lw=0),
        "spotted": partial(ax.hlines, top, color=COLOURS["red"], lw=4),
    }
    for source, own in rows.groupby("source"):
        for number, row in enumerate(own.itertuples()):
            draw[source](row.onset / fps, row.offset / fps, label="" if number else source)
    ax.plot(seconds, frames.spot, color="0.75", lw=0.8, label="score of a frame")
    ax.plot(seconds, smoothed, color=COLOURS["blue"], lw=1.6, label="smoothed")
    peaks = find_peaks(smoothed, half, p=options.p, single=short)
    ax.plot(peaks / fps, smoothed[peaks], "v", color=COLOURS["red"], ms=6, label="peak")
    if not short:
        ax.axhline(threshold(smoothed, options.p), color=COLOURS["red"], ls="--", lw=1, label="T")
    ax.set(xlabel="seconds", ylabel="score", title=f"subject {item.subject}, video {item.video}")
    return ax


def draw_heat(
    axes: NDArray[Any], shown: Sequence[Example], heats: dict[str, list[Floats]], database: Database
) -> NDArray[Any]:
    """One row per head, one column per expression: Grad-CAM on the face at its apex (Fig. 7)."""
    for row, (head, maps) in zip(axes, heats.items(), strict=True):
        for ax, e, one in zip(row, shown, maps, strict=True):
            face = faces.face_or_blank(database, e.item.subject, e.crops[e.apex])
            title = str(e.expression.label) if head == "spotting" else ""
            faces.show_heat(ax, face, faces.heat_on_crop(one, e.regions, CROP), title)
            if not database.manifest.figures.may_show(e.item.subject):
                faces.draw_outline(ax, faces.NEUTRAL)
        row[0].set_ylabel(head)
    return axes
