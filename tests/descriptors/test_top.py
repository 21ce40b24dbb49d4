import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.descriptors.top.grid import block_votes, bounds
from mecore.descriptors.top.histograms import describe, direction_bins, frame_histograms
from mecore.descriptors.top.options import TopOptions, lbp_offsets, uniform_labels
from mecore.descriptors.top.windows import dense_windows, stream_windows
from mecore.errors import OptionError

RAW = {"norm": "none"}
KINDS = ("lbp", "hog", "higo")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture(scope="module")
def lbp(external):
    return np.load(external / "handcrafted_vectors" / "lbptop.npz")


@pytest.fixture(scope="module")
def gradients(external):
    return np.load(external / "handcrafted_vectors" / "hog_higo.npz")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("oulu_block_R3_4x4_r07", {"rows": 4, "columns": 4, "overlap": 0.7, "radii": (3, 3, 3)}),
        ("oulu_block_R3_8x8_r07", {"overlap": 0.7, "radii": (3, 3, 3)}),
        ("equal_R3_4x4", {"rows": 4, "columns": 4, "radii": (3, 3, 3)}),
        ("equal_R1_4x4", {"rows": 4, "columns": 4}),
        ("block_conv_global_R3", {"rows": 1, "columns": 1, "radii": (3, 3, 3)}),
        ("oulu2009_global_R3", {"rows": 1, "columns": 1, "radii": (3, 3, 3),
                                "convention": "global"}),
        ("casme2style_P4_R114_raw16", {"rows": 1, "columns": 1, "radii": (1, 1, 4),
                                       "neighbours": 4, "mapping": "raw"}),
    ],
)  # fmt: skip
def test_lbp_top_equals_the_reference_bit_for_bit(lbp, name, options):
    options = TopOptions(**options, **RAW)
    found = describe(lbp["vol_u8_thw"], options)
    np.testing.assert_array_equal(found.reshape(lbp[name].shape), lbp[name])


def test_uniform_patterns_and_neighbours_are_those_of_the_reference(lbp):
    np.testing.assert_array_equal(uniform_labels(8), lbp["u2_table"])
    for r in (1, 2, 3, 4):
        xy = lbp_offsets(TopOptions(radii=(r, r, r)))[0]
        np.testing.assert_array_equal(xy[:, ::-1][:, :2], lbp[f"offsets_R{r}"])


def test_windows_equal_clips_that_are_described_alone(lbp):
    options = TopOptions(rows=2, columns=2, radii=(3, 3, 3), **RAW)
    found = dense_windows(lbp["vol_u8_thw"], options, 9)
    np.testing.assert_array_equal(found, lbp["windows_L9_equal_R3_2x2"].reshape(4, -1))


@pytest.mark.parametrize("clip", ["", "_smooth"])
def test_gradient_histograms_equal_the_reference(gradients, clip):
    volume = gradients["smooth_u8_thw" if clip else "vol_u8_thw"]
    for kind in ("hog", "higo"):
        found = describe(volume, TopOptions(kind=kind, rows=4, columns=4, **RAW))
        wanted = gradients[f"{kind}_top{clip}"].ravel()
        np.testing.assert_allclose(found, wanted, atol=0 if kind == "higo" else 1e-6, rtol=0)


@pytest.mark.parametrize("kind", ["hog", "higo"])
@pytest.mark.parametrize(("norm", "ending"), [("block", "l1"), ("block-l2", "l2")])
def test_block_norms_equal_the_reference(gradients, kind, norm, ending):
    options = TopOptions(kind=kind, rows=4, columns=4, norm=norm)
    found = describe(gradients["vol_u8_thw"], options)
    np.testing.assert_allclose(found, gradients[f"{kind}_top_{ending}"].ravel(), atol=1e-6)


@given(st.sampled_from(KINDS), st.integers(3, 9), st.integers(1, 3), st.integers(0, 99))
def test_a_window_is_a_clip_of_its_own(kind, length, time_blocks, seed):
    options = TopOptions(kind=kind, rows=2, columns=3, time_blocks=min(time_blocks, length - 2))
    clip = noise(12, 11, 13, seed=seed)
    found = dense_windows(clip, options, length)
    alone = [describe(clip[i : i + length], options) for i in range(12 - length + 1)]
    np.testing.assert_allclose(found, alone, atol=1e-6)


@given(st.integers(1, 40), st.integers(3, 20), st.sampled_from(KINDS))
def test_a_stream_gives_what_the_whole_clip_gives(n, chunk, kind):
    clip, options = noise(n, 8, 9), TopOptions(kind=kind, rows=2, columns=2)
    parts = list(stream_windows(iter(clip), options, 5, chunk))
    if n < 5:
        assert parts == []
    else:
        np.testing.assert_allclose(
            np.concatenate(parts), dense_windows(clip, options, 5), atol=1e-6
        )


@pytest.mark.parametrize("kind", ["lbp", "higo"])
def test_every_voxel_of_the_interior_votes_once_per_plane(kind):
    options = TopOptions(kind=kind, rows=3, columns=4, **RAW)
    assert describe(noise(7, 20, 22), options).sum() == 3 * 5 * 18 * 20


@given(st.integers(6, 200), st.integers(1, 6), st.floats(0, 0.9))
def test_overlapping_blocks_give_no_voxel_more_than_two_votes_and_none_less_than_one(n, b, w):
    first, second = block_votes(n, b, w)
    assert first.min() == 0
    assert max(first.max(), second.max()) <= b - 1
    assert (second >= first).all()
    only, again = block_votes(n, b, None)
    np.testing.assert_array_equal(only, again)
    np.testing.assert_array_equal(np.bincount(only, minlength=b), np.diff(bounds(n, b)))


@pytest.mark.parametrize("kind", KINDS)
def test_planes_are_chosen_not_changed(kind):
    clip = noise(9, 14, 15)
    whole = describe(clip, TopOptions(kind=kind, rows=2, columns=2))
    planes = {"XYOT": [1, 2], "XOT": [1], "YOT": [2], "XY": [0]}
    for name, kept in planes.items():
        options = TopOptions(kind=kind, rows=2, columns=2, planes=name)
        expected = whole.reshape(4, 3, -1)[:, kept].ravel()
        np.testing.assert_allclose(describe(clip, options), expected)


def test_brightness_does_not_change_binary_patterns_and_contrast_does_not_change_directions():
    clip = (noise(8, 12, 12) // 4).astype(np.uint8)
    for kind, changed in (("lbp", clip + 40), ("lbp", clip * 2), ("higo", clip * 3)):
        options = TopOptions(kind=kind, rows=2, columns=2)
        np.testing.assert_array_equal(describe(clip, options), describe(changed, options))


def test_a_still_clip_has_no_motion_on_xt_and_yt():
    clip = np.repeat(noise(1, 16, 16), 6, axis=0)
    xt = describe(clip, TopOptions(kind="higo", rows=1, columns=1, **RAW)).reshape(3, 8)[1]
    assert set(np.flatnonzero(xt)) <= {0, 4}  # along x only: to the left, to the right, nothing


@pytest.mark.parametrize("kind", KINDS)
def test_constant_frames_have_finite_features(kind):
    clip = np.full((9, 20, 20), 77, np.uint8)
    assert np.isfinite(dense_windows(clip, TopOptions(kind=kind, rows=2, columns=2), 5)).all()


def test_weak_gradients_can_be_silenced():
    clip = np.full((5, 12, 12), 9, np.uint8)
    loud = TopOptions(kind="higo", rows=1, columns=1, min_magnitude=1.0)
    assert describe(clip, loud).sum() == 0


def test_octants_begin_at_minus_pi_and_pi_itself_is_in_the_first():
    table = direction_bins(8).reshape(511, 511)
    found = [table[255 + a, 255 + b] for a, b in [(-1, 0), (-1, -1), (0, -1), (1, 0), (0, 0)]]
    assert found == [0, 1, 2, 4, 4]


def test_lengths_are_those_of_the_literature():
    assert TopOptions().length == 11_328
    assert TopOptions(kind="hog").length == 1_536
    assert TopOptions(kind="higo", rows=5, columns=5).length == 600


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (noise(9, 12, 12).astype(float), "uint8"),
        (noise(12, 12), r"shape \(12, 12\)"),
        (noise(6, 30, 30), "needs 7 frames, this clip has 6"),
        (noise(9, 13, 30), "8×8 blocks is finer than the interior of 7×24"),
    ],
)
def test_clips_that_cannot_be_described_are_refused(clip, message):
    with pytest.raises(ValueError, match=message):
        frame_histograms(clip, TopOptions(radii=(3, 3, 3)))


def test_windows_that_cannot_be_described_are_refused():
    clip, options = noise(9, 20, 20), TopOptions(rows=2, columns=2, radii=(3, 3, 3))
    with pytest.raises(ValueError, match="window of 10 frames is longer than the clip of 9"):
        dense_windows(clip, options, 10)
    with pytest.raises(ValueError, match="windows of 7 frames, not of 6"):
        dense_windows(clip, options, 6)
    with pytest.raises(ValueError, match="3 time blocks, but 1 frames"):
        dense_windows(clip, TopOptions(rows=2, columns=2, radii=(3, 3, 3), time_blocks=3), 7)
    with pytest.raises(ValueError, match="frame 1"):
        list(stream_windows([clip[0], clip[0, :5]], options, 7))


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "lbpp"}, {"planes": "XZ"}, {"rows": 0}, {"neighbours": 6}, {"radii": (1, 1, 0)},
     {"bins": 1}, {"overlap": 1.0}, {"norm": "l1"}],
)  # fmt: skip
def test_options_that_do_not_exist_are_refused(wrong):
    with pytest.raises(OptionError):
        TopOptions(**wrong)
