import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.preprocessing.tim import interpolate, tim_matrix, to_bytes

LENGTHS = st.integers(1, 60)


@given(LENGTHS, LENGTHS)
def test_a_still_clip_stays_still(n, length):
    np.testing.assert_allclose(tim_matrix(n, length).sum(axis=1), 1, atol=1e-12)


@given(LENGTHS)
def test_as_many_frames_as_before_are_the_same_frames(n):
    np.testing.assert_allclose(tim_matrix(n, n), np.eye(n), atol=1e-9)


@given(st.integers(2, 40), st.integers(2, 40))
def test_first_and_last_frame_are_kept(n, length):
    clip = np.random.default_rng(0).random((n, 3))
    short = interpolate(clip, length)
    np.testing.assert_allclose(short[[0, -1]], clip[[0, -1]], atol=1e-9)


def test_a_hundred_frames_to_ten_picks_every_eleventh():
    clip = np.random.default_rng(0).random((100, 2, 2))
    np.testing.assert_allclose(interpolate(clip, 10), clip[::11], atol=1e-9)


def test_duplicate_frames_need_no_noise_to_be_interpolated():
    clip = np.repeat(np.random.default_rng(0).random((1, 4, 4)), 8, axis=0)
    np.testing.assert_allclose(interpolate(clip, 10), np.repeat(clip[:1], 10, axis=0))


def test_interpolation_overshoots_and_bytes_do_not_wrap():
    clip = np.zeros((6, 1), np.uint8)
    clip[3:] = 255
    long = interpolate(clip, 40)
    assert long.max() > 255
    assert long.min() < 0
    whole = to_bytes(long)
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(whole[[0, -1], 0], [0, 255])
    assert (np.abs(whole.astype(float) - np.clip(long, 0, 255)) <= 0.5).all()


def test_it_equals_the_published_algorithm(external):
    with np.load(external / "handcrafted_vectors" / "tim.npz") as golden:
        clip = np.moveaxis(golden["seq_hwt"], -1, 0)
        for length, name in ((10, "tim10_float"), (50, "tim50_float")):
            found = np.moveaxis(interpolate(clip, length), 0, -1)
            np.testing.assert_allclose(found, golden[name], atol=1e-9)
        rounded = np.rint(interpolate(clip, 10))
        np.testing.assert_array_equal(np.moveaxis(rounded, 0, -1), golden["tim10_meb_rounded"])
        for n in (9, 23, 34, 100):
            np.testing.assert_allclose(tim_matrix(n, 10), golden[f"M_{n}_10"], atol=1e-12)


def test_no_frame_and_no_number_are_refused():
    with pytest.raises(ValueError, match="0 frames cannot be interpolated from 5"):
        tim_matrix(5, 0)
    with pytest.raises(ValueError, match="NaN or infinite values"):
        interpolate(np.full((3, 2), np.nan), 10)
