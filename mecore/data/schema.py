"""The parts of a manifest: what may stand in one, and what contradicts itself.

Frame numbers in a manifest are those of the database; the readers convert them once.
"""

import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mecore.data.files import digest
from mecore.data.frames import FirstFrame
from mecore.errors import nearest

SAMPLE_FIELDS = ("subject", "video", "sample", "kind", "onset", "apex", "offset", "emotion",
                 "action_units")  # fmt: skip
REQUIRED = ("subject", "video", "onset", "offset", "emotion")


def _inside(path: str) -> str:
    """Refuse a relative path that could leave the data root."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise ValueError(f"{path!r} leaves the data root; use a relative path without '..'")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]
Column = int | str | list[str]
Confidence = Literal["checked on a real file", "read in loaders", "from the paper"]


def groups_of(pattern: str) -> set[str]:
    """Names of the groups of a regular expression; a `ValueError` where it is none."""
    try:
        return set(re.compile(pattern).groupindex)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


class Strict(BaseModel):
    """A part of a manifest: frozen, and no key but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Licence(Strict):
    """Terms of a database and where to ask for it."""

    name: str
    terms: str = ""
    request: str = ""


class Expected(Strict):
    """Counts of a complete copy, with their source; ``samples`` are rows of the sheet."""

    subjects: int | None = None
    videos: int | None = None
    samples: int | None = None
    classes: dict[str, int] = Field(default={}, description="samples per emotion, as annotated")
    kinds: dict[Literal["micro", "macro"], int] = {}
    source: str = ""
    papers: list[str] = Field(default=[], description="other counts in print, and why they differ")


class SubjectIds(Strict):
    """One spelling of subject ids, for sheet and disk: prefix off, digits padded to a width."""

    prefix: str = ""
    width: int = 0

    def normal(self, text: str) -> str:
        """Return an id in the spelling of the study, such as ``01`` for ``1`` and ``sub01``."""
        rest = text[len(self.prefix) :] if text.lower().startswith(self.prefix.lower()) else text
        if self.width and rest.isascii() and rest.isdigit():
            return rest.lstrip("0").zfill(self.width)
        return rest if rest else text


class Exclusion(Strict):
    """A video, or one expression of it, that cannot be used, with the reason."""

    subject: str
    video: str
    sample: str | None = None
    reason: str


class Layout(Strict):
    """Where videos lie below the data root.

    ``video`` is the path of a folder of images, of a video file or, where ready ``features`` are
    delivered, of the flow image of one sample (red u, green v, blue strain). It holds
    ``{video}`` and ``{subject}``; without the latter, ``split`` takes the subject out of the name
    of the video, or else the annotations tell it. ``{emotion}`` may name a folder, ``*`` and ``?``
    stand for any text. ``image`` is the name of one frame with ``{frame}``. ``first_frame`` is the
    number of the first frame on disk; ``any``: the files carry the numbers of the sheet, wherever a
    clip begins; ``gaps``: so too, and some may be missing.
    """

    name: str = "as delivered"
    kind: Literal["image_folders", "video_files", "features"]
    video: RelativePath
    image: RelativePath | None = None
    split: dict[Literal["video"], str] = {}
    first_frame: FirstFrame = 1
    exclude: list[Exclusion] = Field(default=[], description="videos spoilt in this form only")

    @model_validator(mode="after")
    def _names_frames(self) -> Self:
        fields = set(re.findall(r"\{(\w*)\}", self.video))
        if any("subject" not in groups_of(p) for p in self.split.values()):
            raise ValueError("layout.split must have a group (?P<subject>…)")
        if "video" not in fields:
            raise ValueError("layout.video must hold {video}")
        if fields - {"subject", "video", "emotion"}:
            raise ValueError("layout.video knows {subject}, {video} and {emotion} only")
        if (self.kind == "image_folders") != (self.image is not None):
            raise ValueError("layout.image belongs to image_folders, and only to them")
        if self.image is not None and "{frame}" not in self.image:
            raise ValueError("layout.image must hold {frame}")
        return self


class Edition(Strict):
    """One edition of the annotation file, known by its name; ``*`` and ``?`` stand for any text."""

    name: RelativePath
    edition: str = ""
    samples: int | None = None
    classes: dict[str, int] = Field(default={}, description="counts that differ from `expected`")


class Lookup(Strict):
    """A naming rule: a sheet that translates the codes of one column into the names on disk."""

    column: Literal["subject", "video", "emotion"]
    sheet: int | str
    key: int | str
    value: int | str
    header: int | None = None


class Interval(Strict):
    """Columns of a further interval in the same row."""

    onset: str
    offset: str


class Join(Strict):
    """Fields from another table: rows with the same values in the fields ``by``.

    With ``required: false`` the table may be absent; the fields then keep their `defaults`.
    """

    file: RelativePath
    sheet: int | str = 0
    columns: dict[str, Column]
    by: list[str]
    required: bool = True


Repair = Literal["apex outside: unknown", "offset behind the end: last frame",
                 "onset unknown: leave out", "fractions: round"]  # fmt: skip


class Annotations(Strict):
    """The annotation sheet: which file, which columns, which marks.

    ``file`` is the name of the file, wherever it lies below the root; several where a database
    has several editions of it; none where the folders say it all (a video is then one sample).
    ``columns`` maps the fields of the samples table to column names (a list: the first that is
    there), or to 0-based positions. ``header`` is the row of the names, several rows, or ``find``:
    the first that holds all of them. ``split`` takes one cell apart by a regular expression whose
    named groups are fields; ``make`` puts a field together from others, as printed. ``first_frame``
    is the number the sheet gives to the first frame.
    """

    file: RelativePath | list[RelativePath | Edition] | None = None
    sheet: int | str = 0
    header: int | list[int] | Literal["find"] | None = "find"
    columns: dict[str, Column] = {}
    split: dict[str, str] = {}
    make: dict[Literal["subject", "video", "sample"], str] = {}
    lookups: list[Lookup] = []
    join: Join | None = None
    defaults: dict[str, str] = Field(default={}, description="fields that the sheet does not hold")
    missing: list[str] = ["", "/", "?"]
    missing_in: dict[str, list[str]] = Field(default={}, description="marks of one field")
    fallback: dict[Literal["offset", "apex"], Literal["onset", "apex", "offset"]] = {}
    kinds: dict[str, Literal["micro", "macro"]] = {}
    further: list[Interval] = Field(default=[], description="second, third, … expression of a row")
    within: Interval | None = Field(default=None, description="bounds of a further interval")
    repair: list[Repair] = []
    first_frame: int = 1

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        joined = self.join.columns if self.join else {}
        given = {*self.columns, *self.defaults, *self.make, *joined}
        split = set().union(*(groups_of(p) | {f} for f, p in self.split.items()))
        codes = {"code", "code2", *re.findall(r"\{(\w+)\}", " ".join(self.make.values()))}
        for name in (given | split) - {*SAMPLE_FIELDS, *codes}:
            raise ValueError(f"columns: {name!r} is no field; {nearest(name, SAMPLE_FIELDS)}")
        lacking = set() if self.file is None else set(REQUIRED) - given - split
        if lacking:
            raise ValueError(f"columns: {', '.join(sorted(lacking))} missing")
        if self.header is None and not all(isinstance(c, int) for c in self.columns.values()):
            raise ValueError("columns: without a header they are given by position (0, 1, …)")
        return self

    @property
    def files(self) -> list[Edition]:
        """Files that may hold the annotations, the preferred one first."""
        given = self.file if isinstance(self.file, list) else [self.file]
        return [f if isinstance(f, Edition) else Edition(name=f) for f in given if f is not None]

    @property
    def file_name(self) -> str:
        """Name of the annotation file for messages."""
        return " or ".join(f.name for f in self.files) or "no table: the folders say it all"


class Correction(Strict):
    """A known error of the annotation sheet, keyed by subject and clip, never by row.

    ``was`` is what the faulty edition prints: another one, which prints something else, is left as
    it is. Frame numbers are those of the sheet.
    """

    subject: str
    video: str
    sample: str | None = None
    onset: int | None = Field(default=None, description="as printed; if a clip has several")
    was: dict[str, int | str] = {}
    set: dict[str, int | str | None]
    reason: str
    source: str


class Figures(Strict):
    """Whose face may be shown in figures."""

    faces: Literal["hidden", "shown"] | None = None
    subjects: list[str] = []

    def may_show(self, subject: str) -> bool:
        """Tell whether the face of a subject may reach a figure."""
        return self.faces == "shown" or subject in self.subjects


class Constants(Strict):
    """Constants that a paper states for this database (frames)."""

    k: int | None = Field(default=None, description="distance of a pair, MEAN")
    k_prime: int | None = Field(default=None, description="half a mean expression, MEAN")
    window: int | None = Field(default=None, description="L, dense LSTM: frames of a window")
    sequence: tuple[int, int] | None = Field(default=None, description="M, dense LSTM: windows")


def _emotions(classes: dict[str, list[str]]) -> list[str]:
    return [e for names in classes.values() for e in names]


class Manifest(Strict):
    """One edition of one database."""

    id: str
    name: str
    edition: str
    description: str = ""
    synthetic: bool = False
    citation: str
    licence: Licence
    confidence: Confidence = Field(description="how sure we are of these facts")
    fps: float = Field(gt=0)
    resolution: tuple[int, int] | None = None
    length: Literal["short", "long"] = Field(description="one expression per video, or any number")
    expected: Expected = Expected()
    subjects: SubjectIds = SubjectIds()
    parts: dict[str, str] = Field(
        default={}, description="databases of a composite: regular expressions of their subjects"
    )
    layout: Layout
    variants: list[Layout] = Field(default=[], description="other forms in which it is kept")
    annotations: Annotations
    classes: dict[str, list[str]]
    class_sets: dict[str, dict[str, list[str]]] = Field(default={}, description="other usual")
    other_emotions: list[str] = []
    constants: Constants = Constants()
    corrections: list[Correction] = []
    exclude: list[Exclusion] = []
    figures: Figures = Figures(faces="hidden")

    @model_validator(mode="after")
    def _one_class_each(self) -> Self:
        counts = Counter([*_emotions(self.classes), *self.other_emotions])
        twice = [e for e, n in counts.items() if n > 1]
        if twice:
            raise ValueError(f"classes: {', '.join(twice)} stands in more than one class")
        for name, classes in self.class_sets.items():
            listed = Counter(_emotions(classes))
            wrong = [e for e, n in listed.items() if n > 1 or not self.knows(e)]
            if wrong:
                raise ValueError(f"class_sets.{name}: {', '.join(wrong)} unknown or repeated")
        return self

    @property
    def class_of(self) -> dict[str, str]:
        """Emotion as annotated to class of the study."""
        return {e: name for name, emotions in self.classes.items() for e in emotions}

    def knows(self, emotion: str) -> bool:
        """Tell whether an emotion (lower case) stands in a class, or among the others."""
        return emotion in self.class_of or any(fnmatchcase(emotion, o) for o in self.other_emotions)

    def with_classes(self, name: str) -> Self:
        """Return the manifest with one of its other sets of classes, such as ``"5"``."""
        classes = self.class_sets[name]
        others = {*self.class_of, *self.other_emotions}.difference(_emotions(classes))
        return self.model_copy(update={"classes": classes, "other_emotions": sorted(others)})

    @property
    def fingerprint(self) -> str:
        """Digest of every fact of the manifest."""
        return digest(self.model_dump(mode="json"))
