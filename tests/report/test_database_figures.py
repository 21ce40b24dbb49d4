import matplotlib.pyplot as plt
import pandas as pd
import pytest

from mecore.data.manifest import known_manifests, load_manifest
from mecore.report.published import load_published, printed_table
from mecore.studies.data import databases as figures


@pytest.fixture(scope="module")
def manifests():
    return [load_manifest(name) for name in known_manifests()]


def test_every_database_has_a_row_of_facts_and_an_address(manifests):
    assert figures.facts_table(manifests).id.tolist() == [m.id for m in manifests]
    table = figures.request_table(manifests)
    assert table["ask at"].str.len().min() > 0
    shown = table.set_index("database")["faces in figures"]
    assert (shown == "hidden").sum() == len(manifests) - 2  # the phantoms show nobody


def test_printed_counts_stand_beside_ours():
    casme2 = load_manifest("casme2")
    mean = printed_table(load_published("mean"), "1")
    table = figures.compare_counts({"CASME II": casme2}, {"MEAN": mean}).set_index("count")
    assert table.loc["Samples", ["here", "MEAN"]].tolist() == [255, 244]
    assert table.loc["Disgust", ["here", "MEAN"]].tolist() == [63, 61]
    assert table.agree.to_dict() == {
        "Subjects": True, "Videos": False, "Samples": False, "Others": True, "Disgust": False,
        "Happiness": True, "Repression": True, "Surprise": True,
    }  # fmt: skip


def test_tables_of_the_thesis_are_whole():
    tables = load_published("data")
    printed = pd.concat([printed_table(tables, t) for t in ("1", "2")])
    for name in ("SMIC-HS", "SMIC-VIS", "SMIC-NIR", "CAS(ME)²", "SAMM", "CASME II"):
        classes = printed.loc["Positive":, name].sum()
        assert classes == printed.loc["Samples", name]


def test_macro_expressions_are_no_samples_of_a_paper():
    table = figures.compare_counts(
        {"x": load_manifest("cas_me_2")}, {"p": pd.DataFrame({"x": {"Samples": 57.0}})}
    )
    assert table[["here", "p"]].to_numpy().tolist() == [[57, 57]]


def test_each_disagreement_is_explained(manifests):
    mean = printed_table(load_published("mean"), "1").rename(columns={"SAMMLV": "SAMM Long Videos"})
    named = {m.name: m for m in manifests}
    table = figures.compare_counts(named, {"MEAN": mean})
    differ = set(table[table.agree.eq(False)].database)
    assert differ <= set(figures.disagreements(manifests).database)


def test_the_classes_of_a_bar_are_all_its_samples(manifests):
    _, ax = plt.subplots()
    figures.draw_classes(ax, [m for m in manifests if m.id == "samm"])
    assert [t.get_text() for t in ax.texts] == ["92", "26", "15", "26"]
    plt.close()
