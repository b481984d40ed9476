"""CIELAB: published values, scikit-image in float64, round trips, limits, gradients."""

import keras
import numpy as np
import pytest
from skimage import color

from lib import lab

# Lab (D65, 2 degrees) of the corners of the sRGB cube, as printed by Lindbloom's calculator and
# others; 0.05 covers the different roundings of the matrix.
CORNERS = {
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 255, 255): (100.0, 0.0, 0.0),
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
    (255, 255, 0): (97.14, -21.55, 94.48),
    (0, 255, 255): (91.11, -48.09, -14.13),
    (255, 0, 255): (60.32, 98.23, -60.82),
}


def lattice():
    """17^3 colours that span the sRGB cube, corners and all greys of the diagonal included."""
    levels = np.rint(np.linspace(0, 255, 17)).astype(np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)


def greys():
    return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def random_colours():
    return np.random.default_rng(0).integers(0, 256, (100_000, 3), dtype=np.uint8)


COLOURS = {"lattice": lattice, "greys": greys, "random": random_colours}


def to_lab(rgb):
    return np.asarray(lab.rgb_to_lab(rgb))


def to_uint8(rgb):
    return np.rint(np.asarray(rgb) * 255).astype(np.uint8)


@pytest.mark.parametrize(("rgb", "expected"), CORNERS.items())
def test_published_values(rgb, expected):
    np.testing.assert_allclose(to_lab(np.uint8(rgb)), expected, atol=0.05)


@pytest.mark.parametrize("colours", COLOURS)
def test_agrees_with_scikit_image(colours):
    rgb = COLOURS[colours]()
    np.testing.assert_allclose(to_lab(rgb), color.rgb2lab(rgb / 255), atol=0.01)


@pytest.mark.parametrize("colours", COLOURS)
def test_round_trip_is_exact_in_8_bits(colours):
    rgb = COLOURS[colours]()
    np.testing.assert_array_equal(to_uint8(lab.lab_to_rgb(to_lab(rgb))), rgb)


def test_greys_have_no_colour_and_rising_lightness():
    values = to_lab(greys())
    assert np.abs(values[:, 1:]).max() < 1e-3
    assert (np.diff(values[:, 0]) > 0).all()


@pytest.mark.parametrize("shape", [(3,), (5, 3), (4, 5, 3), (2, 4, 5, 3)])
def test_leading_shapes(shape):
    rgb = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    values = to_lab(rgb)
    assert values.shape == shape and values.dtype == np.float32
    np.testing.assert_allclose(values.reshape(-1, 3), to_lab(rgb.reshape(-1, 3)), atol=1e-4)
    back = np.asarray(lab.lab_to_rgb(values))
    assert back.shape == shape and back.dtype == np.float32


def test_out_of_gamut_is_clipped():
    rgb = np.asarray(lab.lab_to_rgb(np.float32([[50, 200, 200], [0, 110, -110], [100, -110, 110]])))
    assert np.isfinite(rgb).all() and rgb.min() >= 0 and rgb.max() <= 1
    assert (rgb == 0).any() and (rgb == 1).any()


def test_scale_and_unscale_are_inverse():
    values = to_lab(lattice())
    lightness, ab = (np.asarray(part) for part in lab.scale(values))
    assert lightness.shape == (len(values), 1) and ab.shape == (len(values), 2)
    assert lightness.min() >= -1.00001 and lightness.max() <= 1.00001 and np.abs(ab).max() <= 1
    np.testing.assert_allclose(np.asarray(lab.unscale(lightness, ab)), values, atol=1e-4)


def test_scale_by_hand():
    lightness, ab = lab.scale(np.float32([[75.0, 55.0, -110.0]]))
    np.testing.assert_allclose(np.asarray(lightness), [[0.5]])
    np.testing.assert_allclose(np.asarray(ab), [[0.5, -1.0]])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint16", "bool"])
def test_wrong_dtype_is_refused(dtype):
    with pytest.raises(ValueError, match="dtype"):
        lab.rgb_to_lab(np.zeros((2, 2, 3), dtype))


@pytest.mark.parametrize("shape", [(2, 2, 4), (2, 2, 1), (3, 2), ()])
def test_wrong_channels_are_refused(shape):
    values = np.zeros(shape, np.float32)
    for function in (lab.rgb_to_lab, lab.lab_to_rgb, lab.scale):
        with pytest.raises(ValueError, match="3 channels"):
            function(values)


def exact_linear(rgb):
    """The standards in float64, as written: sRGB in [0, 1] to linear light."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((np.abs(rgb) + 0.055) / 1.055) ** 2.4)


def exact_lab(rgb):
    xyz = exact_linear(rgb) @ (lab.RGB_TO_XYZ / lab.WHITE[:, None]).T
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def exact_rgb(values):
    y = (values[..., 0] + 16) / 116
    f = np.stack([y + values[..., 1] / 500, y, y - values[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = (xyz * lab.WHITE) @ np.linalg.inv(lab.RGB_TO_XYZ).T
    power = 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055
    return np.clip(np.where(linear <= 0.0031308, 12.92 * linear, power), 0, 1)


@pytest.mark.parametrize("colours", COLOURS)
def test_error_against_the_standards_in_float64(colours):
    rgb = COLOURS[colours]()
    expected = exact_lab(rgb / 255)
    np.testing.assert_allclose(to_lab(rgb), expected, rtol=0, atol=2e-4)
    np.testing.assert_allclose(to_lab(rgb / 255), expected, rtol=0, atol=2e-4)
    values = np.float32(expected)
    back = np.asarray(lab.lab_to_rgb(values))
    np.testing.assert_allclose(back, exact_rgb(values.astype(np.float64)), rtol=0, atol=1e-5)


MODES = {"eager": None, "graph": {"jit_compile": False}, "xla": {"jit_compile": True}}


def compiled(function, mode):
    """The function as TensorFlow runs it in a mode of `MODES`."""
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the modes are TensorFlow's")
    options = MODES[mode]
    return function if options is None else tensorflow.function(function, **options)


@pytest.mark.parametrize("mode", MODES)
def test_compiled_is_the_same(mode):
    rgb = lattice()
    values = np.asarray(compiled(lab.rgb_to_lab, mode)(rgb))
    np.testing.assert_allclose(values, exact_lab(rgb / 255), rtol=0, atol=2e-4)
    np.testing.assert_array_equal(to_uint8(compiled(lab.lab_to_rgb, mode)(values)), rgb)


def gradient(function, values, mode="eager"):
    """Gradient of the sum of `function(values)`."""
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the tape is TensorFlow's")

    def slopes(values):
        with tensorflow.GradientTape() as tape:
            tape.watch(values)
            total = tensorflow.reduce_sum(function(values))
        return tape.gradient(total, values)

    return compiled(slopes, mode)(tensorflow.constant(values, tensorflow.float32)).numpy()


def differences(function, values, step):
    """What `gradient` should find, by central differences of a float64 function."""
    shifts = step * np.eye(3)
    pairs = [function(values + shift) - function(values - shift) for shift in shifts]
    return np.stack([pair.sum(axis=-1) for pair in pairs], axis=-1) / (2 * step)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_agree_with_float64(mode):
    rgb = np.random.default_rng(3).uniform(0.001, 0.999, (5000, 3))
    rgb[::5] *= 0.05  # the linear parts, too
    rgb = rgb[(np.abs(rgb - 0.04045) > 1e-4).all(axis=-1)]  # the two parts of sRGB meet at an edge
    values = exact_lab(rgb)
    for function, exact, points in (
        (lab.rgb_to_lab, exact_lab, rgb),
        (lab.lab_to_rgb, exact_rgb, values),
    ):
        slopes = gradient(function, points, mode)
        expected = differences(exact, points, 1e-6)
        np.testing.assert_allclose(slopes, expected, rtol=2e-3, atol=1e-3 * np.abs(expected).max())
        assert np.median(np.abs(slopes - expected) / np.abs(expected)) < 5e-5


def test_gradients_of_rgb_are_finite():
    awkward = [[0, 0, 0], [100, 0, 0], [50, 300, -300], [0, 110, 110], [100, -110, 110], [-5, 0, 0]]
    values = np.concatenate([to_lab(lattice()), np.float32(awkward)])
    slopes = gradient(lab.lab_to_rgb, values)
    assert np.isfinite(slopes).all()
    assert np.abs(slopes).max() < 10


def test_gradients_of_lab_are_finite():
    values = np.concatenate([lattice() / 255, [[-0.1, 0, 0], [1.2, 1, 1], [0.04045] * 3]])
    slopes = gradient(lab.rgb_to_lab, values)
    assert np.isfinite(slopes).all()


def test_l_of_luminance_alone_is_that_of_the_colour():
    rgb = np.random.default_rng(0).random((50, 3), np.float32)
    luminance = lab.rgb_to_linear(rgb) @ lab.LINEAR_TO_XYZ[1]
    np.testing.assert_allclose(lab.luminance_to_l(luminance), lab.rgb_to_lab(rgb)[:, 0], atol=1e-4)
