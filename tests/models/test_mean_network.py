import json
import random

import h5py
import keras
import numpy as np
import pytest

from mecore import runtime
from mecore.errors import ExternalFileError
from mecore.models.gradcam import grad_cam
from mecore.models.mean import training
from mecore.models.mean.network import build_mean, count_flops
from mecore.models.mean.options import preset
from mecore.models.mean.stacked import MeanStack, as_network, fresh
from mecore.models.mean.weights import load_published, published_networks

RNG = np.random.default_rng(0)
FEATURES = RNG.random((40, 42, 42, 3), np.float32)
TARGETS = np.arange(40) % 2, np.arange(40) % 3


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


def small(**changes):
    return preset(spot_epochs=2, recog_epochs=2, **changes)


def stack(n=2, seed=3):
    copies = [fresh(3, small(), np.random.default_rng([seed, number])) for number in range(n)]
    return MeanStack(copies, small(), seed)


def samples(targets, seen, watched=None):
    return training.Samples(lambda part: FEATURES[part], targets, seen, watched)


def trained(n=2):
    networks, both = stack(n), (np.stack([targets] * n) for targets in TARGETS)
    spotting, recognition = both
    seen = np.stack([np.arange(40) % 4 != number for number in range(n)])
    frames = training.train_spotting(networks, samples(spotting, seen), small(), 3)
    before = networks.copy(0)
    expressions = samples(recognition, seen, ~seen)
    classes = training.train_recognition(networks, expressions, small(), 3)
    return networks, before, frames, classes


def test_the_shared_part_is_frozen_while_recognition_is_trained():
    networks, before, spotting, recognition = trained()
    after, start = networks.copy(0), stack().copy(0)
    for name in before:
        same = np.array_equal(before[name], after[name])
        assert same == ("recog" not in name), name
        assert np.array_equal(start[name], before[name]) == ("recog" in name), name
    for history in (spotting, recognition):
        assert history.groupby("copy").epoch.apply(list).tolist() == [[1, 2], [1, 2]]
    assert set(spotting) == {"copy", "epoch", "loss", "error"}
    assert {"error", "accuracy", "monitor_error", "monitor_accuracy"} <= set(recognition)
    assert (spotting.loss > spotting.error).all()


def test_the_same_seed_gives_the_same_networks():
    first, second = trained(), trained()
    for number in range(2):
        for a, b in zip(*(t[0].copy(number).values() for t in (first, second)), strict=True):
            np.testing.assert_array_equal(a, b)
    assert first[2].equals(second[2])


def test_what_a_copy_may_not_see_changes_nothing_of_it():
    seen = np.ones((1, 40), bool)
    seen[:, 30:] = False
    told = [np.array([TARGETS[0]]) for _ in range(2)]
    told[1][:, 30:] = 1 - told[1][:, 30:]
    weights = []
    for targets in told:
        network = stack(1)
        training.train_spotting(network, samples(targets, seen), small(), 3)
        weights.append(network.copy(0))
    for name, weight in weights[0].items():
        np.testing.assert_array_equal(weight, weights[1][name])


def test_without_transfer_the_recognition_network_is_its_own():
    networks = stack(1)
    everyone = samples(np.array([TARGETS[1]]), np.ones((1, 40), bool))
    history = training.train_recognition(networks, everyone, small(), 0, transfer=False)
    assert len(history) == 2
    assert not np.array_equal(
        networks.copy(0)["conv1_u/kernel"], stack(1).copy(0)["conv1_u/kernel"]
    )
    (score,), (classes,) = networks(FEATURES[:7])
    assert score.shape == (7,)
    np.testing.assert_allclose(classes.sum(axis=1), 1, atol=1e-5)


def test_a_class_without_a_sample_keeps_its_output():
    networks = stack(1)
    two = samples(np.array([np.arange(40) % 2]), np.ones((1, 40), bool))
    training.train_recognition(networks, two, small(), 0)
    assert networks(FEATURES[:2])[1].shape == (1, 2, 3)


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
    weights = load_published(external / "mean_weights" / about["weights"], about["classes"])
    options = preset("as_released")
    assert as_network(weights, options).whole.count_params() == about["params"]
    network = MeanStack([weights], options)
    for prefix in ("", "extra_"):
        features = np.concatenate([vectors[prefix + key] for key in "uve"], axis=-1)
        (score,), (classes,) = network(features)
        np.testing.assert_allclose(score, vectors[f"{prefix}spot"][:, 0], atol=2e-5)
        np.testing.assert_allclose(classes, vectors[f"{prefix}recog"], atol=2e-5)
    features = np.concatenate([vectors[key] for key in "uve"], axis=-1)
    maps = training.shared_maps(network, features)[:, :, :, 0]
    np.testing.assert_allclose(maps, vectors["shared"], atol=2e-5)


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
