import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecore.metrics.apex_spotting import count_apexes, evaluate, mean_f1

frames = st.lists(st.integers(0, 60), max_size=6)
intervals = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 10)).map(lambda t: (t[0], t[0] + t[1])), max_size=4
)


def test_onset_and_offset_themselves_are_inside():
    assert tuple(count_apexes([([10, 20], [(10, 12), (18, 20)])])) == (2, 0, 0)
    assert tuple(count_apexes([([9, 21], [(10, 12), (18, 20)])])) == (0, 2, 2)


@given(frames, intervals)
def test_one_to_one_never_hits_more_than_many_to_one_and_misses_no_fewer(apexes, annotated):
    one, many = (count_apexes([(apexes, annotated)], rule) for rule in ("one", "many"))
    assert one.tp <= many.tp
    assert one.fn >= many.fn
    assert one.tp + one.fp == many.tp + many.fp == len(apexes)
    assert one.tp + one.fn == len(annotated)


@given(frames, intervals)
def test_the_order_of_apexes_does_not_matter(apexes, annotated):
    assert count_apexes([(apexes, annotated)]) == count_apexes([(apexes[::-1], annotated[::-1])])


def test_two_expressions_that_overlap_can_both_be_hit():
    assert count_apexes([([5, 8], [(0, 6), (4, 10)])]).tp == 2


def test_a_video_without_expression_and_detection_is_right():
    videos = [([], []), ([3], []), ([3], [(2, 5)])]
    assert mean_f1(videos, range(3)) == pytest.approx(2 / 3)
    assert mean_f1(videos, ["a", "a", "a"]) == pytest.approx(2 / 3)
    assert mean_f1([], []) == 0


def test_every_measure_of_a_small_case():
    found = evaluate([([3, 4], [(2, 5)]), ([7], [])], ["a", "b"], 0.5, [[(2, 5), (20, 22)], []])
    assert {k: found[k] for k in ("tp", "fp", "fn")} == {"tp": 1, "fp": 2, "fn": 0}
    assert found["f1"] == pytest.approx(0.5)
    assert found["f1_many"] == pytest.approx(4 / 5)
    assert found["fp_per_minute"] == 4
    assert found["f1_iou"] == pytest.approx(2 / 3)


def test_what_is_no_frame_or_no_rule_is_refused():
    with pytest.raises(ValueError, match="not a whole frame"):
        count_apexes([([1.5], [])])
    with pytest.raises(ValueError, match="did you mean 'many'"):
        count_apexes([([1], [])], "mani")
    with pytest.raises(ValueError, match="2 videos, but 1"):
        mean_f1([([], []), ([], [])], ["a"])
    with pytest.raises(ValueError, match="minutes"):
        evaluate([], [], 0)


def test_nothing_at_all_is_zero():
    found = evaluate([], [], 1.0)
    assert found["f1"] == 0
    assert np.isfinite(list(found.values())).all()
