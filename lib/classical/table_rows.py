"""The classical rows of the table: what each photo is given is fixed by rule, not by a person."""

import numpy as np

from lib import lab
from lib.classical import by_example, scribbles

THUMB, BINS = 8, 16  # cells a side, and histogram steps, of the descriptor


def examples(photos, rows):
    """For each photo the training photo whose descriptor is nearest; never the photo itself.

    `photos` is a `lib.data.preprocess.Photos`, `rows` are (N,) int. Gives rows of training photos.
    """
    rows, known = np.asarray(rows), photos.rows("train")
    theirs, ours = _descriptors(photos.images, known), _descriptors(photos.images, rows)
    # The largest of 2 x.y - y.y is the smallest (x - y)^2.
    likeness = 2 * ours @ theirs.T - np.square(theirs).sum(axis=1)
    likeness[rows[:, None] == known] = -np.inf
    return known[likeness.argmax(axis=1)]


def predictors(photos, rows, seed=0, share=scribbles.SHARE):
    """The classical rows of the table: reinhard, welsh, levin.

    The first two are given the nearest training photo (`examples`), the third hints that no other
    row has: the true colours of some random pixels of the very photo.

    `photos` is a `lib.data.preprocess.Photos`, `rows` (N,) int the photos that will be measured;
    with the photo's row `seed` fixes Welsh's samples and the scribbles; `share` is that of the
    pixels that Levin is given, above 0 up to 1. Gives a dict of name -> function that takes a part
    of `rows` and their L, (n, H, W, 1), and gives ab in CIELAB units, float32 (n, H, W, 2). Several
    threads may call it.
    """
    example_of = dict(zip(np.asarray(rows).tolist(), examples(photos, rows).tolist(), strict=True))

    def reinhard(row, lightness):
        return by_example.reinhard(lightness, photos.images[example_of[row]])

    def welsh(row, lightness):
        return by_example.welsh(lightness, photos.images[example_of[row]], [seed, row])

    def levin(row, lightness):
        given = scribbles.draw(lightness.shape[:2], share, [seed, row])
        return scribbles.levin(lightness, given, lab.rgb_to_lab(photos.images[row])[..., 1:])

    def of_all(method):
        return lambda part, lightness: np.stack(
            [method(int(row), one) for row, one in zip(part, lightness, strict=True)]
        )

    return {method.__name__: of_all(method) for method in (reinhard, welsh, levin)}


def _descriptors(images, rows):
    """Descriptors of photos, (N, 80), from every n-th pixel, 64 or more a side."""
    step = max(1, images.shape[1] // 64)
    thinned = (images[row : row + 1, ::step, ::step] for row in rows)
    return np.concatenate([descriptor(lab.rgb_to_lab(rgb)[..., :1]) for rgb in thinned])


def descriptor(lightness):
    """What L (N, H, W, 1) is compared by, (N, 80): composition and tones.

    L / 100 of 8 x 8 cells, and the cumulative histogram of L in 16 steps, scaled so that the
    squared distance of two descriptors is half the mean over cells plus half that over steps.
    """
    values = np.clip(lightness[..., 0] / 100, 0, 1)
    count, *sides = values.shape
    steps = np.minimum(values.reshape(count, -1) * BINS, BINS - 1).astype(int)
    tones = np.cumsum([np.bincount(row, minlength=BINS) for row in steps], axis=1) / steps.shape[1]
    down, across = (np.arange(THUMB + 1) * side // THUMB for side in sides)
    sums = np.add.reduceat(np.add.reduceat(values, down[:-1], axis=1), across[:-1], axis=2)
    cells = sums / np.outer(np.diff(down), np.diff(across))
    parts = cells.reshape(count, -1) / THUMB, tones / BINS**0.5
    return np.concatenate(parts, axis=1).astype(np.float32) / 2**0.5
