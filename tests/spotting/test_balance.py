"""Balancing positives and negatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mecore.errors import DataError, OptionError
from mecore.spotting.labels import balance

sizes = st.integers(1, 200)


def targets(n_negative, n_positive):
    labels = np.repeat([0, 1], [n_negative, n_positive])
    return np.random.default_rng(7).permutation(labels)


def draw(labels, seed=0):
    return np.random.default_rng(seed).random(len(labels))


def kept(labels, **options):
    chosen = labels[balance(labels, draw(labels), **options)]
    return int((chosen == 0).sum()), int((chosen == 1).sum())


@given(sizes, sizes, st.sampled_from([1, 2.5, 5, 8]))
def test_the_ratio_is_kept_by_dropping_from_the_class_that_has_too_many(n0, n1, ratio):
    negative, positive = kept(targets(n0, n1), ratio=ratio)
    if ratio * n1 <= n0:
        assert (negative, positive) == (int(ratio * n1), n1)
    else:
        assert (negative, positive) == (n0, max(1, int(n0 / ratio)))


@given(sizes, sizes, st.integers(0, 5))
def test_indices_are_ascending_unique_and_decided_by_the_seed(n0, n1, seed):
    labels = targets(n0, n1)
    first = balance(labels, draw(labels, seed))
    assert np.array_equal(first, balance(labels, draw(labels, seed)))
    assert (np.diff(first) > 0).all()
    assert first[0] >= 0 and first[-1] < len(labels)


def test_the_paper_keeps_eight_negatives_per_positive():
    assert kept(targets(1000, 50)) == (400, 50)


def test_the_draw_spreads_over_all_negatives():
    labels = targets(100, 2)
    drawn = [balance(labels, draw(labels, seed)) for seed in range(200)]
    assert len(np.unique(np.concatenate(drawn))) == 102


@given(sizes, sizes)
def test_the_released_rule_agrees_where_positives_are_rare(n0, n1):
    assume(n0 >= 5 * n1)
    assert kept(targets(n0, n1), rule="released", ratio=5) == (5 * n1, n1)


def test_the_released_rule_beyond_its_gap():
    # 300 negatives, 100 positives: 100·5 = 500 > 400, so all negatives and 300/5 positives
    assert kept(targets(300, 100), rule="released", ratio=5) == (300, 60)
    # positives in the majority, 100·5 = 500 > 400: all negatives, 300/5 positives
    assert kept(targets(100, 300), rule="released", ratio=5) == (100, 60)


@pytest.mark.parametrize(("n0", "n1"), [(499, 100), (400, 100), (50, 300)])
def test_the_released_rule_has_a_gap_in_which_it_asks_for_frames_that_do_not_exist(n0, n1):
    # 1/6 <= share of positives < 1/5, or negatives rarer than 1/5
    with pytest.raises(DataError, match=r"asks for .* at ratio 5\n  Next: use rule='ratio'"):
        kept(targets(n0, n1), rule="released", ratio=5)
    assert min(kept(targets(n0, n1), ratio=5)) >= 1


def test_folds_that_share_a_draw_share_most_of_their_frames():
    labels = targets(400, 20)
    one, other = np.ones(420, bool), np.ones(420, bool)
    one[:40] = other[-40:] = False
    frames = [
        np.flatnonzero(mask)[balance(labels[mask], draw(labels)[mask], ratio=4)]
        for mask in (one, other)
    ]
    assert len(np.intersect1d(*frames)) > 0.75 * len(frames[0])


def test_what_cannot_be_balanced_is_refused():
    for labels in ([0, 0], [1, 1], []):
        with pytest.raises(DataError, match="cannot be balanced"):
            balance(labels, draw(labels))
    for labels in ([0, 2], [0.5, 1], [float("nan"), 1], [[0, 1]]):
        with pytest.raises(DataError, match="targets: expected"):
            balance(labels, draw(labels))
    with pytest.raises(DataError, match="ratio: expected"):
        balance([0, 1], [0, 1], ratio=0)
    with pytest.raises(OptionError, match="did you mean 'released'"):
        balance([0, 1], [0, 1], rule="release")
