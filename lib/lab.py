"""sRGB <-> CIELAB, and the only scaling of CIELAB to network units.

Conventions: channels last, RGB order; white point D65, 2 degree observer. Every function takes
NumPy arrays and gives NumPy arrays, or takes tensors of Keras's backend and gives tensors, so that
the same formulas serve a photo in a notebook and a compiled training step. All in float32.

    sRGB --rgb_to_linear--> linear light --linear_to_xyz--> XYZ / white --xyz_to_lab--> CIELAB

References
----------
IEC 61966-2-1:1999 (sRGB: transfer function, primaries). CIE 15:2004, section 8.2.1 (CIELAB).
"""

import numpy as np

# Linear sRGB -> XYZ, rows X, Y, Z (ITU-R BT.709 primaries, D65); the standard prints four digits.
RGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
WHITE = RGB_TO_XYZ.sum(axis=1)  # XYZ of D65 as the matrix has it, so that grey has no chroma at all
LINEAR_TO_XYZ = RGB_TO_XYZ / WHITE[:, None]
XYZ_TO_LINEAR = np.linalg.inv(LINEAR_TO_XYZ)
DELTA = 6 / 29  # f of CIELAB is a cube root above DELTA^3 of the white point, a line below
# L = 116 f(Y), a = 500 (f(X) - f(Y)), b = 200 (f(Y) - f(Z)), where f is that of CIE 15 minus 4/29.
F_TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
LAB_TO_F = np.linalg.inv(F_TO_LAB)

L_HALF = 50.0  # lightness_scaled = L / 50 - 1, in [-1, 1]
AB_SCALE = 110.0  # ab_scaled = ab / 110, in about [-1, 1]: sRGB reaches -108 in b


def rgb_to_lab(rgb):
    """Convert sRGB (..., 3), uint8 or float in [0, 1], to CIELAB (..., 3), float32.

    L in 0..100; a, b in CIELAB units. ValueError for another last axis or dtype.
    """
    xp, rgb = _checked(rgb, 3, "rgb")
    levels = "uint8" in str(rgb.dtype)
    if not levels and "float" not in str(rgb.dtype):
        raise ValueError(f"rgb: expected uint8, or float in [0, 1], got dtype {rgb.dtype}")
    rgb = _float32(rgb, xp) / (255 if levels else 1)
    return xyz_to_lab(linear_to_xyz(rgb_to_linear(rgb)))


def lab_to_rgb(lab):
    """Convert CIELAB (..., 3) to sRGB (..., 3), float32, clipped to [0, 1].

    L in 0..100; a, b in CIELAB units. ValueError for another last axis.
    """
    return linear_to_rgb(xyz_to_linear(lab_to_xyz(lab)))


def rgb_to_linear(rgb):
    """sRGB in [0, 1] to linear light in [0, 1], of any shape (IEC 61966-2-1)."""
    xp = _library(rgb)
    curve = _power((xp.maximum(rgb, 0.04045) + 0.055) / 1.055, 2.4, xp)
    return xp.where(rgb <= 0.04045, rgb / 12.92, curve)


def linear_to_rgb(linear):
    """Linear light to sRGB, clipped to [0, 1], of any shape (IEC 61966-2-1)."""
    xp = _library(linear)
    curve = 1.055 * _power(xp.maximum(linear, 0.0031308), 1 / 2.4, xp) - 0.055
    return xp.clip(xp.where(linear <= 0.0031308, 12.92 * linear, curve), 0.0, 1.0)


def linear_to_xyz(linear):
    """Linear light (..., 3) to XYZ (..., 3), each as a share of the white point's."""
    return _times(linear, LINEAR_TO_XYZ)


def xyz_to_linear(xyz):
    """XYZ (..., 3) as shares of the white point's to linear light (..., 3), not clipped."""
    return _times(xyz, XYZ_TO_LINEAR)


def xyz_to_lab(xyz):
    """XYZ (..., 3) as shares of the white point's to CIELAB (..., 3) (CIE 15, 8.2.1.1)."""
    return _times(_f(xyz), F_TO_LAB)


def luminance_to_l(luminance):
    """Y as a share of the white point's to L, 0..100, of any shape."""
    return 116.0 * _f(luminance)


def lab_to_xyz(lab):
    """CIELAB (..., 3) to XYZ (..., 3) as `xyz_to_lab` takes it."""
    xp, lab = _checked(lab, 3, "lab")
    f = _times(_float32(lab, xp), LAB_TO_F) + 4 / 29
    return xp.where(f > DELTA, f * f * f, 3 * DELTA**2 * (f - 4 / 29))


def scale(lab):
    """CIELAB (..., 3) to what networks see: lightness_scaled (..., 1) and ab_scaled (..., 2)."""
    _, lab = _checked(lab, 3, "lab")
    return lab[..., :1] / L_HALF - 1.0, lab[..., 1:] / AB_SCALE


def unscale(lightness_scaled, ab_scaled):
    """The inverse of `scale`: (..., 1) and (..., 2) to CIELAB (..., 3), float32."""
    xp, lightness_scaled = _checked(lightness_scaled, 1, "lightness_scaled")
    other, ab_scaled = _checked(ab_scaled, 2, "ab_scaled")
    xp = xp if other is np else other
    lightness = (_float32(lightness_scaled, xp) + 1.0) * L_HALF
    return xp.concatenate([lightness, _float32(ab_scaled, xp) * AB_SCALE], axis=-1)


def _library(values):
    """NumPy for arrays, Keras's operations for tensors: both have the functions used here."""
    if isinstance(values, np.ndarray | np.generic):
        return np
    from keras import ops  # takes seconds to load: not for who has arrays only

    return ops


def _checked(values, count, name):
    """The library and the array of `values` with `count` channels last, or a ValueError."""
    values = values if hasattr(values, "shape") else np.asarray(values)
    shape = tuple(values.shape)
    if shape[-1:] != (count,):
        raise ValueError(f"{name}: expected {count} channels on the last axis, got shape {shape}")
    return _library(values), values


def _f(share):
    """f of CIE 15 minus 4/29."""
    xp = _library(share)
    root = _power(xp.maximum(share, DELTA**3), 1 / 3, xp) - 4 / 29
    return xp.where(share > DELTA**3, root, share / (3 * DELTA**2))


def _float32(values, xp):
    return values.astype(np.float32, copy=False) if xp is np else xp.cast(values, "float32")


def _power(x, exponent, xp):
    """x^exponent of positive x; so written, compiled programs take a third of `power`'s time."""
    return xp.exp(exponent * xp.log(x))


def _times(values, matrix):
    """`matrix` (3, 3) times the three channels of every pixel, (..., 3)."""
    xp, matrix = _library(values), matrix.T.astype(np.float32)
    return xp.matmul(values, matrix if xp is np else xp.convert_to_tensor(matrix))
