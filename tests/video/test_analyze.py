from tempfile import TemporaryFile

import numpy as np
import pandas as pd
import psutil
import pytest

from mecore.data import datasets
from mecore.data.frames import Footage, ImageFolder
from mecore.errors import FaceError, OptionError
from mecore.models.choices import group
from mecore.models.mean import weights
from mecore.models.mean.inputs import video_inputs
from mecore.models.mean.options import preset
from mecore.models.mean.stacked import MeanStack, fresh
from mecore.preprocessing.crop import cut_face
from mecore.video import report
from mecore.video.analyze import analyze_video, half_length, one_ahead, score_video, spot
from mecore.video.faces import FacePictures, face_boxes, may_show
from mecore.video.spot import spot_video
from tests.video.conftest import FACE

CLASSES = ["negative", "positive", "surprise"]
BLANK = np.full((256, 256, 3), 90, np.uint8)
MOVED = np.roll(FACE, 90, axis=1)
COPIES = [fresh(3, preset(), np.random.default_rng(n)) for n in range(2)]


@pytest.fixture(scope="module")
def networks():
    return MeanStack(COPIES, preset())


def noisy(frame, n, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        yield np.clip(frame + rng.normal(0, 1, frame.shape), 0, 255).astype(np.uint8)


def score(frames, networks, threads=1):
    placed = face_boxes(frames, 100, "only", "clip.mp4")
    return score_video(placed, 100, networks, preset(), threads, "clip.mp4")


def test_streamed_scores_are_those_of_the_study(folder, networks):
    footage = Footage(folder, "img{frame}.png", 1, 100, 70, "")
    features, *_ = video_inputs(footage, [], group(preset(), "features"))
    expected = networks(features)[0].mean(axis=0)
    (stretch,) = score(footage.frames(), networks)
    assert (stretch.start, stretch.stop) == (0, 70)
    # The first frame is searched without upsampling first, which may shift the box by a pixel.
    assert np.corrcoef(stretch.scores, expected)[0, 1] > 0.9


def test_a_video_is_split_where_the_face_comes_and_goes(networks):
    frames = [*noisy(BLANK, 30), *noisy(FACE, 60), *noisy(BLANK, 37), *noisy(FACE, 40)]
    stretches = score(frames, networks)
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
        score(noisy(BLANK, 30), networks)


def test_a_stretch_too_short_for_a_pair_has_no_score(networks):
    (stretch,) = score(noisy(FACE, 8), networks)
    assert (stretch.stop, len(stretch.scores)) == (8, 0)
    intervals, frames = spot([stretch], 100, 5, CLASSES, preset())
    assert intervals.empty
    assert frames.score.isna().all()


def test_intervals_carry_frames_seconds_and_probabilities(networks):
    intervals, frames = spot(score(noisy(FACE, 90), networks), 100, 15, CLASSES, preset())
    assert len(frames) == 90
    assert len(intervals)
    for row in intervals.itertuples():
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


def test_threads_do_not_change_a_score(networks):
    frames = list(noisy(FACE, 50))
    (one,), *others = (score(frames, networks, threads) for threads in (1, 2, 3))
    for (other,) in others:
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.classes, other.classes)


@pytest.fixture
def published(monkeypatch):
    """Networks in the place of the published ones, which cannot be passed on."""
    own = [fresh(5, preset("as_released"), np.random.default_rng(n)) for n in range(2)]
    monkeypatch.setattr(weights, "published_networks", lambda name: own)


def test_a_video_is_decoded_once_and_reported(published, file, tmp_path, monkeypatch):
    seen = []
    stream = report.stream_video
    monkeypatch.setattr(
        report, "stream_video", lambda path: (seen.append(f.shape) or f for f in stream(path))
    )
    found = analyze_video(file, "casme2", tmp_path)
    assert len(seen) == len(found.frames) == 70
    assert found.summary.startswith("70 frames at 30 per second, 2 networks of casme2\n")
    assert {p.name for p in tmp_path.iterdir()} == {"intervals.csv", "frames.csv", "scores.png"}
    written = pd.read_csv(tmp_path / "intervals.csv")
    pd.testing.assert_frame_equal(written, found.intervals)
    assert len(written)


def test_a_folder_of_images_is_analyzed_like_a_file(published, folder, tmp_path, monkeypatch):
    read, seen = ImageFolder.read, []
    monkeypatch.setattr(ImageFolder, "read", lambda s, i: seen.append(i) or read(s, i))
    analyze_video(folder, "casme2", tmp_path, fps=30)
    assert seen == list(range(70))


def test_pictures_of_faces_are_those_of_their_frames():
    frames = [*noisy(BLANK, 3), *noisy(FACE, 2), *noisy(MOVED, 2)]
    with TemporaryFile() as file:
        pictures = FacePictures(file)
        placed = list(pictures.keep(face_boxes(frames, 100, "largest", "clip")))
        boxes = [box for _, box in placed]
        assert [box is None for box in boxes] == [True] * 3 + [False] * 4
        for i, (frame, box) in list(enumerate(placed))[:2:-1]:
            difference = pictures(i) - cut_face(frame, box, 160).astype(float)
            assert np.abs(difference).mean() < 3


def test_no_face_of_a_licensed_database_is_kept_or_shown(published, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "_remembered", lambda: {"casme2": str(folder.parent)})
    monkeypatch.setattr(FacePictures, "keep", lambda *_: pytest.fail("a face is kept"))
    assert may_show(tmp_path / "mine.mp4")
    found = analyze_video(folder, "casme2", tmp_path, fps=30)
    assert "No face is shown" in found.summary
    assert len(found.intervals)


def test_a_misspelt_option_is_answered_with_the_right_one(file, tmp_path):
    with pytest.raises(OptionError, match="did you mean 'dual'"):
        analyze_video(file, "casme2", tmp_path, engine="duel")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_video(networks):
    used = []

    def watched(n):
        for i, frame in enumerate(noisy(FACE, n)):
            if i in (300, n - 1):
                used.append(psutil.Process().memory_info().rss)
            yield frame

    score(watched(2000), networks)
    assert used[1] - used[0] < 60e6


@pytest.mark.external
@pytest.mark.slow
def test_a_real_face_gets_the_intervals_it_always_got(external, tmp_path):
    video = external / "videos" / "single_face.mp4"
    if not video.is_file():
        pytest.skip(f"not found: {video}")
    found = analyze_video(video, "casme2", tmp_path / "mean", face="largest")
    (row,) = found.intervals.itertuples()
    assert (row.onset, row.apex, row.offset, row.emotion) == (13, 18, 23, "happiness")
    np.testing.assert_allclose(row.score, 0.673983, atol=1e-4)
    (row,) = spot_video(video, "flow-peaks", tmp_path / "free").intervals.itertuples()
    assert (row.onset, row.apex, row.offset) == (13, 19, 25)
