import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mecore.data.files import source_digest
from mecore.errors import DataError
from mecore.evaluation.executors import InProcess, processes
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.videos import Expression
from mecore.models.mean.options import preset
from mecore.models.mean.training import predict
from mecore.studies.mean.features import list_videos, prepare_features, video_features
from mecore.studies.mean.fold import MeanTask
from mecore.studies.mean.rows import frame_table, interval_rows
from mecore.studies.mean.scores import score_rows
from mecore.studies.mean.study import chapter_options, run_mean
from tests.conftest import write_frames
from tests.evaluation.conftest import FEW

CLASSES = ("negative", "positive", "surprise")


@pytest.fixture(scope="module")
def study(tiny, tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    saved = os.environ.get("MECORE_CACHE")
    os.environ["MECORE_CACHE"] = str(home / "cache")
    yield run_mean(tiny, preset(**FEW), home / "results", workers=1, without_transfer=True)
    os.environ.pop("MECORE_CACHE") if saved is None else os.environ.update(MECORE_CACHE=saved)


def test_every_frame_of_every_video_is_scored_once_by_a_network_that_never_saw_its_subject(study):
    frames = study.frames
    assert (frames.fold == frames.subject).all()
    for item in study.task.items:
        part = study.video(item)
        assert part.frame.tolist() == list(range(item.n_frames - 10))
    assert np.isfinite(frames.spot).all()
    np.testing.assert_allclose(frames[["p0", "p1", "p2"]].sum(axis=1), 1, atol=1e-5)


def test_the_stored_network_repeats_the_stored_scores(study):
    item = study.task.items[0]
    features = video_features(item, study.task.options)
    score, classes = predict(study.network(item.subject), features.spot)
    np.testing.assert_allclose(score, study.video(item).spot, atol=1e-5)
    np.testing.assert_allclose(classes[:, 1], study.video(item).p1, atol=1e-5)


def test_the_columns_are_honest_oracle_and_chance(study):
    columns = study.columns()
    assert list(columns) == ["honest", "oracle", "chance", "oracle on chance"]
    for scores in columns.values():
        assert scores["tp"] + scores["fn"] == 6
        assert 0 <= scores["strs"] <= 1
        assert 0 <= scores["asr"] <= 1
    assert (study.store.folder / "metrics.json").is_file()


def test_the_oracle_is_never_worse_than_the_settings_it_may_choose(study):
    everyone = study._everyone(study.frames)
    own = study.score(study._derive(everyone, study.task.options))
    assert study.columns()["oracle"]["strs"] >= own["strs"]


def test_stored_rows_are_those_that_are_derived_again(study):
    stored = study.table("rows")
    derived = study.rows()
    pd.testing.assert_frame_equal(
        stored[derived.columns].reset_index(drop=True), derived, check_dtype=False
    )


def test_a_finished_run_is_read_not_computed(study, tiny, monkeypatch):
    monkeypatch.setattr(MeanTask, "__call__", None)
    again = run_mean(tiny, preset(**FEW), study.store.folder.parents[2], without_transfer=True)
    assert again.store.id == study.store.id


def test_learning_curves_hold_both_stages_with_and_without_transfer(study):
    history = study.table("history")
    assert set(history.stage) == {"spotting", "recognition", "recognition without transfer"}
    assert {"error", "monitor_accuracy"} <= set(history)


def test_other_options_are_another_run_but_workers_are_not(study, tiny):
    folder = study.store.folder.parents[2]
    files = {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}
    run_mean(tiny, preset(**FEW), folder, workers=2, without_transfer=True)
    assert files == {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}
    assert "options" in (study.store.folder / "run.json").read_text()


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(study, tiny, tmp_path):
    other = run_mean(tiny, preset(**FEW), tmp_path, workers=2, without_transfer=True)
    for path in sorted(study.store.folder.rglob("*.parquet")):
        relative = path.relative_to(study.store.folder)
        assert path.read_bytes() == (other.store.folder / relative).read_bytes(), relative


def test_quick_runs_train_for_few_epochs():
    assert chapter_options("default", {}, "small").spot_epochs < preset().spot_epochs
    assert chapter_options("default", {"spot_epochs": 7}, "small").spot_epochs == 7


# -- the task --------------------------------------------------------------------------------------
def task_of(items, **changes):
    return MeanTask(tuple(items), CLASSES, preset(**FEW, **changes), short=True)


PLAN = FoldPlan("01", ("02", "03"), ("01",))


def test_k_prime_is_computed_from_the_training_subjects_only(items):
    longer = [
        replace(i, expressions=(replace(i.expressions[0], offset=i.expressions[0].offset + 40),))
        if i.subject == "01" else i for i in items
    ]  # fmt: skip
    assert task_of(items).half_length(PLAN) == task_of(longer).half_length(PLAN)
    everyone = task_of(longer, k_prime_from="all").half_length(PLAN)
    assert everyone > task_of(items, k_prime_from="all").half_length(PLAN)


def test_permuted_targets_are_as_many_elsewhere(items):
    task = task_of(items)
    train = [(item, video_features(item, task.options)) for item in items[:2]]
    chosen = {}
    for permuted in (False, True):
        chosen[permuted] = task.balanced(train, 15, np.random.default_rng(0), permuted)
    assert chosen[False][1].sum() == chosen[True][1].sum()
    assert not np.array_equal(chosen[False][0], chosen[True][0])


def test_others_are_spotted_but_not_recognised(items):
    other = replace(items[0], expressions=(replace(items[0].expressions[0], label=None),))
    task = task_of([other])
    features = video_features(other, task.options)
    assert task.targets(other, features, 10).any()
    assert len(task.samples([(other, features)])[1]) == 0


def test_training_subjects_without_an_expression_are_refused(items):
    empty = [replace(i, expressions=()) if i.subject != "01" else i for i in items]
    with pytest.raises(DataError, match="fold 01: no micro-expression to train on"):
        task_of(empty).half_length(PLAN)


def test_one_sample_and_a_class_that_no_training_subject_shows_make_a_fold(items):
    alone = next(i for i in items if i.subject == "01")
    others = [i for i in items if i.subject != "01"]
    relabelled = [
        replace(item, expressions=(replace(item.expressions[0], label=label),))
        for item, label in [(alone, "surprise"), *((item, "negative") for item in others)]
    ]
    with processes() as executor:
        result = executor.submit(task_of(relabelled), PLAN).result()
    assert set(result.rows.subject) == {"01"}
    assert (result.rows.source == "annotated").sum() == 1
    np.testing.assert_allclose(
        result.tables["frames"][["p0", "p1", "p2"]].sum(axis=1), 1, atol=1e-5
    )


# -- features --------------------------------------------------------------------------------------
def test_a_video_without_any_expression_has_features_for_spotting_only(items):
    features = video_features(replace(items[0], expressions=()), preset())
    assert features.spot.shape == (items[0].n_frames - 10, 42, 42, 3)
    assert features.recog.shape == (0, 42, 42, 3)


def test_a_damaged_cache_entry_is_computed_anew(items, tmp_path, monkeypatch):
    monkeypatch.setenv("MECORE_CACHE", str(tmp_path))
    item, options = items[0], preset()
    before = np.array(video_features(item, options).spot)
    (entry,) = tmp_path.rglob("output.pkl")
    whole = entry.stat().st_size
    entry.write_bytes(entry.read_bytes()[:1000])
    np.testing.assert_array_equal(before, video_features(item, options).spot)
    assert entry.stat().st_size == whole


def test_features_do_not_depend_on_options_of_training(items, tmp_path, monkeypatch):
    monkeypatch.setenv("MECORE_CACHE", str(tmp_path))
    for epochs in (1, 2):
        video_features(items[0], preset(spot_epochs=epochs))
    assert len(list(tmp_path.rglob("output.pkl"))) == 1


@pytest.mark.parametrize("reading", ["default", "as_written", "as_released"])
def test_every_reading_of_the_paper_gives_features(items, reading):
    options = preset(reading, engine="fast")
    features = video_features(items[0], options)
    assert features.spot.shape == (items[0].n_frames - 10, 42, 42, 3)
    assert features.recog.shape == (1, 42, 42, 3)
    assert 0 <= features.spot.min() <= features.spot.max() <= 1


@pytest.mark.parametrize("rule", ["difference", "features"])
def test_an_unknown_apex_is_looked_for_inside_the_expression(items, rule):
    known = items[0].expressions[0]
    unknown = replace(items[0], expressions=(replace(known, apex=None),))
    (apex,) = video_features(unknown, preset(missing_apex=rule)).apexes
    assert known.onset <= apex <= known.offset


def test_videos_without_a_usable_face_are_all_named_and_the_others_kept(own, items):
    database = own.open()
    bad = list_videos(database, preset())
    with pytest.raises(DataError, match=r"2 of 3 videos cannot be used:") as error:
        prepare_features([*bad, items[0]], preset(k_seconds=0.05), InProcess())
    text = str(error.value)
    assert "subject 006, video a" in text
    assert "no frontal face found" in text
    assert "exclude them in the manifest" in text


def test_a_video_not_longer_than_k_frames_is_refused(own):
    write_frames(own.root / "frames" / "008" / "c", n=1)
    item = next(i for i in list_videos(own.open(), preset()) if i.subject == "008")
    with pytest.raises(DataError, match="1 frames, but pairs lie 10 frames apart"):
        video_features(item, preset())


def test_videos_without_a_listed_emotion_take_part_only_if_asked(own):
    own.rows[0] = "006,a,2,5,9,others"
    database = own.open()
    assert len(list_videos(database, preset())) == 2
    assert [i.subject for i in list_videos(database, preset(videos="with_micro"))] == ["007"]


# -- rows ------------------------------------------------------------------------------------------
def made_up(items, peak):
    """A video whose scores rise to a peak, and say «surprise» before it."""
    item = replace(items[0], n_frames=100, expressions=(Expression("1", 30, 40, 50, "surprise"),))
    score = np.exp(-((np.arange(90) - peak) ** 2) / 50)
    classes = np.tile([0.8, 0.1, 0.1], (90, 1))
    classes[:peak] = [0.1, 0.1, 0.8]
    return item, frame_table(item, score, classes).assign(k_prime=10)


def test_a_score_that_peaks_at_the_apex_is_a_true_positive_with_the_right_emotion(items):
    item, frames = made_up(items, peak=40)
    rows = interval_rows(frames, [item], CLASSES, preset(), short=True)
    spotted = rows[rows.source == "spotted"].iloc[0]
    assert (spotted.onset, spotted.apex, spotted.offset) == (30, 40, 50)
    scores = score_rows(rows, CLASSES, preset(), short=True)
    assert (scores["tp"], scores["fp"], scores["fn"]) == (1, 0, 0)
    assert scores["recognition_accuracy"] == scores["asr"] == 1
    assert scores["apex_mae"] == 0


def test_a_peak_elsewhere_is_a_false_positive_and_a_miss(items):
    item, frames = made_up(items, peak=75)
    rows = interval_rows(frames, [item], CLASSES, preset(), short=True)
    scores = score_rows(rows, CLASSES, preset(), short=True)
    assert (scores["tp"], scores["fp"], scores["fn"]) == (0, 1, 1)
    assert scores["strs"] == scores["asr"] == 0


def test_a_video_without_peak_is_silent_or_as_released_a_false_alarm(items):
    item, frames = made_up(items, peak=40)
    flat = frames.assign(spot=0.3)
    silent = interval_rows(flat, [item], CLASSES, preset(), short=False)
    assert (silent.source == "annotated").all()
    alarm = interval_rows(flat, [item], CLASSES, preset(without_peak="dummy"), short=False)
    assert alarm[alarm.source == "spotted"][["onset", "offset"]].to_numpy().tolist() == [[0, 0]]


def test_code_that_changes_a_result_changes_the_digest():
    assert source_digest("models") != source_digest("data")
    assert Path(__file__).name not in source_digest("models")
