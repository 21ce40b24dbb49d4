"""Optical strain measures deformation, and nothing but deformation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mecore.descriptors.flow.strain import optical_strain
from mecore.errors import OptionError

KINDS = ("backward", "forward", "central")
small = st.floats(-3, 3, width=32)
flows = arrays(np.float32, (6, 7, 2), elements=small)


def linear(gradient, size=9):
    """Flow whose derivatives [[ux, uy], [vx, vy]] are the same everywhere."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    (ux, uy), (vx, vy) = gradient
    return np.stack([ux * x + uy * y, vx * x + vy * y], axis=-1).astype(np.float32)


def inner(strain):
    return strain[..., 1:-1, 1:-1]


@pytest.mark.parametrize("kind", KINDS)
@given(u=small, v=small)
def test_a_translation_has_no_strain(kind, u, v):
    flow = np.broadcast_to(np.float32([u, v]), (5, 6, 2))
    assert not optical_strain(flow, kind).any()


@pytest.mark.parametrize("kind", KINDS)
@given(angle=st.floats(-0.05, 0.05))
def test_a_small_rotation_of_the_head_has_nearly_no_strain(kind, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strain = inner(optical_strain(linear(turn - np.eye(2)), kind))
    # What is left is of second order: cos(angle) - 1 along both axes.
    np.testing.assert_allclose(strain, np.sqrt(2) * (1 - np.cos(angle)), atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(divergence=st.floats(-0.5, 0.5))
def test_an_even_expansion_has_strain_of_its_divergence_over_root_two(kind, divergence):
    strain = inner(optical_strain(linear(np.eye(2) * divergence / 2), kind))
    np.testing.assert_allclose(strain, abs(divergence) / np.sqrt(2), atol=3e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pure_shear_counts_half_of_its_square(kind):
    strain = inner(optical_strain(linear([[0, 0.2], [0, 0]]), kind))
    np.testing.assert_allclose(strain, 0.2 / np.sqrt(2), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(flow=flows, shift=arrays(np.float32, 2, elements=small))
def test_the_head_may_shift_without_changing_the_strain(kind, flow, shift):
    moved = optical_strain(flow + shift, kind)
    np.testing.assert_allclose(moved, optical_strain(flow, kind), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(flow=flows, factor=st.floats(-4, 4, width=32))
def test_twice_the_motion_is_twice_the_strain(kind, flow, factor):
    scaled = optical_strain(np.float32(factor) * flow, kind)
    expected = abs(factor) * optical_strain(flow, kind)
    np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-6)


@given(flow=flows)
def test_backward_differences_of_a_mirrored_face_are_the_forward_ones(flow):
    mirrored = -flow[::-1, ::-1]
    backward = optical_strain(mirrored, "backward")[::-1, ::-1]
    np.testing.assert_allclose(backward, optical_strain(flow, "forward"), atol=1e-5)


def test_backward_and_forward_leave_out_the_border_they_cannot_see():
    flow = linear([[0.1, 0], [0, 0]])
    assert not optical_strain(flow, "backward")[:, 0].any()
    assert not optical_strain(flow, "forward")[:, -1].any()


def test_each_pair_of_a_clip_has_its_own_strain():
    clip = np.random.default_rng(0).normal(size=(3, 6, 5, 2)).astype(np.float32)
    strain = optical_strain(clip)
    assert strain.dtype == np.float32
    np.testing.assert_array_equal(strain, [optical_strain(flow) for flow in clip])


def test_strain_of_the_released_reading():
    u = np.float32([[0, 1, 1], [0, 3, 1]])
    v = np.float32([[0, 0, 2], [0, 2, 2]])
    expected = np.sqrt([[0, 1, 2], [0, 9 + 4 + 0.5 * (2 + 2) ** 2, 4]])
    np.testing.assert_allclose(optical_strain(np.stack([u, v], -1)), expected, rtol=1e-6)


def test_an_unknown_difference_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match="backward"):
        optical_strain(np.zeros((4, 4, 2)), "backwards")


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), (1, 4, 2)])
def test_what_is_not_a_flow_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., H, W, 2\)"):
        optical_strain(np.zeros(shape))
