"""Levin's optimization for many photos: solved at half the size, enlarged along the edges.

The equations of `lib.scribbles` cost about as much as pixels^1.5. Here they are solved for the mean
L of each 2 x 2 pixels, and each pixel then takes the mean colour of the four cells around it,
weighted by how near they are and how similar their L is (joint bilateral upsampling).

This is not the colouring of least cost. On 60 photos of Flickr8k at 200 px with 40 points each, the
two are 2.1 CIELAB units apart (RMSE), but as far from the truth: the mean RMSE_ab is 6.91 where
exact is 7.03, the medians are both 6.47. It takes a quarter of the time.

Reference: J. Kopf, M. Cohen, D. Lischinski, M. Uyttendaele (2007), Joint bilateral upsampling, ACM
Transactions on Graphics 26(3).
"""

import numpy as np

from lib.classical import scribbles

SIMILAR = 5e-4  # 2 sigma^2 of the difference of Y = L / 100: one of 2 in L halves the weight
NEAR, FAR = 0.75, 0.25  # bilinear: along each axis a pixel's own cell and the next have this share


def levin(lightness, given, ab):
    """As `scribbles.levin`, about; the same arguments, answer and errors.

    At the scribbles is what was given, elsewhere colours within the range of it. A cell with
    several scribbles has their mean.
    """
    lightness, given, ab = scribbles.checked(lightness, given, ab)
    if lightness.ndim == 3:
        return _one(lightness, given, ab)
    return np.stack([_one(*photo) for photo in zip(lightness, given, ab, strict=True)])


def _one(lightness, given, ab):
    height, width = given.shape
    edges = (0, height % 2), (0, width % 2)
    fine = np.pad(lightness[..., 0].astype(np.float32) / 100, edges, mode="edge")
    hints = np.where(given[..., None], ab, 0.0)
    hints = _sums(np.pad(np.concatenate([hints, given[..., None]], axis=-1), (*edges, (0, 0))))
    coarse = _sums(fine[..., None]) / 4
    count = hints[..., 2:]
    colors = scribbles.levin(100 * coarse, count[..., 0] > 0, hints[..., :2] / np.maximum(count, 1))
    found = _enlarged(colors, coarse[..., 0], fine)[:height, :width]
    found[given] = ab[given]
    return found


def _sums(values):
    """Of each 2 x 2 pixels."""
    rows = values[::2] + values[1::2]
    return rows[:, ::2] + rows[:, 1::2]


def _enlarged(colors, coarse, fine):
    """Colours (h, w, 2) of cells at each pixel, (2h, 2w, 2): Y `coarse` (h, w), `fine` (2h, 2w)."""
    height, width = coarse.shape
    found = np.empty((*fine.shape, 2), np.float32)
    around = np.pad(coarse, 1, mode="edge")
    colors = np.pad(colors, ((1, 1), (1, 1), (0, 0)), mode="edge")
    for y, x in np.ndindex(2, 2):  # the pixels at the same place in their cells
        total, weight = 0.0, 0.0
        for down, share in ((0, NEAR), (2 * y - 1, FAR)):
            for right, part in ((0, NEAR * share), (2 * x - 1, FAR * share)):
                cells = slice(1 + down, 1 + down + height), slice(1 + right, 1 + right + width)
                alike = np.exp(-np.square(around[cells] - fine[y::2, x::2]) / SIMILAR)
                own = part * np.maximum(alike, scribbles.LEAST)
                total = total + own[..., None] * colors[cells]
                weight = weight + own
        found[y::2, x::2] = total / weight[..., None]
    return found
