import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.descriptors.mean_input import (
    SIDE,
    Region,
    mask_eyes,
    mean_input,
    mean_regions,
    subtract_nose,
)
from mecore.errors import FaceError
from mecore.report.faces import NEUTRAL

REGIONS = mean_regions(NEUTRAL)


def flow_like(seed, n=2):
    return np.random.default_rng(seed).normal(0, 1, (n, 128, 128, 2)).astype(np.float32)


def test_eyes_lie_above_the_mouth_in_the_input():
    mouth, band = REGIONS
    assert (band.target[0], mouth.target[0]) == (slice(0, 21), slice(21, 42))
    assert band.rows[1] < mouth.rows[1]


def test_the_paper_cuts_each_eye_out_on_its_own():
    _, left, right = mean_regions(NEUTRAL, eyes="two")
    assert left.target[1] == slice(0, 21)
    assert right.target[1] == slice(21, 42)
    assert left.columns[0] < right.columns[0]


def test_regions_are_cut_at_the_border_of_the_crop():
    for rows, columns, _ in mean_regions(NEUTRAL + np.array([20, 0])):
        assert 0 <= rows[0] < rows[1] <= 128
        assert 0 <= columns[0] < columns[1] <= 128


def test_landmarks_outside_the_crop_are_refused():
    with pytest.raises(FaceError, match="landmarks put a region"):
        mean_regions(NEUTRAL + 500)


@given(scale=st.floats(0.1, 10), seed=st.integers(0, 5))
def test_the_size_of_a_motion_is_erased(scale, seed):
    flow = flow_like(seed)
    features = mean_input(flow, REGIONS)
    np.testing.assert_allclose(mean_input(flow * np.float32(scale), REGIONS), features, atol=1e-5)


@given(shift=st.tuples(st.floats(-5, 5), st.floats(-5, 5)))
def test_a_shift_of_the_head_changes_neither_flow_nor_strain(shift):
    flow = flow_like(0)
    moved = flow + np.array(shift, np.float32)
    np.testing.assert_allclose(mean_input(moved, REGIONS), mean_input(flow, REGIONS), atol=1e-5)


def test_every_channel_lies_between_0_and_1():
    features = mean_input(flow_like(1), REGIONS)
    assert features.shape == (2, SIDE, SIDE, 3)
    assert features.min() >= 0
    assert features.max() <= 1


def test_no_motion_gives_zeros():
    still = np.zeros((1, 128, 128, 2), np.float32)
    assert not mean_input(still, REGIONS).any()


def test_no_pair_gives_no_input():
    for way in ("frame", "crop", "none"):
        assert mean_input(flow_like(0, n=0), REGIONS, normalise=way).shape == (0, SIDE, SIDE, 3)


def test_scaling_after_the_crop_spans_the_whole_range():
    features = mean_input(flow_like(2), REGIONS, normalise="crop")
    assert features.min(axis=(1, 2)).max() == 0
    np.testing.assert_allclose(features.max(axis=(1, 2)), 1)


def test_without_scaling_pixels_stay_pixels():
    flow = np.full((1, 128, 128, 2), [3, -2], np.float32)
    features = mean_input(flow, REGIONS, normalise="none")
    np.testing.assert_allclose(features[..., :2], np.broadcast_to([3, -2], (1, 42, 42, 2)))
    absolute = mean_input(flow, REGIONS, normalise="none", absolute=True)
    np.testing.assert_allclose(absolute[..., 1], 2)


def test_the_nose_takes_the_motion_of_the_head_away():
    flow = flow_like(3) * 0 + np.array([2, 1], np.float32)
    assert not subtract_nose(flow, NEUTRAL).any()


def test_a_mask_stops_the_eyes_and_leaves_the_mouth():
    masked = mask_eyes(np.ones((1, 128, 128, 2), np.float32), NEUTRAL)
    eye, mouth = NEUTRAL[36:42].mean(axis=0), NEUTRAL[48:60].mean(axis=0)
    assert not masked[0, int(eye[1]), int(eye[0])].any()
    assert masked[0, int(mouth[1]), int(mouth[0])].all()


@pytest.mark.external
@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_released_preprocessing_is_reproduced_from_raw_flow(external, number):
    index = json.loads((external / "mean_vectors" / "index.json").read_text())
    about, boxes = index["folds"][number], index["roi_boxes_r0r1c0c1"]
    vectors = np.load(external / "mean_vectors" / about["file"], allow_pickle=False)
    halves = {"upper": slice(0, 21), "lower": slice(21, 42)}
    regions = [
        Region((boxes[k][0], boxes[k][1]), (boxes[k][2], boxes[k][3]), (half, slice(0, 42)))
        for k, half in halves.items()
    ]
    features = mean_input(np.stack([vectors["raw_u"], vectors["raw_v"]], axis=-1), regions)
    for channel, key in enumerate("uve"):
        np.testing.assert_allclose(features[..., channel], vectors[key][..., 0], atol=1e-6)
