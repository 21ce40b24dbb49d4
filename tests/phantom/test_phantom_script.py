"""What is recorded: classes, durations, peaks; nothing is rendered here."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from mecore.errors import OptionError
from mecore.phantom import LONG, SHORT, Nuisance, PhantomSpec
from mecore.phantom.action_units import COMBINATIONS, CONTROLS, SHARES, VALENCE, draw_expression
from mecore.phantom.anatomy import CANONICAL, build_anatomy
from mecore.phantom.identity import draw_identity
from mecore.phantom.motion import Rig
from mecore.phantom.script import write_script
from mecore.phantom.tracks import course, largest_displacement, perform

ALL = [SHORT, LONG, SHORT.small(), LONG.small()]
SPECS = pytest.mark.parametrize("spec", ALL, ids=["short", "long", "small short", "small long"])


def micro(spec):
    for take in write_script(spec):
        for event in take.events:
            if event.kind == "micro":
                yield take, event


@SPECS
def test_every_subject_shows_at_least_two_classes(spec):
    classes = defaultdict(set)
    for take, event in micro(spec):
        classes[take.subject].add(event.expression.valence)
    assert set(classes) == set(range(spec.subjects))
    assert all(len(shown - {"others"}) >= 2 for shown in classes.values())


@SPECS
def test_events_lie_within_their_recording_in_order(spec):
    for take in write_script(spec):
        ends = [-1]
        for event in take.events:
            assert ends[-1] < event.onset < event.apex < event.offset < take.n_frames
            ends.append(event.offset)


@SPECS
def test_micro_expressions_last_a_sixth_to_half_a_second_and_rise_fast(spec):
    rises = []
    for _, event in micro(spec):
        assert 0.14 <= (event.offset - event.onset + 1) / spec.fps <= 0.51
        rises.append((event.apex - event.onset) / (event.offset - event.onset))
    assert 0.3 < np.mean(rises) < 0.5


@SPECS
def test_recordings_have_names_of_their_own(spec):
    takes = write_script(spec)
    assert len({(take.folder, take.video) for take in takes}) == len(takes) == spec.recordings


def test_classes_are_as_unequal_as_in_real_databases():
    classes = [event.expression.valence for _, event in micro(SHORT)]
    shares = {name: classes.count(name) / len(classes) for name in set(classes)}
    assert 0.48 <= shares["negative"] <= 0.56
    assert 0.22 <= shares["positive"] <= 0.28
    assert 0.17 <= shares["surprise"] <= 0.23
    assert sum(SHARES.values()) == pytest.approx(1)
    assert set(SHARES) == set(VALENCE) == set(COMBINATIONS)


def test_the_default_sets_have_the_size_they_should():
    clips, videos = write_script(SHORT), write_script(LONG)
    assert 7400 < sum(take.n_frames for take in clips) < 8600
    assert 11500 < sum(take.n_frames for take in videos) < 13500
    assert all(20 <= take.n_frames / LONG.fps <= 40 for take in videos)
    assert all(0.5 <= take.n_frames / SHORT.fps <= 1.2 for take in clips)
    assert all(len(take.events) == 1 for take in clips)


def test_long_videos_have_none_to_four_micro_expressions_and_some_macro_expressions():
    takes = write_script(LONG)
    counts = [sum(event.kind == "micro" for event in take.events) for take in takes]
    assert min(counts) == 0 and max(counts) == 4
    macros = [e for take in takes for e in take.events if e.kind == "macro"]
    assert len(macros) >= 8
    lengths = [(e.offset - e.onset + 1) / LONG.fps for e in macros]
    assert min(lengths) >= 0.55 and max(lengths) <= 3.0


def test_the_small_sets_show_the_same_people():
    assert [draw_identity(SHORT.seed, k) for k in range(4)] == [
        draw_identity(SHORT.small().seed, k) for k in range(4)
    ]
    assert SHORT.small().subjects == 4 and SHORT.small().recordings == 24
    assert {take.folder for take in write_script(LONG.small())} < {
        take.folder for take in write_script(LONG)
    }


def test_twelve_people_differ():
    people = [draw_identity(SHORT.seed, k) for k in range(12)]
    looks = {(p.male, p.hair_style, round(p.melanin, 1), round(p.age, -1)) for p in people}
    assert len(looks) == 12
    assert sum(person.male for person in people) == 6
    assert max(p.melanin for p in people) > 5 * min(p.melanin for p in people)
    assert max(p.age for p in people) > min(p.age for p in people) + 25


def test_the_largest_displacement_of_a_micro_expression_is_as_scripted():
    still = replace(SHORT, subjects=2, recordings=6, nuisance=Nuisance.none())
    for take, event in micro(still):
        who = draw_identity(still.seed, take.subject)
        rig = Rig(build_anatomy(who), who)
        tracks = perform(take, rig, still)
        peak = largest_displacement(rig, tracks.controls[event.apex].astype(float))
        assert peak == pytest.approx(event.peak, rel=0.02)
        assert 0.3 < peak * still.size / CANONICAL < 3.0
        assert not tracks.controls[[*range(event.onset + 1), event.offset]].any()


def test_nuisances_come_from_their_dials():
    who = draw_identity(SHORT.seed, 0)
    rig = Rig(build_anatomy(who), who)
    loud = replace(LONG, nuisance=replace(Nuisance.none(), blinks=1.0))
    take = write_script(loud)[0]
    tracks = perform(take, rig, loud)
    blinks = tracks.controls[:, CONTROLS.index("L45")]
    assert 0.75 < blinks.max() <= 1 and np.mean(blinks > 0.1) < 0.5
    assert not tracks.pose.any() and not tracks.gaze.any()
    assert (tracks.tone == 1).all()


def test_intensity_rises_to_the_apex_and_falls_after_it():
    shape = course(3, 10, 25, (1.1, 0.9))
    assert shape[0] == 0 and shape[7] == 1 and shape[-1] == 0
    assert (np.diff(shape[:8]) > 0).all() and (np.diff(shape[7:]) < 0).all()


def test_one_sided_expressions_are_written_with_their_side():
    rng = np.random.default_rng(0)
    drawn = [draw_expression("happiness", rng) for _ in range(80)]
    left = next(e for e in drawn if "L12" in e.action_units)
    assert left.intensities[CONTROLS.index("L12")] > 5 * left.intensities[CONTROLS.index("R12")]


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "films"},
        {"subjects": 0},
        {"recordings": 3},
        {"fps": 0},
        {"size": 10},
        {"seconds": (2.0, 1.0)},
    ],
)
def test_impossible_specs_are_refused(change):
    with pytest.raises(OptionError):
        replace(SHORT, **change)


@pytest.mark.parametrize("dial", [{"noise": -1}, {"jpeg_quality": 0}, {"codec": "MJPEG"}])
def test_impossible_dials_are_refused(dial):
    with pytest.raises(OptionError):
        Nuisance(**dial)


def test_unknown_emotions_and_people_are_refused():
    with pytest.raises(OptionError, match="happines"):
        draw_expression("happines", np.random.default_rng(0))
    with pytest.raises(OptionError):
        draw_identity(1, -1)


def test_any_number_of_subjects_and_recordings_can_be_scripted():
    for subjects, recordings in ((1, 1), (1, 2), (3, 4), (25, 60)):
        for whole in (SHORT, LONG):
            spec = replace(whole, subjects=subjects, recordings=recordings)
            takes = write_script(spec)
            assert len(takes) == recordings
            assert {take.subject for take in takes} == set(range(subjects))
    assert isinstance(SHORT, PhantomSpec)
