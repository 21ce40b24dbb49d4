"""Builds of the book that are killed: the next one finds nothing in its way.

A study of one page is built by a copy of the package, whose writer of notebooks waits a moment so
that a killer can strike.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from filelock import FileLock

from mecore.data.places import shared_folder

PACKAGE = Path(__file__).parents[2] / "mecore"
# Neither phantoms nor a check of all references are needed to kill a build.
QUICK = """
PHANTOMS = ()
if os.environ.get("STAGE"):
    check_references = print
"""
WAIT = """
def clean(path, mark, data, _clean=clean):
    import os, time
    _clean(path, mark, data)
    if os.environ.get("STAGE") == "writing":
        (shared_folder("book").parent / "reached").touch()
        time.sleep(60)
"""
CELL = """
import os, time
from mecore.book.chapter import check_namespace
from mecore.data.places import shared_folder
check_namespace("tiny", globals())
if os.environ.get("STAGE") == "executing":
    (shared_folder("book").parent / "reached").touch()
    time.sleep(60)
scale
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of one page."""
    root = tmp_path_factory.mktemp("study")
    shutil.copytree(PACKAGE, root / "mecore", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PACKAGE.parent / "data_manifests", root / "data_manifests")
    for file, text in (("build", QUICK), ("execute", WAIT)):
        with (root / "mecore" / "book" / f"{file}.py").open("a", encoding="utf-8") as handle:
            handle.write(text)
    new = nbformat.v4
    cells = [
        new.new_markdown_cell("# Tiny"),
        new.new_code_cell('scale = ""\nworkers = 1', metadata={"tags": ["parameters"]}),
        new.new_code_cell(CELL),
    ]
    (root / "notebooks").mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
              "language_info": {"name": "python"}}  # fmt: skip
    nbformat.write(
        new.new_notebook(metadata=kernel, cells=cells), root / "notebooks" / "tiny.ipynb"
    )
    (root / "book" / "static").mkdir(parents=True)
    for name in ("_config.yml", "references.bib", "static/study.css"):
        shutil.copy(shared_folder("book") / name, root / "book" / name)
    (root / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n- file: chapters/tiny\n"
    )
    (root / "book" / "index.md").write_text("# Book\n\n```{include} chapters/scale.txt\n```\n")
    return root


@pytest.fixture
def homes(tmp_path, monkeypatch):
    for name in ("MECORE_CACHE", "MECORE_DATA", "MECORE_RESULTS"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def start(study, stage=""):
    """Begin to build the book; a copy of the package waits at a stage."""
    return subprocess.Popen(
        [sys.executable, "-m", "mecore.cli.main", "book"], cwd=study, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": str(study), "STAGE": stage},
    )  # fmt: skip


def reach(study, process, sign):
    """Wait until a build has come to where a file tells it."""
    deadline = time.monotonic() + 120
    while not sign.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(process, how):
    """Kill a build; its kernels and workers end by themselves."""
    others = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    assert process.wait(10) == -how
    assert psutil.wait_procs(others, timeout=30)[1] == []


STAGES = {"executing": "reached", "writing": "reached", "rendering": "book/_build/.aside"}


def killed(study, stage, how):
    sign = study / STAGES[stage]
    sign.unlink(missing_ok=True) if sign.is_file() else shutil.rmtree(sign, ignore_errors=True)
    for made in (study / "book" / "chapters").glob("*.ipynb"):
        made.unlink()
    process = start(study, stage)
    reach(study, process, sign)
    kill(process, how)


def leftovers(study):
    return list((study / "book").rglob(".aside*"))


def whole(study):
    process = start(study)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert (study / "book" / "_build" / "html" / "chapters" / "tiny.html").is_file()
    assert leftovers(study) == []
    return output


HOW = (signal.SIGTERM, signal.SIGKILL)


@pytest.mark.usefixtures("homes")
def test_a_build_killed_in_any_stage_does_not_hinder_the_next(study):
    for stage, how in zip(STAGES, (HOW[1], HOW[0], HOW[1]), strict=True):
        killed(study, stage, how)
        assert leftovers(study), f"nothing was left by the kill while {stage}"
    whole(study)


@pytest.mark.slow
@pytest.mark.usefixtures("homes")
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("stage", STAGES)
def test_a_build_is_whole_after_one_that_was_killed(study, stage, how):
    killed(study, stage, how)
    whole(study)


@pytest.mark.usefixtures("homes")
def test_a_dead_reference_is_found_before_anything_is_computed(study):
    page = study / "book" / "index.md"
    before = page.read_text()
    page.write_text(before + "\nSee {doc}`nowhere`.\n")
    shutil.rmtree(study / "book" / "chapters", ignore_errors=True)
    output, _ = start(study).communicate(timeout=120)
    page.write_text(before)
    assert f"{page}:" in output
    assert "unknown document: 'nowhere'" in output
    assert not list((study / "book" / "chapters").glob("*.ipynb"))


@pytest.mark.usefixtures("homes")
def test_two_builds_at_once_do_not_disturb_each_other(study):
    with FileLock(study / "book" / "_build" / ".lock"):
        output, _ = start(study).communicate(timeout=120)
    assert "another build is running" in output
