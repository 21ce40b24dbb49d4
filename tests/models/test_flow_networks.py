"""Stacked folds against one plain Keras network after another."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from mecore.models.flow.networks import NETWORKS, Block, FlowNetwork, build, first_weights
from mecore.models.flow.networks import weight_shapes as shapes_of
from mecore.models.flow.stacked import Stack, Training, train

SIDE, N = 12, 20
STILL = [
    FlowNetwork("shallow", (((0, 1, 2), (Block(2, 3, 3),)), ((0, 1, 2), (Block(3, 3, 3),))),
                average=2),
    FlowNetwork("deep", (((0,), (Block(2, 5, 2), Block(3, 3, 2))),
                         ((1,), (Block(2, 5, 2), Block(3, 3, 2)))), dense=(6,)),
    FlowNetwork("joint", (((1,), (Block(2, 5, 3),)), ((2,), (Block(4, 5, 3),))),
                joint=(Block(3, 3, 3),)),
]  # fmt: skip


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(N, SIDE, SIDE, 3)).astype(np.float32)
    return images, rng.integers(0, 3, (4, N)), np.arange(N) % 4


def stack_of(network, copies, side=SIDE):
    starts = [first_weights(network, 3, np.random.default_rng(f), side) for f in range(copies)]
    return Stack(network, starts, range(copies))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_the_parameters_that_its_description_says(name):
    model = build(NETWORKS[name], 3)
    shapes = [s for pair in shapes_of(NETWORKS[name], 3) for s in pair]
    assert [w.shape for w in model.get_weights()] == shapes


def test_parameters_are_those_of_the_papers():
    # STSTNet: 448 of convolutions and 1,203 of the output; OFF-ApexNet: Liong et al. 2019, 2.66 M.
    assert build(NETWORKS["STSTNet"], 3).count_params() == 1651
    assert build(NETWORKS["OFF-ApexNet"], 3).count_params() == 2_664_475


@pytest.mark.parametrize("network", [*STILL, *NETWORKS.values()], ids=lambda n: n.name)
@pytest.mark.parametrize("side", [SIDE, 13, 28])
def test_every_copy_computes_what_its_keras_model_computes(network, side):
    stack = stack_of(network, 2, side)
    images = np.random.default_rng(1).normal(size=(3, side, side, 3)).astype(np.float32)
    model = build(network, 3, side)
    for copy, logits in enumerate(stack.logits(stack.patches(images)).numpy()):
        model.set_weights(stack.get_weights(copy))
        np.testing.assert_allclose(logits, model(images).numpy(), atol=1e-5)


def one_by_one(network, images, labels, mask, training, seed, start):
    """The plain route: the same batches without the samples that the fold must not see."""
    model = build(network, 3, SIDE)
    model.set_weights(start)
    optimiser = keras.optimizers.Adam(training.learning_rate)
    order, given = np.random.default_rng(seed), []
    for _ in range(training.epochs):
        shuffled = order.permutation(N)
        for i in range(0, N, training.batch_size):
            batch = shuffled[i : i + training.batch_size]
            batch = batch[mask[batch]]
            with tf.GradientTape() as tape:
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels[batch], model(images[batch], training=True)
                )
                mean = tf.reduce_mean(loss)
            weights = model.trainable_variables
            optimiser.apply(tape.gradient(mean, [w.value for w in weights]), weights)
        given.append(tf.nn.softmax(model(images[~mask])).numpy())
    return np.stack(given), model.get_weights()


@pytest.mark.parametrize("network", STILL, ids=lambda n: n.name)
def test_folds_trained_at_once_agree_with_folds_trained_one_by_one(network, samples):
    images, labels, subject = samples
    stack, training = stack_of(network, 4), Training(6, 8, 1e-2)
    asked = subject == np.arange(4)[:, None]
    starts = [stack.get_weights(f) for f in range(4)]
    given = train(stack, images, labels, ~asked, asked, training, 7)
    for f in range(4):
        alone, weights = one_by_one(network, images, labels[f], ~asked[f], training, 7, starts[f])
        np.testing.assert_allclose(given[f], alone, atol=1e-4)
        for a, b in zip(stack.get_weights(f), weights, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_fold_does_not_know_how_many_it_is_trained_with(samples):
    images, labels, subject = samples
    network = NETWORKS["STSTNet"]
    asked = subject == np.arange(4)[:, None]
    starts = [first_weights(network, 3, np.random.default_rng(f), SIDE) for f in range(4)]
    several, alone = Stack(network, starts, range(4)), Stack(network, starts[2:3], [2])
    parts = train(several, images, labels, ~asked, asked, Training(3, 8), 7)
    one = train(alone, images, labels[2:3], ~asked[2:3], asked[2:3], Training(3, 8), 7)
    np.testing.assert_allclose(parts[2], one[0], atol=1e-4)


def test_a_sample_that_a_fold_must_not_see_changes_nothing(samples):
    images, labels, subject = samples
    asked = subject == np.arange(4)[:, None]
    others = images.copy()
    others[subject == 0] = 100
    network = NETWORKS["MEAN, recognition"]
    first, second = stack_of(network, 4), stack_of(network, 4)
    train(first, images, labels, ~asked, asked, Training(3, 8), 7)
    train(second, others, labels, ~asked, asked, Training(3, 8), 7)
    for a, b in zip(first.get_weights(0), second.get_weights(0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_dropout_acts_in_training_only_and_differs_by_copy():
    network = NETWORKS["STSTNet"]
    same = first_weights(network, 3, np.random.default_rng(0))
    stack = Stack(network, [same, same], [0, 1])
    patches = stack.patches(np.random.default_rng(1).normal(size=(4, 28, 28, 3)).astype(np.float32))
    still, dropped = stack.logits(patches).numpy(), stack.logits(patches, tf.constant(1)).numpy()
    np.testing.assert_array_equal(still[0], still[1])
    assert not np.allclose(dropped[0], dropped[1])
    many = np.mean([stack.logits(patches, tf.constant(i)).numpy() for i in range(300)], axis=0)
    np.testing.assert_allclose(many[0], still[0], atol=0.15)


def test_a_copy_is_never_asked_about_what_it_was_trained_on(samples):
    images, labels, _ = samples
    everything = np.ones((4, N), bool)
    with pytest.raises(ValueError, match="not trained on"):
        train(stack_of(STILL[0], 4), images, labels, everything, everything, Training(1), 0)


def test_a_finished_training_leaves_no_graph_behind(samples):
    def graphs():
        gc.collect()
        return sum(type(o) is FuncGraph for o in gc.get_objects())

    images, labels, subject = samples
    before = graphs()
    seen = np.arange(4)[:, None] != subject
    train(stack_of(STILL[0], 4), images, labels, seen, ~seen, Training(1, 8), seed=0)
    assert graphs() <= before
