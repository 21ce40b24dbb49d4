"""Manifests: what one edition of a database holds and how it lies on disk, as checked data.

A manifest is a YAML file in ``data_manifests/``. Unknown keys, wrong types, paths that leave the
data root and class maps that name an emotion twice are refused with the place and the nearest
right name.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mecore.data.files import digest
from mecore.data.places import shared_folder
from mecore.errors import ManifestError, nearest

SAMPLE_FIELDS = ("subject", "video", "sample", "kind", "onset", "apex", "offset", "emotion",
                 "action_units")  # fmt: skip


def _inside(path: str) -> str:
    """Refuse a relative path that could leave the data root."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise ValueError(f"{path!r} leaves the data root; use a relative path without '..'")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Licence(_Part):
    """Terms of a database and where to ask for it."""

    name: str
    terms: str = ""
    request: str = ""


class Expected(_Part):
    """Counts that a complete copy shows, each with its source."""

    subjects: int | None = None
    videos: int | None = None
    samples: int | None = None
    classes: dict[str, int] = {}
    source: str = ""


class Layout(_Part):
    """Where videos lie below the data root.

    ``video`` is the path of a folder of images or of a video file, with the fields
    ``{subject}`` and ``{video}`` in braces; ``image`` is the name of one frame with ``{frame}``.
    ``first_frame`` is the number that the database gives to the first frame of a video. Ready
    ``features`` are one image a sample (red u, green v, blue strain) in place of frames.
    """

    kind: Literal["image_folders", "video_files", "features"]
    video: RelativePath
    image: RelativePath | None = None
    first_frame: int = 1

    @model_validator(mode="after")
    def _names_frames(self) -> Layout:
        if self.kind == "features":
            if "{video}" not in self.video or self.image is not None:
                raise ValueError("layout.video of features must hold {video}, and nothing else")
            return self
        if "{subject}" not in self.video or "{video}" not in self.video:
            raise ValueError("layout.video must hold {subject} and {video}")
        if (self.kind == "image_folders") != (self.image is not None):
            raise ValueError("layout.image belongs to image_folders, and only to them")
        if self.image is not None and "{frame}" not in self.image:
            raise ValueError("layout.image must hold {frame}")
        return self


class Lookup(_Part):
    """A naming rule: a sheet that translates the codes of one column into the names on disk."""

    column: Literal["subject", "video", "emotion"]
    sheet: int | str
    key: int | str
    value: int | str
    header: int | None = None


class Annotations(_Part):
    """The annotation sheet: which file, which columns, which marks.

    ``columns`` maps the fields of the samples table to column names, or to 0-based positions
    where a sheet has no header. ``split`` takes one cell apart by a regular expression whose
    named groups are fields. ``first_frame`` is the number the sheet gives to the first frame.
    """

    file: RelativePath
    sheet: int | str = 0
    header: int | None = 0
    columns: dict[str, int | str]
    split: dict[str, str] = {}
    lookups: list[Lookup] = []
    missing: list[str] = ["", "/", "?"]
    kinds: dict[str, Literal["micro", "macro"]] = {}
    first_frame: int = 1

    @model_validator(mode="after")
    def _known_fields(self) -> Annotations:
        given = set(self.columns)
        for field, pattern in self.split.items():
            given |= set(re.compile(pattern).groupindex) | {field}
        for name in given - {*SAMPLE_FIELDS, "code", "database", "sha256"}:
            raise ValueError(f"columns: {name!r} is no field; {nearest(name, SAMPLE_FIELDS)}")
        lacking = {"subject", "video", "emotion"} - given
        if lacking:
            raise ValueError(f"columns: {', '.join(sorted(lacking))} missing")
        if self.header is None and any(isinstance(c, str) for c in self.columns.values()):
            raise ValueError("columns: without a header they are given by position (0, 1, …)")
        return self


class Correction(_Part):
    """A known error of the annotation sheet, keyed by subject and clip, never by row."""

    subject: str
    video: str
    onset: int | None = Field(None, description="as printed, where a clip holds several samples")
    set: dict[str, int | str | None]
    reason: str
    source: str


class Exclusion(_Part):
    """A video that cannot be used, with the reason."""

    subject: str
    video: str
    reason: str


class Figures(_Part):
    """Whose face may be shown in figures."""

    faces: Literal["hidden", "shown"] | None = None
    subjects: list[str] = []

    def may_show(self, subject: str) -> bool:
        """Tell whether the face of a subject may reach a figure."""
        return self.faces == "shown" or subject in self.subjects


class Constants(_Part):
    """Constants that a paper states for this database (frames)."""

    k: int | None = None
    k_prime: int | None = None


class Manifest(_Part):
    """One edition of one database."""

    id: str
    name: str
    edition: str
    description: str = ""
    synthetic: bool = False
    citation: str
    licence: Licence
    confidence: str = Field(description="how sure we are of these facts")
    fps: float = Field(0, ge=0, description="needed wherever there are frames")
    resolution: tuple[int, int] | None = None
    length: Literal["short", "long"] = Field(description="one expression per video, or any number")
    expected: Expected = Expected()
    layout: Layout
    annotations: Annotations
    classes: dict[str, list[str]]
    other_emotions: list[str] = []
    constants: Constants = Constants()
    corrections: list[Correction] = []
    exclude: list[Exclusion] = []
    figures: Figures = Figures(faces="hidden")

    @model_validator(mode="after")
    def _frames_are_described(self) -> Manifest:
        if self.layout.kind == "features":
            return self
        if not self.fps:
            raise ValueError("fps: frames per second missing, or 0")
        for field in ("onset", "offset"):
            patterns = self.annotations.split.values()
            named = {n for p in patterns for n in re.compile(p).groupindex}
            if field not in {*self.annotations.columns, *named}:
                raise ValueError(f"annotations.columns: {field} missing")
        return self

    @model_validator(mode="after")
    def _one_class_each(self) -> Manifest:
        counts = Counter(e for names in self.classes.values() for e in names)
        counts.update(self.other_emotions)
        twice = [e for e, n in counts.items() if n > 1]
        if twice:
            raise ValueError(f"classes: {', '.join(twice)} stands in more than one class")
        return self

    @property
    def class_of(self) -> dict[str, str]:
        """Emotion as annotated to class of the study."""
        return {e: name for name, emotions in self.classes.items() for e in emotions}

    @property
    def fingerprint(self) -> str:
        """Digest of every fact of the manifest."""
        return digest(self.model_dump(mode="json"))


def known_manifests() -> dict[str, Path]:
    """Return the manifests of the study by id (the template is not one)."""
    files = sorted(shared_folder("data_manifests").glob("*.yaml"))
    return {p.stem: p for p in files if p.stem != "template"}


def load_manifest(name: str | Path) -> Manifest:
    """Read a manifest by id, or from a YAML file of one's own.

    Raises
    ------
    ManifestError
        Unknown id, unreadable YAML, unknown key, wrong type, contradiction.
    """
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        known = known_manifests()
        if str(name) not in known:
            raise ManifestError(
                f"no database is called {str(name)!r}; {nearest(str(name), known)}",
                todo="for own recordings copy data_manifests/template.yaml and pass its path",
            )
        path = known[str(name)]
    return parse_manifest(path)


def parse_manifest(path: Path) -> Manifest:
    """Read and check one manifest file."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ManifestError(f"cannot be read as YAML: {error}", where=path) from error
    if not isinstance(raw, dict):
        raise ManifestError("holds no mapping of keys to values", where=path)
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(_explain(e, raw) for e in error.errors())
        raise ManifestError(problems, where=path, todo="see data_manifests/template.yaml") from None


def _explain(problem: Any, raw: dict[str, Any]) -> str:
    place = ".".join(str(p) for p in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *parents, key = problem["loc"]
        return f"unknown key {place!r}; {nearest(str(key), _fields_at(parents))}"
    if problem["type"] == "missing":
        return f"key {place!r} is missing"
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}" if place else problem["msg"]


def _fields_at(parents: list[Any]) -> list[str]:
    """Names that are allowed where an unknown key was found."""
    model: Any = Manifest
    for part in parents:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        arguments = getattr(annotation, "__args__", (annotation,))
        model = next((a for a in arguments if isinstance(a, type) and issubclass(a, _Part)), model)
    return list(model.model_fields)
