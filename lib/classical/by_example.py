"""Colour from one example photo, without learning: Reinhard et al. 2001, Welsh et al. 2002.

The paper's section II sorts colorization by what is given: scribbles (`lib.scribbles`), an example
(here), or many photos (the networks). Both methods here work in the space l, alpha, beta of
Ruderman et al. (1998), in which the channels of natural photos are nearly uncorrelated: logarithms
of the eye's three cone responses, turned to lightness (l), yellow against blue (alpha) and red
against green (beta). `to_ruderman` and `to_ab` are Reinhard's equations 3 to 9, with the white
point of sRGB, so that grey has alpha = beta = 0 exactly.

Both give alpha and beta, and the photo keeps its own L: alpha and beta make the chromaticity, and
L the luminance. Where a photo and its example are compared, both are compared as grey photos, by
the l of a grey of their luminance: no more is known of the photo.

Conventions of `lib.baselines`: L in 0..100, (H, W, 1) or (N, H, W, 1); ab in CIELAB units, float32.

References
----------
E. Reinhard, M. Ashikhmin, B. Gooch, P. Shirley (2001), Color transfer between images, IEEE
Computer Graphics and Applications 21(5), 34-41. T. Welsh, M. Ashikhmin, K. Mueller (2002),
Transferring color to greyscale images, ACM Transactions on Graphics 21(3), 277-280. D. Ruderman,
T. Cronin, C. Chiao (1998), Statistics of cone responses to natural images, JOSA A 15(8).
"""

import numpy as np
from scipy import ndimage, spatial

from lib import lab
from lib.classical.scribbles import SHARE, checked_lightness, draw, levin

# XYZ, each divided by the white point's -> cone responses L, M, S (Reinhard, equation 3).
XYZ_TO_LMS = np.array([[0.3897, 0.6890, -0.0787], [-0.2298, 1.1834, 0.0464], [0.0, 0.0, 1.0]])
# log LMS -> l, alpha, beta (equation 6): orthogonal, so its inverse (8) is its transpose.
LMS_TO_RUDERMAN = np.diag([1 / 3, 1 / 6, 1 / 2]) ** 0.5 @ np.array(
    [[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]]
)
DARKEST = 1 / 255 / 12.92  # least cone response whose logarithm is taken: the first of 256 greys

SWATCHES = 6  # Reinhard: layers of equal area, from dark to bright
SAMPLES = 200  # Welsh: pixels of the example that are compared with, about
WINDOW = 5  # Welsh: pixels a side of the neighbourhood
THUMB, BINS = 8, 16  # cells a side, and histogram steps, of the descriptor
BATCH = 64  # photos at once


def reinhard(lightness, example, swatches=SWATCHES):
    """Colour transfer by statistics, from swatches that luminance makes.

    Equations 10 and 11 move the mean and the spread of each channel of a photo to those of the
    example. A grey photo has no spread in alpha and beta: all that can be moved is the mean, and
    every pixel would get the example's mean colour (`swatches` = 1 does just that). For photos of
    several materials the paper has a remedy, pairs of swatches drawn by a person: each pixel takes
    the statistics of all swatches, weighted by one over its distance to the swatch's mean in units
    of the swatch's standard deviation. Here the swatches are layers of luminance: both photos are
    cut into as many layers of equal area from dark to bright, and the k-th of the one is paired
    with the k-th of the other. The distance is one of l, all that is known of a grey pixel.

    Parameters
    ----------
    lightness : array (N, H, W, 1)
        L in 0..100.
    example : array (N, H', W', 3)
        RGB, uint8 or float in [0, 1]; one a photo.
    swatches : int
        1 or more.

    Returns
    -------
    array (N, H, W, 2), float32
        ab in CIELAB units.

    Raises
    ------
    ValueError
        For other shapes, L outside 0..100, or no swatch.
    """
    lightness, example = _pairs(lightness, example)
    if not 1 <= swatches <= min(lightness[0].size, example[0].size // 3):
        raise ValueError(f"swatches: expected 1 up to the number of pixels, got {swatches}")
    found = np.empty((*lightness.shape[:3], 2), np.float32)
    for photo, values in enumerate(lab.rgb_to_lab(example)):
        own = gray_l(lightness[photo]).ravel()
        order = np.argsort(values[..., 0], axis=None)
        other = to_ruderman(values.reshape(-1, 3))[order, 1:]
        layers = np.array_split(np.sort(own), swatches)
        colors = np.array([layer.mean(axis=0) for layer in np.array_split(other, swatches)])
        mean, spread = np.array([[layer.mean(), layer.std()] for layer in layers]).T[..., None]
        near = 1 / np.maximum(np.abs(own - mean) / np.maximum(spread, 1e-3), 1e-3)
        mixed = (colors.T @ near / near.sum(axis=0)).T.reshape(found[photo].shape)
        found[photo] = to_ab(mixed, lightness[photo])
    return found


def welsh(lightness, example, seeds=0, samples=SAMPLES):
    """Colour from the example's pixel of most similar luminance and texture.

    The paper's three steps. The example's l is stretched and moved so that its mean and standard
    deviation are the photo's (luminance remapping). About 200 pixels of the example are taken, one
    at random in each cell of a grid (jittered sampling). Each pixel of the photo gets alpha and
    beta of the sample that is nearest in l and in the standard deviation of l in the 5 x 5 pixels
    around it, both with weight one half.

    Parameters
    ----------
    lightness, example
        As of `reinhard`.
    seeds : int, or one a photo: an int or a sequence of int
        Of the samples, 0 or greater.
    samples : int
        1 or more; the grid has as many cells, about.

    Returns
    -------
    array (N, H, W, 2), float32
        ab in CIELAB units.

    Raises
    ------
    ValueError
        For other shapes, L outside 0..100, other than one seed a photo, or no sample.
    """
    lightness, example = _pairs(lightness, example)
    seeds = [seeds] * len(lightness) if isinstance(seeds, int) else seeds
    if len(seeds) != len(lightness):
        raise ValueError(f"seeds: expected one for each of {len(lightness)}, got {len(seeds)}")
    if samples < 1:
        raise ValueError(f"samples: expected 1 or more, got {samples}")
    values = lab.rgb_to_lab(example)
    own, other = gray_l(lightness), gray_l(values[..., :1])
    mean, spread = _statistics(own)
    mean_other, spread_other = _statistics(other)
    remapped = (other - mean_other) * (spread / np.maximum(spread_other, 1e-6)) + mean
    features, known = _features(own), _features(remapped)
    found = np.empty((*own.shape, 2), np.float32)
    for photo, seed in enumerate(seeds):
        chosen = _jittered(other.shape[1:], samples, seed)
        colors = to_ruderman(values[photo][chosen])[..., 1:]
        _, nearest = spatial.cKDTree(known[photo][chosen]).query(features[photo])
        found[photo] = to_ab(colors[nearest], lightness[photo])
    return found


def descriptor(lightness):
    """What photos are compared by when an example is looked for: composition and tones, no colour.

    Parameters
    ----------
    lightness : array (N, H, W, 1)
        L in 0..100, 8 pixels a side or more.

    Returns
    -------
    array (N, 80), float32
        L / 100 of 8 x 8 cells, and the cumulative histogram of L in 16 steps, scaled so that the
        squared distance of two descriptors is half the mean over cells plus half that over steps.
    """
    lightness = checked_lightness(lightness)
    if lightness.ndim != 4 or min(lightness.shape[1:3]) < THUMB:
        raise ValueError(f"lightness: expected (N, H, W, 1), 8 a side, got {lightness.shape}")
    values = np.clip(lightness[..., 0].astype(np.float32) / 100, 0, 1)
    steps = np.minimum(values.reshape(len(values), -1) * BINS, BINS - 1).astype(np.int64)
    tones = np.cumsum([np.bincount(row, minlength=BINS) for row in steps], axis=1) / steps.shape[1]
    cells = values
    for axis in (1, 2):
        edges = np.arange(THUMB + 1) * cells.shape[axis] // THUMB
        sums = np.add.reduceat(cells, edges[:-1], axis=axis)
        cells = sums / np.diff(edges).reshape([-1 if number == axis else 1 for number in range(3)])
    parts = cells.reshape(len(cells), -1) / THUMB, tones / BINS**0.5
    return np.concatenate(parts, axis=1).astype(np.float32) / 2**0.5


def examples(photos, rows):
    """For each photo the training photo whose descriptor is nearest; never the photo itself.

    Parameters
    ----------
    photos : preprocess.Photos
    rows : array (N,) of int
        Of `photos.images`.

    Returns
    -------
    array (N,) of int
        Rows of training photos.
    """
    rows, known = np.asarray(rows), photos.rows("train")
    theirs, ours = _descriptors(photos, known), _descriptors(photos, rows)
    # The largest of 2 x.y - y.y is the smallest (x - y)^2.
    likeness = 2 * ours @ theirs.T - np.square(theirs).sum(axis=1)
    likeness[rows[:, None] == known] = -np.inf
    return known[likeness.argmax(axis=1)]


def predictors(photos, rows, seed=0, scribbles=SHARE):
    """The classical rows of the table: reinhard, welsh, levin.

    The first two are given the nearest training photo (`examples`). The third is given hints that
    no other row has: the true colours of some random pixels of the very photo.

    Parameters
    ----------
    photos : preprocess.Photos
    rows : array (N,) of int
        The photos that will be measured.
    seed : int
        Of Welsh's samples and of the scribbles; with the photo's row it fixes them, whatever else
        is measured.
    scribbles : float
        Of the pixels, above 0 up to 1.

    Returns
    -------
    dict of name -> function
        Each takes a part of `rows` and their L, (n, H, W, 1), and gives ab in CIELAB units,
        float32 (n, H, W, 2).
    """
    example_of = dict(zip(np.asarray(rows).tolist(), examples(photos, rows).tolist(), strict=True))

    def example(part):
        return photos.images[[example_of[row] for row in part.tolist()]]

    def by_levin(part, lightness):
        given = np.stack([draw(lightness.shape[1:3], scribbles, [seed, row]) for row in part])
        return levin(lightness, given, lab.rgb_to_lab(photos.images[part])[..., 1:])

    return {
        "reinhard": lambda part, lightness: reinhard(lightness, example(part)),
        "welsh": lambda part, lightness: welsh(
            lightness, example(part), [[seed, row] for row in part]
        ),
        "levin": by_levin,
    }


def to_ruderman(values):
    """CIELAB (..., 3) to l, alpha, beta (..., 3), float32: Reinhard's equations 3, 5 and 6."""
    cones = lab.lab_to_xyz(values) @ np.float32(XYZ_TO_LMS.T)
    return np.log10(np.maximum(cones, DARKEST)) @ np.float32(LMS_TO_RUDERMAN.T)


def gray_l(lightness):
    """l of the grey of L (..., 1): float32 (...). It has alpha = beta = 0."""
    return 3**0.5 * np.log10(np.maximum(_gray(lightness)[..., 1], DARKEST))


def to_ab(alpha_beta, lightness):
    """ab in CIELAB units, float32 (..., 2), of alpha and beta (..., 2) at L (..., 1).

    Equations 8 and 9: alpha and beta give the ratios of the cone responses, and L the luminance.
    What sRGB cannot show is mixed with the grey of that luminance until it can.
    """
    cones = 10 ** (np.float32(alpha_beta) @ np.float32(LMS_TO_RUDERMAN[1:]))
    xyz, gray = cones @ np.float32(np.linalg.inv(XYZ_TO_LMS).T), _gray(lightness)
    xyz *= gray[..., 1:2] / xyz[..., 1:2]
    away = lab.xyz_to_linear(xyz) - gray  # of grey, linear light and XYZ are the same
    limit = np.where(away > 0, 1 - gray, -gray)
    room = np.divide(limit, away, out=np.ones_like(away), where=np.abs(away) > 1e-7)
    share = np.clip(room.min(axis=-1, keepdims=True), 0, 1)
    return lab.xyz_to_lab(gray + share * (xyz - gray))[..., 1:]


def _gray(lightness):
    """XYZ, each over the white point's, of the grey of L (..., 1): (..., 3), all the same."""
    return lab.lab_to_xyz(np.pad(np.float32(lightness), [(0, 0)] * (lightness.ndim - 1) + [(0, 2)]))


def _pairs(lightness, example):
    """Both as arrays of as many photos, or a ValueError."""
    lightness, example = checked_lightness(lightness), np.asarray(example)
    if lightness.ndim != 4 or example.ndim != 4 or example.shape[::3] != (len(lightness), 3):
        expected = f"({len(lightness)}, H, W, 3) for as many L (N, H, W, 1)"
        raise ValueError(f"example: expected {expected}, got {example.shape}, {lightness.shape}")
    return lightness, example


def _statistics(values):
    """Mean and standard deviation of each photo, (N, 1, 1)."""
    return values.mean(axis=(1, 2), keepdims=True), values.std(axis=(1, 2), keepdims=True)


def _features(values):
    """Welsh: l of (N, H, W), and its standard deviation in the window around: (N, H, W, 2)."""
    values = values.astype(np.float64)
    window = (1, WINDOW, WINDOW)
    mean = ndimage.uniform_filter(values, window)
    variance = ndimage.uniform_filter(np.square(values), window) - np.square(mean)
    return np.stack([values, np.sqrt(np.maximum(variance, 0))], axis=-1)


def _jittered(shape, samples, seed):
    """Rows and columns of one random pixel in each cell of a grid of about `samples` cells."""
    height, width = shape
    down = min(height, max(1, round((samples * height / width) ** 0.5)))
    across = min(width, max(1, round(samples / down)))
    random = np.random.default_rng(seed).random((2, down, across))
    rows = (np.arange(down)[:, None] + random[0]) * (height / down)
    columns = (np.arange(across) + random[1]) * (width / across)
    return rows.astype(int).ravel(), columns.astype(int).ravel()


def _descriptors(photos, rows):
    """Descriptors of photos, from every n-th pixel, 64 or more a side."""
    step = max(1, photos.image_size // 64)
    parts = np.array_split(rows, -(-len(rows) // BATCH))
    thinned = (photos.images[part][:, ::step, ::step] for part in parts)
    found = [np.clip(lab.rgb_to_lab(rgb)[..., :1], 0, 100) for rgb in thinned]
    return np.concatenate([descriptor(lightness) for lightness in found])
