"""Colour from one example photo, without learning: Reinhard et al. 2001, Welsh et al. 2002.

Both methods work in the space l, alpha, beta of Ruderman et al. (1998), in which the channels of
natural photos are nearly uncorrelated: logarithms of the eye's three cone responses, turned to
lightness (l), yellow against blue (alpha) and red against green (beta). `to_ruderman` and `to_ab`
are Reinhard's equations 3 to 9, with the white point of sRGB, so that grey has alpha = beta = 0.

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
from lib.classical.scribbles import SHARE, checked, draw, levin

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
    lightness : array (H, W, 1) or (N, H, W, 1)
    example : array (H', W', 3) or (N, H', W', 3)
        RGB, uint8 or float in [0, 1]; one a photo.
    swatches : int
        1 up to the number of pixels.

    Returns ab (H, W, 2) or (N, H, W, 2). Raises ValueError for other shapes, L or `swatches`.
    """
    lightness, example = _checked(lightness, example)
    if not 1 <= swatches <= min(lightness[..., 0].size, example[..., 0].size):
        raise ValueError(f"swatches: expected 1 up to the number of pixels, got {swatches}")
    if lightness.ndim == 4:
        return np.stack([reinhard(*p, swatches) for p in zip(lightness, example, strict=True)])
    values, own = lab.rgb_to_lab(example).reshape(-1, 3), gray_l(lightness)
    layers = np.array_split(np.sort(own, axis=None), swatches)
    mean, spread = np.array([[layer.mean(), layer.std()] for layer in layers]).T
    other = to_ruderman(values[np.argsort(values[:, 0])])[:, 1:]
    colors = np.array([layer.mean(axis=0) for layer in np.array_split(other, swatches)])
    distance = np.abs(own[..., None] - mean) / np.maximum(spread, 1e-3)
    near = 1 / np.maximum(distance, 1e-3)
    return to_ab(near @ colors / near.sum(axis=-1, keepdims=True), lightness)


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
        As of `reinhard`, and so are what is returned and raised.
    seeds : int, or one a photo: an int or a sequence of int
        Of the samples, 0 or greater.
    samples : int
        1 or more; the grid has as many cells, about.
    """
    lightness, example = _checked(lightness, example)
    if samples < 1:
        raise ValueError(f"samples: expected 1 or more, got {samples}")
    if lightness.ndim == 4:
        seeds = [seeds] * len(lightness) if np.isscalar(seeds) else seeds
        return np.stack([welsh(*p, samples) for p in zip(lightness, example, seeds, strict=True)])
    values = lab.rgb_to_lab(example)
    own, other = gray_l(lightness), gray_l(values[..., :1])
    remapped = (other - other.mean()) * (own.std() / np.maximum(other.std(), 1e-6)) + own.mean()
    chosen = _jittered(other.shape, samples, seeds)
    _, nearest = spatial.cKDTree(_features(remapped)[chosen]).query(_features(own))
    return to_ab(to_ruderman(values[chosen])[nearest, 1:], lightness)


def descriptor(lightness):
    """What photos are compared by when an example is looked for: composition and tones, no colour.

    Of L (N, H, W, 1), 8 pixels a side or more: (N, 80), float32. L / 100 of 8 x 8 cells, and the
    cumulative histogram of L in 16 steps, scaled so that the squared distance of two descriptors is
    half the mean over cells plus half that over steps.
    """
    values = np.clip(lightness[..., 0].astype(np.float32) / 100, 0, 1)
    steps = np.minimum(values.reshape(len(values), -1) * BINS, BINS - 1).astype(np.int64)
    tones = np.cumsum([np.bincount(row, minlength=BINS) for row in steps], axis=1) / steps.shape[1]
    down, across = (np.arange(THUMB + 1) * side // THUMB for side in values.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(values, down[:-1], axis=1), across[:-1], axis=2)
    cells = sums / np.outer(np.diff(down), np.diff(across))
    parts = cells.reshape(len(cells), -1) / THUMB, tones / BINS**0.5
    return np.concatenate(parts, axis=1).astype(np.float32) / 2**0.5


def examples(photos, rows):
    """For each photo the training photo whose descriptor is nearest; never the photo itself.

    `photos` is a `data.preprocess.Photos`; `rows` (N,) and what is returned are rows of its images.
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
        With a photo's row it fixes Welsh's samples and the scribbles, whatever else is measured.
    scribbles : float
        Share of the pixels, above 0 up to 1.

    Returns
    -------
    dict of name -> function
        Each takes a part of `rows` and their L, (n, H, W, 1), and gives ab in CIELAB units,
        float32 (n, H, W, 2). They may run in several threads.
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
    cones = lab.lab_to_xyz(values) @ XYZ_TO_LMS.T.astype(np.float32)
    return np.log10(np.maximum(cones, DARKEST)) @ LMS_TO_RUDERMAN.T.astype(np.float32)


def gray_l(lightness):
    """l of the grey of L (..., 1): float32 (...). It has alpha = beta = 0."""
    return 3**0.5 * np.log10(np.maximum(_luminance(lightness)[..., 0], DARKEST))


def to_ab(alpha_beta, lightness):
    """ab in CIELAB units, float32 (..., 2), of alpha and beta (..., 2) at L (..., 1).

    Equations 8 and 9: alpha and beta give the ratios of the cone responses, and L the luminance.
    What sRGB cannot show is mixed with the grey of that luminance until it can.
    """
    cones = 10 ** (alpha_beta @ LMS_TO_RUDERMAN[1:]).astype(np.float32)
    xyz = cones @ np.linalg.inv(XYZ_TO_LMS).T.astype(np.float32)
    gray = _luminance(lightness)
    xyz *= gray / xyz[..., 1:2]
    away = lab.xyz_to_linear(xyz) - gray
    limit = np.where(away > 0, 1 - gray, -gray)
    room = np.divide(limit, away, out=np.ones_like(away), where=np.abs(away) > 1e-7)
    xyz = gray + np.clip(room.min(axis=-1, keepdims=True), 0, 1) * (xyz - gray)
    return lab.xyz_to_lab(xyz)[..., 1:]


def _luminance(lightness):
    """Y, 0 to 1, of L, both (..., 1): also X and Z of its grey, and its linear light."""
    gray = np.asarray(lightness, np.float32) * np.float32([1, 0, 0])
    return lab.lab_to_xyz(gray)[..., 1:2]


def _checked(lightness, example):
    """Both as arrays, one example a photo, or a ValueError."""
    lightness, example = checked(lightness), np.asarray(example)
    count = lightness.shape[:-3]
    if example.ndim != lightness.ndim or example.shape[:-3] != count or example.shape[-1] != 3:
        expected = (*count, "H", "W", 3)
        raise ValueError(f"example: expected shape {expected}, got {example.shape}")
    return lightness, example


def _features(values):
    """Welsh: l of (H, W), and its standard deviation in the window around: (H, W, 2)."""
    values = values.astype(np.float64)
    mean = ndimage.uniform_filter(values, WINDOW)
    variance = ndimage.uniform_filter(np.square(values), WINDOW) - np.square(mean)
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
    return np.concatenate([descriptor(lab.rgb_to_lab(rgb)[..., :1]) for rgb in thinned])
