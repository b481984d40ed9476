"""Measures of a colorization: arrays in, numbers out, one value a photo.

Conventions: `true` before `pred`. `rgb` is uint8, shape (N, H, W, 3); `ab` is float, shape
(N, H, W, 2), in CIELAB units. A measure gives a float64 array of shape (N,), computed in float32
by `lib.pixels`, and raises ValueError for another shape or dtype, for shapes that differ, for NaN
or infinity, and for no photo at all. One photo and photos of one pixel are measured like others;
only SSIM needs 7 pixels a side. `lib.evaluate` measures whole tables, `lib.intervals` makes means
with intervals of them, `lib.realism` has the measure that no single photo has.

A measure of RGB sees a picture with the true L, so even grey photos do well: about 21 to 24 dB of
PSNR. A difference of 1 dB is not a result.

References
----------
Hasler, Suesstrunk (2003), Measuring colourfulness in natural images.
Wang, Bovik, Sheikh, Simoncelli (2004), Image quality assessment: from error visibility to
structural similarity. Sharma, Wu, Dalal (2005), The CIEDE2000 color-difference formula.
Zhang, Isola, Efros (2016), Colorful image colorization.
Särndal, Swensson, Wretman (1992), Model assisted survey sampling, section 5.6 (ratios).
"""

import numpy as np

from lib import lab, pixels
from lib.intervals import paired_difference, summarize  # metrics.summarize is part of this module
from lib.pixels import BINS, COLORS, PEAK, SSIM_WINDOW
from lib.quiet import ops

__all__ = [
    "COLORS",
    "MEASURES",
    "SET_MEASURES",
    "ab_bin_weights",
    "ab_histogram",
    "auc",
    "auc_rebalanced",
    "color_classes",
    "colorfulness",
    "delta_e_2000",
    "paired_difference",
    "pooled_share",
    "psnr",
    "psnr_of",
    "recolor",
    "rmse_ab",
    "rmse_rgb",
    "ssim",
    "summarize",
]

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
PSNR_CAP = 100.0  # dB; identical pictures would give infinity, and no mean
CHUNK = 32  # photos held in floating point at a time


def rmse_ab(ab_true, ab_pred):
    """Root mean square error of ab: sqrt(mean over pixels and the 2 channels of (pred - true)^2).

    In CIELAB units, 0 (identical) upwards. On the raw prediction, before it is made to fit sRGB.
    """
    return _each(pixels.rmse, *_ab_pair(ab_true, ab_pred))


def rmse_rgb(rgb_true, rgb_pred):
    """Root mean square error of 8-bit RGB, equations 1 and 2 of the paper, 0 to 255.

    sqrt(1/(3MN) sum (pred - true)^2) over the M x N pixels and the 3 channels. The paper does not
    say its scale or how it pools; 8-bit RGB and one value a photo are this project's choice.
    """
    return _each(pixels.rmse, *_rgb_pair(rgb_true, rgb_pred))


def psnr(rgb_true, rgb_pred):
    """Peak signal-to-noise ratio of 8-bit RGB in dB: 20 log10(255 / rmse_rgb), 0 to 100.

    Capped at `PSNR_CAP` = 100 dB, which is also the answer for identical pictures. For one photo
    it says the same as `rmse_rgb`; the means over photos differ.
    """
    return psnr_of(rmse_rgb(rgb_true, rgb_pred))


def psnr_of(rmse):
    """`psnr` from values of `rmse_rgb`."""
    return np.minimum(20 * np.log10(PEAK / np.maximum(rmse, 1e-9)), PSNR_CAP)


def ssim(rgb_true, rgb_pred):
    """Structural similarity (Wang et al. 2004) of 8-bit RGB, -1 to 1 (identical).

    Mean over pixels and the 3 channels of
    (2 m_t m_p + C1)(2 s_tp + C2) / ((m_t^2 + m_p^2 + C1)(s_t^2 + s_p^2 + C2)), with means m and
    sample (co)variances s in a uniform 7 x 7 window that lies inside the photo,
    C1 = (0.01 x 255)^2, C2 = (0.03 x 255)^2. Raises ValueError for less than 7 pixels a side.
    """
    true, pred = _rgb_pair(rgb_true, rgb_pred)
    if min(true.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(f"rgb_true: expected {SSIM_WINDOW} pixels a side, got {true.shape[1:3]}")
    return _each(pixels.ssim, true, pred)


def delta_e_2000(rgb_true, rgb_pred):
    """Colour difference CIEDE2000, mean over pixels, 0 (identical) upwards.

    Sharma et al. (2005) with kL = kC = kH = 1. L counts too: clipping to sRGB can change it.
    """

    def mean(true, pred):
        both = [lab.rgb_to_lab(rgb / PEAK) for rgb in (true, pred)]
        return ops.mean(pixels.delta_e_2000(*both), axis=(1, 2))

    return _each(mean, *_rgb_pair(rgb_true, rgb_pred))


def colorfulness(rgb):
    """Colorfulness M of Hasler and Suesstrunk (2003), 0 (grey) to about 298.

    With rg = R - G and yb = (R + G)/2 - B, signed: M = sqrt(var_rg + var_yb) +
    0.3 sqrt(mean_rg^2 + mean_yb^2). Some systems take |rg| and |yb| first: another measure.
    Neither end is best: compare with the colorfulness of the true photo. A photo of one pixel has
    no variance, only the second term.
    """
    return _each(pixels.colorfulness, _rgb(rgb, "rgb"))


def auc(ab_true, ab_pred):
    """Area under the cumulative error curve, in %, 0 to 100 (Zhang et al. 2016, "raw accuracy").

    The share of pixels whose error sqrt(da^2 + db^2) is at most t, averaged over the thresholds
    t = 0, 1, ..., 150.
    """

    def mean(true, pred):
        return 100 * ops.mean(pixels.share_within(true, pred), axis=(1, 2))

    return _each(mean, *_ab_pair(ab_true, ab_pred))


def auc_rebalanced(ab_true, ab_pred, weights):
    """`auc` with each pixel weighted by the bin of its true ab, in %, pooled over all photos.

    `weights`, shape (23, 23), positive, comes from `ab_bin_weights` of the true photos themselves:
    then each bin that occurs counts the same. Zhang et al. (2016) take the frequencies of a million
    training photos; those of some thousand leave almost all weight to a handful of pixels, whose
    colours the training photos happen to lack. Like theirs, the value is one of all pixels of all
    photos, 0 to 100: it is the mean of what is given here, see `pooled_share`.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (BINS, BINS) or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            f"weights: expected ({BINS}, {BINS}), finite, above 0, got {weights.shape}"
        )
    flat = weights.ravel().astype(np.float32)

    def sums(true, pred):
        weight, share = ops.take(flat, pixels.ab_bin(true)), pixels.share_within(true, pred)
        return ops.stack([ops.mean(weight * share, (1, 2)), ops.mean(weight, (1, 2))], axis=-1)

    return pooled_share(*_each(sums, *_ab_pair(ab_true, ab_pred)).T)


def pooled_share(weighted, weight):
    """Values of photos, in %, whose mean is the ratio of two sums: float64 (N,).

    With `weighted` w_i s_i and `weight` w_i of the photos, both (N,), and the ratio R = sum of
    w_i s_i / sum of w_i, photo i has the value R + (w_i s_i - R w_i) / mean of w. Their mean is R
    and their spread is what moves R, so that means, differences and intervals over photos are
    those of the pooled ratio (to first order). A photo of rare colours weighs more: its value can
    be below 0 or above 100. Where every s_i is the same, so is every value.
    """
    ratio = weighted.sum() / weight.sum()
    return 100 * (ratio + (weighted - ratio * weight) / weight.mean())


def ab_histogram(ab_true):
    """Pixels in each ab bin: int64 (23, 23), rows a, columns b; histograms of batches add up.

    Bin centres lie 10 CIELAB units apart, from -110 to 110; values beyond go to the last bin.
    """
    ab_true = _ab(ab_true, "ab_true")
    counts = np.zeros(BINS**2, np.int64)
    for chunk in _chunks(ab_true):
        bins = ops.convert_to_numpy(pixels.ab_bin(chunk))
        counts += np.bincount(bins.ravel(), minlength=BINS**2)
    return counts.reshape(BINS, BINS)


def ab_bin_weights(histogram, smoothing=0.0):
    """Weights of ab bins, inverse to how common a bin is: float64 (23, 23), mean 1 over the pixels.

    w = 1 / ((1 - smoothing) p + smoothing / Q), with p the share of pixels in a bin and Q the
    number of bins that are not empty (Zhang et al. 2016, equation 4, without their blur of p).
    `smoothing` 0, their choice for the AuC, balances the bins fully, 1 gives every bin weight 1. An
    empty bin gets the weight of the rarest bin that is not empty.
    """
    histogram = np.asarray(histogram, dtype=np.float64)
    if histogram.shape != (BINS, BINS) or not 0 < histogram.sum() < np.inf or histogram.min() < 0:
        raise ValueError(f"histogram: expected ({BINS}, {BINS}) counts, got {histogram.shape}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing: expected 0 to 1, got {smoothing}")
    seen = histogram > 0
    share = histogram / histogram.sum()
    mixed = (1 - smoothing) * share + smoothing / seen.sum()
    weights = 1 / np.where(seen, mixed, mixed[seen].min())
    return weights / (share * weights).sum()


def color_classes(ab):
    """Colour class of each pixel, int (N, H, W): its place in `COLORS`.

    "grey" has a chroma sqrt(a^2 + b^2) below 10 CIELAB units. The others are sectors of the hue
    angle atan2(b, a) in degrees, from the first border up to below the second: red 350 to 45,
    orange (skin and wood, too) 45 to 80, yellow 80 to 110, green 110 to 165, cyan 165 to 225,
    blue 225 to 310 (sRGB's blue is at 306), purple 310 to 350. The borders are this project's.
    """
    chunks = [ops.convert_to_numpy(pixels.color_class(chunk)) for chunk in _chunks(_ab(ab, "ab"))]
    return np.concatenate(chunks)


def recolor(rgb_true, ab_pred):
    """The true L with a predicted ab, clipped to sRGB: uint8 (N, H, W, 3)."""
    rgb, ab = _rgb(rgb_true, "rgb_true"), _ab(ab_pred, "ab_pred")
    _same(rgb, ab, "ab_pred", axes=3)
    colored = np.empty(rgb.shape, np.uint8)
    for start in range(0, len(rgb), CHUNK):
        part = slice(start, start + CHUNK)
        colored[part] = ops.convert_to_numpy(pixels.recolor(lab.rgb_to_lab(rgb[part]), ab[part]))
    return colored


def _each(measure, *arrays):
    """`measure`, on tensors, of some photos at a time."""
    parts = zip(*(_chunks(array) for array in arrays), strict=True)
    return np.concatenate([ops.convert_to_numpy(measure(*part)) for part in parts]).astype(float)


def _chunks(array):
    for start in range(0, len(array), CHUNK):
        yield ops.convert_to_tensor(array[start : start + CHUNK], dtype="float32")


def _array(values, name, channels):
    values = np.asarray(values)
    if values.ndim != 4 or values.shape[-1] != channels or values.size == 0:
        raise ValueError(f"{name}: expected shape (N, H, W, {channels}), got {values.shape}")
    return values


def _rgb(values, name):
    values = _array(values, name, 3)
    if values.dtype != np.uint8:
        raise ValueError(f"{name}: expected dtype uint8, got {values.dtype}")
    return values


def _ab(values, name):
    values = _array(values, name, 2)
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(f"{name}: expected a float dtype, got {values.dtype}")
    if not all(np.isfinite(photo).all() for photo in values):
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values


def _rgb_pair(true, pred):
    return _same(_rgb(true, "rgb_true"), _rgb(pred, "rgb_pred"), "rgb_pred")


def _ab_pair(true, pred):
    return _same(_ab(true, "ab_true"), _ab(pred, "ab_pred"), "ab_pred")


def _same(true, pred, name, axes=4):
    if true.shape[:axes] != pred.shape[:axes]:
        raise ValueError(f"{name}: expected {true.shape[:axes]} as the truth, got {pred.shape}")
    return true, pred
