"""Colorizations that need no network: what a model must beat before its numbers mean something.

Conventions: arrays in, arrays out. `lightness` is L in 0..100, float, shape (N, H, W, 1);
predictions are ab in CIELAB units, float32, shape (N, H, W, 2). `fit` takes an iterable of batches,
so that a data set need not fit in memory, and adds up in float64. Fit on training photos only.

    gray          ab = 0
    mean_ab       the mean ab of all training pixels: the least mean square error of any one colour
    l_lookup      the mean ab for each whole L: the least of any rule that sees one pixel's whole L
    random_photo  the ab of a training photo drawn at random: real colours in the wrong place
"""

from dataclasses import dataclass

import numpy as np

from lib.pixels import to_lab

LEVELS = 101  # rows of the lookup table: L = 0, 1, ..., 100
TOLERANCE = 0.01  # L may pass 0 and 100 by this much: float32 rounding


@dataclass(frozen=True)
class Fitted:
    """What the baselines know of the training photos."""

    mean_ab: np.ndarray  # (2,) float64: mean ab over all pixels
    l_lookup: np.ndarray  # (101, 2) float64: row L is the mean ab of the pixels with that L


def fit(lab_batches):
    """Learn all baselines in one pass.

    Parameters
    ----------
    lab_batches : iterable of arrays, shape (..., 3)
        CIELAB. L is rounded to the nearest whole number, halves up.

    Returns
    -------
    Fitted
        A row of the lookup that no pixel fell into is a copy of the nearest one with pixels, the
        darker of two.

    Raises
    ------
    ValueError
        For another shape, L outside 0..100, NaN or infinity, or no pixel at all.
    """
    total, pixels = np.zeros((LEVELS, 2)), np.zeros(LEVELS, dtype=np.int64)
    for batch in lab_batches:
        values = _pixels(batch, 3, "lab_batches")
        level = _level(values[:, 0], "lab_batches")
        pixels += np.bincount(level, minlength=LEVELS)
        for channel in range(2):
            total[:, channel] += np.bincount(level, values[:, 1 + channel], minlength=LEVELS)
    filled = np.flatnonzero(pixels)
    if len(filled) == 0:
        raise ValueError("lab_batches: expected at least one pixel, got none")
    nearest = filled[np.abs(np.arange(LEVELS)[:, None] - filled).argmin(axis=1)]
    mean_ab = total.sum(axis=0) / pixels.sum()
    return Fitted(mean_ab, total[nearest] / pixels[nearest, None])


def predict_gray(lightness):
    """ab = 0 everywhere: float32 (N, H, W, 2)."""
    return np.zeros((*_lightness(lightness).shape[:3], 2), dtype=np.float32)


def predict_mean_ab(lightness, mean_ab):
    """`mean_ab`, shape (2,), everywhere: float32 (N, H, W, 2)."""
    mean_ab = _finite(mean_ab, (2,), "mean_ab")
    return predict_gray(lightness) + mean_ab.astype(np.float32)


def predict_l_lookup(lightness, table):
    """The row of `table`, shape (101, 2), for each pixel's rounded L: float32 (N, H, W, 2)."""
    table = _finite(table, (LEVELS, 2), "table")
    return table.astype(np.float32)[_level(_lightness(lightness)[..., 0], "lightness")]


def draw_photos(rows, count, seed=0):
    """Rows of training photos for `predict_random_photo`: (count,), with replacement.

    The same `rows`, `count` and `seed` give the same answer. Draw once for all test photos, then
    work through them in batches.
    """
    rows = np.asarray(rows)
    if rows.ndim != 1 or len(rows) == 0:
        raise ValueError(f"rows: expected shape (M,), M at least 1, got {rows.shape}")
    return np.random.default_rng(seed).choice(rows, size=count)


def predict_random_photo(lightness, rgb_drawn):
    """The ab of other photos, `rgb_drawn` uint8 (N, H, W, 3): float32 (N, H, W, 2)."""
    lightness, rgb_drawn = _lightness(lightness), np.asarray(rgb_drawn)
    expected = (*lightness.shape[:3], 3)
    if rgb_drawn.shape != expected or rgb_drawn.dtype != np.uint8:
        got = f"{rgb_drawn.dtype} {rgb_drawn.shape}"
        raise ValueError(f"rgb_drawn: expected uint8 {expected}, got {got}")
    return to_lab(rgb_drawn)[..., 1:]


def _pixels(batch, channels, name):
    """A batch as a list of pixels, (P, channels)."""
    batch = np.asarray(batch)
    if batch.ndim == 0 or batch.shape[-1] != channels:
        raise ValueError(f"{name}: expected shape (..., {channels}), got {batch.shape}")
    return _finite(batch, batch.shape, name).reshape(-1, channels)


def _lightness(values):
    values = np.asarray(values)
    if values.ndim != 4 or values.shape[-1] != 1:
        raise ValueError(f"lightness: expected shape (N, H, W, 1), got {values.shape}")
    return values


def _level(lightness, name):
    """L rounded to 0..100, halves up."""
    if not ((lightness >= -TOLERANCE) & (lightness <= 100 + TOLERANCE)).all():  # NaN fails too
        low, high = lightness.min(), lightness.max()
        raise ValueError(f"{name}: expected L in 0..100, got {low:g} to {high:g}")
    return np.floor(lightness + 0.5).astype(np.int64)


def _finite(values, shape, name):
    values = np.asarray(values)
    if values.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values
