import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from mecore.errors import FaceError
from mecore.preprocessing import local_weighted_mean
from mecore.preprocessing.registration import register_clip, similarity
from mecore.preprocessing.template import FIVE, template
from mecore.preprocessing.tracking import find_faces, track_face

numbers = st.floats(-2, 2)


def face(size=200):
    return cv2.resize(skimage.data.astronaut()[:240, 100:340], (size, size))


def moved(image, dx, dy, angle=0.0):
    matrix = cv2.getRotationMatrix2D((100, 100), angle, 1.0)
    matrix[:, 2] += dx, dy
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def points(n=30, seed=0):
    return np.random.default_rng(seed).uniform(0, 100, (n, 2))


@given(st.lists(numbers, min_size=6, max_size=6), st.integers(0, 20))
def test_the_local_weighted_mean_reproduces_every_affine_motion(coefficients, seed):
    matrix, shift = np.reshape(coefficients[:4], (2, 2)), np.array(coefficients[4:]) * 10
    source = points(seed=seed)
    mapping = local_weighted_mean.fit(source, source @ matrix.T + shift)
    places = np.random.default_rng(1).uniform(-50, 150, (40, 2))
    np.testing.assert_allclose(mapping(places), places @ matrix.T + shift, atol=1e-6)


def test_the_local_weighted_mean_has_no_edge_in_value_or_slope():
    source = points(40)
    target = source + 3 * np.sin(source[:, ::-1] / 15)
    mapping = local_weighted_mean.fit(source, target)
    line = np.stack([np.linspace(-20, 120, 140_001), np.full(140_001, 47.0)], axis=1)
    value = mapping(line)
    slope = np.diff(value, axis=0) / 1e-3
    assert np.abs(np.diff(value, axis=0)).max() < 0.05
    # an edge would make the slope jump by a fixed amount however fine the steps are
    assert np.abs(np.diff(slope, axis=0)).max() < 0.02


def test_control_points_go_near_their_targets():
    source = points(40)
    target = source + 2 * np.sin(source[:, ::-1] / 20)
    mapped = local_weighted_mean.fit(source, target)(source)
    assert np.abs(mapped - target).max() < 1.0


def test_points_on_a_line_in_a_face_do_no_harm():
    shape = template().astype(float)
    bent = shape + np.random.default_rng(0).normal(0, 1, shape.shape)
    low, high = shape.min(axis=0), shape.max(axis=0)
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 60).T), axis=-1)
    off = np.linalg.norm(local_weighted_mean.fit(shape, bent)(grid) - grid, axis=-1)
    assert np.median(off) < 2
    assert off.max() < 20


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (points(5), "at least 6 neighbours"),
        (np.stack([np.arange(20.0)] * 2, axis=1), "on one line"),
        (np.repeat([[0.0, 0], [1, 0], [0, 1]], 12, axis=0), "coincide"),
        (np.zeros((20, 3)), r"two of \(n, 2\)"),
    ],
)
def test_points_that_determine_no_mapping_are_refused(source, message):
    with pytest.raises(ValueError, match=message):
        local_weighted_mean.fit(source, source.copy())


@given(st.floats(0.2, 3), st.floats(-3, 3), numbers, numbers)
def test_a_similarity_is_found_again(scale, angle, dx, dy):
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    truth = np.array([[c, -s, dx], [s, c, dy]])
    source = points(5)
    found = similarity(source, source @ truth[:, :2].T + truth[:, 2])
    np.testing.assert_allclose(found, truth, atol=1e-9)


def test_points_that_coincide_have_no_similarity():
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 2)), points(5))


def test_five_landmarks_of_the_template_are_among_the_68():
    np.testing.assert_array_equal(template(64, 5), template(64)[list(FIVE)])


def test_the_cascade_finds_a_face_and_none_in_a_wall():
    image = face()
    box = find_faces(image)[0]
    assert 0.3 * 200 < box.width < 0.75 * 200
    assert find_faces(np.full((200, 200, 3), 90, np.uint8)) == []


def test_a_head_that_sways_and_turns_keeps_still_when_registered():
    image = face()
    shifts = 4 * np.sin(np.arange(20) / 3)
    frames = [moved(image, d, -d / 2, d / 2) for d in shifts]
    still = register_clip(frames).clip.astype(float)
    first = register_clip(frames, follow="first").clip.astype(float)
    inner = (slice(None), slice(20, 108), slice(20, 108))
    left = np.abs(still - still[0])[inner].mean()
    assert left < 0.3 * np.abs(first - first[0])[inner].mean()


def test_the_motion_of_the_head_is_known_to_a_tenth_of_a_pixel():
    image = face()
    frames = [moved(image, 0.5 * i, 0) for i in range(8)]
    sights = [sight for _, sight in track_face(frames)]
    found = [s.matrix[0] @ [100, 100, 1] - 100 for s in sights]
    np.testing.assert_allclose(found, 0.5 * np.arange(8), atol=0.1)


def test_a_lost_face_is_found_again_and_it_is_said():
    image, nothing = face(), np.full((200, 200, 3), 60, np.uint8)
    frames = [nothing, image, image, nothing, nothing, moved(image, 6, 3), moved(image, 6, 3)]
    states = [sight.state for _, sight in track_face(frames)]
    assert states == ["lost", "found", "tracked", "lost", "lost", "found again", "tracked"]


def test_a_clip_without_a_face_is_refused_by_name():
    with pytest.raises(FaceError, match=r"clip 7: no frontal face found in 3 frames"):
        list(track_face([np.full((200, 200), 90, np.uint8)] * 3, where="clip 7"))


@pytest.mark.parametrize("options", [{"geometry": "lwm"}, {"follow": "landmarks"}])
def test_other_readings_of_the_paper_give_faces_too(options):
    frames = [moved(face(), d, 0) for d in (0.0, 1.0)]
    seen = register_clip(frames, 64, **options)
    assert seen.clip.shape == (2, 64, 64)
    assert seen.clip.std() > 20


def test_frames_that_do_not_go_on_from_the_one_before_are_marked():
    image, nothing = face(), np.full((200, 200, 3), 60, np.uint8)
    seen = register_clip([image, image, nothing, moved(image, 6, 3), moved(image, 6, 3)])
    assert seen.broken.tolist() == [False, False, True, True, False]
    assert seen.states == {"found": 1, "tracked": 2, "lost": 1, "found again": 1}
