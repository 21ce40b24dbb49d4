"""Tables of a page: plain HTML with a caption, the same bytes each time."""

from html import escape
from typing import Any

import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from mecore.data.database import Database
from mecore.data.files import digest

MISSING = "–"


def show(table: pd.DataFrame, caption: str = "", *, digits: int = 3, index: bool = True) -> HTML:
    """Return a table as HTML; the caption says what it shows and what it stems from.

    Numbers are rounded to ``digits`` after the point, whole ones and text stay, missing ones become
    a dash. ``index`` shows the row names.
    """
    text = table.map(lambda value: cell(value, digits))
    # Places name the cells: two rows may have the same name.
    numbered = text.set_axis(range(len(text))).set_axis(range(text.shape[1]), axis=1)
    # A name of its own, the same in every build; without one, Styler draws it.
    own = digest([caption, numbered.to_csv()])
    style = Styler(numbered, uuid=own, cell_ids=False, caption=escape(caption) or None)
    style = style.format(escape="html").set_table_attributes('class="table table-sm"')
    for axis, labels in enumerate(table.axes):
        style = style.relabel_index([escape(str(label)) for label in labels], axis=axis)
    # Sentences get room; numbers and names take what they need.
    style = style.set_td_classes(numbered.map(lambda value: "text" if len(value) >= 40 else ""))
    if not index:
        style = style.hide()
    return HTML(f'<div class="mecore-table">{style.to_html()}</div>')


def cell(value: object, digits: int = 3) -> str:
    """Write a value of a table; what is missing is a dash."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value, digits) if isinstance(value, float) else str(value)


def number(value: float, digits: int = 3) -> str:
    """Write a number with so many digits after the point; whole ones above 1 without."""
    return f"{value:.0f}" if value.is_integer() and abs(value) > 1 else f"{value:.{digits}f}"


def origin(database: Database) -> str:
    """Name the data of a result; of the phantom it is always said that nobody is shown."""
    name = database.manifest.name
    return f"{name}: rendered faces, no person" if database.manifest.synthetic else name


def statistics(database: Database) -> pd.DataFrame:
    """Subjects, videos, samples per kind and class, frame rate and lengths of a database."""
    samples, videos = database.samples, database.videos
    micro = samples[samples.kind == "micro"]
    classes = database.classes(micro)
    seconds = ((micro.offset - micro.onset + 1) / micro.fps).astype(float)
    every, moved = (table.subject + "/" + table.video for table in (videos, micro))
    facts: dict[str, object] = {
        "subjects": videos.subject.nunique(),
        "videos": len(videos),
        "videos without micro-expression": int((~every.isin(moved)).sum()),
        "frames": int(videos.n_frames.sum()),
        "frames per second": float(database.manifest.fps),
        "micro-expressions": len(micro),
        "their seconds": f"{seconds.min():.2f} to {seconds.max():.2f}, mean {seconds.mean():.2f}",
        "macro-expressions": int((samples.kind == "macro").sum()),
    }
    facts |= {f"class {name}": int((classes == name).sum()) for name in database.manifest.classes}
    facts["in no class"] = int(classes.isna().sum())
    return pd.DataFrame({database.manifest.id: facts})


def choice_rows(options: list[dict[str, Any]]) -> pd.DataFrame:
    """Paper, released code and this study, option by option; see `mecore.models.choices`."""
    return pd.DataFrame([
        {"choice": f"{r['topic']} ({r['name']})", "paper": word(r["written"]),
         "released code": word(r["released"]), "here": word(r["default"]), "why": r["why"]}
        for r in options
    ])  # fmt: skip


def word(value: Any) -> str:
    """An option's value in words."""
    words = {True: "yes", False: "no", None: "none"}
    known = isinstance(value, bool) or value is None
    return words[value] if known else str(value).replace("_", " ")
