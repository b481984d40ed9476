"""The layers that Keras does not have: values by hand, sizes, limits."""

import helpers
import keras
import numpy as np
import pytest
from keras import ops

from lib import lab
from lib.models import GrayToImageNet, ResizeTo, SelfAttention, SpectralConv2D


def test_gray_to_imagenet_gives_the_srgb_gray_of_the_same_lightness():
    gray = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    lightness_scaled, _ = lab.scale(lab.rgb_to_lab(gray))
    out = ops.convert_to_numpy(GrayToImageNet()(lightness_scaled))
    assert out.shape == gray.shape
    np.testing.assert_allclose(out, gray / 127.5 - 1, atol=2e-5)
    assert out[0, 8, 0, 0] == pytest.approx(128 / 127.5 - 1, abs=1e-5)  # mid grey
    assert out.min() >= -1
    assert out.max() <= 1


@pytest.mark.parametrize(("shrink", "size"), [(1, (37, 53)), (8, (5, 7)), (16, (3, 4))])
def test_resize_to_rounds_up(shrink, size):
    features = helpers.color(1, 3, 4)
    resize = ResizeTo(shrink)
    out = ops.convert_to_numpy(resize([features, helpers.lightness(1, 37, 53)]))
    assert out.shape == (1, *size, 2)
    assert resize.compute_output_shape([(1, 3, 4, 2), (1, 37, 53, 1)]) == (1, *size, 2)
    assert np.array_equal(out, features) == (size == (3, 4))


def test_spectral_convolution_has_a_largest_singular_value_of_one():
    keras.utils.set_random_seed(0)
    spectral = SpectralConv2D(6, 3, padding="same", use_bias=False)
    images = helpers.color(2, 8, 8)
    for _ in range(200):
        training = ops.convert_to_numpy(spectral(images, training=True))
    u = ops.convert_to_numpy(spectral.u).copy()
    inference = ops.convert_to_numpy(spectral(images, training=False))
    np.testing.assert_allclose(training, inference, atol=1e-5)
    assert np.array_equal(ops.convert_to_numpy(spectral.u), u)
    plain = ops.convert_to_numpy(ops.conv(images, spectral.kernel, padding="same"))
    sigma = (plain * inference).sum() / (inference**2).sum()  # what the kernel was divided by
    np.testing.assert_allclose(plain / sigma, inference, atol=1e-5)
    matrix = ops.convert_to_numpy(spectral.kernel).reshape(-1, 6) / sigma
    assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, abs=1e-3)


def test_self_attention_by_the_paper_s_equations():
    attention = SelfAttention()
    features = helpers.RANDOM.normal(size=(1, 2, 3, 16)).astype(np.float32)
    attention(features)
    attention.gamma.assign(0.5)
    parts = (attention.query, attention.key, attention.value)
    query, key, value = (ops.convert_to_numpy(part.kernel) for part in parts)
    places = features.reshape(6, 16)
    scores = np.exp((places @ query) @ (places @ key).T)  # row: who looks
    attended = scores / scores.sum(axis=1, keepdims=True) @ (places @ value)
    expected = features + 0.5 * attended.reshape(features.shape)
    out = ops.convert_to_numpy(attention(features))
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
