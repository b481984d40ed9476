"""Reinhard and Welsh: the colour space, answers known by construction, examples, the rows."""

import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lib import classical, lab
from lib.classical import by_example, scribbles, table_rows

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(60, 200, (3, 24, 20, 3), dtype=np.uint8)
LAB = lab.rgb_to_lab(RGB)
LIGHTNESS = LAB[..., :1]


def flat(color, shape=(24, 20)):
    return np.broadcast_to(np.uint8(color), (*shape, 3))


def test_grey_has_only_lightness():
    gray = np.asarray(lab.rgb_to_lab(np.uint8([[g] * 3 for g in range(1, 256)])))
    values = by_example.to_ruderman(gray)
    np.testing.assert_allclose(values[:, 1:], 0, atol=1e-4)
    np.testing.assert_allclose(by_example.gray_l(gray[:, :1]), values[:, 0], atol=1e-4)
    luminance = ((gray[:, 0] + 16) / 116) ** 3  # from L = 8 up
    bright = gray[:, 0] > 8
    expected = 3**0.5 * np.log10(luminance[bright])
    np.testing.assert_allclose(values[bright, 0], expected, atol=1e-4)


def test_cone_responses_are_near_reinhards_equation_4():
    """His matrix from RGB, of a monitor with primaries near those of sRGB."""
    published = [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]]
    ours = by_example.XYZ_TO_LMS @ (lab.RGB_TO_XYZ / lab.WHITE[:, None])
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(ours, published, atol=0.07)


def test_there_and_back():
    values = by_example.to_ruderman(LAB)
    ab = by_example.to_ab(values[..., 1:], LIGHTNESS)
    assert ab.dtype == np.float32
    np.testing.assert_allclose(ab, LAB[..., 1:], atol=0.05)


def test_what_srgb_cannot_show_is_mixed_with_grey():
    colors = np.uint8([[20, 20, 255], [255, 0, 0], [0, 255, 0], [255, 255, 0], [90, 100, 110]])
    values = by_example.to_ruderman(lab.rgb_to_lab(colors))
    for lightness in (0.0, 0.5, 3.0, 20.0, 50.0, 90.0, 99.0, 100.0):
        column = np.full((5, 1), lightness, np.float32)
        found = np.concatenate([column, by_example.to_ab(values[:, 1:], column)], axis=-1)
        again = lab.rgb_to_lab(lab.lab_to_rgb(found))  # shown, and looked at
        np.testing.assert_allclose(again, found, atol=0.15)
    np.testing.assert_allclose(found[:, 1:], 0, atol=0.1)  # white has no colour
    vivid = lab.rgb_to_lab(colors[:1])
    back = by_example.to_ab(values[:1, 1:], vivid[:, :1])
    np.testing.assert_allclose(back, vivid[:, 1:], atol=0.05)


def test_reinhard_with_one_swatch_moves_the_mean_alone():
    ab = classical.reinhard(LIGHTNESS[0], RGB[1], swatches=1)
    assert ab.shape == (24, 20, 2) and ab.dtype == np.float32
    values = by_example.to_ruderman(np.concatenate([LIGHTNESS[0], ab], axis=-1))
    mean = by_example.to_ruderman(LAB[1]).mean(axis=(0, 1))
    np.testing.assert_allclose(values[..., 1:], np.broadcast_to(mean[1:], (24, 20, 2)), atol=5e-3)


@pytest.mark.parametrize("method", [classical.reinhard, classical.welsh])
def test_an_example_of_one_colour_gives_its_chromaticity(method):
    ab = method(LIGHTNESS[0], flat([150, 110, 90]))
    values = by_example.to_ruderman(np.concatenate([LIGHTNESS[0], ab], axis=-1))
    expected = by_example.to_ruderman(lab.rgb_to_lab(np.uint8([150, 110, 90])))
    np.testing.assert_allclose(values[..., 1:], np.broadcast_to(expected[1:], ab.shape), atol=5e-3)


@pytest.mark.parametrize("method", [classical.reinhard, classical.welsh])
def test_a_grey_example_gives_grey(method):
    ab = method(LIGHTNESS[0], np.repeat(RGB[0, ..., :1], 3, axis=-1))
    np.testing.assert_allclose(ab, 0, atol=0.1)


@pytest.mark.parametrize("method", [classical.reinhard, classical.welsh])
def test_dark_and_bright_take_the_colours_of_dark_and_bright(method):
    example = flat([110, 40, 40]).copy()
    example[:, 10:] = [150, 190, 220]
    example = np.clip(example + RANDOM.integers(-4, 5, example.shape), 0, 255).astype(np.uint8)
    lightness = np.where(np.arange(24) < 12, 75.0, 25.0)[:, None, None]
    lightness = lightness + RANDOM.normal(0, 1, (24, 20, 1))
    ab = method(lightness, example)
    assert ab[:10, ..., 1].max() < -5 and ab[:10, ..., 0].max() < 5  # bright: bluish
    assert ab[14:, ..., 0].min() > 10  # dark: reddish


def test_welsh_gives_a_photo_its_own_colours_if_every_pixel_is_a_sample():
    ab = classical.welsh(LIGHTNESS[0], RGB[0], samples=480)
    close = np.abs(ab - LAB[0, ..., 1:]).max(axis=-1) < 0.1
    assert close.mean() > 0.99  # a few pixels share luminance and texture


def test_welsh_tells_textures_of_the_same_luminance_apart():
    """Left smooth, right rough, in both photos; luminance alone could not tell."""
    rough = RANDOM.integers(70, 171, (40, 40, 1))
    rough[:, :20] = 120
    example = np.repeat(rough, 3, axis=-1)
    example[:, :20] += [30, -10, -30]
    example[:, 20:] += [-30, 0, 30]
    lightness = lab.rgb_to_lab(np.repeat(rough[::-1], 3, axis=-1).astype(np.uint8))
    ab = classical.welsh(lightness[..., :1], example.astype(np.uint8))
    assert (ab[:, :17, 1] > 5).mean() > 0.95 and (ab[:, 23:, 1] < -5).mean() > 0.9


def test_black_and_even_photos_give_numbers():
    for lightness in (0.0, 55.0, 100.0):
        for method in (classical.reinhard, classical.welsh):
            assert np.isfinite(method(np.full((24, 20, 1), lightness), RGB[0])).all()


def test_descriptor_by_hand():
    lightness = np.full((2, 19, 16, 1), 50.0)
    lightness[1, :, 8:] = 100.0
    one, two = table_rows.descriptor(lightness)
    assert one.shape == (80,) and one.dtype == np.float32
    np.testing.assert_allclose(one[:64], 0.5 / 8 / 2**0.5, rtol=1e-5)
    np.testing.assert_allclose(one[64:] * 32**0.5, [0] * 8 + [1] * 8, rtol=1e-5)
    cells, tones = 0.5 * 0.5**2, 7 / 16 * 0.5**2  # half the cells; 7 steps, by half
    np.testing.assert_allclose(np.square(one - two).sum(), (cells + tones) / 2, rtol=1e-5)


def make_photos(images, train):
    splits = {"train": np.arange(train), "val": np.arange(train, len(images))}
    size = images.shape[1]
    return types.SimpleNamespace(images=images, rows=splits.__getitem__, image_size=size)


def lightness_of(photos, rows):
    return np.clip(lab.rgb_to_lab(photos.images[rows])[..., :1], 0, 100)


@pytest.fixture(scope="module")
def photos():
    """Training photos of patches, and photos of the same lightness with other colours."""
    patches = RANDOM.integers(40, 216, (12, 4, 4, 3), dtype=np.uint8)
    train = patches.repeat(8, axis=1).repeat(8, axis=2)
    twins = train[[7, 2, 7]].copy()
    gray = np.asarray(lab.lab_to_rgb(lab.rgb_to_lab(twins) * np.float32([1, 0, 0])))
    return make_photos(np.concatenate([train, np.uint8(gray * 255 + 0.5)]), 12)


def test_the_example_is_the_nearest_training_photo(photos):
    np.testing.assert_array_equal(classical.examples(photos, photos.rows("val")), [7, 2, 7])


def test_a_photo_is_not_its_own_example(photos):
    rows = photos.rows("train")
    found = classical.examples(photos, rows)
    assert (found != rows).all() and set(found) <= set(rows)


def test_rows_of_the_table(photos):
    rows = photos.rows("val")
    found = classical.predictors(photos, rows, seed=4, share=0.01)
    assert list(found) == ["reinhard", "welsh", "levin"]
    given = lightness_of(photos, rows)
    true = lab.rgb_to_lab(photos.images[rows])[..., 1:]
    for predict in found.values():
        whole = predict(rows, given)
        with ThreadPoolExecutor(4) as pool:
            for again in pool.map(lambda _, p=predict: p(rows, given), range(8)):
                np.testing.assert_array_equal(again, whole)
        assert whole.shape == (3, 32, 32, 2) and whole.dtype == np.float32
        np.testing.assert_allclose(predict(rows[1:2], given[1:2]), whole[1:2], atol=1e-3)
    hints = scribbles.draw((32, 32), 0.01, [4, 13])
    np.testing.assert_allclose(found["levin"](rows, given)[1][hints], true[1][hints], atol=1e-4)


def test_example_methods_see_no_colour_of_the_photo_itself(photos):
    other = photos.images.copy()
    other[13] += np.uint8([10, 0, 20])
    rows = photos.rows("val")[1:2]
    asked = rows, lightness_of(photos, rows)
    one, two = (classical.predictors(p, rows) for p in (photos, make_photos(other, 12)))
    for name in ("reinhard", "welsh"):
        np.testing.assert_array_equal(one[name](*asked), two[name](*asked))
    assert np.abs(one["levin"](*asked) - two["levin"](*asked)).max(axis=-1).min() > 1


@pytest.mark.parametrize("method", [classical.reinhard, classical.welsh])
def test_wrong_photos_are_refused(method):
    with pytest.raises(ValueError, match="expected L in 0..100"):
        method(LIGHTNESS[0] * 2.55, RGB[0])
    with pytest.raises(ValueError, match="3 channels"):
        method(LIGHTNESS[0], RGB[..., 0])
    with pytest.raises(ValueError, match="lightness: expected"):
        method(LAB[0], RGB[0])
