"""Measures: published tables, scikit-image, values by hand, limits, refusals."""

import numpy as np
import pytest
from skimage import color
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lib import lab, metrics

# L1 a1 b1, L2 a2 b2, CIEDE2000: Sharma, Wu, Dalal (2005), table 1.
SHARMA = [
    (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
    (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
    (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
    (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
    (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
    (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]

RANDOM = np.random.default_rng(0)
TRUE = RANDOM.integers(0, 256, (3, 12, 10, 3), dtype=np.uint8)
PRED = np.clip(TRUE + RANDOM.integers(-30, 31, TRUE.shape), 0, 255).astype(np.uint8)
AB_TRUE = np.asarray(lab.rgb_to_lab(TRUE))[..., 1:]
AB_PRED = AB_TRUE + RANDOM.normal(0, 10, AB_TRUE.shape).astype(np.float32)
RGB_MEASURES = [metrics.rmse_rgb, metrics.ssim, metrics.delta_e_2000]
AB_MEASURES = [metrics.rmse_ab, metrics.auc]


def psnr(rgb_true, rgb_pred):
    return metrics.psnr_of(metrics.rmse_rgb(rgb_true, rgb_pred))


def flat(rgb, size=8):
    """One photo of one colour."""
    return np.full((1, size, size, 3), rgb, dtype=np.uint8)


def halves(left, right):
    """One photo, the left half of one colour, the right half of another."""
    return np.concatenate([flat(left)[:, :, :4], flat(right)[:, :, :4]], axis=2)


# Values from an authority


def test_sharma_pairs():
    table = np.array(SHARMA)
    assert len(table) == 34
    lab_true, lab_pred = np.float32(table[:, :3]), np.float32(table[:, 3:6])
    np.testing.assert_allclose(metrics.ciede2000(lab_true, lab_pred), table[:, 6], atol=2e-4)
    np.testing.assert_allclose(metrics.ciede2000(lab_pred, lab_true), table[:, 6], atol=2e-4)


def test_delta_e_of_pixels_agrees_with_float64():
    """Near and far colours; opposite hues, where the formula jumps, may differ in float32."""
    random = np.random.default_rng(1)
    true = random.uniform([0, -100, -100], [100, 100, 100], (20_000, 3))
    for pred in (true + random.normal(0, 5, true.shape), random.permutation(true)):
        expected = color.deltaE_ciede2000(true, pred)
        error = np.abs(metrics.ciede2000(np.float32(true), np.float32(pred)) - expected)
        assert np.quantile(error, 0.999) < 5e-3 and error.mean() < 1e-4


def test_psnr_agrees_with_scikit_image():
    expected = [
        peak_signal_noise_ratio(t, p, data_range=255) for t, p in zip(TRUE, PRED, strict=True)
    ]
    np.testing.assert_allclose(psnr(TRUE, PRED), expected)


def test_ssim_agrees_with_scikit_image():
    options = {"channel_axis": -1, "data_range": 255}
    expected = [structural_similarity(t, p, **options) for t, p in zip(TRUE, PRED, strict=True)]
    np.testing.assert_allclose(metrics.ssim(TRUE, PRED), expected, atol=2e-5)


def test_ssim_of_saturated_areas_loses_nothing():
    """Windows that are almost flat at the ends of the scale: where float32 could cancel."""
    true = np.repeat(np.uint8([0, 1, 254, 255]), 30).reshape(1, 1, 120, 1)
    true = np.broadcast_to(true, (1, 40, 120, 3)).copy()
    pred = np.where(np.random.default_rng(2).random(true.shape) < 0.1, true ^ 1, true)
    expected = structural_similarity(true[0], pred[0], channel_axis=-1, data_range=255)
    np.testing.assert_allclose(metrics.ssim(true, pred), expected, atol=2e-5)


def test_ssim_of_flat_pictures_in_closed_form():
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    np.testing.assert_allclose(metrics.ssim(flat(100), flat(120)), expected, rtol=1e-5)


# Values by hand


def test_rmse_of_two_pixels():
    rgb_true = np.uint8([[[[0, 0, 0], [255, 10, 10]]]])
    rgb_pred = np.uint8([[[[3, 0, 0], [252, 14, 10]]]])
    np.testing.assert_allclose(metrics.rmse_rgb(rgb_true, rgb_pred), np.sqrt((9 + 9 + 16) / 6))
    ab_true = np.float32([[[[0, 0], [10, -10]]]])
    ab_pred = np.float32([[[[3, 0], [10, -6]]]])
    np.testing.assert_allclose(metrics.rmse_ab(ab_true, ab_pred), np.sqrt((9 + 16) / 4))


def test_colorfulness_is_signed():
    # rg = +-255 and yb = 127.5. With absolute values it would be 0.3 hypot(255, 127.5) = 85.5.
    value = metrics.colorfulness(halves([255, 0, 0], [0, 255, 0]))
    np.testing.assert_allclose(value, 255 + 0.3 * 127.5)
    np.testing.assert_allclose(value, 293.3, atol=0.06)
    np.testing.assert_allclose(metrics.colorfulness(flat([255, 0, 0])), 85.5, atol=0.06)


# Limits


def test_identical_pictures():
    assert (metrics.rmse_rgb(TRUE, TRUE) == 0).all()
    assert (psnr(TRUE, TRUE) == metrics.PSNR_CAP).all()
    np.testing.assert_allclose(metrics.ssim(TRUE, TRUE), 1)
    assert (metrics.delta_e_2000(TRUE, TRUE) == 0).all()
    assert (metrics.rmse_ab(AB_TRUE, AB_TRUE) == 0).all()
    assert (metrics.auc(AB_TRUE, AB_TRUE) == 100).all()


def test_grey_pictures_have_no_colorfulness():
    grey = np.repeat(TRUE[..., :1], 3, axis=-1)
    assert (metrics.colorfulness(grey) == 0).all()


# Pictures of a prediction


def test_recolor_keeps_the_truth_and_cuts_what_srgb_cannot_show():
    np.testing.assert_array_equal(metrics.recolor(TRUE, AB_TRUE), TRUE)
    beyond = metrics.recolor(TRUE, AB_TRUE + 500)
    assert beyond.dtype == np.uint8 and beyond.shape == TRUE.shape
    np.testing.assert_allclose(metrics.rmse_ab(AB_TRUE, AB_TRUE + 500), 500, rtol=1e-5)


def test_chunks_change_nothing(monkeypatch):
    measures = [(m, TRUE, PRED) for m in RGB_MEASURES] + [
        (m, AB_TRUE, AB_PRED) for m in AB_MEASURES
    ]
    whole = [measure(true, pred) for measure, true, pred in measures]
    classes, colored = metrics.color_classes(AB_PRED), metrics.recolor(TRUE, AB_PRED)
    monkeypatch.setattr(metrics, "CHUNK", 2)
    for values, (measure, true, pred) in zip(whole, measures, strict=True):
        np.testing.assert_allclose(measure(true, pred), values, rtol=1e-6)
    np.testing.assert_array_equal(metrics.color_classes(AB_PRED), classes)
    np.testing.assert_array_equal(metrics.recolor(TRUE, AB_PRED), colored)


# Undefined and smallest cases


# Colour classes


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ("808080", "grey"),
        ("FFFFFF", "grey"),
        ("FF0000", "red"),
        ("FFC0CB", "red"),  # pink
        ("FFA500", "orange"),
        ("E0AC69", "orange"),  # a skin
        ("FFFF00", "yellow"),
        ("00FF00", "green"),
        ("228B22", "green"),  # forest
        ("00FFFF", "cyan"),
        ("0000FF", "blue"),
        ("87CEEB", "blue"),  # sky
        ("800080", "purple"),
    ],
)
def test_named_colours_fall_into_their_class(rgb, expected):
    pixel = np.uint8([[[list(bytes.fromhex(rgb))]]])
    classes = metrics.color_classes(np.asarray(lab.rgb_to_lab(pixel))[..., 1:])
    assert classes.shape == (1, 1, 1) and metrics.COLORS[classes[0, 0, 0]] == expected


def test_borders_of_colour_classes():
    angles = np.radians([0, 44.9, 45.1, 79.9, 80.1, 110.1, 165.1, 225.1, 310.1, 349.9, 350.1])
    ab = 20 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)[None, None]
    names = [metrics.COLORS[place] for place in metrics.color_classes(ab).ravel()]
    first = ["red", "red", "orange", "orange", "yellow", "green", "cyan", "blue"]
    assert names == [*first, "purple", "purple", "red"]
    chroma = np.array([[[[9.99, 0.0], [0.0, 10.01], [0.0, 0.0]]]])
    assert metrics.color_classes(chroma).ravel().tolist() == [0, metrics.COLORS.index("yellow"), 0]


# Bad arguments


@pytest.mark.parametrize("measure", [*RGB_MEASURES, metrics.recolor])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rgb: rgb.astype(np.float32), "rgb_true: expected dtype uint8, got float32"),
        (lambda rgb: rgb[0], "rgb_true: expected .N"),
        (lambda rgb: rgb[:0], "rgb_true: expected .N"),
        (lambda rgb: rgb[:, :-1], "expected rgb_true and .* of the same size"),
    ],
)
def test_bad_rgb_is_refused(measure, change, message):
    with pytest.raises(ValueError, match=message):
        measure(change(TRUE), AB_PRED if measure is metrics.recolor else PRED)


@pytest.mark.parametrize("measure", AB_MEASURES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ab: np.where(ab == ab.max(), np.nan, ab), "ab_pred: expected finite"),
        (lambda ab: np.where(ab == ab.max(), np.inf, ab), "ab_pred: expected finite"),
        (lambda ab: ab.astype(int), "ab_pred: expected dtype float"),
        (lambda ab: ab[..., :1], "ab_pred: expected .N"),
        (lambda ab: ab[:2], "expected ab_true and ab_pred of the same size"),
    ],
)
def test_bad_ab_is_refused(measure, change, message):
    with pytest.raises(ValueError, match=message):
        measure(AB_TRUE, change(AB_PRED))


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ValueError, match="7 or more pixels"):
        metrics.ssim(flat(0, size=6), flat(0, size=6))
    assert metrics.ssim(flat(0, size=7), flat(0, size=7)) == 1
