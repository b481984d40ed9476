"""Colorization by optimization: a few given colours spread over a photo (Levin et al. 2004).

The premise is one sentence of the paper: neighbouring pixels of similar intensity should have
similar colours. Equation 1 asks each pixel r to have the weighted mean colour of its neighbours s,

    J(U) = sum over r of (U(r) - sum over s in N(r) of w(r, s) U(s))^2,

with weights that add up to 1 and fall with the difference of intensity, equation 2:

    w(r, s) ~ exp(-(Y(r) - Y(s))^2 / (2 sigma(r)^2)),    sigma(r)^2: variance of Y around r.

The scribbles are constraints: there, U is given. Here N(r) is the 3 x 3 window, Y is L / 100, and
U stands for a and for b (the paper: U and V of YUV), which share one matrix.

Two things that the paper leaves open were settled on validation photos (96 x 96, 9 points each;
medians of RMSE_ab). The sum runs over the pixels without a scribble (8.8): there are as many
equations as unknowns, least J is exactly 0, and no colour leaves the range of those given. Over the
scribbles too, J bends like a thin plate and overshoots (12.9). And how steep the weights are:
SPREAD and NOISE below. The paper's other weights, equation 3, lose that range too (12.1).

SuperLU factors the sparse matrix; the time grows about as the number of pixels to the power of 1.3.

Conventions: one photo at a time; L in 0..100, (H, W, 1); ab in CIELAB units, float32.

Reference: A. Levin, D. Lischinski, Y. Weiss (2004), Colorization using optimization, ACM
Transactions on Graphics 23(3), 689-694.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import ImageColor
from scipy import sparse
from scipy.sparse import linalg

from lib import lab

SHARE = 0.001  # of the pixels that are given their true colour, by default
SPREAD = 0.3  # 2 sigma^2 as a share of the window's variance of Y
NOISE = 1e-4  # added to 2 sigma^2: differences of 1 in L are noise, not edges
LEAST = 1e-6  # of a weight before they are made to add up to 1: no region is cut off altogether
TOLERANCE = 0.01  # L may pass 0 and 100 by this much: float32 rounding
PLACES = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]  # of the neighbours


def levin(lightness, given, ab):
    """Spread given colours over a photo: the U and V of least cost, equation 1.

    Parameters
    ----------
    lightness : array (H, W, 1)
        L in 0..100.
    given : array (H, W) of bool
        Where a scribble is: at least one pixel.
    ab : array (H, W, 2)
        CIELAB units; only its values at the scribbles are used.

    Returns
    -------
    array (H, W, 2), float32
        CIELAB units. At the scribbles what was given, elsewhere within the range of it.

    Raises
    ------
    ValueError
        For other shapes, L outside 0..100, no scribble, or NaN in a scribble.
    """
    lightness, given, ab = checked_lightness(lightness), np.asarray(given), np.asarray(ab)
    fits = given.dtype == bool and ab.shape == (*given.shape, 2) == (*lightness.shape[:2], 2)
    if not fits or not given.any() or not np.isfinite(ab[given]).all():
        raise ValueError("given, ab: expected bool, at least one scribble, a finite ab at each")
    known, colors = given.ravel(), ab.reshape(-1, 2).astype(np.float64)
    if not known.all():  # each unknown colour is the weighted mean of its neighbours'
        rows = weights(lightness)[~known]
        matrix = sparse.eye_array(rows.shape[0], format="csc") - rows[:, ~known].tocsc()
        # No row's entries add up to more than its diagonal: pivots need not be looked for.
        factors = linalg.splu(
            matrix, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        colors[~known] = factors.solve(rows[:, known] @ colors[known])
    return colors.reshape(ab.shape).astype(np.float32)


def weights(lightness):
    """Equation 2: how much each pixel takes of the colour of each of its neighbours.

    Takes L (H, W, 1) in 0..100, of two pixels or more; gives a csr_array (H W, H W), float64. Row r
    holds w(r, s) of its up to 8 neighbours s, and adds up to 1.
    """
    intensity = lightness[..., 0].astype(np.float64) / 100
    pixels = np.arange(intensity.size).reshape(intensity.shape)
    around = sliding_window_view(np.pad(pixels, 1, constant_values=-1), (3, 3))
    neighbors = np.stack([around[..., y, x] for y, x in PLACES])
    inside = neighbors >= 0
    step = np.where(inside, intensity.ravel()[neighbors] - intensity, 0.0)

    count = 1 + inside.sum(axis=0)  # the window's pixels: 9, fewer at the border
    variance = np.square(step).sum(axis=0) / count - np.square(step.sum(axis=0) / count)
    values = np.exp(-np.square(step) / (SPREAD * np.maximum(variance, 0.0) + NOISE))
    values = np.where(inside, np.maximum(values, LEAST), 0.0)
    values /= values.sum(axis=0)

    places = np.broadcast_to(pixels, inside.shape)[inside], neighbors[inside]
    return sparse.csr_array((values[inside], places), shape=(pixels.size, pixels.size))


def draw(shape, share=SHARE, seed=0):
    """Where colours are given when no person is there to draw: pixels at random, (H, W) of bool.

    `shape` is (H, W); `share` that of all pixels, above 0 up to 1, and at least one is drawn. A
    larger share of the same `seed` (whole numbers of 0 or greater) holds all those of a smaller.
    """
    order = np.random.default_rng(seed).permutation(shape[0] * shape[1])
    return order.argsort().reshape(shape) < max(1, round(share * order.size))


def dots(table, shape, radius=0.02):
    """Scribbles from a table, as a person writes it, on a photo of `shape` (H, W).

    A row of the table is x from 0 (left) to 1 (right), y from 0 (top) to 1 (bottom), and a colour:
    a name or number of CSS, such as "skyblue" or "#87ceeb", or None for no colour. Where two dots
    overlap, the later one is on top. `radius` is that of each, as a share of the longer side.

    Gives where colours are given, (H, W) of bool; and their ab, float32 (H, W, 2) in CIELAB units,
    0 elsewhere: the colour's own L is left out. Raises ValueError if a row is no triple, outside
    the photo, or of a colour that CSS does not know.
    """
    given, ab = np.zeros(shape, bool), np.zeros((*shape, 2), np.float32)
    rows, columns = np.indices(shape)
    for x, y, color in table:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"table: expected x and y in 0..1, got {x}, {y}: outside the photo")
        rgb = (128, 128, 128) if color is None else ImageColor.getrgb(color)[:3]
        row, column = round(y * (shape[0] - 1)), round(x * (shape[1] - 1))
        inside = np.hypot(rows - row, columns - column) <= radius * max(shape)
        given |= inside
        ab[inside] = lab.rgb_to_lab(np.uint8(rgb))[1:]
    return given, ab


def checked_lightness(values):
    """`values` as an array (H, W, 1) of L in 0..100, or a ValueError."""
    values = np.asarray(values)
    inside = (values >= -TOLERANCE) & (values <= 100 + TOLERANCE)  # NaN is not
    if values.ndim != 3 or values.shape[-1] != 1 or not values.size or not inside.all():
        got = f"{values.shape}, {values.min():g} to {values.max():g}"
        raise ValueError(f"lightness: expected L in 0..100, (H, W, 1), got {got}")
    return values
