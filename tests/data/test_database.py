import shutil

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.data.datasets import open_dataset
from mecore.data.frames import image_folder, video_file
from mecore.data.manifest import load_manifest
from mecore.data.scan import place_frames
from mecore.errors import DataError
from tests.conftest import write_frames


def test_frames_come_as_rgb_in_the_order_of_their_numbers(tmp_path):
    write_frames(tmp_path / "v", n=12)
    source = image_folder(tmp_path / "v", "img{frame}.jpg", fps=100)
    assert len(source) == 12
    assert [int(frame[0, 0, 0]) for frame in source] == list(range(10, 22))
    assert source.read(10).shape == (16, 24, 3)


def test_a_missing_image_is_named(tmp_path):
    write_frames(tmp_path / "v")
    (tmp_path / "v" / "img7.png").unlink()
    with pytest.raises(DataError, match="1 images are missing: 7"):
        image_folder(tmp_path / "v", "img{frame}.png", fps=100)


def test_an_unreadable_image_in_the_middle_of_a_clip_is_named(tmp_path):
    write_frames(tmp_path / "v")
    (tmp_path / "v" / "img7.png").write_bytes(b"not a picture")
    source = image_folder(tmp_path / "v", "img{frame}.png", fps=100)
    with pytest.raises(DataError, match="frame 6 cannot be decoded") as error:
        list(source)
    assert "img7.png" in str(error.value)


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "v").mkdir()
    with pytest.raises(DataError, match="no image is called like"):
        image_folder(tmp_path / "v", "img{frame}.png", fps=100)


def test_another_first_number_than_the_manifest_says_is_refused(tmp_path):
    write_frames(tmp_path / "v", first=46)
    with pytest.raises(DataError, match="first image is number 46, the manifest says 1"):
        image_folder(tmp_path / "v", "img{frame}.png", fps=100)


def write_video(path, n=10):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (32, 24))
    for i in range(n):
        writer.write(np.full((24, 32, 3), 20 * i % 256, np.uint8))
    writer.release()


def test_a_video_file_is_read_frame_by_frame(tmp_path):
    write_video(tmp_path / "v.avi")
    source = video_file(tmp_path / "v.avi")
    assert (len(source), source.fps) == (10, 30)
    assert [round(float(f.mean()) / 20) for f in source] == list(range(10))
    assert round(float(source.read(7).mean()) / 20) == 7


def test_a_frame_behind_the_end_is_refused(tmp_path):
    write_video(tmp_path / "v.avi")
    with pytest.raises(DataError, match="frame 10 asked for, there are frames 0 to 9"):
        video_file(tmp_path / "v.avi").read(10)


def test_a_truncated_video_says_how_far_it_went(tmp_path):
    path = tmp_path / "v.avi"
    write_video(path, n=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="ends after|cannot be decoded"):
        list(video_file(path))


def test_a_text_file_is_no_video(tmp_path):
    (tmp_path / "v.avi").write_text("hello")
    with pytest.raises(DataError, match="cannot be decoded as a video"):
        video_file(tmp_path / "v.avi")


def test_a_video_without_any_expression_keeps_its_row(own):
    write_frames(own.root / "frames" / "006" / "quiet")
    database = own.open()
    assert database.videos.video.tolist() == ["a", "quiet", "b"]
    assert len(database.samples) == 2


def test_the_data_root_is_named_when_it_is_missing(own):
    shutil.rmtree(own.root)
    own.root.mkdir()
    own.write()
    with pytest.raises(DataError, match="no video lies at"):
        own.open()
    with pytest.raises(DataError, match="data root of Own recordings not found"):
        open_dataset(str(own.root.parent / "own.yaml"), str(own.root / "nowhere"))


def test_a_licensed_database_asks_for_its_folder(own):
    with pytest.raises(DataError, match=r"say where your copy lies(.|\n)*--data-root"):
        open_dataset(str(own.write()))


def test_a_row_for_a_video_that_is_not_there_is_refused(own):
    own.rows.append("006,lost,2,5,9,anger")
    with pytest.raises(
        DataError, match="annotates a video that is not on disk: subject 006, video lost"
    ):
        own.open()


def test_an_expression_behind_the_end_of_its_video_is_refused(own):
    own.rows[0] = "006,a,2,5,13,anger"
    with pytest.raises(DataError, match="offset 12 lies behind the video's 12 frames"):
        own.open()


def test_an_excluded_video_takes_no_part(own):
    own.rows.append("006,lost,2,5,9,anger")
    own.manifest["exclude"] = [{"subject": "006", "video": "lost", "reason": "never delivered"}]
    assert len(own.open().samples) == 2


def test_no_annotation_reaches_outside_the_data_root(own):
    own.rows.append("..,../secret,2,5,9,anger")
    with pytest.raises(DataError, match="not on disk"):
        own.open()


def test_a_subset_of_subjects_keeps_their_rows_only(own):
    part = own.open().select(["007"])
    assert part.samples.subject.tolist() == part.videos.subject.tolist() == ["007"]
    with pytest.raises(DataError, match="no subject 008"):
        own.open().select(["008"])


def test_another_file_size_is_another_fingerprint(own):
    before = own.open().fingerprint
    assert own.open().fingerprint == before
    write_frames(own.root / "frames" / "007" / "b", n=13)
    assert own.open().fingerprint != before


def test_classes_of_other_emotions_are_missing(own):
    own.rows[0] = "006,a,2,5,9,others"
    database = own.open()
    assert database.classes(database.samples).tolist()[1] == "positive"
    assert database.classes(database.samples).isna().tolist() == [True, False]


@given(
    there=st.sets(st.integers(1, 60), min_size=1).map(sorted),
    onset=st.integers(1, 60), rise=st.integers(0, 20), fall=st.integers(0, 20),
)  # fmt: skip
def test_an_expression_keeps_inside_its_interval_when_frames_were_dropped(there, onset, rise, fall):
    printed = (onset, onset + rise, onset + rise + fall)
    manifest = load_manifest("cas_me_3_a")
    inside = [n for n in there if printed[0] <= n <= printed[2]]
    frames = tuple(n - manifest.annotations.first_frame for n in printed)
    if not inside:
        with pytest.raises(DataError):
            place_frames(frames, manifest, len(there), there, "x")
        return
    (first, peak, last), moved = place_frames(frames, manifest, len(there), there, "x")
    assert (there[first], there[last]) == (inside[0], inside[-1])
    assert first <= peak <= last
    assert moved == ((there[first], there[peak], there[last]) != printed)
