"""Statistics with the subject as the unit, against scipy where it has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score, f1_score, recall_score

from mecore.evaluation.statistics import (
    bootstrap_scores,
    compare_models,
    holm,
    interval,
    minimum_detectable_difference,
    paired_permutation,
    seed_agreement,
    uar_of,
    uf1_of,
)
from mecore.metrics.averaging import grouped_confusion

S, C = 30, 3


def predictions(accuracy, seed=0, per_subject=6):
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(99).integers(0, C, S * per_subject)
    wrong = (truth + rng.integers(1, C, len(truth))) % C
    predicted = np.where(rng.random(len(truth)) < accuracy, truth, wrong)
    return truth, predicted, np.repeat(np.arange(S), per_subject).astype(str)


def counts(accuracy, seed=0):
    truth, predicted, subjects = predictions(accuracy, seed)
    return grouped_confusion(truth, predicted, range(C), subjects)[None]


def limits(model, score=uf1_of, **options):
    return interval({"model": model}, lambda c: {"score": score(c["model"])}, **options)["score"]


def accuracy_of(confusion):
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1))


def test_scores_of_many_matrices_are_those_of_scikit_learn():
    truth, predicted, subjects = predictions(0.6)
    pooled = grouped_confusion(truth, predicted, range(C), subjects).sum(0)
    assert uf1_of(pooled) == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert uar_of(pooled) == pytest.approx(recall_score(truth, predicted, average="macro"))


def test_the_bootstrap_interval_is_that_of_scipy():
    # With as many samples from each subject, pooled accuracy is the mean of the subjects'.
    model = counts(0.6)
    each = accuracy_of(model[0])
    reference = stats.bootstrap(
        (each,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    low, high = limits(model, accuracy_of, n=20000)
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=0.006)


def test_runs_of_several_seeds_share_their_draws_and_are_averaged():
    two = np.concatenate([counts(0.6, 0), counts(0.6, 1)])
    alone = [bootstrap_scores(run[None], n=50) for run in two]
    np.testing.assert_allclose(bootstrap_scores(two, n=50), np.mean(alone, axis=0))


def test_subjects_who_are_all_alike_leave_no_doubt():
    same = np.tile(counts(0.6)[:, :1], (1, S, 1, 1))
    low, high = limits(same)
    assert low == pytest.approx(high) == pytest.approx(float(uf1_of(same.sum(1))[0]))


def test_the_paired_test_is_that_of_scipy():
    a, b = counts(0.62, 0), counts(0.5, 1)
    each = accuracy_of(a[0]), accuracy_of(b[0])
    reference = stats.permutation_test(
        each, lambda x, y, axis: (x - y).mean(axis), permutation_type="samples",
        vectorized=True, n_resamples=20000, rng=np.random.default_rng(1),
    )  # fmt: skip
    difference, p = paired_permutation(a, b, accuracy_of, n=20000)
    assert difference == pytest.approx(reference.statistic)
    assert p == pytest.approx(reference.pvalue, abs=0.01)


def test_a_model_is_like_itself_and_unlike_a_guess():
    model = counts(0.9)
    assert paired_permutation(model, model) == (0.0, 1.0)
    difference, p = paired_permutation(model, counts(1 / 3, 1), n=500)
    assert difference > 0.4
    assert p == pytest.approx(1 / 501)


def test_the_paired_test_is_fair_where_nothing_differs():
    ps = [paired_permutation(counts(0.5, s), counts(0.5, 500 + s), n=200)[1] for s in range(200)]
    assert np.mean(np.array(ps) <= 0.1) == pytest.approx(0.1, abs=0.05)


def test_swapping_the_models_turns_the_sign_only():
    a, b = counts(0.7, 0), counts(0.5, 1)
    forth, back = paired_permutation(a, b), paired_permutation(b, a)
    assert forth == (-back[0], back[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p):
    adjusted = holm(p)
    for raw, one in zip(p, adjusted, strict=True):
        assert raw <= one <= min(1, raw * len(p))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="p-values"):
        holm([0.1, 1.2])


def test_every_pair_of_models_is_compared_once():
    table = compare_models({"a": counts(0.8), "b": counts(0.5, 1), "c": counts(0.5, 2)}, n=200)
    assert list(zip(table["first"], table["second"], strict=True)) == [
        ("a", "b"), ("a", "c"), ("b", "c")
    ]  # fmt: skip
    assert (table.p_holm >= table.p).all()


def test_agreement_of_seeds_is_the_mean_over_pairs():
    runs = np.random.default_rng(0).integers(0, C, (3, 60))
    found = seed_agreement(runs)
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert found["agreement"] == np.mean([(runs[i] == runs[j]).mean() for i, j in pairs])
    assert found["kappa"] == pytest.approx(
        np.mean([cohen_kappa_score(runs[i], runs[j]) for i, j in pairs])
    )
    same = {"agreement": 1.0, "kappa": 1.0, "unanimous": 1.0}
    assert seed_agreement(runs[:1]) == seed_agreement(np.zeros((2, 5), int)) == same


def test_the_detectable_difference_is_that_of_a_paired_t_test():
    a, b = counts(0.62, 0), counts(0.5, 1)
    difference = accuracy_of(a[0]) - accuracy_of(b[0])
    error = difference.std() / np.sqrt(S)
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error
    found = minimum_detectable_difference(a, b, accuracy_of, n=20000)
    assert found == pytest.approx(expected, rel=0.03)


def test_four_times_the_subjects_show_half_the_difference():
    a, b = counts(0.62, 0), counts(0.5, 1)
    once = minimum_detectable_difference(a, b, n=4000)
    often = minimum_detectable_difference(
        np.tile(a, (1, 4, 1, 1)), np.tile(b, (1, 4, 1, 1)), n=4000
    )
    assert often == pytest.approx(once / 2, rel=0.06)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_draw_of_subjects_scores_within_what_single_subjects_allow(seed):
    scores = bootstrap_scores(counts(0.5, seed), accuracy_of, n=20, seed=seed)
    each = accuracy_of(counts(0.5, seed)[0])
    assert (scores >= each.min() - 1e-9).all()
    assert (scores <= each.max() + 1e-9).all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [((3, 3), "confusion matrices"), ((1, 1, 3, 3), "two subjects"), ((1, 5, 3, 2), "shapes")],
)
def test_other_shapes_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_scores(np.zeros(shape))


def test_models_of_different_subjects_are_not_compared():
    with pytest.raises(ValueError, match="different subjects"):
        paired_permutation(counts(0.5), counts(0.5)[:, 1:])
