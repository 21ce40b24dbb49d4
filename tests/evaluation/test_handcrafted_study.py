from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mecore.data.schema import Figures
from mecore.errors import DataError, OptionError
from mecore.evaluation.clips import face_clip, list_clips
from mecore.evaluation.executors import InProcess
from mecore.studies.handcrafted import figures, grids, tables
from mecore.studies.handcrafted.features import blockwise_gram, clip_features, prepare_clips
from mecore.studies.handcrafted.fold import HandcraftedTask, nested_plans, sparse_features
from mecore.studies.handcrafted.methods import (
    DESCRIPTORS,
    METHODS,
    HandcraftedOptions,
    prepare,
)
from mecore.studies.handcrafted.study import (
    chapter_methods,
    chapter_options,
    run_across,
    run_handcrafted,
)
from tests.conftest import write_frames

FEW = ("lbp_top", "biwoof", "mdmo", "sparse_mdmo")
OPTIONS = HandcraftedOptions(atoms=12, iterations=2)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Cache and results that the tests of this file share."""
    return tmp_path_factory.mktemp("handcrafted")


@pytest.fixture(scope="module")
def study(tiny, home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MECORE_CACHE", str(home / "cache"))
        yield run_handcrafted(tiny, FEW, OPTIONS, home / "results")


@pytest.fixture(autouse=True)
def _shared_cache(home, monkeypatch):
    monkeypatch.setenv("MECORE_CACHE", str(home / "cache"))


def test_every_clip_is_left_out_once_and_once_for_each_other_subject(study):
    table = pd.concat([study.store.fold_table(p.name) for p in study.plans if p.labels == "true"])
    counts = table[table.method == "mdmo"].groupby("number").size()
    assert (counts == len(set(study.task.groups))).all()
    assert table.predicted[table.method == "mdmo"].str.len().eq(6400).all()


def test_the_columns_hold_every_method_and_every_clip(study):
    assert list(study.columns) == ["dummy", *FEW]
    for scores in study.columns.values():
        assert list(scores) == ["honest", "oracle", "chance", "oracle on chance"]
        assert all(s["n"] == len(study.task.clips) for s in scores.values())
    for name in FEW:
        assert study.columns[name]["oracle"]["uf1"] >= study.columns[name]["honest"]["uf1"]
    assert (study.store.folder / "metrics.json").is_file()
    assert set(study.rows("mdmo").columns) >= {"subject", "truth", "honest", "oracle", "chance"}


def test_a_second_run_reads_what_the_first_stored(study, tiny, home, monkeypatch):
    monkeypatch.setattr(HandcraftedTask, "__call__", None)
    files = {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}
    again = run_handcrafted(tiny, FEW, OPTIONS, home / "results", workers=2)
    assert again.store.id == study.store.id
    assert files == {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}


def test_workers_do_not_change_a_result(study, tiny, tmp_path):
    again = run_handcrafted(tiny, FEW, OPTIONS, tmp_path, workers=2)
    for plan in study.plans:
        expected = study.store.fold_table(plan.name)
        pd.testing.assert_frame_equal(again.store.fold_table(plan.name), expected)


def test_permuted_labels_are_the_same_labels_elsewhere(study):
    true, permuted = (study.task.labels(kind, 0) for kind in ("true", "permuted"))
    np.testing.assert_array_equal(np.sort(true), np.sort(permuted))
    assert (true != permuted).any()


def test_permuted_labels_do_not_agree_with_the_truth_by_luck(study):
    clips = tuple(replace(study.task.clips[0], label=c) for c in ["negative", "positive"] * 50)
    task = replace(study.task, clips=clips)
    for seed in range(5):
        agreement = (task.labels("true", seed) == task.labels("permuted", seed)).mean()
        assert 0.46 <= agreement <= 0.54


def test_a_dictionary_does_not_depend_on_the_left_out_clips(study):
    folder, everyone = study.task.folder, np.arange(len(study.task.clips))
    one = sparse_features(folder, everyone[:4], everyone[4:5], OPTIONS, 0)
    both = sparse_features(folder, everyone[:4], everyone[4:], OPTIONS, 0)
    np.testing.assert_allclose(one[:5], both[:5], atol=1e-12)
    joined = replace(OPTIONS, pool="concatenate")
    assert sparse_features(folder, everyone[:4], everyone[4:5], joined, 0).shape[1] == 9 * 12


def test_leaving_out_one_video_scores_every_clip(study):
    assert 0 <= study.identity("biwoof") <= 1
    scores = study.videos("biwoof")
    assert scores["n"] == len(study.task.clips)


def test_other_classifiers_are_tried_on_the_same_folds(study):
    table = study.classifiers()
    assert set(table.classifier) == {"nearest neighbours", "random forest", "AdaBoost"}
    assert set(table.method) == {"lbp_top", "mdmo"}
    assert table["macro-F1"].between(0, 1).all()


def test_a_test_across_databases_scores_the_other_one(study, tiny, home):
    # The same people under another name: their ids collide, and are told apart.
    other = replace(tiny, manifest=tiny.manifest.model_copy(update={"id": "elsewhere"}))
    scores = run_across(study, tiny, other, home / "results")
    assert {s["n"] for s in scores.values()} == {len(study.task.clips)}
    assert list(scores) == ["dummy", *FEW]


def test_other_classes_are_refused(study, tiny, home):
    classes = {"good": ["happiness"], "bad": ["anger"]}
    other = replace(tiny, manifest=tiny.manifest.model_copy(update={"classes": classes}))
    with pytest.raises(DataError, match="classes good, bad are not those of"):
        run_across(study, tiny, other, home / "results")


def test_features_of_a_clip_have_the_stated_lengths(study):
    stored = clip_features(study.task.clips[0], OPTIONS)
    assert set(stored) == set(DESCRIPTORS)
    lengths = {name: m.features(stored[m.source][None]).shape[1] for name, m in METHODS.items()}
    expected = {"lbp_top": 11328, "lbp_xyot": 7552, "lbp_sip": 1280, "elbp_top": 33984}
    expected |= {"hog_top": 1536, "hoof": 200, "biwoof": 200, "mdmo": 72}
    assert expected.items() <= lengths.items()


def test_scales_do_what_they_say(study):
    stored = clip_features(study.task.clips[0], OPTIONS)["lbp_top"][None]
    raw, block, unit = (
        METHODS[n].features(stored) for n in ("lbp_top_raw", "lbp_top", "lbp_top_unit")
    )
    assert (raw == np.round(raw)).all()
    np.testing.assert_allclose(block.reshape(-1, 59).sum(axis=1), 1)
    assert unit.sum() == pytest.approx(1)


def test_a_gram_matrix_in_blocks_is_the_gram_matrix():
    x = np.random.default_rng(0).random((5, 9000)).astype(np.float32)
    np.testing.assert_allclose(blockwise_gram(x), x.astype(float) @ x.T.astype(float))


def test_a_face_is_cut_from_onset_to_offset(tiny):
    clip = list_clips(tiny)[0]
    frames, points = face_clip(clip)
    assert frames.shape == (clip.offset - clip.onset + 1, 128, 128)
    assert points[8, 1] < 128


def test_clips_that_cannot_be_used_are_all_named(tiny, own):
    still = replace(list_clips(tiny)[0], offset=0, onset=0)
    with pytest.raises(DataError, match="a clip of one frame holds no motion"):
        face_clip(still)
    write_frames(own.root / "frames" / "006" / "a", 12)
    clips = list_clips(own.open())
    with pytest.raises(DataError, match=r"2 of 3 clips cannot be used:\n  subject 006, video a"):
        prepare_clips([*clips, list_clips(tiny)[0]], OPTIONS, InProcess(), progress=False)


def test_two_subjects_are_too_few_for_nested_selection():
    with pytest.raises(DataError, match="leaves out two subjects at a time, there are 2"):
        nested_plans(["a", "b"], 0, "true")
    assert len(nested_plans("abcd", 0, "true")) == 4 + 6


def test_a_training_side_of_one_class_is_named(study):
    plan = study.plans[0]
    one = tuple(replace(c, label="negative") for c in study.task.clips)
    with pytest.raises(DataError, match="training clips have one class: negative"):
        replace(study.task, clips=one)(plan)


def test_a_misspelt_method_is_answered_with_the_right_one():
    with pytest.raises(OptionError, match="did you mean 'mdmo'"):
        chapter_methods(["mdm"], "full")
    assert chapter_methods([], "full") == tuple(METHODS)
    assert chapter_options({"atoms": 7}, "small").atoms == 7


def test_every_figure_and_table_of_the_chapter_can_be_drawn(study, tiny):
    import matplotlib.pyplot as plt

    clip = figures.liveliest(study)
    shown = figures.example(clip, OPTIONS)
    figures.draw_frames_of_flow(plt.subplots(2, 3)[1], shown, tiny)
    figures.draw_course(plt.subplots()[1], shown)
    figures.draw_apex_flow(plt.subplots(1, 3)[1], study)
    figures.draw_magnified(plt.subplots(1, 3)[1], shown, tiny)
    figures.draw_regions(plt.subplots()[1], shown, tiny)
    learnt = figures.learnt_dictionary(study, study.task.groups[0])
    figures.draw_atoms(plt.subplots(2, 3)[1], learnt, 0.9)
    grids.draw_grid(plt.subplots(1, 4)[1], study, "mdmo")
    ax = grids.draw_ties(plt.subplots()[1], study)
    assert [t.get_text() for t in ax.texts] == [str(study.predictions(n).distinct()) for n in FEW]
    grids.draw_scales(plt.subplots()[1], study)
    grids.draw_results(plt.subplots()[1], study.columns)
    protocols = tables.protocols(study, {"biwoof": {"uf1": 0.5}})
    assert protocols.loc["Bi-WOOF", "other database"] == 0.5
    grids.draw_protocols(plt.subplots()[1], protocols)
    assert len(tables.results(study.columns)) == len(tables.per_class(study)) == 1 + len(FEW)
    assert tables.settings(study).loc["MDMO", "settings"] == 6400
    assert tables.timing(study, clip)["descriptor, ms"].notna().all()
    assert len(tables.classifiers(study)) == 2
    assert tables.choices().shape[1] == 3
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


def test_flow_on_texture_is_an_option(study):
    frames, points = face_clip(study.task.clips[0])
    plain, textured = (
        prepare(frames[:5], points, 2, replace(OPTIONS, textured=on)) for on in (False, True)
    )
    assert np.isfinite(textured.flows).all()
    assert not np.allclose(plain.flows, textured.flows)
    np.testing.assert_array_equal(plain.short, textured.short)
