import cv2
import numpy as np
import pytest

from mecore.descriptors.flow.engines import optical_flow
from mecore.preprocessing.magnification import (
    gain_schedule,
    low_pass,
    magnify_eulerian,
    magnify_flows,
    magnify_lagrangian,
    rate_at,
    warp,
)
from mecore.studies.handcrafted.magnification import (
    FRAMES,
    PEAK,
    known_clip,
    known_face,
    known_motion,
    magnified_motion,
)


@pytest.mark.parametrize("alpha", [2, 5, 10])
@pytest.mark.parametrize("size", [0.2, 0.4, 0.7])
def test_a_motion_of_a_pixels_comes_out_as_alpha_a(size, alpha):
    assert magnified_motion(size, alpha, "Lagrangian") == pytest.approx(alpha, rel=0.12)


def test_a_motion_that_would_fold_the_face_comes_out_smaller():
    assert magnified_motion(3.0, 10, "Lagrangian") < 7


def test_eulerian_magnification_enlarges_a_phantom_motion_less_than_asked_and_more_with_alpha():
    sizes = [magnified_motion(0.4, alpha, "Eulerian") for alpha in (1, 5, 10)]
    assert sizes[0] == pytest.approx(1, abs=0.1)
    assert 1.2 < sizes[1] < sizes[2] < 10


@pytest.mark.parametrize("size", [0.1, 0.2])
def test_eulerian_magnification_of_a_coarse_pattern_adds_alpha_times_the_filtered_motion(size):
    # Without attenuation, a wave of 24 pixels lies in bands of full gain.
    alpha, wavelength = 5.0, 24
    t = np.arange(FRAMES)
    course = np.clip(np.where(t <= PEAK, t / PEAK, 2 - t / PEAK), 0, 1)
    x = np.arange(96)[None, None, :] - size * course[:, None, None]
    wave = 128 + 60 * np.sin(2 * np.pi * x / wavelength) + np.zeros((1, 96, 1))
    clip = np.rint(wave).astype(np.uint8)
    passed = float((low_pass(course[:, None], 0.4) - low_pass(course[:, None], 0.05))[PEAK, 0])
    out = magnify_eulerian(clip, alpha, cutoff=1).astype(float)
    phase = np.angle((out[:, 48] * np.exp(-2j * np.pi * np.arange(96) / wavelength)).sum(axis=1))
    moved = (phase[0] - phase[PEAK]) * wavelength / (2 * np.pi)
    assert moved / size == pytest.approx(1 + alpha * passed, rel=0.2)


def test_a_still_clip_stays_as_it_is():
    clip = np.repeat(known_face()[None], 5, axis=0)
    np.testing.assert_array_equal(magnify_eulerian(clip, 10), clip)
    still = np.zeros((5, *known_face().shape, 2), np.float32)
    np.testing.assert_array_equal(magnify_lagrangian(clip[0], still, 10), clip)


def test_colours_of_a_grey_clip_stay_grey():
    clip = known_clip(known_face(), 1.0)
    colour = magnify_eulerian(np.repeat(clip[..., None], 3, axis=-1), 5).astype(int)
    assert np.abs(colour - colour[..., :1]).max() <= 1
    # YIQ has three digits, so that the way there and back is not exact.
    assert np.abs(colour[..., 0] - magnify_eulerian(clip, 5)).max() <= 1


def test_the_pass_band_does_not_depend_on_the_frame_rate():
    t = np.arange(0, 2, 1 / 200)
    fast = np.sin(2 * np.pi * 2 * t)[:, None]
    for r in (0.4, 0.05):
        at_200 = low_pass(fast, rate_at(r, 200))
        at_30 = low_pass(fast[:: 200 // 25], rate_at(r, 25))
        assert np.abs(at_200[-100:]).max() == pytest.approx(np.abs(at_30[-12:]).max(), rel=0.2)
    assert rate_at(0.4, 30) == pytest.approx(0.4)


def test_filter_and_gains_equal_the_published_ones(external):
    with np.load(external / "handcrafted_vectors" / "evm.npz") as golden:
        x = golden["x"]
        np.testing.assert_allclose(low_pass(x, 0.4), golden["lowpass_r04"], atol=1e-12)
        np.testing.assert_allclose(low_pass(x, 0.05), golden["lowpass_r005"], atol=1e-12)
        for h, w in ((128, 128), (480, 640)):
            schedule = golden[f"schedule_{h}_{w}"]
            np.testing.assert_allclose(gain_schedule(h, w, 10, 16), schedule, atol=1e-9)


def test_gains_never_turn_a_motion_round():
    assert (gain_schedule(64, 64, 10, 500)[:, 2] >= 0).all()


def test_factor_one_with_all_components_returns_the_flows():
    flows = np.random.default_rng(0).normal(size=(6, 9, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(magnify_flows(flows, 1, variance=1), flows, atol=1e-5)
    np.testing.assert_allclose(magnify_flows(flows, 3, variance=1), 3 * flows, atol=1e-5)


def test_small_components_are_noise_and_are_dropped():
    rng = np.random.default_rng(0)
    motion = np.linspace(0, 1, 12)[:, None, None, None] * rng.normal(size=(1, 20, 20, 2))
    noise = 0.05 * rng.normal(size=motion.shape)
    kept = magnify_flows((motion + noise).astype(np.float32), 1)
    assert np.abs(kept - motion).mean() < 0.7 * np.abs(noise).mean()


def test_warping_moves_what_the_flow_says():
    face = cv2.GaussianBlur(known_face(), (0, 0), 1.5)
    found = optical_flow(face, warp(face, known_motion(2.0)))
    assert np.abs(found - known_motion(2.0)).max() < 0.6


def test_hostile_clips_are_refused():
    with pytest.raises(ValueError, match=r"of uint8, at least 5×5, not float64 \(4, 9, 9\)"):
        magnify_eulerian(np.zeros((4, 9, 9)))
    with pytest.raises(ValueError, match="at least 5×5"):
        magnify_eulerian(np.zeros((4, 4, 9), np.uint8))
    with pytest.raises(ValueError, match="alpha=-1"):
        magnify_eulerian(np.zeros((4, 9, 9), np.uint8), -1)
    with pytest.raises(ValueError, match=r"finite and \(T, H, W, 2\)"):
        magnify_flows(np.full((3, 5, 5, 2), np.nan, np.float32), 2)
    with pytest.raises(ValueError, match="variance 0"):
        magnify_flows(np.zeros((3, 5, 5, 2), np.float32), 2, variance=0)
