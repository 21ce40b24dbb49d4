import pytest

from mecore.report.published import impossible, load_published
from mecore.studies.handcrafted import tables


@pytest.fixture(scope="module")
def published():
    return load_published("handcrafted")


def test_the_dummy_row_follows_from_class_counts_to_the_last_printed_digit(published):
    table = tables.dummy(published)
    assert table.M.tolist() == [70, 69, 99, 57]
    for formula, printed in (("M / N", "printed accuracy"), ("2M / (N + M) / C", "printed F1")):
        for database, row in table.iterrows():
            assert round(row[formula], 4) == row[printed], database


def test_table_2_cannot_be_the_labels_that_were_used(published):
    table = tables.dummy(published)
    assert (table["largest class in Table 2"] != table.M).tolist() == [False, True, True, False]
    assert table.loc["CASME", "its share"] == pytest.approx(88 / 192)


def test_every_accuracy_is_a_whole_count_and_only_table_2_contradicts(published):
    wrong = impossible(published)
    assert wrong.table.tolist() == ["protocol"]
    assert wrong.column.tolist() == ["CASME"]


def test_numbers_equal_the_ones_collected_elsewhere(published, external):
    import json

    path = external / "handcrafted_vectors" / "published_numbers.json"
    known = json.loads(path.read_text())["thesis_table3"]
    for table, name in (("3 accuracy", "accuracy"), ("3 F1-score", "macro_f1")):
        rows = next(t["rows"] for t in published["tables"] if t["table"] == table)
        assert {row: [float(v) for v in values] for row, values in rows.items()} == known[name]
