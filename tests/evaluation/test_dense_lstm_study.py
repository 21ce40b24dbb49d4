import json
import os
import shutil
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mecore.errors import DataError
from mecore.evaluation.executors import InProcess
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.videos import Expression, list_videos, prepare
from mecore.models.dense_lstm.options import reading
from mecore.report.published import load_published
from mecore.studies.dense_lstm import figures, tables
from mecore.studies.dense_lstm.features import video_features
from mecore.studies.dense_lstm.fold import DenseTask, lost_expressions, target_scores
from mecore.studies.dense_lstm.limit import LimitClip, limit_clips, render
from mecore.studies.dense_lstm.scores import score_rows, turned
from mecore.studies.dense_lstm.study import COLUMN_NAMES, run_dense_lstm
from tests.conftest import write_frames

QUICK = reading(blocks=4, components=4, positions=16, epochs=2, every=1, validation=1, seconds=0.1)


@pytest.fixture(scope="module")
def study(tiny, tmp_path_factory):
    home = tmp_path_factory.mktemp("dense")
    saved = os.environ.get("MECORE_CACHE")
    os.environ["MECORE_CACHE"] = str(home / "cache")
    yield run_dense_lstm(tiny, QUICK, home / "results", workers=1, descriptors=("hog",))
    os.environ.pop("MECORE_CACHE") if saved is None else os.environ.update(MECORE_CACHE=saved)


def test_nobody_is_trained_on_chosen_on_and_tested_on_at_once(study):
    for plan in study.plans:
        sides = [*plan.train, *plan.validation, *plan.test]
        assert len(sides) == len(set(sides)) == 3


def test_every_position_of_the_left_out_and_the_validation_subjects_is_scored(study):
    for plan in study.plans:
        scores = study.store.fold_table(plan.name, "scores")
        seen = {v.split("/")[0] for v in scores.video}
        assert seen == {*plan.test, *plan.validation}
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
    assert list(study.columns) == list(COLUMN_NAMES)
    for scores in study.columns.values():
        assert list(scores) == ["chi2", "mdmd", "flow-peaks", "hog-overlap", "hog-apex"]
        assert all(0 <= s["f1"] <= 1 for s in scores.values())
    assert json.loads((study.store.folder / "metrics.json").read_text()) == study.columns
    for technique, scores in study.columns["honest"].items():
        again = score_rows(study.rows(technique), study.task.items)
        assert again == scores
        assert again["tp"] + again["fn"] == 6


def test_an_oracle_is_never_worse_than_one_of_the_settings_it_may_choose(study):
    for technique in study.techniques:
        chosen = study.score(technique, "oracle")["f1"]
        for epoch in study.epochs:
            setting = (0.5, 0.0) if technique in ("chi2", "mdmd", "flow-peaks") else (epoch, 0.0)
            counts = np.zeros(3, int)
            for key, item in study.items.items():
                apexes = study.found(technique, key, setting).apexes
                hits = sum(((apexes >= a) & (apexes <= b)).any() for a, b in item.intervals)
                counts += hits, len(apexes) - hits, len(item.intervals) - hits
            assert chosen >= 2 * counts[0] / max(2 * counts[0] + counts[1:].sum(), 1) - 1e-9


def test_honest_settings_do_not_change_with_what_is_annotated_on_the_left_out_subject(study):
    subject = study.plans[0].test[0]
    blinded = tuple(
        replace(i, expressions=()) if i.subject == subject else i for i in study.task.items
    )
    blind = replace(study, task=replace(study.task, items=blinded))
    for technique in study.techniques:
        assert blind.choice(technique, subject) == study.choice(technique, subject)


def test_a_finished_run_is_read_not_computed(study, tiny, monkeypatch):
    monkeypatch.setattr(DenseTask, "__call__", None)
    folder = study.store.folder.parents[2]
    again = run_dense_lstm(tiny, QUICK, folder, descriptors=("hog",))
    assert again.store.id == study.store.id


def test_a_fold_that_is_computed_again_is_the_same_to_the_last_bit(study):
    plan = study.plans[0]
    path = study.store.folder / "folds" / f"{plan.name}.scores.parquet"
    before = path.read_bytes()
    path.unlink()
    (study.store.folder / "folds" / f"{plan.name}.parquet").unlink()
    study.store.save_fold(plan.name, study.task(plan))
    assert path.read_bytes() == before


def test_features_keep_no_face_and_know_how_it_was_followed(study):
    features = study.features(study.task.items[0])
    assert sum(features.states.values()) == study.task.items[0].n_frames
    assert features.votes["hog"].shape[1:3] == (4, 4)
    assert all(len(s) == study.task.items[0].n_frames for s in features.scores.values())


def test_a_video_shorter_than_the_window_is_named(study, tiny):
    item = study.task.items[0]
    options = replace(QUICK, seconds=item.n_frames / item.fps + 1)
    task = replace(study.task, options=options)
    with pytest.raises(DataError, match=r"window of \d+ frames is longer than the clip of \d+"):
        task(study.plans[-1])


def test_a_video_without_a_face_and_one_too_short_are_named_together(own, tmp_path, monkeypatch):
    monkeypatch.setenv("MECORE_CACHE", str(tmp_path / "cache"))
    own.rows = own.rows[:1]
    shutil.rmtree(own.root / "frames" / "007" / "b")
    write_frames(own.root / "frames" / "007" / "b", n=2)
    items = list_videos(own.open())
    with pytest.raises(DataError) as caught:
        prepare(lambda item: video_features(item, QUICK), items, InProcess(), progress=False)
    assert "2 of 2 videos cannot be used" in str(caught.value)
    assert "no frontal face found in 12 frames" in str(caught.value)
    assert "2 frames; descriptors with radius 1 need 3" in str(caught.value)


def test_training_subjects_without_any_expression_are_refused(study):
    items = tuple(replace(i, expressions=()) for i in study.task.items)
    subjects = sorted({i.subject for i in items})
    plan = FoldPlan("x", tuple(subjects[:1]), tuple(subjects[1:]))
    with pytest.raises(DataError, match="no micro-expression to train on"):
        DenseTask(items, replace(QUICK, seconds=0.0)).window(plan)


def test_targets_without_apexes_take_the_middle(study):
    item = study.task.items[0]
    e = item.expressions[0]
    middle = (e.onset + e.offset) // 2
    known, unknown = (
        replace(item, expressions=(Expression("x", e.onset, apex, e.offset, None),))
        for apex in (middle, None)
    )
    np.testing.assert_array_equal(
        target_scores(known, "apex", 9, QUICK), target_scores(unknown, "apex", 9, QUICK)
    )


def test_expressions_shorter_than_half_a_window_are_counted(study):
    longest = max(e.offset - e.onset + 1 for i in study.task.items for e in i.expressions)
    table = lost_expressions(study.task.items, [2, 2 * longest + 1])
    assert table["without target"].tolist() == [0, 6]


def test_annotations_that_are_turned_keep_their_number_and_length(study):
    for item in study.task.items:
        moved = turned(item, 3)
        assert (moved[:, 1] - moved[:, 0] == item.intervals[:, 1] - item.intervals[:, 0]).all()
        assert moved.min() >= 0
        assert moved.max() < item.n_frames
        np.testing.assert_array_equal(turned(item, 0), item.intervals)


def test_tables_say_what_was_measured_beside_what_was_printed(study, tiny):
    beside = tables.beside(load_published("dense_lstm"), study)
    assert beside.loc["HOG-TOP Overlap LSTM", "printed, «CASME2»"] == 0.84
    assert beside.loc["HOG-TOP Apex LSTM", "printed, SMIC-VIS-E"] == 0.38
    assert np.isnan(beside.loc["flow peaks", "printed, SMIC-VIS-E"])
    measures = tables.measures(study)
    false = tables.where_false(study, tiny)
    assert (false.sum(axis=1) >= measures["false positives"] - measures["true positives"]).all()
    assert tables.tracking(study).to_numpy().sum() == sum(i.n_frames for i in study.task.items)
    assert len(tables.choices()) > 20


def test_motion_that_is_seen_is_interpolated_between_levels():
    rows = [
        {"technique": "chi2", "subject": s, "peak": p, "noise": 1.0, "tp": t, "fp": 0, "fn": 1 - t}
        for s in ("a", "b", "c")
        for p, t in ((0.1, 0), (1.0, int(s != "c")), (3.0, 1))
    ]
    found = tables.halfway(pd.DataFrame(rows)).iloc[0]
    assert found["F1 at 0.1 pixels"] == 0
    assert found["F1 at 3 pixels"] == 1
    assert 0.1 < found["pixels for F1 = 0.5"] < 1


def test_no_face_of_a_licensed_database_reaches_a_figure(study, tiny):
    hidden = tiny.manifest.model_copy(
        update={"figures": tiny.manifest.figures.model_copy(update={"faces": "hidden"})}
    )
    database, item = replace(tiny, manifest=hidden), study.task.items[0]
    _, axes = plt.subplots(1, 7)
    figures.draw_registration(axes[:4], item, database, QUICK, 5)
    figures.draw_slices(axes[4:], item, database, QUICK)
    for ax in axes[:5]:
        assert np.ptp(np.asarray(ax.images[0].get_array())) == 0
    plt.close("all")


def test_every_figure_of_the_study_can_be_drawn(study):
    _, axes = plt.subplots(2, 4)
    figures.draw_learning(axes[0, :2], study)
    figures.draw_columns(axes[0, 2], tables.by_column(study))
    item = figures.shown_video(study, "flow-peaks")
    figures.draw_targets(axes[0, 3], item, QUICK, 9)
    for ax, technique in zip(axes[1], study.techniques, strict=False):
        figures.draw_scores(ax, study, technique, item)
    assert all(ax.lines or ax.patches for ax in axes.ravel())
    plt.close("all")


def test_clips_of_known_motion_belong_to_the_long_phantom_only(tiny):
    assert limit_clips(tiny) == ()


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
