"""Measures of a colorization: arrays in, numbers out, one value a photo.

Conventions: `true` before `pred`. `rgb` is uint8, shape (N, H, W, 3); `ab` is float, shape
(N, H, W, 2), in CIELAB units. A measure gives a float64 array of shape (N,) and raises ValueError
for another shape or dtype, for shapes that differ, for NaN or infinity, and for no photo at all.
`summarize` and `paired_difference`, from `lib.intervals`, make means with intervals of the values.

A measure of RGB sees a picture with the true L, so even grey photos do well: about 21 to 24 dB of
PSNR. A difference of 1 dB is not a result.

References
----------
Hasler, Suesstrunk (2003), Measuring colourfulness in natural images.
Wang, Bovik, Sheikh, Simoncelli (2004), Image quality assessment: from error visibility to
structural similarity. Sharma, Wu, Dalal (2005), The CIEDE2000 color-difference formula.
Zhang, Isola, Efros (2016), Colorful image colorization.
"""

import numpy as np
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity

from lib import lab
from lib.intervals import paired_difference, summarize  # metrics.summarize is part of this module

__all__ = [
    "MEASURES",
    "ab_bin_weights",
    "ab_histogram",
    "auc",
    "auc_rebalanced",
    "colorfulness",
    "delta_e_2000",
    "evaluate",
    "paired_difference",
    "psnr",
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
}
PEAK = 255.0  # largest 8-bit level
PSNR_CAP = 100.0  # dB; identical pictures would give infinity, and no mean
SSIM_WINDOW = 7  # pixels a side
AUC_STEPS = 151  # thresholds 0, 1, ..., 150 CIELAB units (Zhang et al.)
BIN_SIZE = 10.0  # CIELAB units a side of an ab bin (Zhang et al.)
BINS = 23  # bins an axis, centred on -110, -100, ..., 110
CHUNK = 32  # photos that `evaluate` and `recolor` hold in floating point at a time


def rmse_ab(ab_true, ab_pred):
    """Root mean square error of ab: sqrt(mean over pixels and the 2 channels of (pred - true)^2).

    In CIELAB units, 0 (identical) upwards. On the raw prediction, before it is made to fit sRGB.
    """
    return _each(_rmse, *_ab_pair(ab_true, ab_pred))


def rmse_rgb(rgb_true, rgb_pred):
    """Root mean square error of 8-bit RGB, equations 1 and 2 of the paper, 0 to 255.

    sqrt(1/(3MN) sum (pred - true)^2) over the M x N pixels and the 3 channels. The paper does not
    say its scale or how it pools; 8-bit RGB and one value a photo are this project's choice.
    """
    return _each(_rmse, *_rgb_pair(rgb_true, rgb_pred))


def psnr(rgb_true, rgb_pred):
    """Peak signal-to-noise ratio of 8-bit RGB in dB: 20 log10(255 / rmse_rgb), 0 to 100.

    Capped at `PSNR_CAP` = 100 dB, which is also the answer for identical pictures. For one photo
    it says the same as `rmse_rgb`; the means over photos differ.
    """
    rmse = rmse_rgb(rgb_true, rgb_pred)
    return np.minimum(20 * np.log10(PEAK / np.maximum(rmse, 1e-9)), PSNR_CAP)


def ssim(rgb_true, rgb_pred):
    """Structural similarity (Wang et al. 2004) of 8-bit RGB, -1 to 1 (identical).

    Mean over pixels and the 3 channels of
    (2 m_t m_p + C1)(2 s_tp + C2) / ((m_t^2 + m_p^2 + C1)(s_t^2 + s_p^2 + C2)), with means m and
    (co)variances s in a uniform 7 x 7 window, C1 = (0.01 x 255)^2, C2 = (0.03 x 255)^2.
    Raises ValueError for pictures of less than 7 pixels a side.
    """
    true, pred = _rgb_pair(rgb_true, rgb_pred)
    if min(true.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(f"rgb_true: expected {SSIM_WINDOW} pixels a side, got {true.shape[1:3]}")
    options = {"win_size": SSIM_WINDOW, "channel_axis": -1, "data_range": PEAK}
    return _each(lambda t, p: structural_similarity(t, p, **options), true, pred)


def delta_e_2000(rgb_true, rgb_pred):
    """Colour difference CIEDE2000, mean over pixels, 0 (identical) upwards.

    Sharma et al. (2005) with kL = kC = kH = 1. L counts too: clipping to sRGB can change it.
    """
    true, pred = _rgb_pair(rgb_true, rgb_pred)
    return _each(lambda t, p: _delta_e(_to_lab(t), _to_lab(p)), true, pred)


def colorfulness(rgb):
    """Colorfulness M of Hasler and Suesstrunk (2003), 0 (grey) to about 298.

    With rg = R - G and yb = (R + G)/2 - B, signed: M = sqrt(var_rg + var_yb) +
    0.3 sqrt(mean_rg^2 + mean_yb^2). Some systems take |rg| and |yb| first: another measure.
    Neither end is best: compare with the colorfulness of the true photo.
    """
    return _each(_colorfulness, _rgb(rgb, "rgb"))


def auc(ab_true, ab_pred):
    """Area under the cumulative error curve, in %, 0 to 100 (Zhang et al. 2016, "raw accuracy").

    The share of pixels whose error sqrt(da^2 + db^2) is at most t, averaged over the thresholds
    t = 0, 1, ..., 150.
    """
    return _each(lambda t, p: 100 * _share_within(t, p).mean(), *_ab_pair(ab_true, ab_pred))


def auc_rebalanced(ab_true, ab_pred, weights):
    """`auc` with each pixel weighted by the bin of its true ab, in %, 0 to 100.

    `weights`, shape (23, 23), positive, comes from `ab_bin_weights`. Weights are normalized within
    each photo, so that a photo of common colours counts as much in the mean as one of rare ones;
    Zhang et al. (2016) pool the pixels of all photos.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (BINS, BINS) or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            f"weights: expected ({BINS}, {BINS}), finite, above 0, got {weights.shape}"
        )

    def one(true, pred):
        return 100 * np.average(_share_within(true, pred), weights=weights[_bins(true)])

    return _each(one, *_ab_pair(ab_true, ab_pred))


def ab_histogram(ab_true):
    """Pixels in each ab bin: int64 (23, 23), rows a, columns b; histograms of batches add up.

    Bin centres lie 10 CIELAB units apart, from -110 to 110; values beyond go to the last bin.
    """
    rows, columns = _bins(_ab(ab_true, "ab_true"))
    counts = np.bincount((rows * BINS + columns).ravel(), minlength=BINS**2)
    return counts.reshape(BINS, BINS)


def ab_bin_weights(histogram, smoothing=0.0):
    """Weights of ab bins, inverse to how common a bin is: float64 (23, 23), mean 1 over the pixels.

    w = 1 / ((1 - smoothing) p + smoothing / Q), with p the share of pixels in a bin and Q the
    number of bins that are not empty (Zhang et al. 2016, equation 4, without their blur of p).
    `smoothing` 0 balances the bins fully, 1 gives every bin weight 1. An empty bin gets the weight
    of the rarest bin that is not empty.
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


def recolor(rgb_true, ab_pred):
    """The true L with a predicted ab, clipped to sRGB: uint8 (N, H, W, 3)."""
    rgb, ab = _photos_and_ab(rgb_true, ab_pred)
    chunks = [slice(i, i + CHUNK) for i in range(0, len(rgb), CHUNK)]
    return np.concatenate([_recolor(_to_lab(rgb[chunk]), ab[chunk]) for chunk in chunks])


def evaluate(rgb_true, ab_pred):
    """All `MEASURES` of a prediction: dict of column to float64 (N,).

    Those of RGB are taken on `recolor(rgb_true, ab_pred)`, so on what a viewer gets; `rmse_ab` and
    `auc` on the raw `ab_pred`. Memory beyond the inputs stays that of 32 photos.
    """
    rgb, ab = _photos_and_ab(rgb_true, ab_pred)
    chunks = [slice(i, i + CHUNK) for i in range(0, len(rgb), CHUNK)]
    parts = [_evaluate(rgb[chunk], ab[chunk]) for chunk in chunks]
    return {column: np.concatenate([part[column] for part in parts]) for column in MEASURES}


def _evaluate(rgb_true, ab_pred):
    lab_true = _to_lab(rgb_true)
    ab_true = lab_true[..., 1:]
    rgb_pred = _recolor(lab_true, ab_pred)
    return {
        "rmse_ab": rmse_ab(ab_true, ab_pred),
        "rmse_rgb": rmse_rgb(rgb_true, rgb_pred),
        "psnr": psnr(rgb_true, rgb_pred),
        "ssim": ssim(rgb_true, rgb_pred),
        "delta_e_2000": _each(_delta_e, lab_true, _to_lab(rgb_pred)),
        "colorfulness": colorfulness(rgb_pred),
        "auc": auc(ab_true, ab_pred),
    }


def _each(measure, *arrays):
    """`measure` of each photo: little memory, and arrays that fit the processor's cache."""
    return np.array([measure(*photos) for photos in zip(*arrays, strict=True)], dtype=np.float64)


def _rmse(true, pred):
    return np.sqrt(np.square(np.subtract(pred, true, dtype=np.float64)).mean())


def _delta_e(lab_true, lab_pred):
    return deltaE_ciede2000(lab_true, lab_pred, channel_axis=-1).mean(dtype=np.float64)


def _colorfulness(rgb):
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    return np.sqrt(rg.var() + yb.var()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def _share_within(ab_true, ab_pred):
    """For each pixel, the share of the thresholds 0, 1, ..., 150 that its error does not exceed."""
    error = np.sqrt(np.square(np.subtract(ab_pred, ab_true, dtype=np.float64)).sum(axis=-1))
    return np.clip(AUC_STEPS - np.ceil(error), 0, AUC_STEPS) / AUC_STEPS


def _bins(ab):
    """Row (a) and column (b) of each pixel's bin."""
    index = np.floor(ab / BIN_SIZE + 0.5).astype(np.int64) + BINS // 2
    return tuple(np.moveaxis(np.clip(index, 0, BINS - 1), -1, 0))


def _to_lab(rgb):
    return np.asarray(lab.rgb_to_lab(rgb))


def _recolor(lab_true, ab_pred):
    rgb = lab.lab_to_rgb(np.concatenate([lab_true[..., :1], ab_pred], axis=-1))
    return np.rint(np.asarray(rgb) * PEAK).astype(np.uint8)


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
    true, pred = _rgb(true, "rgb_true"), _rgb(pred, "rgb_pred")
    return _same(true, pred, "rgb_pred")


def _ab_pair(true, pred):
    true, pred = _ab(true, "ab_true"), _ab(pred, "ab_pred")
    return _same(true, pred, "ab_pred")


def _photos_and_ab(rgb_true, ab_pred):
    rgb, ab = _rgb(rgb_true, "rgb_true"), _ab(ab_pred, "ab_pred")
    return _same(rgb, ab, "ab_pred", axes=3)


def _same(true, pred, name, axes=4):
    if true.shape[:axes] != pred.shape[:axes]:
        raise ValueError(f"{name}: expected {true.shape[:axes]} as the truth, got {pred.shape}")
    return true, pred
