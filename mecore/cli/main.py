"""The command line: ``mecore …``."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import mecore
from mecore import runtime
from mecore.cli.data import data
from mecore.errors import MecoreError

if TYPE_CHECKING:
    from mecore.video.report import Report

_CORES = os.cpu_count() or 1
_PATH = click.Path(path_type=Path)
_SCALES = click.Choice(["full", "small"])
SPOTTERS = ("chi2", "mdmd", "mdmd-released", "flow-peaks")
WEIGHTS = ("casme2", "casme_sq", "sammlv", "smic_hs", "smic_nir", "smic_vis")


class _Explaining(click.Group):
    """Turn a problem the user can act on into a message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MecoreError as error:
            click.echo(f"mecore: {error}", err=True)
            sys.exit(1)


@click.group(cls=_Explaining, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mecore.__version__)
def main() -> None:
    """Spot and recognise facial micro-expressions: a reproducible study.

    \b
    A first tour, without any licensed data:
      mecore analyze my-video.mp4 --weights casme2      your own video
      mecore spot my-video.mp4 --method flow-peaks      the same, without any learning
      mecore chapter mean --dataset phantom-short       a whole paper on rendered faces
      mecore data list                                  the databases, and how to read your copy
      mecore book --scale small                         the book of all chapters
    """
    # TensorFlow reports every missing accelerator library; errors still come through.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


main.add_command(data)


def _video(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what the commands on one video share."""
    for add in (
        click.option("--fps", type=click.FloatRange(min=0, min_open=True),
                     help="Frame rate; a folder has none, and some files state it wrongly."),
        click.option("--out", type=_PATH,
                     help="Folder for the results.  [default: one beside the video]"),
        click.argument("video", type=_PATH),
    ):  # fmt: skip
        command = add(command)
    return command


@main.command()
@_video
@click.option("--weights", type=click.Choice(WEIGHTS), default="casme2", show_default=True,
              help="Database that the published networks were trained on.")  # fmt: skip
@click.option("--face", type=click.Choice(["only", "largest"]), default="only", show_default=True,
              help="Several faces in a frame: refuse, or take the largest.")  # fmt: skip
@click.option("--engine", type=click.Choice(["dual", "opencv", "fast", "graph", "dis"]),
              default="dual", show_default=True, help="Optical flow. `dual` is that of the "
              "published networks, OpenCV's, to the last bit; `opencv` is the same, slowly; on the "
              "others they give other scores.")  # fmt: skip
@click.option("--p", type=click.FloatRange(0, 1), default=0.55, show_default=True,
              help="Threshold between mean (0) and maximum (1) of the scores.")  # fmt: skip
def analyze(video: Path, weights: str, out: Path | None, **options: Any) -> None:
    """Find micro-expressions in a VIDEO, with MEAN's published weights.

    VIDEO is a video file, or a folder of numbered images (then give --fps). Writes intervals.csv
    (onset, apex, offset, emotion, score, probabilities), frames.csv (the score of every frame) and
    scores.png. The score of a frame is the mean over the networks of all folds of the database. The
    threshold is relative to the video, as in the paper: it finds a highest peak in every video, so
    look at the height of the curve before you believe an interval.

    The weights are fetched once with `mecore fetch mean-weights`.
    """
    from mecore.video.analyze import analyze_video

    runtime.configure()
    _tell(analyze_video(video, weights, out or video.with_name(f"{video.stem}-mean"), **options))


@main.command()
@_video
@click.option("--method", type=click.Choice(SPOTTERS), default="flow-peaks", show_default=True,
              help="How frames are scored.")  # fmt: skip
@click.option("--p", type=click.FloatRange(0, 1), help="Threshold between mean (0) and maximum (1) "
              "of the scores.  [default: that of the method]")  # fmt: skip
@click.option("--floor", type=click.FloatRange(0), help="Score that a frame must reach as well; "
              "for flow-peaks pixels of a face 128 pixels wide.")  # fmt: skip
def spot(video: Path, method: str, out: Path | None, **options: Any) -> None:
    """Find micro-expressions in a VIDEO by rules that learn nothing.

    \b
    chi2           texture against that of frames before and after (Moilanen et al. 2014)
    mdmd           optical flow that is larger now than it will be later (Wang et al. 2017)
    mdmd-released  the same with two directions in place of four, as the published script has it
    flow-peaks     a region of the face moves one way and back, relative to the nose

    \b
    Examples:
      mecore spot interview.mp4
      mecore spot interview.mp4 --method flow-peaks --floor 0.2
      mecore spot interview.mp4 --method chi2 --p 0.3 --out spotted

    VIDEO is a video file, or a folder of numbered images (then give --fps). Writes intervals.csv
    (onset, apex, offset, score), frames.csv (the score of every frame) and scores.png. The
    threshold is relative to the video: a highest peak is found in every one. With --floor you say
    what is too little.
    """
    from mecore.video.spot import spot_video

    runtime.configure()
    _tell(spot_video(video, method, out or video.with_name(f"{video.stem}-{method}"), **options))


def _tell(report: "Report") -> None:
    click.echo(f"{report.summary}\nWritten: {', '.join(map(str, report.files))}")


@main.command(context_settings={"show_default": True})
@click.argument("name")
@click.option("--dataset", help="Id of a manifest, or the path of your own.")
@click.option("--data-root", help="Folder of the data; not needed for the phantom, "
              "nor after `mecore data check`.")  # fmt: skip
@click.option("--scale", type=_SCALES, help="Full, or less data and fewer epochs.")
@click.option("--workers", type=click.IntRange(1), default=_CORES, help="Processes.")
@click.option("--scheduler", help="Address of a Dask scheduler (tcp://…), whose workers take the "
              "place of processes.")  # fmt: skip
@click.option("-p", "--parameter", "pairs", nargs=2, multiple=True, metavar="NAME VALUE",
              help="Any other parameter of the notebook.")  # fmt: skip
@click.option("--out", type=_PATH,
              help="Executed notebook.  [default: results/<name>/<dataset>.ipynb]")  # fmt: skip
def chapter(name: str, pairs: Iterable[tuple[str, str]], out: Path | None, **options: Any) -> None:
    """Run chapter NAME of the study on a database.

    \b
    Examples:
      mecore chapter mean --dataset phantom-long
      mecore chapter mean --dataset casme2.yaml --data-root /data/CASME2
      mecore chapter mean -p preset as_released -p seeds 5

    What a chapter has computed is kept in results/: the same command continues where an
    interrupted one stopped. `mecore chapters` lists chapters and parameters.
    """
    from mecore.book.chapter import chapter_notebook, defaults
    from mecore.book.execute import run_chapter
    from mecore.data.places import results_home

    # They stand in the executed notebook in this order.
    order = ("workers", "dataset", "data_root", "scale", "scheduler")
    given = dict(pairs) | {key: options[key] for key in order if options[key] is not None}
    known = defaults(chapter_notebook(name))
    data = Path(str(given.get("dataset", known.get("dataset", name)))).stem
    out = out or results_home() / name / f"{data}.ipynb"
    click.echo(f"Written: {run_chapter(name, given, out)}")


@main.command()
def chapters() -> None:
    """List the chapters and their parameters with the default values."""
    from mecore.book import chapter

    for name, notebook in chapter.chapters().items():
        click.echo(name)
        for parameter, value in chapter.defaults(notebook).items():
            click.echo(f"  {parameter} = {value!r}")


@main.command()
@click.argument("name", type=click.Choice(["phantom-short", "phantom-long"]))
@click.option("--scale", type=_SCALES, default="full", show_default=True)
@click.option("--workers", type=click.IntRange(1), default=_CORES, show_default=True)
def phantom(name: str, scale: str, workers: int) -> None:
    """Render the phantom NAME, a database of rendered faces with exact truth."""
    from mecore.data.datasets import phantom_root

    click.echo(f"Written: {phantom_root(name, scale, workers=workers)}")  # type: ignore[arg-type]


@main.command()
@click.argument("name", required=False)
def fetch(name: str | None) -> None:
    """Fetch the external files called NAME from their owner, verified; without NAME, list them.

    Files in the folder named in MECORE_EXTERNAL are used as they are.
    """
    from mecore.data import external

    if name is None:
        for key, about in external.registry().items():
            click.echo(f"{key}: {about['title']}; {about['licence']}\n  {about['citation']}")
        return
    about = external.registry().get(name, {})
    paths = external.fetch(name, progress=sys.stderr.isatty())
    click.echo(f"{len(paths)} files are there and verified. Terms: {about['licence']}")


@main.command()
@click.option("--scale", type=_SCALES, default="small", show_default=True)
@click.option("--workers", type=click.IntRange(1), default=_CORES, show_default=True)
def book(scale: str, workers: int) -> None:
    """Run every chapter on the phantom and render the book."""
    from mecore.book.build import build_book

    click.echo(f"Open {build_book(scale, workers)}")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
