"""Networks on one encoder run it once, and answer as they do alone."""

import threading

import keras
import numpy as np
import pytest

from lib import models, shared

LIGHTNESS = np.random.default_rng(0).uniform(-1, 1, (2, 40, 48, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """As they come from their files: three on one Xception, one on another, one without."""
    keras.utils.set_random_seed(0)
    xception, other = models.load_xception(None), models.load_xception(None)
    built = {
        "cnn": models.build_cnn(4),
        "xception": models.build_xception(xception, filters=16),
        "xception_skips": models.build_xception(xception, skips=True, filters=16),
        "generator": models.build_generator(4, encoder="xception", xception=xception),
        "gan": models.build_generator(4, encoder="xception", xception=other),
    }
    folder, found = tmp_path_factory.mktemp("networks"), {}
    for name, network in built.items():
        network.save(folder / f"{name}.keras")
        found[name] = models.load(folder / f"{name}.keras")
    return found


@pytest.fixture
def encoded(monkeypatch):
    """How often the shared encoder ran, as a list."""
    runs, once = [], shared.once

    def counted(function):
        return once(lambda values: runs.append(1) or function(values))

    monkeypatch.setattr(shared, "once", counted)
    return runs


def test_answers_are_those_of_each_network_alone(networks, encoded):
    programs = shared.programs(networks)
    assert list(programs) == list(networks)
    for name, network in networks.items():
        expected = keras.ops.convert_to_numpy(network(LIGHTNESS, training=False))
        found = keras.ops.convert_to_numpy(programs[name](LIGHTNESS))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=name)
    assert len(encoded) == 1
    programs["xception"](LIGHTNESS[::-1])
    assert len(encoded) == 2


def test_threads_that_ask_together_get_the_same_answer(networks, encoded):
    programs, found = shared.programs(networks), {}
    names = ["xception", "xception_skips", "generator"] * 2

    def ask(place, name):
        found[place] = np.asarray(programs[name](LIGHTNESS))

    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(encoded) == 1
    for place in range(3):
        np.testing.assert_array_equal(found[place], found[place + 3])


def test_an_encoder_with_other_weights_is_not_shared(networks):
    encoders = {name: networks[name].get_layer("xception") for name in list(networks)[1:]}
    assert shared.is_part(encoders["generator"], encoders["xception"])
    assert not shared.is_part(encoders["xception"], encoders["generator"])
    assert not shared.is_part(encoders["gan"], encoders["xception"])
    kept = encoders["generator"].get_layer("block2_sepconv1_bn").moving_mean
    before = kept.numpy()
    kept.assign(before + 1)
    assert not shared.is_part(encoders["generator"], encoders["xception"])
    kept.assign(before)


def test_without_a_common_encoder_each_runs_alone(networks, encoded):
    alone = {name: networks[name] for name in ("cnn", "xception", "gan")}
    programs = shared.programs(alone)
    assert np.asarray(programs["gan"](LIGHTNESS)).shape == (2, 40, 48, 2)
    assert not encoded and list(programs) == list(alone)
    assert shared.programs({}) == {}
