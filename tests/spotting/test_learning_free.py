import numpy as np
import pytest

from mecore.errors import DataError, OptionError
from mecore.preprocessing.template import template
from mecore.spotting import chi2, mdmd
from mecore.spotting.flow_peaks import flow_peak_scores, region_motion, regions
from mecore.spotting.learning_free import AS_RELEASED, METHODS, frame_scores, spot
from mecore.spotting.peaks import threshold


@pytest.fixture(scope="module")
def golden(external):
    folder = external / "handcrafted_vectors"
    return {n: np.load(folder / f"{n}.npz") for n in ("chi2_spotting", "mdmd")}


def test_chi_square_differences_and_contrast_equal_the_reference(golden):
    z = golden["chi2_spotting"]
    k = int(z["k"])
    difference = chi2.differences(z["feat"], k)
    np.testing.assert_allclose(difference, z["F"], atol=1e-12)
    contrast = chi2.contrast(difference, k)
    np.testing.assert_allclose(contrast, z["C"], atol=1e-12)
    assert threshold(contrast, float(z["tau"])) == pytest.approx(float(z["threshold"]), abs=1e-12)
    over = np.flatnonzero(np.nan_to_num(contrast) > z["threshold"])
    np.testing.assert_array_equal(over, z["frames_over"])


@pytest.mark.parametrize(
    ("sectors", "name"), [("quadrants", "quadrant"), ("released", "atan_code")]
)
def test_main_directional_differences_equal_the_reference(golden, sectors, name):
    z = golden["mdmd"]
    flows = (np.stack([z[f"u_{p}"], z[f"v_{p}"]], axis=-1) for p in ("hc", "ht"))
    there, later = flows
    blocks = mdmd.block_differences(there, later, sectors=sectors)
    np.testing.assert_allclose(blocks, z[f"block_d_{name}"], atol=1e-12)
    frame = mdmd.frame_difference(there, later, sectors=sectors)
    assert frame == pytest.approx(float(z[f"frame_d_{name}"]), abs=1e-12)


def test_relative_differences_and_threshold_equal_the_reference(golden):
    z = golden["mdmd"]
    relative = mdmd.relative(z["series_d"], int(z["series_k"]))
    np.testing.assert_allclose(relative, z["series_r"], atol=1e-12)
    assert threshold(relative, float(z["p"])) == pytest.approx(float(z["threshold"]), abs=1e-12)


def test_the_released_reading_of_directions_merges_opposite_motions():
    there = np.ones((12, 12, 2))
    later = np.zeros_like(there)
    there[:6] = -1
    quadrants = mdmd.block_differences(there, later, blocks=1)
    released = mdmd.block_differences(there, later, blocks=1, sectors="released")
    np.testing.assert_allclose(quadrants, np.sqrt(2))
    np.testing.assert_allclose(released, np.sqrt(2))
    assert set(mdmd._sector(there, "released").ravel()) == {1}
    assert len(set(mdmd._sector(there, "quadrants").ravel())) == 2


def test_runs_above_the_threshold_are_intervals_of_the_length_that_is_wanted():
    scores = np.array([np.nan, 0, 5, 5, 0, 5, 0, 5, 5, 5, 5, 0.0])
    assert mdmd.mdmd_intervals(scores, 0.01).tolist() == [[2, 3], [5, 5], [7, 10]]
    assert mdmd.mdmd_intervals(scores, 0.01, 2, 3).tolist() == [[2, 3]]


def faces(n=60, apex=30, shift=0.0, seed=0):
    """A clip of texture whose left mouth corner moves up and back around ``apex``."""
    import cv2

    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (128, 128)), (0, 0), 1.5)
    texture = (128 + 50 * texture / texture.std()).astype(np.float32)
    y, x = np.mgrid[:128, :128].astype(np.float32)
    cx, cy = template()[48]
    bump = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 200).astype(np.float32)
    frames = []
    for i in range(n):
        up = np.float32(shift * max(0.0, 1 - abs(i - apex) / 4))
        frame = cv2.remap(texture, x, y + up * bump, cv2.INTER_CUBIC)
        frames.append(np.clip(frame + rng.normal(0, 0.7, frame.shape), 0, 255))
    return np.stack(frames).astype(np.uint8)


@pytest.mark.parametrize("name", METHODS | AS_RELEASED)
def test_every_spotter_sees_a_large_quick_movement(name):
    clip = faces(n=70, apex=34, shift=4.0)
    scores = frame_scores(clip, name, 30.0, "dis")
    assert scores.shape == (70,)
    assert abs(int(np.nanargmax(scores)) - 34) <= 4


def test_flow_peaks_are_where_a_region_turns_back():
    motion = np.zeros((50, 2, 2))
    course = np.concatenate(
        [np.zeros(20), np.linspace(0, 1, 6), np.linspace(1, 0, 6), np.zeros(24)]
    )
    motion[:, 0, 1] = course[6:] - course[:-6]
    scores = flow_peak_scores(motion, 6, 56)
    assert int(np.nanargmax(scores)) in (25, 26)
    assert np.nanmax(scores) > 0.8


def test_a_movement_that_goes_on_and_a_head_that_moves_have_no_flow_peak():
    steady = np.tile([0.3, 0.1], (40, 3, 1))
    assert np.nanmax(flow_peak_scores(steady, 5, 45)) == 0
    whole = [np.full((64, 64, 2), v, np.float32) for v in (1.0, -1.0, 2.0)]
    np.testing.assert_allclose(region_motion(whole), 0, atol=1e-5)


def test_regions_leave_the_eyes_out():
    windows = regions(128)
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = template()[eye].mean(axis=0).round().astype(int)
        assert windows.moving[:, y, x].max() < 0.05 * windows.moving.max()
    np.testing.assert_allclose(windows.moving.sum(axis=(1, 2)), 1, atol=1e-4)


@pytest.mark.parametrize("name", METHODS | AS_RELEASED)
def test_constant_frames_have_nothing_to_spot(name):
    clip = np.full((70, 128, 128), 90, np.uint8)
    scores = frame_scores(clip, name, 30.0, "dis")
    assert len(spot(scores, name, 30.0).apexes) == 0


@pytest.mark.parametrize(
    ("name", "needed"), [("chi2", 21), ("mdmd", 48), ("mdmd-released", 48), ("flow-peaks", 13)]
)
def test_a_clip_too_short_for_a_spotter_is_refused(name, needed):
    with pytest.raises(DataError, match=f"{needed - 1} frames.*{needed}"):
        frame_scores(np.zeros((needed - 1, 128, 128), np.uint8), name, 30.0)


def test_an_unknown_spotter_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'flow-peaks'"):
        frame_scores(np.zeros((30, 128, 128), np.uint8), "flowpeaks", 30.0)


def test_scores_that_are_defined_nowhere_spot_nothing():
    found = spot(np.full(20, np.nan), "flow-peaks", 30.0)
    assert found.intervals.shape == (0, 2)


def test_a_floor_drops_what_is_too_small():
    scores = np.zeros(60)
    scores[20], scores[40] = 0.5, 0.2
    assert spot(scores, "flow-peaks", 30.0, 0.1).apexes.tolist() == [20, 40]
    assert spot(scores, "flow-peaks", 30.0, 0.1, 0.3).apexes.tolist() == [20]


def test_nothing_is_spotted_near_frames_in_which_the_face_was_lost():
    clip, broken = faces(n=70, apex=34, shift=4.0), np.zeros(70, bool)
    broken[30] = True
    scores = frame_scores(clip, "flow-peaks", 30.0, "dis", broken)
    assert np.isnan(scores[18:43]).all()
    assert np.isfinite(scores[43:64]).all()
