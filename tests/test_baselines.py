"""Baselines: means and lookup by hand, batches against one array, limits, refusals."""

import numpy as np
import pytest

from lib import baselines, lab, pixels

RANDOM = np.random.default_rng(0)
LAB = np.asarray(lab.rgb_to_lab(RANDOM.integers(0, 256, (6, 8, 9, 3), dtype=np.uint8)))
LIGHTNESS = LAB[..., :1]


def error(ab_pred):
    return np.square(LAB[..., 1:] - ab_pred).mean()


def test_gray():
    ab = baselines.predict_gray(LIGHTNESS)
    assert ab.shape == (6, 8, 9, 2) and ab.dtype == np.float32 and not ab.any()


def test_mean_ab_weighs_pixels_not_batches():
    batches = [np.float32([[9, 10, 0]]), np.float32([[5, 0, 2], [9, 2, 2], [3, 0, 0]])]
    np.testing.assert_allclose(baselines.fit(batches).mean_ab, [3, 1])


def test_mean_ab_of_batches_equals_mean_of_all():
    fitted = baselines.fit(iter([LAB[:4], LAB[4:]]))
    np.testing.assert_allclose(fitted.mean_ab, LAB[..., 1:].mean(axis=(0, 1, 2)), rtol=1e-4)


def test_mean_ab_adds_up_in_float64():
    batches = (np.full((1000, 3), 0.1, np.float32) for _ in range(500))
    np.testing.assert_allclose(baselines.fit(batches).mean_ab, np.float32(0.1), rtol=1e-12)


def test_predict_mean_ab():
    ab = baselines.predict_mean_ab(LIGHTNESS, np.array([3.0, -4.0]))
    assert ab.shape == (6, 8, 9, 2) and ab.dtype == np.float32
    assert (ab == [3, -4]).all()


def test_l_lookup_by_hand():
    pixels = [[10.4, 1, 1], [9.5, 3, 5], [20.0, -6, 0], [20.49, -8, 0], [80.0, 7, 7]]
    table = baselines.fit([np.float32(pixels[:2]), np.float32(pixels[2:])]).l_lookup
    assert table.shape == (101, 2) and table.dtype == np.float64
    np.testing.assert_allclose(table[10], [2, 3])
    np.testing.assert_allclose(table[20], [-7, 0])
    np.testing.assert_allclose(table[0], table[10])  # empty rows: the nearest filled one
    np.testing.assert_allclose(table[15], table[10])  # of two as near, the darker
    np.testing.assert_allclose(table[16], table[20])
    np.testing.assert_allclose(table[50], table[20])
    np.testing.assert_allclose(table[51], table[80])
    np.testing.assert_allclose(table[100], table[80])


def test_predict_l_lookup_takes_the_row_of_the_rounded_lightness():
    table = np.stack([np.arange(101), -np.arange(101)], axis=1)
    lightness = np.float32([0, 0.49, 0.5, 41.6, 99.4, 100.00001]).reshape(1, 2, 3, 1)
    ab = baselines.predict_l_lookup(lightness, table)
    assert ab.shape == (1, 2, 3, 2) and ab.dtype == np.float32
    assert ab[..., 0].ravel().tolist() == [0, 0, 1, 42, 99, 100]
    assert ab[..., 1].ravel().tolist() == [0, 0, -1, -42, -99, -100]


def test_lookup_recovers_a_colour_that_depends_on_lightness():
    lightness = np.floor(LIGHTNESS + 0.5)
    ab = np.concatenate([lightness / 2, 30 - lightness], axis=-1)
    table = baselines.fit([np.concatenate([lightness, ab], axis=-1)]).l_lookup
    np.testing.assert_allclose(baselines.predict_l_lookup(lightness, table), ab, atol=1e-4)


def test_baselines_are_ordered_on_what_they_were_fitted_to():
    fitted = baselines.fit([LAB])
    mean = baselines.predict_mean_ab(LIGHTNESS, fitted.mean_ab)
    lookup = baselines.predict_l_lookup(LIGHTNESS, fitted.l_lookup)
    assert error(lookup) < error(mean) < error(baselines.predict_gray(LIGHTNESS))


def test_draw_photos_is_deterministic():
    rows = np.array([3, 5, 8, 13])
    drawn = baselines.draw_photos(rows, 100, seed=7)
    assert drawn.shape == (100,) and set(drawn) == set(rows)
    np.testing.assert_array_equal(drawn, baselines.draw_photos(rows, 100, seed=7))
    assert (drawn != baselines.draw_photos(rows, 100, seed=8)).any()


def test_random_photo_is_the_ab_of_the_drawn_photos():
    rgb = RANDOM.integers(0, 256, (6, 8, 9, 3), dtype=np.uint8)
    ab = baselines.predict_random_photo(LIGHTNESS, rgb)
    assert ab.shape == (6, 8, 9, 2) and ab.dtype == np.float32
    np.testing.assert_array_equal(ab, pixels.to_lab(rgb)[..., 1:])  # to the last bit
    np.testing.assert_allclose(ab, np.asarray(lab.rgb_to_lab(rgb))[..., 1:], atol=1e-4)


def test_no_pixels_are_refused():
    for batches in ([], [LAB[:0]]):
        with pytest.raises(ValueError, match="at least one pixel"):
            baselines.fit(batches)
    with pytest.raises(ValueError, match="rows"):
        baselines.draw_photos([], 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused(bad):
    broken = LAB.copy()
    broken[0, 0, 0, 1] = bad
    with pytest.raises(ValueError, match="lab_batches"):
        baselines.fit([broken])
    with pytest.raises(ValueError, match="mean_ab"):
        baselines.predict_mean_ab(LIGHTNESS, [0, bad])
    with pytest.raises(ValueError, match="lightness"):
        baselines.predict_l_lookup(broken[..., 1:2], np.zeros((101, 2)))


def test_network_units_are_refused_as_lightness():
    scaled = np.asarray(lab.scale(LAB)[0])
    with pytest.raises(ValueError, match="expected L in 0..100"):
        baselines.predict_l_lookup(scaled, np.zeros((101, 2)))
    with pytest.raises(ValueError, match="expected L in 0..100"):
        baselines.fit([LAB * 2.55])


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="lab_batches"):
        baselines.fit([LAB[..., 1:]])
    with pytest.raises(ValueError, match="lightness"):
        baselines.predict_gray(LIGHTNESS[..., 0])
    with pytest.raises(ValueError, match="mean_ab"):
        baselines.predict_mean_ab(LIGHTNESS, np.zeros(3))
    with pytest.raises(ValueError, match="table"):
        baselines.predict_l_lookup(LIGHTNESS, np.zeros((100, 2)))
    with pytest.raises(ValueError, match="rgb_drawn"):
        baselines.predict_random_photo(LIGHTNESS, np.zeros((5, 8, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="rgb_drawn"):
        baselines.predict_random_photo(LIGHTNESS, np.zeros((6, 8, 9, 3), np.float32))
