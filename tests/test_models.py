"""Networks: sizes, the paper's structure, what learns, saving and predicting."""

import itertools
import re

import helpers
import keras
import numpy as np
import pytest
from keras import layers, ops

from lib import lab, models, train
from lib.models import SelfAttention, SpectralConv2D

SAVED = ["cnn", "autoencoder", "xception_skips", "generator"]
SAVED += ["generator_spectral", "generator_xception"]


# ---------------------------------------------------------------- sizes and shapes


@pytest.mark.parametrize("name", ["cnn", "xception", "xception_skips", "generator"])
def test_any_size_goes_in_and_the_same_comes_out(small, name):
    for size in helpers.SIZES:
        ab_scaled = ops.convert_to_numpy(small[name](helpers.lightness(1, *size)))
        assert ab_scaled.shape == (1, *size, 2)
        assert np.isfinite(ab_scaled).all()


@pytest.mark.parametrize("size", [32, 37, 50])
def test_autoencoder_keeps_its_size_and_no_other(size):
    autoencoder = models.build_autoencoder(size, filters=2, code=4)
    assert autoencoder(helpers.lightness(2, size, size)).shape == (2, size, size, 2)
    with pytest.raises(ValueError):
        autoencoder(helpers.lightness(1, size + 1, size))


@pytest.mark.parametrize(
    "build", [models.build_cnn, lambda: models.build_autoencoder(200), models.build_generator]
)
def test_docstring_states_the_number_of_weights(build):
    network = build()
    source = getattr(models, f"build_{network.name}")
    stated = re.search(r"([\d.]+) M", source.__doc__).group(1)
    assert f"{network.count_params() / 1e6:.1f}" == stated


# ---------------------------------------------------------------- the paper's structure


def test_cnn_has_eight_blocks_that_end_in_batch_normalization():
    cnn = models.build_cnn(2)
    inner = [layer for layer in cnn.layers if not layer.name.startswith(("lightness", "output"))]
    blocks = itertools.groupby(inner, key=lambda layer: int(re.search(r"\d", layer.name).group()))
    blocks = {number: list(block) for number, block in blocks}
    assert list(blocks) == [1, 2, 3, 4, 5, 6, 7, 8]
    for number, block in blocks.items():
        convolutions = [layer for layer in block if isinstance(layer, layers.Conv2D)]
        assert convolutions, number
        normalizations = [x for x in block if isinstance(x, layers.BatchNormalization)]
        assert len(normalizations) == 1, number
        after = block[block.index(normalizations[0]) + 1 :]
        assert not any(isinstance(layer, layers.Conv2D) for layer in after), number


@pytest.mark.parametrize("name", ["cnn", "xception", "xception_skips", "generator"])
def test_output_is_a_linear_convolution_to_two_channels(small, name):
    last = small[name].layers[-1]
    assert isinstance(last, layers.Conv2D)
    assert last.filters == 2
    assert last.activation is keras.activations.linear


def test_autoencoder_is_4_convolutions_2_dense_4_transposed():
    autoencoder = models.build_autoencoder(32, 4, 16)
    shown = (layers.Conv2D, layers.Flatten, layers.Dense, layers.Reshape, layers.Conv2DTranspose)
    kinds = [type(layer) for layer in autoencoder.layers if isinstance(layer, shown)]
    expected = [layers.Conv2D] * 4 + [layers.Flatten] + [layers.Dense] * 2
    assert kinds == expected + [layers.Reshape] + [layers.Conv2DTranspose] * 4
    last = [x for x in autoencoder.layers if isinstance(x, layers.Conv2DTranspose)][-1]
    assert last.filters == 2
    assert last.activation is keras.activations.linear


def test_generator_hardly_amplifies_a_channel_that_training_left_silent(small):
    """Variance 0, then something after all: 32 times as much with Keras's epsilon, each time."""
    norms = [layer for layer in small["generator"].layers if "norm" in layer.name]
    decoder = [layer for layer in norms if not layer.name.startswith("encode")]
    assert len(decoder) == 5
    for layer in decoder:
        silent = layers.BatchNormalization.from_config(layer.get_config())
        silent.build((None, 1, 1, 3))
        silent.moving_variance.assign(np.zeros(3))
        assert 1 < np.asarray(silent(np.ones((1, 1, 1, 3)), training=False)).max() < 4


def test_generator_options():
    assert helpers.of(models.build_generator(2), SelfAttention) == ["attention"]
    assert helpers.of(models.build_generator(2, attention=False), SelfAttention) == []
    with pytest.raises(ValueError, match="encoder: expected scratch or xception, got 'resnet'"):
        models.build_generator(2, encoder="resnet")
    plain, spectral = models.build_generator(2), models.build_generator(2, spectral=True)
    assert helpers.of(plain, SpectralConv2D) == []
    decoder = [f"{part}_conv1" for part in ("central", "decode1", "decode2", "decode3", "decode4")]
    assert helpers.of(spectral, SpectralConv2D) == decoder


# ---------------------------------------------------------------- what learns


def fit_one_batch(network, epochs=10, eagerly=False):
    """Fit the same four photos ten times an epoch (eagerly: once).

    Gives the weights before and after, and the last loss as a share of what no colour would score.
    """
    rgb = helpers.patches(4, 32, seed=1)
    colorizer = train.Colorizer(network, "mse")
    colorizer.compile(keras.optimizers.Adam(1e-2), run_eagerly=eagerly)
    before = helpers.values(network)
    repeated = rgb if eagerly else np.tile(rgb, (10, 1, 1, 1))
    loss = colorizer.fit(repeated, epochs=epochs, batch_size=4, verbose=0).history["loss"]
    _, ab_true = lab.scale(lab.rgb_to_lab(rgb))
    gray = np.square(ops.convert_to_numpy(ab_true)).mean()
    return before, helpers.values(network), loss[-1] / gray


@pytest.mark.parametrize("name", ["cnn", "autoencoder", "generator"])
def test_one_batch_overfits_and_moves_every_weight(small, name):
    before, after, loss = fit_one_batch(small[name])
    assert loss < 0.35
    assert helpers.moved(before, after) == [path for path, _ in before]


def test_xception_decoder_overfits_while_the_encoder_stands_still(small):
    network = small["xception_skips"]
    before, after, loss = fit_one_batch(network, epochs=4)
    assert loss < 0.5
    encoder = {v.path for v in network.get_layer("xception").weights}
    assert any("moving_variance" in path for path in encoder)
    decoder = [path for path, _ in before if path not in encoder]
    assert helpers.moved(before, after) == decoder


# ---------------------------------------------------------------- saving and predicting


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_network_predicts_the_same(small, name, tmp_path):
    light = helpers.lightness(2, 32, 32)
    expected = small[name].predict_on_batch(light)
    small[name].save(tmp_path / "model.keras")
    loaded = models.load(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict_on_batch(light), expected, atol=1e-6)
    assert loaded.count_params() == small[name].count_params()


def test_prediction_is_in_cielab_units_and_takes_floats_too(small):
    rgb = helpers.RANDOM.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    lightness_scaled, _ = lab.scale(lab.rgb_to_lab(rgb))
    expected = 110 * small["cnn"].predict_on_batch(lightness_scaled)
    np.testing.assert_allclose(models.predict_ab(small["cnn"], rgb), expected, atol=1e-4)
    floats = (rgb / 255).astype(np.float32)
    np.testing.assert_allclose(models.predict_ab(small["cnn"], floats), expected, atol=1e-2)


def test_prediction_sees_the_lightness_only(small):
    rgb = helpers.RANDOM.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    lab_true = ops.convert_to_numpy(lab.rgb_to_lab(rgb))
    gray = ops.convert_to_numpy(lab.lab_to_rgb(lab_true * [1, 0, 0]))
    expected = models.predict_ab(small["cnn"], rgb)
    np.testing.assert_allclose(models.predict_ab(small["cnn"], gray), expected, atol=1e-2)
