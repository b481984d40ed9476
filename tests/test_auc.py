"""Area under the cumulative error curve, plain and rebalanced, in closed form."""

import numpy as np
import pytest

from lib import metrics


@pytest.mark.parametrize("error", [0, 0.5, 1, 7.25, 149.5, 150, 150.5, 300])
def test_auc_of_a_constant_error_in_closed_form(error):
    true = np.zeros((1, 4, 4, 2))
    expected = 100 * np.mean([error <= threshold for threshold in range(151)])
    np.testing.assert_allclose(metrics.auc(true, true + [0, error]), expected)
    np.testing.assert_allclose(metrics.auc(true, true - [error, 0]), expected)


def test_auc_averages_over_pixels():
    true = np.zeros((1, 1, 4, 2))
    pred = np.array([[[[0, 0], [0, 0], [3, 4], [200, 0]]]], dtype=float)
    np.testing.assert_allclose(metrics.auc(true, pred), 100 * (1 + 1 + 146 / 151) / 4)


def rare_red():
    """90 pixels of grey, all right, and 10 of red, all wrong: true ab and predicted ab."""
    true = np.zeros((1, 10, 10, 2))
    true[0, 0] = [60, 40]
    pred = true.copy()
    pred[0, 0] = [-100, -100]
    return true, pred


def test_histogram_counts_pixels_of_bins():
    histogram = metrics.ab_histogram(rare_red()[0])
    assert histogram.shape == (23, 23) and histogram.sum() == 100
    assert histogram[11, 11] == 90 and histogram[17, 15] == 10
    edges = np.array([[[[-5.0, 4.99], [5.0, -5.01], [-300.0, 300.0]]]])
    assert np.argwhere(metrics.ab_histogram(edges)).tolist() == [[0, 22], [11, 11], [12, 10]]


def test_bin_weights_in_closed_form():
    weights = metrics.ab_bin_weights(metrics.ab_histogram(rare_red()[0]))
    np.testing.assert_allclose(weights[11, 11], 0.5 / 0.9)
    np.testing.assert_allclose(weights[17, 15], 0.5 / 0.1)
    np.testing.assert_allclose(weights[0, 0], weights[17, 15])  # empty: as the rarest


def test_smoothing_of_bin_weights():
    histogram = metrics.ab_histogram(rare_red()[0])
    np.testing.assert_allclose(metrics.ab_bin_weights(histogram, 1.0), 1)
    half = metrics.ab_bin_weights(histogram, 0.5)
    np.testing.assert_allclose(half[17, 15] / half[11, 11], (0.45 + 0.25) / (0.05 + 0.25))
    np.testing.assert_allclose(0.9 * half[11, 11] + 0.1 * half[17, 15], 1)


def test_rebalanced_auc_in_closed_form():
    true, pred = rare_red()
    weights = metrics.ab_bin_weights(metrics.ab_histogram(true))
    np.testing.assert_allclose(metrics.auc(true, pred), 90)
    np.testing.assert_allclose(metrics.auc_rebalanced(true, pred, weights), 50)


def test_equal_weights_change_nothing():
    true, pred = np.random.default_rng(0).normal(0, 40, (2, 3, 5, 4, 2))
    equal = metrics.auc_rebalanced(true, pred, np.ones((23, 23)))
    np.testing.assert_allclose(equal, metrics.auc(true, pred))


def test_bad_weights_are_refused():
    with pytest.raises(ValueError, match="weights"):
        metrics.auc_rebalanced(*rare_red(), np.ones((22, 22)))
    with pytest.raises(ValueError, match="weights"):
        metrics.auc_rebalanced(*rare_red(), np.zeros((23, 23)))
    with pytest.raises(ValueError, match="histogram"):
        metrics.ab_bin_weights(np.zeros((23, 23)))
    with pytest.raises(ValueError, match="smoothing"):
        metrics.ab_bin_weights(np.ones((23, 23)), smoothing=2)
