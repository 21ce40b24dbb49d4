import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.descriptors.mdmo import atomic_mdmo, directions, mdmo, polar_feature
from mecore.descriptors.mdmo_regions import LIFT, mdmo_regions, region_polygons
from mecore.errors import OptionError
from mecore.report.faces import NEUTRAL

SHAPE = (150, 134)
POINTS = NEUTRAL + np.array([4, 0], np.float32)


@pytest.fixture(scope="module")
def golden(external):
    return np.load(external / "handcrafted_vectors" / "mdmo.npz")


@pytest.fixture(scope="module")
def regions():
    return mdmo_regions(POINTS, SHAPE)


def uniform(u, v, frames=3):
    return np.broadcast_to(np.array([u, v], np.float32), (frames, *SHAPE, 2))


def test_regions_equal_the_golden_ones(golden):
    points = golden["landmarks68_xy"]
    np.testing.assert_array_equal(region_polygons(points, 20), golden["roi_polygons"])
    found = mdmo_regions(points, (128, 128), lift=20)
    masks = np.zeros((36, 128, 128), bool)
    masks[found.region, found.row, found.column] = True
    expected = np.unpackbits(golden["roi_masks_cv2"]).reshape(36, 128, 128)
    np.testing.assert_array_equal(masks, expected)
    centres = mdmo_regions(points, (128, 128), lift=20, fill="centre")
    np.testing.assert_array_equal(np.bincount(centres.region), golden["roi_pixels_pixelcentre"])


def test_features_equal_the_golden_ones(golden):
    flows = np.stack([golden["U"], golden["V"]], axis=-1)
    found = mdmo_regions(golden["landmarks68_xy"], (128, 128), lift=20)
    motion, main = atomic_mdmo(flows, found)
    np.testing.assert_array_equal(main, golden["atomic_bin"])
    np.testing.assert_allclose(motion, golden["atomic_uv"], atol=1e-6)
    np.testing.assert_allclose(mdmo(motion), golden["mdmo72_lambda09"], atol=1e-6)
    weighted = mdmo(motion, frames="magnitude")
    np.testing.assert_allclose(weighted[:36], 0.9 * golden["mdmo_rho_rhoweighted"], atol=1e-6)
    np.testing.assert_allclose(weighted[36:], 0.1 * golden["mdmo_theta_rhoweighted"], atol=1e-6)


def test_directions_equal_the_golden_ones(golden):
    flow = np.stack([golden["small_u"], golden["small_v"]], axis=-1)
    for variant, name in (("paper", "counts_centred"), ("zero_edges", "counts_zero_edges")):
        counts = np.bincount(directions(flow, variant).ravel(), minlength=8)
        np.testing.assert_array_equal(counts, golden[name])


@given(st.floats(-np.pi, np.pi), st.floats(0.1, 5))
def test_a_face_that_moves_as_one_has_one_direction(angle, size):
    feature = mdmo(atomic_mdmo(uniform(size * np.cos(angle), size * np.sin(angle)), regions_())[0])
    np.testing.assert_allclose(feature[:36], 0.9, rtol=1e-5)
    turn = (feature[36:] / 0.1 - angle + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(turn, 0, atol=1e-5)


def regions_():
    return mdmo_regions(POINTS, SHAPE)


def test_the_main_direction_is_that_of_most_vectors_not_of_the_longest(regions):
    flows = uniform(0, -1, 1).copy()
    flows[0, ::3] = (9, 0)
    motion, main = atomic_mdmo(flows, regions)
    assert (main == 6).mean() > 0.9
    np.testing.assert_allclose(motion[main == 6], np.tile([0, -1], ((main == 6).sum(), 1)))


def test_the_port_turns_motion_to_the_right_to_the_left(regions):
    rng = np.random.default_rng(0)
    flows = uniform(1, 0).copy()
    flows[..., 1] += rng.normal(0, 0.05, flows.shape[:-1])
    right, _ = atomic_mdmo(flows, regions)
    ported, _ = atomic_mdmo(flows, regions, "port")
    assert (right[..., 0] > 0.9).all()
    assert (np.abs(np.arctan2(ported[..., 1], ported[..., 0])) < 1.2).all()
    clean, _ = atomic_mdmo(uniform(0, 1), regions, "port")
    # Elsewhere it is the true direction, turned by half a circle.
    np.testing.assert_allclose(clean, -np.broadcast_to([0.0, 1.0], clean.shape), atol=1e-6)


def test_the_port_counts_up_and_right_as_right():
    flow = np.array([[1.0, -1.0]])
    assert directions(flow) == [7]
    assert directions(flow, "port") == [0]


def test_zero_flow_has_no_direction_and_no_size(regions):
    for angles in ("raw", "vector"):
        feature = mdmo(atomic_mdmo(-uniform(0, 0), regions)[0], angles=angles)
        np.testing.assert_array_equal(feature, np.zeros(72))


def test_scaling_all_motion_changes_nothing(regions):
    flows = np.random.default_rng(0).normal(size=(4, *SHAPE, 2))
    motion, _ = atomic_mdmo(flows, regions)
    np.testing.assert_allclose(mdmo(motion), mdmo(7 * motion))
    np.testing.assert_allclose(mdmo(motion, angles="vector"), mdmo(7 * motion, angles="vector"))


def test_frames_of_sparse_mdmo_share_one_scale():
    motion = np.stack([np.ones((36, 2)), 3 * np.ones((36, 2))])
    together = polar_feature(motion, 0.9, together=True)
    np.testing.assert_allclose(together[:, 0], [0.3, 0.9])
    np.testing.assert_allclose(polar_feature(motion, 0.9)[:, 0], [0.9, 0.9])


def test_the_lift_of_the_brows_grows_with_the_face():
    top = region_polygons(NEUTRAL * 2 + 200)[0, 1, 1]
    eyes = 2 * np.linalg.norm(NEUTRAL[45] - NEUTRAL[36])
    assert top == pytest.approx(NEUTRAL[17, 1] * 2 + 200 - LIFT * eyes)


def test_an_empty_region_is_named():
    with pytest.raises(ValueError, match="region 24 of 36 has no pixel on an image of 128×90"):
        mdmo_regions(NEUTRAL, (90, 128))


def test_hostile_input_is_refused(regions):
    with pytest.raises(ValueError, match="68 finite landmarks"):
        region_polygons(np.full((68, 2), np.nan))
    with pytest.raises(ValueError, match="NaN or infinite flow inside the regions"):
        atomic_mdmo(uniform(np.nan, 0), regions)
    with pytest.raises(ValueError, match="at least one frame"):
        atomic_mdmo(uniform(0, 0, 0), regions)
    with pytest.raises(ValueError, match="λ lies between 0 and 1"):
        mdmo(np.zeros((1, 36, 2)), 1.2)
    with pytest.raises(ValueError, match=r"motion must be \(T, 36, 2\)"):
        mdmo(np.zeros((36, 2)))
    with pytest.raises(OptionError, match="did you mean 'port'"):
        directions(np.zeros((1, 2)), "ports")
