"""Tables that the owners of databases publish, read with the counts that they have."""

import pytest

from mecore.data.annotations import read_annotations
from mecore.data.check import check_database
from mecore.data.manifest import load_manifest

pytestmark = pytest.mark.external


@pytest.fixture
def tables(external):
    return external / "annotations" / "cas_me_3"


def read(name, root):
    reading = read_annotations(load_manifest(name), root)
    assert reading.problems == []
    return reading


def test_part_a_of_cas_me_3_has_860_labelled_micro_expressions_of_94_subjects(tables):
    reading = read("cas_me_3_a_me", tables)
    samples = reading.samples
    assert (len(samples), samples.subject.nunique()) == (860, 94)
    assert samples.emotion.value_counts().to_dict() == {
        "disgust": 250, "surprise": 187, "others": 161, "fear": 86, "anger": 64, "sad": 57,
        "happy": 55,
    }  # fmt: skip
    assert reading.corrections.status.tolist() == ["applied"] * 5
    classes = load_manifest("cas_me_3_a_me").with_classes("4").class_of
    assert samples.emotion.map(classes).value_counts().to_dict() == {
        "negative": 457, "surprise": 187, "others": 161, "positive": 55}  # fmt: skip


def test_every_known_error_of_that_table_is_put_right(tables):
    samples = read("cas_me_3_a_me", tables).samples.set_index("video")
    frames = samples[["onset", "apex", "offset"]] + 1  # as printed
    assert frames.loc["spNO.149_d_112"].tolist() == [112, 160, 358]
    assert frames.loc["spNO.216_d_3647"].tolist() == [2647, 2668, 2694]
    assert frames.loc["spNO.216_e_0"].tolist() == [1, 1, 25]
    assert frames.loc["spNO.40_e_1812"].tolist() == [1812, 1824, 1845]
    assert frames.loc["spNO.40_e_2327"].tolist() == [2327, 2363, 2403]


def test_its_apexes_and_lengths_are_as_irregular_as_published(tables):
    samples = read("cas_me_3_a_me", tables).samples
    assert (samples.onset == samples.apex).sum() == 55
    # 72 as printed, and one whose offset was missing
    assert (samples.offset - samples.onset + 1 > 60).sum() == 72 + 1
    assert samples.video.str.contains("_J_").sum() == 1


def test_all_of_part_a_has_3346_macro_and_860_micro_expressions_of_98_subjects(tables):
    reading = read("cas_me_3_a", tables)
    samples = reading.samples
    assert samples.kind.value_counts().to_dict() == {"macro": 3346, "micro": 860}
    assert samples.subject.nunique() == 98
    assert set(reading.corrections.status) == {"applied"}
    assert reading.notes == []  # every label found its expression


def test_emotions_joined_from_the_label_table_are_those_of_the_label_table(tables):
    long = read("cas_me_3_a", tables).samples
    clips = read("cas_me_3_a_me", tables).samples
    micro = long[long.kind == "micro"]
    assert micro.emotion.value_counts().to_dict() == clips.emotion.value_counts().to_dict()
    assert set(long[long.kind == "macro"].emotion) == {"unlabelled"}


def test_part_c_has_165_micro_expressions_of_30_subjects(tables):
    samples = read("cas_me_3_c", tables).samples
    assert (len(samples), samples.subject.nunique()) == (165, 30)
    assert samples.emotion.value_counts().to_dict() == {
        "negative": 99, "surprise": 30, "others": 20, "positive": 16}  # fmt: skip
    assert samples.apex.isna().all()
    assert not samples.action_units.str.contains("\uff0c").any()


def test_the_flow_features_of_the_composite_are_all_there(external):
    report = check_database(load_manifest("megc2019_flow"), external / "megc2019_flow", deep=True)
    assert report.usable
    assert report.notes == []
    found = report.counts.set_index("what").found
    assert found[["negative", "positive", "surprise", "samples", "subjects"]].tolist() == [
        250, 109, 83, 442, 68]  # fmt: skip
