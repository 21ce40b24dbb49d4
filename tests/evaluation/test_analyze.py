import numpy as np
import psutil
import pytest

from mecore import runtime
from mecore.errors import FaceError
from mecore.models.mean.network import build_mean
from mecore.models.mean.options import preset
from mecore.models.mean.training import predict
from mecore.phantom import SHORT, portrait
from mecore.studies.mean.features import list_videos, video_features
from mecore.video.analyze import face_boxes, half_length, one_ahead, score_video, spot

CLASSES = ["negative", "positive", "surprise"]
BLANK = np.full((256, 256, 3), 90, np.uint8)
FACE = portrait(SHORT.seed, 9)
MOVED = np.roll(FACE, 90, axis=1)


@pytest.fixture(scope="module")
def networks():
    runtime.configure()
    runtime.start(0)
    return [build_mean(3, preset()) for _ in range(2)]


class Source:
    """A name and a frame rate."""

    path, fps = "clip.mp4", 100.0


def noisy(frame, n, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        yield np.clip(frame + rng.normal(0, 1, frame.shape), 0, 255).astype(np.uint8)


def test_streamed_scores_are_those_of_the_study(tiny, networks):
    item = list_videos(tiny, preset())[0]
    (stretch,) = score_video(item.frames(), item.frames(), networks, preset())
    features = video_features(item, preset()).spot
    expected = np.mean([predict(n, features)[0] for n in networks], axis=0)
    assert (stretch.start, stretch.stop) == (0, item.n_frames)
    # The first frame is searched without upsampling first, which may shift the box by a pixel.
    assert np.corrcoef(stretch.scores, expected)[0, 1] > 0.9


def test_a_video_is_split_where_the_face_comes_and_goes(networks):
    frames = [*noisy(BLANK, 30), *noisy(FACE, 60), *noisy(BLANK, 37), *noisy(FACE, 40)]
    stretches = score_video(Source, frames, networks, preset())
    spans = [(s.start, s.stop, s.box is not None) for s in stretches]
    assert spans == [(0, 30, False), (30, 90, True), (90, 127, False), (127, 167, True)]
    assert [len(s.scores) for s in stretches] == [0, 50, 0, 30]


def test_a_face_that_moves_on_gets_a_box_of_its_own():
    frames = [*noisy(FACE, 40), *noisy(MOVED, 40)]
    boxes = [box for _, box in face_boxes(frames, 100, "largest", "clip")]
    assert len(set(boxes)) == 2
    assert len(boxes) == 80


def test_a_video_without_any_face_is_refused(networks):
    with pytest.raises(FaceError, match=r"clip\.mp4: no face found in any of the 30 frames"):
        score_video(Source, noisy(BLANK, 30), networks, preset())


def test_a_stretch_too_short_for_a_pair_has_no_score(networks):
    (stretch,) = score_video(Source, noisy(FACE, 8), networks, preset())
    assert (stretch.stop, len(stretch.scores)) == (8, 0)
    analysis = spot([stretch], 100, 5, CLASSES, preset())
    assert analysis.intervals.empty
    assert analysis.frames.score.isna().all()


def test_intervals_carry_frames_seconds_and_probabilities(networks):
    stretches = score_video(Source, noisy(FACE, 90), networks, preset())
    analysis = spot(stretches, 100, 15, CLASSES, preset())
    assert len(analysis.frames) == 90
    for row in analysis.intervals.itertuples():
        assert 0 <= row.onset <= row.apex <= row.offset < 90
        assert row.onset_s == row.onset / 100
        assert row.score >= row.threshold
        assert row.p_negative + row.p_positive + row.p_surprise == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("fps", "expected"), [(200, 34), (100, 17), (25, 4), (30, 5), (1, 1)])
def test_half_the_length_of_an_expression_scales_with_the_frame_rate(fps, expected):
    assert half_length(fps, 34, 200) == expected


def test_items_come_in_order_and_one_at_most_is_computed_ahead():
    made, seen = [], []
    for item in one_ahead(made.append(i) or i for i in range(6)):
        assert len(made) <= item + 2
        seen.append(item)
    assert seen == list(range(6))


def test_what_goes_wrong_ahead_is_heard_of_when_its_turn_comes():
    items = one_ahead(1 / (2 - i) for i in range(4))
    assert [next(items), next(items)] == [0.5, 1]
    with pytest.raises(ZeroDivisionError):
        next(items)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_a_score(networks, threads):
    frames = list(noisy(FACE, 90))
    (one,), (other,) = (score_video(Source, frames, networks, preset(), n) for n in (1, threads))
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.classes, other.classes)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_video(networks):
    used = []

    def watched(n):
        for i, frame in enumerate(noisy(FACE, n)):
            if i in (300, n - 1):
                used.append(psutil.Process().memory_info().rss)
            yield frame

    score_video(Source, watched(2000), networks, preset())
    assert used[1] - used[0] < 60e6
