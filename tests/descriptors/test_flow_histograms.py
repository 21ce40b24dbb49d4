import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.descriptors.facial_dynamics import facial_dynamics_map, principal_direction
from mecore.descriptors.flow.image import flow_image
from mecore.descriptors.flow.image_histograms import (
    biwoof_of_images,
    higo_of_images,
    hoof_of_images,
)
from mecore.descriptors.orientation import biwoof, block_hoof, hoof


def field(seed=0, shape=(30, 25)):
    return np.random.default_rng(seed).normal(size=(*shape, 2))


def test_hoof_and_biwoof_equal_the_golden_arrays(external):
    with np.load(external / "handcrafted_vectors" / "flow_features.npz") as golden:
        flow = np.stack([golden["u"], golden["v"]], axis=-1)
        np.testing.assert_allclose(hoof(flow), golden["hoof8_signed"], atol=1e-12)
        np.testing.assert_allclose(biwoof(flow), golden["biwoof_5x5_mean"], atol=1e-7)


@pytest.mark.parametrize(
    ("motion", "bin_"), [((-1, -0.01), 0), ((0.01, -1), 2), ((1, 0.01), 4), ((-0.01, 1), 6)]
)
def test_one_motion_fills_one_bin(motion, bin_):
    histogram = hoof(np.tile(motion, (10, 10, 1)).astype(float))
    np.testing.assert_allclose(histogram, np.eye(8)[bin_])


def test_folding_makes_left_and_right_alike():
    flow = field()
    np.testing.assert_allclose(hoof(flow, folded=True), hoof(flow * (-1, 1), folded=True))
    assert not np.allclose(hoof(flow), hoof(flow * (-1, 1)))
    assert hoof(np.array([[0.0, 1.0]]), folded=True)[-1] == 1


@given(st.floats(0.01, 100), st.integers(0, 50))
def test_hoof_has_sum_one_and_does_not_see_the_size_of_a_motion(scale, seed):
    flow = field(seed)
    assert hoof(flow).sum() == pytest.approx(1)
    np.testing.assert_allclose(hoof(scale * flow), hoof(flow), atol=1e-12)


def test_blocks_of_one_block_are_the_whole():
    np.testing.assert_allclose(block_hoof(field(), 1)[0, 0], hoof(field()))


def test_biwoof_is_zero_where_nothing_is_strained():
    flow = np.zeros((40, 40, 2))
    flow[:20] = (1, 0)
    feature = biwoof(flow)
    assert not feature[0].any()
    assert not feature[4].any()
    assert feature[2].any()
    assert np.isfinite(biwoof(np.zeros((40, 40, 2)))).all()


@given(st.floats(-np.pi, np.pi), st.floats(0.1, 10))
def test_the_principal_direction_of_one_motion_is_that_motion(angle, size):
    motion = size * np.array([np.cos(angle), np.sin(angle)])
    np.testing.assert_allclose(principal_direction(np.tile(motion, (9, 1))), motion, atol=1e-9)


def test_opposite_motions_do_not_cancel_to_nothing():
    found = principal_direction(np.array([[2.0, 0], [-2.0, 0], [0, 0.5], [0, -0.5]]))
    assert np.linalg.norm(found) > 0.4


def test_no_direction_collects_more_than_the_principal_one_by_far():
    vectors = field(3, (20, 1)).reshape(-1, 2) + np.array([0.5, 0.2])
    found = np.linalg.norm(principal_direction(vectors))
    angles = np.linspace(0, 2 * np.pi, 720)
    units = np.stack([np.cos(angles), np.sin(angles)])
    best = np.maximum(vectors @ units, 0).mean(axis=0).max()
    assert found >= 0.98 * best


def test_a_still_face_has_an_empty_map():
    assert not facial_dynamics_map(np.zeros((6, 32, 32, 2))).any()
    assert facial_dynamics_map(np.zeros((6, 32, 32, 2)), 4, 2).shape == (2, 4, 4, 2)


def test_hostile_fields_are_refused():
    with pytest.raises(ValueError, match=r"4×8×8 cuboids do not fit into \(3, 32, 32\)"):
        facial_dynamics_map(np.zeros((3, 32, 32, 2)))
    with pytest.raises(ValueError, match="finite"):
        facial_dynamics_map(np.full((6, 32, 32, 2), np.nan))
    with pytest.raises(ValueError, match=r"flow must be finite and \(H, W, 2\)"):
        biwoof(np.full((20, 20, 2), np.nan))
    with pytest.raises(ValueError, match="5×5 blocks of 8 bins on a field of"):
        biwoof(np.zeros((4, 20, 2)))


def test_a_ready_image_keeps_the_directions_of_its_flow():
    # Most of the face keeps still; the four strained blocks of the middle move to the right.
    flow = np.zeros((56, 56, 2), np.float32)
    flow[14:42, 14:42, 0] = 2 * np.hanning(28)[:, None]
    image = flow_image(flow)[None]
    assert hoof_of_images(image)[0].argmax() == hoof(flow).argmax() == 4
    blocks = biwoof_of_images(image, blocks=4)[0].reshape(4, 4, 8)
    assert blocks[1:3, 1:3, 4].min() > 0
    assert blocks[0].max() == 0


def test_gradients_of_a_ready_image_count_alike_whatever_their_length():
    ramp = np.linspace(0, 1, 28, dtype=np.float32)
    image = np.stack([np.tile(ramp, (28, 1)), np.tile(ramp[:, None], (1, 28)) / 9,
                      np.zeros((28, 28), np.float32)], -1)[None]  # fmt: skip
    u, v, strain = higo_of_images(image)[0].reshape(3, 16, 8)
    np.testing.assert_array_equal(u, np.eye(8)[[4] * 16])  # to the right
    np.testing.assert_array_equal(v, np.eye(8)[[6] * 16])  # downwards
    assert not strain.any()
