"""Colorizations that need no network: what a model must beat before its numbers mean something.

    gray          ab = 0
    mean_ab       the mean ab of all training pixels: the least mean square error of any one colour
    l_lookup      the mean ab for each whole L: the least of any rule that sees one pixel's whole L
    random_photo  the ab of a training photo drawn at random: real colours in the wrong place

Conventions: L in 0..100, shape (N, H, W, 1); ab in CIELAB units, float32, shape (N, H, W, 2).
"""

import numpy as np

from lib import lab

LEVELS = 101  # rows of the lookup table: L = 0, 1, ..., 100
BATCH = 64  # photos at once


def fit(rgb_batches):
    """Learn from batches of training photos, uint8 (N, H, W, 3): mean_ab (2,), l_lookup (101, 2).

    Row L of the lookup is the mean ab of the pixels with that L; where there are none, it is that
    of the nearest L with pixels, the darker of two. Added up in float64.
    """
    total, pixels = np.zeros((LEVELS, 2)), np.zeros(LEVELS, dtype=np.int64)
    for rgb in rgb_batches:
        values = lab.rgb_to_lab(rgb).reshape(-1, 3)
        level = _level(values[:, 0])
        pixels += np.bincount(level, minlength=LEVELS)
        for channel in range(2):
            total[:, channel] += np.bincount(level, values[:, 1 + channel], minlength=LEVELS)
    filled = np.flatnonzero(pixels)
    nearest = filled[np.abs(np.arange(LEVELS)[:, None] - filled).argmin(axis=1)]
    return total.sum(axis=0) / pixels.sum(), total[nearest] / pixels[nearest, None]


def predictors(photos, rows, seed=0):
    """The four rows of the table, fitted on the training photos: dict of name to function.

    Each takes a part of `rows`, those of `photos.images` that will be measured, and their L, and
    gives their ab. `seed` draws the random other photo, once for each of `rows`.
    """
    train = photos.rows("train")
    starts = range(0, len(train), BATCH)
    mean_ab, l_lookup = fit(photos.images[train[start : start + BATCH]] for start in starts)
    drawn = np.random.default_rng(seed).choice(train, size=len(rows))
    other = dict(zip(rows.tolist(), drawn.tolist(), strict=True))

    def gray(part, lightness):
        return np.zeros((*lightness.shape[:3], 2), np.float32)

    def random_photo(part, lightness):
        return lab.rgb_to_lab(photos.images[[other[row] for row in part.tolist()]])[..., 1:]

    return {
        "gray": gray,
        "mean_ab": lambda part, lightness: gray(part, lightness) + np.float32(mean_ab),
        "l_lookup": lambda _, lightness: np.float32(l_lookup)[_level(lightness[..., 0])],
        "random_photo": random_photo,
    }


def _level(lightness):
    """L rounded to 0..100, halves up."""
    return np.clip(np.floor(lightness + 0.5), 0, LEVELS - 1).astype(np.int64)
