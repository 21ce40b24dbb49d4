import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.svm import SVC

from mecore.errors import DataError, OptionError
from mecore.models.svm import smo
from mecore.models.svm.grid import COARSE, THESIS, PolynomialGrid, gram_matrix, predict_grid


def samples(kind, n=90, classes=3, seed=0):
    """Features with a weak signal: histograms, main directions, or normal numbers."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    if kind == "directions":
        rho, theta = rng.beta(2, 4, (n, 36)), rng.vonmises(0, 1, (n, 36))
        theta[np.arange(n), labels] += 1
        x = np.hstack([0.9 * rho / rho.max(axis=1, keepdims=True), 0.1 * theta])
    elif kind == "blocks":
        x = rng.gamma(1, 1, (n, 20, 59))
        x[np.arange(n), :, labels] *= 3
        x = (x / x.sum(axis=-1, keepdims=True)).reshape(n, -1)
    else:
        x = rng.normal(size=(n, 10)) * 0.3
        x[np.arange(n), labels] += 0.4
    return x, labels


@pytest.mark.parametrize("kind", ["directions", "blocks", "normal"])
def test_every_setting_predicts_what_a_support_vector_machine_on_the_features_predicts(kind):
    x, labels = samples(kind, classes=4)
    train, test = np.arange(75), np.arange(75, 90)
    settings = [THESIS.settings[n] for n in np.random.default_rng(1).choice(6400, 80, False)]
    predicted = predict_grid(gram_matrix(x), labels, train, test, THESIS)
    for degree, coef, gamma, penalty in settings:
        model = SVC(kernel="poly", degree=degree, coef0=coef, gamma=gamma, C=penalty)
        expected = model.fit(x[train], labels[train]).predict(x[test])
        number = THESIS.settings.index((degree, coef, gamma, penalty))
        np.testing.assert_array_equal(predicted[:, number], expected, str(model))


def test_the_grid_of_the_thesis_has_6400_settings_and_the_coarse_one_640():
    assert (len(THESIS), len(COARSE)) == (6400, 640)
    assert {0.01, 0.11, 0.21, 0.41} <= set(COARSE.gammas)
    assert (5, 1, 0.7, 0.1) in THESIS.settings


def test_without_coef_gamma_is_a_factor_of_the_penalty():
    kernels, bounds, ends, _ = PolynomialGrid((2,), (0,), (0.1, 1.0), (1, 100)).plan
    assert len(kernels) == 1
    # gamma 0.1 with C = 100 is gamma 1 with C = 1
    np.testing.assert_allclose(bounds, [100, 1, 0.01])
    assert ends.tolist() == [3]


def test_settings_whose_kernels_differ_by_a_power_of_two_share_one():
    kernels, bounds, ends, place = PolynomialGrid((3,), (1, 2), (0.1, 0.2), (1,)).plan
    assert kernels.tolist() == [[3, 1, 0.1], [3, 1, 0.2], [3, 1, 0.05]]
    # coef 2, gamma 0.2 and C = 1 is coef 1, gamma 0.1 and C = 8
    np.testing.assert_allclose(bounds, [8, 1, 1, 8])
    assert ends.tolist() == [2, 3, 4]
    assert place.tolist() == [1, 2, 3, 0]


def test_ties_are_solved_once():
    x, labels = samples("normal", classes=2)
    kernel = (gram_matrix(100 * x) + 1) ** 2
    y = np.where(labels == 0, 1.0, -1.0)
    _, _, top = smo.solve(kernel, y, 1e9)
    assert top < 1e9
    weights, rho, _ = smo.solve(kernel, y, 1e9)
    for bound in (top * 1.001, top * 7):
        again = smo.solve(kernel, y, bound)
        np.testing.assert_array_equal(again[0], weights)
        assert again[1] == rho


@given(st.integers(0, 10_000), st.sampled_from([0.01, 0.3, 1.0, 30.0]), st.integers(4, 40))
def test_the_solution_is_feasible_and_optimal(seed, bound, n):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    kernel = (x @ x.T + 1) ** 2
    weights, rho, _ = smo.solve(kernel, y, bound)
    alpha = weights * y
    assert alpha.min() >= 0
    assert alpha.max() <= bound
    assert abs(weights.sum()) < 1e-9 * max(1, bound * n)
    margin = y * (kernel @ weights - rho)
    slack = 3e-3 * max(1, np.abs(kernel).max() * 1e-3)
    assert (margin[alpha <= 0] >= 1 - slack).all()
    assert (margin[alpha >= bound] <= 1 + slack).all()


def test_a_kernel_beyond_single_precision_still_separates():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    counts = rng.poisson(90, (60, 300)) + 900 * np.eye(2)[labels].repeat(150, axis=1)
    gram = gram_matrix(counts)
    assert (0.91 * gram.max()) ** 5 > np.finfo(np.float32).max
    predicted = predict_grid(gram, labels, np.arange(50), np.arange(50, 60), COARSE)
    assert (predicted == labels[50:, None]).all()


def test_an_absent_class_is_never_predicted():
    x, labels = samples("normal", classes=3)
    train = np.flatnonzero(labels[:70] != 1)
    predicted = predict_grid(gram_matrix(x), labels, train, np.arange(70, 90), COARSE)
    assert 1 not in predicted


def test_constant_features_give_one_answer():
    predicted = predict_grid(
        gram_matrix(np.ones((12, 5))), np.arange(12) % 2, np.arange(10), np.arange(10, 12), COARSE
    )
    assert (predicted == predicted[0]).all()


def test_one_class_in_training_is_refused():
    with pytest.raises(DataError, match="two classes to learn, the 5 training samples have 1"):
        predict_grid(np.eye(6), np.zeros(6, int), np.arange(5), np.array([5]), COARSE)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_named_by_their_sample(bad):
    x = np.ones((4, 3))
    x[2, 1] = bad
    with pytest.raises(DataError, match="sample 2 has NaN or infinite features"):
        gram_matrix(x)
    with pytest.raises(DataError, match=r"must be \(samples, values\)"):
        gram_matrix(np.ones(3))


@pytest.mark.parametrize("axes", [{"degrees": ()}, {"gammas": (0.0,)}, {"penalties": (-1,)}])
def test_a_grid_that_is_none_is_refused(axes):
    with pytest.raises(OptionError, match="no grid"):
        PolynomialGrid(**axes)
