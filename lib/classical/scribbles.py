"""Colorization by optimization: a few given colours spread over a photo (Levin et al. 2004).

The premise is one sentence of the paper: neighbouring pixels of similar intensity should have
similar colours. Equation 1 asks each pixel r to have the weighted mean colour of its neighbours s,

    J(U) = sum over r of (U(r) - sum over s in N(r) of w(r, s) U(s))^2,

with weights that add up to 1 and fall with the difference of intensity, equation 2:

    w(r, s) ~ exp(-(Y(r) - Y(s))^2 / (2 sigma(r)^2)),    sigma(r)^2: variance of Y around r.

The scribbles are constraints: there, U is given. Here N(r) is the 3 x 3 window, Y is L / 100, and
U stands for a and for b (the paper: U and V of YUV), which share one matrix.

Two things that the paper leaves open were settled on validation photos (96 x 96, 9 points each;
medians of RMSE_ab). Over which r the sum runs: over the pixels without a scribble (8.8). Then there
are as many equations as unknowns, least J is exactly 0, and no colour leaves the range of those
given. Summed over the scribbles too, J bends like a thin plate and overshoots between points
(12.9). And how steep the weights are: SPREAD and NOISE below. The paper's other weights, equation
3, 1 + (Y(r) - mean) (Y(s) - mean) / sigma^2, can be negative and lose that range (12.1).

Reference: A. Levin, D. Lischinski, Y. Weiss (2004), Colorization using optimization, ACM
Transactions on Graphics 23(3), 689-694.
"""

import numpy as np
from PIL import ImageColor
from scipy import sparse
from scipy.sparse import linalg

from lib import lab

SHARE = 0.001  # of the pixels that are given their true colour, by default
SPREAD = 0.3  # 2 sigma^2 as a share of the window's variance of Y
NOISE = 1e-4  # added to 2 sigma^2: differences of 1 in L are noise, not edges
LEAST = 1e-6  # of a weight before they are made to add up to 1: no region is cut off altogether
TOLERANCE = 0.01  # L may pass 0 and 100 by this much: float32 rounding
OFFSETS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def levin(lightness, given, ab):
    """Spread given colours over a photo: the a and b of least cost, equation 1.

    Parameters
    ----------
    lightness : array (H, W, 1) or (N, H, W, 1)
        L in 0..100.
    given : array of bool, (H, W) or (N, H, W)
        Where a scribble is: at least one pixel a photo.
    ab : array (H, W, 2) or (N, H, W, 2)
        CIELAB units; only its values at the scribbles are used.

    Returns ab, float32: at the scribbles what was given, elsewhere within the range of it. Raises
    ValueError for other shapes, L outside 0..100, a photo without a scribble, or NaN in one.
    """
    lightness, given, ab = checked(lightness), np.asarray(given), np.asarray(ab)
    shape = lightness.shape[:-1]
    if given.shape != shape or given.dtype != bool or not given.any(axis=(-2, -1)).all():
        got = f"{given.dtype} {given.shape}, {given.sum()} of them true"
        raise ValueError(f"given: expected bool {shape}, a scribble in each photo, got {got}")
    if ab.shape != (*shape, 2) or not np.isfinite(ab[given]).all():
        raise ValueError(f"ab: expected finite values of shape {(*shape, 2)}, got {ab.shape}")
    if lightness.ndim == 4:
        return np.stack([levin(*photo) for photo in zip(lightness, given, ab, strict=True)])
    known, colors = given.ravel(), ab.reshape(-1, 2)
    found = colors.astype(np.float32)
    if not known.all():
        # U(r) - sum of w(r, s) U(s) = 0 for each r without a scribble; the known U(s) go right.
        table = weights(lightness)[~known]
        matrix = sparse.eye_array(table.shape[0]) - table[:, ~known]
        # No row's other entries add up to more than its diagonal: pivots are not needed.
        options = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
        factors = linalg.splu(matrix.tocsc(), "MMD_AT_PLUS_A", **options)
        found[~known] = factors.solve(table[:, known] @ colors[known].astype(np.float64))
    return found.reshape(ab.shape)


def weights(lightness):
    """Equation 2: how much each pixel takes of the colour of each of its neighbours.

    Of L (H, W, 1), two pixels or more: a scipy.sparse.csr_array (H W, H W), float64. Row r holds
    w(r, s) of its up to 8 neighbours s, and adds up to 1.
    """
    intensity = np.asarray(lightness, np.float64)[..., 0] / 100.0
    pixels = np.arange(intensity.size).reshape(intensity.shape)
    columns, near = _neighbors(pixels, -1), _neighbors(intensity, np.nan)
    inside = columns >= 0
    variance = np.nanvar([*near, intensity], axis=0)
    values = np.exp(-np.square(near - intensity) / (SPREAD * variance + NOISE))
    values = np.where(inside, np.maximum(values, LEAST), 0.0)
    values /= values.sum(axis=0)
    rows = np.broadcast_to(pixels, inside.shape)[inside]
    entries = values[inside], (rows, columns[inside])
    return sparse.csr_array(entries, shape=(pixels.size, pixels.size))


def draw(shape, share=SHARE, seed=0):
    """Where colours are given when no person is there to draw: pixels at random.

    A `share` of the pixels of a photo of `shape` (height, width), above 0 up to 1; at least one. A
    larger share of the same seed holds all the pixels of a smaller one. Returns (H, W) of bool.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected a share of the pixels above 0 up to 1, got {share}")
    given = np.zeros(np.prod(shape), bool)
    count = max(1, round(share * given.size))
    given[np.random.default_rng(seed).permutation(given.size)[:count]] = True
    return given.reshape(shape)


def dots(table, shape, radius=0.02):
    """Scribbles from a table, as a person writes it.

    Parameters
    ----------
    table : sequence of (x, y, colour)
        x from 0 (left) to 1 (right), y from 0 (top) to 1 (bottom), and the colour: a name or
        number of CSS, such as "skyblue" or "#87ceeb", or None for no colour. Where two dots
        overlap, the later one is on top.
    shape : pair of int
        Height and width of the photo.
    radius : float
        Of each dot, as a share of the longer side.

    Returns `given` (H, W) of bool, and `ab` (H, W, 2), float32, without the colour's own L. Raises
    ValueError if a row is no such triple, outside the photo, or of a colour unknown to CSS.
    """
    height, width = shape
    given, ab = np.zeros(shape, bool), np.zeros((height, width, 2), np.float32)
    rows, columns = np.mgrid[:height, :width]
    for number, row in enumerate(table):
        try:
            x, y, color = row
            rgb = (128, 128, 128) if color is None else ImageColor.getrgb(color)[:3]
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError("x and y in 0..1")
        except (TypeError, ValueError, AttributeError) as error:
            words = "expected (x, y, colour), such as (0.5, 0.2, 'skyblue')"
            raise ValueError(f"table, row {number}: {words}, got {row!r}: {error}") from error
        distance = np.hypot(rows - round(y * (height - 1)), columns - round(x * (width - 1)))
        inside = distance <= radius * max(shape)
        given |= inside
        ab[inside] = lab.rgb_to_lab(np.uint8(rgb))[1:]
    return given, ab


def checked(lightness):
    """`lightness` as an array (H, W, 1) or (N, H, W, 1) of L in 0..100, or a ValueError."""
    values = np.asarray(lightness)
    if values.ndim not in (3, 4) or values.shape[-1] != 1 or values.size == 0:
        raise ValueError(f"lightness: expected (H, W, 1) or (N, H, W, 1), got {values.shape}")
    if not ((values >= -TOLERANCE) & (values <= 100 + TOLERANCE)).all():  # NaN fails too
        low, high = values.min(), values.max()
        raise ValueError(f"lightness: expected L in 0..100, got {low:g} to {high:g}")
    return values


def _neighbors(values, outside):
    """The 8 neighbours of each pixel, (8, H, W) in the order of OFFSETS; `outside` the picture."""
    height, width = values.shape
    padded = np.pad(values, 1, constant_values=outside)
    return np.stack([padded[1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in OFFSETS])
