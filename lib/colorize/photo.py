"""Colour any photo at its own size.

A network sees a reduced copy of the photo and gives its ab; ab is enlarged along the photo's edges
and the photo's own L is kept: only rounding moves it. A colour that sRGB cannot show becomes paler
at the same L and hue. Photos are uint8 or uint16: (H, W) grey, (H, W, 3) RGB, (H, W, 4) with alpha.

`colorize` is `view`, `predict` and `paint`; a film smooths what `predict` gives.

References
----------
He, Sun, Tang (2013), Guided image filtering: ab as a local linear function of L.
Keys (1981), Cubic convolution interpolation for digital image processing: the enlargement.
Antic, DeOldify: the render factor, and luminance from the original.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import ndimage, sparse

from lib import lab
from lib.colorize.photo_files import SMALLEST, reduced

RENDER_FACTOR = 12  # x 16 pixels: short side of the copy that the network sees
RENDER_FACTORS = range(2, 41)  # self-attention needs memory with the fourth power
LONGEST = 3  # long side of the copy over its short side; longer panoramas are squeezed
EDGE = 10.0  # CIELAB units: where L varies by more than this, ab follows it
STRIP = 28000  # pixels computed at once: NumPy's products of more start threads of their own
ROUNDING = 1e-6  # of linear light
HALVINGS = 7  # of the interval of the gamut factor: exact to 1/128


def colorize(photo, network, render_factor=RENDER_FACTOR, saturation=1.0, square=False):
    """Colour a photo; colours that it has already are not looked at.

    Parameters
    ----------
    photo : array, uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
        sRGB, at least 8 pixels a side; the fourth channel is alpha.
    network : keras.Model
        lightness_scaled to ab_scaled. One of a fixed size sees the photo stretched to that size.
    render_factor : int, 2 to 40, optional
        The network sees a copy of render_factor x 16 pixels on the short side, no larger than the
        photo, both sides multiples of 16. Default 12. Lower is coarser and often livelier.
    saturation : float
        Factor of ab, 0 (grey) upwards.
    square : bool
        Stretch the copy to a square, as DeOldify does.

    Returns
    -------
    array, of the photo's dtype, shape (H, W, 3), or (H, W, 4) with the photo's alpha

    Raises
    ------
    ValueError
        For another shape or dtype of the photo, or if the network gives NaN or infinity.
    """
    lightness = view(photo, network, render_factor, square)
    return paint(photo, lightness, predict(lightness, network) * saturation)


def view(photo, network, render_factor=RENDER_FACTOR, square=False):
    """What the network sees of a photo: L of a reduced copy, float32 (h, w), 0..100.

    Arguments and errors are those of `colorize`.
    """
    fits = photo.ndim > 1 and photo.shape[2:] in ((), (3,), (4,))
    if not fits or photo.dtype not in (np.uint8, np.uint16) or min(photo.shape[:2]) < SMALLEST:
        wanted = f"uint8 or uint16, grey, RGB or RGBA, {SMALLEST} pixels a side or more"
        raise ValueError(f"photo: expected {wanted}, got {photo.dtype} {photo.shape}")
    fixed = network.input_shape[1:3]
    size = fixed if fixed[0] else copy_size(photo.shape[:2], render_factor, square)
    return _lightness(reduced(photo, *size))


def predict(lightness, network):
    """A network's ab (h, w, 2), CIELAB units, for L (h, w) in 0..100, as `view` gives it.

    Raises ValueError if the network gives NaN or infinity.
    """
    lightness = np.float32(lightness)[None, ..., None]
    ab_scaled = np.asarray(network(lightness / lab.L_HALF - 1, training=False))
    ab = np.float32(ab_scaled)[0] * np.float32(lab.AB_SCALE)
    if not np.isfinite(ab).all():
        raise ValueError("network: expected finite ab, got NaN or infinity")
    return ab


def sized(network, size):
    """A network compiled for views of one size (h, w): it takes half of the time."""
    import keras

    picture = keras.Input((*size, 1))
    model = keras.Model(picture, network(picture, training=False))
    model.jit_compile = False  # XLA is slower here: it does without the tuned convolutions
    return lambda scaled, training: model.predict_on_batch(scaled)


def paint(photo, lightness, ab):
    """A photo with the colours of its small copy, and with its own L and alpha.

    Takes the photo, the copy's L (h, w), as `view` gives it, and its ab (h, w, 2) in CIELAB units;
    gives what `colorize` gives.
    """
    height, width = photo.shape[:2]
    result = photo.copy() if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=-1)
    rows = max(1, STRIP // width)
    maps = _guide(lightness, ab).transpose(1, 0, 2)
    across, down = _enlargement(maps.shape[2], width), _enlargement(len(maps), height)
    maps = (maps.reshape(-1, maps.shape[2]) @ across.T).reshape(len(maps), -1)

    def strip(top):
        part = slice(top, min(top + rows, height))
        fine = (down[part] @ maps).reshape(part.stop - top, 9, width)
        values = np.empty((3, *fine[:, 0].shape), np.float32)
        values[0] = _lightness(photo[part])
        change = values[0] - fine[:, 0]
        for i in (1, 2):
            moved = fine[:, i] + fine[:, 2 + i] * change
            np.clip(moved, fine[:, 4 + i], fine[:, 6 + i], out=values[i])
        levels = lab.linear_to_rgb(shown(values.reshape(3, -1))) * np.iinfo(photo.dtype).max
        np.rint(levels, out=levels)
        result[part, :, :3] = levels.reshape(-1, width, 3)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(strip, range(0, height, rows)))
    return result


def copy_size(size, render_factor, square=False):
    """Height and width of the copy that a network sees of a photo of `size` (height, width)."""
    largest = [max(32, -(-side // 16) * 16) for side in size]
    short = min(16 * render_factor, *largest)
    sides = [min(side / min(size), 1 if square else LONGEST) * short for side in size]
    return [min(round(side / 16) * 16, most) for side, most in zip(sides, largest, strict=True)]


def _guide(lightness, ab):
    """Nine maps (9, h, w): L; then of a and b each: itself, slope over L, least, greatest."""
    lightness, ab = np.float32(lightness)[None], np.float32(np.moveaxis(ab, -1, 0))
    around = {"size": (1, 3, 3), "mode": "nearest"}  # a pixel and its eight neighbours
    terms = np.concatenate([lightness, lightness**2, ab, lightness * ab])
    means = ndimage.uniform_filter(terms, **around)
    slope = (means[4:] - means[:1] * means[2:4]) / (means[1:2] - means[:1] ** 2 + EDGE**2)
    least, most = (f(ab, **around) for f in (ndimage.minimum_filter, ndimage.maximum_filter))
    return np.concatenate([lightness, ab, slope, least, most])


def _enlargement(count, size):
    """Sparse matrix (size, count) that makes `size` values of `count` (Keys, a = -0.5)."""
    place = (np.arange(size) + 0.5) * count / size - 0.5
    columns = np.floor(place).astype(int)[:, None] + np.arange(-1, 3)
    far = np.abs(place[:, None] - columns)
    weights = np.where(
        far < 1, (1.5 * far - 2.5) * far**2 + 1, ((2.5 - 0.5 * far) * far - 4) * far + 2
    )
    columns, starts = columns.clip(0, count - 1), np.arange(0, 4 * size + 1, 4)
    entries = (weights.astype(np.float32).ravel(), columns.ravel(), starts)
    return sparse.csr_array(entries, shape=(size, count))


def shown(values):
    """Linear sRGB (N, 3) of CIELAB (3, N); a colour beyond sRGB becomes paler at its L and hue.

    ab is multiplied by the largest factor in [0, 1] that sRGB can show, found by bisection.
    """
    linear = _linear(values)
    beyond = np.flatnonzero(~_within(linear))
    if not len(beyond):
        return linear
    values = values.take(beyond, axis=1)  # a channel after the other: twice as fast
    paler, factor, step = values.copy(), np.zeros(len(beyond), np.float32), np.float32(0.5)
    for _ in range(HALVINGS):
        np.multiply(values[1:], factor + step, out=paler[1:])
        factor += step * _within(_linear(paler))
        step /= 2
    np.multiply(values[1:], factor, out=paler[1:])
    linear[beyond] = _linear(paler)
    return linear


def _linear(values):
    """Linear sRGB (N, 3) of CIELAB (3, N), also beyond [0, 1]."""
    return lab.xyz_to_linear(lab.lab_to_xyz(values.T))


def _within(linear):
    """Which rows of linear light (N, 3) are in [0, 1], but for rounding."""
    red, green, blue = ((linear >= -ROUNDING) & (linear <= 1 + ROUNDING)).T
    return red & green & blue


def _lightness(photo):
    """L (H, W) of a photo (H, W) or (H, W, 3 or 4)."""
    linear = _linear_levels(photo.dtype)
    rgb = photo[..., :3] if photo.ndim == 3 else photo[..., None].repeat(3, axis=-1)
    return lab.luminance_to_l(linear.take(rgb) @ lab.LINEAR_TO_XYZ[1].astype(np.float32))


@functools.cache
def _linear_levels(dtype):
    """Linear light of each level: there are fewer levels than pixels."""
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=np.float32)
    return lab.rgb_to_linear(levels / levels[-1])
