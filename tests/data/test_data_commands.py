"""What a licence holder types, and what comes back."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from mecore.cli.main import main
from mecore.data.check import check_database
from mecore.data.datasets import known_root, open_dataset, remember_root
from mecore.data.guess import guess_manifest
from mecore.data.manifest import known_manifests, parse_manifest
from mecore.errors import DataError, MecoreError, OptionError
from tests.conftest import HEADER, write_frames
from tests.data.test_database import write_video
from tests.lookalikes import casme_family, composite, others


def mecore(*words):
    done = CliRunner().invoke(main, ["data", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_list_names_every_database_and_where_it_lies(own):
    listed = mecore("list").output
    assert all(name in listed for name in known_manifests())
    assert "not seen yet" in listed
    assert "from smic_hs + casme2 + samm" in listed


def test_a_usable_copy_ends_with_0_and_is_remembered(own, monkeypatch):
    path = own.write()
    done = mecore("check", path, "--root", own.root)
    assert done.exit_code == 0
    assert "Ready. Next: mecore chapter mean --dataset" in done.output
    assert known_root("own") == own.root
    assert len(open_dataset(str(path)).samples) == 2
    assert mecore("check", path).exit_code == 0


def test_a_copy_with_a_fault_ends_with_1_and_is_not_remembered(own):
    own.rows[0] = "006,a,9,5,2,anger"
    (own.root / "frames" / "007" / "b" / "img3.png").unlink()
    done = mecore("check", own.write(), "--root", own.root)
    assert done.exit_code == 1
    assert "annotations.csv, row 2, column C: onset 8 after offset 1" in done.output
    assert "1 images are missing: 3" in done.output
    assert "Next: correct it in the manifest" in done.output
    assert known_root("own") is None


def test_a_check_says_edition_counts_and_corrections(tmp_path):
    casme_family.casme2(tmp_path)
    done = mecore("check", "casme2", "--root", tmp_path)
    assert done.exit_code == 1  # three rows are not the 255 that were expected
    for said in (
        "annotations: labels of 2014, CASME2-coding-20140508.xlsx",
        "videos: full recordings, CASME2-RAW/{subject}/{video}",
        "videos: 4 of 255",
        "samples: 3 of 255",
        "no such row: subject 12, EP09_06",
    ):
        assert said in done.output
    others.samm(tmp_path)
    assert "applied: subject 028, 028_4_1: apex 1113" in mecore(
        "check", "samm", "--root", tmp_path
    ).output  # fmt: skip


def test_a_complete_copy_is_ready(tmp_path):
    composite.casme2_clips(tmp_path)
    done = mecore("check", "casme2", "--root", tmp_path)
    assert done.exit_code == 0
    assert "Notes (1):" in done.output
    assert "2 videos have no row: CASME2_RAW_selected/sub09/EP02_02f" in done.output
    assert done.output.endswith("Ready. Next: mecore chapter mean --dataset casme2\n")
    listed = mecore("list").output
    assert str(tmp_path) in listed


def test_a_composite_is_rebuilt_from_copies_that_were_checked_before(tmp_path):
    asked = mecore("check", "megc2019")
    assert asked.exit_code == 1
    for write in (composite.smic_hs, composite.casme2, composite.samm):
        (tmp_path / write.__name__).mkdir()
        write(tmp_path / write.__name__)
        remember_root(write.__name__, tmp_path / write.__name__)
    done = mecore("check", "megc2019")
    assert done.exit_code == 0
    assert "samples       442    442" in done.output
    assert done.output.endswith("Ready.\n")


def test_many_problems_are_shortened_unless_all_are_asked_for(own):
    own.rows = [f"006,a,{n},1,0,rage" for n in range(2, 42)]
    path = own.write()
    short = mecore("check", path, "--root", own.root).output
    assert "Problems (40)" in short
    assert "and 20 more; --all prints them" in short
    assert "more; --all" not in mecore("check", path, "--root", own.root, "--all").output


def test_a_deep_check_decodes_every_frame(own):
    image = own.root / "frames" / "006" / "a" / "img7.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for path in image.parent.iterdir():
        cv2.imwrite(str(path), noise)
    raw = bytearray(image.read_bytes())
    raw[60:4000] = bytes(3940)
    image.write_bytes(raw)
    manifest = parse_manifest(own.write())
    assert check_database(manifest, own.root).usable
    assert not check_database(manifest, own.root, deep=True).usable


def test_without_a_root_the_check_asks_for_it(own):
    done = mecore("check", own.write())
    assert done.exit_code == 2
    assert "say where your copy of Own recordings lies" in done.output


def test_show_tells_terms_without_a_copy_and_draws_no_hidden_face(own, tmp_path):
    told = mecore("show", "casme2").output
    assert "Ask at:  http://casme.psych.ac.cn/casme/e2" in told
    assert "No copy is known" in told
    picture = tmp_path / "m.png"
    done = mecore("show", own.write(), "--root", own.root, "--out", picture)
    assert "class negative" in done.output
    assert cv2.imread(str(picture)).shape[1] > 500


def test_a_hidden_face_is_drawn_as_nobody(own, monkeypatch):
    from matplotlib import pyplot as plt

    from mecore.studies.data import databases as database_figures

    shown = []
    monkeypatch.setattr(
        database_figures, "show_image", lambda ax, image, title: shown.append(image)
    )
    _, axes = plt.subplots(1, 2)
    database_figures.draw_montage(axes, own.open())
    assert [np.unique(image).tolist() for image in shown] == [[235], [235]]
    own.manifest["figures"] = {"subjects": ["006"]}
    database_figures.draw_montage(axes, own.open())
    assert [np.unique(image).tolist() for image in shown[2:]] == [[14], [235]]
    plt.close()


@pytest.fixture
def recordings(tmp_path):
    """Folders of images and a table, as someone might keep them."""
    root = tmp_path / "my recordings"
    for subject, video in (("006", "a"), ("007", "b")):
        write_frames(root / "clips" / subject / video, first=3)
    (root / "labels.csv").write_text(
        "Subject;Video;Onset;Offset;Emotion\n006;a;2;9;Anger\n007;b;1;8;bored\n", encoding="utf-8"
    )
    return root


def test_a_new_manifest_describes_folders_of_images(recordings, tmp_path):
    out = tmp_path / "my.yaml"
    done = mecore("new", recordings, "--fps", "90", "--out", out)
    assert "In no class yet: bored" in done.output
    manifest = parse_manifest(out)
    assert (manifest.layout.video, manifest.layout.image) == (
        "clips/{subject}/{video}", "img{frame}.png")  # fmt: skip
    assert (manifest.layout.first_frame, manifest.fps, manifest.length) == (3, 90, "short")
    assert manifest.classes == {"negative": ["anger"]}
    assert manifest.figures.may_show("006") is False
    assert mecore("check", out, "--root", recordings).exit_code == 0


def test_a_new_manifest_describes_video_files(tmp_path):
    root = tmp_path / "own"
    (root / "s1").mkdir(parents=True)
    write_video(root / "s1" / "film.avi")
    (root / "t.csv").write_text(HEADER + "s1,film,2,3,4,happy\ns1,film,6,,8,happy\n")
    manifest = guess_manifest(root, "own")
    assert (manifest.layout.video, manifest.fps) == ("{subject}/{video}.avi", 30)
    assert (manifest.length, manifest.classes) == ("long", {"positive": ["happy"]})


def test_videos_of_one_folder_may_have_different_endings(tmp_path):
    root = tmp_path / "own"
    for subject, video in (("anna", "one.avi"), ("bert", "two.mkv")):
        (root / subject).mkdir(parents=True)
        write_video(root / subject / video)
    (root / "t.csv").write_text(HEADER + "anna,one,2,3,4,happy\nbert,two,1,,8,happy\n")
    manifest = guess_manifest(root, "own")
    assert manifest.layout.video == "{subject}/{video}.*"
    assert check_database(manifest, root).usable


def test_videos_need_no_folder_for_each_subject(tmp_path):
    root = tmp_path / "own"
    (root / "films").mkdir(parents=True)
    for name in ("one", "two", "unused"):
        write_video(root / "films" / f"{name}.avi")
    (root / "t.csv").write_text(HEADER + "anna,One,2,3,4,happy\nbert,two,1,,8,happy\n")
    manifest = guess_manifest(root, "own")
    assert manifest.layout.video == "films/{video}.avi"
    report = check_database(manifest, root)
    assert report.usable
    assert report.scan.videos[["subject", "video"]].to_numpy().tolist() == [
        ["anna", "one"], ["bert", "two"]]  # fmt: skip
    assert report.scan.samples.video.tolist() == ["one", "two"]


def test_a_new_manifest_needs_a_table_videos_and_a_rate(recordings, tmp_path):
    with pytest.raises(OptionError, match=r"frame rate(.|\n)*--fps"):
        guess_manifest(recordings, "x")
    (recordings / "labels.csv").write_text(HEADER + "999,z,1,2,3,anger\n")
    with pytest.raises(DataError, match=r"such as 'z'; videos there: clips/006/a"):
        guess_manifest(recordings, "x", fps=30)
    (recordings / "labels.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no table with the columns.*tables there: labels\.csv"):
        guess_manifest(recordings, "x", fps=30)
    with pytest.raises(MecoreError, match="no such folder"):
        guess_manifest(tmp_path / "nowhere", "x")


def test_a_new_manifest_overwrites_nothing(recordings, tmp_path):
    out = tmp_path / "my.yaml"
    out.write_text("mine")
    done = mecore("new", recordings, "--fps", "90", "--out", out)
    assert done.exit_code == 1
    assert out.read_text() == "mine"


@pytest.mark.parametrize("command", ["", "list", "check", "show", "new"])
def test_every_command_explains_itself(command):
    told = mecore(*command.split(), "--help").output
    assert len(told) > 200 or command == "list"
