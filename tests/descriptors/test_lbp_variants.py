import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.descriptors.lbp_variants import elbp_top, lbp_mop, lbp_sip
from mecore.descriptors.top.histograms import describe
from mecore.descriptors.top.options import TopOptions


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_they_equal_the_golden_arrays(external):
    with np.load(external / "handcrafted_vectors" / "lbptop.npz") as golden:
        clip = golden["vol_u8_thw"]
        np.testing.assert_array_equal(lbp_sip(clip, 1)[0, 0], golden["sip20"])
        np.testing.assert_array_equal(lbp_sip(clip, 1, joint=True)[0, 0], golden["sip64"])
        np.testing.assert_array_equal(lbp_mop(clip, 1)[0, 0], golden["mop_R1_u2"])
        np.testing.assert_array_equal(elbp_top(clip, 4)[:, :, 0], golden["equal_R3_4x4"])


def test_the_centre_part_of_elbp_top_is_lbp_top():
    clip = noise(9, 40, 36)
    options = TopOptions(rows=4, columns=4, radii=(3, 3, 3), norm="none")
    expected = describe(clip, options).reshape(4, 4, 3, 59)
    np.testing.assert_array_equal(elbp_top(clip, 4)[:, :, 0], expected)


def test_every_inner_voxel_votes_once():
    clip = noise(9, 40, 36)
    assert lbp_sip(clip, 4)[..., :16].sum() == lbp_sip(clip, 4)[..., 16:].sum() == 7 * 38 * 34
    assert lbp_sip(clip, 4, joint=True).sum() == 7 * 38 * 34
    assert (elbp_top(clip, 4).sum(axis=(0, 1, 4)) == 3 * 34 * 30).all()
    one = lbp_mop(clip, 1)
    assert one[0, 0].sum(axis=-1).tolist() == [38 * 34, 7 * 34, 7 * 38]


@given(st.integers(0, 100))
def test_brightness_plays_no_part(seed):
    clip = noise(9, 24, 24, seed=seed) // 2
    for function in (lbp_sip, elbp_top, lbp_mop):
        np.testing.assert_array_equal(function(clip, 2), function(clip + np.uint8(60), 2))


def test_a_constant_clip_has_one_code():
    clip = np.full((9, 24, 24), 80, np.uint8)
    assert (np.count_nonzero(elbp_top(clip, 2), axis=-1) == 1).all()
    assert (np.count_nonzero(lbp_mop(clip, 2), axis=-1) == 1).all()
    assert (np.count_nonzero(lbp_sip(clip, 2, joint=True), axis=-1) == 1).all()


def test_angular_and_radial_differences_do_not_see_the_centre():
    clip = np.full((7, 7, 7), 100, np.uint8)
    before = elbp_top(clip, 1)
    clip[3, 3, 3] = 200
    after = elbp_top(clip, 1)
    assert (before[:, :, 0] != after[:, :, 0]).any()
    np.testing.assert_array_equal(before[:, :, 1:], after[:, :, 1:])


def test_clips_shorter_or_smaller_than_the_neighbourhood_are_refused():
    with pytest.raises(ValueError, match="lbp needs 7 frames, this clip has 6"):
        elbp_top(noise(6, 40, 40))
    with pytest.raises(ValueError, match="lbp needs 3 frames, this clip has 2"):
        lbp_sip(noise(2, 40, 40))
    with pytest.raises(ValueError, match="a grid of 8×8 blocks is finer than the interior"):
        lbp_sip(noise(9, 9, 40))
    with pytest.raises(ValueError, match="needs 3 frames and blocks of 3×3 pixels"):
        lbp_mop(noise(9, 20, 20))
    with pytest.raises(ValueError, match="finite numbers"):
        lbp_mop(np.full((9, 40, 40), np.nan))
    with pytest.raises(ValueError, match="inner circle lies 3 inside"):
        elbp_top(noise(9, 40, 40), inner=3)
