"""On disk the phantom is an ordinary database, with its truth beside it."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mecore.errors import DataError, OptionError
from mecore.phantom import LONG, SHORT, Nuisance, load_truth, true_flow, write_phantom
from mecore.phantom.camera import Camera
from mecore.phantom.script import write_script

TINY = replace(SHORT, subjects=2, recordings=4, fps=30, size=96)
TINY_LONG = replace(LONG, subjects=1, recordings=2, fps=15, size=96, seconds=(4.0, 5.0))
STILL = replace(TINY, subjects=1, recordings=2, nuisance=Nuisance.none())


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips") / "phantom-short"
    write_phantom(TINY, root)
    return root


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos") / "phantom-long"
    write_phantom(TINY_LONG, root)
    return root


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    root = tmp_path_factory.mktemp("still") / "phantom-short"
    write_phantom(STILL, root)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_workers(clips, tmp_path):
    write_phantom(TINY, tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(clips)


def test_another_seed_gives_other_pixels(still, tmp_path):
    write_phantom(replace(STILL, seed=STILL.seed + 1), tmp_path / "other")
    name = "frames/sub01/EP01_01/img1.jpg"
    assert contents(tmp_path / "other")[name] != contents(still)[name]


def test_clips_are_folders_of_images_numbered_from_one(clips):
    for take in write_script(TINY):
        folder = clips / "frames" / take.folder / take.video
        names = {path.name for path in folder.iterdir()}
        assert names == {f"img{k}.jpg" for k in range(1, take.n_frames + 1)}
    assert cv2.imread(str(clips / "frames/sub01/EP01_01/img1.jpg")).shape == (96, 96, 3)


def test_the_clip_sheet_holds_what_the_truth_holds(clips):
    sheet = pd.read_excel(clips / "phantom-short-coding.xlsx", dtype=str, engine="calamine")
    named = [name for name in sheet.columns if not str(name).startswith("Unnamed")]
    assert named == ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame",
                     "Action Units", "Estimated Emotion"]  # fmt: skip
    assert len(sheet.columns) == 9 and len(sheet) == 4
    for _, row in sheet.iterrows():
        truth = load_truth(clips, row["Subject"], row["Filename"])
        (sample,) = truth.samples
        frames = [int(row[name]) - 1 for name in ("OnsetFrame", "ApexFrame", "OffsetFrame")]
        assert frames == [sample.onset, sample.apex, sample.offset]
        assert row["Action Units"] == sample.action_units
        assert row["Estimated Emotion"] == sample.emotion
        apex = truth.intensities[sample.apex]
        assert apex.sum() > truth.intensities[0].sum()


def test_the_video_sheets_hold_what_the_truth_holds(videos):
    path = videos / "phantom-long-coding.xlsx"
    coding, people, stimuli = (
        pd.read_excel(path, sheet_name=name, header=None, dtype=str, engine="calamine")
        for name in ("coding", "naming rule1", "naming rule2")
    )
    folder = dict(zip(people[2], people[1], strict=True))
    stem = dict(zip(stimuli[0], stimuli[1], strict=True))
    for _, row in coding.iterrows():
        code, number = row[1].rsplit("_", 1)
        name = f"{folder[row[0]][1:]}_{stem[code]}"
        assert (videos / "rawvideo" / folder[row[0]] / f"{name}.avi").is_file()
        sample = load_truth(videos, folder[row[0]], name).samples[int(number) - 1]
        assert [int(value) - 1 for value in row[2:5]] == [sample.onset, sample.apex, sample.offset]
        assert row[6] == sample.valence and row[7] == f"{sample.kind}-expression"
        assert row[5] == sample.action_units and row[8] == sample.emotion
    assert len(coding) == sum(len(take.events) for take in write_script(TINY_LONG))


def test_videos_have_as_many_frames_as_their_truth(videos):
    for take in write_script(TINY_LONG):
        video = cv2.VideoCapture(str(videos / "rawvideo" / take.folder / f"{take.video}.avi"))
        assert video.get(cv2.CAP_PROP_FPS) == TINY_LONG.fps
        count = 0
        while video.read()[0]:
            count += 1
        truth = load_truth(videos, take.folder, take.video)
        assert count == take.n_frames == len(truth.landmarks) == len(truth.blink)


def test_a_clip_without_action_and_nuisance_does_not_move(still):
    for take in write_script(STILL):
        onset = take.events[0].onset
        folder = still / "frames" / take.folder / take.video
        before = {(folder / f"img{k}.jpg").read_bytes() for k in range(1, onset + 2)}
        assert len(before) == 1
        flow, mask = true_flow(still, take.folder, take.video, 0, onset)
        assert mask.any() and np.abs(flow).max() < 2e-3


def test_the_largest_true_displacement_of_a_micro_expression_is_0_3_to_3_px(still):
    for take in write_script(STILL):
        (sample,) = load_truth(still, take.folder, take.video).samples
        flow, mask = true_flow(still, take.folder, take.video, sample.onset, sample.apex)
        largest = np.hypot(*flow[mask].T).max() * 256 / STILL.size
        assert 0.3 < largest < 3.0
        assert largest <= sample.peak * 256 / STILL.size * 1.01


def test_the_mask_is_the_face_and_the_landmarks_follow_it(clips):
    truth = load_truth(clips, "sub01", "EP01_01")
    flow, mask = true_flow(clips, "sub01", "EP01_01", 0, 5)
    nose = truth.landmarks[0, 29].round().astype(int)
    assert mask[nose[1], nose[0]] and not mask[2, 2] and 0.08 < mask.mean() < 0.4
    moved = truth.landmarks[5, 29] - truth.landmarks[0, 29]
    assert np.abs(flow[nose[1], nose[0]] - moved).max() < 0.1


def test_subjects_go_by_their_folder_or_by_their_name_in_the_sheet(clips, videos):
    by_folder, by_name = (load_truth(clips, name, "EP01_01") for name in ("sub02", "02"))
    assert (by_folder.landmarks == by_name.landmarks).all()
    video = write_script(TINY_LONG)[0].video
    assert load_truth(videos, "1", video).samples == load_truth(videos, "s15", video).samples


def test_the_folder_says_that_nobody_is_shown(clips):
    text = (clips / "README.txt").read_text()
    assert "synthetic" in text and "No person is shown" in text and str(TINY.seed) in text
    stored = json.loads((clips / "truth" / "spec.json").read_text())
    assert stored["spec"]["seed"] == TINY.seed


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(self, frame, tone, rng):
        raise KeyboardInterrupt

    monkeypatch.setattr(Camera, "expose", fail)
    with pytest.raises(KeyboardInterrupt):
        write_phantom(STILL, tmp_path / "phantom-short")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="empty"):
        write_phantom(STILL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_is_not_there_is_named(clips, tmp_path):
    with pytest.raises(OptionError, match="workers"):
        write_phantom(STILL, tmp_path / "x", workers=0)
    with pytest.raises(DataError, match="no truth"):
        load_truth(tmp_path, "sub01", "EP01_01")
    with pytest.raises(DataError, match="sub09"):
        load_truth(clips, "sub09", "EP01_01")
    with pytest.raises(DataError, match="EP01_01"):
        load_truth(clips, "sub01", "EP01_1")
    with pytest.raises(OptionError, match="frame 999"):
        true_flow(clips, "sub01", "EP01_01", 0, 999)
    changed = json.loads((clips / "truth" / "spec.json").read_text()) | {"format": 0}
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "spec.json").write_text(json.dumps(changed))
    with pytest.raises(DataError, match="format 0"):
        load_truth(tmp_path, "sub01", "EP01_01")


@pytest.mark.slow
def test_inter_frame_codecs_can_be_dialled(tmp_path):
    spec = replace(TINY_LONG, recordings=1, nuisance=Nuisance(codec="MP4V"))
    write_phantom(spec, tmp_path / "x")
    take = write_script(spec)[0]
    video = cv2.VideoCapture(str(tmp_path / "x/rawvideo" / take.folder / f"{take.video}.avi"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == take.n_frames
