import json

import nbformat
import pytest

from mecore.book import chapter, execute
from mecore.book.build import stage_table
from mecore.book.chapter import chapter_notebook, check_parameters, defaults
from mecore.book.execute import mark_of, run_chapter
from mecore.data import code
from mecore.errors import ManifestError, MecoreError, OptionError


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study with one chapter whose cells a test writes."""

    def write(*cells):
        parameters = 'subject = "006"\nseed = 0\np = 0.5\nquick = False\noptions = {}'
        first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
        title = nbformat.v4.new_markdown_cell("# A chapter\n\nText.")
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        book = nbformat.v4.new_notebook(metadata=kernel)
        book.cells = [title, first, *(nbformat.v4.new_code_cell(c) for c in cells)]
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        nbformat.write(book, tmp_path / "notebooks" / "tiny.ipynb")
        return tmp_path / "notebooks" / "tiny.ipynb"

    for module in (chapter, execute):
        monkeypatch.setattr(module, "shared_folder", lambda name: tmp_path / name)
    return write


def test_a_misspelt_chapter_or_parameter_is_answered_with_the_nearest_one(study):
    notebook = study()
    with pytest.raises(OptionError, match="no chapter is called 'tinny'; did you mean 'tiny'"):
        chapter_notebook("tinny")
    with pytest.raises(OptionError, match="no parameter 'subjct'; did you mean 'subject'"):
        check_parameters(notebook, {"subjct": "007"})


def test_a_misspelt_dataset_is_answered_with_the_nearest_one():
    with pytest.raises(ManifestError, match="did you mean 'phantom-short'"):
        check_parameters(chapter_notebook("mean"), {"dataset": "phantom-shrot"})


def test_ids_are_never_retyped_and_numbers_are_numbers(study):
    given = {"subject": "006", "seed": "7", "p": "1", "quick": "true", "options": "{p: 0.6}"}
    assert check_parameters(study(), given) == {
        "subject": "006", "seed": 7, "p": 1.0, "quick": True, "options": {"p": 0.6}
    }  # fmt: skip


def test_a_notebook_refuses_what_papermill_lets_pass(study):
    study()
    with pytest.raises(OptionError, match="no parameter 'subjct'; did you mean 'subject'"):
        chapter.check_namespace("tiny", {"subjct": "007", "In": [], "_i": "", "exit": object()})
    with pytest.raises(OptionError, match="parameter subject: expected str"):
        chapter.check_namespace("tiny", {"subject": 6})
    namespace = {"options": "{p: 0.6}"}
    chapter.check_namespace("tiny", namespace)
    assert namespace == {"options": {"p": 0.6}}


@pytest.mark.parametrize(
    "given", [{"seed": "seven"}, {"p": True}, {"quick": "1"}, {"options": "x"}]
)
def test_a_value_of_another_type_is_refused(study, given):
    with pytest.raises(OptionError, match="expected"):
        check_parameters(study(), given)


def test_a_notebook_without_parameters_is_refused(study):
    notebook = study()
    book = nbformat.read(notebook, as_version=4)
    book.cells[1].metadata = {}
    nbformat.write(book, notebook)
    with pytest.raises(OptionError, match="no single cell tagged 'parameters'"):
        defaults(notebook)


def test_a_chapter_is_executed_with_its_parameters_and_the_same_bytes_each_time(study, tmp_path):
    study("import sys\nprint(subject, seed)\nprint('noise', file=sys.stderr)")
    out = [run_chapter("tiny", {"subject": "007"}, tmp_path / f"{i}.ipynb") for i in range(2)]
    assert out[0].read_bytes() == out[1].read_bytes()
    text = out[0].read_text()
    assert "007 0" in text
    assert "noise" not in [o.get("text") for o in nbformat.read(out[0], 4).cells[-1].outputs]
    assert "papermill" not in text


def test_a_chapter_that_is_up_to_date_is_not_executed_again(study, tmp_path):
    study("1 + 1")
    out = run_chapter("tiny", {"seed": 1}, tmp_path / "out.ipynb")
    made = out.stat().st_mtime_ns
    assert run_chapter("tiny", {"seed": 1}, out, fresh=False).stat().st_mtime_ns == made
    assert run_chapter("tiny", {"seed": 2}, out, fresh=False).stat().st_mtime_ns != made


def published(tmp_path, number):
    (tmp_path / "book" / "published").mkdir(parents=True, exist_ok=True)
    (tmp_path / "book" / "published" / "mean_tables.yaml").write_text(f"f1: {number}")


def test_a_chapter_depends_on_its_text_its_parameters_and_the_tables_it_names(study, tmp_path):
    published(tmp_path, 0.5)
    study('load("mean")')
    first = mark_of("tiny", {"seed": 1})
    assert mark_of("tiny", {"seed": 1, "workers": 7}) == first
    assert mark_of("tiny", {"seed": 2}) != first
    published(tmp_path, 0.6)
    assert mark_of("tiny", {"seed": 1}) != first
    study('load("roi")')
    other = mark_of("tiny", {"seed": 1})
    published(tmp_path, 0.7)
    assert mark_of("tiny", {"seed": 1}) == other


def test_a_chapter_depends_on_the_code_it_imports_and_on_no_other(study, monkeypatch):
    study("from mecore.data.composite import join_subject")
    first, digests = mark_of("tiny", {}), code._digest
    read = ("mecore.data.composite", "mecore.data.places")
    for module in (*read, "mecore.phantom.hair", "mecore.book.build"):
        monkeypatch.setattr(code, "_digest", lambda m, at=module: digests(m) + "!" * (m == at))
        assert (mark_of("tiny", {}) != first) == (module in read), module


def test_a_failing_cell_is_an_error_and_leaves_what_was_executed(study, tmp_path):
    study("print('so far')", "raise ValueError('no further')")
    with pytest.raises(MecoreError, match=r"ValueError: no further(.|\n)*out\.failed\.ipynb"):
        run_chapter("tiny", {}, tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()
    assert "so far" in (tmp_path / "out.failed.ipynb").read_text()
    study("print('so far')")
    run_chapter("tiny", {}, tmp_path / "out.ipynb")
    assert not (tmp_path / "out.failed.ipynb").exists()


def test_the_seconds_of_a_chapter_lie_beside_it_by_section(study, tmp_path):
    study("import time; time.sleep(0.3)")
    out = run_chapter("tiny", {}, tmp_path / "out.ipynb")
    seconds = json.loads((tmp_path / "out.seconds.json").read_text())
    assert list(seconds) == ["A chapter"]
    assert 0.3 <= seconds["A chapter"] < 30
    assert "duration" not in out.read_text()


def test_a_build_ends_with_where_its_time_went():
    stages = [("a", "one", 6.0), ("a", "two", 0.4), ("a", "three", 0.6), ("book", "rendered", 3.0)]
    table = stage_table(stages)
    assert table.stage.tolist() == ["one", "all others", "rendered", ""]
    assert table.seconds.tolist() == [6, 1, 3, 10]
    assert table.share.tolist() == ["60 %", "10 %", "30 %", "100 %"]
