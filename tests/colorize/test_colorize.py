"""Colouring photos as arrays: size, L, gamut, bit depth, alpha, what the network sees."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from lib import lab
from lib.colorize import photo as c
from lib.colorize import photo_files


class Paint:
    """A network that gives one colour everywhere, or that of a function of lightness_scaled."""

    def __init__(self, ab=(40.0, -30.0), size=None):
        self.ab, self.input_shape, self.seen = ab, (None, size, size, 1), []

    def __call__(self, lightness_scaled, training=None):
        scaled = np.asarray(lightness_scaled)
        self.seen.append(scaled.shape[1:3])
        ab = self.ab(scaled) if callable(self.ab) else np.ones_like(scaled) * self.ab
        return np.asarray(ab / lab.AB_SCALE, np.float32)


def wild(scaled):
    """Colours at random, most of them beyond sRGB."""
    return np.random.default_rng(0).normal(0, 70, (*scaled.shape[:3], 2))


def lightness(photo):
    photo = photo if photo.dtype == np.uint8 else np.float32(photo / 65535)
    photo = photo[..., :3] if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=-1)
    return np.asarray(lab.rgb_to_lab(photo))[..., 0]


def noise(shape, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize(
    ("size", "factor", "square", "expected"),
    [
        ((480, 640), 12, False, (192, 256)),
        ((100, 150), 12, False, (112, 160)),  # never above the photo, rounded up
        ((10, 12), 12, False, (32, 32)),
        ((480, 640), 12, True, (192, 192)),
        ((1000, 20000), 8, False, (128, 384)),  # a panorama is squeezed
        ((8, 5000), 40, False, (32, 96)),
    ],
)
def test_size_of_the_copy(size, factor, square, expected):
    assert tuple(c.copy_size(size, factor, square)) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(61, 83), (61, 83, 3), (83, 61, 4), (8, 400)])
def test_same_size_same_depth_alpha_kept(shape, dtype):
    photo = noise(shape, dtype)
    colored = c.colorize(photo, Paint())
    assert colored.dtype == dtype
    assert colored.shape == (*shape[:2], 4 if shape[2:] == (4,) else 3)
    np.testing.assert_array_equal(colored[..., 3:], photo[..., 3:] if len(shape) == 3 else 0)


# 0.5 levels of all three channels: at most 0.27 in L in 8 bits, 0.0011 in 16.
@pytest.mark.parametrize(("dtype", "limit"), [(np.uint8, 0.28), (np.uint16, 0.0015)])
@pytest.mark.parametrize("kind", ["noise", "gray", "photo"])
def test_lightness_is_kept(kind, dtype, limit):
    photo = {"noise": noise((200, 200, 3)), "gray": noise((200, 200)), "photo": data.astronaut()}
    photo = photo[kind].astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    colored = c.colorize(photo, Paint(wild))
    assert np.abs(lightness(colored) - lightness(photo)).max() < limit


def test_saturation():
    photo = data.camera()
    gray = c.colorize(photo, Paint(wild), saturation=0)
    np.testing.assert_array_equal(gray, np.repeat(photo[..., None], 3, axis=-1))
    chroma = []
    for saturation in (0.5, 1.0):
        values = lab.rgb_to_lab(c.colorize(photo, Paint((10, 5)), saturation=saturation))
        chroma.append(np.median(np.hypot(values[..., 1], values[..., 2])))
    assert chroma[1] == pytest.approx(np.hypot(10, 5), abs=0.2)
    assert chroma[1] == pytest.approx(2 * chroma[0], rel=0.03)


def test_colours_beyond_srgb_become_paler_and_no_paler_than_they_must():
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.uniform(1, 99, 20000), rng.normal(0, 60, (20000, 2))])
    values = values.astype(np.float32)
    linear = c.shown(values.T)
    assert linear.min() > -1e-5 and linear.max() < 1 + 1e-5
    again = lab.xyz_to_lab(lab.linear_to_xyz(linear))
    np.testing.assert_allclose(again[:, 0], values[:, 0], atol=0.01)
    chroma, paler = (np.hypot(v[:, 1], v[:, 2]) for v in (values, again))
    cosine = (values[:, 1:] * again[:, 1:]).sum(axis=1) / np.maximum(chroma * paler, 1e-9)
    assert (cosine[paler > 1] > 0.9999).all()  # the same hue
    factor, beyond = paler / chroma, paler < 0.999 * chroma
    assert 0.2 < beyond.mean() < 0.9
    more = values[beyond] * np.column_stack([np.ones(beyond.sum()), *[factor[beyond] + 0.009] * 2])
    linear = lab.xyz_to_linear(lab.lab_to_xyz(more.astype(np.float32)))
    assert ((linear < 0) | (linear > 1)).any(axis=-1).all()  # a little more is out of sRGB


def test_colour_follows_edges_and_stays_within_its_surroundings():
    ys, xs = np.mgrid[:400, :400]
    inside = (ys - 200) ** 2 + (xs - 205) ** 2 < 120**2
    photo = np.where(inside, 180, 90).astype(np.uint8)
    truth = np.where(inside[..., None], (10.0, 50.0), (-20.0, -15.0))

    def blurred(scaled):  # what a good network would give at the size of the copy
        part = (scaled - scaled.min()) / np.ptp(scaled)
        return (-20.0, -15.0) + part * (30.0, 65.0)

    colored = c.colorize(photo, Paint(blurred), render_factor=2)
    ab = np.asarray(lab.rgb_to_lab(colored))[..., 1:]
    maps = [Image.fromarray(np.float32(m)) for m in np.moveaxis(blurred(_copy(photo)), -1, 0)]
    plain = np.stack([np.asarray(m.resize((400, 400), Image.BICUBIC)) for m in maps], axis=-1)
    error, plain_error = (np.sqrt(np.mean((x - truth) ** 2)) for x in (ab, plain))
    assert error < 0.75 * plain_error
    assert ab.min() > -21 and ab.max() < 51


def _copy(photo):
    return np.asarray(lab.scale(lab.rgb_to_lab(photo_files.reduced(photo, 32, 32)))[0])


def test_what_the_network_sees():
    net = Paint()
    c.colorize(data.coffee(), net)
    c.colorize(data.coffee(), net, render_factor=4)
    c.colorize(data.coffee(), net, render_factor=4, square=True)
    assert net.seen == [(192, 288), (64, 96), (64, 64)]
    fixed = Paint(size=48)
    assert c.colorize(data.coffee(), fixed).shape == data.coffee().shape
    assert fixed.seen == [(48, 48)]


def test_a_network_for_one_size_gives_the_same(cnn):
    once, sized = (c.predict(noise((64, 80)) / 2.55, n) for n in (cnn, c.sized(cnn, (64, 80))))
    np.testing.assert_allclose(sized, once, atol=0.01)


@pytest.mark.parametrize(
    ("photo", "word"),
    [
        (np.zeros((20, 20), np.float32), "float32"),
        (np.zeros((20, 20, 2), np.uint8), "20, 20, 2"),
        (np.zeros((1, 5000), np.uint8), "8 pixels a side"),
    ],
)
def test_wrong_photos(photo, word):
    with pytest.raises(ValueError, match=word):
        c.colorize(photo, Paint())
