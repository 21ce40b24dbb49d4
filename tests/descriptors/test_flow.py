"""Optical flow: where things went, in pixels, the same whichever way it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecore.descriptors import compiled
from mecore.descriptors.flow.engines import flow_pairs, flow_stream, optical_flow
from mecore.descriptors.flow.tvl1 import TVL1, TVL1Parameters
from mecore.descriptors.flow.tvl1_pyramid import pyramid
from mecore.errors import OptionError

ENGINES = ("fast", "dual", "opencv", "dis")
SIDE = 64
Y, X = np.mgrid[:SIDE, :SIDE].astype(np.float64)


def skin(x, y):
    """Grey levels (float, 0-255) of a smooth texture that is known at every point."""
    rng = np.random.default_rng(3)
    grey = np.full(np.broadcast(x, y).shape, 128.0)
    for _ in range(24):
        angle, wave = rng.uniform(0, 2 * np.pi), rng.uniform(6, 30)
        phase = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / wave
        grey += 6 * np.cos(phase + rng.uniform(0, 2 * np.pi))
    return grey


def grey(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def moving(u, v, x=X, y=Y):
    """A reference frame, the moved frame, and the flow between them."""
    flow = np.stack(np.broadcast_arrays(u, v, x)[:2], axis=-1).astype(np.float32)
    return grey(skin(x + u, y + v)), grey(skin(x, y)), flow


def error(found, true, margin=6):
    """End-point error away from the border, where things leave the picture."""
    return np.linalg.norm(found - true, axis=-1)[margin:-margin, margin:-margin]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shift", [(0.2, -0.1), (-1.3, 0.6), (2.4, 1.9)])
def test_a_shifted_face_gives_that_shift(engine, shift):
    reference, moved, true = moving(*shift)
    limit = 0.03 if engine == "fast" else 0.2
    assert error(optical_flow(reference, moved, engine=engine), true).mean() < limit


@settings(max_examples=25)
@given(u=st.floats(-3, 3), v=st.floats(-3, 3))
def test_any_shift_of_up_to_three_pixels_is_found(u, v):
    reference, moved, true = moving(u, v)
    assert np.percentile(error(optical_flow(reference, moved), true), 95) < 0.1


@pytest.mark.parametrize(
    "gradient", [[[0, -0.02], [0.02, 0]], [[0.02, 0], [0, 0.02]], [[0, 0.03], [0, 0]]]
)
def test_rotation_divergence_and_shear_are_found(gradient):
    from_centre = np.stack([X, Y]) - (SIDE - 1) / 2
    u, v = np.tensordot(gradient, from_centre, axes=1)
    reference, moved, true = moving(u, v)
    assert error(optical_flow(reference, moved), true).mean() < 0.06


def test_a_head_that_shifts_by_five_pixels_is_not_lost():
    y, x = np.mgrid[:128, :128].astype(np.float64)
    reference, moved, true = moving(4, -3, x, y)
    assert error(optical_flow(reference, moved), true).max() < 0.2


def test_a_frame_against_itself_does_not_move():
    frame = moving(0, 0)[0]
    assert np.abs(optical_flow(frame, frame)).max() < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
def test_a_constant_frame_does_not_move(engine):
    one, other = (np.full((24, 31), level, np.uint8) for level in (90, 93))
    assert not optical_flow(one, other, engine=engine).any()


def test_swapping_the_frames_negates_a_small_flow():
    reference, moved, _ = moving(0.4 + 0.01 * (X - 32), -0.3)
    there, back = optical_flow(reference, moved), optical_flow(moved, reference)
    assert np.abs(there + back)[4:-4, 4:-4].mean() < 0.03


@pytest.mark.parametrize(("gain", "offset"), [(1, 20), (1, -20), (1.1, 0), (0.9, 10)])
def test_light_that_changes_evenly_is_not_motion(gain, offset):
    reference, moved, _ = moving(0.5 * np.sin(Y / 9), 0.3)
    lit = grey(gain * moved.astype(float) + offset)
    change = optical_flow(reference, lit) - optical_flow(reference, moved)
    assert np.abs(change).mean() < 0.02


def test_camera_noise_is_hardly_motion():
    rng = np.random.default_rng(0)
    one, other = (grey(skin(X, Y) + rng.normal(0, 1.5, X.shape)) for _ in range(2))
    assert np.linalg.norm(optical_flow(one, other), axis=-1).mean() < 0.05


def test_things_that_leave_the_picture_do_not_disturb_what_stays():
    reference, moved, true = moving(3, 0)
    assert error(optical_flow(reference, moved), true, margin=1).mean() < 0.05


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (37, 53), (70, 31)])
def test_frames_need_not_be_square_or_even(shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    reference, moved, true = moving(0.6, -0.4, x, y)
    found = optical_flow(reference, moved)
    assert found.shape == (*shape, 2)
    assert found.dtype == np.float32
    assert error(found, true, margin=3).mean() < 0.1


@pytest.mark.parametrize("engine", ENGINES)
def test_grey_levels_may_be_bytes_or_fractions(engine):
    reference, moved, _ = moving(0.7, 0.2)
    as_bytes = optical_flow(reference, moved, engine=engine)
    as_fractions = optical_flow(reference / 255, moved / 255, engine=engine)
    np.testing.assert_allclose(as_fractions, as_bytes, atol=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_layout_in_memory_does_not_matter(engine):
    reference, moved, _ = moving(0.7, 0.2)
    strided = np.repeat(moved, 2, axis=1)[:, ::2]
    expected = optical_flow(reference, moved, engine=engine)
    np.testing.assert_array_equal(
        optical_flow(np.asfortranarray(reference), strided, engine=engine), expected
    )


def test_more_effort_changes_a_solved_flow_little():
    reference, moved, true = moving(0.5 * np.sin(Y / 9), 0.4 * np.cos(X / 11))
    levels = [pyramid(frame.astype(np.float32)) for frame in (reference, moved)]
    effort = TVL1Parameters(warps=5, fine_iterations=100, coarse_iterations=100, tolerance=0)
    much = TVL1(X.shape, effort).flow(*levels)
    found = optical_flow(reference, moved)
    assert np.abs(found - much).mean() < 0.02
    assert error(found, true).mean() < 0.06


GOLDEN = {
    "u": [
        [0.6862, 0.7097, 0.8028, 0.8106, 0.6926],
        [1.0430, 1.0273, 1.0572, 1.0243, 1.0282],
        [0.2052, 0.2004, 0.2482, 0.2321, 0.2283],
        [-0.4085, -0.4096, -0.4303, -0.4054, -0.4271],
        [-0.0343, 0.0138, -0.0148, -0.0092, -0.0207],
    ],
    "v": [
        [0.3222, -0.1854, -0.7435, -0.7286, -0.1343],
        [0.3315, -0.2165, -0.7204, -0.7292, -0.1352],
        [0.3241, -0.2258, -0.6978, -0.6886, -0.1324],
        [0.3119, -0.1904, -0.7260, -0.7476, -0.1400],
        [0.2971, -0.1795, -0.7169, -0.7216, -0.1750],
    ],
}


def test_the_fast_engine_gives_what_it_gave():
    reference, moved, _ = moving(0.8 * np.sin(Y / 9) + 0.3, 0.6 * np.cos(X / 11) - 0.2)
    flow = optical_flow(reference, moved)[5::12, 5::12]
    np.testing.assert_allclose(flow[..., 0], GOLDEN["u"], atol=1e-3)
    np.testing.assert_allclose(flow[..., 1], GOLDEN["v"], atol=1e-3)


def test_the_dual_engine_is_opencv_to_the_last_bit_whatever_the_frames():
    rng = np.random.default_rng(5)
    for shape in [(16, 16), (19, 40), (70, 37), (64, 64), (128, 128)]:
        y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
        bend = rng.uniform(-1.5, 1.5, 4)
        u, v = bend[0] + bend[1] * np.sin(y / 9), bend[2] + bend[3] * np.cos(x / 11)
        pair = [grey(skin(*p) + rng.normal(0, 2, shape)) for p in ((x + u, y + v), (x, y))]
        for frames in (pair, [frame / 255 for frame in pair]):
            dual, opencv = (optical_flow(*frames, engine=e) for e in ("dual", "opencv"))
            np.testing.assert_array_equal(dual, opencv)


def test_the_dual_engine_is_opencv_where_there_is_nothing_to_see():
    flat, step = np.full((32, 40), 80, np.uint8), np.zeros((32, 40), np.uint8)
    step[:, 20:] = 255
    for pair in ((flat, step), (step, flat), (step, step), (step, np.roll(step, 3, axis=1))):
        dual, opencv = (optical_flow(*pair, engine=e) for e in ("dual", "opencv"))
        np.testing.assert_array_equal(dual, opencv)


def test_no_flow_near_that_of_opencv_is_that_of_opencv():
    # Why the dual engine must be exact: a thousandth of a grey level already changes the flow.
    rng = np.random.default_rng(0)
    pair = [np.float32(f / 255) for f in moving(0.8 * np.sin(Y / 9), 0.3)[:2]]
    near = [np.clip(f + rng.normal(0, 4e-6, f.shape), 0, 1).astype(np.float32) for f in pair]
    change = optical_flow(*near, engine="opencv") - optical_flow(*pair, engine="opencv")
    assert np.abs(change).max() > 0.02


def clip(n=9):
    """A face that smiles and drifts a little, with noise: every pair differs."""
    rng = np.random.default_rng(1)
    bump = np.exp(-((X - 30) ** 2 + (Y - 40) ** 2) / 120)
    frames = [skin(X + 0.25 * t * bump, Y - 0.1 * t) for t in range(n)]
    return np.stack([grey(f + rng.normal(0, 1, f.shape)) for f in frames])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_pairs_of_a_clip_are_the_pairs_one_by_one(engine, threads):
    frames = clip(5 if engine == "opencv" else 9)
    found = list(flow_pairs(frames, 2, engine=engine, threads=threads))
    assert len(found) == len(frames) - 2
    for i, flow in enumerate(found):
        np.testing.assert_array_equal(flow, optical_flow(frames[i], frames[i + 2], engine=engine))


def test_a_stream_of_frames_gives_the_flow_of_the_clip():
    frames = clip()
    streamed = np.stack(list(flow_stream(iter(frames), 3)))
    np.testing.assert_array_equal(streamed, np.stack(list(flow_pairs(frames, 3))))


def test_a_flow_is_there_as_soon_as_its_second_frame():
    frames, read = clip(), []
    flows = flow_stream((read.append(i) or frame for i, frame in enumerate(frames)), 3)
    next(flows)
    assert read == [0, 1, 2, 3]
    next(flows)
    assert read == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("threads", "most"), [(1, 4), (2, 10)])
def test_a_stream_keeps_no_more_frames_than_its_pairs_need(threads, most):
    frames, alive = [], []

    def camera():
        for _ in range(40):
            frame = moving(0, 0)[0]
            frames.append(weakref.ref(frame))
            yield frame
            del frame
            alive.append(sum(ref() is not None for ref in frames))

    # This engine keeps the frames themselves: what it holds can be counted.
    flows = flow_stream(camera(), 3, engine="dis", threads=threads)
    assert sum(1 for _ in flows) == 37
    assert max(alive) <= most


def test_a_stream_that_is_too_short_has_no_pairs():
    assert list(flow_stream(clip(3), 3)) == []


def test_a_clip_that_is_too_short_or_empty_is_refused():
    with pytest.raises(ValueError, match="3 frames has no pair 3 frames apart"):
        flow_pairs(clip(3), 3)
    with pytest.raises(ValueError, match="0 frames has no pair 1 frames apart"):
        flow_pairs(clip(3)[:0], 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (np.zeros((32, 32, 3), np.uint8), "grey image"),
        (np.zeros((0, 0), np.uint8), "16×16"),
        (np.zeros((15, 40), np.uint8), "16×16"),
        (np.zeros((32, 32), np.int32), "uint8, or floats"),
        (np.zeros((32, 32), bool), "uint8, or floats"),
        (np.full((32, 32), 200.0), r"\[0, 1\].*divide"),
        (np.full((32, 32), -0.1), r"\[0, 1\]"),
        (np.full((32, 32), np.nan), "NaN"),
        (np.full((32, 32), np.inf), "infinite"),
    ],
)
def test_what_is_no_grey_image_is_refused(engine, frame, complaint):
    with pytest.raises(ValueError, match=complaint):
        optical_flow(frame, frame, engine=engine)


@pytest.mark.parametrize(
    "other", [np.zeros((32, 33), np.uint8), np.zeros((32, 32), np.float32)], ids=["size", "type"]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_frames_that_differ_in_size_or_type_are_refused_by_number(other, threads):
    frames = [np.zeros((32, 32), np.uint8)] * 4 + [other]
    with pytest.raises(ValueError, match="frame 4: .* but frame 0"):
        list(flow_stream(frames, 2, threads=threads))


def test_an_unknown_engine_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'opencv'"):
        optical_flow(*moving(0, 0)[:2], engine="openCV")


@pytest.mark.parametrize("bad", [{"distance": 0}, {"distance": 2, "threads": 0}])
def test_a_distance_or_number_of_threads_below_one_is_refused(bad):
    with pytest.raises(ValueError, match="at least 1"):
        flow_stream(clip(), **bad)


def test_a_clip_is_a_stack_of_grey_frames():
    with pytest.raises(ValueError, match=r"\(T, H, W\)"):
        flow_pairs(np.zeros((5, 32, 32, 3), np.uint8), 1)


@pytest.mark.slow
def test_loops_compiled_a_moment_ago_give_the_bytes_of_loops_compiled_before(tmp_path):
    np.savez(tmp_path / "pair.npz", *moving(1.5, 0.5)[:2])
    code = (
        "import numpy as np\nfrom mecore.descriptors.flow.engines import optical_flow\n"
        f"pair = np.load({str(tmp_path / 'pair.npz')!r})\n"
        "print(optical_flow(*pair.values(), engine='fast').tobytes().hex())"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "loops")}
    first, second = (subprocess.check_output(command, env=environment) for _ in range(2))
    assert len(first) > 2 * 4 * 2 * SIDE**2
    assert first == second


def test_without_a_writable_folder_the_loops_are_compiled_and_it_is_said(monkeypatch):
    real = compiled.njit

    def nowhere(function, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(function, **options)

    monkeypatch.setattr(compiled, "njit", nowhere)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        double = compiled.compiled(lambda x: 2 * x)
    assert double(4) == 8
