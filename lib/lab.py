"""sRGB <-> CIELAB, and the only scaling of CIELAB to network units.

Conventions: channels last, RGB order; white point D65, 2 degree observer; L in 0..100, a and b
within about -110..110 for colours that sRGB can show. Everything is `keras.ops`, so it runs
inside a compiled training step on any backend; `numpy.asarray` turns a result into an array.

References
----------
IEC 61966-2-1:1999 (sRGB transfer function and primaries); CIE 15:2004 (CIELAB).
"""

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
    rgb = ops.cast(rgb, "float32") / 255.0 if dtype == "uint8" else ops.cast(rgb, "float32")
    linear = ops.where(
        rgb <= 0.04045, rgb / 12.92, ops.power((ops.maximum(rgb, 0.04045) + 0.055) / 1.055, 2.4)
    )
    xyz = ops.matmul(linear, _constant((RGB_TO_XYZ / WHITE[:, None]).T))
    f = ops.where(
        xyz > DELTA**3,
        ops.power(ops.maximum(xyz, DELTA**3), 1 / 3),
        xyz / (3 * DELTA**2) + 4 / 29,
    )
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return ops.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


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
    y = (lab[..., 0] + 16.0) / 116.0
    f = ops.stack([y + lab[..., 1] / 500.0, y, y - lab[..., 2] / 200.0], axis=-1)
    xyz = ops.where(f > DELTA, f * f * f, 3 * DELTA**2 * (f - 4 / 29))
    linear = ops.matmul(xyz, _constant((np.linalg.inv(RGB_TO_XYZ) * WHITE).T))
    rgb = ops.where(
        linear <= 0.0031308,
        12.92 * linear,
        1.055 * ops.power(ops.maximum(linear, 0.0031308), 1 / 2.4) - 0.055,
    )
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


def _constant(matrix):
    return ops.convert_to_tensor(matrix.astype("float32"))
