"""Keys of features: what a value depends on is in them, and nothing else is."""

import ast
import importlib
import inspect
import re
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest

import mecore
from mecore.data import code
from mecore.data.code import closure, code_digest
from mecore.data.places import cache_home
from mecore.evaluation.cache import cached, key_of
from mecore.evaluation.clips import list_clips
from mecore.evaluation.store import open_run
from mecore.evaluation.videos import list_videos
from mecore.models.choices import group
from mecore.models.mean.inputs import video_inputs
from mecore.models.mean.options import MeanOptions
from mecore.studies.mean.features import video_features

PACKAGE = Path(mecore.__file__).parent
FOLD, FLOW = "mecore.studies.mean.fold", "mecore.descriptors.flow.engines"


def feature_functions():
    """Every function whose values are kept, as the code calls it: ``cached(function, …)``."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "cached":
                name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
                module = importlib.import_module(name)
                yield getattr(module, ast.unparse(node.args[0]))


FEATURES = list({f"{f.__module__}.{f.__qualname__}": f for f in feature_functions()}.values())


def with_other_classes(database):
    """The same database with its emotions in one class, and another that nobody shows."""
    emotions = [e for members in database.manifest.classes.values() for e in members]
    classes = {"any": emotions, "none": ["boredom"]}
    return replace(database, manifest=database.manifest.model_copy(update={"classes": classes}))


def n_values():
    return len(list((cache_home() / "features").rglob("output.pkl")))


def test_choosing_other_classes_computes_no_flow_again(tiny):
    options = MeanOptions()
    before, after = (list_videos(d) for d in (tiny, with_other_classes(tiny)))
    assert {e.label for i in after for e in i.expressions} == {"any"}
    video_features(before[0], options)
    kept = n_values()
    assert kept == 1
    video_features(after[0], options)
    assert n_values() == kept


def test_labels_units_and_names_are_in_no_key(tiny):
    item = list_videos(tiny)[0]
    other = tuple(replace(e, label="other", units=(99,), sample="x") for e in item.expressions)
    changed = replace(item, subject="someone", video="else", database="own", expressions=other)
    keys = {key_of(video_inputs, i.footage, i.spans, options_of()) for i in (item, changed)}
    assert len(keys) == 1


def options_of(**changes):
    return group(MeanOptions(**changes), "features")


def test_span_of_frames_and_stamp_of_the_files_are_in_the_key(tiny):
    item = list_videos(tiny)[0]
    first = key_of(video_inputs, item.footage, item.spans, options_of())
    (onset, apex, offset), *_ = item.spans
    assert key_of(video_inputs, item.footage, ((onset, apex, offset - 1),), options_of()) != first
    other = replace(item.footage, stamp="touched")
    assert key_of(video_inputs, other, item.spans, options_of()) != first
    moved = replace(item.footage, path=Path("elsewhere"))
    assert key_of(video_inputs, moved, item.spans, options_of()) == first


@pytest.mark.parametrize("option", [f.name for f in fields(MeanOptions)])
def test_an_option_is_in_the_key_if_the_feature_function_is_given_it(tiny, option):
    item, default = list_videos(tiny)[0], MeanOptions()
    field = next(f for f in fields(MeanOptions) if f.name == option)
    value = getattr(default, option)
    others = [field.metadata["written"], field.metadata["released"]]
    other = next((v for v in others if v != value), None)
    changed = group(default, "features")
    if other is None and hasattr(changed, option):
        setattr(changed, option, "another")  # one on which paper, code and we agree
    elif other is not None:
        changed = group(replace(default, **{option: other}), "features")
    keys = [key_of(video_inputs, item.footage, item.spans, o) for o in (options_of(), changed)]
    assert (keys[0] != keys[1]) == (field.metadata["group"] == "features")


@pytest.mark.parametrize("function", FEATURES, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_a_feature_function_takes_all_it_needs_and_no_labels(function):
    # A function of a module: it holds nothing that its arguments do not say.
    assert inspect.isfunction(function)
    assert "<" not in function.__qualname__
    assert function.__closure__ is None
    taken = list(inspect.signature(function).parameters)
    assert not [name for name in taken if "label" in name or "class" in name or "emotion" in name]
    # Options that it reads are those that it is handed, not those of a class that it knows.
    known = [
        name.name
        for module in closure([function.__module__])
        for node in code._at_run_time(code._tree(module))
        if isinstance(node, ast.ImportFrom) and re.search(r"models\..*options$", node.module or "")
        for name in node.names
        if name.name.endswith("Options")
    ]
    assert known == []


def edit(monkeypatch, module, change):
    """Change the source of a module, as the digests of code see it."""
    source = code._source
    changed = change(source(module))
    assert changed != source(module)
    monkeypatch.setattr(code, "_source", lambda m: changed if m == module else source(m))
    for name in ("_tree", "imported", "_digest"):
        known = getattr(code, name)
        anew = getattr(known, "__wrapped__", known)
        monkeypatch.setattr(
            code, name, lambda m, known=known, anew=anew: (anew if m == module else known)(m)
        )


def keys_of_mean():
    """Digests that MEAN's features and its run depend on."""
    return code_digest(video_inputs.__module__), code_digest(FOLD)


def comment(source):
    return "# said otherwise\n" + source.replace('"""', '"""In other words: ', 1)


def statement(source):
    return source + "\n\nANOTHER = 1\n"


@pytest.mark.parametrize(
    ("module", "change", "features", "run"),
    [
        (FLOW, comment, False, False),
        (FOLD, comment, False, False),
        ("mecore.phantom.hair", statement, False, False),
        ("mecore.studies.roi_cnn_lstm.fold", statement, False, False),
        ("mecore.studies.honest_evaluation.fold", statement, False, False),
        ("mecore.studies.mean.tables", statement, False, False),
        ("mecore.studies.mean.study", statement, False, False),
        ("mecore.report.style", statement, False, False),
        ("mecore.book.build", statement, False, False),
        (FOLD, statement, False, True),
        ("mecore.models.mean.training", statement, False, True),
        ("mecore.preprocessing.crop", statement, True, True),
        (FLOW, statement, True, True),
        ("mecore.descriptors.flow.tvl1_kernels", statement, True, True),
    ],
)
def test_mean_depends_on_the_code_that_computes_it_and_on_no_other(
    monkeypatch, module, change, features, run
):
    before = keys_of_mean()
    edit(monkeypatch, module, change)
    after = keys_of_mean()
    assert (after[0] != before[0], after[1] != before[1]) == (features, run)


def test_editing_optical_flow_invalidates_all_that_uses_it(monkeypatch):
    using = [f for f in FEATURES if FLOW in closure([f.__module__])]
    assert len(using) >= 3, "MEAN's, the dense LSTM's and the flow images' features use it"
    before = {f: code_digest(f.__module__) for f in FEATURES}
    edit(
        monkeypatch,
        FLOW,
        lambda s: s.replace(
            "def optical_flow(", "def _unused():\n    pass\n\n\ndef optical_flow(", 1
        ),
    )
    changed = [f for f in FEATURES if code_digest(f.__module__) != before[f]]
    assert changed == using


def test_a_run_is_another_one_after_its_code_has_changed(monkeypatch, tmp_path):
    common = (tmp_path, "mean", "own", {}, "data", FOLD)
    before = open_run(*common).id
    with monkeypatch.context() as patch:
        edit(patch, FLOW, comment)
        assert open_run(*common).id == before
    edit(monkeypatch, FLOW, statement)
    assert open_run(*common).id != before


def test_what_is_imported_for_types_or_not_at_all_does_not_count(monkeypatch):
    edit(
        monkeypatch,
        "mecore.data.images",
        lambda s: (
            s
            + """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from mecore.phantom import spec
def late():
    from mecore.descriptors import strain
    from mecore.metrics.recognition import measures
"""
        ),
    )
    found = closure(["mecore.data.images"])
    assert not [m for m in found if m.startswith("mecore.phantom")]
    assert "mecore.metrics.recognition" in found


def test_a_value_comes_from_the_cache_and_a_damaged_one_is_computed_anew(tiny):
    footage = list_videos(tiny)[0].footage
    assert cached(len_of, footage) == footage.n_frames
    assert n_values() == 1
    path = next((cache_home() / "features").rglob("output.pkl"))
    path.write_bytes(path.read_bytes()[:5])
    assert cached(len_of, footage) == footage.n_frames


def len_of(footage):
    return footage.n_frames


def test_clips_of_other_classes_are_cut_out_of_the_same_videos(tiny):
    before, after = list_clips(tiny), list_clips(with_other_classes(tiny))
    assert {c.item.footage for c in before} <= {c.item.footage for c in after}
    assert pd.Series([c.label for c in after]).unique().tolist() == ["any"]
