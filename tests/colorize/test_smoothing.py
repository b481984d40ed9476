"""Colours of a film over time: still scenes do not flicker, cuts and motion are not smeared."""

import numpy as np
import pytest
from test_video import Paint, eager, lab_of, noisy, picture  # noqa: F401

from lib.colorize import video


def nervous(scaled):
    """ab that follows each small change of L, as networks do."""
    return np.concatenate([30 * np.sin(20 * scaled), 30 * np.cos(20 * scaled)], axis=-1)


def block_chroma(colored, side=8):
    """Mean ab of blocks, (T, h, w, 2): what one sees as colour, without the grain."""
    ab = np.stack([lab_of(photo)[..., 1:] for photo in colored])
    time, height, width = ab.shape[:3]
    return ab.reshape(time, height // side, side, width // side, side, 2).mean(axis=(2, 4))


def colored(pictures, network, **options):
    pairs = video.color_pictures(((one, None) for one in pictures), network, 4, **options)
    return [photo for photo, _ in pairs]


def test_a_still_clip_does_not_flicker():
    clip = noisy(24)
    single, smooth = (colored(clip, Paint(nervous), smoothing=s) for s in (0, video.SMOOTHING))
    before, after = (block_chroma(photos)[6:].var(axis=0).mean() for photos in (single, smooth))
    assert after < before / 6
    mean_before, mean_after = (block_chroma(photos)[6:].mean(axis=0) for photos in (single, smooth))
    assert np.abs(mean_after - mean_before).mean() < 2  # calmer, not other colours


def test_a_cut_is_not_smeared():
    # The scenes share some places of equal L, which only the reset tells apart.
    other = np.flip(picture((120, 160)), axis=1).copy()
    clip = noisy(8) + noisy(8, other)
    smooth = colored(clip, Paint(nervous))
    alone = colored(clip[8:], Paint(nervous))
    np.testing.assert_array_equal(smooth[8], alone[0])
    np.testing.assert_array_equal(smooth[15], alone[7])


def test_what_moves_takes_its_colour_with_it():
    scene = np.full((120, 160), 90, np.uint8)
    clip = []
    for number in range(12):
        clip.append(scene.copy())
        clip[-1][40:80, 8 * number : 8 * number + 40] = 190
    warm = Paint(lambda scaled: np.where(scaled > 0.2, (5.0, 40.0), (-25.0, -10.0)))
    single, smooth = (colored(clip, warm, smoothing=s) for s in (0, video.SMOOTHING))
    for one, other in zip(single, smooth, strict=True):
        assert np.abs(lab_of(one) - lab_of(other))[..., 1:].max() < 3


def test_a_change_of_exposure_is_no_motion():
    light = np.random.default_rng(0).uniform(20, 70, (8, 8)).astype(np.float32)
    first = video.smoothed(None, light, np.ones((8, 8, 2)), 1.0)
    second = video.smoothed(first, light + 8, np.full((8, 8, 2), 3.0), 1.0)
    assert second[1].mean() == pytest.approx(2, abs=0.01)  # the mean of both
    cut = video.smoothed(second, light + 40, np.full((8, 8, 2), 3.0), 1.0)
    assert cut[1].mean() == 3  # but this is another scene
