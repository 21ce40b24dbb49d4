import json
import random

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from mecore import runtime
from mecore.errors import ExternalFileError
from mecore.models.gradcam import grad_cam
from mecore.models.mean import training
from mecore.models.mean.cost import count_flops
from mecore.models.mean.fused import FusedShared
from mecore.models.mean.network import build_mean
from mecore.models.mean.options import preset
from mecore.models.mean.weights import load_published, published_networks

RNG = np.random.default_rng(0)
FEATURES = RNG.random((40, 42, 42, 3), np.float32)


@pytest.mark.parametrize(
    ("n_classes", "reading", "parameters"),
    [(3, "default", 7608), (5, "default", 8394), (4, "default", 8001), (3, "as_written", 7552)],
)
def test_the_network_has_exactly_the_published_number_of_parameters(n_classes, reading, parameters):
    assert build_mean(n_classes, preset(reading)).whole.count_params() == parameters


def test_the_start_of_a_network_depends_on_its_seed_and_not_on_who_else_draws_numbers():
    def first_weights(disturb):
        runtime.start(3)
        disturb()
        return np.concatenate([w.ravel() for w in build_mean(3, preset()).whole.get_weights()])

    alone = first_weights(lambda: None)
    np.testing.assert_array_equal(first_weights(random.random), alone)


@pytest.mark.parametrize(("n_classes", "flops"), [(3, 3_538_295), (5, 3_539_875)])
def test_the_network_costs_the_published_3_5_million_operations(n_classes, flops):
    assert count_flops(build_mean(n_classes, preset()).whole) == flops


@pytest.mark.parametrize("reading", ["default", "as_written"])
def test_the_fused_shared_part_computes_what_the_three_streams_compute(reading):
    options = preset(reading, dropout_shared=0.0)
    plain, fused = (build_mean(3, options).shared for _ in range(2))
    fused.set_weights(plain.get_weights())
    call = FusedShared(fused)
    x = tf.constant(FEATURES)
    streams = [x[..., c : c + 1] for c in range(3)]
    for training_mode in (True, True, False):
        with tf.GradientTape(persistent=True) as tape:
            pair = plain(streams, training=training_mode), call(x, training=training_mode)
            losses = [tf.reduce_sum(maps**2) for maps in pair]
        # Keras' own variance is off by some 1e-4; that of image rows by 1e-6.
        np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-3)
        for a, b in zip(plain.trainable_variables, fused.trainable_variables, strict=True):
            gradients = tape.gradient(losses[0], a), tape.gradient(losses[1], b)
            scale = float(tf.reduce_max(tf.abs(gradients[0])))
            np.testing.assert_allclose(*gradients, atol=2e-3 * scale + 1e-3)
    for a, b in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def small(**changes):
    return preset(spot_epochs=2, recog_epochs=2, **changes)


def trained(seed=3):
    rng = runtime.start(seed)
    network = build_mean(3, small())
    chosen = np.stack([np.zeros(40, int), np.arange(40)], axis=1)
    frames = training.Frames([FEATURES], chosen, np.arange(40) % 2)
    spotting = training.train_spotting(network, frames, small(), rng)
    before = [w.copy() for w in network.shared.get_weights()]
    recognition = training.train_recognition(
        network, (FEATURES, np.arange(40) % 3), small(), rng, (FEATURES[:5], np.arange(5) % 3)
    )
    return network, before, spotting, recognition


def test_the_shared_part_is_frozen_while_recognition_is_trained():
    network, before, spotting, recognition = trained()
    for a, b in zip(before, network.shared.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert spotting.epoch.tolist() == recognition.epoch.tolist() == [1, 2]
    assert set(spotting) == {"epoch", "loss", "error"}
    assert {"error", "accuracy", "monitor_error", "monitor_accuracy"} <= set(recognition)
    assert (spotting.loss > spotting.error).all()


def test_the_same_seed_gives_the_same_network():
    first, second = trained(), trained()
    for a, b in zip(first[0].whole.get_weights(), second[0].whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[2].equals(second[2])


def test_without_transfer_the_recognition_network_is_its_own():
    rng = runtime.start(0)
    network, history = training.train_without_transfer(
        (FEATURES, np.arange(40) % 3), 3, small(), rng, (FEATURES[:0], np.arange(0))
    )
    assert len(history) == 2
    score, classes = training.predict(network, FEATURES[:7])
    assert score.shape == (7,)
    np.testing.assert_allclose(classes.sum(axis=1), 1, atol=1e-5)


def test_a_class_without_a_sample_keeps_its_output():
    rng = runtime.start(0)
    network = build_mean(3, small())
    training.train_recognition(network, (FEATURES, np.arange(40) % 2), small(), rng)
    assert training.predict(network, FEATURES[:2])[1].shape == (2, 3)


def test_grad_cam_lights_up_where_the_output_comes_from():
    maps = np.zeros((1, 6, 6, 2), np.float32)
    maps[0, 2, 3, 0], maps[0, 4, 1, 1] = 2, 5
    weights = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)

    def head(x, training=False):
        return keras.ops.matmul(keras.ops.sum(x, axis=(1, 2)), weights)

    for output, place in ((0, (2, 3)), (1, (4, 1))):
        heat = grad_cam(head, maps, output)[0]
        assert np.unravel_index(heat.argmax(), heat.shape) == place
        assert (heat > 0).sum() == 1
        assert heat.max() == 1


def test_grad_cam_is_cold_where_nothing_speaks_for_the_output():
    maps = np.ones((1, 4, 4, 1), np.float32)
    assert grad_cam(lambda x, training=False: -keras.ops.sum(x, axis=(1, 2)), maps).max() == 0


@pytest.mark.external
@pytest.mark.parametrize("number", [0, 1, 2])
def test_published_weights_reproduce_the_reference_outputs(external, number):
    about = json.loads((external / "mean_vectors" / "index.json").read_text())["folds"][number]
    vectors = np.load(external / "mean_vectors" / about["file"], allow_pickle=False)
    network = load_published(external / "mean_weights" / about["weights"], about["classes"])
    assert network.whole.count_params() == about["params"]
    for prefix in ("", "extra_"):
        u, v, e = (vectors[prefix + key] for key in "uve")
        score, classes = training.predict(network, np.concatenate([u, v, e], axis=-1))
        np.testing.assert_allclose(score, vectors[f"{prefix}spot"][:, 0], atol=2e-5)
        np.testing.assert_allclose(classes, vectors[f"{prefix}recog"], atol=2e-5)
    features = np.concatenate([vectors[key] for key in "uve"], axis=-1)
    np.testing.assert_allclose(
        training.shared_maps(network, features), vectors["shared"], atol=2e-5
    )


@pytest.mark.external
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n"), [("casme2", 26), ("casme_sq", 9), ("sammlv", 28), ("smic_vis", 8)]
)
def test_folds_with_an_untrained_head_are_left_out(external, name, n):
    assert len(published_networks(name)) == n


def test_a_file_that_is_not_mean_is_refused(tmp_path):
    path = tmp_path / "s1.hdf5"
    path.write_bytes(b"nothing")
    with pytest.raises(ExternalFileError, match="no weights of MEAN"):
        load_published(path, 3)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["a"]
        file.create_group("a").attrs["weight_names"] = ["w"]
        file["a"]["w"] = np.zeros((2, 2), np.float32)
    with pytest.raises(ExternalFileError, match=r"holds arrays \[\(2, 2\)\]"):
        load_published(path, 3)


def test_unknown_weights_are_answered_with_the_nearest_set():
    with pytest.raises(ExternalFileError, match="did you mean 'casme2'"):
        published_networks("casme3")
