"""Databases that deliver ready flow images, and what is wrong with them."""

import cv2
import numpy as np
import pytest
import yaml

from mecore.data.database import open_database
from mecore.data.features import read_features
from mecore.data.manifest import parse_manifest
from mecore.errors import DataError
from mecore.evaluation.flow_images import open_flow_images
from mecore.evaluation.videos import list_videos

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
