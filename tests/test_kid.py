"""KID: closed forms of Gaussians, brute force, coverage of intervals, undefined cases."""

import itertools

import keras
import numpy as np
import pytest
from PIL import Image

from lib import kid

RANDOM = np.random.default_rng(0)
TRUE = RANDOM.normal(0, 1, (7, 5))
PRED = TRUE + RANDOM.normal(0.5, 1, TRUE.shape)


def mmd2(x, y):
    """The unbiased estimator of two independent samples, equation 4 of Binkowski et al."""
    inside = sum(kid._mean_of_pairs(kid.kernel(one, one)) for one in (x, y))
    return inside - 2 * kid.kernel(x, y).mean()


def brute_force_kernel(x, y):
    return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3


def closed_form_of_shift(m, d):
    """The same of N(0, I) and N(m 1, I) in d dimensions, from the norms of the moment tensors."""
    return 3 * m**2 + 3 * m**4 + m**6 + 6 * m**4 / d + m**2 * (3 / d + 6 / d**2)


def gaussians(count, shift, seed, dimensions=16):
    """Features of true and other photos, (count, d), dependent as those of a photo are."""
    shared, own = np.random.default_rng(seed).normal(size=(2, count, dimensions))
    return shared, shift + 0.8 * shared + 0.6 * own


def test_kernel_by_hand():
    value = kid.kernel([[1.0, 2.0]], [[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(value, [[(11 / 2 + 1) ** 3, 1]])


def test_mmd2_equals_brute_force():
    x, y = TRUE, PRED[:4]
    inside = [
        np.mean([brute_force_kernel(a, b) for a, b in itertools.permutations(one, 2)])
        for one in (x, y)
    ]
    across = np.mean([brute_force_kernel(a, b) for a, b in itertools.product(x, y)])
    np.testing.assert_allclose(mmd2(x, y), sum(inside) - 2 * across)


def test_kid_is_the_mean_over_all_halves():
    """Of the coloured photos of one half and the true ones of the other, by brute force."""
    true, pred = TRUE[:6], PRED[:6]
    halves = [list(half) for half in itertools.combinations(range(6), 3)]
    values = [mmd2(pred[half], np.delete(true, half, axis=0)) for half in halves]
    np.testing.assert_allclose(kid.kid(true, pred)[0], np.mean(values))


def test_kid_of_dependent_gaussians_is_unbiased_and_its_interval_covers():
    expected, values, covered = closed_form_of_shift(0.3, 16), [], []
    for seed in range(150):
        value, low, high = kid.kid(*gaussians(50, 0.3, seed))
        values.append(value)
        covered.append(low <= expected <= high)
    assert abs(np.mean(values) - expected) < 3 * np.std(values) / np.sqrt(len(values))
    assert 0.90 <= np.mean(covered) <= 0.99


def test_photos_as_good_as_real_lie_on_the_floor_and_shifted_ones_above():
    random = np.random.default_rng(2)
    true, good = random.normal(size=(2, 60, 8))
    features = {"truth": true, "good": good, "shifted": good + 1}
    table = kid.table(features).set_index("model")
    assert list(table) == ["kid", "kid_low", "kid_high"]
    assert table.kid_low["truth"] < 0 < table.kid_high["truth"]
    assert abs(table.kid["truth"]) < 0.2 * (table.kid_high["truth"] - table.kid_low["truth"])
    assert table.kid["good"] < table.kid_high["truth"] < table.kid_low["shifted"]
    np.testing.assert_allclose(table.kid["good"], 1000 * kid.kid(true, good)[0])


def test_identical_photos_have_no_distance():
    assert kid.kid(TRUE, TRUE) == pytest.approx((0, 0, 0), abs=1e-12)


def test_pairs_of_rows_are_nearer_than_their_intervals_say():
    true, one = gaussians(150, 0.6, 3)
    features = {"truth": true, "cnn": one, "gan": one - 0.02}
    result = kid.paired_differences(features, [("gan", "cnn")])[0]
    assert list(result) == ["difference", "low", "high", "effect_size", "photos"]
    ends = {name: kid.kid(true, features[name]) for name in ("cnn", "gan")}
    assert ends["gan"][2] > ends["cnn"][1] and result["high"] < 0  # they overlap, the pair is sure
    expected = 1000 * (ends["gan"][0] - ends["cnn"][0])
    np.testing.assert_allclose(result["difference"], expected)
    assert result["effect_size"] is None and result["photos"] == 150


def test_too_few_photos_have_no_value():
    assert np.isnan(kid.kid(TRUE[:1], PRED[:1])).all()
    assert np.isnan(kid.floor(TRUE[:3])).all()
    assert np.isfinite(kid.kid(TRUE[:2], PRED[:2])).all()
    assert np.isfinite(kid.floor(TRUE[:4])).all()
    table = kid.table({"truth": TRUE[:1], "cnn": PRED[:1]})
    assert table[["kid", "kid_low", "kid_high"]].isna().all(axis=None)
    features = {"truth": TRUE[:1], "cnn": PRED[:1]}
    assert np.isnan(kid.paired_differences(features, [("cnn", "truth")])[0]["low"])


def test_large_photos_are_reduced_and_small_ones_left_alone():
    small = RANDOM.integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    assert kid.reduced(small) is small
    large = np.full((2, 200, 200, 3), 77, np.uint8)
    np.testing.assert_array_equal(kid.reduced(large), np.full((2, 96, 96, 3), 77))
    assert kid.reduced(large[:0]).shape == (0, 96, 96, 3)
    stripes = np.zeros((1, 192, 192, 3), np.uint8)
    stripes[:, ::2] = 200  # antialiased: no moiré
    assert np.abs(kid.reduced(stripes)[:, 4:-4].astype(int) - 100).max() <= 2
    expected = Image.fromarray(stripes[0]).resize((96, 96), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(kid.reduced(stripes)[0], np.asarray(expected))


def test_features_are_the_mean_of_the_last_convolution(xception, monkeypatch):
    monkeypatch.setattr(xception, "weights_used", "imagenet")
    photos = RANDOM.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    found = kid.features(xception, {"truth": photos, "cnn": photos[:1]})
    expected = xception(keras.applications.xception.preprocess_input(photos.astype(np.float32)))
    expected = np.asarray(expected).mean(axis=(1, 2))
    assert found["truth"].shape == (3, 2048) and found["truth"].dtype == np.float32
    np.testing.assert_allclose(found["truth"], expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found["cnn"], expected[:1], rtol=1e-3, atol=1e-5)


def test_features_of_random_weights_have_the_scale_of_the_truth(xception):
    assert xception.weights_used == "random"
    photos = RANDOM.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    found = kid.features(xception, {"cnn": photos[:2], "truth": photos})
    np.testing.assert_allclose(found["truth"].mean(axis=0), 0, atol=1e-4)
    assert found["truth"].var(axis=0).mean() == pytest.approx(1, rel=1e-3)
    np.testing.assert_allclose(found["cnn"], found["truth"][:2], atol=1e-2)
