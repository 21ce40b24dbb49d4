"""Folds of ROI CNN-LSTM on three rendered people, on noise, and on hostile data."""

import os
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest

from mecore.errors import DataError
from mecore.evaluation.cache import prepare
from mecore.evaluation.clips import list_clips
from mecore.evaluation.executors import InProcess
from mecore.evaluation.folds import FoldPlan
from mecore.evaluation.study import Execution
from mecore.models.roi.options import preset
from mecore.preprocessing.regions import SIX, patch_size
from mecore.studies.roi_cnn_lstm.clips import (
    SHARES,
    clip_patches,
    item_patches,
    noise_clips,
    spans_of,
)
from mecore.studies.roi_cnn_lstm.fold import RoiTask
from mecore.studies.roi_cnn_lstm.study import all_scores, run_all, run_clips, run_roi
from tests.conftest import write_frames

FEW = preset(patch_scale=0.1, cnn_epochs=1, lstm_epochs=1, frames_per_clip=2, steps=3)
CLASSES = tuple(SHARES)
PIXELS = sum(h * w for h, w in (patch_size(n, 0.1) for n in SIX))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One cache and one pool of workers for all runs of this file."""
    home = tmp_path_factory.mktemp("roi")
    saved = os.environ.get("MECORE_CACHE")
    os.environ["MECORE_CACHE"] = str(home / "cache")
    yield home
    os.environ.pop("MECORE_CACHE") if saved is None else os.environ.update(MECORE_CACHE=saved)


@pytest.fixture(scope="module")
def how(home):
    return Execution(2, progress=False, results=home / "results")


@pytest.fixture(scope="module")
def study(tiny, how):
    return run_roi(tiny, FEW, how, seeds=(0, 1), variants=True)


PLAN = FoldPlan("01", ("02", "03"), ("01",))


def test_every_clip_is_predicted_once_by_networks_that_never_saw_its_subject(study):
    rows = study.table(seed=1)
    assert (rows.fold == rows.subject).all()
    assert sorted(rows.video) == sorted(c.video for c in study.task.clips)
    np.testing.assert_allclose(rows[[f"p_{c}" for c in CLASSES]].sum(axis=1), 1, atol=1e-5)
    assert rows.truth.tolist() == [c.label for c in study.task.clips]


def test_the_stored_networks_repeat_the_stored_counts(study):
    subject = study.task.clips[0].subject
    cnns = study.cnns(subject)
    own = [c for c in study.task.clips if c.subject == subject]
    looked = [cnns.look(clip_patches(c, FEW))[1] for c in own]
    predicted = np.concatenate([outputs.argmax(axis=-1) for outputs in looked])
    stored = study.store.fold_table(study.plan(subject).key, "regions")
    for r, name in enumerate(SIX):
        counts = stored[stored.region == name].groupby("predicted").n.sum()
        assert counts.to_dict() == pd.Series(predicted[:, r]).value_counts().to_dict()


def test_learning_curves_of_all_regions_and_of_the_lstms_are_kept(study):
    history = study.table("history")
    assert set(history.region) == {*SIX, "all"}
    assert history.monitor_loss.notna().all()


def test_variants_lack_each_region_once_and_the_mask_once(study):
    variants = study.table("variants")
    names = set(variants.variant)
    assert {f"without {name}" for name in SIX} < names
    assert len(names) == 7
    assert (variants.groupby("variant").size() == 2 * len(study.task.clips)).all()
    assert study.table("variants", "permuted").empty


def test_permuted_are_the_labels_of_the_subjects_that_are_trained_on():
    task = RoiTask(tuple(labelled(*[(s, c) for s in ("01", "02", "03") for c in CLASSES] * 2)),
                   CLASSES, FEW)  # fmt: skip
    chance = replace(PLAN, labels="permuted", seed=5)
    true, permuted = (task.truth(plan).classes for plan in (PLAN, chance))
    assert sorted(true) == sorted(permuted)
    assert (true != permuted).any()
    own = task.clips_of(("01",))
    np.testing.assert_array_equal(true[own], permuted[own])
    np.testing.assert_array_equal(task.truth(chance).regions, task.truth(chance).regions)


def test_cnns_that_see_everyone_are_told_the_same_permuted_labels_in_every_fold():
    leaky = replace(FEW, cnn_subjects="everyone")
    clips = labelled(*[(s, c) for s in ("01", "02", "03") for c in CLASSES] * 2)
    task = RoiTask(tuple(clips), CLASSES, leaky)
    plans = [replace(PLAN, labels="permuted"),
             FoldPlan("02", ("01", "03"), ("02",), labels="permuted")]  # fmt: skip
    first, second = (task.truth(plan).classes for plan in plans)
    np.testing.assert_array_equal(first, second)
    assert (first != task.truth(PLAN).classes).any()


def test_scores_come_from_pooled_rows(study):
    rows = study.table(seed=0)
    assert study.confusion().sum() == len(rows)
    score = study.score_rows([rows]).set_index("measure").score
    assert score.accuracy == pytest.approx((rows.truth == rows.predicted).mean())
    assert set(study.scores.column) == {"honest", "chance"}
    assert set(study.by_database()) == {"full", "phantom-short"}
    accuracy = study.region_accuracy()
    assert (accuracy.accuracy <= 1).all()
    assert accuracy.index.tolist() == list(SIX)


def test_a_finished_run_is_read_not_computed(study, tiny, how, monkeypatch):
    monkeypatch.setattr(RoiTask, "__call__", None)
    again = run_roi(tiny, FEW, how, seeds=(0, 1), variants=True)
    assert again.store.id == study.store.id


def test_with_everyone_the_cnns_are_fitted_once_and_the_lstms_without_the_left_out(
    study, tiny, how
):
    leaky = replace(FEW, cnn_subjects="everyone")
    other = run_roi(tiny, leaky, how, labels=("permuted",))
    assert other.store.id != study.store.id
    assert "cnn" not in other.seconds("permuted")
    assert list(other.columns) == ["oracle", "oracle on chance"]
    assert len(other.table("rows", "permuted")) == len(other.task.clips)


@pytest.mark.slow
def test_one_worker_gives_the_bytes_of_two(study, tiny, tmp_path):
    other = run_roi(tiny, FEW, Execution(1, False, tmp_path), seeds=(0, 1), variants=True)
    assert study.scores.equals(other.scores)
    for path in sorted(study.store.folder.rglob("*.parquet")):
        relative = path.relative_to(study.store.folder)
        assert path.read_bytes() == (other.store.folder / relative).read_bytes(), relative


@pytest.mark.slow
def test_noise_is_at_chance_when_honest_and_far_above_when_the_cnns_saw_everyone(how):
    options = preset(patch_scale=0.1)
    clips = noise_clips(6, 10, seed=1)
    scores = {}
    for kind in ("training", "everyone"):
        reading = replace(options, cnn_subjects=kind)
        found = run_clips(clips, CLASSES, "noise", reading, how)
        scores[kind] = found.score(next(iter(found.columns))).set_index("measure").score.uf1
    assert scores["training"] < 0.5
    assert scores["everyone"] > 0.8


def test_noise_says_nothing_about_its_class():
    clips = noise_clips(3, 200, seed=2)
    assert [c.label for c in clips].count("negative") > [c.label for c in clips].count("positive")
    first = clips[0].patches(FEW)
    np.testing.assert_array_equal(first.frames, clips[0].patches(FEW).frames)
    assert first.frames.shape[1:] == (PIXELS, 3)
    # The look of a subject spreads more than that of its clips, and that more than the frames.
    middles = np.stack([c.patches(FEW).frames[0] for c in clips[:20]]).astype(float)
    others = np.stack([c.patches(FEW).frames[0] for c in clips[::200]]).astype(float)
    frames = first.frames.astype(float)
    assert frames.std(axis=0).mean() < middles.std(axis=0).mean() < others.std(axis=0).mean()


@pytest.mark.slow
def test_a_composite_is_scored_by_database_too(tiny, how):
    facts = tiny.manifest.model_copy(update={"id": "second"})
    second = replace(tiny, manifest=facts)
    both = run_roi([tiny, second], FEW, how, labels=("true",))
    assert set(both.by_database()) == {"full", "phantom-short", "second"}


def test_subjects_of_a_composite_carry_the_name_of_their_database(tiny):
    facts = tiny.manifest.model_copy(update={"id": "second"})
    clips = list_clips([tiny, replace(tiny, manifest=facts)])
    assert len({c.subject for c in clips}) == 6
    assert {"phantom-short-01", "second-01"} <= {c.subject for c in clips}


def test_databases_with_different_classes_make_no_composite(tiny):
    facts = tiny.manifest.model_copy(update={"id": "second", "classes": {"good": ["happiness"]}})
    with pytest.raises(DataError, match="second: several databases need the same classes"):
        list_clips([tiny, replace(tiny, manifest=facts)])


def test_a_database_without_a_clip_of_the_classes_is_refused(tiny):
    with pytest.raises(DataError, match="no micro-expression belongs to a class"):
        list_clips([replace(tiny, samples=tiny.samples.iloc[:0])])


def test_patches_are_cut_from_onset_to_offset_and_are_the_same_from_the_cache(tiny, home):
    clip = list_clips(tiny)[0]
    first, second = clip_patches(clip, FEW), clip_patches(clip, FEW)
    e = clip.expression
    assert first.frames.shape == (e.offset - e.onset + 1, PIXELS, 3)
    assert isinstance(second.frames, np.memmap)
    np.testing.assert_array_equal(first.frames, second.frames)
    assert first.mask.mean() > 0.9
    (onset, _, offset), *_ = spans_of(clip.item, replace(FEW, span="clip"))
    assert (onset, offset) == (0, clip.item.n_frames - 1)


def test_frames_of_another_size_give_patches_of_the_same_size(tiny, home, tmp_path):
    clip = list_clips(tiny)[0]
    folder = tmp_path / "large"
    folder.mkdir()
    for number, frame in enumerate(clip.item.frames(), 1):
        large = cv2.resize(frame[..., ::-1], None, fx=1.6, fy=1.6)
        cv2.imwrite(str(folder / f"img{number}.jpg"), large)
    footage = replace(clip.item.footage, path=folder, stamp="large")
    other = replace(clip, item=replace(clip.item, footage=footage))
    ours, theirs = (clip_patches(c, FEW).frames for c in (clip, other))
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < 12


def test_clips_without_landmarks_are_all_named_with_the_next_step(own, home):
    write_frames(own.root / "frames" / "008" / "c")
    own.rows.append("008,c,2,5,9,surprise")
    items = [c.item for c in list_clips(own.open())]
    pattern = r"3 of 3 videos cannot be used(.|\n)*subject 006, video a(.|\n)*no frontal face"
    with pytest.raises(DataError, match=pattern) as raised:
        prepare(partial(item_patches, options=FEW), items, InProcess())
    assert "exclude them in the manifest" in str(raised.value)


def test_a_clip_without_action_units_is_named_where_they_are_asked_for(tiny, how):
    reading = replace(FEW, labels_from="action_units")
    samples = tiny.samples.assign(action_units="")
    with pytest.raises(DataError, match=r"no action units .* 6 of 6 clips, such as subject 01"):
        run_roi(replace(tiny, samples=samples), reading, how)


def test_labels_from_action_units_follow_each_clip(tiny):
    reading = replace(FEW, labels_from="action_units")
    clips = list_clips(tiny)
    task = RoiTask(tuple(clips), CLASSES, reading)
    nose = SIX.index("nose")
    for clip, row in zip(clips, task.truth(PLAN).regions, strict=True):
        moved = bool({9, 10, 11} & set(clip.units))
        assert row[nose] == (CLASSES.index(clip.label) if moved else 3)


def labelled(*labels):
    """Noise with given subjects and labels, such as ``("a", "negative")``."""
    return [
        replace(c, subject=subject, label=label)
        for c, (subject, label) in zip(noise_clips(1, len(labels)), labels, strict=True)
    ]


def test_absent_classes_single_clips_and_single_classes_are_remarked_and_harmless(how):
    clips = labelled(("a", "negative"), ("a", "positive"), ("b", "negative"), ("b", "negative"),
                     ("c", "surprise"))  # fmt: skip
    found = run_clips(clips, CLASSES, "odd", FEW, how)
    assert found.remarks() == [
        "a: no training subject shows positive; it weighs 0",
        "b: shows negative only; a score of this fold means nothing",
        "c: no training subject shows surprise; it weighs 0",
        "c: one clip only; it counts in the pooled scores",
    ]
    rows = found.table()
    assert len(rows) == 5
    assert rows.filter(like="p_").notna().all(axis=None)


def test_one_subject_cannot_be_left_out(how):
    with pytest.raises(DataError, match="at least two"):
        run_clips(labelled(("a", "negative")), CLASSES, "one", FEW, how)


@pytest.mark.slow
def test_the_chapter_runs_every_protocol_and_every_ablation(tiny, how):
    studies = run_all([tiny], FEW, how, (0,))
    assert set(studies) == {
        "honest", "oracle", "noise, honest", "noise, oracle", "whole face",
        "three channels, no mask", "cross-entropy",
    }  # fmt: skip
    assert studies["whole face"].task.regions == ("face",)
    columns = ["honest", "oracle", "chance", "oracle on chance"]
    assert list(all_scores(studies).column.unique()) == columns
