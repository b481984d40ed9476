"""What the measures compute of every pixel: tensors in, tensors out, one value a photo.

Conventions: `true` before `pred`. `rgb` is float in 8-bit levels, 0 to 255, shape (N, H, W, 3);
`lab` (N, H, W, 3) and `ab` (N, H, W, 2) are float, in CIELAB units. Everything is `keras.ops` in
float32, so that `compiled` can make programs of it. Differences are taken before squares, and the
sums of SSIM are of whole numbers below 2^24, so little is lost: tested against scikit-image in
float64. What a measure means stands in `lib.metrics`.

References
----------
Wang, Bovik, Sheikh, Simoncelli (2004), SSIM. Sharma, Wu, Dalal (2005), The CIEDE2000
color-difference formula: implementation notes, supplementary test data, and mathematical
observations. Hasler, Suesstrunk (2003). Zhang, Isola, Efros (2016). Abramowitz, Stegun (1964),
Handbook of mathematical functions (polynomials).
"""

import functools
import math

import numpy as np

from lib import lab
from lib.quiet import keras, ops

PEAK = 255.0  # largest 8-bit level
SSIM_WINDOW = 7  # pixels a side
AUC_STEPS = 151  # thresholds 0, 1, ..., 150 CIELAB units (Zhang et al.)
BIN_SIZE = 10.0  # CIELAB units a side of an ab bin (Zhang et al.)
BINS = 23  # bins an axis, centred on -110, -100, ..., 110
GREY_CHROMA = 10.0  # CIELAB units; a pixel of less has no colour to speak of
HUES = {  # colour class: hue angle h = atan2(b, a) where it begins, degrees; it ends at the next
    "orange": 45.0,
    "yellow": 80.0,
    "green": 110.0,
    "cyan": 165.0,
    "blue": 225.0,
    "purple": 310.0,
    "red": 350.0,
}
ARCTAN = (-0.3333314528, 0.1999355085, -0.1420889944, 0.1065626393, -0.0752896400, 0.0429096138)
ARCTAN += (-0.0161657367, 0.0028662257)  # arctan x / x in powers of x^2, |x| <= 1 (4.4.49)
SINE = (-0.1666666664, 0.0083333315, -0.0001984090, 0.0000027526, -0.0000000239)  # (4.3.97)
COLORS = ("grey", "red", "orange", "yellow", "green", "cyan", "blue", "purple")


def describe(rgb_true, weights):
    """What every comparison with the same true photos needs: a dict of tensors.

    Parameters
    ----------
    rgb_true : tensor (N, H, W, 3), uint8
        7 pixels a side or more.
    weights : tensor (23, 23)
        Of the bins of ab (`metrics.ab_bin_weights`).
    """
    rgb = ops.cast(rgb_true, "float32")
    lab_true = lab.rgb_to_lab(rgb / PEAK)
    bins = ab_bin(lab_true[..., 1:])
    return {
        "rgb": rgb,
        "lab": lab_true,
        "weight": ops.take(ops.reshape(ops.cast(weights, "float32"), (-1,)), bins),
        "color": color_class(lab_true[..., 1:]),
        "sums": sums_down(rgb),
    }


def render(lab_true, ab_pred):
    """What a viewer gets of a prediction: `recolor` as uint8.

    This and `sums_down` are programs of their own: XLA would compute them anew for each place that
    they are used in, and SSIM would take four times as long.
    """
    return ops.cast(recolor(lab_true, ab_pred), "uint8")


def compare(truth, rgb, sums, ab_pred):
    """All measures of a prediction.

    Parameters
    ----------
    truth : dict of tensors
        From `describe`.
    rgb : tensor (N, H, W, 3), uint8
        From `render`.
    sums : dict of tensors
        From `sums_down` of `rgb` and `truth["rgb"]`.
    ab_pred : tensor (N, H, W, 2)

    Returns
    -------
    dict of tensors
        One value a photo: rmse_ab, rmse_rgb, ssim, delta_e_2000, colorfulness, auc, weight (mean
        over pixels) and weighted (mean of weight times share of thresholds). `bins` (N, H, W) of
        the predicted ab. `colors` (N, 8, 4): for each of `COLORS` the sums over its pixels of 1,
        the squared error, the true chroma and the predicted chroma.
    """
    ab_true = truth["lab"][..., 1:]
    rgb = ops.cast(rgb, "float32")
    share = share_within(ab_true, ab_pred)
    parts = [  # of each pixel, (N, H, W): wanted are their means, and sums of the first four
        ops.ones_like(share),
        ops.sum(ops.square(ab_pred - ab_true), axis=-1),
        *[_length(ab[..., 0], ab[..., 1]) for ab in (ab_true, ab_pred)],
        ops.sum(ops.square(rgb - truth["rgb"]), axis=-1),
        delta_e_2000(truth["lab"], lab.rgb_to_lab(rgb / PEAK)),
        share,
        truth["weight"],
        truth["weight"] * share,
    ]
    numbers = ops.reshape(ops.arange(len(COLORS)), (1, -1, 1, 1))
    classes = ops.cast(truth["color"][:, None] == numbers, "float32")
    parts = ops.stack(parts, axis=1)  # sums over the last two axes are the fast ones
    mean = ops.moveaxis(ops.mean(parts, axis=(2, 3)), 1, 0)
    return {
        "rmse_ab": ops.sqrt(mean[1] / 2),
        "rmse_rgb": ops.sqrt(mean[4] / 3),
        "ssim": _ssim(truth["sums"], sums),
        "delta_e_2000": mean[5],
        "colorfulness": colorfulness(rgb),
        "auc": 100 * mean[6],
        "weight": mean[7],
        "weighted": mean[8],
        "bins": ab_bin(ab_pred),
        "colors": ops.einsum("nchw,nshw->ncs", classes, parts[:, :4]),
    }


def rmse(true, pred):
    """Root of the mean over pixels and channels of (pred - true)^2: (N,)."""
    return ops.sqrt(ops.mean(ops.square(pred - true), axis=(1, 2, 3)))


def recolor(lab_true, ab_pred):
    """The true L with a predicted ab, clipped to sRGB: whole 8-bit levels, float."""
    both = ops.concatenate([lab_true[..., :1], ops.cast(ab_pred, "float32")], axis=-1)
    return ops.round(lab.lab_to_rgb(both) * PEAK)


def ssim(rgb_true, rgb_pred):
    """Structural similarity, mean over windows and channels: (N,)."""
    return _ssim(sums_down(rgb_true), sums_down(rgb_pred, rgb_true))


def sums_down(rgb, other=None):
    """For SSIM: of 7 neighbours in each column the sums of levels - 128, of their squares and, if
    `other` is given, of their products with the other picture's. A dict of tensors.
    """
    levels = ops.cast(rgb, "float32") - 128
    sums = {"sum": _seven(levels, 1), "squares": _seven(levels * levels, 1)}
    if other is not None:
        sums["products"] = _seven(levels * (ops.cast(other, "float32") - 128), 1)
    return sums


def colorfulness(rgb):
    """Colorfulness of Hasler and Suesstrunk, signed: (N,)."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    opponents = ops.stack([red - green, (red + green) / 2 - blue], axis=-1)
    mean = ops.mean(opponents, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(opponents - mean), axis=(1, 2))
    spread = ops.sqrt(ops.sum(variance, axis=-1))
    return spread + 0.3 * ops.sqrt(ops.sum(ops.square(mean[:, 0, 0]), axis=-1))


def share_within(ab_true, ab_pred):
    """For each pixel, the share of the thresholds 0, 1, ..., 150 that its error does not exceed."""
    error = _length(ab_pred[..., 0] - ab_true[..., 0], ab_pred[..., 1] - ab_true[..., 1])
    return ops.clip(AUC_STEPS - ops.ceil(error), 0, AUC_STEPS) / AUC_STEPS


def ab_bin(ab):
    """Bin of each pixel's ab: int32, 23 times the bin of a plus the bin of b."""
    index = ops.clip(ops.floor(ab / BIN_SIZE + 0.5) + BINS // 2, 0, BINS - 1)
    return ops.cast(BINS * index[..., 0] + index[..., 1], "int32")


def color_class(ab):
    """Colour class of each pixel, int32: the place in `COLORS`."""
    hue = ops.arctan2(ab[..., 1], ab[..., 0]) * (180 / math.pi)
    hue = ops.where(hue < 0, hue + 360, hue)
    color = ops.full_like(hue, COLORS.index("red"))
    for name, begins in HUES.items():
        color = ops.where(hue >= begins, float(COLORS.index(name)), color)
    grey = _length(ab[..., 0], ab[..., 1]) < GREY_CHROMA
    return ops.cast(ops.where(grey, 0.0, color), "int32")


def delta_e_2000(lab_true, lab_pred):
    """CIEDE2000 of each pixel, Sharma et al. (2005) with kL = kC = kH = 1.

    Hues enter as unit vectors, since the difference of two angles that are nearly the same, and
    cosines of multiples, cost precision and time. Where two hues are opposite, and the formula
    jumps, float32 may take the other side than float64.
    """
    (l1, a1, b1), (l2, a2, b2) = ([x[..., i] for i in range(3)] for x in (lab_true, lab_pred))
    stretch = 1.5 - 0.5 * _high_chroma((_length(a1, b1) + _length(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _length(a1, b1), _length(a2, b2)
    chroma, product = (c1 + c2) / 2, c1 * c2
    # The hue difference 2 sqrt(c1 c2) sin(dh / 2) has the sign of the cross product.
    cross, dot = a1 * (b2 - b1) - b1 * (a2 - a1), a1 * a2 + b1 * b2
    near = cross / ops.sqrt(ops.maximum((product + dot) / 2, 1e-12))
    far = ops.sqrt(ops.maximum(2 * (product - dot), 0))
    hue = ops.where(dot > 0, near, ops.where(cross < 0, -far, far))
    # The mean hue lies along the sum of both directions, between opposite ones at their mean angle
    # in 0..360 degrees; grey has no direction of its own.
    u = ops.where(product > 0, a1 * c2 + a2 * c1, a1 + a2)
    v = ops.where(product > 0, b1 * c2 + b2 * c1, b1 + b2)
    opposite = (u == 0) & (v == 0)
    u = ops.where(opposite, -ops.abs(b1), u)
    v = ops.where(opposite, ops.where(b1 == 0, ops.abs(a1), a1 * ops.sign(b1)), v)
    length = _length(u, v)
    cosines = [u / ops.maximum(length, 1e-30)]
    sines = [v / ops.maximum(length, 1e-30)]
    for _ in range(3):  # of 2, 3 and 4 times the mean hue
        c, s = cosines[-1], sines[-1]
        cosines.append(c * cosines[0] - s * sines[0])
        sines.append(s * cosines[0] + c * sines[0])
    factor = 1.0
    for number, (part, turn) in enumerate([(-0.17, -30), (0.24, 0), (0.32, 6), (-0.20, -63)]):
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        factor = factor + part * (cosines[number] * cos - sines[number] * sin)
    cos, sin = math.cos(math.radians(275)), math.sin(math.radians(275))
    from_blue = _angle(cosines[0] * cos + sines[0] * sin, sines[0] * cos - cosines[0] * sin)
    turned = ops.exp(-ops.square(from_blue / math.radians(25)))  # over 60 degrees, 2 times 30
    middle = ops.square((l1 + l2) / 2 - 50)
    dl = (l2 - l1) / (1 + 0.015 * middle / ops.sqrt(20 + middle))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = hue / (1 + 0.015 * chroma * factor)
    mixed = -2 * _high_chroma(chroma) * _sine(math.pi / 3 * turned) * dc * dh
    return ops.sqrt(ops.maximum(dl * dl + dc * dc + dh * dh + mixed, 0))


def compiled(function, xla=True):
    """The function, or network, as one program of the backend; torch runs it as it is.

    `xla` is a choice of TensorFlow only: it makes the measures twice as fast on a processor, and
    convolutions many times slower. A new shape of an argument is compiled anew.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=xla, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def to_lab(rgb):
    """CIELAB of photos (N, H, W, 3), uint8 or float in [0, 1], as an array; a compiled program."""
    return ops.convert_to_numpy(_to_lab()(rgb))


def to_numpy(tensors):
    """A dict of tensors as a dict of arrays."""
    return {name: np.asarray(ops.convert_to_numpy(value)) for name, value in tensors.items()}


@functools.cache
def _to_lab():
    return compiled(lab.rgb_to_lab)


def _length(x, y):
    return ops.sqrt(x * x + y * y)


def _angle(cosine, sine):
    """Angle of a unit vector, -pi/2 to pi/2, to 1e-7; beyond these the nearer one of them.

    Twice the arc tangent of half the angle, as a polynomial: arctan2 is ten times slower.
    """
    tangent = ops.clip(sine / ops.maximum(1 + cosine, 1e-6), -1, 1)
    return 2 * tangent * _polynomial(ARCTAN, tangent * tangent)


def _sine(angle):
    """Sine, -pi/2 to pi/2, to 1e-8."""
    return angle * _polynomial(SINE, angle * angle)


def _polynomial(coefficients, x):
    """1 + c[0] x + c[1] x^2 + ..."""
    return 1 + x * functools.reduce(lambda sum_, c: sum_ * x + c, reversed(coefficients))


def _high_chroma(chroma):
    """sqrt(C^7 / (C^7 + 25^7))"""
    ratio = chroma / 25
    cube = ratio * ratio * ratio  # multiplied out: four times as fast as a power
    power = cube * cube * ratio
    return ops.sqrt(power / (power + 1))


def _ssim(true, pred):
    """SSIM from the `sums_down` of both."""
    mean_true, square_true, mean_pred, square_pred, product = [
        _seven(sums, 2) / SSIM_WINDOW**2
        for sums in (true["sum"], true["squares"], pred["sum"], pred["squares"], pred["products"])
    ]
    sample = SSIM_WINDOW**2 / (SSIM_WINDOW**2 - 1)  # covariances are those of a sample
    covariance = sample * (product - mean_true * mean_pred)
    variances = sample * (square_true - mean_true**2 + square_pred - mean_pred**2)
    mean_true, mean_pred = mean_true + 128, mean_pred + 128
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    means = (2 * mean_true * mean_pred + c1) / (mean_true**2 + mean_pred**2 + c1)
    return ops.mean(means * (2 * covariance + c2) / (variances + c2), axis=(1, 2, 3))


def _seven(values, axis):
    """Sums of each 7 neighbours along axis 1 or 2."""
    before = (slice(None),) * axis
    pairs = values[*before, :-1] + values[*before, 1:]
    fours = pairs[*before, :-2] + pairs[*before, 2:]
    return fours[*before, :-3] + pairs[*before, 4:-1] + values[*before, 6:]
