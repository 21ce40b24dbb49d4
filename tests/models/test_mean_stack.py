"""Copies of MEAN side by side compute and learn what each of them does alone."""

import numpy as np
import pytest
import tensorflow as tf

from mecore import runtime
from mecore.models.mean.network import STREAMS, build_mean
from mecore.models.mean.options import preset
from mecore.models.mean.stacked import MeanStack, as_network, fresh, weights_of
from mecore.models.mean.weights import published_networks

FEATURES = np.random.default_rng(0).random((21, 42, 42, 3), np.float32)
STREAMS_OF = [FEATURES[..., k, None] for k in range(3)]
SEEN = np.stack([np.ones(21, bool), np.arange(21) % 3 > 0])


def shaken(n, reading="default", n_classes=3, **changes):
    """Copies whose every weight is away from its start: also norms that turn a sign round."""
    options, copies = preset(reading, **changes), []
    for number in range(n):
        rng = np.random.default_rng([7, number])
        copy = fresh(n_classes, options, rng)
        for name, weight in copy.items():
            spread = rng.normal(0, 0.3, weight.shape).astype(np.float32)
            copy[name] = np.abs(spread) + 0.1 if "variance" in name else weight + spread
        copies.append(copy)
    return copies, options


def one_by_one(copies, options):
    outputs = [as_network(copy, options).whole(STREAMS_OF) for copy in copies]
    scores, classes = zip(*outputs, strict=True)
    return np.stack(scores)[..., 0], np.stack(classes)


@pytest.mark.parametrize("reading", ["default", "as_written"])
@pytest.mark.parametrize(("n", "n_classes"), [(1, 3), (4, 5)])
def test_each_copy_says_what_the_network_with_its_weights_says(reading, n, n_classes):
    copies, options = shaken(n, reading, n_classes)
    for found, expected in zip(
        MeanStack(copies, options)(FEATURES), one_by_one(copies, options), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_the_order_of_the_copies_does_not_matter():
    copies, options = shaken(3)
    there, back = (MeanStack(some, options)(FEATURES) for some in (copies, copies[::-1]))
    for a, b in zip(there, back, strict=True):
        np.testing.assert_allclose(a, b[::-1], atol=1e-4, rtol=1e-4)


def test_how_many_frames_are_asked_about_does_not_matter():
    stack = MeanStack(*shaken(2))
    for one, many in zip(stack(FEATURES[8:9]), stack(FEATURES), strict=True):
        np.testing.assert_allclose(one, many[:, 8:9], rtol=1e-5, atol=1e-6)
    scores, classes = stack(FEATURES[:0])
    assert (scores.shape, classes.shape) == ((2, 0), (2, 0, 3))


def test_weights_go_to_a_network_and_back():
    copies, options = shaken(2)
    stack = MeanStack(copies, options)
    for number, copy in enumerate(copies):
        again = weights_of(as_network(stack.copy(number), options))
        assert again.keys() == copy.keys()
        for name, weight in copy.items():
            np.testing.assert_array_equal(again[name], weight)
    part = MeanStack([stack.copy(1)], options)
    np.testing.assert_allclose(part(FEATURES)[0][0], stack(FEATURES)[0][1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reading", ["default", "as_written"])
def test_a_copy_learns_from_the_samples_it_sees_what_the_network_learns_from_them(reading):
    copies, options = shaken(2, reading, dropout_shared=0.0, l2_shared=0.0)
    stack, networks = MeanStack(copies, options), [as_network(c, options) for c in copies]
    weights = tf.constant(SEEN, tf.float32)
    with tf.GradientTape() as tape:
        maps = stack.maps(tf.constant(FEATURES), weights)
        loss = tf.reduce_sum(maps**2 * tf.transpose(weights)[:, None, None, :, None])
    gradients = dict(
        zip(stack.weights, tape.gradient(loss, list(stack.weights.values())), strict=True)
    )
    for number, (network, seen) in enumerate(zip(networks, SEEN, strict=True)):
        with tf.GradientTape() as tape:
            alone = network.shared([x[seen] for x in STREAMS_OF], training=True)
            loss = tf.reduce_sum(alone**2)
        np.testing.assert_allclose(maps[:, :, :, number][seen], alone, rtol=1e-3, atol=1e-3)
        variables = network.shared.trainable_variables
        for variable, expected in zip(variables, tape.gradient(loss, variables), strict=True):
            found = gradients["/".join(variable.path.split("/")[-2:])][number]
            scale = float(tf.reduce_max(tf.abs(expected)))
            np.testing.assert_allclose(found, expected, atol=5e-3 * scale)
        after = weights_of(network)
        for name, weight in stack.copy(number).items():
            np.testing.assert_allclose(weight, after[name], atol=1e-4)


def test_the_first_weights_of_a_copy_are_drawn_like_those_of_a_network():
    runtime.start(0)
    drawn, keras = fresh(3, preset(), np.random.default_rng(0)), weights_of(build_mean(3, preset()))
    assert {k: w.shape for k, w in drawn.items()} == {k: w.shape for k, w in keras.items()}
    for name, weight in keras.items():
        np.testing.assert_allclose(drawn[name].std(), np.std(weight), rtol=0.25)
    assert set(STREAMS) == {
        name[6:-7] for name in drawn if name.startswith("conv1") and "kern" in name
    }


@pytest.mark.external
@pytest.mark.usefixtures("external")
@pytest.mark.parametrize("name", ["casme2", "smic_nir"])
def test_the_published_networks_say_together_what_they_say_alone(name):
    options, copies = preset("as_released"), published_networks(name)
    for found, expected in zip(
        MeanStack(copies, options)(FEATURES), one_by_one(copies, options), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=2e-5)
