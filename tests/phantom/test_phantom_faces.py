"""Faces that people and face detectors believe in."""

import numpy as np
import pytest

from mecore.data.database import open_database
from mecore.errors import OptionError
from mecore.evaluation.executors import processes
from mecore.phantom import LONG, SHORT, portrait, write_phantom
from mecore.phantom.actor import Actor
from mecore.phantom.anatomy import to_pixels
from mecore.phantom.identity import draw_identity
from mecore.phantom.motion import State
from mecore.preprocessing.faces import detect_faces, landmarks
from mecore.studies.data.phantom_checks import check_phantom, landmark_error, warp_error


@pytest.mark.parametrize("subject", [0, 3])
def test_dlib_finds_one_face_and_its_landmarks(subject):
    actor = Actor(draw_identity(SHORT.seed, subject))
    frame = np.clip(actor.render(State.neutral()), 0, 255).astype(np.uint8)
    (box,) = detect_faces(frame)
    assert 105 <= box.width <= 160
    truth = to_pixels(actor.rig.landmarks(State.neutral()), 256)
    assert landmark_error(landmarks(frame, box), truth) < 0.06


def test_action_units_change_the_picture_where_they_act():
    neutral = portrait(SHORT.seed, 0, size=128).astype(int)
    for unit, (rows, others) in {
        12: (np.s_[66:98], np.s_[:50]),
        1: (np.s_[20:58], np.s_[70:]),
        45: (np.s_[45:68], np.s_[75:]),
        26: (np.s_[75:118], np.s_[:50]),
    }.items():
        change = np.abs(portrait(SHORT.seed, 0, {unit: 0.8}, size=128).astype(int) - neutral)
        assert change[rows].max() > 25, unit
        assert change[others].max() < 8, unit


def test_one_side_can_move_alone():
    neutral = portrait(SHORT.seed, 0, size=128).astype(int)
    change = np.abs(portrait(SHORT.seed, 0, {"L12": 0.8}, size=128).astype(int) - neutral)
    assert change[:, 70:].max() > 25 > 8 > change[:, :50].max()


def test_open_eyes_are_lighter_than_closed_ones_and_gaze_moves_the_iris():
    actor = Actor(draw_identity(SHORT.seed, 0))
    still = State.neutral()
    x, y = to_pixels(actor.rig.anatomy.eye_centres[1], 256).round().astype(int)
    window = np.s_[y - 3 : y + 4, x - 9 : x + 10]
    ahead = actor.render(still)[window].mean(axis=(0, 2))
    aside = actor.render(State(still.controls, still.pose, np.array([2.0, 0.0])))
    dark = np.argmin(np.convolve(ahead, np.ones(5) / 5, "valid"))
    assert np.argmin(np.convolve(aside[window].mean(axis=(0, 2)), np.ones(5) / 5, "valid")) > dark


def test_a_portrait_is_the_same_every_time_and_another_person_is_another():
    first = portrait(SHORT.seed, 0, size=96)
    actor = Actor(draw_identity(SHORT.seed, 0), 96)
    assert (np.uint8(actor.render(State.neutral()) + 0.5) == first).all()
    assert np.abs(portrait(SHORT.seed, 3, size=96).astype(int) - first).mean() > 8


def test_unknown_action_units_are_refused():
    with pytest.raises(OptionError, match="99"):
        portrait(SHORT.seed, 0, {99: 1.0}, size=96)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [SHORT.small(), LONG.small()], ids=["short", "long"])
def test_what_the_phantom_promises_holds_on_the_small_set(spec, tmp_path):
    write_phantom(spec, tmp_path / spec.name, workers=2)
    with processes(2) as executor:
        checks = check_phantom(open_database(spec.name, tmp_path / spec.name), executor, every=20)
    assert checks.one_face.mean() >= 0.99
    assert checks.landmark_error.mean() <= 0.06
    assert checks.warp_onset_apex.mean() <= 2
    assert checks.warp_pair.mean() <= 2


def test_a_frame_warped_by_no_flow_is_itself():
    frame = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    still, everywhere = np.zeros((20, 30, 2), np.float32), np.ones((20, 30), bool)
    assert warp_error(frame, frame, still, everywhere) < 1e-3


def test_the_landmark_error_is_a_share_of_the_distance_of_the_eyes():
    truth = np.zeros((68, 2), np.float32)
    truth[45] = (30, 40)
    assert landmark_error(truth + np.float32([3, 4]), truth) == pytest.approx(0.1)
