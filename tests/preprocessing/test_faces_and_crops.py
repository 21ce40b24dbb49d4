import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import FaceError
from mecore.phantom import SHORT, portrait
from mecore.preprocessing.crop import crop_face, cut_face, through_jpeg, to_grey
from mecore.preprocessing.faces import Box, detect_faces, landmarks, one_face

FACE = portrait(SHORT.seed, 9)
EMPTY = np.full((200, 300, 3), 120, np.uint8)


def test_one_face_is_found_where_one_is():
    box = one_face(FACE)
    assert 100 < box.width < 170
    assert 0 < box.left < box.right < 256


def test_a_frame_without_a_face_is_refused_by_name():
    with pytest.raises(FaceError, match=r"video x, frame 0: no frontal face found.*300×200"):
        one_face(EMPTY, where="video x, frame 0")


def test_two_faces_are_refused_or_the_largest_is_taken():
    small = portrait(SHORT.seed, 8, size=160)
    pair = np.hstack([np.pad(small, ((48, 48), (0, 0), (0, 0)), "edge"), FACE])
    assert len(detect_faces(pair)) == 2
    with pytest.raises(FaceError, match=r"2 faces found(.|\n)*--face largest"):
        one_face(pair)
    assert one_face(pair, "largest").left > 160


def test_landmarks_follow_the_layout_of_ibug():
    points = landmarks(FACE, one_face(FACE))
    assert points.shape == (68, 2)
    chin, brow, nose, lip = points[8], points[19], points[30], points[62]
    assert brow[1] < nose[1] < lip[1] < chin[1]
    assert points[36, 0] < points[39, 0] < points[42, 0] < points[45, 0]


def test_five_landmarks_are_eye_corners_and_nose():
    assert landmarks(FACE, one_face(FACE), 5).shape == (5, 2)


@given(
    left=st.integers(-40, 60), top=st.integers(-40, 60),
    width=st.integers(1, 80), height=st.integers(1, 80),
)  # fmt: skip
def test_a_box_may_reach_outside_the_frame(left, top, width, height):
    frame = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    box = Box(left, top, left + width, top + height)
    crop = crop_face(frame, box, 32)
    assert crop.shape == (32, 32)
    assert crop.dtype == np.uint8


def test_a_box_inside_the_frame_is_cut_out_as_it_is():
    frame = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)
    np.testing.assert_array_equal(cut_face(frame, Box(10, 5, 42, 37), 32), frame[5:37, 10:42])


def test_grey_weighs_green_most():
    colours = np.eye(3, dtype=np.uint8)[None] * 255
    assert to_grey(colours).tolist() == [[76, 150, 29]]


def test_jpeg_changes_a_crop_a_little():
    grey = to_grey(FACE)
    difference = np.abs(through_jpeg(FACE, 95).astype(int) - grey)
    assert 0 < difference.mean() < 2
