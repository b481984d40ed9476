"""Baselines: means and lookup by hand, batches against one array, what they may see."""

import types

import numpy as np

from lib import baselines, lab

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (10, 8, 9, 3), dtype=np.uint8)
LAB = lab.rgb_to_lab(RGB)
TRAIN, TEST = np.arange(4), np.arange(4, 10)
PHOTOS = types.SimpleNamespace(images=RGB, rows={"train": TRAIN, "test": TEST}.__getitem__)


def predict(name, seed=0):
    return baselines.predictors(PHOTOS, TEST, seed)[name](TEST, LAB[TEST][..., :1].clip(0, 100))


def test_lookup_by_hand():
    red, blue = np.uint8([200, 30, 30]), np.uint8([30, 30, 200])
    level = int(lab.rgb_to_lab(red)[0] + 0.5)
    _, table = baselines.fit([np.stack([red, red, blue])[None, None]])
    assert table.shape == (101, 2) and table.dtype == np.float64
    np.testing.assert_allclose(table[level], lab.rgb_to_lab(red)[1:], rtol=1e-5)
    np.testing.assert_allclose(table[0], lab.rgb_to_lab(blue)[1:], rtol=1e-5)  # the nearest filled
    np.testing.assert_allclose(table[100], lab.rgb_to_lab(red)[1:], rtol=1e-5)


def test_rows_are_what_they_say():
    mean_ab, l_lookup = baselines.fit([RGB[TRAIN]])
    found = {name: predict(name) for name in ("gray", "mean_ab", "l_lookup", "random_photo")}
    for ab in found.values():
        assert ab.shape == (6, 8, 9, 2) and ab.dtype == np.float32
    assert not found["gray"].any()
    np.testing.assert_allclose(found["mean_ab"], np.broadcast_to(mean_ab, (6, 8, 9, 2)))
    level = np.floor(LAB[TEST][..., 0].clip(0, 100) + 0.5).astype(int)
    np.testing.assert_allclose(found["l_lookup"], l_lookup[level], rtol=1e-6)


def test_random_photos_are_training_photos_drawn_by_the_seed():
    ab = predict("random_photo", seed=7)
    for one in ab:
        assert any(np.array_equal(one, lab.rgb_to_lab(RGB[row])[..., 1:]) for row in TRAIN)
    np.testing.assert_array_equal(ab, predict("random_photo", seed=7))
    assert (ab != predict("random_photo", seed=8)).any()
    some = baselines.predictors(PHOTOS, TEST, 7)["random_photo"](TEST[2:4], LAB[2:4, ..., :1])
    np.testing.assert_array_equal(some, ab[2:4])  # whatever is asked for together
