"""Action units move the skin where and as the Facial Action Coding System says; flow is exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecore.phantom.action_units import ACTION_UNITS, CONTROLS, parts_of
from mecore.phantom.anatomy import build_anatomy
from mecore.phantom.identity import draw_identity
from mecore.phantom.motion import Rig, State
from mecore.phantom.truth import skin_flow

SIZE = 96
WHO = draw_identity(5, 1)
RIG = Rig(build_anatomy(WHO), WHO)


def state(units=None, *, pose=(0, 0, 0, 0, 0), gaze=(0, 0)):
    """A state from intensities by action unit (both sides) or by control."""
    controls = np.zeros(len(CONTROLS))
    for unit, intensity in (units or {}).items():
        for name in (f"L{unit}", f"R{unit}", str(unit)):
            if name in CONTROLS:
                controls[CONTROLS.index(name)] = intensity
    return State(controls, np.array(pose, float), np.array(gaze, float))


def landmarks(units=None, **more):
    return RIG.landmarks(state(units, **more))


def shift(units):
    """Displacement of the 68 landmarks, x right, y down."""
    return landmarks(units) - landmarks()


def flow(first, second, size=SIZE):
    field, known, _ = skin_flow(RIG, first, second, size)
    return field, known


def test_every_unit_moves_something_and_nothing_far_from_the_face():
    for control in CONTROLS:
        moved, known = flow(state(), state({control: 0.5}))
        size = np.hypot(*np.moveaxis(moved, -1, 0)) * known
        assert size.max() > 0.15, control
        assert size[:4].max() < 0.1 and size[:, :4].max() < 0.1, control


def test_au1_raises_the_inner_brow_more_than_the_outer_one():
    up = -shift({1: 0.5})[17:27, 1]
    assert up[4] > 2 and up[5] > 2
    assert up[4] > 3 * up[0] and up[5] > 3 * up[9]


def test_au2_raises_the_outer_brow_more_than_the_inner_one():
    up = -shift({2: 0.5})[17:27, 1]
    assert min(up[1], up[8]) > 2
    assert up[1] > 2 * up[4] and up[8] > 2 * up[5]


def test_au4_lowers_and_draws_the_brows_together():
    moved = shift({4: 0.5})
    assert moved[21, 1] > 1 and moved[22, 1] > 1
    assert moved[21, 0] > 0.5 and moved[22, 0] < -0.5


def test_au5_opens_the_eyes_and_au7_narrows_them():
    def opening(units):
        points = landmarks(units)
        return (points[[40, 41, 46, 47], 1] - points[[38, 37, 44, 43], 1]).mean()

    assert opening({5: 0.5}) > opening({}) + 0.5
    assert opening({7: 0.5}) < opening({}) - 0.5


def test_au6_raises_the_cheeks_and_au9_the_wings_of_the_nose():
    cheeks = RIG.anatomy.landmarks[[41, 46]] + [0, 20]
    raised = RIG.forward(state({6: 0.5}), cheeks) - RIG.forward(state(), cheeks)
    assert (raised[:, 1] < -1).all()
    assert (shift({9: 0.5})[[31, 35], 1] < -1).all()


def test_au10_raises_the_upper_lip_more_than_the_lower_one():
    moved = shift({10: 0.5})
    assert moved[[50, 51, 52], 1].max() < -1
    assert np.abs(moved[[56, 57, 58], 1]).max() < 1


def test_au12_pulls_the_lip_corners_up_and_outwards():
    moved = shift({12: 0.5})
    assert moved[48, 0] < -1 and moved[54, 0] > 1
    assert moved[48, 1] < -1 and moved[54, 1] < -1


def test_au14_draws_the_skin_beside_the_lip_corner_together():
    corner = RIG.anatomy.landmarks[54]
    around = corner + np.array([[-2, 0], [10, 0], [4, -7], [4, 7]])
    moved = RIG.forward(state({14: 0.6}), around) - RIG.forward(state(), around)
    assert moved[0, 0] > moved[1, 0] + 1
    assert moved[2, 1] > moved[3, 1] + 1


def test_au15_lowers_the_lip_corners():
    assert (shift({15: 0.5})[[48, 54], 1] > 1).all()


def test_au17_pushes_the_chin_and_the_lower_lip_up():
    moved = shift({17: 0.5})
    chin = RIG.anatomy.landmarks[[8]] + [0, -10]
    raised = RIG.forward(state({17: 0.5}), chin) - RIG.forward(state(), chin)
    assert raised[0, 1] < -1 and moved[57, 1] < -1


def test_au20_stretches_the_lips_sideways():
    moved = shift({20: 0.5})
    assert moved[48, 0] < -1.5 and moved[54, 0] > 1.5
    assert np.abs(moved[[48, 54], 1]).max() < 1


def test_au25_parts_the_lips_and_au26_drops_the_jaw_as_well():
    for unit, least in ((25, 1.0), (26, 1.5)):
        points = landmarks({unit: 0.6})
        assert points[66, 1] - points[62, 1] > least
    assert shift({26: 0.6})[8, 1] > 2 > abs(shift({25: 0.6})[8, 1])


def test_a_blink_closes_the_lids():
    closed = landmarks({45: 1.0})
    assert np.abs(closed[[37, 38, 43, 44], 1] - closed[[41, 40, 47, 46], 1]).max() < 0.6
    moved = shift({45: 1.0})
    assert moved[[37, 38, 43, 44], 1].min() > 2 * np.abs(moved[[41, 40, 47, 46], 1]).max()


@pytest.mark.parametrize("number", [n for n, unit in ACTION_UNITS.items() if unit.paired])
def test_left_is_the_persons_left_and_leaves_the_other_half_alone(number):
    moved, known = flow(state(), state({f"L{number}": 0.5}))
    size = np.hypot(*np.moveaxis(moved, -1, 0)) * known
    assert size[:, SIZE // 2 + 4 :].sum() > 12 * size[:, : SIZE // 2 - 4].sum()
    assert parts_of(f"L{number}") == (number, 1)


def test_the_true_flow_from_a_state_to_itself_is_zero():
    busy = state({12: 0.4, 4: 0.3, 45: 0.3}, pose=(2, -1, 1.5, 2, -1))
    moved, known = flow(busy, busy)
    assert np.abs(moved[known]).max() < 2e-3


def test_a_moving_head_without_action_moves_the_face_as_a_whole():
    moved, known = flow(state(), state(pose=(2.0, -1.0, 0, 0, 0)), 236)
    centre = np.s_[80:150, 90:145]
    assert np.allclose(moved[centre][known[centre]], [2, -1], atol=0.02)


intensities = st.dictionaries(st.sampled_from(sorted(ACTION_UNITS)), st.floats(0, 0.5), max_size=3)
poses = st.tuples(*[st.floats(-2.5, 2.5)] * 5)


@settings(max_examples=15, deadline=None)
@given(intensities, poses, intensities, poses)
def test_flow_there_and_back_returns(first, pose_a, second, pose_b):
    a, b = state(first, pose=pose_a), state(second, pose=pose_b)
    points = landmarks()[:36]  # on the skin, away from lids and lips
    on_a = RIG.forward(a, points)
    canonical, _ = RIG.backward(a, *on_a.T)
    on_b = RIG.forward(b, canonical)
    again, _ = RIG.backward(b, *on_b.T)
    assert np.abs(RIG.forward(a, again) - on_a).max() < 0.02


@settings(max_examples=10, deadline=None)
@given(intensities, poses)
def test_the_landmarks_move_as_the_flow_says(units, pose):
    before, after = state(), state(units, pose=pose)
    moved, known = flow(before, after, 236)
    start, stop = landmarks(), landmarks(units, pose=pose)
    for index in [*range(6, 11), 17, 21, 22, 26, 27, 28, 29, 30, 31, 33, 35]:
        x, y = start[index]
        column, row = int(x), int(y)
        corner = np.s_[row : row + 2, column : column + 2]
        if known[corner].all():
            wx, wy = np.array([1 - x + column, x - column]), np.array([1 - y + row, y - row])
            predicted = np.einsum("i,j,ijk->k", wy, wx, moved[corner])
            assert np.abs(predicted - (stop - start)[index]).max() < 0.05


def test_neutral_halves_differ_a_little():
    points = landmarks()
    mirrored = 235 - points[[16, 26, 45, 54], 0]
    assert 0.05 < np.abs(mirrored - points[[0, 17, 36, 48], 0]).max() < 4
