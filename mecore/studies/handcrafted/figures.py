"""Figures of the handcrafted chapter: motion, magnification, regions and atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from mecore.data.database import Database
from mecore.descriptors.graph_sparse_coding import Dictionary
from mecore.descriptors.materials import Materials
from mecore.descriptors.mdmo import atomic_mdmo
from mecore.descriptors.mdmo_regions import N_REGIONS, region_polygons
from mecore.descriptors.sparse_mdmo import atomic_motion
from mecore.evaluation.clips import Clip
from mecore.preprocessing.clips import SIDE
from mecore.preprocessing.eulerian import magnify_eulerian
from mecore.preprocessing.lagrangian import magnify_lagrangian
from mecore.report import faces
from mecore.report.style import COLOURS
from mecore.studies.handcrafted.features import Expressions, shown_flow
from mecore.studies.handcrafted.options import HandcraftedOptions
from mecore.studies.handcrafted.study import HandcraftedStudy

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One clip with its materials, see `mecore.descriptors.materials`."""

    clip: Clip
    material: Materials

    @property
    def seconds(self) -> Floats:
        """Time of every frame but the first."""
        return np.arange(1, len(self.material["frames"])) / self.clip.item.fps


def example(clip: Clip, options: HandcraftedOptions) -> Example:
    """Cut out one clip and measure its motion."""
    return Example(clip, Expressions(clip.item, options).materials[clip.number])


def liveliest(study: HandcraftedStudy) -> Clip:
    """The clip whose brows, cheeks and mouth move most; blinks, which move more, do not count."""
    away = [*range(6), *range(20, N_REGIONS)]
    sizes = []
    for clip in study.task.clips:
        motion = study.array(clip, atomic_motion)[:, away]
        sizes.append(float(np.linalg.norm(motion, axis=-1).mean(axis=1).max()))
    return study.task.clips[int(np.argmax(sizes))]


def draw_frames_of_flow(axes: NDArray[Any], shown: Example, database: Database) -> NDArray[Any]:
    """Flow magnitude of evenly spaced frames, from the first frame (Fig. 3 of the thesis)."""
    sizes = np.linalg.norm(shown.material["aligned"], axis=-1)
    limit = float(np.percentile(sizes, 99.8))
    outline = faces.outline_points(database, shown.clip.subject, shown.material["points"])
    for ax, number in zip(
        axes.flat, np.linspace(0, len(sizes) - 1, axes.size).astype(int), strict=True
    ):
        faces.show_magnitude(ax, sizes[number], limit, f"frame {number + 2}")
        faces.draw_outline(ax, outline, "0.85")
        ax.set(xlim=(0, SIDE - 1), ylim=(SIDE - 1, 0))
    axes.flat[0].figure.colorbar(axes.flat[0].images[0], ax=axes, label="pixels", shrink=0.8)
    return axes


def draw_course(ax: Axes, shown: Example) -> Axes:
    """Mean flow magnitude over time, with and without the motion of the head."""
    material = shown.material
    regions = material["regions"]
    for name, colour, label in (
        ("flows", "0.6", "as measured"),
        ("aligned", COLOURS["blue"], "head motion subtracted"),
    ):
        inside = material[name][:, regions.row, regions.column]
        size = np.linalg.norm(inside, axis=-1).mean(axis=1)
        ax.plot(shown.seconds, size, color=colour, label=label)
    apex = material["apex"] / shown.clip.item.fps
    ax.axvline(apex, color=COLOURS["green"], ls="--", lw=1, label="apex")
    ax.set(xlabel="seconds after the onset", ylabel="mean motion, pixels", ylim=(0, None))
    ax.legend(frameon=False)
    return ax


def draw_apex_flow(axes: Sequence[Axes], study: HandcraftedStudy) -> Sequence[Axes]:
    """Mean flow from onset to apex of each class, on a generic outline (Fig. 4)."""
    flows = np.stack([study.array(clip, shown_flow) for clip in study.task.clips])
    labels = np.array([c.label for c in study.task.clips])
    means = {c: flows[labels == c].mean(axis=0) for c in study.task.classes if (labels == c).any()}
    limit = max(float(np.linalg.norm(m, axis=-1).max()) for m in means.values())
    scale = SIDE / flows.shape[1]
    at = np.arange(2, flows.shape[1], 4)
    for ax, (name, mean) in zip(axes, means.items(), strict=False):
        shown = faces.show_magnitude(ax, np.linalg.norm(mean, axis=-1).astype(np.float32), limit)
        shown.images[0].set_extent((0, SIDE, SIDE, 0))
        x, y = np.meshgrid((at + 0.5) * scale, (at + 0.5) * scale)
        u, v = np.moveaxis(mean[np.ix_(at, at)], -1, 0)
        ax.quiver(x, y, u, v, angles="xy", scale=limit * 9, color="white", width=0.005)
        ax.set(title=f"{name} (n={(labels == name).sum()})", xlim=(0, SIDE), ylim=(SIDE, 0))
    axes[0].figure.colorbar(axes[0].images[0], ax=list(axes), label="pixels", shrink=0.8)
    return axes


def draw_magnified(
    axes: Sequence[Axes], shown: Example, database: Database, alpha: float = 4
) -> Sequence[Axes]:
    """Apex of a clip as it is, and magnified both ways."""
    frames, flows = shown.material["frames"], shown.material["flows"]
    apex = shown.material["apex"]
    flows = np.concatenate([np.zeros_like(flows[:1]), flows])
    clips = {
        "as recorded": frames,
        "Eulerian": magnify_eulerian(frames, alpha - 1, fps=shown.clip.item.fps),
        "Lagrangian": magnify_lagrangian(frames[0], flows, alpha),
    }
    may = database.manifest.figures.may_show(shown.clip.subject)
    for ax, (name, clip) in zip(axes, clips.items(), strict=True):
        if may:
            faces.show_image(ax, clip[apex], name)
        else:
            # The difference of two frames would show the person.
            faces.show_image(ax, np.full_like(clip[apex], 235), f"{name}: face hidden")
            faces.draw_outline(ax, faces.NEUTRAL)
    return axes


def draw_breakdown(axes: Sequence[Axes], curve: pd.DataFrame) -> Sequence[Axes]:
    """Motion after magnification against the true one, for both methods."""
    colours = [COLOURS["blue"], COLOURS["orange"], COLOURS["green"]]
    for ax, (name, rows) in zip(axes, curve.groupby("method", sort=False), strict=True):
        for colour, (alpha, part) in zip(colours, rows.groupby("alpha"), strict=False):
            ax.plot(part["size"], part.measured, "o-", color=colour, ms=4, label=f"α = {alpha:g}")
            ax.plot(part["size"], alpha * part["size"], ":", color=colour)
        ax.set(xscale="log", yscale="log", xlabel="true motion, pixels", title=name)
    axes[0].set_ylabel("motion that comes out, pixels")
    axes[0].legend(frameon=False, title="dotted: α times the true one", title_fontsize=9)
    return axes


def draw_regions(ax: Axes, shown: Example, database: Database) -> Axes:
    """The 36 regions of MDMO on the first frame, with their main directions at the apex."""
    material, subject = shown.material, shown.clip.subject
    face = faces.face_or_blank(database, subject, material["frames"][0])
    points = faces.outline_points(database, subject, material["points"])
    faces.show_image(ax, face, "36 regions, main direction at the apex")
    polygons = region_polygons(points)
    at = max(material["apex"], 1) - 1
    motion, _ = atomic_mdmo(material["aligned"][[at]], material["regions"])
    for corners in polygons:
        ax.add_patch(Polygon(corners, fill=False, ec=COLOURS["sky"], lw=1))
    x, y = polygons.mean(axis=1).T
    u, v = motion[0].T
    ax.quiver(x, y, u, v, angles="xy", color=COLOURS["red"], width=0.008, zorder=3)
    ax.set(xlim=(0, SIDE - 1), ylim=(SIDE + 12, 0))
    return ax


def draw_atoms(axes: NDArray[Any], learnt: Dictionary, weight: float) -> NDArray[Any]:
    """The atoms that are used most, drawn as motion of the regions."""
    use = np.abs(learnt.codes).sum(axis=0)
    x, y = region_polygons(faces.NEUTRAL).mean(axis=1).T
    for ax, atom in zip(axes.flat, np.argsort(-use, kind="stable"), strict=False):
        rho, theta = np.split(learnt.atoms[:, atom], [N_REGIONS])
        rho, theta = rho / weight, theta / max(1 - weight, 1e-9)
        faces.draw_outline(ax, faces.NEUTRAL, "0.7")
        shown = ax.quiver(
            x, y, np.abs(rho) * np.cos(theta), np.abs(rho) * np.sin(theta), rho, cmap="RdBu_r",
            angles="xy", width=0.012, clim=(-0.5, 0.5),
        )  # fmt: skip
        share = (learnt.codes[:, atom] != 0).mean()
        ax.set(xlim=(-5, 133), ylim=(146, 8), xticks=[], yticks=[], aspect="equal",
               title=f"in {share:.0%} of frames", frame_on=False)  # fmt: skip
    axes.flat[0].figure.colorbar(shown, ax=axes, label="ρ of the atom", shrink=0.8)
    return axes
