"""The model on Xception: structure, what learns, and where Xception's weights come from."""

import helpers
import keras
import numpy as np
import pytest
from keras import layers

from lib import losses, models, train


@pytest.mark.parametrize("name", ["xception", "xception_skips"])
def test_xception_has_five_decoder_convolutions(small, name):
    assert len(helpers.of(small[name], layers.Conv2D)) == 5
    joins = {"xception": 0, "xception_skips": 4}[name]
    assert len(helpers.of(small[name], layers.Concatenate)) == joins


def test_xception_skips_are_the_last_features_of_their_size(xception):
    names = list(models.XCEPTION_SKIPS.values())
    encoder = models.xception_encoder(xception, names)
    shapes = encoder.compute_output_shape((1, 256, 256, 3))
    for shrink, shape in zip(models.XCEPTION_SKIPS, shapes, strict=True):
        assert abs(shape[1] - 256 / shrink) <= 3, shrink  # Xception's first layers do not pad
    order = [layer.name for layer in xception.layers]
    assert names == sorted(names, key=order.index)


def test_fine_tuning_moves_all_of_the_encoder_but_its_batch_normalizations():
    fresh = models.load_xception(None)
    models.build_xception(fresh)
    losses.FeatureLoss(fresh)
    network = models.build_xception(fresh, skips=True, fine_tune=True, filters=16)
    colorizer = train.Colorizer(network)
    colorizer.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    before = helpers.values(network.get_layer("xception"))
    colorizer.train_on_batch(helpers.patches(1, 64))
    moved = helpers.moved(before, helpers.values(network.get_layer("xception")))
    norms = [x for x in fresh.layers if isinstance(x, keras.layers.BatchNormalization)]
    still = {variable.path for norm in norms for variable in norm.variables}
    assert moved == [path for path, _ in before if path not in still]
    assert len(still) == 160  # 40 of them, of four variables each


# ---------------------------------------------------------------- its weights


def fake_xception(network):
    """Stands for keras.applications.Xception: reads a weights file into a network that is there."""

    def build(include_top=True, weights="imagenet"):
        assert include_top is False
        if weights == "imagenet":
            raise OFFLINE
        if weights is not None:
            network.load_weights(weights)
        return network

    return build


OFFLINE = Exception("URL fetch failure on https://example.org/x.h5: None -- [Errno -3] no name")


def test_xception_from_a_file(xception, tmp_path):
    path = tmp_path / "mine.weights.h5"
    xception.save_weights(path)
    loaded = models.load_xception(str(path))
    assert loaded.weights_used == "mine.weights.h5"
    pairs = zip(loaded.get_weights(), xception.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["other.weights.h5", "text.weights.h5", "text.h5", "none.h5"])
def test_xception_from_a_wrong_file(monkeypatch, xception, tmp_path, name):
    monkeypatch.setattr(keras.applications, "Xception", fake_xception(xception))
    path = tmp_path / name
    if name.startswith("other"):
        helpers.tiny_network().save_weights(path)
    elif name != "none.h5":
        path.write_text("these are not weights")
    with pytest.raises(ValueError, match=f"XCEPTION_WEIGHTS: .*{name}"):
        models.load_xception(path)


@pytest.mark.parametrize("error", [OFFLINE, TimeoutError()])
def test_imagenet_without_a_network_connection(monkeypatch, error):
    def offline(**_):
        raise error

    monkeypatch.setattr(keras.applications, "Xception", offline)
    with pytest.raises(ConnectionError, match="XCEPTION_WEIGHTS.*local .weights.h5 file"):
        models.load_xception("imagenet")


def test_auto_falls_back_to_random_weights(monkeypatch, xception):
    monkeypatch.setattr(keras.applications, "Xception", fake_xception(xception))
    assert models.load_xception("auto").weights_used == "random"
