from dataclasses import fields

import numpy as np
import pytest
import tensorflow as tf

from mecore import runtime
from mecore.errors import DataError, OptionError
from mecore.models.choices import choice_table
from mecore.models.dense_lstm.network import build_network
from mecore.models.dense_lstm.options import DenseOptions, preset
from mecore.models.dense_lstm.projection import Positions, fit_projection
from mecore.models.dense_lstm.stacked import DenseStack, fresh, logits
from mecore.models.dense_lstm.training import score_positions, train, training_windows

SMALL = preset(positions=8, stride=4, epochs=2, every=1, batch=8, components=4, skip=2)


def rows(n, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def stack_of(*seeds, options=SMALL, d=5):
    return DenseStack([fresh(d, options, np.random.default_rng(s)) for s in seeds], options)


def as_network(weights, options):
    """The Keras network that has the weights of a copy."""
    network = build_network(weights[0].shape[0], options)
    network.set_weights(weights)
    return network


def expression(n, onset, offset):
    targets = np.zeros(n, np.float32)
    targets[onset:offset] = 1
    return targets


def trained(options, videos, seeds):
    """A stack with one copy for each list of targets, trained on the same features."""
    placed = Positions.of({"v": videos[0]})
    rngs = [np.random.default_rng(s) for s in seeds]
    windows = [training_windows([(1, y)], options, r) for y, r in zip(videos[1], rngs, strict=True)]
    stack = stack_of(*seeds, options=options, d=videos[0].shape[1])
    history = train(stack, placed.rows, windows, options, rngs)
    return stack, placed, history


@pytest.mark.parametrize("length", [600, 1_536, 11_328])
def test_the_network_has_80_d_plus_1701_parameters(length):
    assert build_network(length, preset()).count_params() == 80 * length + 1_701
    assert sum(w.size for w in fresh(length, preset(), np.random.default_rng(0))) == (
        80 * length + 1_701
    )


def test_two_layers_add_an_lstm_on_20_units():
    added = 4 * (20 * (20 + 20) + 20)
    assert build_network(10, preset(layers=2)).count_params() == 80 * 10 + 1_701 + added


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_score_before_it(bidirectional):
    runtime.start(0)
    options = preset(positions=8, bidirectional=bidirectional)
    network = build_network(5, options)
    features = rows(8)[None]
    mask = np.arange(8)[None] < 5
    other = features.copy()
    other[:, 5:] = 9
    one, two = (np.asarray(network([x, mask])) for x in (features, other))
    np.testing.assert_allclose(one[:, :5], two[:, :5], atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_copy_of_a_stack_is_a_keras_network_with_the_same_scores_and_gradients(
    layers, bidirectional
):
    options = preset(positions=8, layers=layers, bidirectional=bidirectional)
    stack = stack_of(0, 1, options=options)
    table = np.concatenate([np.zeros((1, 5), np.float32), rows(40)])
    at = np.random.default_rng(0).integers(1, 41, (2, 3, 8)).astype(np.int32)
    at[:, 0, 5:] = 0
    network, real = as_network(stack.copy(1), options), (at[1] > 0).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(stack.weights)
        scores = logits(stack.weights, tf.constant(table), tf.constant(at), options)
        total = tf.reduce_sum(scores[1] * real)
    stacked = [g[1] for g in tape.gradient(total, stack.weights)]
    with tf.GradientTape() as tape:
        alone = network([table[at[1]], at[1] > 0])
        total = tf.reduce_sum(alone * real)
    np.testing.assert_allclose(scores[1] * real, alone * real, atol=1e-6)
    for one, other in zip(stacked, tape.gradient(total, network.trainable_variables), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_windows_that_share_positions_are_scored_as_windows_of_their_own():
    stack, placed = stack_of(0, 1), Positions.of({"v": rows(200)})
    scores = stack(tf.constant(placed.rows), np.arange(1, 201, dtype=np.int32))
    network = as_network(stack.copy(1), SMALL)
    for start in (0, 127, 192):
        alone = network([placed.rows[None, start + 1 : start + 9], np.ones((1, 8), bool)])
        np.testing.assert_allclose(scores[1, start], tf.sigmoid(alone)[0], atol=1e-6)


def test_a_copy_is_trained_as_if_it_were_alone():
    x, targets = rows(60), [expression(60, 20, 25), expression(60, 40, 52)]
    both, *_ = trained(SMALL, (x, targets), (3, 4))
    for number, seed in enumerate((3, 4)):
        alone, *_ = trained(SMALL, (x, targets[number : number + 1]), (seed,))
        for one, other in zip(both.copy(number), alone.copy(0), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_step_of_a_copy_is_that_of_keras_adam():
    options = preset(positions=8, stride=4, epochs=1, every=1, batch=8, rate=0.01)
    x, y = rows(12), expression(12, 2, 6)
    stack, placed, _ = trained(options, (x, [y]), (0,))
    network = as_network(stack_of(0, options=options).copy(0), options)
    windows = training_windows([(1, y)], options, np.random.default_rng(0))
    with tf.GradientTape() as tape:
        scores = network([placed.rows[windows.at], windows.at > 0])
        each = tf.nn.sigmoid_cross_entropy_with_logits(windows.targets, scores)
        loss = tf.reduce_mean(each)
    import keras

    weights = network.trainable_variables
    keras.optimizers.Adam(0.01).apply_gradients(
        zip(tape.gradient(loss, weights), weights, strict=True)
    )
    for one, other in zip(stack.copy(0), network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_video_shorter_than_a_scanning_window_is_scored_at_every_position():
    placed = Positions.of({"v": rows(3), "w": rows(20)})
    short, long = score_positions(stack_of(0, 1), placed.rows, list(placed.places.values()))
    assert short.shape == (2, 3)
    assert long.shape == (2, 20)
    assert ((short > 0) & (short < 1)).all()


def test_the_score_of_a_video_does_not_depend_on_those_beside_it():
    placed, stack = Positions.of({"v": rows(30), "w": rows(20, seed=1)}), stack_of(0)
    alone = score_positions(stack, placed.rows, [placed.places["w"]])[0]
    together = score_positions(stack, placed.rows, [placed.places[k] for k in ("v", "w")])[1]
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_windows_without_an_expression_are_thinned_out():
    windows = training_windows([(1, expression(400, 100, 103))], SMALL, np.random.default_rng(0))
    holds = windows.targets.any(axis=1)
    assert (~holds).sum() == 3 * holds.sum()


def test_padded_positions_do_not_count_in_the_loss():
    windows = training_windows([(1, np.ones(5, np.float32))], SMALL, np.random.default_rng(0))
    assert (windows.at > 0).sum() == 5
    assert windows.targets[windows.at == 0].sum() == 0


def test_subjects_without_any_expression_cannot_be_trained_on():
    with pytest.raises(DataError, match="no training window holds an expression"):
        training_windows([(1, np.zeros(50, np.float32))], SMALL, np.random.default_rng(0))


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
def test_a_network_learns_what_its_features_show(loss):
    options = preset(positions=8, stride=4, epochs=20, every=20, batch=16, rate=0.03, loss=loss)
    x = rows(300, 3)
    x[:, 0] = 0
    x[60:70, 0] = x[200:210, 0] = 4
    y = (x[:, 0] > 0).astype(np.float32)
    stack, placed, history = trained(options, (x, [y]), (1,))
    scores = score_positions(stack, placed.rows, [placed.places["v"]])[0][0]
    assert history.loss.iloc[-1] < 0.5 * history.loss.iloc[0]
    assert scores[y > 0].mean() > scores[y == 0].mean() + 0.3


def test_training_repeats_itself():
    one, two = (trained(SMALL, (rows(60), [expression(60, 20, 25)]), (3,))[0] for _ in range(2))
    for a, b in zip(one.copy(0), two.copy(0), strict=True):
        np.testing.assert_array_equal(a, b)


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
    table = choice_table(DenseOptions)
    assert len(table) == len(fields(DenseOptions))
    for row in table:
        assert row["topic"]
        assert row["paper"]
        assert row["why"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": 2}, "did you mean 'layers'"),
        ({"geometry": "lwmm"}, "did you mean 'lwm'"),
        ({"missing_apex": "midle"}, "did you mean 'middle'"),
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"floor": 1}, "valid boolean"),
        ({"rate": -1.0}, "greater than or equal to 0"),
        ({"layers": 1.5}, "valid integer"),
    ],
)
def test_options_that_do_not_exist_are_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        preset(**changes)


@pytest.mark.parametrize("seed", range(3))
def test_a_video_that_does_not_change_has_no_score_that_stands_out_at_its_start(seed):
    placed = Positions.of({"v": np.ones((90, 5), np.float32)})
    weights = fresh(5, preset(), np.random.default_rng(seed))
    late, early = (
        score_positions(DenseStack([weights], preset(skip=skip)), placed.rows, [(1, 90)])[0][0]
        for skip in (8, 0)
    )
    assert late.shape == early.shape == (90,)
    assert abs(late[0] - late[45]) < abs(early[0] - early[45])
