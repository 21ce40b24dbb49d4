"""Several networks asked at once say what they say one by one."""

import numpy as np
import pytest

from mecore import runtime
from mecore.models.mean.ensemble import Ensemble
from mecore.models.mean.network import build_mean
from mecore.models.mean.options import preset
from mecore.models.mean.training import predict
from mecore.models.mean.weights import published_networks

FEATURES = np.random.default_rng(0).random((21, 42, 42, 3), np.float32)


@pytest.fixture(scope="module", autouse=True)
def _keras():
    runtime.start(0)


def shaken(reading, n_classes=3):
    """A network whose every weight is away from its start: also norms that turn a sign round."""
    network, rng = build_mean(n_classes, preset(reading)), np.random.default_rng(7)
    for model in (network.shared, network.spot, network.recog):
        for weight in model.weights:
            spread = rng.normal(0, 0.3, weight.shape)
            weight.assign(np.abs(spread) + 0.1 if "variance" in weight.path else weight + spread)
    return network


def one_by_one(networks):
    outputs = [predict(network, FEATURES) for network in networks]
    return [np.mean(kind, axis=0) for kind in zip(*outputs, strict=True)]


@pytest.mark.parametrize("reading", ["default", "as_written"])
@pytest.mark.parametrize(("n", "n_classes"), [(1, 3), (4, 5)])
def test_the_mean_of_some_networks_is_that_of_their_outputs(reading, n, n_classes):
    networks = [shaken(reading, n_classes) for _ in range(n)]
    for found, expected in zip(Ensemble(networks)(FEATURES), one_by_one(networks), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_the_order_of_the_networks_does_not_matter():
    networks = [shaken("default") for _ in range(3)]
    for a, b in zip(Ensemble(networks)(FEATURES), Ensemble(networks[::-1])(FEATURES), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4, rtol=1e-4)


def test_how_many_frames_are_asked_about_does_not_matter():
    ensemble = Ensemble([shaken("default") for _ in range(2)])
    scores, classes = ensemble(FEATURES)
    one = ensemble(FEATURES[8:9])
    np.testing.assert_allclose(one[0], scores[8:9], rtol=1e-5)
    np.testing.assert_allclose(one[1], classes[8:9], rtol=1e-5)


@pytest.mark.external
@pytest.mark.usefixtures("external")
@pytest.mark.parametrize("name", ["casme2", "smic_nir"])
def test_the_published_networks_say_together_what_they_say_alone(name):
    networks = published_networks(name)
    for found, expected in zip(Ensemble(networks)(FEATURES), one_by_one(networks), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-5)
