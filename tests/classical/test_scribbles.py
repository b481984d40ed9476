"""Levin's optimization: weights by hand, exact answers, least cost, and what is refused."""

import numpy as np
import pytest

from lib import lab
from lib.classical import scribbles

RANDOM = np.random.default_rng(0)
LIGHTNESS = RANDOM.uniform(0, 100, (13, 17, 1)).astype(np.float32)


def hints(shape, *places):
    """A mask of scribbles at (row, column, a, b), and their ab; NaN elsewhere."""
    given, ab = np.zeros(shape, bool), np.full((*shape, 2), np.nan)
    for row, column, a, b in places:
        given[row, column], ab[row, column] = True, (a, b)
    return given, ab


def regions(height=20, width=31, at=14):
    """Two flat regions of L 40 and 60, left and right, each with its scribble."""
    lightness = np.full((height, width, 1), 40.0)
    lightness[:, at:] = 60
    return lightness, *hints((height, width), (2, 3, 50, -10), (15, 29, -30, 40))


def test_weights_are_those_of_equation_2():
    table = scribbles.weights(LIGHTNESS[:4, :5]).toarray()
    y = LIGHTNESS[:4, :5, 0].astype(float) / 100
    for row in range(4):
        for column in range(5):
            window = y[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            steep = scribbles.SPREAD * window.var() + scribbles.NOISE
            expected = np.zeros((4, 5))
            for r in range(4):
                for c in range(5):
                    if (r, c) != (row, column) and max(abs(r - row), abs(c - column)) == 1:
                        weight = np.exp(-((y[r, c] - y[row, column]) ** 2) / steep)
                        expected[r, c] = max(weight, scribbles.LEAST)
            own = table[row * 5 + column].reshape(4, 5)
            np.testing.assert_allclose(own, expected / expected.sum(), rtol=1e-9)


def test_two_regions_with_one_scribble_each_are_filled_exactly():
    lightness, given, ab = regions()
    found = scribbles.levin(lightness, given, ab)
    assert found.shape == ab.shape and found.dtype == np.float32
    np.testing.assert_allclose(found[:, :14], np.broadcast_to([50, -10], (20, 14, 2)), atol=0.02)
    np.testing.assert_allclose(found[:, 14:], np.broadcast_to([-30, 40], (20, 17, 2)), atol=0.02)


def test_on_an_even_line_colour_changes_evenly():
    given, ab = hints((1, 9), (0, 0, 10, 0), (0, 8, 50, -16))
    found = scribbles.levin(np.full((1, 9, 1), 70.0), given, ab)
    np.testing.assert_allclose(found[0, :, 0], np.linspace(10, 50, 9), atol=1e-4)
    np.testing.assert_allclose(found[0, :, 1], np.linspace(0, -16, 9), atol=1e-4)


@pytest.mark.parametrize("shape", [(13, 17), (1, 2), (2, 40), (33, 5)])
def test_the_answer_is_that_of_the_dense_equations(shape):
    lightness = LIGHTNESS.ravel()[: shape[0] * shape[1]].reshape(*shape, 1)
    given = scribbles.draw(shape, 0.1, 3)
    ab = RANDOM.normal(0, 30, (*shape, 2))
    rows = np.eye(given.size) - scribbles.weights(lightness).toarray()
    known = given.ravel()
    right = -rows[~known][:, known] @ ab.reshape(-1, 2)[known]
    expected = np.linalg.lstsq(rows[~known][:, ~known], right)[0]
    found = scribbles.levin(lightness, given, ab).reshape(-1, 2)
    np.testing.assert_allclose(found[~known], expected, atol=1e-2)
    np.testing.assert_array_equal(found[known], ab.reshape(-1, 2)[known].astype(np.float32))


def cost(lightness, given, ab):
    """Equation 1, summed over the pixels without a scribble, for a and b together."""
    ab = ab.reshape(-1, 2).astype(np.float64)
    return np.square(ab - scribbles.weights(lightness) @ ab)[~given.ravel()].sum()


def test_no_other_colouring_costs_less():
    lightness, given, ab = regions()
    lightness = lightness + RANDOM.uniform(0, 10, lightness.shape)
    best = scribbles.levin(lightness, given, ab)
    least = cost(lightness, given, best)
    assert 0 <= least < 1e-6
    for size in (1e-2, 1, 30):
        other = best + size * RANDOM.normal(size=best.shape) * ~given[..., None]
        assert cost(lightness, given, other) > max(10 * least, 1e-3 * size**2)
    smooth = best + np.where(given[..., None], 0, np.linspace(-1, 1, 31)[:, None])
    assert cost(lightness, given, smooth) > least


def test_colours_stay_in_the_range_of_the_scribbles():
    given = scribbles.draw((13, 17), 0.05, 0)
    ab = RANDOM.uniform(-60, 60, (13, 17, 2))
    found = scribbles.levin(LIGHTNESS, given, ab)
    assert (found.min(axis=(0, 1)) >= ab[given].min(axis=0) - 1e-4).all()
    assert (found.max(axis=(0, 1)) <= ab[given].max(axis=0) + 1e-4).all()


def test_one_scribble_colours_all_and_a_photo_of_scribbles_stays():
    given, ab = hints((13, 17), (5, 5, 33, -20))
    found = scribbles.levin(LIGHTNESS, given, ab)
    np.testing.assert_allclose(found, np.broadcast_to([33, -20], found.shape), atol=1e-3)
    ab = RANDOM.uniform(-60, 60, (13, 17, 2)).astype(np.float32)
    np.testing.assert_array_equal(scribbles.levin(LIGHTNESS, np.ones((13, 17), bool), ab), ab)


def test_drawn_scribbles_are_a_share_of_the_pixels_and_grow():
    few, more = (scribbles.draw((50, 40), share, 5) for share in (0.01, 0.1))
    assert few.shape == (50, 40) and few.sum() == 20 and more.sum() == 200
    assert more[few].all()
    np.testing.assert_array_equal(few, scribbles.draw((50, 40), 0.01, 5))
    assert (few != scribbles.draw((50, 40), 0.01, 6)).any()
    assert scribbles.draw((50, 40), 1e-9).sum() == 1
    assert scribbles.draw((200, 200), scribbles.SHARE).sum() == 40
    assert scribbles.draw((5, 4), 1.0).all()


def test_a_table_becomes_dots():
    table = [(0.0, 0.0, "red"), (1.0, 0.5, "#00ff00"), (0.98, 0.5, None)]
    given, ab = scribbles.dots(table, (41, 51), radius=0.04)  # 2.04 pixels
    assert given.shape == (41, 51) and ab.shape == (41, 51, 2) and ab.dtype == np.float32
    colors = lab.rgb_to_lab(np.uint8([[255, 0, 0], [0, 255, 0]]))[:, 1:]
    np.testing.assert_allclose(ab[0, 0], colors[0])
    assert given[0, 2] and given[2, 0] and not given[0, 3] and not given[2, 2]
    np.testing.assert_allclose(ab[20, 50], [0, 0], atol=0.01)  # the grey dot lies on top
    np.testing.assert_allclose(ab[18, 50], colors[1], atol=0.01)  # beyond the grey dot
    assert not ab[~given].any()
    one, _ = scribbles.dots([(0.5, 0.5, "skyblue")], (9, 9), radius=0)
    assert one.sum() == 1 and one[4, 4]
    assert not scribbles.dots([], (9, 9))[0].any()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0.5, 0.5), "unpack"),
        ((0.5, 1.2, "red"), "outside the photo"),
        ((float("nan"), 0.5, "red"), "outside the photo"),
        ((0.5, 0.5, "bleu"), "bleu"),
    ],
)
def test_a_wrong_row_of_the_table_is_refused(row, words):
    with pytest.raises(ValueError, match=words):
        scribbles.dots([(0.1, 0.1, "red"), row], (20, 20))


def test_wrong_arguments_are_refused():
    given, ab = scribbles.draw((13, 17), 0.1), np.zeros((13, 17, 2))
    for arguments, words in (
        ((LIGHTNESS, given & False, ab), "at least one scribble"),
        ((LIGHTNESS, given, ab + np.nan), "a finite ab"),
        ((LIGHTNESS, given.astype(float), ab), "expected bool"),
        ((LIGHTNESS, given, ab[..., :1]), "given, ab: expected"),
        ((LIGHTNESS * 2.55, given, ab), "expected L in 0..100"),
        ((LIGHTNESS[..., 0], given, ab), "lightness: expected"),
    ):
        with pytest.raises(ValueError, match=words):
            scribbles.levin(*arguments)
