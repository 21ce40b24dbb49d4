import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import DataError
from mecore.preprocessing.faces import Box
from mecore.preprocessing.regions import (
    REGIONS,
    SIX,
    RegionBox,
    cut_patch,
    patch_mask,
    patch_size,
    region_boxes,
)
from mecore.report.faces import NEUTRAL

FACE = NEUTRAL + np.array([60, 40], np.float32)
FRAME = (256, 256)


def boxes(points=FACE, frame=FRAME, layout="landmark", **options):
    return {b.name: b.box for b in region_boxes(points, frame, layout, **options)}


def share(box, points):
    inside = (
        (box.left <= points[:, 0])
        & (points[:, 0] < box.right)
        & (box.top <= points[:, 1])
        & (points[:, 1] < box.bottom)
    )
    return inside.mean()


def test_at_full_scale_patches_have_the_sizes_of_the_paper():
    sizes = [patch_size(name, 1.0)[::-1] for name in SIX]
    assert sizes == [(100, 80), (100, 80), (120, 80), (60, 60), (60, 60), (160, 60)]
    assert patch_size("cheek, image left", 0.01) == (8, 8)


def test_boxes_by_landmarks_hold_their_part_of_the_face():
    by_landmark = boxes()
    assert share(by_landmark["eye, image left"], FACE[[*range(17, 22), *range(36, 42)]]) == 1
    assert share(by_landmark["eye, image right"], FACE[[*range(22, 27), *range(42, 48)]]) == 1
    assert share(by_landmark["nose"], FACE[28:36]) == 1  # the nose is longer than its box
    assert share(by_landmark["mouth"], FACE[48:68]) == 1


def test_fixed_boxes_miss_the_brows_and_the_corners_of_the_mouth():
    fixed = boxes(layout="released")
    assert share(fixed["eye, image left"], FACE[17:22]) < 0.5
    assert share(fixed["mouth"], FACE[[48, 54]]) < 1


def test_a_small_face_stays_small_in_the_released_layout():
    small = (FACE - FACE.mean(axis=0)) * 0.5 + FACE.mean(axis=0)
    fitted, left = (boxes(small, layout="released", enlarge=e) for e in (True, False))
    assert fitted["mouth"].width < left["mouth"].width == REGIONS["mouth"][0]


@given(st.floats(0.4, 3), st.integers(-20, 20), st.sampled_from(["landmark", "released"]))
def test_boxes_move_and_grow_with_the_face_and_keep_their_shape(scale, shift, layout):
    size = int(256 * scale) + 60
    first, second = (
        boxes(p, (size + 256, size + 256), layout) for p in (FACE * 1.0, FACE * scale + shift)
    )
    for name in SIX:
        width, height, *_ = REGIONS[name]
        box = second[name]
        assert box.width == pytest.approx(box.height * width / height, abs=1 + width / height)
        assert box.left == pytest.approx(first[name].left * scale + shift, abs=2 + scale)
        assert box.bottom == pytest.approx(first[name].bottom * scale + shift, abs=2 + scale)


def test_the_padding_is_black_and_the_mask_says_where():
    image = np.full((40, 40, 3), 200, np.uint8)
    region = RegionBox("nose", Box(-30, 10, 30, 50), Box(0, 0, 40, 40))
    patch = cut_patch(image, region, (40, 60))
    mask = patch_mask(region, (40, 40), (40, 60))
    assert (patch[mask == 0] == 0).all()
    assert (patch[mask == 1] == 200).all()
    assert mask[:, :30].sum() == 0
    assert mask.mean() == pytest.approx(30 * 30 / (40 * 60))


def test_nothing_is_stretched():
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:60, 40:60] = 255
    region = RegionBox("cheek, image left", Box(20, 20, 80, 80), Box(0, 0, 100, 100))
    rows, columns = np.nonzero(cut_patch(image, region, (30, 30))[..., 0] > 127)
    assert (np.ptp(rows), np.ptp(columns)) == (9, 9)


def test_a_region_outside_the_picture_is_named():
    with pytest.raises(DataError, match=r"clip 3: the region «mouth» lies outside the picture"):
        region_boxes(FACE, (122, 256), where="clip 3")


def test_a_fixed_box_outside_the_picture_is_all_padding():
    small = (FACE - FACE.mean(axis=0)) * 0.3 + np.array([30, 60], np.float32)
    regions = region_boxes(small, (128, 256), "released", enlarge=False)
    cheek = next(r for r in regions if r.name == "cheek, image left")
    assert patch_mask(cheek, (128, 256), (15, 15)).sum() == 0


@pytest.mark.parametrize("points", [np.zeros((68, 2)), np.zeros((5, 2)), FACE[:, ::-1] * [-1, 1]])
def test_landmarks_that_are_no_face_are_refused(points):
    with pytest.raises(DataError, match="68 landmarks of an upright face"):
        region_boxes(points, FRAME)
