import numpy as np
import pytest

from mecore.metrics import recognition
from mecore.report.published import impossible, load_published, printed_table
from mecore.studies.roi_cnn_lstm.tables import candidates, choices, relevance

PUBLISHED = load_published("roi_cnn_lstm")
ROW = "ROI CNN-LSTM"


def as_printed(value, printed):
    """Rounded or cut off after four digits: the paper does both."""
    return (
        abs(value - printed) <= 0.5e-4 + 1e-9 or abs(np.floor(value * 1e4) / 1e4 - printed) < 1e-9
    )


@pytest.mark.parametrize("part", ["FULL", "SMIC", "CASME II", "SAMM"])
def test_reconstructed_confusions_give_the_printed_scores(part):
    for matrix in candidates(PUBLISHED)[part]:
        for name, function in (("UF1", recognition.uf1), ("UAR", recognition.uar)):
            printed = printed_table(PUBLISHED, f"2 {name}").loc[ROW, part]
            assert as_printed(function(matrix), printed)


def test_reconstructed_confusions_have_the_samples_of_table_1_and_the_printed_recall():
    table = printed_table(PUBLISHED, "1")
    found = candidates(PUBLISHED)
    for name, column in (("SMIC", "SMIC"), ("CASME II", "CASME II"), ("SAMM", "SAMM"),
                         ("FULL", "3DB")):  # fmt: skip
        for matrix in found[name]:
            expected = table.loc[["Negative", "Positive", "Surprise"], column]
            assert np.sum(matrix, axis=1).tolist() == expected.tolist()
    assert [m[0][0] / np.sum(m[0]) for m in found["FULL"]] == [0.924] * 3
    assert [int(np.trace(m)) for m in found["FULL"]] == [402] * 3


def test_no_other_confusion_of_casme2_gives_its_scores():
    """All matrices with the samples of CASME II and at most three errors, tried one by one."""
    fits = []
    rows = [(n, a, b) for n in (88, 32, 25) for a in range(4) for b in range(4 - a)]
    for i in (r for r in rows if r[0] == 88):
        for j in (r for r in rows if r[0] == 32):
            for k in (r for r in rows if r[0] == 25):
                m = np.array([[88 - sum(i[1:]), *i[1:]], [j[1], 32 - sum(j[1:]), j[2]],
                              [*k[1:], 25 - sum(k[1:])]])  # fmt: skip
                if as_printed(recognition.uf1(m), 0.9857) and as_printed(
                    recognition.uar(m), 0.9857
                ):
                    fits.append(m.tolist())
    assert fits == PUBLISHED["reconstructed"]["CASME II"]


def test_printed_numbers_of_the_composite_agree_with_each_other():
    assert impossible(PUBLISHED).empty


def test_the_relevance_table_in_words():
    table = relevance(("negative", "positive", "surprise"))
    assert table.loc["positive", "nose"] == "not me"
    assert table.loc["surprise", "mouth"] == "surprise"


def test_every_option_has_a_line_and_a_reason():
    table = choices()
    assert (table.why.str.len() > 0).all()
    assert len(table) == len(set(table.choice))
