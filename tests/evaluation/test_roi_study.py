"""Folds of ROI CNN-LSTM on three rendered people, on noise, and on hostile data."""

import os
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

from mecore import runtime
from mecore.errors import DataError, MecoreError
from mecore.evaluation.executors import InProcess, processes
from mecore.evaluation.folds import FoldPlan
from mecore.models.roi.options import preset
from mecore.preprocessing.regions import SIX, patch_size
from mecore.studies.roi_cnn_lstm.chapter import run_chapter_studies
from mecore.studies.roi_cnn_lstm.clips import list_clips, prepare_patches
from mecore.studies.roi_cnn_lstm.fold import RoiTask
from mecore.studies.roi_cnn_lstm.noise import SHARES, noise_clips
from mecore.studies.roi_cnn_lstm.study import run_clips, run_roi
from tests.conftest import write_frames

FEW = preset(patch_scale=0.1, cnn_epochs=1, lstm_epochs=1, frames_per_clip=2, steps=3)
CLASSES = tuple(SHARES)
PIXELS = sum(h * w for h, w in (patch_size(n, 0.1) for n in SIX))


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    runtime.configure()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One cache and one pool of workers for all runs of this file."""
    home = tmp_path_factory.mktemp("roi")
    saved = os.environ.get("MECORE_CACHE")
    os.environ["MECORE_CACHE"] = str(home / "cache")
    yield home
    os.environ.pop("MECORE_CACHE") if saved is None else os.environ.update(MECORE_CACHE=saved)


@pytest.fixture(scope="module")
def pool(home):
    with processes(2) as executor:
        yield executor


@pytest.fixture(scope="module")
def study(tiny, home, pool):
    return run_roi([tiny], FEW, home / "results", pool, variants=True)


def test_every_clip_is_predicted_once_by_networks_that_never_saw_its_subject(study):
    rows = study.table()
    assert (rows.fold == rows.subject).all()
    assert sorted(rows.video) == sorted(c.video for c in study.task.clips)
    np.testing.assert_allclose(rows[[f"p_{c}" for c in CLASSES]].sum(axis=1), 1, atol=1e-5)
    assert rows.truth.tolist() == [c.label for c in study.task.clips]


def test_the_stored_networks_repeat_the_stored_counts(study):
    subject = study.task.clips[0].subject
    cnns = study.cnns(subject)
    own = [c for c in study.task.clips if c.subject == subject]
    predicted = np.concatenate([cnns.look(c.patches(FEW))[1].argmax(axis=-1) for c in own])
    stored = study.store.fold_table(subject, "regions")
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
    assert (variants.groupby("variant").size() == len(study.task.clips)).all()
    assert study.table("variants", "permuted").empty


def test_permuted_labels_are_the_same_labels_elsewhere(study):
    true, permuted = (study.task.truth(kind, 5) for kind in ("true", "permuted"))
    assert sorted(true.classes) == sorted(permuted.classes)
    again = study.task.truth("permuted", 5)
    np.testing.assert_array_equal(again.regions, permuted.regions)


def test_scores_come_from_pooled_rows(study):
    rows = study.table()
    counts = study.confusion(rows)
    assert counts.sum() == len(rows)
    assert study.score(rows)["accuracy"] == pytest.approx((rows.truth == rows.predicted).mean())
    assert set(study.by_database()) == {"full", "phantom-short"}
    accuracy = study.region_accuracy()
    assert (accuracy.accuracy <= 1).all()
    assert accuracy.index.tolist() == list(SIX)


def test_a_finished_run_is_read_not_computed(study, tiny, home, monkeypatch):
    monkeypatch.setattr(RoiTask, "__call__", None)
    again = run_roi([tiny], FEW, home / "results", InProcess(), variants=True)
    assert again.store.id == study.store.id


def test_with_everyone_the_cnns_are_fitted_once_and_the_lstms_without_the_left_out(
    study, tiny, home, pool
):
    leaky = replace(FEW, cnn_subjects="everyone")
    other = run_roi([tiny], leaky, home / "results", pool, labels=("permuted",))
    assert other.store.id != study.store.id
    features = other.store.fold_table("everyone-permuted")
    lengths = [min(FEW.steps, c.last - c.first + 1) for c in other.task.clips]
    assert features.groupby("clip").size().tolist() == lengths
    assert "cnn" not in other.seconds("permuted")
    assert len(other.table("rows", "permuted")) == len(other.task.clips)


@pytest.mark.slow
def test_one_worker_gives_the_bytes_of_two(study, tiny, tmp_path):
    with processes(1) as executor:
        other = run_roi([tiny], FEW, tmp_path, executor, variants=True)
    for path in sorted(study.store.folder.rglob("*.parquet")):
        relative = path.relative_to(study.store.folder)
        assert path.read_bytes() == (other.store.folder / relative).read_bytes(), relative


@pytest.mark.slow
def test_noise_is_at_chance_when_honest_and_far_above_when_the_cnns_saw_everyone(home, pool):
    options = preset(patch_scale=0.1)
    clips = noise_clips(6, 10, seed=1)
    scores = {}
    for kind in ("training", "everyone"):
        reading = replace(options, cnn_subjects=kind)
        found = run_clips(clips, CLASSES, "noise", reading, home / "results", pool)
        scores[kind] = found.score(found.table())["uf1"]
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
def test_a_composite_is_scored_by_database_too(tiny, home, pool):
    facts = tiny.manifest.model_copy(update={"id": "second"})
    second = replace(tiny, manifest=facts)
    both = run_roi([tiny, second], FEW, home / "results", pool, labels=("true",))
    assert set(both.by_database()) == {"full", "phantom-short", "second"}


def test_subjects_of_a_composite_carry_the_name_of_their_database(tiny):
    facts = tiny.manifest.model_copy(update={"id": "second"})
    clips = list_clips([tiny, replace(tiny, manifest=facts)], FEW)
    assert len({c.subject for c in clips}) == 6
    assert {"phantom-short.01", "second.01"} <= {c.subject for c in clips}


def test_databases_with_different_classes_make_no_composite(tiny):
    facts = tiny.manifest.model_copy(update={"id": "second", "classes": {"good": ["happiness"]}})
    with pytest.raises(DataError, match="second: a composite needs the same classes"):
        list_clips([tiny, replace(tiny, manifest=facts)], FEW)


def test_a_database_without_a_clip_of_the_classes_is_refused(tiny):
    with pytest.raises(DataError, match="no micro-expression of the classes"):
        list_clips([replace(tiny, samples=tiny.samples.iloc[:0])], FEW)


def test_patches_are_cut_from_onset_to_offset_and_are_the_same_from_the_cache(tiny, home):
    clip = list_clips([tiny], FEW)[0]
    first, second = clip.patches(FEW), clip.patches(FEW)
    assert first.frames.shape == (clip.last - clip.first + 1, PIXELS, 3)
    assert isinstance(second.frames, np.memmap)
    np.testing.assert_array_equal(first.frames, second.frames)
    assert first.mask.mean() > 0.9
    whole = list_clips([tiny], replace(FEW, span="clip"))[0]
    assert (whole.first, whole.last) == (0, whole.item.n_frames - 1)


def test_frames_of_another_size_give_patches_of_the_same_size(tiny, home, tmp_path):
    clip = list_clips([tiny], FEW)[0]
    folder = tmp_path / "large"
    folder.mkdir()
    for number, frame in enumerate(clip.item.frames(), 1):
        large = cv2.resize(frame[..., ::-1], None, fx=1.6, fy=1.6)
        cv2.imwrite(str(folder / f"img{number}.jpg"), large)
    other = replace(clip, item=replace(clip.item, path=folder, stamp="large"))
    ours, theirs = clip.patches(FEW).frames, other.patches(FEW).frames
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < 12


def test_clips_without_landmarks_are_all_named_with_the_next_step(own, home):
    write_frames(own.root / "frames" / "008" / "c")
    own.rows.append("008,c,2,5,9,surprise")
    clips = list_clips([own.open()], FEW)
    pattern = r"3 of 3 clips cannot be used(.|\n)*subject 006, video a(.|\n)*no frontal face"
    with pytest.raises(DataError, match=pattern) as raised:
        prepare_patches(clips, FEW, InProcess())
    assert "exclude their videos" in str(raised.value)


def test_a_clip_without_action_units_is_named_where_they_are_asked_for(tiny, home):
    reading = replace(FEW, labels_from="action_units")
    clips = [replace(list_clips([tiny], reading)[0], units=())]
    with pytest.raises(DataError, match="no action units are annotated"):
        prepare_patches(clips, reading, InProcess())


def test_labels_from_action_units_follow_each_clip(tiny):
    reading = replace(FEW, labels_from="action_units")
    clips = list_clips([tiny], reading)
    task = RoiTask(tuple(clips), CLASSES, reading, tiny.root)
    nose = SIX.index("nose")
    for clip, row in zip(clips, task.truth("true", 0).regions, strict=True):
        moved = bool({9, 10, 11} & set(clip.units))
        assert row[nose] == (CLASSES.index(clip.label) if moved else 3)


def labelled(*labels):
    """Noise with given subjects and labels, such as ``("a", "negative")``."""
    return [
        replace(c, subject=subject, label=label)
        for c, (subject, label) in zip(noise_clips(1, len(labels)), labels, strict=True)
    ]


def test_absent_classes_single_clips_and_single_classes_are_remarked_and_harmless(home, pool):
    clips = labelled(("a", "negative"), ("a", "positive"), ("b", "negative"), ("b", "negative"),
                     ("c", "surprise"))  # fmt: skip
    found = run_clips(clips, CLASSES, "odd", FEW, home / "results", pool)
    assert found.remarks() == [
        "a: no training subject shows positive; it weighs 0",
        "b: shows negative only; a score of this fold means nothing",
        "c: no training subject shows surprise; it weighs 0",
        "c: one clip only; it counts in the pooled scores",
    ]
    rows = found.table()
    assert len(rows) == 5
    assert rows.filter(like="p_").notna().all(axis=None)


def test_one_subject_cannot_be_left_out(home):
    with pytest.raises(DataError, match="at least two"):
        run_clips(labelled(("a", "negative")), CLASSES, "one", FEW, home / "results", InProcess())


def test_features_that_were_never_stored_are_asked_for_by_name(home, pool):
    clips = labelled(("a", "negative"), ("b", "positive"))
    task = RoiTask(tuple(clips), CLASSES, replace(FEW, cnn_subjects="everyone"), home / "nowhere")
    with pytest.raises(MecoreError, match="everyone"):
        pool.submit(task, FoldPlan("a", ("b",), ("a",))).result()


@pytest.mark.slow
def test_the_chapter_runs_every_protocol_and_every_ablation(tiny, home):
    studies = run_chapter_studies([tiny], FEW, home / "results", workers=2, progress=False)
    assert set(studies) == {
        "honest", "oracle", "noise, honest", "noise, oracle", "whole face",
        "three channels, no mask", "cross-entropy",
    }  # fmt: skip
    assert studies["whole face"].task.regions == ("face",)
