"""Colour any photo at its own size: from Python, from a notebook, from the command line.

    python -m lib.colorize photo.jpg -o colored              colored/photo.jpg
    python -m lib.colorize scan.tif album -o out --compare   folders too; comparisons beside
    python -m lib.colorize old.png -o new.png --study quick --model cnn --render-factor 8

A network sees a reduced copy of the photo and gives its ab; ab is enlarged along the edges of the
photo, and the photo's own L is kept: only rounding to 8 (or 16) bits moves it. A colour that sRGB
cannot show becomes paler at the same L and hue; it is not clipped.

Photos are uint8 or uint16 arrays: (H, W) grey, (H, W, 3) RGB, (H, W, 4) RGB and alpha. Of a file
that holds several pictures the first is taken. Without --study the model is that of
results/flickr8k, or else the newest. Exit status: 0 done; 1 a photo could not be coloured, a line
says why; 2 a wrong argument or a missing file, one line; 130 interrupted.

References
----------
He, Sun, Tang (2013), Guided image filtering: the local linear model of ab over L.
Antic, DeOldify: the render factor, and luminance from the original.
"""

import argparse
import contextlib
import io
import math
import os
import signal
import struct
import sys
import tempfile
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.Image import Resampling
from tqdm import tqdm

from lib import cleaning
from lib.profiles import UsageError

ROOT = Path(__file__).resolve().parents[1]
RENDER_FACTOR = 12  # x 16 pixels: short side of the copy that the network sees
RENDER_FACTORS = range(2, 41)  # self-attention needs memory with the fourth power
LONGEST = 3  # long side of the copy over its short side; longer panoramas are squeezed
SMALLEST = 8  # pixels a side of a photo
EDGE = 10.0  # CIELAB units: where L varies by more, ab follows it
STRIP = 1 << 16  # pixels computed at once: they stay in the processor's cache
HALVINGS = 12  # of the gamut factor: exact to 1/4096
PANEL = 1000  # pixels, longest side of a photo in a comparison
FORMATS = {  # of results, by suffix; a photo with another suffix becomes a PNG
    **dict.fromkeys((".jpg", ".jpeg", ".jpe"), ("JPEG", {"quality": 95, "subsampling": 0})),
    **dict.fromkeys((".tif", ".tiff"), ("TIFF", {"compression": "tiff_adobe_deflate"})),
    ".png": ("PNG", {"compress_level": 4}),
    ".webp": ("WEBP", {"quality": 95}),
    ".bmp": ("BMP", {}),
}
SUFFIXES = {*FORMATS, ".gif", ".jp2", ".avif", ".ppm", ".pgm", ".tga"}  # looked for in folders
EXIF_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)  # words about the photo
EXIF_GROUPS = (0x8769, 0x8825)  # camera settings, place
# Pillow reads the high bytes of 16-bit RGB; told of the other byte order, it reads the low ones.
OTHER_ORDER = {f"{m};16{a}": f"{m};16{b}" for m in ("RGB", "RGBA") for a, b in ("BL", "LB", "NB")}


def colorize(photo, network, render_factor=None, saturation=1.0, square=False):
    """Colour a photo; colours that it has already are not looked at.

    Parameters
    ----------
    photo : array, uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
        sRGB, at least 8 pixels a side; the fourth channel is alpha.
    network : keras.Model
        lightness_scaled to ab_scaled. One of a fixed size sees the photo stretched to that size.
    render_factor : int, 2 to 40, optional
        The network sees a copy of render_factor x 16 pixels on the short side, no larger than the
        photo, both sides multiples of 16. Default 12. Lower is coarser and often livelier.
    saturation : float
        Factor of ab, 0 (grey) upwards.
    square : bool
        Stretch the copy to a square, as DeOldify does.

    Returns
    -------
    array, of the photo's dtype, shape (H, W, 3), or (H, W, 4) with the photo's alpha

    Raises
    ------
    ValueError
        For another shape, dtype or value, or if the network gives NaN or infinity.
    """
    from lib import lab  # brings Keras, which takes seconds

    photo = _checked(photo)
    factor = RENDER_FACTOR if render_factor is None else render_factor
    if factor not in RENDER_FACTORS:
        raise ValueError(f"render_factor: expected a whole number, 2 to 40, got {render_factor}")
    if not 0 <= saturation < math.inf:
        raise ValueError(f"saturation: expected 0 or more, got {saturation}")
    fixed = network.input_shape[1:3]
    height, width = fixed if fixed[0] else copy_size(photo.shape[:2], factor, square)
    copy = _picture(photo).resize((width, height), Resampling.LANCZOS, reducing_gap=3.0)
    scaled, _ = lab.scale(lab.rgb_to_lab(np.asarray(copy)[None]))
    seen = np.array(lab.unscale(scaled, network(scaled, training=False)))[0]
    if not np.isfinite(seen).all():
        raise ValueError("network: expected finite ab, got NaN or infinity")
    return _paint(photo, _guide(seen[..., 0], seen[..., 1:] * saturation))


def gray(photo):
    """The photo without its colours: RGB of the same L, alpha kept, same dtype."""
    return _paint(_checked(photo), None)


def has_color(photo):
    """Whether a photo has colours of its own, by the rule that `cleaning` finds grey ones by."""
    thumb = np.asarray(_picture(photo).resize((32, 32), Resampling.BOX))
    chroma = np.percentile(cleaning.chroma(thumb), cleaning.GREY_PERCENTILE)
    return bool(chroma >= cleaning.GREY_CHROMA)


def compare(photo, colored):
    """Grey, coloured and, if the photo has colours, truth, side by side: uint8 (h, w, 3)."""
    panels = []
    for image in [photo, colored] + [photo] * has_color(photo):
        picture = _picture(image)
        picture.thumbnail((PANEL, PANEL))
        panels += [np.asarray(picture), np.full((picture.height, 8, 3), 255, np.uint8)]
    panels[0] = gray(panels[0])
    return np.concatenate(panels[:-1], axis=1)


def copy_size(size, render_factor, square=False):
    """Height and width of the copy that a network sees of a photo of `size` (height, width)."""
    largest = [max(32, -(-side // 16) * 16) for side in size]
    short = min(16 * render_factor, *largest)
    scale = short / min(size)
    sides = [short if square else round(min(side * scale, LONGEST * short) / 16) for side in size]
    return tuple(sides) if square else tuple(min(16 * s, m) for s, m in zip(sides, largest))


def gamut_factor(lightness, ab):
    """The largest factor of ab with which sRGB can show it at that L, by bisection.

    `lightness`, float32 (N,), in 0..100; `ab`, float32 (2, N), CIELAB units. Gives float32 (N,) in
    [0, 1]: L and hue stay, chroma shrinks.
    """
    factor = _shown(_linear_rgb(lightness, ab)).astype(np.float32)
    beyond = np.flatnonzero(factor == 0)
    lightness, ab = lightness[beyond], ab[:, beyond]
    low, step = np.zeros(len(beyond), np.float32), np.float32(0.5)
    for _ in range(HALVINGS):
        low += step * _shown(_linear_rgb(lightness, ab * (low + step)))
        step /= 2
    factor[beyond] = low
    return factor


def read(path):
    """Read a photo file: upright, in sRGB, and what it says about the photo.

    16 bits a channel stay 16 bits, but for CMYK, for grey with alpha, and for RGB that a colour
    profile has to be applied to.

    Returns
    -------
    photo : array
        As for `colorize`.
    about : dict
        EXIF (words, camera, place) and resolution, for `write`.
    """
    with warnings.catch_warnings(), contextlib.ExitStack() as files:
        warnings.simplefilter("ignore")  # Pillow warns over 89 million pixels, refuses over 179
        image = files.enter_context(Image.open(path))
        if min(image.size) < SMALLEST:
            raise ValueError(f"{image.width} x {image.height} pixels: expected {SMALLEST} a side")
        about, profile = _about(image), image.info.get("icc_profile")
        low_bytes = files.enter_context(Image.open(path))
        low_bytes.tile = [_other_order(tile) for tile in image.tile]
        deep = low_bytes.tile != image.tile and _profile(profile, image.mode) is None
        image = _upright(image)
        if deep:
            return np.asarray(image) * np.uint16(256) + np.asarray(_upright(low_bytes)), about
        if image.mode[0] in "IF":
            return _sixteen_bits(image, profile), about
        return np.asarray(_to_srgb(image, profile)), about


def write(path, photo, about=None):
    """Write a photo whole or not at all, in the format of the suffix (see `FORMATS`).

    PNG and TIFF keep 16 bits; the others are given 8. JPEG has no alpha.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path.name}: expected one of {' '.join(FORMATS)}")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            _encode(file, photo, path.suffix.lower(), about or {})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
