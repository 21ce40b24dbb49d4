import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.descriptors.flow.engines import optical_flow
from mecore.errors import FaceError
from mecore.preprocessing.align import STILL_POINTS, align_clip, align_flow, fit_affine
from mecore.preprocessing.texture import texture
from mecore.report.faces import NEUTRAL
from mecore.studies.handcrafted.magnification import known_face

SMALL = st.floats(-0.05, 0.05)


def affine_flow(matrix, shift):
    y, x = np.mgrid[:128, :128]
    points = np.stack([x, y], axis=-1)
    return (points @ (np.eye(2) + matrix) + shift - points).astype(np.float32)


@given(st.tuples(SMALL, SMALL, SMALL, SMALL), st.tuples(st.floats(-4, 4), st.floats(-4, 4)))
def test_an_affine_motion_of_the_head_goes_to_zero(matrix, shift):
    flow = affine_flow(np.reshape(matrix, (2, 2)), shift)
    assert np.abs(align_flow(flow, NEUTRAL)).max() < 1e-3


def test_what_the_face_does_on_its_own_stays():
    bump = np.zeros((128, 128, 2), np.float32)
    bump[60:70, 50:80, 1] = 2
    moved = align_flow(affine_flow(np.zeros((2, 2)), (3, -1)) + bump, NEUTRAL)
    np.testing.assert_allclose(moved, bump, atol=1e-4)


def test_it_equals_the_golden_array(external):
    with np.load(external / "handcrafted_vectors" / "mdmo.npz") as golden:
        assert sorted(STILL_POINTS) == sorted(golden["align_idx13"])
        flow = np.stack([golden["align_in_u"], golden["align_in_v"]], axis=-1)
        expected = np.stack([golden["align_out_u"], golden["align_out_v"]], axis=-1)
        aligned = align_flow(flow, golden["landmarks68_xy"])
        np.testing.assert_allclose(aligned, expected, atol=1e-6)
        np.testing.assert_array_equal(align_flow(flow[None], golden["landmarks68_xy"])[0], aligned)


def test_frames_come_to_lie_on_the_first():
    face = known_face()
    turn = cv2.getRotationMatrix2D((64, 64), 4, 1.03)
    moved = cv2.warpAffine(face, turn, (128, 128), borderMode=cv2.BORDER_REPLICATE)
    points = NEUTRAL @ turn[:, :2].T + turn[:, 2]
    clip = align_clip(np.stack([face, moved]), np.stack([NEUTRAL, points]))
    left = np.linalg.norm(optical_flow(clip[0], clip[1])[20:-20, 20:-20], axis=-1)
    assert np.median(left) < 0.1


@pytest.mark.parametrize(
    "points", [np.zeros((2, 2)), np.outer(np.arange(13), [1, 2]), np.full((4, 2), np.nan)]
)
def test_points_that_fix_no_motion_are_refused(points):
    with pytest.raises(FaceError, match="three points off one line|finite"):
        fit_affine(points, points)


def test_a_flickering_lamp_moves_the_flow_of_grey_levels_more_than_that_of_texture():
    face = known_face()
    y, x = np.mgrid[:128, :128]
    lamp = 1 + 0.15 * np.sin(x / 40) * np.cos(y / 40)
    lit = np.clip(face * lamp, 0, 255).astype(np.uint8)
    grey = np.abs(optical_flow(face, lit)).mean()
    assert np.abs(optical_flow(texture(face), texture(lit))).mean() < 0.5 * grey


def test_a_flat_image_has_no_texture():
    flat = texture(np.full((40, 40), 70, np.uint8))
    assert np.ptp(flat.astype(int)) == 0
    with pytest.raises(ValueError, match="grey image of uint8"):
        texture(np.zeros((40, 40)))
