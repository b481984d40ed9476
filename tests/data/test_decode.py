"""Photo files of all kinds: the L that is read is the L that was written, or it is refused."""

import io
import os
import struct

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms
from skimage import data

from lib import lab
from lib.data import decode

RAMP = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)  # grey, dark to bright
RGB = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=-1)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tiff(values, photometric="minisblack", **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric=photometric, metadata=None, **options)
    return stream.getvalue()


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png16(values, profile=None):
    """A PNG of 16 bits: grey, grey and alpha, RGB or RGBA."""
    gray = values.ndim == 2 or values.shape[2] == 2
    image = pyvips.Image.new_from_array(values, interpretation="grey16" if gray else "rgb16")
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image.pngsave_buffer()


def lightness(photo):
    """L of a photo of any kind, (H, W)."""
    shares = np.float32(photo / np.iinfo(photo.dtype).max)
    shares = shares[..., :3] if shares.ndim == 3 else shares[..., None].repeat(3, axis=-1)
    return lab.rgb_to_lab(shares)[..., 0]


def linear_profile():
    """A profile of linear light whose name says sRGB."""
    count = struct.unpack(">I", SRGB[128:132])[0]
    for number in range(count):
        name, start, size = struct.unpack_from(">4sII", SRGB, 132 + 12 * number)
        if name == b"rTRC":  # that of the three channels
            curve = b"para" + bytes(4) + struct.pack(">HHi", 0, 0, 1 << 16)
            return SRGB[:start] + curve.ljust(size, b"\0") + SRGB[start + size :]


EIGHT = Image.fromarray((RGB >> 8).astype(np.uint8))
SHARES = (RAMP / 65535).astype(np.float32)
GOOD = {
    "grey 16": (tiff(RAMP), RAMP),
    "white is zero, 8": (tiff(255 - np.uint8(RAMP >> 8), "miniswhite"), np.uint8(RAMP >> 8)),
    "white is zero, 16": (tiff(65535 - RAMP, "miniswhite"), RAMP),
    "big endian": (tiff(RGB, "rgb", byteorder=">"), RGB),
    "big TIFF": (tiff(RGB, "rgb", bigtiff=True), RGB),
    "tiles": (tiff(RGB, "rgb", tile=(16, 16)), RGB),
    "planes of 16": (tiff(np.moveaxis(RGB, -1, 0), "rgb", planarconfig="separate"), RGB),
    "float": (tiff(SHARES), RAMP),
    "float, RGB": (tiff((RGB / 65535).astype(np.float32), "rgb"), RGB),
    "float to 1.02": (tiff(1.02 * SHARES), np.uint16((1.02 * RAMP).clip(0, 65535))),
    "one infinity": (tiff(np.where(SHARES == 1, np.inf, SHARES).astype(np.float32)), RAMP),
    "one NaN": (tiff(np.where(SHARES == 0, np.nan, SHARES).astype(np.float32)), RAMP),
    "JPEG 2000": (saved(EIGHT, "JPEG2000"), np.asarray(EIGHT)),
    "JPEG 2000, 16": (saved(Image.fromarray(RAMP), "JPEG2000"), RAMP),
    "PNG 16": (png16(RGB), RGB),
    "PNG 16, grey": (png16(RAMP), RAMP),
    "PGM 16": (saved(Image.fromarray(RAMP), "PPM"), RAMP),
    "samples without a name": (tiff(np.dstack([RGB, RAMP]), "rgb", extrasamples=[0]), RGB),
}


@pytest.mark.parametrize("kind", GOOD)
def test_lightness_is_what_was_written(kind):
    found, true = GOOD[kind]
    photo, about = decode.read(found)
    assert photo.dtype == true.dtype and photo.shape == true.shape and about["pictures"] == 1
    assert np.abs(lightness(photo) - lightness(true)).max() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["grey", "grey 16", "RGBA", "PNG 16"])
def test_photos_are_upright(tmp_path, kind, orientation):
    upright = {"grey": np.uint8(RAMP >> 8), "grey 16": RAMP, "PNG 16": RGB}
    upright = upright.get(kind, np.uint8(np.dstack([RGB, RAMP]) >> 8))
    turns = {1: (0, 0), 2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (1, 0), 7: (1, 1), 8: (3, 0)}
    quarters, mirrored = turns[orientation]
    stored = np.rot90(upright, quarters)
    stored = np.ascontiguousarray(stored[:, ::-1] if mirrored else stored)
    if kind == "PNG 16":
        image = pyvips.Image.new_from_array(stored, interpretation="rgb16").copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
        (tmp_path / "a").write_bytes(image.pngsave_buffer())
    else:
        options = {"photometric": "rgb", "extrasamples": [2]} if kind == "RGBA" else {}
        options["extratags"] = [(274, 3, 1, orientation, True)]
        (tmp_path / "a").write_bytes(tiff(stored, **options))
    np.testing.assert_array_equal(decode.read(tmp_path / "a")[0], upright)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "grey 16", "RGB 16"])
def test_profiles_are_converted_whatever_they_are_called(mode):
    levels = np.arange(256, dtype=np.uint16)[None].repeat(20, axis=0)
    if mode == "RGB 16":
        found = png16(np.dstack([257 * levels] * 3), linear_profile())
    else:
        deep = mode == "grey 16"
        image = Image.fromarray(257 * levels if deep else np.uint8(levels))
        image = image if deep else image.convert(mode)
        found = saved(image, "PNG", icc_profile=linear_profile())
    photo, about = decode.read(found)
    true = lab.linear_to_rgb(np.float32(levels[0] / 255))
    shares = (photo if photo.ndim == 2 else photo[..., 0])[0] / np.iinfo(photo.dtype).max
    np.testing.assert_allclose(shares, true, atol=0.003)
    assert about["icc_profile"] == linear_profile()


IDS = ["sRGB", "broken", "none"]  # bytes of profiles hold the time of day


@pytest.mark.parametrize("profile", [SRGB, b"no profile", None], ids=IDS)
def test_srgb_is_not_converted(profile):
    for found, true in (
        (png16(RGB, profile), RGB),
        (saved(EIGHT, "PNG", icc_profile=profile), EIGHT),
    ):
        np.testing.assert_array_equal(decode.read(found)[0], np.asarray(true))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("profile", [SRGB, linear_profile()[:40] + b"xx", None], ids=IDS)
def test_jpegs_have_the_pixels_that_they_have_in_data_sets(mode, profile):
    exif = Image.Exif()
    exif[274] = 6
    image = Image.fromarray(data.coffee()).convert(mode)
    found = saved(image, "JPEG", quality=90, icc_profile=profile, exif=exif)
    true = Image.open(io.BytesIO(found)).convert("RGB").transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(decode.on_white(decode.read(found)[0]), np.asarray(true))


def test_large_jpegs_are_decoded_reduced():
    found = saved(Image.new("RGB", (2200, 2100)), "JPEG")
    assert decode.read(found, largest=1024)[0].shape == (1050, 1100, 3)
    assert decode.read(found, largest=1060)[0].shape == (2100, 2200, 3)


def test_alpha():
    alpha = Image.fromarray(np.uint8(RAMP >> 8))
    palette = Image.new("P", (20, 20), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    photo, _ = decode.read(saved(palette, "PNG", transparency=1))
    assert photo.shape == (20, 20, 4) and not photo[..., 3].any()
    assert (decode.on_white(photo) == 255).all()
    for mode in ("RGBA", "LA"):
        image = EIGHT.convert(mode)
        image.putalpha(alpha)
        photo, _ = decode.read(saved(image, "PNG"))
        np.testing.assert_array_equal(photo[..., 3], alpha)
        share = np.asarray(alpha)[..., None] / 255
        true = share * np.asarray(image.convert("RGB")) + 255 * (1 - share)
        assert np.abs(decode.on_white(photo) - true).max() <= 1
    both = np.dstack([RAMP, RAMP])
    photo, _ = decode.read(tiff(both, extrasamples=["unassalpha"], planarconfig="contig"))
    np.testing.assert_array_equal(photo, np.dstack([RAMP] * 4))
    half = np.uint8([[[50, 100, 20, 128]]]).repeat(9, 0).repeat(9, 1)  # times alpha
    photo, _ = decode.read(tiff(half, "rgb", extrasamples=["assocalpha"]))
    np.testing.assert_allclose(photo[0, 0], [100, 200, 40, 128], atol=1)


def test_several_pictures_are_counted():
    pictures = [Image.fromarray(np.roll(np.uint8(RAMP >> 8), n, 1)) for n in range(3)]
    for kind in ("GIF", "WEBP", "PNG", "AVIF", "TIFF"):
        found = saved(pictures[0], kind, save_all=True, append_images=pictures[1:])
        assert decode.read(found)[1]["pictures"] == 3


BAD = {
    "empty": (b"", "unreadable: empty file"),
    "text": (b"not a photo", "unreadable: no photo"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n{} loop", "unreadable: PostScript"),
    "page": (b"<!DOCTYPE html>", "unreadable: XML, HTML"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unreadable: HEIC"),
    "film": (b"\0\0\0\x18ftypisom\0\0\0\0", "unreadable: a film"),
    "cut JPEG": (saved(EIGHT, "JPEG")[:-300], "truncated: "),
    "cut PNG": (saved(EIGHT, "PNG")[:-100], "truncated: "),
    "cut TIFF": (tiff(RGB, "rgb", compression="zlib")[:-2000], "truncated: "),
    "signed": (tiff(np.int16(RAMP >> 1)), "16 bits .int16.*not supported"),
    "uint32": (tiff(RAMP.astype(np.uint32) * 65537), "32 bits .uint32.*not supported"),
    "double": (tiff(RAMP / 65535), "64 bits .float64.*not supported"),
    "float, white is zero": (tiff(1 - SHARES, "miniswhite"), "MINISWHITE.*not supported"),
    "float to 1000": (tiff(1000 * SHARES), "float32 up to 1000, where 1 is white"),
    "Lab": (tiff(np.uint8(RGB >> 8), "cielab"), "CIELAB.*not supported"),
    "raw": (tiff(RAMP, "cfa"), "CFA.*not supported"),
    "volume": (tiff(np.stack([RAMP] * 4), volumetric=True), "not supported"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_understood_is_refused_in_one_line(kind):
    found, words = BAD[kind]
    with pytest.raises(decode.Unreadable, match=words) as caught:
        decode.read(found)
    assert len(str(caught.value).splitlines()) == 1


def test_packed_12_bits_are_refused():
    found = bytearray(tiff(RAMP))
    at = found.index(struct.pack("<HHI", 258, 3, 1)) + 8  # bits of a sample
    found[at : at + 2] = struct.pack("<H", 12)
    with pytest.raises(decode.Unreadable, match="12 bits"):
        decode.read(bytes(found))


def test_too_many_pixels_are_refused_before_they_are_decoded():
    found = saved(Image.new("1", (3000, 2000)), "PNG")
    with pytest.raises(decode.Unreadable, match="6,000,000 pixels, at most 5,000,000"):
        decode.read(found, most=5_000_000)


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("fifo", "zero", "folder"):
        with pytest.raises(decode.Unreadable, match="no regular file"):
            decode.read(tmp_path / f"{name}.jpg")
    with pytest.raises(decode.Unreadable, match="No such file"):
        decode.read(tmp_path / "none.jpg")
