"""Area under the cumulative error curve, plain and rebalanced, in closed form."""

import numpy as np
import pytest

from lib import metrics


def auc_rebalanced(ab_true, ab_pred, weights):
    tensors = (np.float32(ab) for ab in (ab_true, ab_pred))
    return metrics.pooled_share(*np.array(metrics.weighted_shares(*tensors, weights)).T)


@pytest.mark.parametrize("error", [0, 0.5, 1, 7.25, 149.5, 150, 150.5, 300])
def test_auc_of_a_constant_error_in_closed_form(error):
    true = np.zeros((1, 4, 4, 2))
    expected = 100 * np.mean([error <= threshold for threshold in range(151)])
    np.testing.assert_allclose(metrics.auc(true, true + [0, error]), expected, rtol=1e-6)
    np.testing.assert_allclose(metrics.auc(true, true - [error, 0]), expected, rtol=1e-6)


def rare_red():
    """90 pixels of grey, all right, and 10 of red, all wrong: true ab and predicted ab."""
    true = np.zeros((1, 10, 10, 2))
    true[0, 0] = [60, 40]
    pred = true.copy()
    pred[0, 0] = [-100, -100]
    return true, pred


def test_histogram_counts_pixels_of_bins():
    histogram = metrics.ab_histogram(metrics.ab_bin(rare_red()[0]))
    assert histogram.shape == (23, 23) and histogram.sum() == 100
    assert histogram[11, 11] == 90 and histogram[17, 15] == 10
    edges = np.array([[[[-5.0, 4.99], [5.0, -5.01], [-300.0, 300.0]]]])
    filled = np.argwhere(metrics.ab_histogram(metrics.ab_bin(edges)))
    assert filled.tolist() == [[0, 22], [11, 11], [12, 10]]


def test_rebalanced_auc_in_closed_form():
    true, pred = rare_red()
    weights = metrics.ab_bin_weights(metrics.ab_histogram(metrics.ab_bin(true)))
    np.testing.assert_allclose(weights[11, 11], 0.5 / 0.9)
    np.testing.assert_allclose(weights[17, 15], 0.5 / 0.1)
    np.testing.assert_allclose(weights[0, 0], weights[17, 15])  # empty: as the rarest
    np.testing.assert_allclose(metrics.auc(true, pred), 90)
    np.testing.assert_allclose(auc_rebalanced(true, pred, weights), 50)


def test_rebalanced_auc_is_that_of_all_pixels_of_all_photos():
    random = np.random.default_rng(3)
    true = random.normal(0, 30, (6, 5, 4, 2)) * np.linspace(0.1, 1, 6).reshape(6, 1, 1, 1)
    pred = true + random.normal(0, 20, true.shape)
    weights = metrics.ab_bin_weights(metrics.ab_histogram(metrics.ab_bin(true)))
    values = auc_rebalanced(true, pred, weights)
    # As one photo of all pixels, which has nothing to pool.
    pooled = auc_rebalanced(*(ab.reshape(1, 30, 4, 2) for ab in (true, pred)), weights)
    assert values.shape == (6,) and values.std() > 0.1
    np.testing.assert_allclose(values.mean(), pooled, rtol=1e-6)
    # And by hand: each bin that occurs counts the same.
    error = np.linalg.norm(pred - true, axis=-1)
    share = np.mean([error <= threshold for threshold in range(151)], axis=0)
    bins = (np.floor(true / 10 + 0.5) @ [1000, 1]).ravel()
    means = [share.ravel()[bins == one].mean() for one in np.unique(bins)]
    np.testing.assert_allclose(values.mean(), 100 * np.mean(means), rtol=1e-5)


def test_pooled_share_has_the_spread_of_a_ratio():
    """Mean and variance of the values are those of the ratio, by the delete-one jackknife."""
    random = np.random.default_rng(4)
    weight = random.uniform(0.1, 3, 200)
    weighted = weight * random.uniform(0.5, 1, 200)
    values = metrics.pooled_share(weighted, weight)
    np.testing.assert_allclose(values.mean(), 100 * weighted.sum() / weight.sum())
    left = 100 * (weighted.sum() - weighted) / (weight.sum() - weight)
    jackknife = np.sqrt(199 / 200 * np.square(left - left.mean()).sum())
    np.testing.assert_allclose(values.std(ddof=1) / np.sqrt(200), jackknife, rtol=0.02)
    np.testing.assert_allclose(metrics.pooled_share(weight, weight), 100)
