from dataclasses import fields

import numpy as np
import pytest

from mecore import runtime
from mecore.errors import DataError, OptionError
from mecore.models.dense_lstm.network import build_network
from mecore.models.dense_lstm.options import DenseOptions, option_table, reading
from mecore.models.dense_lstm.projection import fit_projection
from mecore.models.dense_lstm.training import Scorer
from mecore.studies.dense_lstm.fit import fit, score_positions, training_windows

SMALL = reading(positions=8, stride=4, epochs=2, every=1, batch=8, components=4, skip=2)


def rows(n, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("length", [600, 1_536, 11_328])
def test_the_network_has_80_d_plus_1701_parameters(length):
    assert build_network(length, reading()).count_params() == 80 * length + 1_701


def test_two_layers_add_an_lstm_on_20_units():
    added = 4 * (20 * (20 + 20) + 20)
    assert build_network(10, reading(layers=2)).count_params() == 80 * 10 + 1_701 + added


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_score_before_it(bidirectional):
    runtime.start(0)
    options = reading(positions=8, bidirectional=bidirectional)
    network = build_network(5, options)
    features = rows(8)[None]
    mask = np.arange(8)[None] < 5
    other = features.copy()
    other[:, 5:] = 9
    one, two = (np.asarray(network([x, mask])) for x in (features, other))
    np.testing.assert_allclose(one[:, :5], two[:, :5], atol=1e-6)


def test_a_video_shorter_than_a_scanning_window_is_scored_at_every_position():
    runtime.start(0)
    scores = score_positions(Scorer(build_network(5, SMALL)), rows(3), SMALL)
    assert scores.shape == (3,)
    assert ((scores > 0) & (scores < 1)).all()


def test_windows_without_an_expression_are_thinned_out():
    targets = np.zeros(400, np.float32)
    targets[100:103] = 1
    windows = training_windows([(rows(400), targets)], SMALL, np.random.default_rng(0))
    holds = windows.targets.any(axis=1)
    assert (~holds).sum() == 3 * holds.sum()


def test_padded_positions_do_not_count_in_the_loss():
    targets = np.ones(5, np.float32)
    windows = training_windows([(rows(5), targets)], SMALL, np.random.default_rng(0))
    assert windows.mask.sum() == 5
    assert windows.targets[~windows.mask].sum() == 0


def test_subjects_without_any_expression_cannot_be_trained_on():
    with pytest.raises(DataError, match="no training window holds an expression"):
        training_windows([(rows(50), np.zeros(50, np.float32))], SMALL, np.random.default_rng(0))


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
def test_a_network_learns_what_its_features_show(loss):
    options = reading(positions=8, stride=4, epochs=20, every=20, batch=16, rate=0.03, loss=loss)
    x = rows(300, 3)
    x[:, 0] = 0
    x[60:70, 0] = x[200:210, 0] = 4
    y = (x[:, 0] > 0).astype(np.float32)
    fitted = fit([(x, y)], {"again": (None, x)}, options, seed=1)
    scores = np.asarray(fitted.scores.scores.iloc[-1])
    assert fitted.history.loss.iloc[-1] < 0.5 * fitted.history.loss.iloc[0]
    assert scores[y > 0].mean() > scores[y == 0].mean() + 0.3


def test_training_repeats_itself():
    y = np.zeros(60, np.float32)
    y[20:25] = 1
    one, two = (fit([(rows(60), y)], {"v": (None, rows(30))}, SMALL, 3) for _ in range(2))
    np.testing.assert_array_equal(one.scores.scores.iloc[-1], two.scores.scores.iloc[-1])


def test_a_projection_centres_scales_and_decorrelates_its_own_rows():
    data = rows(200, 6) @ rows(6, 6, seed=1) + 3
    small = fit_projection(data, 4)(data)
    assert small.shape == (200, 4)
    np.testing.assert_allclose(small.mean(axis=0), 0, atol=1e-4)
    covariance = np.cov(small.T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)
    assert (np.diff(np.diag(covariance)) <= 0).all()


def test_a_full_projection_keeps_distances():
    data = rows(50, 6)
    standard, turned = (fit_projection(data, c)(data) for c in (0, 6))
    distance = [np.linalg.norm(z[0] - z[1:], axis=1) for z in (standard, turned)]
    np.testing.assert_allclose(distance[1] / distance[0], (distance[1] / distance[0])[0], rtol=1e-4)


def test_constant_features_vanish():
    data = rows(50, 3)
    data[:, 1] = 7
    project = fit_projection(data, 0)
    assert (project(data)[:, 1] == 0).all()
    np.testing.assert_array_equal(fit_projection(np.ones((9, 4), np.float32), 2)(rows(3, 4)), 0)


def test_nan_features_are_refused_with_their_position():
    data = rows(20)
    data[13, 2] = np.nan
    with pytest.raises(DataError, match="position 13: a feature is NaN"):
        fit_projection(data, 2)
    with pytest.raises(DataError, match="position 13"):
        fit_projection(rows(20), 2)(data)


def test_every_option_is_documented():
    assert len(option_table()) == len(fields(DenseOptions))
    for row in option_table():
        assert row["topic"]
        assert row["paper"]
        assert row["why"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": 2}, "did you mean 'layers'"),
        ({"geometry": "lwmm"}, "did you mean 'lwm'"),
        ({"epochs": 0}, "at least 1"),
        ({"floor": 1}, "neither True nor False"),
        ({"rate": -1.0}, "negative"),
        ({"layers": 1.5}, "no whole number"),
    ],
)
def test_options_that_do_not_exist_are_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        reading(**changes)


def test_a_video_that_does_not_change_has_no_score_that_stands_out_at_its_start():
    runtime.start(0)
    scores = score_positions(Scorer(build_network(5, SMALL)), np.ones((40, 5), np.float32), SMALL)
    alone = score_positions(
        Scorer(build_network(5, SMALL)), np.ones((40, 5), np.float32), reading(positions=8, skip=0)
    )
    assert scores.shape == alone.shape == (40,)
    assert np.ptp(scores) < np.ptp(alone)
