"""sRGB <-> CIELAB, and the only scaling of CIELAB to network units.

Conventions: channels last, RGB order; white point D65, 2 degree observer; L in 0..100, a and b
within about -110..110 for colours that sRGB can show. Everything is `keras.ops`, so it runs
inside a compiled training step on any backend; `numpy.asarray` turns a result into an array.

Speed: powers are what costs here. The 256 levels of uint8 have a table; `_root` takes a first guess
of a root from the bits of the number and has an exact derivative, since both directions may stand
inside a loss.

References
----------
IEC 61966-2-1:1999 (sRGB transfer function and primaries); CIE 15:2004 (CIELAB). Blinn (1997),
Floating-point tricks, IEEE Computer Graphics and Applications 17(4) (a root from the bits).
"""

import math

import numpy as np

from lib import quiet_startup

with quiet_startup():
    import keras
    from keras import ops

# Linear sRGB -> XYZ, rows X, Y, Z (ITU-R BT.709 primaries, D65).
RGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
WHITE = RGB_TO_XYZ.sum(axis=1)  # XYZ of D65 as the matrix has it, so that grey has no chroma at all
DELTA = 6 / 29  # CIELAB is linear below (6/29)^3 of the white point
OFFSET = 16 / 116  # what f of CIE 15 is at black; here f is without it, so that Lab = matrix @ f
F_TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])

L_HALF = 50.0  # lightness_scaled = L / 50 - 1, in [-1, 1]
AB_SCALE = 110.0  # ab_scaled = ab / 110, in about [-1, 1]: sRGB reaches -108 in b


def rgb_to_lab(rgb):
    """Convert sRGB to CIELAB.

    Parameters
    ----------
    rgb : array or tensor, shape (..., 3)
        uint8, or float in [0, 1].

    Returns
    -------
    tensor, shape (..., 3), float32
        L in 0..100; a, b in CIELAB units.

    Raises
    ------
    ValueError
        If the last axis is not 3, or the dtype is neither uint8 nor float.
    """
    rgb = _channels(rgb, 3, "rgb")
    dtype = keras.backend.standardize_dtype(rgb.dtype)
    if dtype not in ("uint8", "float16", "bfloat16", "float32", "float64"):
        raise ValueError(f"rgb: expected uint8, or float in [0, 1], got dtype {dtype}")
    linear = _linear_of_levels(rgb) if dtype == "uint8" else _linear(ops.cast(rgb, "float32"))
    xyz = _mix(linear, RGB_TO_XYZ / WHITE[:, None])
    f = ops.where(
        xyz > DELTA**3,
        _root(ops.maximum(xyz, DELTA**3), 3) - OFFSET,
        xyz / (3 * DELTA**2),
    )
    return _mix(f, F_TO_LAB)


def lab_to_rgb(lab):
    """Convert CIELAB to sRGB, clipped to what sRGB can show.

    Parameters
    ----------
    lab : array or tensor, shape (..., 3)
        L in 0..100; a, b in CIELAB units.

    Returns
    -------
    tensor, shape (..., 3), float32, in [0, 1]

    Raises
    ------
    ValueError
        If the last axis is not 3.
    """
    lab = ops.cast(_channels(lab, 3, "lab"), "float32")
    f = _mix(lab, np.linalg.inv(F_TO_LAB)) + OFFSET
    xyz = ops.where(f > DELTA, f * f * f, 3 * DELTA**2 * (f - OFFSET))
    linear = _mix(xyz, np.linalg.inv(RGB_TO_XYZ) * WHITE)
    third = _root(ops.maximum(linear, 0.0031308), 3)
    power = third * ops.sqrt(ops.sqrt(third))  # linear^(1/2.4), as 1/2.4 = 1/3 + 1/12
    rgb = ops.where(linear <= 0.0031308, 12.92 * linear, 1.055 * power - 0.055)
    return ops.clip(rgb, 0.0, 1.0)


def scale(lab):
    """CIELAB (..., 3) to network units: lightness_scaled (..., 1) in [-1, 1], ab_scaled (..., 2).

    Raises ValueError if the last axis is not 3. The inverse is `unscale`.
    """
    lab = _channels(lab, 3, "lab")
    return lab[..., :1] / L_HALF - 1.0, lab[..., 1:] / AB_SCALE


def unscale(lightness_scaled, ab_scaled):
    """Network units to CIELAB, the inverse of `scale`: (..., 1) and (..., 2) to (..., 3).

    Raises ValueError if the last axes are not 1 and 2.
    """
    lightness = (_channels(lightness_scaled, 1, "lightness_scaled") + 1.0) * L_HALF
    ab = _channels(ab_scaled, 2, "ab_scaled") * AB_SCALE
    return ops.concatenate([lightness, ab], axis=-1)


def _channels(values, count, name):
    """`values` as a tensor whose last axis has `count` channels, or a ValueError."""
    values = ops.convert_to_tensor(values)
    if len(values.shape) == 0 or values.shape[-1] != count:
        shape = tuple(values.shape)
        raise ValueError(f"{name}: expected {count} channels on the last axis, got shape {shape}")
    return values


def _linear(rgb):
    """sRGB, float in [0, 1], to linear light: the transfer function of IEC 61966-2-1."""
    above = (ops.maximum(rgb, 0.04045) + 0.055) / 1.055
    fifth = _root(above, 5)
    power = above * above * fifth * fifth  # above^2.4
    return ops.where(rgb <= 0.04045, rgb / 12.92, power)


def _linear_of_levels(rgb):
    """The same for uint8, by a table of the 256 levels."""
    levels = np.arange(256) / 255
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return ops.take(_constant(table), ops.cast(rgb, "int32"))


def _root(x, n):
    """The n-th root (n = 3 or 5) of positive, normal float32 numbers, to about 2e-7 of itself.

    Read as an integer, the bits of a float are 2^23 times about log2(x) + 127. A linear map of them
    is therefore a guess of r = x^(-1/n), within 4 %. Then r (1 - h)^(-1/n) with h = 1 - x r^n is
    the root, of which four terms of the binomial series are taken; and one step of Newton's method
    for y^n = x follows, without a division, since 1 / y^(n-1) = r^(n-1).

    Bits have no gradient. But Newton's step from a fixed y, y - (y^n - x) / (n y^(n-1)), has in x
    just the derivative of the root (here to 2e-4 of itself), so everything before it is held fixed.
    """
    bits = ops.cast(ops.view(ops.stop_gradient(x), "int32"), "float32")
    guess = (1 + 1 / n) * (127 - 0.05) * 2**23 - bits / n
    r = ops.view(ops.cast(guess, "int32"), "float32")
    h = 1 - ops.stop_gradient(x) * _power(r, n)
    r = r * (1 + h / n * (1 + h * (n + 1) / (2 * n) * (1 + h * (2 * n + 1) / (3 * n))))
    slope = ops.stop_gradient(_power(r, n - 1))
    y = ops.stop_gradient(x * slope)
    return y - (_power(y, n) - x) * slope / n


def _power(x, n):
    """x^n as products, for a whole n of 1 or more."""
    return math.prod([x] * (n - 1), start=x)


def _mix(values, matrix):
    """`matrix` (3, 3) times the three channels of every pixel: (..., 3).

    A matrix product, though sums of channels would do: XLA fuses sums with what stands before them,
    and computes every root once for each channel that it goes into.
    """
    return ops.matmul(values, _constant(matrix.T))


def _constant(matrix):
    return ops.convert_to_tensor(matrix.astype("float32"))
