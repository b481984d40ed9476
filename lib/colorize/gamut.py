"""Between the levels of a photo and CIELAB, in NumPy: what `lib.lab` does, for millions of pixels.

Levels are uint8 or uint16, `peak` is the highest, 255 or 65535. Colours are rows: `lightness` (N,),
0..100, `ab` (2, N), CIELAB units, and linear sRGB (3, N), where 1 is white; all are float32. Much
is done in place, since memory is what limits NumPy, and by `take`, whose results lie in rows; those
of `ab[:, places]` do not, and everything that follows is four times slower.

References
----------
IEC 61966-2-1:1999 (sRGB transfer function and primaries); CIE 15:2004 (CIELAB).
"""

import functools

import numpy as np

TABLE = 65535  # steps of linear light
HALVINGS = 12  # of the interval of the gamut factor: exact to 1/4096


def to_srgb(lightness, ab, dtype):
    """Levels (3, N) of colours; one that sRGB cannot show becomes paler at the same L and hue."""
    linear = linear_rgb(lightness, ab)
    beyond = np.flatnonzero(_excess(linear) > 0)
    lightness, ab = lightness[beyond], ab.take(beyond, axis=1)
    linear[:, beyond] = linear_rgb(lightness, ab * _factor_below_1(lightness, ab))
    return _levels(linear, dtype)


def lightness_of(photo, peak):
    """L (H, W) of a photo (H, W) or (H, W, 3 or 4)."""
    from lib import lab

    if photo.ndim == 2:
        y = linear_levels(peak).take(photo)
    else:
        y = linear_levels(peak, lab.RGB_TO_XYZ[1, 0]).take(photo[..., 0])
        for channel in (1, 2):
            weight = lab.RGB_TO_XYZ[1, channel]
            y += linear_levels(peak, weight).take(photo[..., channel])
    bright = np.maximum(y, np.float32(lab.DELTA**3))
    y -= bright  # below 0 where L is linear in Y, as a tangent
    y *= np.float32(116 / (3 * lab.DELTA**2))
    np.cbrt(bright, out=bright)
    bright *= 116
    bright -= 16
    y += bright
    return y


@functools.cache
def linear_levels(peak, weight=1.0):
    """Linear light, times a weight, of each level 0..peak of an sRGB channel."""
    levels = np.arange(peak + 1) / peak
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return (weight * linear).astype(np.float32)


def gamut_factor(lightness, ab):
    """The largest factor in [0, 1] that takes ab into sRGB at that L, by bisection.

    `lightness` (N,) and `ab` (2, N) give (N,).
    """
    factor = np.ones_like(lightness)
    beyond = np.flatnonzero(_excess(linear_rgb(lightness, ab)) > 0)
    factor[beyond] = _factor_below_1(lightness[beyond], ab.take(beyond, axis=1))
    return factor


def _factor_below_1(lightness, ab):
    """`gamut_factor` where it is below 1. Light is linear in it for most of the dark pixels."""
    from lib import lab

    root, slopes = (lightness + 16) / 116, ab * np.float32([[1 / 500], [-1 / 200]])
    change = np.einsum("ij,jn->in", _rgb_of_light()[:, ::2], slopes)
    change *= np.float32(3 * lab.DELTA**2)
    least = np.minimum(change.min(axis=0), np.float32(-1e-9))
    factor = np.minimum(_light(root.copy()) / -least, 1)  # where the first channel is at 0
    highest = root + np.maximum((slopes * factor).max(axis=0), 0)
    others = np.flatnonzero(highest > np.float32(lab.DELTA))
    factor[others] = _bisected(root[others], slopes.take(others, axis=1))
    return np.maximum(factor, 0, out=factor)


def _bisected(root, slopes):
    """The same of cube roots: of Y, and how those of X and Z change with the factor."""
    matrix = _rgb_of_light()
    gray = matrix[:, 1:2] * _light(root.copy()) - np.float32(0.5)
    low, step = np.zeros_like(root), np.float32(0.5)
    for _ in range(HALVINGS):
        light = slopes * (low + step)
        light += root
        linear = np.einsum("ij,jn->in", matrix[:, ::2], _light(light))
        linear += gray
        low += step * (np.abs(linear, out=linear).max(axis=0) <= 0.5)
        step /= 2
    return low


def linear_rgb(lightness, ab):
    """CIELAB (N,) and (2, N) to linear sRGB (3, N), beyond [0, 1] if sRGB cannot show it."""
    f = np.empty((3, len(lightness)), np.float32)
    np.add(lightness, 16, out=f[1])
    f[1] /= 116
    for row, channel, scale in [(0, 0, 500), (2, 1, -200)]:
        np.multiply(ab[channel], np.float32(1 / scale), out=f[row])
        f[row] += f[1]
    # `@` has threads of its own, which get in the way
    return np.einsum("ij,jn->in", _rgb_of_light(), _light(f))


def _levels(linear, dtype):
    """Linear light to the levels of sRGB channels, rounded, in place; beyond [0, 1] is clipped."""
    if dtype == np.uint8:
        linear *= TABLE
        linear += 0.5
        return _level_table().take(linear.astype(np.intp), mode="clip")
    linear.clip(0, 1, out=linear)
    return _srgb(linear, 65535).astype(dtype)


@functools.cache
def _level_table():
    """The level of 8 bits for each 1/TABLE of linear light: where a rounding is within 0.03 levels
    of being the other way it may be."""
    return _srgb(np.arange(TABLE + 1) / TABLE, 255).astype(np.uint8)


def _srgb(linear, peak):
    """Levels, with 0.5 for rounding, of linear light in [0, 1]."""
    root = 1.055 * linear ** linear.dtype.type(1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, root) * peak + 0.5


def _light(f):
    """X, Y or Z over the white point's, of the cube root f that CIELAB makes of it; f is lost."""
    from lib import lab

    base = np.maximum(f, np.float32(lab.DELTA))
    f -= base  # below 0 where it is no cube but a tangent
    f *= np.float32(3 * lab.DELTA**2)
    cubed = base * base
    cubed *= base
    f += cubed
    return f


@functools.cache
def _rgb_of_light():
    """Matrix (3, 3): linear sRGB of XYZ over the white point."""
    from lib import lab

    return (np.linalg.inv(lab.RGB_TO_XYZ) * lab.WHITE).astype(np.float32)


def _excess(linear):
    """How far linear sRGB (3, N) is beyond [0, 1]: above 0 where it is."""
    return np.maximum(linear.max(axis=0) - 1, -linear.min(axis=0))
