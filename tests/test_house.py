"""The house in order: who imports whom, one lock for all, clean notebooks, documented options."""

import ast
import importlib
import importlib.metadata
import json
import re
import sys
import tomllib
from dataclasses import fields
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

import mecore
from mecore.book.chapter import chapters, defaults
from mecore.data.code import imported

ROOT = Path(mecore.__file__).parents[1]
MODULES = sorted(Path(mecore.__file__).parent.rglob("*.py"))
NOTEBOOKS = list(chapters().values())
# From the top of the house down; a floor may import those below it, and each part itself.
FLOORS = [{"cli"}, {"book"}, {"video", "studies"}, {"report"}, {"evaluation"},
          {"models"}, {"spotting"}, {"metrics"}, {"descriptors"}, {"preprocessing"},
          {"data"}, {"phantom"}, {"errors", "runtime", "__init__"}]  # fmt: skip
# Studies that render material of their own, or show how the phantom is made.
PHANTOM_STUDIES = {
    "studies.data.phantom_checks",
    "studies.data.figures",
    "studies.dense_lstm.known_motion",
    "studies.handcrafted.magnification",
}
LINES = 26_500


def floor_of(part):
    return next(i for i, floor in enumerate(FLOORS) if part in floor)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def part_of(path):
    return path.relative_to(ROOT / "mecore").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downwards_only(path):
    own = part_of(path)
    for name in imports_of(path):
        if name.startswith("mecore."):
            other = name.split(".")[1]
            below = floor_of(other) > floor_of(own) or other == own
            assert below, f"{own} imports {name}"


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = [name_of(path) for path in MODULES]


def test_no_two_modules_import_each_other():
    # Raises an error that names the modules of the circle.
    TopologicalSorter({name: imported(name) for name in NAMES}).prepare()


def test_no_study_imports_another():
    found = [
        (name, other)
        for name in NAMES
        for other in imported(name)
        if name.startswith("mecore.studies.") and other.startswith("mecore.studies.")
        if name.split(".")[2] != other.split(".")[2]
    ]
    assert found == []


def test_what_studies_share_knows_no_single_one():
    of_one = [f"mecore.models.{p.name}" for p in (ROOT / "mecore" / "studies").iterdir()]
    of_one += ["mecore.models.roi", "mecore.models.svm"]
    found = [
        (name, other)
        for name in NAMES
        for other in imported(name)
        if name.startswith(("mecore.evaluation", "mecore.report"))
        if any(other == x or other.startswith(f"{x}.") for x in of_one)
    ]
    assert found == []


def showing():
    """Modules that show what has been computed."""
    return [p for p in MODULES if p.parent.name == "report" or p.stem in ("tables", "figures")]


@pytest.mark.parametrize("path", showing(), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_shows_results_never_trains(path):
    training = [m for m in imported(name_of(path)) if re.search(r"training|\bfit$", m)]
    assert training == []
    called = [
        ast.unparse(node.func).rpartition(".")[2]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert [name for name in called if re.match(r"run_|train|fit$", name)] == []


def test_the_phantom_is_imported_only_where_one_is_opened_or_shown():
    outside = [name for name in NAMES if not name.startswith("mecore.phantom")]
    found = {
        name.removeprefix("mecore.")
        for name in outside
        if any(other.startswith("mecore.phantom") for other in imported(name))
    }
    assert found <= {"data.datasets"} | PHANTOM_STUDIES
    tree = ast.parse((ROOT / "mecore" / "data" / "datasets.py").read_text(encoding="utf-8"))
    at_once = [n.module for n in tree.body if isinstance(n, ast.ImportFrom)]
    assert not [m for m in at_once if str(m).startswith("mecore.phantom")], "import it when needed"


def test_no_name_of_a_file_repeats_that_of_its_folder():
    found = [str(p) for p in MODULES if p.parent.name in p.stem.split("_")]
    assert found == []


def test_the_package_stays_small():
    assert sum(len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES) <= LINES


def test_metrics_know_numpy_and_pandas_only():
    known = {"numpy", "pandas", "mecore", *sys.stdlib_module_names}
    for path in MODULES:
        if part_of(path) == "metrics":
            names = {name.split(".")[0] for name in imports_of(path)}
            assert names <= known, path


def test_descriptors_know_nothing_of_files():
    for path in MODULES:
        if part_of(path) == "descriptors":
            assert not any(
                n.startswith(("mecore.data", "pathlib", "pandas")) for n in imports_of(path)
            )


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return text, dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_holds_every_requirement_in_an_allowed_version():
    _, versions = locked()
    extras = project()["optional-dependencies"]
    for text in [*project()["dependencies"], *extras["book"], *extras["cluster"], *extras["test"]]:
        requirement = Requirement(text)
        version = versions.get(canonical(requirement.name))
        assert version, f"{requirement.name} is not locked; make lock"
        assert requirement.specifier.contains(version, prereleases=True), text


def test_the_lock_has_hashes_and_names_no_index():
    text, versions = locked()
    assert text.count("--hash=sha256:") >= len(versions)
    assert not re.search(r"https?://|--index-url|--find-links|--extra-index", text)


def test_what_is_installed_is_what_is_locked():
    text, _ = locked()
    for name in ("numpy", "pandas", "keras", "tensorflow", "opencv-contrib-python-headless"):
        allowed = re.findall(rf"^{name}==(\S+)", text, re.MULTILINE)
        assert importlib.metadata.version(name) in allowed


def test_conda_installs_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert "--requirement requirements.lock" in pip
    python = next(d for d in environment["dependencies"] if str(d).startswith("python "))
    assert python.removeprefix("python ") == project()["requires-python"]


def test_there_is_one_cv2_only():
    _, versions = locked()
    assert [n for n in versions if n.startswith("opencv")] == ["opencv-contrib-python-headless"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_clean_short_celled_and_define_nothing(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            assert cell["execution_count"] is None
            assert source.count("\n") < 15, source
            nodes = ast.walk(ast.parse(source))
            assert not any(
                isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Lambda)) for n in nodes
            )
    assert defaults(path)
    checks = f'check_namespace("{path.stem}", globals())'
    assert any(checks in "".join(cell["source"]) for cell in cells), "misspelt parameters pass"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_what_a_notebook_computes_in_processes_it_computes_on_a_cluster_too(path):
    known, cells = defaults(path), json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert ("scheduler" in known) == ("workers" in known)
    given = {
        (ast.unparse(node.func), ast.unparse(value))
        for cell in cells
        if cell["cell_type"] == "code"
        for node in ast.walk(ast.parse("".join(cell["source"])))
        if isinstance(node, ast.Call)
        for value in [*node.args, *(k.value for k in node.keywords)]
        if "workers" in ast.unparse(value) and not isinstance(value, ast.Call)
    }
    # The phantom is rendered where the notebook runs: it writes files.
    computing = {value for name, value in given if name != "open_dataset"}
    assert computing == ({"scheduler or workers"} if "workers" in known else set())


def option_classes():
    """Classes of options of all methods, as ``@options`` marks them."""
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            marks = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
            if isinstance(node, ast.ClassDef) and "options" in marks:
                yield getattr(importlib.import_module(name_of(path)), node.name)


@pytest.mark.parametrize("kind", list(option_classes()), ids=lambda k: k.__name__)
def test_every_option_is_documented_and_has_a_paper_beside_it(kind):
    for option in fields(kind):
        assert {"group", "topic", "written", "released", "why"} <= set(option.metadata)
        assert option.metadata["topic"]
        assert option.metadata["why"], option.name


def public(body, prefix):
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{prefix}{node.name}.")


def test_everything_public_says_what_it_is():
    silent = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = [("", tree), *public(tree.body, "")]
        silent += [f"{name_of(path)}:{n}" for n, node in found if not ast.get_docstring(node)]
    assert silent == []


def functions():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield f"{name_of(path)}:{node.name}", _code_lines(node)


def test_nine_in_ten_functions_have_at_most_twenty_lines():
    assert np.quantile([lines for _, lines in functions()], 0.9) <= 20


def test_files_and_functions_stay_small():
    long_files = [p.name for p in MODULES if len(p.read_text().splitlines()) > 400]
    long_functions = [name for name, lines in functions() if lines > 50]
    assert (long_files, long_functions) == ([], [])


def _code_lines(node):
    docstring = ast.get_docstring(node, clean=False) or ""
    return node.end_lineno - node.lineno + 1 - docstring.count("\n")


def test_nothing_names_a_machine_or_a_package_registry():
    hidden = re.compile(r"pypi\.org|files\.pythonhosted|conda\.anaconda|/home/\w|/root/|/work/")
    folders = [ROOT, ROOT / "book", ROOT / "data_manifests", ROOT / ".ci", ROOT / "benchmarks"]
    tracked = [*MODULES, *NOTEBOOKS, *(p for folder in folders for p in folder.glob("[!.]*"))]
    found = [p for p in tracked if p.is_file() and hidden.search(p.read_text(encoding="utf-8"))]
    assert found == []
