"""Photo files of all kinds: bit depth, orientation, profiles, metadata, comparisons."""

import functools
import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from lib.colorize.photo_files import compare, write
from lib.data.decode import read


def noise(shape, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_are_written_and_read(tmp_path, suffix, channels):
    photo = noise((37, 53, channels), np.uint16)
    write(tmp_path / f"deep{suffix}", photo)
    again, _ = read(tmp_path / f"deep{suffix}")
    assert again.dtype == np.uint16
    np.testing.assert_array_equal(again, photo)


@functools.cache  # a profile holds the second it was made
def foreign_profile():
    """sRGB with red and blue swapped."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace("sRGB".encode("utf-16-be"), "RGBs".encode("utf-16-be"))
    swapped = swapped.replace(b"rXYZ", b"tmpX", 1).replace(b"bXYZ", b"rXYZ", 1)
    return swapped.replace(b"tmpX", b"bXYZ", 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_profile_words_and_xmp_are_carried_over(tmp_path, suffix, dtype):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/'
    xmp += b'1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.'
    xmp += b'com/tiff/1.0/" tiff:Orientation="6" tiff:Make="M"/></rdf:RDF></x:xmpmeta>'
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif.get_ifd(0x8769)[0x9003] = "1950:01:02 03:04:05"
    picture = Image.fromarray(noise((20, 30, 3)))
    options = {"exif": exif, "xmp": xmp, "icc_profile": foreign_profile(), "dpi": (300, 300)}
    picture.save(tmp_path / "a.jpg", **options)
    photo, about = read(tmp_path / "a.jpg")
    assert photo.shape == (30, 20, 3)
    write(tmp_path / f"b{suffix}", photo.astype(dtype) * dtype(np.iinfo(dtype).max // 255), about)
    with Image.open(tmp_path / f"b{suffix}") as image:
        image.load()
        found = image.getexif()
        assert found[0x010F] == "Maker" and found.get(0x0112, 1) == 1
        taken = found.get_ifd(0x8769).get(0x9003, "lost")
        assert taken.startswith("1950") or (suffix, dtype) == (".tif", np.uint16)
        if (suffix, dtype) != (".png", np.uint16):  # there libvips writes it as a text
            assert b'Make="M"' in image.info["xmp"] and b'Orientation="6"' not in image.info["xmp"]
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)  # into which it was converted
        lacks = suffix == ".webp" or (suffix, dtype) == (".png", np.uint16)
        assert lacks or image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_captions_and_comments_are_carried_over(tmp_path, suffix):
    caption = b"\x1c\x02\x78\x00\x04Dorf"  # record 2, data set 120
    exif = Image.Exif()
    exif[0x010E] = "Gr\u00fc\u00dfe".encode()
    about = {"iptc": caption, "comment": b"of 1950", "exif": exif.tobytes()}
    write(tmp_path / "a.jpg", noise((20, 30, 3)), about)
    again, about = read(tmp_path / "a.jpg")
    assert about["comment"] == b"of 1950"
    write(tmp_path / f"b{suffix}", again, about)
    _, about = read(tmp_path / f"b{suffix}")
    assert bytes(about["iptc"]) == caption
    assert "Gr\u00fc\u00dfe".encode() in (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_formats_without_alpha_are_written_over_white(tmp_path, suffix):
    photo = np.zeros((20, 30, 4), np.uint8)
    write(tmp_path / f"a{suffix}", photo)
    assert (read(tmp_path / f"a{suffix}")[0] == 255).all()


def test_compare():
    color = data.astronaut()
    assert compare(color, color).shape == (512, 3 * 512 + 16, 3)
    assert compare(data.camera(), color).shape == (512, 2 * 512 + 8, 3)
    assert compare(noise((60, 9000)), noise((60, 9000, 3))).shape[0] == 8
    panel = compare(color, color)[:, :512]
    assert (np.ptp(panel, axis=-1) == 0).all()
