"""Colour any photo at its own size. The command line is `python -m lib.colorize`, see `color_cli`.

A network sees a reduced copy of the photo and gives its ab; ab is enlarged along the photo's edges
and the photo's own L is kept: only rounding moves it. A colour that sRGB cannot show becomes paler
at the same L and hue. Photos are uint8 or uint16: (H, W) grey, (H, W, 3) RGB, (H, W, 4) with alpha.

`colorize` is `view`, `Predictor` and `paint`. Who has many pictures uses these three, so that the
network takes several at once.

References
----------
He, Sun, Tang (2013), Guided image filtering: ab as a local linear function of L.
Keys (1981), Cubic convolution interpolation for digital image processing: the enlargement.
Antic, DeOldify: the render factor, and luminance from the original.
"""

import collections
import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

from lib.colorize import gamut
from lib.colorize.photo_files import checked, reduced

RENDER_FACTOR = 12  # x 16 pixels: short side of the copy that the network sees
RENDER_FACTORS = range(2, 41)  # self-attention needs memory with the fourth power
LONGEST = 3  # long side of the copy over its short side; longer panoramas are squeezed
EDGE = 10.0  # CIELAB units: where L varies by more than this, ab follows it
STRIP = 1 << 16  # pixels computed at once: they stay in the processor's cache
AT_ONCE = 8 * 192 * 256  # pixels of copies that the network takes together
TOGETHER = 8  # pictures that are worked on together
SEEN = 16  # views of one size that are worth a compilation


def colorize(photo, network, render_factor=None, saturation=1.0, square=False):
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
        For another shape, dtype or value, or if the network gives NaN or infinity.
    """
    if not 0 <= saturation < np.inf:
        raise ValueError(f"saturation: expected 0 or more, got {saturation}")
    lightness = view(photo, network, render_factor, square)
    (ab,) = Predictor(network)([lightness])
    return paint(photo, lightness, ab * saturation)


def view(photo, network, render_factor=None, square=False):
    """What the network sees of a photo: L of a reduced copy, float32 (h, w), 0..100.

    Arguments and errors are those of `colorize`.
    """
    photo = checked(photo)
    factor = RENDER_FACTOR if render_factor is None else render_factor
    if factor not in RENDER_FACTORS:
        raise ValueError(f"render_factor: expected a whole number, 2 to 40, got {render_factor}")
    fixed = network.input_shape[1:3]
    size = fixed if fixed[0] else copy_size(photo.shape[:2], factor, square)
    return gamut.lightness_of(reduced(photo, *size), 255)


class Predictor:
    """A network's ab for the views of many pictures.

    Views of one size are taken several at a time. Called as it is, a network spends much of its
    time on being called; compiled for one size it does not, but compiling takes a quarter of a
    second. So it is compiled for a size with the `SEEN`th view of that size.

    Parameters
    ----------
    network : keras.Model
        lightness_scaled to ab_scaled.
    """

    def __init__(self, network):
        self.network, self.seen, self.compiled = network, collections.Counter(), {}
        self.together = collections.Counter()  # pictures of a size that it is compiled for

    def __call__(self, views):
        """ab of views.

        Parameters
        ----------
        views : sequence of arrays (h, w), all of one size
            L in 0..100, as `view` gives it.

        Returns
        -------
        array, float32, shape (N, h, w, 2), CIELAB units

        Raises
        ------
        ValueError
            If the network gives NaN or infinity.
        """
        from lib import lab  # brings Keras, which takes seconds: only when it is needed

        size, parts = np.shape(views[0]), []
        call = functools.partial(self.network, training=False)
        self.seen[size] += len(views)
        count = min(TOGETHER, max(1, AT_ONCE // (size[0] * size[1])))
        if self.seen[size] >= SEEN:
            call = self.compiled.get(size) or self._compile(size)
            self.together[size] = max(self.together[size], min(count, len(views)))
        for start in range(0, len(views), count):
            lightness = np.stack(views[start : start + count])[..., None]
            filled = max(len(lightness), self.together[size])  # for fewer it would compile anew
            lightness = np.resize(lightness, (filled, *lightness.shape[1:]))
            scaled, _ = lab.scale(np.pad(lightness, [(0, 0)] * 3 + [(0, 2)]))
            parts.append(np.asarray(lab.unscale(scaled, call(scaled)))[..., 1:])
        ab = np.concatenate(parts)[: len(views)]
        if not np.isfinite(ab).all():
            raise ValueError("network: expected finite ab, got NaN or infinity")
        return ab

    def _compile(self, size):
        import keras

        picture = keras.Input((*size, 1))
        model = keras.Model(picture, self.network(picture, training=False))
        model.jit_compile = False  # XLA is slower here: it would do without the tuned convolutions
        self.compiled[size] = model.predict_on_batch
        return model.predict_on_batch


def paint(photo, lightness, ab, threads=None):
    """A photo with the colours of its small copy, and with its own L and alpha.

    Parameters
    ----------
    photo : array, uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
    lightness : array (h, w)
        L of the copy, as `view` gives it.
    ab : array (h, w, 2)
        CIELAB units.
    threads : int, optional
        Default: all processors.

    Returns
    -------
    array, of the photo's dtype, shape (H, W, 3), or (H, W, 4)
    """
    height, width = photo.shape[:2]
    result = np.empty((height, width, 4 if photo.shape[2:] == (4,) else 3), photo.dtype)
    rows = max(1, STRIP // width)
    maps = _widened(_guide(lightness, ab), width)
    down = _enlargement(len(maps), height)

    def strip(top):
        part = slice(top, min(top + rows, height))
        fine = (down[part] @ maps).reshape(part.stop - top, 9, width)
        result[part, :, :3] = _strip(photo[part], fine)
        if result.shape[2] == 4:
            result[part, :, 3] = photo[part, :, 3]

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        run = map if threads == 1 else pool.map
        list(run(strip, range(0, height, rows)))
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
    sums = _around(np.concatenate([lightness, lightness**2, ab, lightness * ab]), np.add) / 9
    slope = (sums[4:] - sums[:1] * sums[2:4]) / (sums[1:2] - sums[:1] ** 2 + EDGE**2)
    return np.concatenate([lightness, ab, slope, _around(ab, np.minimum), _around(ab, np.maximum)])


def _around(maps, join):
    """Each value of maps (n, h, w) joined with its eight neighbours; the edges are repeated."""
    for axis in (1, 2):
        wide = np.pad(maps, [(int(a == axis),) * 2 for a in range(3)], "edge").swapaxes(axis, 0)
        maps = join(join(wide[:-2], wide[1:-1]), wide[2:]).swapaxes(axis, 0)
    return maps


def _widened(maps, width):
    """Maps (9, h, w) enlarged along their rows: (h, 9 x width)."""
    columns = np.ascontiguousarray(maps.transpose(2, 1, 0)).reshape(maps.shape[2], -1)
    wide = (_enlargement(maps.shape[2], width) @ columns).reshape(width, -1, 9)
    return np.ascontiguousarray(wide.transpose(1, 2, 0)).reshape(maps.shape[1], -1)


def _enlargement(count, size):
    """Sparse matrix (size, count) that makes `size` values of `count`, smoothly (Keys, a = -0.5).

    Sparse, since NumPy's products of full matrices start threads of their own.
    """
    place = (np.arange(size) + 0.5) * count / size - 0.5
    columns = np.floor(place).astype(int)[:, None] + np.arange(-1, 3)
    far = np.abs(place[:, None] - columns)
    weights = np.where(
        far < 1, (1.5 * far - 2.5) * far**2 + 1, ((2.5 - 0.5 * far) * far - 4) * far + 2
    )
    columns, starts = columns.clip(0, count - 1), np.arange(0, 4 * size + 1, 4)
    entries = (weights.astype(np.float32).ravel(), columns.ravel(), starts)
    return sparse.csr_array(entries, shape=(size, count))


def _strip(rows, fine):
    """Rows of a photo (n, W, ...) in colour; `fine` (n, 9, W) are the maps of `_guide` there."""
    lightness = gamut.lightness_of(rows, np.iinfo(rows.dtype).max)
    change, ab = lightness - fine[:, 0], np.empty((2, *lightness.shape), np.float32)
    for i in (0, 1):
        np.multiply(fine[:, 3 + i], change, out=ab[i])
        ab[i] += fine[:, 1 + i]
        np.maximum(ab[i], fine[:, 5 + i], out=ab[i])
        np.minimum(ab[i], fine[:, 7 + i], out=ab[i])
    levels = gamut.to_srgb(lightness.ravel(), ab.reshape(2, -1), rows.dtype)
    return levels.T.reshape(*rows.shape[:2], 3)
