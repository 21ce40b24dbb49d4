"""Databases that deliver ready flow images, and what is wrong with them."""

import cv2
import numpy as np
import pytest
import yaml

from mecore.data.database import open_database
from mecore.data.features import read_features
from mecore.data.files import file_sha256
from mecore.data.manifest import parse_manifest
from mecore.errors import DataError, ManifestError
from mecore.evaluation.flow_images import open_flow_images

MANIFEST = {
    "id": "own-flow",
    "name": "Own flow",
    "edition": "1",
    "citation": "us",
    "licence": {"name": "consent"},
    "confidence": "checked on a real file",
    "length": "short",
    "layout": {"kind": "features", "video": "images/{video}.png"},
    "annotations": {
        "file": "index.csv",
        "columns": {"database": "database", "subject": "subject", "video": "sample",
                    "emotion": "emotion", "sha256": "sha256"},
    },
    "classes": {"negative": ["anger"], "positive": ["happiness"]},
}  # fmt: skip
ROWS = [("b", "006", "x2", "anger"), ("a", "006", "x1", "happiness"), ("a", "007", "x3", "anger")]


class Own:
    """A tiny set of flow images whose parts a test can spoil."""

    def __init__(self, folder):
        self.root, self.manifest = folder, yaml.safe_load(yaml.safe_dump(MANIFEST))
        (folder / "images").mkdir()
        lines = ["database,subject,sample,emotion,sha256"]
        for number, row in enumerate(ROWS):
            path = folder / "images" / f"{row[2]}.png"
            cv2.imwrite(str(path), np.full((28, 28, 3), (30, 20, 10 + number), np.uint8))
            lines.append(",".join([*row, file_sha256(path)]))
        (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def parse(self):
        path = self.root / "own-flow.yaml"
        path.write_text(yaml.safe_dump(self.manifest), encoding="utf-8")
        return parse_manifest(path)

    def read(self):
        return read_features(self.parse(), self.root)


@pytest.fixture
def own_flow(tmp_path):
    return Own(tmp_path)


def test_samples_are_sorted_and_ids_of_two_databases_stay_apart(own_flow):
    data = own_flow.read()
    assert data.samples.subject.tolist() == ["a-006", "a-007", "b-006"]
    assert data.samples.label.tolist() == ["positive", "negative", "negative"]
    # Red is u: the first channel of the image, the last that OpenCV writes.
    assert (data.images[:, 0, 0] * 255).round().tolist() == [[11, 20, 30], [12, 20, 30],
                                                             [10, 20, 30]]  # fmt: skip


def test_every_sample_and_every_fact_changes_the_fingerprint(own_flow):
    first = own_flow.read().fingerprint
    assert own_flow.read().fingerprint == first
    own_flow.manifest["classes"] = {"negative": ["happiness"], "positive": ["anger"]}
    changed = own_flow.read().fingerprint
    del own_flow.manifest["annotations"]["columns"]["sha256"]
    path = own_flow.root / "images" / "x1.png"
    cv2.imwrite(str(path), np.full((28, 28, 3), 99, np.uint8))
    assert len({first, changed, own_flow.read().fingerprint}) == 3


def test_subjects_are_selected_evenly_and_whole(own_flow):
    part = own_flow.read().select(2)
    assert part.samples.subject.tolist() == ["a-006", "b-006"]
    assert len(part.images) == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(b"no image"), "damaged: its sha256"),
        (lambda p: p.unlink(), "flow image of sample 'x1' not found"),
    ],
)
def test_a_missing_or_damaged_image_is_named(own_flow, spoil, message):
    spoil(own_flow.root / "images" / "x1.png")
    with pytest.raises(DataError, match=f"x1.png: {message}"):
        own_flow.read()


def test_an_image_of_another_size_is_refused(own_flow):
    del own_flow.manifest["annotations"]["columns"]["sha256"]
    cv2.imwrite(str(own_flow.root / "images" / "x1.png"), np.zeros((20, 28, 3), np.uint8))
    with pytest.raises(DataError, match=r"found an image of shape \(20, 28, 3\)"):
        own_flow.read()


def test_an_unknown_emotion_or_column_is_answered_with_the_nearest_one(own_flow):
    own_flow.manifest["classes"] = {"negative": ["angry"], "positive": ["happiness"]}
    with pytest.raises(DataError, match="row 2: unknown emotion 'anger'; did you mean 'angry'"):
        own_flow.read()
    own_flow.manifest["annotations"]["columns"]["emotion"] = "emotoin"
    with pytest.raises(DataError, match="no column 'emotoin'; did you mean 'emotion'"):
        own_flow.read()


def test_what_needs_frames_says_which_chapter_does_not(own_flow):
    with pytest.raises(DataError, match="holds ready features, no frames(.|\n)*honest_evaluation"):
        open_database(own_flow.parse(), own_flow.root)


@pytest.mark.parametrize("change", [{"video": "images/{subject}.png"}, {"image": "{frame}.png"}])
def test_features_are_one_image_a_sample(own_flow, change):
    own_flow.manifest["layout"] |= change
    with pytest.raises(ManifestError, match="layout.video of features"):
        own_flow.parse()


def test_a_database_of_frames_still_needs_its_frame_rate_and_onsets(own_flow):
    own_flow.manifest["layout"] = {"kind": "video_files", "video": "{subject}/{video}.avi"}
    with pytest.raises(ManifestError, match="fps: frames per second missing"):
        own_flow.parse()
    own_flow.manifest["fps"] = 100
    with pytest.raises(ManifestError, match="onset missing"):
        own_flow.parse()


def test_ready_images_that_are_nowhere_say_where_they_were_looked_for(monkeypatch):
    monkeypatch.delenv("MECORE_EXTERNAL", raising=False)
    with pytest.raises(DataError, match=r"MEGC2019 .* not found(.|\n)*--data-root"):
        open_flow_images("megc2019-flow")


@pytest.mark.external
def test_the_composite_has_the_samples_of_the_challenge(external, monkeypatch):
    monkeypatch.setenv("MECORE_EXTERNAL", str(external))
    data = open_flow_images("megc2019-flow")
    expected = data.manifest.expected
    assert (len(data.samples), data.samples.subject.nunique()) == (442, 68)
    assert data.samples.label.value_counts().to_dict() == expected.classes
    assert data.images.min() == 0
    assert data.images.max() == 1
