"""Composites: several databases as one, with one set of classes, rebuilt by rule.

That of MEGC2019 (See et al. 2019. MEGC 2019: the second facial micro-expressions grand challenge.
IEEE FG) takes the samples of three classes from SMIC-HS, CASME II and SAMM. Subject ids carry the
name of their database (``casme2-01``): they collide otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import Field

from mecore.data.annotations import read_annotations, refuse
from mecore.data.database import Database, open_database
from mecore.data.files import digest
from mecore.data.frames import FrameSource
from mecore.data.manifest import load_manifest, parse_yaml
from mecore.data.places import shared_folder
from mecore.data.schema import Exclusion, Expected, Manifest, Strict
from mecore.errors import DataError, ManifestError, nearest

SEPARATOR = "-"


class Part(Strict):
    """What a composite takes from one database, and from which edition of its annotations."""

    dataset: str
    edition: str | None = None
    classes: dict[str, list[str]]
    leave_out: list[Exclusion] = Field(default=[])
    expected: Expected = Expected()

    @property
    def manifest(self) -> Manifest:
        """The manifest of the database, bound to the edition that the rule was made for."""
        manifest = load_manifest(self.dataset)
        if self.edition is None:
            return manifest
        files = [f for f in manifest.annotations.files if f.name == self.edition]
        sheet = manifest.annotations.model_copy(update={"file": files})
        return manifest.model_copy(update={"annotations": sheet})


class Composite(Strict):
    """A composite of several databases."""

    id: str
    name: str
    citation: str
    expected: Expected
    parts: list[Part]


@dataclass(frozen=True)
class CompositeDatabase:
    """A composite, opened: its tables, and the databases that its frames are read from.

    Parameters
    ----------
    parts : dict of Database
        By name, each with its own root and layout.
    samples, videos : DataFrame
        As in `Database`; subjects carry the name of their database. Samples have a column
        ``class``.
    """

    composite: Composite
    parts: dict[str, Database]
    samples: pd.DataFrame
    videos: pd.DataFrame

    def frames(self, subject: str, video: str) -> FrameSource:
        """Return the frames of one video."""
        dataset, own = split_subject(subject, self.parts)
        return self.parts[dataset].frames(own, video)

    def may_show(self, subject: str) -> bool:
        """Tell whether the face of a subject may reach a figure."""
        dataset, own = split_subject(subject, self.parts)
        return self.parts[dataset].manifest.figures.may_show(own)

    @property
    def fingerprint(self) -> str:
        """Digest of all that a result can depend on."""
        parts = {name: part.fingerprint for name, part in self.parts.items()}
        return digest([self.composite.model_dump(mode="json"), parts])


def known_composites() -> dict[str, Path]:
    """Return the composites of the study by id."""
    files = sorted((shared_folder("data_manifests") / "composites").glob("*.yaml"))
    return {p.stem: p for p in files}


def load_composite(name: str) -> Composite:
    """Read the rule of a composite; an unknown id, or a contradiction, is a `ManifestError`."""
    known = known_composites()
    if name not in known:
        raise ManifestError(f"no composite is called {name!r}; {nearest(name, known)}")
    return parse_yaml(known[name], Composite)


def join_subject(dataset: str, subject: str) -> str:
    """Put the name of the database before a subject id, which is unique in its database only."""
    return f"{dataset}{SEPARATOR}{subject}"


def split_subject(subject: str, datasets: Iterable[str]) -> tuple[str, str]:
    """Take the name of its database off a subject id: ``phantom-short``, ``01``.

    Ids of databases and of subjects may hold the separator, so the databases must be known; a
    subject of none of them is a `DataError`.
    """
    known = sorted(datasets, key=len, reverse=True)
    for dataset in known:
        if subject.startswith(before := join_subject(dataset, "")):
            return dataset, subject.removeprefix(before)
    near = nearest(subject.rpartition(SEPARATOR)[0], known)
    raise DataError(f"subject {subject!r} is of no database; {near}")


def take_part(part: Part, samples: pd.DataFrame) -> pd.DataFrame:
    """Choose the samples of one database that belong to a composite.

    Returns
    -------
    DataFrame
        The micro-expressions of its classes, with the column ``class``, and subjects that carry
        the name of the database.
    """
    class_of = {e: name for name, emotions in part.classes.items() for e in emotions}
    left_out = {(x.subject, x.video) for x in part.leave_out}
    keys = pd.Series(list(zip(samples.subject, samples.video, strict=True)), index=samples.index)
    chosen = (samples.kind == "micro") & samples.emotion.isin(class_of) & ~keys.isin(left_out)
    taken = samples[chosen].reset_index(drop=True)
    taken["class"] = taken.emotion.map(class_of).astype("string")
    taken["subject"] = [join_subject(part.dataset, s) for s in taken.subject]
    return taken


def read_composite(name: str, roots: Mapping[str, Path]) -> pd.DataFrame:
    """Rebuild the samples table of a composite from annotation files alone.

    Parameters
    ----------
    name : str
        Such as ``"megc2019"``.
    roots : mapping
        Folder of each database by id.

    Raises
    ------
    DataError
        A root is not named, or an annotation file cannot be read.
    """
    tables = []
    for part in load_composite(name).parts:
        reading = read_annotations(part.manifest, _root(part, roots))
        refuse(reading.problems, part.dataset)
        tables.append(take_part(part, reading.samples))
    return pd.concat(tables, ignore_index=True)


def open_composite(name: str, roots: Mapping[str, Path]) -> CompositeDatabase:
    """Open a composite with its frames, see `read_composite` and `open_database`."""
    composite = load_composite(name)
    parts, samples, videos = {}, [], []
    for part in composite.parts:
        database = parts[part.dataset] = open_database(part.manifest, _root(part, roots))
        samples.append(taken := take_part(part, database.samples))
        subjects = [join_subject(part.dataset, s) for s in database.videos.subject]
        clips = taken[["subject", "video"]].drop_duplicates()
        videos.append(database.videos.assign(subject=subjects).merge(clips))
    tables = (pd.concat(t, ignore_index=True) for t in (samples, videos))
    return CompositeDatabase(composite, parts, *tables)


def composite_counts(composite: Composite, samples: pd.DataFrame) -> pd.DataFrame:
    """Compare the classes of a composite with the published counts, database by database."""
    rows: list[tuple[str, str, int | None, int]] = []
    parts = [(p.dataset, p.expected, samples[samples.database == p.dataset])
             for p in composite.parts]  # fmt: skip
    for name, expected, own in [*parts, ("all", composite.expected, samples)]:
        found = own["class"].value_counts()
        rows += [(name, c, n, int(found.get(c, 0))) for c, n in expected.classes.items()]
        rows.append((name, "samples", expected.samples, len(own)))
        rows.append((name, "subjects", expected.subjects, own.subject.nunique()))
    return pd.DataFrame(rows, columns=["database", "what", "expected", "found"])


def _root(part: Part, roots: Mapping[str, Path]) -> Path:
    if part.dataset not in roots:
        todo = f"mecore data check {part.dataset} --root DIR"
        raise DataError(f"where does {part.dataset} lie?", todo=todo)
    return roots[part.dataset]
