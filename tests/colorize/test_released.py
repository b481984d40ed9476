"""Released networks: as they were but for rounding, small, and refused when they do not fit."""

import helpers
import keras
import numpy as np
import pytest

from lib import models
from lib.colorize import released
from lib.files import write_json


@pytest.fixture
def tiny(monkeypatch):
    """A tiny Xception wherever Xception is asked for, the same every time."""

    def load_xception(weights="imagenet"):
        keras.utils.set_random_seed(0 if weights == "imagenet" else 1)
        return helpers.tiny_xception()

    monkeypatch.setattr(models, "load_xception", load_xception)
    return load_xception


def trained(build, folder, thawed=False, **arguments):
    """A network as a study leaves it."""
    network = build(**arguments)
    if thawed:
        models.thaw(network.get_layer("xception"))
    models.save(network, folder / "model.keras")
    write_json(folder / "params.json", {"recipe": network.recipe})
    return network


def difference(network, other, size=32):
    rgb = helpers.patches(2, size)
    return np.abs(models.predict_ab(network, rgb) - models.predict_ab(other, rgb)).max()


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        (models.build_cnn, {"filters": 4}),
        (models.build_autoencoder, {"image_size": 32, "filters": 4, "code": 16}),
        (models.build_generator, {"filters": 4, "spectral": True}),
    ],
)
def test_a_network_comes_back_up_to_rounding(build, arguments, tmp_path):
    network = trained(build, tmp_path, **arguments)
    assert released.write(tmp_path) == [tmp_path / "released.npz"]
    again = released.read(tmp_path / "released.npz", xception="not looked at")
    assert again.recipe == network.recipe
    assert difference(network, again) < 0.05
    assert {variable.dtype for variable in again.trainable_variables} == {"float32"}


def test_a_frozen_encoder_is_left_out_and_must_be_the_same(tmp_path, tiny):
    arguments = {"xception": tiny(), "skips": True, "filters": 16}
    network = trained(models.build_xception, tmp_path, **arguments)
    released.write(tmp_path)
    with np.load(tmp_path / "released.npz") as stored:
        encoder = network.get_layer("xception").weights
        assert len(stored) - 1 == len(network.weights) - len(encoder)
    assert difference(network, released.read(tmp_path / "released.npz")) < 0.05
    words = "needs the Xception weights it was trained with, not x.h5"
    with pytest.raises(ValueError, match=words):
        released.read(tmp_path / "released.npz", "x.h5")


def test_an_encoder_is_kept_if_it_was_trained_or_all_is_asked_for(tmp_path, tiny):
    for thawed in (True, False):
        arguments = {"filters": 4, "encoder": "xception", "xception": tiny()}
        network = trained(models.build_generator, tmp_path, thawed, **arguments)
        released.write(tmp_path, whole=not thawed)
        assert difference(network, released.read(tmp_path / "released.npz", "x.h5")) < 0.05


def test_large_networks_are_cut_into_files_that_belong_together(tmp_path, monkeypatch):
    monkeypatch.setattr(released, "LARGEST", 20_000)
    network = trained(models.build_cnn, tmp_path, filters=8)
    files = released.write(tmp_path)
    assert len(files) > 2 and set(files) == set(tmp_path.glob("released*.npz"))
    assert difference(network, released.read(files[0])) < 0.05
    files[-1].unlink()
    with pytest.raises(ValueError, match="expected 66 weights, got"):
        released.read(files[0])
