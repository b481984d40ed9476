"""Colour from one example photo, without learning: Reinhard et al. 2001, Welsh et al. 2002.

Both methods work in the space l, alpha, beta of Ruderman et al. (1998), in which the channels of
natural photos are nearly uncorrelated: logarithms of the eye's three cone responses, turned to
lightness (l), yellow against blue (alpha) and red against green (beta). `to_ruderman` and `to_ab`
are Reinhard's equations 3 to 9, with sRGB's white point, so that grey has alpha = beta = 0 exactly.

Both give alpha and beta, the chromaticity; the photo keeps its own L. A photo and its example are
compared as grey photos, by the l of a grey of their luminance: no more is known of the photo.

Conventions: one photo at a time; L in 0..100, (H, W, 1); ab in CIELAB units, float32.

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
from lib.classical.scribbles import checked_lightness

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


def reinhard(lightness, example, swatches=SWATCHES):
    """Colour transfer by statistics, from swatches that luminance makes.

    Equations 10 and 11 move the mean and the spread of each channel of a photo to those of the
    example. A grey photo has no spread in alpha and beta: all that can be moved is the mean, and
    every pixel would get the example's mean colour (`swatches` = 1 does just that). For photos of
    several materials a person draws pairs of swatches: each pixel takes the statistics of all,
    weighted by one over its distance to the swatch's mean in l, in units of the swatch's standard
    deviation. Here the swatches are layers of equal area from dark to bright, the k-th of the photo
    paired with the k-th of the example.

    Parameters
    ----------
    lightness : array (H, W, 1)
        L in 0..100.
    example : array (H', W', 3)
        RGB, uint8 or float in [0, 1].
    swatches : int
        1 up to the number of pixels.

    Returns
    -------
    array (H, W, 2), float32
        ab in CIELAB units.

    Raises
    ------
    ValueError
        For other shapes, L outside 0..100, or no swatch.
    """
    lightness, example_lab = checked_lightness(lightness), lab.rgb_to_lab(example)
    own = gray_l(lightness).ravel()
    dark_to_bright = np.argsort(example_lab[..., 0], axis=None)
    alpha_beta = to_ruderman(example_lab).reshape(-1, 3)[dark_to_bright, 1:]
    colors = np.array([layer.mean(axis=0) for layer in np.array_split(alpha_beta, swatches)])

    layers = np.array_split(np.sort(own), swatches)
    mean, spread = np.array([[layer.mean(), layer.std()] for layer in layers]).T
    distance = np.abs(own[:, None] - mean) / np.maximum(spread, 1e-3)
    weights = 1 / np.maximum(distance, 1e-3)
    mixed = weights @ colors / weights.sum(axis=1, keepdims=True)
    return to_ab(mixed.reshape(*lightness.shape[:2], 2), lightness)


def welsh(lightness, example, seed=0, samples=SAMPLES):
    """Colour from the example's pixel of most similar luminance and texture.

    The example's l is stretched and moved to the mean and standard deviation of the photo's
    (luminance remapping). About 200 pixels of the example are taken, one at random in each cell of
    a grid (jittered sampling). Each pixel of the photo gets alpha and beta of the sample nearest in
    l and in the standard deviation of l in the 5 x 5 pixels around, both with weight one half.

    Parameters
    ----------
    lightness, example
        As of `reinhard`.
    seed : int or sequence of int
        Of the samples, 0 or greater.
    samples : int
        1 or more; the grid has as many cells, about.

    Returns
    -------
    array (H, W, 2), float32
        ab in CIELAB units.

    Raises
    ------
    ValueError
        For other shapes, or L outside 0..100.
    """
    lightness, example_lab = checked_lightness(lightness), lab.rgb_to_lab(example)
    own, other = gray_l(lightness), gray_l(example_lab[..., :1])
    remapped = (other - other.mean()) * (own.std() / max(other.std(), 1e-6)) + own.mean()
    chosen = _jittered(other.shape, samples, seed)
    colors = to_ruderman(example_lab[chosen])[:, 1:]
    _, nearest = spatial.cKDTree(_features(remapped)[chosen]).query(_features(own))
    return to_ab(colors[nearest], lightness)


def to_ruderman(values):
    """CIELAB (..., 3) to l, alpha, beta (..., 3), float32: Reinhard's equations 3, 5 and 6."""
    cones = lab.lab_to_xyz(values) @ XYZ_TO_LMS.T.astype(np.float32)
    return np.log10(np.maximum(cones, DARKEST)) @ LMS_TO_RUDERMAN.T.astype(np.float32)


def gray_l(lightness):
    """l of the grey of L (..., 1): float32 (...). It has alpha = beta = 0."""
    return to_ruderman(_gray(lightness))[..., 0]


def to_ab(alpha_beta, lightness):
    """ab in CIELAB units, float32 (..., 2), of alpha and beta (..., 2) at L (..., 1).

    Equations 8 and 9: alpha and beta give the ratios of the cone responses, and L the luminance.
    What sRGB cannot show is mixed with the grey of that luminance until it can.
    """
    cones = 10 ** (np.asarray(alpha_beta) @ LMS_TO_RUDERMAN[1:])
    xyz = (cones @ np.linalg.inv(XYZ_TO_LMS).T).astype(np.float32)
    gray = lab.lab_to_xyz(_gray(lightness))
    xyz *= gray / xyz[..., 1:2]
    away = lab.xyz_to_linear(xyz) - gray
    limit = np.where(away > 0, 1 - gray, -gray)
    room = np.divide(limit, away, out=np.ones_like(away), where=np.abs(away) > 1e-7)
    share = np.clip(room.min(axis=-1, keepdims=True), 0, 1)
    return lab.xyz_to_lab(gray + share * (xyz - gray))[..., 1:]


def _gray(lightness):
    """CIELAB (..., 3) of the grey of L (..., 1)."""
    return np.concatenate([lightness, *[np.zeros_like(lightness)] * 2], axis=-1)


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
