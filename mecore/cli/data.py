"""``mecore data …``: the databases that are known, whether a copy is ready, a first manifest."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mecore.data.check import Report

SHOWN = 20
_ROOT = click.Path(path_type=Path)


@click.group()
def data() -> None:
    """Databases: list them, check a copy, show what is in it, describe your own.

    \b
    With a licence in hand:
      mecore data list                                   which databases are known
      mecore data check casme2 --root /data/CASME2       is my copy complete and ready?
      mecore chapter mean --dataset casme2               run a paper on it
      mecore chapter mean --dataset casme2:5             the same with its five classes
    """


@data.command("list")
def list_databases() -> None:
    """List the databases with a manifest, and where a copy of each was found."""
    from mecore.data.check import expected_counts
    from mecore.data.composite import known_composites, load_composite
    from mecore.data.datasets import PHANTOMS, known_root
    from mecore.data.manifest import known_manifests, load_manifest

    rows = [("ID", "DATABASE", "HOLDS", "COPY")]
    for name in known_manifests():
        manifest, root = load_manifest(name), known_root(name)
        place = "rendered when it is needed" if name in PHANTOMS else "not seen yet"
        if root is not None:
            place = str(root) if root.is_dir() else f"{root} (gone)"
        rows.append((name, manifest.name, expected_counts(manifest.expected), place))
    for name in known_composites():
        composite = load_composite(name)
        parts = " + ".join(part.dataset for part in composite.parts)
        rows.append((name, composite.name, expected_counts(composite.expected), f"from {parts}"))
    widths = [*(max(map(len, column)) for column in list(zip(*rows, strict=True))[:3]), 0]
    for row in rows:
        click.echo("  ".join(map(str.ljust, row, widths)))
    click.echo("\nNext: mecore data check ID --root DIR; to ask for a copy: mecore data show ID")


@data.command()
@click.argument("name")
@click.option("--root", type=_ROOT, help="Folder of your copy, as it was delivered.")
@click.option("--deep", is_flag=True, help="Decode every frame, not only its first and last bytes.")
@click.option("--all", "every", is_flag=True, help=f"Print every problem, not the first {SHOWN}.")
def check(name: str, root: Path | None, deep: bool, every: bool) -> None:
    """Check a copy of database NAME (an id of `mecore data list`, or your own manifest).

    Says which edition it is, what was expected and found, which rows were refused and why, which
    frames are missing or broken, and what to do. Ends with exit code 0 only if the copy is usable;
    then its folder is remembered, and --data-root can be left out from now on.
    """
    from tqdm import tqdm

    from mecore.data.check import check_database, default_workers
    from mecore.data.composite import known_composites
    from mecore.data.datasets import PHANTOMS, known_root, phantom_root, remember_root
    from mecore.data.manifest import load_manifest

    if name in known_composites():
        _check_composite(name)
        return
    manifest = load_manifest(name)
    root = root.expanduser() if root else known_root(manifest.id)
    if root is None and manifest.id in PHANTOMS:
        root = phantom_root(manifest.id, workers=default_workers())
    if root is None:
        todo = f"mecore data check {name} --root DIR"
        raise click.UsageError(f"say where your copy of {manifest.name} lies: {todo}")
    bar = partial(tqdm, unit="video", disable=not sys.stderr.isatty(), delay=2, leave=False)
    report = check_database(manifest, root, deep=deep, workers=default_workers(), progress=bar)
    _print_report(report, root, None if every else SHOWN)
    if not report.usable:
        sys.exit(1)
    if manifest.id not in PHANTOMS:
        remember_root(manifest.id, root)
    pictures = report.scan.manifest.layout.kind == "features"
    after = f"data show {name}" if pictures else f"chapter mean --dataset {name}"
    click.echo(f"\nReady. Next: mecore {after}")


def _check_composite(name: str) -> None:
    """Rebuild a composite from copies that were checked before, and print its counts."""
    from mecore.data.composite import composite_counts, load_composite, read_composite
    from mecore.data.datasets import known_root

    composite = load_composite(name)
    roots = {part.dataset: known_root(part.dataset) for part in composite.parts}
    samples = read_composite(name, {k: root for k, root in roots.items() if root is not None})
    counts = composite_counts(composite, samples)
    click.echo(f"{composite.name}\n\n{counts.to_string(index=False)}")
    if (counts.expected != counts.found).any():
        click.echo("\nThese are not the published samples: which editions are the copies of?")
        sys.exit(1)
    click.echo("\nReady.")


def _print_report(report: "Report", root: Path, shown: int | None) -> None:
    scan, reading = report.scan, report.scan.reading
    manifest, edition = scan.manifest, reading.edition.edition or scan.manifest.edition
    source = "" if reading.path == root else f", {reading.path.relative_to(root)}"
    click.echo(f"{manifest.name} in {root}\n  annotations: {edition}{source}")
    click.echo(f"  videos: {manifest.layout.name}, {manifest.layout.video}")
    click.echo(f"  facts of this database: {manifest.confidence}\n")
    for table in (report.counts.set_index("what"), report.subjects):
        click.echo(table.astype("object").fillna("-").rename_axis(None).to_string() + "\n")
    if len(reading.corrections):
        click.echo("Corrections:")
        for c in reading.corrections.itertuples():
            change = ", ".join(f"{k} {v}" for k, v in c.set.items())
            click.echo(f"  {c.status}: subject {c.subject}, {c.video}: {change} ({c.reason})")
    for title, problems in (("Notes", report.notes), ("Problems", report.problems)):
        if problems:
            click.echo(f"{title} ({len(problems)}):")
        for problem in problems[:shown]:
            todo = f"\n    Next: {problem.todo}" if problem.todo else ""
            click.echo(f"  {problem.where}: {problem.what}{todo}")
        if shown is not None and len(problems) > shown:
            click.echo(f"  … and {len(problems) - shown} more; --all prints them")


@data.command()
@click.argument("name")
@click.option("--root", type=_ROOT, help="Folder of your copy, if it is not known.")
@click.option("--out", type=_ROOT, help="Picture of the montage.  [default: NAME-montage.png]")
def show(name: str, root: Path | None, out: Path | None) -> None:
    """Show database NAME: licence, statistics and a montage of its subjects.

    Faces are drawn only where the manifest says that the licence allows it; elsewhere a generic
    outline stands for them. Without a copy, the facts of the manifest are printed.
    """
    from mecore.data.datasets import PHANTOMS, known_root, open_dataset
    from mecore.data.manifest import load_manifest

    manifest = load_manifest(name)
    licence = manifest.licence
    click.echo(f"{manifest.name}, {manifest.edition}\n{manifest.description.strip()}\n")
    click.echo(f"Cite:    {manifest.citation.strip()}\nLicence: {licence.name}; {licence.terms}")
    click.echo(f"Ask at:  {licence.request}\n")
    if root is None and known_root(manifest.id) is None and manifest.id not in PHANTOMS:
        click.echo(f"No copy is known. Next: mecore data check {name} --root DIR")
        return
    from mecore.report.tables import statistics
    from mecore.studies.data.databases import save_montage

    database = open_dataset(name, str(root or ""))
    click.echo(statistics(database).to_string())
    out = out or Path(f"{manifest.id}-montage.png")
    click.echo(f"Written: {save_montage(database, out)}")


@data.command()
@click.argument("folder", type=_ROOT)
@click.option("--name", help="Short name.  [default: that of the folder]")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True),
              help="Frames per second; video files state their own.")  # fmt: skip
@click.option("--out", type=_ROOT, help="Manifest to write.  [default: NAME.yaml]")
def new(folder: Path, name: str | None, fps: float | None, out: Path | None) -> None:
    """Write a manifest to start from, for the recordings in FOLDER.

    FOLDER holds a table (.csv or .xlsx) with the columns subject, video, onset, offset, emotion
    (apex optional; frames numbered from 1), and the videos, called as in the table: video files or
    folders of numbered images, in a folder for each subject or all in one.
    """
    from mecore.data.guess import guess_manifest, write_manifest

    folder = folder.expanduser().resolve()
    manifest = guess_manifest(folder, name or folder.name.replace(" ", "-"), fps)
    path = write_manifest(manifest, out or Path(f"{manifest.id}.yaml"))
    click.echo(f"Written: {path}")
    if manifest.other_emotions:
        click.echo(f"In no class yet: {', '.join(manifest.other_emotions)}")
    click.echo(f"Next: look through it, then: mecore data check {path} --root {folder}")
