"""Measures of a colorization: photos in, one number a photo out.

Conventions: `true` before `pred`. `rgb` is uint8, shape (N, H, W, 3); `ab` is float, shape
(N, H, W, 2), in CIELAB units. Arrays give a float64 array of shape (N,), and ValueError for another
shape or dtype, NaN or infinity. Tensors give tensors, unchecked. Computed in float32.

A measure of RGB sees a picture with the true L, so even grey photos have 17 to 24 dB of PSNR.

References
----------
Hasler, Suesstrunk (2003), Measuring colourfulness in natural images. Wang, Bovik, Sheikh,
Simoncelli (2004), Image quality assessment: from error visibility to structural similarity. Sharma,
Wu, Dalal (2005), The CIEDE2000 color-difference formula: implementation notes, supplementary test
data, and mathematical observations. Zhang, Isola, Efros (2016), Colorful image colorization.
Särndal, Swensson, Wretman (1992), Model assisted survey sampling, section 5.6 (ratios).
"""

import functools
import inspect
import math

import numpy as np
from keras import ops

from lib import lab

MEASURES = {  # column of metrics.csv: (label, unit, which value is better)
    "rmse_ab": ("RMSE of ab", "CIELAB units", "lower"),
    "rmse_rgb": ("RMSE of RGB", "8-bit levels", "lower"),
    "psnr": ("PSNR", "dB", "higher"),
    "ssim": ("SSIM", "", "higher"),
    "delta_e_2000": ("CIEDE2000", "ΔE00", "lower"),
    "colorfulness": ("Colorfulness", "8-bit levels", "truth"),
    "auc": ("AuC", "%", "higher"),
    "auc_rebalanced": ("AuC rebalanced", "%", "higher"),
}
SET_MEASURES = {  # column of summary.csv alone: a value of all photos together, not of each
    "colorfulness_ratio": ("Colorfulness / truth’s", "", "one"),
    "kid": ("KID × 1000", "", "lower"),
}
PEAK = 255.0  # largest 8-bit level
PSNR_CAP = 100.0  # dB; identical pictures would give infinity, and no mean
SSIM_WINDOW = 7  # pixels a side
AUC_STEPS = 151  # thresholds 0, 1, ..., 150 CIELAB units (Zhang et al.)
BIN_SIZE = 10.0  # CIELAB units a side of an ab bin (Zhang et al.)
BINS = 23  # bins an axis, centred on -110, -100, ..., 110
GREY_CHROMA = 10.0  # CIELAB units; a pixel of less has no colour to speak of
COLORS = ("grey", "red", "orange", "yellow", "green", "cyan", "blue", "purple")
HUES = (45.0, 80.0, 110.0, 165.0, 225.0, 310.0, 350.0)  # where orange, ..., purple begin, and red
CHUNK = 32  # photos held in floating point at a time


def _per_photo(formula):
    """Let a formula of tensors take arrays, too: checked by their names, some photos at a time."""
    names = list(inspect.signature(formula).parameters)

    @functools.wraps(formula)
    def measure(*values):
        if not all(isinstance(value, np.ndarray) for value in values):
            return formula(*values)
        values = [_checked(value, name) for value, name in zip(values, names, strict=True)]
        shapes = [value.shape[:3] for value in values]
        if len(set(shapes)) > 1:
            raise ValueError(f"expected {' and '.join(names)} of the same size, got {shapes}")
        starts = range(0, len(values[0]), CHUNK)
        parts = [formula(*(value[start : start + CHUNK] for value in values)) for start in starts]
        joined = np.concatenate([ops.convert_to_numpy(part) for part in parts])
        return joined.astype(float) if joined.dtype.kind == "f" else joined

    return measure


@_per_photo
def rmse_ab(ab_true, ab_pred):
    """Root mean square error of ab: sqrt(mean over pixels and the 2 channels of (pred - true)^2).

    In CIELAB units, on the raw prediction, before it is made to fit sRGB.
    """
    return _rmse(ab_true, ab_pred)


@_per_photo
def rmse_rgb(rgb_true, rgb_pred):
    """Root mean square error of 8-bit RGB, equations 1 and 2 of the paper, 0 to 255.

    sqrt(1/(3MN) sum (pred - true)^2) over the M x N pixels and the 3 channels. One value a photo is
    this project's choice: the paper says neither its scale nor how it pools.
    """
    return _rmse(rgb_true, rgb_pred)


def psnr_of(rmse):
    """Peak signal-to-noise ratio of an array of `rmse_rgb`: 20 log10(255 / rmse) dB, 0 to 100."""
    return np.minimum(20 * np.log10(PEAK / np.maximum(rmse, 1e-9)), PSNR_CAP)


@_per_photo
def ssim(rgb_true, rgb_pred):
    """Structural similarity (Wang et al. 2004) of 8-bit RGB, -1 to 1 (identical).

    Mean over pixels and the 3 channels of
    (2 m_t m_p + C1)(2 s_tp + C2) / ((m_t^2 + m_p^2 + C1)(s_t^2 + s_p^2 + C2)), with means m and
    sample (co)variances s in a uniform 7 x 7 window inside the photo (scikit-image's; Wang et al.
    have a Gaussian one of 11 x 11, on grey), C1 = (0.01 x 255)^2, C2 = (0.03 x 255)^2.
    """
    if min(rgb_true.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(f"rgb_true: expected 7 or more pixels a side, got {rgb_true.shape[1:3]}")
    middle = (PEAK + 1) / 2  # squares of smaller numbers lose less in float32
    true, pred = _float(rgb_true) - middle, _float(rgb_pred) - middle
    maps = ops.concatenate([true, pred, true * pred, true * true + pred * pred], axis=-1)
    for window in ((SSIM_WINDOW, 1), (1, SSIM_WINDOW)):
        maps = ops.average_pool(maps, window, strides=1, padding="valid")
    mean_true, mean_pred, mean_product, mean_squares = ops.split(maps, 4, axis=-1)
    sample = SSIM_WINDOW**2 / (SSIM_WINDOW**2 - 1)  # covariances are those of a sample
    covariance = sample * (mean_product - mean_true * mean_pred)
    variances = sample * (mean_squares - mean_true**2 - mean_pred**2)
    mean_true, mean_pred = mean_true + middle, mean_pred + middle
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    means = (2 * mean_true * mean_pred + c1) / (mean_true**2 + mean_pred**2 + c1)
    return ops.mean(means * (2 * covariance + c2) / (variances + c2), axis=(1, 2, 3))


@_per_photo
def delta_e_2000(rgb_true, rgb_pred):
    """Colour difference CIEDE2000, mean over pixels; clipping to sRGB can change L, too."""
    both = [lab.rgb_to_lab(_float(rgb) / PEAK) for rgb in (rgb_true, rgb_pred)]
    return ops.mean(ciede2000(*both), axis=(1, 2))


def ciede2000(lab_true, lab_pred):
    """CIEDE2000 of each pixel: tensors (..., 3) to (...).

    Sharma et al. (2005), equations 2 to 22, with kL = kC = kH = 1; angles here in radians.
    """
    pi = math.pi
    (l1, a1, b1), (l2, a2, b2) = ([x[..., i] for i in range(3)] for x in (lab_true, lab_pred))
    c_mean = (_length(a1, b1) + _length(a2, b2)) / 2
    g = 0.5 * (1 - _high_chroma(c_mean))  # 4
    a1, a2 = (1 + g) * a1, (1 + g) * a2  # 5
    c1, c2 = _length(a1, b1), _length(a2, b2)  # 6
    h1, h2 = (_angle(a, b) for a, b in ((a1, b1), (a2, b2)))  # 7
    gray = c1 * c2 == 0
    turn = h2 - h1
    turn = ops.where(turn > pi, turn - 2 * pi, ops.where(turn < -pi, turn + 2 * pi, turn))  # 10
    turn = ops.where(gray, 0.0, turn)
    dl, dc = l2 - l1, c2 - c1  # 8, 9
    dh = 2 * ops.sqrt(c1 * c2) * ops.sin(turn / 2)  # 11
    light, c, h = (l1 + l2) / 2, (c1 + c2) / 2, (h1 + h2) / 2  # 12, 13
    far = ops.abs(h1 - h2) > pi + 1e-5  # 14; opposite hues are not far, in spite of rounding
    h = ops.where(far, ops.where(h < pi, h + pi, h - pi), h)
    h = ops.where(gray, h1 + h2, h)
    t = 1 - 0.17 * ops.cos(h - math.radians(30)) + 0.24 * ops.cos(2 * h)  # 15
    t = t + 0.32 * ops.cos(3 * h + math.radians(6)) - 0.20 * ops.cos(4 * h - math.radians(63))
    from_blue = (h - math.radians(275)) / math.radians(25)
    rotation = math.radians(30) * ops.exp(-ops.square(from_blue))  # 16
    rc = 2 * _high_chroma(c)  # 17
    middle = ops.square(light - 50)
    sl = 1 + 0.015 * middle / ops.sqrt(20 + middle)  # 18
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t  # 19, 20
    rt = -ops.sin(2 * rotation) * rc  # 21
    dl, dc, dh = dl / sl, dc / sc, dh / sh
    return ops.sqrt(ops.maximum(dl * dl + dc * dc + dh * dh + rt * dc * dh, 0.0))  # 22


@_per_photo
def colorfulness(rgb):
    """Colorfulness M of Hasler and Suesstrunk (2003), 0 (grey) to about 298.

    With rg = R - G and yb = (R + G)/2 - B, signed: M = sqrt(var_rg + var_yb) +
    0.3 sqrt(mean_rg^2 + mean_yb^2). Neither end is best: compare with that of the true photo.
    """
    rgb = _float(rgb)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    opponents = ops.stack([red - green, (red + green) / 2 - blue], axis=-1)
    mean = ops.mean(opponents, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(opponents - mean), axis=(1, 2))
    spread = ops.sqrt(ops.sum(variance, axis=-1))
    return spread + 0.3 * ops.sqrt(ops.sum(ops.square(mean[:, 0, 0]), axis=-1))


@_per_photo
def auc(ab_true, ab_pred):
    """Area under the cumulative error curve, in %, 0 to 100 (Zhang et al. 2016, "raw accuracy").

    The share of pixels whose error sqrt(da^2 + db^2) is at most t, mean over t = 0, 1, ..., 150.
    """
    return 100 * ops.mean(share_within(ab_true, ab_pred), axis=(1, 2))


def weighted_shares(ab_true, ab_pred, weights):
    """Rebalanced AuC of tensors: means of weight times `share_within`, and of weight, (N, 2).

    A pixel's weight is that of the bin of its true ab, `weights` (23, 23) from `ab_bin_weights` of
    the photos measured, so that each bin that occurs counts the same (Zhang et al. take a million
    training photos; some thousand leave almost all weight to a handful of pixels).
    """
    flat = ops.reshape(_float(weights), (-1,))
    weight, share = ops.take(flat, ab_bin(ab_true)), share_within(ab_true, ab_pred)
    return ops.stack([ops.mean(weight * share, (1, 2)), ops.mean(weight, (1, 2))], axis=-1)


def pooled_share(weighted, weight):
    """Values of photos, in %, whose mean is the ratio of two sums: float64 (N,).

    With `weighted` w_i s_i, `weight` w_i and the ratio R = sum of w_i s_i / sum of w_i, photo i has
    the value R + (w_i s_i - R w_i) / mean of w, which can be below 0. Their mean is R, and their
    intervals over photos are those of the ratio (to first order).
    """
    ratio = weighted.sum() / weight.sum()
    return 100 * (ratio + (weighted - ratio * weight) / weight.mean())


def share_within(ab_true, ab_pred):
    """For each pixel, the share of the thresholds 0, 1, ..., 150 that its error does not exceed."""
    error = _length(ab_pred[..., 0] - ab_true[..., 0], ab_pred[..., 1] - ab_true[..., 1])
    return ops.clip(AUC_STEPS - ops.ceil(error), 0, AUC_STEPS) / AUC_STEPS


@_per_photo
def ab_bin(ab):
    """Bin of each pixel's ab, int32: 23 times the bin of a plus that of b; beyond: the last bin."""
    index = ops.clip(ops.floor(ab / BIN_SIZE + 0.5) + BINS // 2, 0, BINS - 1)
    return ops.cast(BINS * index[..., 0] + index[..., 1], "int32")


def ab_histogram(bins):
    """Pixels in each bin, from an array of `ab_bin`: int64 (23, 23), rows a, columns b."""
    return np.bincount(bins.ravel(), minlength=BINS**2).reshape(BINS, BINS)


def ab_bin_weights(histogram):
    """Weights of ab bins, inverse to how common a bin is: float64 (23, 23), mean 1 over the pixels.

    w = 1 / p, with p the share of pixels in a bin: Zhang et al. (2016), equation 4, with lambda 0
    and without blur. An empty bin gets the weight of the rarest that is not empty.
    """
    share = histogram / histogram.sum()
    weights = 1 / np.where(share > 0, share, share[share > 0].min())
    return weights / (share * weights).sum()


@_per_photo
def color_classes(ab):
    """Colour class of each pixel, int (N, H, W): its place in `COLORS`.

    "grey" has a chroma sqrt(a^2 + b^2) below 10 CIELAB units. The others are sectors of the hue
    angle atan2(b, a) in degrees, see `HUES`: skin and wood are orange, sRGB's blue is at 306. The
    borders are this project's.
    """
    hue = _angle(ab[..., 0], ab[..., 1]) * (180 / math.pi)
    color = 1 + sum(ops.cast(hue >= begins, "int32") for begins in HUES) % len(HUES)
    return ops.where(_length(ab[..., 0], ab[..., 1]) < GREY_CHROMA, 0, color)


@_per_photo
def recolor(rgb_true, ab_pred):
    """The true L with a predicted ab, clipped to sRGB: uint8 (N, H, W, 3)."""
    return with_ab(lab.rgb_to_lab(rgb_true), ab_pred)


def with_ab(lab_true, ab_pred):
    """`recolor` of tensors, where the CIELAB of the true photos is there."""
    both = ops.concatenate([lab_true[..., :1], _float(ab_pred)], axis=-1)
    return ops.cast(ops.round(lab.lab_to_rgb(both) * PEAK), "uint8")


def _rmse(true, pred):
    return ops.sqrt(ops.mean(ops.square(_float(pred) - _float(true)), axis=(1, 2, 3)))


def _high_chroma(chroma):
    """sqrt(C^7 / (C^7 + 25^7)); multiplied out, which compiled programs do much faster."""
    ratio = chroma / 25
    square = ratio * ratio
    seventh = square * square * square * ratio
    return ops.sqrt(seventh / (seventh + 1))


def _angle(x, y):
    """Of the vector (x, y), 0 to 2 pi."""
    angle = ops.arctan2(y, x)
    return ops.where(angle < 0, angle + 2 * math.pi, angle)


def _length(x, y):
    return ops.sqrt(x * x + y * y)


def _float(values):
    return ops.cast(values, "float32")


def _checked(values, name):
    """An array of photos: names that begin with rgb are uint8 RGB, with ab finite float ab."""
    rgb = name.startswith("rgb")
    channels, kind = (3, "uint8") if rgb else (2, "float")
    if values.ndim != 4 or values.shape[-1] != channels or values.size == 0:
        raise ValueError(f"{name}: expected (N, H, W, {channels}), got {values.shape}")
    if kind not in str(values.dtype):
        raise ValueError(f"{name}: expected dtype {kind}, got {values.dtype}")
    if not rgb and not all(np.isfinite(photo).all() for photo in values):
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values if rgb else values.astype(np.float32, copy=False)
