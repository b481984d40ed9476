"""Levin at half the size: near the exact answer, within the given colours, same errors."""

import numpy as np
import pytest

from lib.classical import halved, scribbles

RANDOM = np.random.default_rng(0)


def scene(height=64, width=80):
    """L of soft patches with sharp borders, and a colour of each patch."""
    rows, columns = np.mgrid[:height, :width]
    patch = (rows // 20 + 2 * (columns // 27)) % 5
    lightness = 15.0 + 17 * patch + 2 * np.sin(rows / 5)
    ab = np.stack([40 * np.cos(patch), 40 * np.sin(2 * patch)], axis=-1)
    return lightness[..., None].astype(np.float32), ab.astype(np.float32)


def rmse(one, other):
    return np.sqrt(np.square(one - other).mean())


def test_error_is_about_that_of_the_exact_answer():
    lightness, ab = scene()
    for seed in range(3):
        given = scribbles.draw(lightness.shape[:2], 0.01, seed)
        exact, fast = (solve(lightness, given, ab) for solve in (scribbles.levin, halved.levin))
        assert fast.dtype == np.float32 and fast.shape == ab.shape
        assert rmse(fast, ab) < 1.15 * rmse(exact, ab) + 1.5
        assert rmse(fast, exact) < 0.5 * rmse(ab, 0)


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (13, 17), (14, 9), (5, 40)])
def test_colours_stay_in_the_range_of_the_scribbles_for_any_size(shape):
    lightness = RANDOM.uniform(0, 100, (*shape, 1))
    given, ab = scribbles.draw(shape, 0.1, 1), RANDOM.uniform(-60, 60, (*shape, 2))
    found = halved.levin(lightness, given, np.where(given[..., None], ab, np.nan))
    assert found.shape == (*shape, 2)
    assert (found.min(axis=(0, 1)) >= ab[given].min(axis=0) - 1e-4).all()
    assert (found.max(axis=(0, 1)) <= ab[given].max(axis=0) + 1e-4).all()
    np.testing.assert_array_equal(found[given], ab[given].astype(np.float32))


def test_edges_within_a_cell_stay_sharp():
    """A border between two regions at an odd column runs through the cells."""
    lightness = np.full((20, 30, 1), 30.0)
    lightness[:, 15:] = 70
    given, ab = np.zeros((20, 30), bool), np.zeros((20, 30, 2))
    for column, color in ((3, (50, -10)), (26, (-30, 40))):
        given[9, column], ab[9, column] = True, color
    found = halved.levin(lightness, given, ab)
    np.testing.assert_allclose(found[:, :14], np.broadcast_to([50, -10], (20, 14, 2)), atol=1)
    np.testing.assert_allclose(found[:, 16:], np.broadcast_to([-30, 40], (20, 14, 2)), atol=1)


def test_one_colour_fills_all_and_photos_together_are_as_one_by_one():
    lightness = RANDOM.uniform(0, 100, (2, 13, 17, 1))
    given = np.zeros((2, 13, 17), bool)
    given[:, 5, 5] = True
    ab = np.broadcast_to(np.float32([33, -20]), (2, 13, 17, 2))
    np.testing.assert_allclose(halved.levin(lightness, given, ab), ab, atol=1e-3)
    given[:, 1:9:3, 3:12:4] = True
    ab = RANDOM.uniform(-60, 60, ab.shape)
    alone = [halved.levin(*photo) for photo in zip(lightness, given, ab, strict=True)]
    np.testing.assert_array_equal(halved.levin(lightness, given, ab), alone)


def test_wrong_arguments_are_refused():
    lightness, ab = scene()
    given = scribbles.draw(lightness.shape[:2], 0.01)
    with pytest.raises(ValueError, match="at least one scribble"):
        halved.levin(lightness, given & False, ab)
    with pytest.raises(ValueError, match="ab: expected shape"):
        halved.levin(lightness, given, ab[..., :1])
    with pytest.raises(ValueError, match="expected L in 0..100"):
        halved.levin(2.55 * lightness, given, ab)
