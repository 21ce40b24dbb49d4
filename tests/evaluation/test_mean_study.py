import os
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mecore.errors import DataError
from mecore.evaluation.cache import prepare
from mecore.evaluation.executors import InProcess, processes
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.study import Execution
from mecore.evaluation.videos import Expression, list_videos
from mecore.models.mean.options import preset
from mecore.models.mean.stacked import MeanStack, weights_of
from mecore.studies.mean import rows as mean_rows
from mecore.studies.mean.features import video_features
from mecore.studies.mean.fold import MeanTask
from mecore.studies.mean.rows import frame_table, interval_rows
from mecore.studies.mean.study import run_mean
from tests.conftest import write_frames
from tests.evaluation.conftest import FEW

CLASSES = ("negative", "positive", "surprise")


def run(database, results, workers=1):
    how = Execution(workers, progress=False, results=results)
    return run_mean(database, preset(**FEW), how, seeds=(0, 1), without_transfer=True)


@pytest.fixture(scope="module")
def study(tiny, tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    saved = os.environ.get("MECORE_CACHE")
    os.environ["MECORE_CACHE"] = str(home / "cache")
    yield run(tiny, home / "results")
    os.environ.pop("MECORE_CACHE") if saved is None else os.environ.update(MECORE_CACHE=saved)


def test_every_frame_of_every_video_is_scored_once_by_a_network_that_never_saw_its_subject(study):
    frames = study.frames()
    assert (frames.fold == frames.subject).all()
    for item in study.task.items:
        part = study.video(item, frames)
        assert part.frame.tolist() == list(range(item.n_frames - 10))
    assert np.isfinite(frames.spot).all()
    np.testing.assert_allclose(frames[["p0", "p1", "p2"]].sum(axis=1), 1, atol=1e-5)


def test_the_stored_network_repeats_the_stored_scores(study):
    item = study.task.items[0]
    features = video_features(item, study.task.options)
    network = MeanStack([weights_of(study.network(item.subject))], study.task.options)
    (score,), (classes,) = network(features.spot)
    stored = study.video(item, study.frames())
    np.testing.assert_allclose(score, stored.spot, atol=1e-5)
    np.testing.assert_allclose(classes[:, 1], stored.p1, atol=1e-5)


def test_the_columns_are_honest_oracle_and_chance_with_intervals_over_subjects(study):
    scores = study.scores.set_index(["column", "measure"])
    columns = ["honest", "oracle", "chance", "oracle on chance"]
    assert list(study.scores.column.unique()) == columns
    for column in columns:
        own = scores.loc[column]
        assert own.score.tp + own.score.fn == 6
        assert 0 <= own.low.strs <= own.high.strs <= 1
        assert own.least.strs <= own.score.strs <= own.most.strs
        assert (own.runs == 2).all()
    assert (study.store.folder / "metrics.json").is_file()


def test_the_oracle_is_never_worse_than_the_settings_it_may_choose(study):
    for seed in study.seeds():
        everyone = study._everyone(study.frames(seed=seed))
        own = study.counts(study.found(everyone))
        best = study.counts(study.rows("oracle", seed))
        score, highest = (
            study.measures({k: v.sum(axis=0) for k, v in c.items()})["strs"] for c in (own, best)
        )
        assert highest >= score


def test_seeds_are_other_networks_of_the_same_folds(study):
    first, second = (study.frames(seed=seed) for seed in (0, 1))
    assert (first.fold.to_numpy() == second.fold.to_numpy()).all()
    assert not np.allclose(first.spot, second.spot)


def test_stored_rows_are_those_that_are_derived_again(study):
    stored, task = study.table(seed=0), study.task
    derived = interval_rows(study.frames(), task.items, task.classes, task.options, task.short)
    pd.testing.assert_frame_equal(
        stored[derived.columns].reset_index(drop=True), derived, check_dtype=False
    )


def test_a_finished_run_is_read_not_computed(study, tiny, monkeypatch):
    monkeypatch.setattr(MeanTask, "__call__", None)
    again = run(tiny, study.store.folder.parents[2])
    assert again.store.id == study.store.id


def test_learning_curves_hold_both_stages_with_and_without_transfer(study):
    history = study.table("history")
    assert set(history.stage) == {"spotting", "recognition", "recognition without transfer"}
    assert {"error", "monitor_accuracy"} <= set(history)


def test_other_options_are_another_run_but_workers_are_not(study, tiny):
    folder = study.store.folder.parents[2]
    files = {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}
    run(tiny, folder, workers=2)
    assert files == {p: p.read_bytes() for p in study.store.folder.rglob("*.parquet")}
    assert "options" in (study.store.folder / "run.json").read_text()


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(study, tiny, tmp_path):
    other = run(tiny, tmp_path, workers=2)
    assert study.scores.equals(other.scores)
    for path in sorted(study.store.folder.rglob("*.parquet")):
        relative = path.relative_to(study.store.folder)
        assert path.read_bytes() == (other.store.folder / relative).read_bytes(), relative


def test_quick_runs_train_for_few_epochs():
    assert preset(scale="small").spot_epochs < preset().spot_epochs
    assert preset(scale="small", spot_epochs=7).spot_epochs == 7


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


def test_permuted_targets_are_as_many_in_other_positions(items):
    task = task_of(items)
    videos = [video_features(item, task.options) for item in items]
    true, permuted = (
        task.frames([replace(PLAN, labels=labels)], [15], videos) for labels in ("true", "permuted")
    )
    assert true.targets[true.seen].sum() == permuted.targets[permuted.seen].sum()
    everything = np.arange(true.targets.shape[1])
    assert not np.array_equal(true.inputs(everything), permuted.inputs(everything))


def test_no_fold_trains_on_a_frame_or_a_sample_of_its_left_out_subject(items):
    task = task_of(items)
    videos = [video_features(item, task.options) for item in items]
    everyone = FoldPlan("02", ("01", "03"), ("02",))
    alone, both = (task.frames(p, [15] * len(p), videos) for p in ([PLAN], [PLAN, everyone]))
    assert both.seen[0].sum() == alone.seen[0].sum() == alone.seen.size
    samples = task.samples([PLAN], videos)
    known = [i.subject for i in items for e in i.expressions if e.label]
    assert (samples.seen[0] == [s != "01" for s in known]).all()


def test_folds_of_unequal_half_length_are_counted_as_the_paper_does(items):
    # Short expressions at the start leave frames without.
    items = [replace(i, expressions=(replace(i.expressions[0], onset=0, offset=3),)) for i in items]
    task = task_of(items, targets="written", negatives_per_positive=1000.0)
    videos = [video_features(item, task.options) for item in items]
    other = FoldPlan("02", ("01", "03"), ("02",))
    halves = [12, 15]
    both = task.frames([PLAN, other], halves, videos)
    for plan, half, told, seen in zip((PLAN, other), halves, both.targets, both.seen, strict=True):
        own = [task.targets(i, 10, half) for i in items if i.subject in plan.train]
        assert (told[seen] == 0).sum() == (np.concatenate(own) == 0).sum()
        assert set(told[seen]) == {0, 1}


def test_others_are_spotted_but_not_recognised(items):
    expression = replace(items[0].expressions[0], label=None)
    task = task_of([replace(items[0], expressions=(expression,)), *items[1:]])
    videos = [video_features(item, task.options) for item in task.items]
    assert task.targets(task.items[0], videos[0].k, 10).any()
    assert task.samples([PLAN], videos).targets.shape[1] == len(items) - 1


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
        result = executor.submit(task_of(relabelled), [PLAN]).result()[0]
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
    bad = list_videos(database)
    with pytest.raises(DataError, match=r"2 of 3 videos cannot be used:") as error:
        compute = partial(video_features, options=preset(k_seconds=0.05))
        prepare(compute, [*bad, items[0]], InProcess())
    text = str(error.value)
    assert "subject 006, video a" in text
    assert "no frontal face found" in text
    assert "exclude them in the manifest" in text


def test_a_video_not_longer_than_k_frames_is_refused(own):
    write_frames(own.root / "frames" / "008" / "c", n=1)
    item = next(i for i in list_videos(own.open()) if i.subject == "008")
    with pytest.raises(DataError, match="1 frames, but pairs lie 10 frames apart"):
        video_features(item, preset())


def test_videos_without_a_listed_emotion_take_part_only_if_asked(own):
    own.rows[0] = "006,a,2,5,9,others"
    database = own.open()
    assert len(list_videos(database)) == 2
    assert [i.subject for i in list_videos(database, without_class=False)] == ["007"]


# -- rows ------------------------------------------------------------------------------------------
def made_up(items, peak):
    """A video whose scores rise to a peak, and say «surprise» before it."""
    footage = replace(items[0].footage, n_frames=100)
    expression = Expression("1", 30, 40, 50, "surprise")
    item = replace(items[0], footage=footage, expressions=(expression,))
    score = np.exp(-((np.arange(90) - peak) ** 2) / 50)
    classes = np.tile([0.8, 0.1, 0.1], (90, 1))
    classes[:peak] = [0.1, 0.1, 0.8]
    return item, frame_table(item, score, classes).assign(k_prime=10)


def scores_of(item, frames):
    """Scores of one video, as a page shows them."""
    options = preset()
    found = mean_rows.find_emotions(mean_rows.video_scores(frames), [item], options, short=True)
    counts = mean_rows.count_by_subject(found, [item], CLASSES, options)
    return mean_rows.measure({k: v.sum(axis=0) for k, v in counts.items()})


def test_a_score_that_peaks_at_the_apex_is_a_true_positive_with_the_right_emotion(items):
    item, frames = made_up(items, peak=40)
    rows = interval_rows(frames, [item], CLASSES, preset(), short=True)
    spotted = rows[rows.source == "spotted"].iloc[0]
    assert (spotted.onset, spotted.apex, spotted.offset) == (30, 40, 50)
    scores = scores_of(item, frames)
    assert (scores["tp"], scores["fp"], scores["fn"]) == (1, 0, 0)
    assert scores["recognition_accuracy"] == scores["asr"] == 1
    assert scores["apex_mae"] == 0


def test_a_peak_elsewhere_is_a_false_positive_and_a_miss(items):
    scores = scores_of(*made_up(items, peak=75))
    assert (scores["tp"], scores["fp"], scores["fn"]) == (0, 1, 1)
    assert scores["strs"] == scores["asr"] == 0


def test_a_video_without_peak_is_silent_or_as_released_a_false_alarm(items):
    item, frames = made_up(items, peak=40)
    flat = frames.assign(spot=0.3)
    silent = interval_rows(flat, [item], CLASSES, preset(), short=False)
    assert (silent.source == "annotated").all()
    alarm = interval_rows(flat, [item], CLASSES, preset(without_peak="dummy"), short=False)
    assert alarm[alarm.source == "spotted"][["onset", "offset"]].to_numpy().tolist() == [[0, 0]]
