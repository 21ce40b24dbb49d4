"""One set of predictions under every way of averaging."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from mecore.metrics.averaging import averages, f1_of_classes, grouped_confusion

TRUTH = ["n", "n", "p", "s", "n", "p"]
GIVEN = ["n", "p", "p", "s", "n", "s"]
WHO = ["a", "a", "a", "b", "c", "c"]
LABELS = ["n", "p", "s"]


def test_pooled_scores_are_those_of_scikit_learn():
    scores = averages(TRUTH, GIVEN, LABELS, WHO)
    for name, way in (("pooled macro", "macro"), ("micro", "micro"), ("weighted", "weighted")):
        assert scores[name] == pytest.approx(f1_score(TRUTH, GIVEN, average=way, labels=LABELS))


def test_scores_of_subjects_differ_by_what_is_done_with_absent_classes():
    scores = averages(TRUTH, GIVEN, LABELS, WHO)
    # a: n 2/3, p 2/3; b: s 1; c: n 1, p 0, s 0 (given, never true).
    assert scores["subjects, absent as 0"] == pytest.approx((4 / 9 + 1 / 3 + 1 / 3) / 3)
    assert scores["subjects, absent dropped"] == pytest.approx((2 / 3 + 1 + 1 / 3) / 3)
    assert scores["subjects, true classes"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)


def test_a_class_that_nobody_shows_or_is_given_has_no_f1():
    counts = grouped_confusion(TRUTH, GIVEN, LABELS, WHO)
    assert counts.sum() == len(TRUTH)
    assert np.isnan(f1_of_classes(counts[1])).tolist() == [True, True, False]


@given(st.lists(st.tuples(*[st.sampled_from(LABELS)] * 2, st.sampled_from("abc")), min_size=1))
def test_the_order_of_samples_and_the_names_of_subjects_do_not_matter(rows):
    truth, predicted, who = (list(column) for column in zip(*rows, strict=True))
    backwards = averages(truth[::-1], predicted[::-1], LABELS, [f"x{w}" for w in who[::-1]])
    assert averages(truth, predicted, LABELS, who) == pytest.approx(backwards)


def test_a_sample_without_subject_is_refused():
    with pytest.raises(ValueError, match="6 samples but 5 groups"):
        averages(TRUTH, GIVEN, LABELS, WHO[:-1])
