from dataclasses import fields, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mecore.data.schema import Figures
from mecore.descriptors import registry
from mecore.descriptors.materials import GIVEN, MATERIALS, options_of, takes
from mecore.descriptors.registry import descriptor, descriptors
from mecore.descriptors.sparse_mdmo import sparse_codes
from mecore.errors import DataError, OptionError
from mecore.evaluation.cache import key_of, prepare
from mecore.evaluation.clips import list_clips
from mecore.evaluation.executors import InProcess
from mecore.evaluation.study import Execution
from mecore.models.choices import reading
from mecore.preprocessing import clips as face_code
from mecore.preprocessing.clips import face_clips
from mecore.studies.handcrafted import features, figures, tables
from mecore.studies.handcrafted.features import Expressions, Source, array_of, blockwise_gram
from mecore.studies.handcrafted.fold import DUMMY, HandcraftedTask
from mecore.studies.handcrafted.options import HandcraftedOptions
from mecore.studies.handcrafted.study import (
    across,
    chosen_methods,
    nested_plans,
    protocols,
    run_handcrafted,
)
from tests.conftest import write_frames

FEW = ("lbp_top", "biwoof", "mdmo", "sparse_mdmo")
OPTIONS = HandcraftedOptions(atoms=12, iterations=2)
ALL_OPTIONS = [f.name for f in fields(HandcraftedOptions)]


def run(database, results, workers=1, seeds=(0, 1)):
    return run_handcrafted(database, FEW, OPTIONS, Execution(workers, False, results), seeds=seeds)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Cache and results that the tests of this file share."""
    return tmp_path_factory.mktemp("handcrafted")


@pytest.fixture(scope="module")
def study(tiny, home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MECORE_CACHE", str(home / "cache"))
        yield run(tiny, home / "results")


@pytest.fixture(autouse=True)
def _shared_cache(home, monkeypatch):
    monkeypatch.setenv("MECORE_CACHE", str(home / "cache"))


# -- folds and columns -----------------------------------------------------------------------------
def test_every_clip_is_left_out_once_and_once_for_each_other_subject(study):
    table = study.table("rows", "true")
    own = table[table.method == "mdmo"]
    assert (own.groupby("number").size() == len(set(study.task.subjects))).all()
    assert own.predicted.str.len().eq(6400).all()
    assert table.predicted[table.method == "lbp_top"].str.len().eq(640).all()


def test_the_columns_hold_every_method_and_every_clip(study):
    scores = study.scores.set_index(["method", "column", "measure"]).sort_index()
    assert study.methods == [DUMMY, *FEW]
    assert list(study.scores.column.unique()) == ["honest", "oracle", "chance", "oracle on chance"]
    for name in study.methods:
        for column in study.scores.column.unique():
            own = scores.loc[name, column]
            assert own.score.n == len(study.task.clips)
            assert 0 <= own.low.uf1 <= own.high.uf1 <= 1
            assert own.least.uf1 <= own.score.uf1 <= own.most.uf1
            f1 = [own.score[f"f1 {c}"] for c in study.task.classes]
            assert np.mean(f1) == pytest.approx(own.score.uf1)
    for name in FEW:
        assert scores.score[name, "oracle", "uf1"] >= scores.score[name, "honest", "uf1"]
    assert (study.store.folder / "metrics.json").is_file()


def test_seeds_are_permutations_of_labels_and_true_labels_are_run_once(study):
    assert (study.seeds("true"), study.seeds("permuted")) == ([0], [0, 1])
    runs = study.scores.groupby("column").runs.unique()
    assert runs["honest"].tolist() == [1]
    assert runs["chance"].tolist() == [2]


def test_permuted_labels_are_those_of_the_training_clips_elsewhere(study):
    task = study.task
    for plan in study.plans_with("permuted"):
        told, train = task.labels(plan), np.isin(task.subjects, plan.train)
        np.testing.assert_array_equal(np.sort(told[train]), np.sort(task.truth[train]))
        np.testing.assert_array_equal(told[~train], task.truth[~train])
    plans = [replace(study.plans_with("permuted")[0], seed=s) for s in range(10)]
    assert len({tuple(task.labels(p)) for p in plans}) > 1
    assert (task.labels(plans[0]) == task.labels(plans[0])).all()


def test_the_dummy_has_learnt_as_much_from_permuted_labels(study):
    for column in ("chance", "oracle on chance"):
        for seed in (0, 1):
            np.testing.assert_array_equal(
                study.rows(column, seed, DUMMY), study.rows("honest", 0, DUMMY)
            )


def test_a_second_run_reads_what_the_first_stored(study, tiny, home, monkeypatch):
    monkeypatch.setattr(HandcraftedTask, "__call__", None)
    files = {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}
    again = run(tiny, home / "results", workers=2)
    assert again.store.id == study.store.id
    assert files == {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}


def test_more_seeds_keep_the_folds_that_are_there(study, tiny, home, monkeypatch):
    ran = []
    call = HandcraftedTask.__call__
    monkeypatch.setattr(
        HandcraftedTask, "__call__", lambda self, plans: ran.append(plans) or call(self, plans)
    )
    # In this process, so that the change is seen.
    monkeypatch.setattr("mecore.evaluation.study.executor_for", lambda workers: InProcess())
    before = {p.name: p.read_bytes() for p in (study.store.folder / "folds").glob("*.parquet")}
    again = run(tiny, home / "results", seeds=(0, 1, 2))
    assert again.store.id == study.store.id
    assert again.seeds("permuted") == [0, 1, 2]
    assert len(ran) == 6  # pairs and single ones of three subjects
    after = {p.name: p.read_bytes() for p in (study.store.folder / "folds").glob("*.parquet")}
    assert before.items() <= after.items()


@pytest.mark.slow
def test_workers_do_not_change_a_result(study, tiny, tmp_path):
    again = run(tiny, tmp_path, workers=2)
    for plan in study.plans:
        expected = study.store.fold_table(plan.key)
        pd.testing.assert_frame_equal(again.store.fold_table(plan.key), expected)


def test_two_subjects_are_too_few_for_nested_selection():
    with pytest.raises(DataError, match="leaves out two subjects at a time, there are 2"):
        nested_plans(["a", "b"])
    assert len(nested_plans("abcd")) == 4 + 6


def test_a_training_side_of_one_class_is_named(study):
    plan = study.plans_with("true")[0]
    one = tuple(labelled(clip, "negative") for clip in study.task.clips)
    with pytest.raises(DataError, match="training clips have one class: negative"):
        replace(study.task, clips=one)([plan])


def labelled(clip, label):
    """The same clip with another class."""
    expressions = tuple(replace(e, label=label) for e in clip.item.expressions)
    return replace(clip, item=replace(clip.item, expressions=expressions))


def test_a_dictionary_does_not_depend_on_the_left_out_clips(study):
    stored = np.load(study.task.matrix("sparse_mdmo"))
    known = {"weight": 0.9, "atoms": 12, "alpha": 1.0, "beta": 0.1, "iterations": 2, "seed": 0}
    train = np.arange(4)
    one, both = (
        sparse_codes(stored, train, test, pool="mean", **known)
        for test in (np.array([4]), np.array([4, 5]))
    )
    np.testing.assert_allclose(one[:5], both[:5], atol=1e-12)
    joined = sparse_codes(stored, train, np.array([4]), pool="concatenate", **known)
    assert joined.shape[1] == 9 * 12


# -- other protocols -------------------------------------------------------------------------------
def test_leaving_out_one_video_scores_every_clip(study):
    found = protocols(study)
    assert set(found.method) == set(FEW) - {"sparse_mdmo"}
    video = found[(found.protocol == "leave one video out") & (found.measure == "n")]
    assert (video.score == len(study.task.clips)).all()
    assert found[found.protocol == "person told"].score.between(0, 1).all()


def test_other_classifiers_are_tried_on_the_same_folds(study):
    table = study.classifiers()
    assert set(table.classifier) == {"nearest neighbours", "random forest", "AdaBoost"}
    assert set(table.method) == {"lbp_top", "mdmo"}
    assert table[table.measure == "uf1"].score.between(0, 1).all()


def test_a_test_across_databases_scores_the_other_one(study, tiny, home):
    # The same people under another name: their ids collide, and are told apart.
    other = replace(tiny, manifest=tiny.manifest.model_copy(update={"id": "elsewhere"}))
    scores = across(study, tiny, other, Execution(1, False, home / "results"))
    assert set(scores[scores.measure == "n"].score) == {len(study.task.clips)}
    assert list(scores.method.unique()) == [DUMMY, *FEW]


def test_other_classes_are_refused(study, tiny, home):
    classes = {"good": ["happiness"], "bad": ["anger"]}
    manifest = tiny.manifest.model_copy(update={"classes": classes, "id": "elsewhere"})
    with pytest.raises(DataError, match="several databases need the same classes"):
        how = Execution(1, False, home / "results")
        across(study, tiny, replace(tiny, manifest=manifest), how)


# -- descriptors and their features ----------------------------------------------------------------
def test_descriptors_declare_what_they_are_computed_from():
    for kind in descriptors().values():
        assert set(takes(kind.compute)) <= {*GIVEN, *MATERIALS, *ALL_OPTIONS}
    known = descriptors()
    assert options_of(known["lbp_top"].compute, ALL_OPTIONS) == ["length"]
    assert options_of(known["hoof"].compute, ALL_OPTIONS) == ["engine", "textured"]
    assert options_of(known["biwoof"].compute, ALL_OPTIONS) == [
        "engine", "missing_apex", "textured"
    ]  # fmt: skip


def test_a_descriptor_that_takes_what_nobody_knows_is_answered_with_the_right_name():
    with pytest.raises(OptionError, match="takes 'flow', which is no material; did you mean"):
        options_of(lambda flow: flow, ALL_OPTIONS)


def test_a_function_becomes_a_descriptor_by_being_declared(study, monkeypatch):
    monkeypatch.setattr(registry, "_KNOWN", dict(descriptors()))

    @descriptor("brightness", "Brightness")
    def brightness(frames):
        return frames.mean(axis=(1, 2))[:2]

    assert descriptors()["brightness"].compute is brightness
    assert list(descriptors())[:3] == ["biwoof", "brightness", "elbp_top"]  # by title
    with pytest.raises(OptionError, match="two descriptors are called 'brightness'"):
        descriptor("brightness", "Another")(brightness)


def test_an_option_is_in_the_key_of_what_reads_it_and_of_nothing_else(study):
    item, known = study.task.clips[0].item, descriptors()

    def changed(name, **options):
        first, other = (
            Source(known[name].compute, Expressions(item, o))
            for o in (OPTIONS, replace(OPTIONS, **options))
        )
        return key_of(features.describe, first) != key_of(features.describe, other)

    assert changed("lbp_top", length=8)
    assert changed("mdmo", engine="dis")
    assert changed("mdmo", weight=0.5)
    assert changed("biwoof", missing_apex="middle")
    assert not changed("lbp_top", engine="dis")
    assert not changed("mdmo", length=8)
    assert not changed("mdmo", missing_apex="middle")
    assert not changed("sparse_mdmo", atoms=3)


def test_features_of_a_clip_have_the_stated_lengths(study):
    clip, known = study.task.clips[0], descriptors()
    expected = {"lbp_top": 11328, "lbp_xyot": 7552, "lbp_sip": 1280, "elbp_top": 33984}
    expected |= {"hog_top": 1536, "hoof": 200, "biwoof": 200, "mdmo": 72}
    for name, length in expected.items():
        stored = array_of(clip, known[name].compute, OPTIONS)
        assert known[name].vectors(stored[None]).shape == (1, length), name


def test_scales_do_what_they_say(study):
    known = descriptors()
    stored = array_of(study.task.clips[0], known["lbp_top"].compute, OPTIONS)[None]
    raw, block, unit = (
        known[n].vectors(stored) for n in ("lbp_top_raw", "lbp_top", "lbp_top_unit")
    )
    assert (raw == np.round(raw)).all()
    np.testing.assert_allclose(block.reshape(-1, 59).sum(axis=1), 1)
    assert unit.sum() == pytest.approx(1)


def test_a_gram_matrix_in_blocks_is_the_gram_matrix():
    x = np.random.default_rng(0).random((5, 9000)).astype(np.float32)
    np.testing.assert_allclose(blockwise_gram(x), x.astype(float) @ x.T.astype(float))


def test_features_that_are_no_numbers_are_named(study, tmp_path, monkeypatch):
    kind = replace(descriptors()["mdmo"], title="Broken")
    monkeypatch.setattr(features, "array_of", lambda *_: np.full(72, np.nan))
    with pytest.raises(DataError, match=r"Broken gives NaN or infinite values"):
        features.write_matrix(study.task.clips, kind, OPTIONS, tmp_path / "mdmo.npy")


def test_a_face_is_cut_from_onset_to_offset(tiny):
    clip = list_clips(tiny)[0]
    ((frames, points),) = face_clips(clip.item.footage, clip.item.spans)
    e = clip.expression
    assert frames.shape == (e.offset - e.onset + 1, 128, 128)
    assert points[8, 1] < 128


def test_a_video_is_decoded_once_for_all_its_expressions(tiny, monkeypatch):
    item = list_clips(tiny)[0].item
    e = item.expressions[0]
    both = replace(item, expressions=(e, replace(e, onset=e.onset + 2, apex=None)))
    passes = []
    whole = face_code.clip_frames
    monkeypatch.setattr(
        face_code, "clip_frames", lambda *given: passes.append(given) or whole(*given)
    )
    parts = Expressions(both, OPTIONS).materials
    assert len(parts) == 2
    assert len(parts[0]["frames"]) == len(parts[1]["frames"]) + 2
    assert parts[0]["apex"] == e.apex - e.onset
    assert 0 < parts[1]["apex"] < len(parts[1]["frames"])
    assert len(passes) == 1


@pytest.mark.parametrize("rule", ["difference", "middle"])
def test_a_missing_apex_is_found_by_the_rule_of_the_options(tiny, rule):
    item = list_clips(tiny)[0].item
    e = replace(item.expressions[0], apex=None)
    shown = Expressions(replace(item, expressions=(e,)), replace(OPTIONS, missing_apex=rule))
    apex = shown.materials[0]["apex"]
    if rule == "middle":
        assert apex == (e.onset + e.offset) // 2 - e.onset
    frames = shown.materials[0]["frames"].astype(float)
    if rule == "difference":
        assert apex == np.abs(frames - frames[0]).mean(axis=(1, 2)).argmax()


def test_videos_that_cannot_be_used_are_all_named(tiny, own):
    item = list_clips(tiny)[0].item
    still = replace(item.expressions[0], offset=0, onset=0)
    with pytest.raises(DataError, match="an expression of one frame holds no motion"):
        face_clips(item.footage, [(still.onset, None, still.offset)])
    write_frames(own.root / "frames" / "006" / "a", 12)
    items = [clip.item for clip in list_clips(own.open())]
    compute = partial(
        features.compute_all, computes=[descriptors()["lbp_top"].compute], options=OPTIONS
    )
    with pytest.raises(DataError, match=r"2 of 3 videos cannot be used:\n  subject 006, video a"):
        prepare(compute, [*items, item], InProcess(), progress=False)


def test_flow_on_texture_is_an_option(tiny):
    item = list_clips(tiny)[0].item
    e = item.expressions[0]
    brief = replace(item, expressions=(replace(e, offset=e.onset + 4),))
    plain, textured = (
        Expressions(brief, replace(OPTIONS, textured=on)).materials[0] for on in (False, True)
    )
    assert np.isfinite(textured["flows"]).all()
    assert not np.allclose(plain["flows"], textured["flows"])
    np.testing.assert_array_equal(plain["short"], textured["short"])


def test_a_misspelt_method_or_option_is_answered_with_the_right_one():
    with pytest.raises(OptionError, match="did you mean 'mdmo'"):
        chosen_methods(["mdm"], "full")
    assert chosen_methods([], "full") == tuple(descriptors())
    assert reading(HandcraftedOptions, scale="small", atoms=7).atoms == 7
    with pytest.raises(OptionError, match="did you mean 'atoms'"):
        reading(HandcraftedOptions, atom=7)


# -- what is shown ---------------------------------------------------------------------------------
def test_every_figure_and_table_of_the_chapter_can_be_drawn(study, tiny):
    import matplotlib.pyplot as plt

    clip = figures.liveliest(study)
    shown = figures.example(clip, OPTIONS)
    figures.draw_frames_of_flow(plt.subplots(2, 3)[1], shown, tiny)
    figures.draw_course(plt.subplots()[1], shown)
    figures.draw_apex_flow(plt.subplots(1, 3)[1], study)
    figures.draw_magnified(plt.subplots(1, 3)[1], shown, tiny)
    figures.draw_regions(plt.subplots()[1], shown, tiny)
    learnt = study.dictionary(clip.subject)
    figures.draw_atoms(plt.subplots(2, 3)[1], learnt, 0.9)
    figures.draw_grid(plt.subplots(1, 4)[1], study, "mdmo")
    ax = figures.draw_ties(plt.subplots()[1], study)
    assert [t.get_text() for t in ax.texts] == [str(study.predictions(n).distinct()) for n in FEW]
    figures.draw_scales(plt.subplots()[1], study)
    figures.draw_results(plt.subplots()[1], study)
    plt.close("all")


def test_every_table_holds_every_method(study):
    asked = protocols(study)
    other = asked[asked.protocol == "leave one subject out"].drop(columns="protocol")
    asked = protocols(study, other)
    table = tables.protocols(asked)
    assert table.loc["Bi-WOOF", "other database"] == table.loc["Bi-WOOF", "leave one subject out"]
    assert list(tables.results(study).index) == ["dummy", *map(tables.title_of, FEW)]
    assert "to" in " ".join(tables.results(study).chance)
    assert len(tables.per_class(study)) == 1 + len(FEW)
    assert tables.settings(study).loc["MDMO", "settings"] == 6400
    assert tables.timing(study, study.task.clips[0])["descriptor, ms"].notna().all()
    assert list(tables.classifiers(study).index) == ["LBP-TOP", "MDMO"]
    assert tables.choices().shape[1] == 4
    assert "Sparse MDMO" not in tables.told(asked, study.task.subjects)
    assert tables.answer(study, "data").startswith("**On data**: the best descriptor")


def test_protocols_can_be_drawn_with_and_without_another_database(study):
    import matplotlib.pyplot as plt

    asked = protocols(study)
    ax = figures.draw_protocols(plt.subplots()[1], asked)
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert set(names) == {"leave one subject out", "leave one video out", "person told (accuracy)"}
    plt.close("all")


def test_a_hidden_face_reaches_no_figure(study, tiny):
    import matplotlib.pyplot as plt

    manifest = tiny.manifest.model_copy(update={"figures": Figures(faces="hidden")})
    gated = replace(tiny, manifest=manifest)
    shown = figures.example(study.task.clips[0], OPTIONS)
    axes = plt.subplots(1, 3)[1]
    figures.draw_magnified(axes, shown, gated)
    panels = [ax.images[0].get_array() for ax in axes]
    panels.append(figures.draw_regions(plt.subplots()[1], shown, gated).images[0].get_array())
    assert all(len(np.unique(panel)) == 1 for panel in panels)
    plt.close("all")
