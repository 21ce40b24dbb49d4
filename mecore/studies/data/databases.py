"""Databases beside each other, as their manifests state them, and the faces of one of them."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mecore.data.database import Database
from mecore.data.files import write_whole
from mecore.data.manifest import Manifest
from mecore.preprocessing.apex import find_apex
from mecore.report.faces import NEUTRAL, draw_outline, show_image
from mecore.report.style import COLOURS, styled
from mecore.report.tables import origin

CLASSES = {"negative": COLOURS["orange"], "positive": COLOURS["blue"], "surprise": COLOURS["green"],
           "in none": "0.85"}  # fmt: skip


def facts_table(manifests: Sequence[Manifest]) -> pd.DataFrame:
    """Facts of each database as its manifest states them."""
    counts = dict.fromkeys(("fps", "subjects", "videos", "samples"), "Int64")
    return pd.DataFrame([
        {
            "database": m.name, "id": m.id, "videos are": m.length,
            "fps": None if m.layout.kind == "features" else m.fps,
            "subjects": m.expected.subjects, "videos": m.expected.videos,
            "samples": m.expected.samples, "confidence": m.confidence,
        }
        for m in manifests
    ]).astype(counts)  # fmt: skip


def request_table(manifests: Sequence[Manifest]) -> pd.DataFrame:
    """Where to ask for each database, on what terms, and whose face may be shown."""
    return pd.DataFrame([
        {"database": m.name, "ask at": m.licence.request, "terms": m.licence.terms,
         "faces in figures": f"subjects {', '.join(m.figures.subjects)}" if m.figures.subjects
         else m.figures.faces or "hidden"}
        for m in manifests
    ])  # fmt: skip


def compare_counts(
    manifests: dict[str, Manifest], printed: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Our counts beside printed ones, by the name under which papers print a database.

    Each paper's table has these names as columns and counts as rows (`Subjects`, `Videos`,
    `Samples`, emotions).

    Returns
    -------
    DataFrame
        One row per database and count in print: what we find, what each paper prints, and whether
        they agree.
    """
    known = {
        (paper, name, _plain(what)): int(n)
        for paper, table in printed.items()
        for name, column in table.items()
        for what, n in column.dropna().items()
    }
    rows = []
    for name, manifest in manifests.items():
        for what, found in _counts(manifest).items():
            values = {paper: known.get((paper, name, _plain(what))) for paper in printed}
            stated = {v for v in values.values() if v is not None}
            if stated:
                rows.append({"database": name, "count": what, "here": found, **values,
                             "agree": None if found is None else stated == {found}})  # fmt: skip
    return pd.DataFrame(rows).astype(dict.fromkeys(["here", *printed], "Int64"))


def _counts(manifest: Manifest) -> dict[str, int | None]:
    expected = manifest.expected
    classes = {e.capitalize(): n for e, n in expected.classes.items()}
    # Papers count micro-expressions as samples, also where a sheet holds macro-expressions.
    samples = expected.kinds.get("micro", expected.samples)
    return {"Subjects": expected.subjects, "Videos": expected.videos, "Samples": samples, **classes}


def _plain(name: object) -> str:
    return str(name).rstrip("s").casefold()


def disagreements(manifests: Sequence[Manifest]) -> pd.DataFrame:
    """Counts in print that differ from ours, and why, as the manifests explain them."""
    rows = [{"database": m.name, "in print": p} for m in manifests for p in m.expected.papers]
    return pd.DataFrame(rows)


def draw_classes(ax: Axes, manifests: Sequence[Manifest]) -> Axes:
    """Share of negative, positive and surprised samples in each database, with their numbers."""
    named = [m for m in manifests if m.expected.classes]
    for y, manifest in enumerate(reversed(named)):
        counts = dict.fromkeys(CLASSES, 0)
        for emotion, n in manifest.expected.classes.items():
            counts[manifest.class_of.get(emotion, "in none")] += n
        left, total = 0.0, sum(counts.values())
        for name, n in counts.items():
            share = n / total
            ax.barh(y, share, left=left, color=CLASSES[name], label=name if y == 0 else "")
            if share > 0.03:
                ax.text(left + share / 2, y, str(n), ha="center", va="center", fontsize=8,
                        color="black" if name in ("in none", "negative") else "white")  # fmt: skip
            left += share
    _name_rows(ax, named[::-1], xlim=(0, 1), xlabel="share of the micro-expressions")
    ax.legend(ncols=4, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax


def draw_durations(ax: Axes, manifests: Sequence[Manifest]) -> Axes:
    """Mean duration that the papers' constants imply, and the limits by which experts define it.

    MEAN sets k' to half a mean expression, k' = (N + 1)/2; so N = 2k' - 1 frames.
    """
    lengths = [(m, 2 * m.constants.k_prime - 1) for m in manifests if m.constants.k_prime]
    for y, (m, n) in enumerate(lengths):
        ax.barh(y, n / m.fps, color=COLOURS["blue"])
        ax.text(n / m.fps - 0.01, y, f"{n} frames at {m.fps:g}/s", va="center", ha="right",
                color="white", fontsize=9)  # fmt: skip
    ax.axvline(0.5, color="0.4", ls="--", lw=1, label="longest by definition")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    _name_rows(ax, [m for m, _ in lengths], xlabel="mean duration, seconds", xlim=(0, 0.55))
    ax.invert_yaxis()
    return ax


def draw_rates(ax: Axes, manifests: Sequence[Manifest]) -> Axes:
    """Frames in which a micro-expression of half a second can be seen, per database."""
    ordered = sorted((m for m in manifests if m.fps > 1), key=lambda m: (m.fps, m.name))
    colours = [COLOURS["sky"] if m.length == "short" else COLOURS["purple"] for m in ordered]
    ax.barh(range(len(ordered)), [m.fps / 2 for m in ordered], color=colours)
    _name_rows(ax, ordered, xlabel="frames in half a second")
    for label, name in (("short clips", "sky"), ("long videos", "purple")):
        ax.barh(0, 0, color=COLOURS[name], label=label)
    ax.legend(frameon=False, loc="lower right")
    return ax


def _name_rows(ax: Axes, manifests: Sequence[Manifest], **how: object) -> None:
    ax.set(yticks=range(len(manifests)), yticklabels=[m.name for m in manifests], **how)


def draw_timeline(ax: Axes, database: Database, subject: str) -> Axes:
    """Expressions of one subject's videos over time, a line for each video."""
    videos = database.videos[database.videos.subject == subject]
    samples = database.samples[database.samples.subject == subject]
    colours = {"macro": COLOURS["orange"], "micro": COLOURS["blue"]}
    for y, video in enumerate(videos.itertuples()):
        ax.plot([0, video.n_frames / video.fps], [y, y], color="0.8", lw=8, solid_capstyle="butt")
        for s in samples[samples.video == video.video].itertuples():
            span = np.array([s.onset, s.offset + 1]) / video.fps
            ax.plot(span, [y, y], color=colours[s.kind], lw=8, solid_capstyle="butt")
            if s.kind == "micro":
                ax.annotate(s.emotion, (span.mean(), y), (0, 9), textcoords="offset points",
                            ha="center", fontsize=8)  # fmt: skip
    for kind, colour in colours.items():
        ax.plot([], [], color=colour, lw=8, label=f"{kind}-expression")
    ax.set(yticks=range(len(videos)), yticklabels=videos.video, xlabel="seconds",
           ylim=(-0.6, len(videos) - 0.3), title=f"subject {subject}")  # fmt: skip
    ax.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.08))
    return ax


def draw_montage(axes: Sequence[Axes], database: Database) -> Sequence[Axes]:
    """One frame of each subject, at the height of an expression, or a generic outline."""
    firsts = database.samples.drop_duplicates("subject").itertuples()
    for ax, s in zip(axes, firsts, strict=False):
        title = f"{s.subject}: {s.emotion}"
        if database.manifest.figures.may_show(s.subject):
            apex = find_apex(
                (s.onset, None if s.apex is pd.NA else s.apex, s.offset), "middle", float
            )
            show_image(ax, database.frames(s.subject, s.video).read(int(apex)), title)
        else:
            show_image(ax, np.full((160, 140), 235, np.uint8), title)
            draw_outline(ax, NEUTRAL + np.array([6, 10], np.float32))
    for ax in axes:
        ax.set_axis_off()
    return axes


def save_montage(database: Database, path: Path, columns: int = 6, rows: int = 3) -> Path:
    """Write the montage of a database as a PNG file."""
    n = min(columns * rows, database.samples.subject.nunique())
    with styled():
        height = -(-n // columns)
        size = 1.9 * columns, 2.1 * height + 0.4
        fig, axes = plt.subplots(height, columns, figsize=size, squeeze=False)
        draw_montage(list(axes.flat), database)
        fig.suptitle(origin(database))
        write_whole(path, lambda aside: fig.savefig(aside))
        plt.close(fig)
    return path
