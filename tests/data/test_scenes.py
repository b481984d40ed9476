"""Scenes: deterministic, in gamut, colour hidden from L, and an oracle that nothing beats."""

import numpy as np
import pytest

from lib import lab
from lib.data import scenes

INDICES = range(40)
SIZE = 48
KINDS = {scenes.draw: np.uint8, scenes.oracle_mean: np.float32, scenes.oracle_sample: np.float32}


def _redraws(indices, size, count):
    """The same scenes with `count` other draws of their colours, (count, N, size, size, 3)."""
    return np.stack([scenes._render(indices, size, 0, 2 + draw) for draw in range(count)])


@pytest.mark.parametrize("function", KINDS)
def test_a_scene_depends_on_its_index_and_seed_only(function):
    batch = function(range(6), 32)
    assert (batch[0, ..., 0].shape, batch.dtype) == ((32, 32), KINDS[function])
    np.testing.assert_array_equal(function(range(6), 32), batch)
    np.testing.assert_array_equal(function([4, 2, 4], 32), batch[[4, 2, 4]])
    np.testing.assert_array_equal(function(np.array([5]), np.int64(32), seed=0), batch[5:])
    assert not np.array_equal(function(range(6), 32, seed=1), batch)
    assert len(np.unique(batch.reshape(6, -1), axis=0)) == 6


def test_draw_is_the_rendered_lab():
    drawn = lab.rgb_to_lab(scenes.draw(INDICES, SIZE))
    error = np.abs(drawn - scenes._render(INDICES, SIZE, 0, 0))
    assert error[..., 0].max() < 0.3 and np.sqrt((error[..., 1:] ** 2).mean()) < 0.3  # 8 bits


def test_same_picture_at_every_size():
    small = scenes._render(INDICES, 32, 0, 0)
    large = scenes._render(INDICES, 128, 0, 0).reshape(len(INDICES), 32, 4, 32, 4, 3)
    assert np.abs(large.mean(axis=(2, 4)) - small).mean() < 1.0


@pytest.mark.parametrize("size", [16, 64, 150])
def test_every_colour_fits_srgb(size):
    for redraw in (0, 1, 2, None):
        expected = scenes._render(range(30), size, 5, redraw)
        np.testing.assert_allclose(lab.rgb_to_lab(lab.lab_to_rgb(expected)), expected, atol=0.01)


def test_probabilities_sum_to_one_and_halve_at_the_season():
    for _, _, options in scenes.CHANCES.values():
        assert np.isclose(sum(option[0] for option in options), 1)
    assert scenes.CHANCES["crown"][2][0][0] == 0.5  # the first option is summer


def test_lightness_does_not_show_the_draw_of_colours():
    true = scenes._render(INDICES, SIZE, 0, 0)
    for redraw in (1, 2, None):
        other = scenes._render(INDICES, SIZE, 0, redraw)
        np.testing.assert_array_equal(other[..., 0], true[..., 0])
        assert not np.array_equal(other[..., 1:], true[..., 1:])


def test_lightness_alone_does_not_tell_the_colour():
    drawn = scenes._render(range(200), 32, 0, 0)
    rows = np.rint(drawn[..., 0]).astype(int).ravel()
    ab = drawn[..., 1:].reshape(-1, 2)
    count = np.maximum(np.bincount(rows), 1)
    lookup = np.stack([np.bincount(rows, ab[:, i]) / count for i in (0, 1)], axis=-1)
    unexplained = ((ab - lookup[rows]) ** 2).mean() / ((ab - ab.mean(axis=0)) ** 2).mean()
    assert unexplained > 0.8  # even when fitted to the very scenes it is tried on


def test_oracle_mean_is_the_average_over_redraws():
    indices, count = range(12), 100
    redraws = _redraws(indices, 24, count)[..., 1:]
    error = np.abs(redraws.mean(axis=0) - scenes.oracle_mean(indices, 24))
    standard_error = redraws.std(axis=0) / np.sqrt(count)
    assert (error <= 4.5 * standard_error + 0.01).all()


@pytest.mark.parametrize("name", scenes.CHANCES)
def test_colours_are_drawn_with_their_probabilities(name):
    options, count = scenes.CHANCES[name][2], 4000
    rng = np.random.default_rng(0)
    picked = [scenes.Canvas(16, rng, rng, scenes.PALETTE).pick(name)[1] for _ in range(count)]
    for probability, *ab in options:
        share = np.mean([np.array_equal(colour, np.float32(ab)) for colour in picked])
        assert abs(share - probability) < 4 * np.sqrt(probability * (1 - probability) / count)
    mean = scenes.Canvas(16, rng, None, scenes.PALETTE).pick(name)[1]
    np.testing.assert_allclose(mean, sum(np.array(ab) * p for p, *ab in options), rtol=1e-5)


def test_crowns_of_a_scene_agree_on_the_season(monkeypatch):
    pick, crowns = scenes.Canvas.pick, []

    def watched(canvas, name):
        paint = pick(canvas, name)
        if name == "crown":
            crowns.append(tuple(paint[1]))
        return paint

    monkeypatch.setattr(scenes.Canvas, "pick", watched)
    summer, seasons = tuple(np.float32(scenes.CHANCES["crown"][2][0][1:])), set()
    for index in range(100):
        crowns.clear()
        scenes._render([index], 16, 0, 0)
        if len(crowns) > 1:
            seasons.add(frozenset(crown == summer for crown in crowns))
    assert seasons == {frozenset([True]), frozenset([False])}


def test_no_perturbation_of_the_mean_beats_it():
    indices, size = range(60), 24
    true = _redraws(indices, size, 20)[..., 1:]
    mean, sample = scenes.oracle_mean(indices, size), scenes.oracle_sample(indices, size)

    def rmse(pred):
        return np.sqrt(((true - pred) ** 2).mean())

    perturbed = {
        "towards the sample": mean + 0.1 * (sample - mean),
        "away from the sample": mean - 0.1 * (sample - mean),
        "more vivid": 1.05 * mean,
        "greyer": 0.95 * mean,
        "grey": np.zeros_like(mean),
    }
    best = rmse(mean)
    assert not [label for label, pred in perturbed.items() if rmse(pred) <= best]
    # Two independent draws lie sqrt(2) times as far apart as a draw and the mean.
    assert 1.3 < rmse(sample) / best < 1.55


def test_negative_numbers_are_refused():
    for arguments in (([-1], 32), ([0], 32, -1)):
        with pytest.raises(ValueError):
            scenes.draw(*arguments)
