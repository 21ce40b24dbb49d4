"""Databases that deliver ready flow images, and what is wrong with them."""

import cv2
import numpy as np
import pytest
import yaml

from mecore.data.database import open_database
from mecore.data.features import joined, read_features
from mecore.data.frames import Footage
from mecore.data.manifest import parse_manifest
from mecore.errors import DataError, OptionError
from mecore.evaluation import flow_images as evaluation
from mecore.evaluation.executors import InProcess
from mecore.evaluation.flow_images import flow_images, open_flow_images
from mecore.evaluation.videos import list_videos
from mecore.models.flow import inputs
from mecore.models.flow.options import chosen
from mecore.preprocessing.faces import Box

MANIFEST = {
    "id": "own-flow",
    "name": "Own flow",
    "edition": "1",
    "citation": "us",
    "licence": {"name": "consent"},
    "confidence": "checked on a real file",
    "fps": 1,
    "length": "short",
    "parts": {"a": "a.+"},
    "layout": {"kind": "features", "video": "images/{video}.png"},
    "annotations": {
        "file": "index.csv",
        "columns": {"subject": "subject", "video": "sample", "emotion": "emotion"},
        "defaults": {"onset": "1", "offset": "1"},
    },
    "classes": {"negative": ["anger"], "positive": ["happiness"]},
    "other_emotions": ["others"],
}
ROWS = [("b6", "x2", "anger"), ("a6", "x1", "happiness"), ("a7", "x3", "anger"),
        ("a7", "x4", "others")]  # fmt: skip


class Own:
    """A tiny set of flow images whose parts a test can spoil."""

    def __init__(self, folder):
        self.root, self.manifest = folder, yaml.safe_load(yaml.safe_dump(MANIFEST))
        (folder / "images").mkdir()
        for number, row in enumerate(ROWS):
            path = folder / "images" / f"{row[1]}.png"
            cv2.imwrite(str(path), np.full((28, 28, 3), (30, 20, 10 + number), np.uint8))
        lines = ["subject,sample,emotion", *(",".join(row) for row in ROWS)]
        (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def open(self):
        path = self.root / "own-flow.yaml"
        path.write_text(yaml.safe_dump(self.manifest), encoding="utf-8")
        return open_database(parse_manifest(path), self.root)

    def read(self):
        return read_features(self.open())


@pytest.fixture
def own_flow(tmp_path):
    return Own(tmp_path)


def test_samples_of_a_class_are_sorted_and_know_their_database(own_flow):
    data = own_flow.read()
    assert data.samples.subject.tolist() == ["a6", "a7", "b6"]
    assert data.samples.database.tolist() == ["a", "a", "own-flow"]
    assert data.samples.label.tolist() == ["positive", "negative", "negative"]
    # Red is u: the first channel of the image, the last that OpenCV writes.
    red = (data.images[:, 0, 0] * 255).round().tolist()
    assert red == [[11, 20, 30], [12, 20, 30], [10, 20, 30]]


def test_every_sample_and_every_fact_changes_the_fingerprint(own_flow):
    first = own_flow.read().fingerprint
    assert own_flow.read().fingerprint == first
    own_flow.manifest["classes"] = {"negative": ["happiness"], "positive": ["anger"]}
    changed = own_flow.read().fingerprint
    path = own_flow.root / "images" / "x1.png"
    cv2.imwrite(str(path), np.full((28, 28, 3), 99, np.uint8))
    assert len({first, changed, own_flow.read().fingerprint}) == 3


def test_subjects_are_selected_evenly_and_whole(own_flow):
    part = own_flow.read().select(2)
    assert part.samples.subject.tolist() == ["a6", "b6"]
    assert len(part.images) == 2


def test_subjects_of_several_databases_carry_the_name_of_their_own(own_flow):
    first = own_flow.read()
    own_flow.manifest["id"] = "other"
    both = joined([first, own_flow.read()])
    assert both.id == "own-flow+other"
    assert both.samples.subject.tolist() == [
        f"{name}-{s}" for name in ("own-flow", "other") for s in ("a6", "a7", "b6")
    ]
    assert both.fingerprint != first.fingerprint
    assert len(both.images) == 6


def test_databases_of_other_classes_are_not_put_together(own_flow):
    first = own_flow.read()
    own_flow.manifest["classes"] = {"negative": ["anger", "happiness"]}
    with pytest.raises(DataError, match="need the same classes"):
        joined([first, own_flow.read()])
    with pytest.raises(OptionError, match="one data_root for 2 databases"):
        open_flow_images(["casme2", "samm"], "somewhere")


def moving_square(folder):
    """Clips of two subjects: a square that goes to the right until frame 6, and back."""
    for subject in ("006/a", "007/b"):
        for number in range(12):
            image, left = np.full((64, 64, 3), 40, np.uint8), 20 + 2 * min(number, 12 - number)
            image[24:40, left : left + 16] = 200
            cv2.imwrite(str(folder / "frames" / subject / f"img{1 + number}.png"), image)


@pytest.fixture
def square(own, monkeypatch):
    moving_square(own.root)
    # In this process: others would look for a face.
    monkeypatch.setattr(evaluation, "executor_for", lambda workers: InProcess())
    monkeypatch.setattr(inputs, "one_face", lambda *a, **k: Box(0, 0, 64, 64))
    own.rows = ["006,a,2,,11,anger", "007,b,2,5,11,happiness"]
    return own


def test_flow_images_show_the_motion_from_onset_to_apex(square):
    data = flow_images([square.open()], progress=False)
    assert data.samples.to_numpy().tolist() == [
        ["own", "006", "a/1", "negative"], ["own", "007", "b/1", "positive"]
    ]  # fmt: skip
    u, v = data.images[0, ..., 0], data.images[0, ..., 1]
    assert u[14, 16] > u[3, 3]
    assert np.ptp(v[10:18, 10:18]) > 0
    assert data.images.min() == 0
    assert data.images.max() == 1


def test_an_apex_that_is_not_annotated_is_found_by_the_rule_of_the_options(square):
    footage = list_videos(square.open())[0].footage
    known, *rules = (
        inputs.onset_apex_images(footage, [(1, apex, 10)], chosen(missing_apex=rule))
        for apex, rule in ((6, "middle"), (None, "difference"), (None, "middle"))
    )
    # The square is farthest from where it began in frame 6; the middle of the clip is frame 5.
    np.testing.assert_array_equal(rules[0], known)
    assert not np.array_equal(rules[1], known)


def test_a_video_is_decoded_once_however_many_expressions_it_holds(square, monkeypatch):
    footage, opened = list_videos(square.open())[0].footage, []
    frames = Footage.frames
    monkeypatch.setattr(Footage, "frames", lambda self: opened.append(1) or frames(self))
    images = inputs.onset_apex_images(footage, [(1, 4, 9), (3, 6, 11)], chosen())
    assert images.shape == (2, 28, 28, 3)
    assert len(opened) == 1


def test_other_classes_compute_no_flow_again(square, monkeypatch):
    first = flow_images([square.open()], progress=False)
    monkeypatch.setattr(inputs, "optical_flow", None)
    square.manifest["classes"] = {"bad": ["anger"], "good": ["happiness"]}
    square.manifest["other_emotions"] = ["*"]
    again = flow_images([square.open()], progress=False)
    assert again.classes == ["bad", "good"]
    np.testing.assert_array_equal(again.images, first.images)


def test_a_missing_image_is_named(own_flow):
    (own_flow.root / "images" / "x1.png").unlink()
    with pytest.raises(DataError, match="x1"):
        own_flow.read()


def test_an_image_of_another_size_is_refused(own_flow):
    cv2.imwrite(str(own_flow.root / "images" / "x1.png"), np.zeros((20, 28, 3), np.uint8))
    with pytest.raises(DataError, match=r"found an image of shape \(20, 28, 3\)"):
        own_flow.read()


def test_without_any_class_there_is_nothing_to_learn(own_flow):
    own_flow.manifest |= {"classes": {"none": ["calm"]}, "other_emotions": ["*"]}
    with pytest.raises(DataError, match="no sample of any class"):
        own_flow.read()


def test_what_needs_frames_says_which_chapter_does_not(own_flow):
    with pytest.raises(DataError, match="holds ready features(.|\n)*honest_evaluation"):
        list_videos(own_flow.open())


def test_ready_images_that_are_nowhere_say_where_they_were_looked_for(monkeypatch):
    monkeypatch.delenv("MECORE_EXTERNAL", raising=False)
    with pytest.raises(DataError, match="megc2019_flow"):
        open_flow_images("megc2019_flow")


@pytest.mark.external
def test_the_composite_has_the_samples_of_the_challenge(external, monkeypatch):
    monkeypatch.setenv("MECORE_EXTERNAL", str(external))
    data = open_flow_images("megc2019_flow")
    expected = data.manifests[0].expected
    assert (len(data.samples), data.samples.subject.nunique()) == (442, 68)
    assert data.samples.label.value_counts().to_dict() == expected.classes
    assert data.samples.database.value_counts().to_dict() == {
        "smic": 164,
        "casme2": 145,
        "samm": 133,
    }
    assert data.images.min() == 0
    assert data.images.max() == 1
