"""Losses: values by hand, agreement with Keras, a feature loss that measures and never learns."""

import math

import helpers
import keras
import numpy as np
import pytest

from lib import lab, losses, train

# One photo of 1 x 2 pixels; the four differences are 0.1, -0.2, 0 and 0.5.
AB_TRUE = np.array([[[[0.0, 0.0], [0.3, -0.1]]]], dtype=np.float32)
AB_PRED = np.array([[[[0.1, -0.2], [0.3, 0.4]]]], dtype=np.float32)
BY_HAND = {
    "mse": (0.01 + 0.04 + 0 + 0.25) / 4,
    "mae": (0.1 + 0.2 + 0 + 0.5) / 4,
    "rmse": math.sqrt(0.075),
    # up to 0.1: d^2 / 2; above: 0.1 d - 0.005
    "huber": (0.005 + 0.015 + 0 + 0.045) / 4,
}


@pytest.fixture(scope="module")
def feature_loss(xception):
    return losses.FeatureLoss(xception)


@pytest.fixture(scope="module")
def rgb():
    return helpers.patches(2, 32).astype(np.float32) / 255


@pytest.mark.parametrize("name", losses.LOSSES)
def test_color_loss_by_hand(name):
    loss = losses.LOSSES[name]
    assert float(loss(AB_TRUE, AB_PRED)) == pytest.approx(BY_HAND[name], rel=1e-5)
    assert float(loss(AB_PRED, AB_TRUE)) == pytest.approx(BY_HAND[name], rel=1e-5)
    assert float(loss(AB_TRUE, AB_TRUE)) == pytest.approx(0, abs=2e-6)


def test_rmse_has_a_finite_gradient_where_the_prediction_is_perfect():
    network = keras.Sequential([keras.Input((1, 1, 2)), keras.layers.Dense(2)])
    network.compile("sgd", loss=losses.rmse)
    network.set_weights([np.eye(2), np.zeros(2)])
    network.train_on_batch(np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 2)))
    assert np.isfinite(network.get_weights()[0]).all()


@pytest.mark.parametrize("real", [0.0, 1.0])
def test_binary_cross_entropy_is_keras_s(real):
    logits = np.array([-80, -3, -0.5, 0, 0.25, 2, 80], dtype=np.float32).reshape(1, 7, 1, 1)
    target = np.full_like(logits, real)
    expected = keras.losses.BinaryCrossentropy(from_logits=True)(target, logits)
    ours = float(losses.binary_cross_entropy(target, logits))
    assert ours == pytest.approx(float(expected), rel=1e-5)


def test_feature_loss_is_zero_for_the_same_photo_and_grows_with_the_difference(feature_loss, rgb):
    gray = rgb.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    near = 0.9 * rgb + 0.1 * gray
    same, little, much = (float(feature_loss(rgb, pred)) for pred in (rgb, near, gray))
    assert same == 0
    assert 0 < little < much


def test_feature_loss_gradient_is_finite_and_not_zero(feature_loss, rgb):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("uses TensorFlow's gradient tape")
    for pred, least in ((1 - rgb, 1e-12), (rgb, 0)):
        pred = tf.constant(pred)
        with tf.GradientTape() as tape:
            tape.watch(pred)
            loss = feature_loss(rgb, pred)
        gradient = tape.gradient(loss, pred).numpy()
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() >= least


def test_feature_loss_learns_nothing(feature_loss, rgb):
    assert feature_loss.trainable_weights == []
    before = helpers.values(feature_loss)
    feature_loss(rgb, 1 - rgb)
    assert helpers.moved(before, helpers.values(feature_loss)) == []


def test_colorizer_trains_its_network_and_not_the_feature_loss(feature_loss):
    network = helpers.tiny_network()
    colorizer = train.Colorizer(network, "mae", feature_loss, feature_weight=2.0)
    own = [v.path for v in network.trainable_variables]
    assert [v.path for v in colorizer.trainable_variables] == own
    assert colorizer.settings() == {"loss": "mae", "feature_weight": 2.0, "aged": 0.0}


def test_colorizer_adds_the_weighted_feature_loss(feature_loss):
    photo = helpers.patches(1, 32)
    network = helpers.tiny_network()
    plain = train.Colorizer(network, "mae")
    both = train.Colorizer(network, "mae", feature_loss, feature_weight=2.0)
    ab_pred = plain(photo)
    color = float(plain.compute_loss(photo, y_pred=ab_pred))
    total = float(both.compute_loss(photo, y_pred=ab_pred))
    lightness_scaled, _ = lab.scale(lab.rgb_to_lab(photo))
    rgb_pred = lab.lab_to_rgb(lab.unscale(lightness_scaled, ab_pred))
    features = float(feature_loss(photo / np.float32(255), rgb_pred))
    assert total == pytest.approx(color + 2 * features, rel=1e-5)
    assert features > 0
