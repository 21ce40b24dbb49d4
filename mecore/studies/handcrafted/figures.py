"""Figures of the handcrafted chapter: motion, magnification, the grid of settings, protocols."""

from collections.abc import Sequence
from typing import Any, NamedTuple

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
from mecore.preprocessing.magnification import magnify_eulerian, magnify_lagrangian
from mecore.report import faces
from mecore.report.scores import draw_bars, select
from mecore.report.style import COLOURS, MAGNITUDE, PROTOCOL_COLOURS
from mecore.studies.handcrafted.features import Expressions, array_of, shown_flow
from mecore.studies.handcrafted.fold import DUMMY, grid_of
from mecore.studies.handcrafted.options import HandcraftedOptions
from mecore.studies.handcrafted.study import HandcraftedStudy
from mecore.studies.handcrafted.tables import title_of

Panels = Sequence[Axes]
SCALES = {"lbp_top_raw": "raw counts", "lbp_top_unit": "sum 1", "lbp_top": "each block sums to 1"}
PROTOCOLS = {"leave one subject out": COLOURS["blue"], "leave one video out": COLOURS["orange"],
             "other database": COLOURS["green"]}  # fmt: skip


class Example(NamedTuple):
    """One clip with its materials, see `mecore.descriptors.materials`."""

    clip: Clip
    material: Materials


def example(clip: Clip, options: HandcraftedOptions) -> Example:
    """Cut out one clip and measure its motion."""
    return Example(clip, Expressions(clip.item, options).materials[clip.number])


def liveliest(study: HandcraftedStudy) -> Clip:
    """The clip whose brows, cheeks and mouth move most; blinks, which move more, do not count."""
    options, away = study.task.options, [*range(6), *range(20, N_REGIONS)]
    sizes = [
        np.linalg.norm(array_of(clip, atomic_motion, options)[:, away], axis=-1).mean(axis=1).max()
        for clip in study.task.clips
    ]
    return study.task.clips[int(np.argmax(sizes))]


def draw_frames_of_flow(axes: NDArray[Any], shown: Example, database: Database) -> NDArray[Any]:
    """Flow magnitude of evenly spaced frames, from the first frame (Fig. 3 of the thesis)."""
    sizes = np.linalg.norm(shown.material["aligned"], axis=-1)
    limit = float(np.percentile(sizes, 99.8))
    outline = faces.outline_points(database, shown.clip.subject, shown.material["points"])
    numbers = np.linspace(0, len(sizes) - 1, axes.size).astype(int)
    for ax, number in zip(axes.flat, numbers, strict=True):
        faces.show_magnitude(ax, sizes[number], limit, f"frame {number + 2}")
        faces.draw_outline(ax, outline, "0.85")
        ax.set(xlim=(0, SIDE - 1), ylim=(SIDE - 1, 0))
    axes.flat[0].figure.colorbar(axes.flat[0].images[0], ax=axes, label="pixels", shrink=0.8)
    return axes


def draw_course(ax: Axes, shown: Example) -> Axes:
    """Mean flow magnitude over time, with and without the motion of the head."""
    material, fps = shown.material, shown.clip.item.fps
    _, *inside = material["regions"]
    how = {"flows": ("0.6", "as measured"), "aligned": (COLOURS["blue"], "head motion subtracted")}
    for name, (colour, label) in how.items():
        size = np.linalg.norm(material[name][:, *inside], axis=-1).mean(axis=1)
        ax.plot(np.arange(1, len(size) + 1) / fps, size, color=colour, label=label)
    ax.axvline(material["apex"] / fps, color=COLOURS["green"], ls="--", lw=1, label="apex")
    ax.set(xlabel="seconds after the onset", ylabel="mean motion, pixels", ylim=(0, None))
    ax.legend(frameon=False)
    return ax


def draw_apex_flow(axes: Panels, study: HandcraftedStudy) -> Panels:
    """Mean flow from onset to apex of each class, on a generic outline (Fig. 4)."""
    flows = np.stack([array_of(clip, shown_flow, study.task.options) for clip in study.task.clips])
    labels = np.array([c.label for c in study.task.clips])
    means = {c: flows[labels == c].mean(axis=0) for c in study.task.classes if (labels == c).any()}
    limit = max(float(np.linalg.norm(m, axis=-1).max()) for m in means.values())
    at = np.arange(2, flows.shape[1], 4)
    place = (at + 0.5) * (SIDE / flows.shape[1])
    for ax, (name, mean) in zip(axes, means.items(), strict=False):
        shown = faces.show_magnitude(ax, np.linalg.norm(mean, axis=-1).astype(np.float32), limit)
        shown.images[0].set_extent((0, SIDE, SIDE, 0))
        u, v = np.moveaxis(mean[np.ix_(at, at)], -1, 0)
        ax.quiver(place, place, u, v, angles="xy", scale=limit * 9, color="white", width=0.005)
        ax.set(title=f"{name} (n={(labels == name).sum()})", xlim=(0, SIDE), ylim=(SIDE, 0))
    axes[0].figure.colorbar(axes[0].images[0], ax=list(axes), label="pixels", shrink=0.8)
    return axes


def draw_magnified(axes: Panels, shown: Example, database: Database, alpha: float = 4) -> Panels:
    """Apex of a clip as it is, and magnified both ways."""
    frames, flows, apex = (shown.material[name] for name in ("frames", "flows", "apex"))
    flows = np.concatenate([np.zeros_like(flows[:1]), flows])
    clips = {
        "as recorded": frames,
        "Eulerian": magnify_eulerian(frames, alpha - 1, fps=shown.clip.item.fps),
        "Lagrangian": magnify_lagrangian(frames[0], flows, alpha),
    }
    may = database.manifest.figures.may_show(shown.clip.subject)
    for ax, (name, clip) in zip(axes, clips.items(), strict=True):
        # Not even a difference of two frames is drawn, which would show the person.
        picture = faces.face_or_blank(database, shown.clip.subject, clip[apex])
        faces.show_image(ax, picture, name if may else f"{name}: face hidden")
        if not may:
            faces.draw_outline(ax, faces.NEUTRAL)
    return axes


def draw_breakdown(axes: Panels, curve: pd.DataFrame) -> Panels:
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
    (x, y), (u, v) = polygons.mean(axis=1).T, motion[0].T
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


def draw_grid(axes: Panels, study: HandcraftedStudy, name: str) -> Panels:
    """Macro-F1 of every setting, one panel per C, pooled over the left-out subjects."""
    grid = grid_of(name)
    shape = len(grid.degrees) * len(grid.coefs), len(grid.gammas), len(grid.penalties)
    scores = study.predictions(name).scores().reshape(shape)
    names = [f"{d}, {c:g}" for d in grid.degrees for c in grid.coefs]
    best = np.unravel_index(scores.argmax(), scores.shape)
    for number, (ax, penalty) in enumerate(zip(axes, grid.penalties, strict=True)):
        shown = ax.imshow(
            scores[..., number], cmap=MAGNITUDE, aspect="auto", vmin=scores.min(),
            vmax=scores.max(), extent=(0, len(grid.gammas), len(names), 0),
        )  # fmt: skip
        ticks = np.linspace(0, len(grid.gammas) - 1, 5).astype(int)
        ax.set_xticks(ticks + 0.5, [f"{grid.gammas[t]:g}" for t in ticks])
        ax.set_yticks(np.arange(len(names)) + 0.5, names if number == 0 else [])
        ax.set(xlabel="γ", title=f"C = {penalty:g}")
        if number == best[2]:
            ax.plot(best[1] + 0.5, best[0] + 0.5, "*", color=COLOURS["red"], ms=14, mec="white")
    axes[0].set_ylabel("degree, coef")
    axes[0].figure.colorbar(shown, ax=list(axes), label="macro-F1")
    return axes


def draw_ties(ax: Axes, study: HandcraftedStudy) -> Axes:
    """Of the settings of each method, how many differ in any prediction at all."""
    names = study.task.methods
    share = [study.predictions(n).distinct() for n in names]
    at = range(len(names))
    ax.barh(at, [len(grid_of(n)) for n in names], color="0.88", label="settings")
    ax.barh(at, share, color=COLOURS["blue"], label="that differ in a prediction")
    for y, n in enumerate(share):
        ax.text(n * 1.15, y, str(n), va="center", fontsize=9)
    ax.set_yticks(at, [title_of(n) for n in names])
    ax.set(xscale="log", xlabel="settings", xlim=(0.8, None))
    ax.invert_yaxis()
    ax.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.4, 1))
    return ax


def draw_scales(ax: Axes, study: HandcraftedStudy) -> Axes:
    """Macro-F1 of all settings in ascending order: one feature, three scales."""
    shown = {n: t for n, t in SCALES.items() if n in study.task.methods}
    for (name, title), colour in zip(shown.items(), ("orange", "red", "blue"), strict=False):
        scores = np.sort(study.predictions(name).scores())
        ax.plot(np.linspace(0, 100, len(scores)), scores, color=COLOURS[colour], label=title)
    dummy = select(study.scores, "honest", DUMMY)["uf1"].score
    ax.axhline(dummy, color="0.5", ls=":", label="dummy")
    ax.set(xlabel="settings, % (from the worst)", ylabel="macro-F1", ylim=(0, None))
    ax.set_title("LBP-TOP")
    ax.legend(frameon=False)
    return ax


def draw_protocols(ax: Axes, scores: pd.DataFrame) -> Axes:
    """Macro-F1 of every method under the protocols, side by side; lines are intervals.

    ``scores`` as `mecore.studies.handcrafted.study.protocols` gives them.
    """
    titles = {title_of(name): name for name in scores.method.unique()}
    uf1 = scores[scores.measure == "uf1"].groupby("protocol", sort=False)
    parts = {name: dict(own.set_index("method").iterrows()) for name, own in uf1}
    draw_bars(ax, parts, titles, PROTOCOLS)
    told = scores[scores.protocol == "person told"].score
    ax.plot(told.to_numpy(), "D", color="black", ms=5, ls="none", label="person told (accuracy)")
    ax.set_xticks(range(len(titles)), list(titles), rotation=35, ha="right")
    ax.set(ylabel="macro-F1", ylim=(0, 1.05))
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def draw_results(ax: Axes, study: HandcraftedStudy) -> Axes:
    """Macro-F1 of every method in every column; thin lines are intervals, thick ones ranges."""
    markers = {"honest": "o", "oracle": "D", "chance": "s", "oracle on chance": "d"}
    at = np.arange(len(study.methods))
    uf1 = study.scores[study.scores.measure == "uf1"]
    for place, (column, marker) in enumerate(markers.items()):
        colour, own = PROTOCOL_COLOURS[column], uf1[uf1.column == column]
        y = at + (place - 1.5) * 0.18
        ax.hlines(y, own.low, own.high, color=colour, lw=1, alpha=0.7)
        ax.hlines(y, own.least, own.most, color=colour, lw=3)
        ax.plot(own.score, y, marker, color=colour, label=column, ms=5)
    ax.set_yticks(at, [title_of(name) for name in study.methods])
    ax.set(xlabel="macro-F1", xlim=(0, 1))
    ax.grid(axis="y", color="0.92")
    ax.invert_yaxis()
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.45, 1))
    return ax
