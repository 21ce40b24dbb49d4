import json
import os
import shutil
from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mecore.errors import DataError
from mecore.evaluation.cache import key_of, prepare
from mecore.evaluation.executors import InProcess
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.study import COLUMNS, Execution
from mecore.evaluation.videos import Expression, list_videos
from mecore.metrics import apex_spotting
from mecore.models.dense_lstm.options import preset
from mecore.report.published import load_published
from mecore.studies.dense_lstm import figures, tables
from mecore.studies.dense_lstm.fold import (
    DenseTask,
    rotated_item,
    target_scores,
    video_features,
    with_apexes,
)
from mecore.studies.dense_lstm.known_motion import LimitClip, limit_clips, render
from mecore.studies.dense_lstm.limit import half_seen
from mecore.studies.dense_lstm.rows import NOTHING, choose
from mecore.studies.dense_lstm.study import DenseStudy, run_dense_lstm
from tests.conftest import write_frames

QUICK = preset(blocks=4, components=4, positions=16, epochs=2, every=1, validation=1, seconds=0.1)
FREE = ["chi2", "mdmd", "flow-peaks"]


@pytest.fixture(scope="module")
def study(tiny, tmp_path_factory):
    home = tmp_path_factory.mktemp("dense")
    saved = os.environ.get("MECORE_CACHE")
    os.environ["MECORE_CACHE"] = str(home / "cache")
    how = Execution(1, progress=False, results=home / "results")
    yield run_dense_lstm(tiny, QUICK, how, seeds=(0, 1), descriptors=("hog",))
    os.environ.pop("MECORE_CACHE") if saved is None else os.environ.update(MECORE_CACHE=saved)


def in_fold(study, subject):
    """The plans of one fold: all that is trained at once."""
    return [p for p in study.plans if p.test == (subject,)]


def test_nobody_is_trained_on_chosen_on_and_tested_on_at_once(study):
    for plan in study.plans:
        sides = [*plan.train, *plan.validation, *plan.test]
        assert len(sides) == len(set(sides)) == 3


def test_every_position_of_the_left_out_subjects_is_scored_after_every_epoch(study):
    for plan in study.plans:
        scores = study.store.fold_table(plan.key, "scores")
        own = {k for k, item in study.items.items() if item.subject in plan.test}
        for _, part in scores.groupby(["technique", "epoch"]):
            assert set(part.video) == own
        for row in scores.itertuples():
            assert len(row.scores) == study.items[row.video].n_frames - row.length + 1
            assert np.isfinite(row.scores).all()


def test_the_length_of_a_window_is_that_of_the_training_subjects(study):
    task = replace(study.task, options=replace(QUICK, seconds=0.0))
    for plan in study.plans:
        assert study.task.window(plan) == 10
        lengths = [
            e.offset - e.onset + 1
            for i in study.task.items
            if i.subject in plan.train
            for e in i.expressions
        ]
        assert task.window(plan) == int(np.mean(lengths) + 0.5)


def test_the_columns_hold_every_technique_and_are_stored_with_their_rows(study):
    scores = study.scores
    assert list(scores.column.unique()) == list(COLUMNS)
    assert list(scores.method.unique()) == [*FREE, "hog-overlap", "hog-apex"]
    f1 = scores[scores.measure == "f1"]
    assert f1.score.between(0, 1).all()
    assert ((f1.low <= f1.high) & (f1.least <= f1.score) & (f1.score <= f1.most)).all()
    assert (f1.runs == 2).all()
    found = scores[scores.measure.isin(["tp", "fn"])].groupby(["method", "column"]).score.sum()
    assert (found == 6).all()
    stored = json.loads((study.store.folder / "metrics.json").read_text())["scores"]
    assert len(stored) == len(scores)
    rows = pd.read_parquet(study.store.folder / "rows.parquet")
    assert set(rows.technique) == set(study.methods)


def test_measures_are_those_of_apex_spotting(study):
    for method in study.methods:
        found, items = study.rows("honest", 1, method)
        counts = study.counts((found, items))
        ours = study.measures({k: v.sum(axis=0) for k, v in counts.items()})
        pairs = [(found[i.key].apexes, i.intervals) for i in items]
        minutes = sum(i.n_frames / i.fps for i in items) / 60
        known = apex_spotting.evaluate(
            pairs, [i.subject for i in items], minutes, [found[i.key].intervals for i in items]
        )
        assert {k: float(v) for k, v in ours.items()} == pytest.approx(known)


def test_an_oracle_is_never_worse_than_one_of_the_settings_it_may_choose(study):
    for technique in study.methods:
        for seed in study.seeds():
            chosen = f1_of(study, study.rows("oracle", seed, technique)[0])
            for found in study.candidates(technique, "true", seed).values():
                assert chosen >= f1_of(study, found) - 1e-9


def f1_of(study, found):
    counts = study.counts((found, study.task.items))
    return float(study.measures({k: v.sum(axis=0) for k, v in counts.items()})["f1"])


def test_honest_settings_do_not_change_with_what_is_annotated_on_the_left_out_subject(study):
    subject = study.plans[0].test[0]
    item = next(i for i in study.task.items if i.subject == subject)
    e = item.expressions[0]
    moved = replace(e, onset=e.onset + 2, apex=e.apex + 2, offset=e.offset + 2)
    blinded = tuple(
        replace(i, expressions=(moved,)) if i.subject == subject else i for i in study.task.items
    )
    plans = in_fold(study, subject)
    for plan, result in zip(plans, replace(study.task, items=blinded)(plans), strict=True):
        known = study.store.fold_table(plan.key, "settings")
        pd.testing.assert_frame_equal(result.tables["settings"], known)


def test_with_permuted_labels_only_the_left_out_subject_is_told_the_truth(study):
    for plan in study.plans:
        moved = {
            item.subject
            for key, item in study.task.told(plan).items()
            if item.intervals.tolist() != study.items[key].intervals.tolist()
        }
        assert moved == (set() if plan.labels == "true" else {*plan.train, *plan.validation})


def test_spotters_without_learning_have_the_same_oracle_on_chance(study):
    for name in FREE:
        own = study.scores[study.scores.method == name].set_index(["column", "measure"]).score
        assert own["oracle", "f1"] == own["oracle on chance", "f1"]


def test_a_finished_run_is_read_not_computed(study, tiny, monkeypatch):
    monkeypatch.setattr(DenseTask, "__call__", None)
    how = Execution(1, progress=False, results=study.store.folder.parents[2])
    again = run_dense_lstm(tiny, QUICK, how, seeds=(0, 1), descriptors=("hog",))
    assert again.store.id == study.store.id


def test_a_fold_that_is_computed_again_is_the_same_to_the_last_bit(study, tmp_path):
    plans = in_fold(study, study.plans[0].test[0])
    for plan, result in zip(plans, study.task(plans), strict=True):
        result.tables["scores"].to_parquet(tmp_path / "again.parquet", index=False)
        path = study.store.folder / "folds" / f"{plan.key}.scores.parquet"
        assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_a_seed_gives_the_same_whichever_others_are_trained_beside_it(study):
    plan = study.plans_with("true", seed=1)[0]
    (alone,) = study.task([plan])
    together = study.store.fold_table(plan.key, "scores").scores
    for one, other in zip(alone.tables["scores"].scores, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_features_keep_no_face_and_know_how_it_was_followed(study):
    features = study.features(study.task.items[0])
    assert sum(features.states.values()) == study.task.items[0].n_frames
    assert features.votes["hog"].shape[1:3] == (4, 4)
    assert all(len(s) == study.task.items[0].n_frames for s in features.scores.values())


def test_features_depend_on_no_option_of_training_and_on_no_class(study, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "mecore.studies.dense_lstm.fold.cached",
        lambda *arguments: asked.append(key_of(*arguments)) or ({}, {}, {}),
    )
    item = study.task.items[0]
    named = tuple(replace(e, label="other") for e in item.expressions)
    other = replace(QUICK, seconds=0.3, epochs=9, layers=2, cut=0.1, floor=False)
    for options in (
        QUICK,
        other,
        replace(QUICK, blocks=5),
        replace(QUICK, missing_apex="difference"),
    ):
        video_features(replace(item, expressions=named), options)
    assert asked[0] == asked[1]
    assert len(set(asked)) == 3


def test_a_video_shorter_than_the_window_is_named(study):
    item = study.task.items[0]
    options = replace(QUICK, seconds=item.n_frames / item.fps + 1)
    task = replace(study.task, options=options)
    with pytest.raises(DataError, match=r"window of \d+ frames is longer than the clip of \d+"):
        task(study.plans[-1:])


def test_a_video_without_a_face_and_one_too_short_are_named_together(own, tmp_path, monkeypatch):
    monkeypatch.setenv("MECORE_CACHE", str(tmp_path / "cache"))
    own.rows = own.rows[:1]
    shutil.rmtree(own.root / "frames" / "007" / "b")
    write_frames(own.root / "frames" / "007" / "b", n=2)
    items, compute = list_videos(own.open()), partial(video_features, options=QUICK)
    with pytest.raises(DataError) as caught:
        prepare(compute, items, InProcess(), progress=False)
    assert "2 of 2 videos cannot be used" in str(caught.value)
    assert "no frontal face found in 12 frames" in str(caught.value)
    assert "2 frames; descriptors with radius 1 need 3" in str(caught.value)


def test_training_subjects_without_any_expression_are_refused(study):
    items = tuple(replace(i, expressions=()) for i in study.task.items)
    subjects = sorted({i.subject for i in items})
    plan = FoldPlan("x", tuple(subjects[:1]), tuple(subjects[1:]))
    with pytest.raises(DataError, match="no micro-expression to train on"):
        DenseTask(items, replace(QUICK, seconds=0.0)).window(plan)


def test_without_an_apex_the_rule_of_the_options_stands_in(study):
    item = study.task.items[0]
    e = item.expressions[0]
    unknown = replace(item, expressions=(Expression("x", e.onset, None, e.offset, None),))
    middle, strongest = (
        with_apexes(unknown, replace(QUICK, missing_apex=rule)) for rule in ("middle", "difference")
    )
    assert middle.expressions[0].apex == (e.onset + e.offset) // 2
    assert e.onset < strongest.expressions[0].apex <= e.offset
    known = replace(item, expressions=(replace(e, apex=(e.onset + e.offset) // 2),))
    np.testing.assert_array_equal(
        target_scores(known, "apex", 9, QUICK), target_scores(middle, "apex", 9, QUICK)
    )


def test_expressions_shorter_than_half_a_window_are_counted(study):
    table = tables.too_short(study).set_index("L")
    durations = [e.offset - e.onset + 1 for i in study.task.items for e in i.expressions]
    assert table.index[table["taken here"]].tolist() == [10]
    assert table["without target"].to_dict() == {
        n: sum(2 * d < n for d in durations) for n in (9, 10, 23)
    }
    assert (table.expressions == 6).all()


def test_annotations_that_are_rotated_keep_their_number_and_length(study):
    item = study.task.items[0]
    e = item.expressions[0]
    second = replace(e, onset=1, apex=2, offset=e.offset - e.onset - 3)
    for n in range(10):
        two = replace(item, expressions=(second, e)) if n % 2 else item
        moved = rotated_item(two, np.random.default_rng(n))
        lengths = [sorted(np.diff(i.intervals)[:, 0]) for i in (two, moved)]
        assert lengths[0] == lengths[1]
        assert moved.intervals.min() >= 0
        assert moved.intervals.max() < item.n_frames
        assert all(x.onset <= x.apex <= x.offset for x in moved.expressions)


def test_where_nothing_is_found_the_first_setting_is_chosen_and_without_annotations_the_last():
    found = {1.0: {"a": NOTHING}, 2.0: {"a": NOTHING}}
    assert choose(found, (0.0, 0.5), {"a": np.array([[3, 5]])}) == (1.0, 0.0)
    assert choose(found, (0.0, 0.5), {}) == (2.0, 0.0)


def test_tables_say_what_was_measured_beside_what_was_printed(study, tiny):
    beside = tables.beside_published(study, load_published("dense_lstm"))
    assert beside.loc["HOG-TOP Overlap LSTM", "printed, «CASME2»"] == 0.84
    assert beside.loc["HOG-TOP Apex LSTM", "printed, SMIC-VIS-E"] == 0.38
    assert np.isnan(beside.loc["flow peaks", "printed, SMIC-VIS-E"])
    measures = tables.measures(study, study.methods)
    assert measures.shape == (len(tables.MEASURES), 5)
    false = tables.where_false(study, tiny).sum(axis=1)
    known = study.scores[(study.scores.column == "honest")].set_index(["method", "measure"]).score
    for method in study.methods:
        inside = known[method, "fp"] - known[method, "tp"]
        assert false[figures.title_of(method)] >= inside
    assert tables.tracking(study).to_numpy().sum() == sum(i.n_frames for i in study.task.items)
    assert len(tables.choices()) > 20
    assert list(tables.by_column(study)) == [*COLUMNS, "by luck"]
    assert tables.compared(study).shape == (2, 3)
    assert "the best network is HOG-TOP" in tables.answer(study, "a phantom")
    assert tables.variants({"as above": study}).shape == (1, 4)
    assert not len(tables.halfway(study))


def test_motion_that_is_seen_is_interpolated_between_levels():
    rows = [
        {"seed": 0, "subject": s, "peak": p, "noise": 1.0, "tp": t, "fp": 0, "fn": 1 - t}
        for s in ("a", "b", "c")
        for p, t in ((0.1, 0), (1.0, int(s != "c")), (3.0, 1))
    ]
    found = half_seen(pd.DataFrame(rows)).set_index("measure").score
    assert found["F1 at 0.1 px"] == 0
    assert found["F1 at 3 px"] == 1
    assert 0.1 < found["px for F1 = 0.5"] < 1


def test_no_face_of_a_licensed_database_reaches_a_figure(study, tiny):
    hidden = tiny.manifest.model_copy(
        update={"figures": tiny.manifest.figures.model_copy(update={"faces": "hidden"})}
    )
    database = replace(tiny, manifest=hidden)
    shown = figures.example(study)
    _, axes = plt.subplots(1, 7)
    figures.draw_registration(axes[:4], shown, database)
    figures.draw_slices(axes[4:], shown, database)
    for ax in axes[:5]:
        assert np.ptp(np.asarray(ax.images[0].get_array())) == 0
    plt.close("all")


def test_every_figure_of_the_study_can_be_drawn(study):
    _, axes = plt.subplots(2, 5)
    figures.draw_learning(axes[0, :2], study)
    figures.draw_columns(axes[0, 2], study)
    item = figures.well_spotted(study, "flow-peaks")
    figures.draw_targets(axes[0, 3], item, QUICK, 9)
    for ax, technique in zip([axes[0, 4], *axes[1]], study.methods, strict=False):
        figures.draw_scores(ax, study, technique, item)
    assert all(ax.lines or ax.patches for ax in axes.ravel()[:-1])
    plt.close("all")


def test_clips_of_known_motion_belong_to_the_long_phantom_only(tiny):
    assert limit_clips(tiny) == ()


def test_the_detection_limit_is_drawn_for_every_technique(study, tmp_path):
    counts = pd.DataFrame([
        {"technique": t, "fold": s, "labels": "true", "seed": seed, "subject": s, "peak": p,
         "noise": n, "tp": int(p > 0.5), "fp": seed, "fn": int(p < 0.5)}
        for t in study.methods for s in ("a", "b") for seed in (0, 1)
        for p, n in ((0.1, 1.0), (1.0, 1.0), (3.0, 1.0), (1.0, 4.0))
    ])  # fmt: skip
    seen = DenseStudy(study.task, study.plans, study.store)
    vars(seen)["limit"] = counts
    _, axes = plt.subplots(2, 2)
    figures.draw_limit(axes, seen)
    assert [len(ax.lines) for ax in axes.ravel()] == [3, 3, 2, 2]
    assert list(tables.halfway(seen).index) == [figures.title_of(t) for t in study.methods]
    plt.close("all")


@pytest.mark.slow
def test_a_clip_of_known_motion_moves_as_far_as_it_says():
    still, moving = (render(LimitClip("15", 0, peak, 0.0, 0)) for peak in (0.1, 3.0))
    clip = LimitClip("15", 0, 3.0, 0.0, 0)
    onset, offset = clip.interval
    outside, inside = (
        np.abs(still[i].astype(int) - moving[i]).mean() for i in (onset - 5, onset + 4)
    )
    assert outside < 0.3
    assert inside > 3 * outside
    assert len(still) == clip.n_frames > offset
