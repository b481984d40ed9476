"""Decode a photo file: the one place that does, for training and for colouring.

A photo is an array, upright and in sRGB: uint8 or uint16, (H, W) grey, (H, W, 3) RGB or (H, W, 4)
RGB and alpha. What is understood stands in the three tables `FORMATS`, `MODES` and `MEANINGS`; any
other file is refused with one line that says what it is. Pillow reads the pixels of most formats,
always from bytes; libvips those of TIFF and of PNG with 16 bits, which Pillow knows in part only.
JPEG 2000 and AVIF of more than 8 bits in colour come with 8.

References
----------
TIFF 6.0 (Adobe 1992). ICC.1:2022 (colour profiles).
"""

import contextlib
import functools
import io
import logging
import stat
from pathlib import Path

import numpy as np
import pyvips
import tifffile
from PIL import Image, ImageCms, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM", "TGA")
_SUFFIXES = ".jpg .jpeg .jpe .jfif .png .apng .webp .tif .tiff .bmp .gif .jp2 .j2k .avif .ppm .pgm"
SUFFIXES = frozenset([*_SUFFIXES.split(), ".pbm", ".pnm", ".tga"])
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I")  # of Pillow
MEANINGS = dict(MINISWHITE=1, MINISBLACK=1, PALETTE=1, RGB=3, YCBCR=3, SEPARATED=4)  # of TIFF
DEPTHS = dict(uint8=8, uint16=16, float32=32)  # bits, of TIFF
MOST = 178_956_970  # pixels of a photo
MOST_BYTES = 2 << 30  # of a file
NEAR_SRGB = 16  # levels of 255: by how much a profile may miss sRGB that is called so
KEPT = ("exif", "xmp", "iptc", "comment", "dpi", "icc_profile")  # of what a file says besides
XMP, IPTC, PROFILE = 700, 33723, 34675  # tags of TIFF
NAMES = {b"%!PS": "PostScript", b"%PDF": "PDF", b"\0\0\1\xba": "a film (MPEG)"}
NAMES |= dict.fromkeys((b"ftyphei", b"ftyphev", b"ftypmif", b"ftypmsf"), "HEIC")
NAMES |= {b"ftyp": "a film (MP4, QuickTime)", b"\x1aE\xdf\xa3": "a film (Matroska, WebM)"}
NAMES |= {b"RIFF": "a film or sound (RIFF)", b"<": "XML, HTML or SVG", b"": "no photo"}

Image.MAX_IMAGE_PIXELS = None  # `MOST` is checked instead


class Unreadable(ValueError):
    """A file that is not decoded. The text is one line: "unreadable: ..." or "truncated: ..."."""


def read(source, largest=None, most=MOST):
    """Decode a photo, a path or the bytes of a file; of several pictures in it the first.

    A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as no side becomes shorter than
    `largest` pixels. A photo of more than `most` pixels is refused before it is decoded. Raises
    Unreadable for what is no regular file, broken, too large, or of a kind not understood.

    Gives the photo, uint8 or uint16, (H, W), (H, W, 3) or (H, W, 4); and a dict of what the file
    says besides, as it stands there: exif (bytes, or of TIFF the file), xmp, iptc, comment,
    icc_profile (bytes), dpi (a pair); and pictures, how many there are. Photo and profile need not
    fit together any more: the photo is in sRGB.
    """
    data = source if isinstance(source, bytes) else _contents(Path(source))
    try:
        if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return _tiff(data, most)
        return _others(data, largest, most)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # whatever a decoder makes of a broken file
        raise Unreadable(_why(data, error)) from error


def on_white(photo):
    """A photo as a network is shown it: uint8 (H, W, 3), over white where it is transparent."""
    picture = Image.fromarray(eight_bits(photo))
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.asarray(picture.convert("RGB"))


def _contents(path):
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("unreadable: no regular file")
        if status.st_size > MOST_BYTES:
            raise Unreadable(f"unreadable: {status.st_size:,} bytes, at most {MOST_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"unreadable: {error.strerror}") from None


def _check_size(width, height, most):
    if width * height > most:
        raise Unreadable(f"unreadable: {width * height:,} pixels, at most {most:,}")


def _others(data, largest, most):
    """`read` for all formats but TIFF."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    _check_size(*image.size, most)
    if image.mode not in MODES:
        raise Unreadable(f"unreadable: {image.format} of mode {image.mode}, not supported")
    pictures = getattr(image, "n_frames", 1) if image.format != "MPO" else 1  # a phone's preview
    if largest:
        image.draft(None, (largest, largest))
    image.load()
    info = dict(image.info)
    with contextlib.suppress(Exception):
        info["iptc"] = info["photoshop"][0x0404]
    with contextlib.suppress(Exception):  # broken EXIF is no reason to refuse a photo
        ImageOps.exif_transpose(image, in_place=True)

    if image.format == "PNG" and data[24] == 16:
        pixels = pyvips.Image.pngload_buffer(data, fail_on="truncated").autorot().numpy()
        mode = "L" if pixels.ndim == 2 or pixels.shape[2] == 2 else "RGB"
    elif image.mode.startswith("I"):
        pixels, mode = np.asarray(image).clip(0, 65535).astype(np.uint16), "L"
    else:
        mode = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
        pixels = np.asarray(image.convert(mode + "A" * image.has_transparency_data))
    return _photo(pixels, mode, info, pictures)


def _tiff(data, most):
    """`read` for TIFF."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what counts is said in the error
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page, pictures = file.pages[0], sum(not page.is_reduced for page in file.pages)
        kind, extra, bits = str(page.dtype), page.extrasamples, page.bitspersample
        meaning = getattr(page.photometric, "name", str(page.photometric))
        colours = page.samplesperpixel - len(extra)
        packed = bits in (1, 2, 4) and colours == 1
        negative = meaning == "MINISWHITE" and kind[0] != "u"  # of floats: what would white be?
        known = MEANINGS.get(meaning) == colours and (packed or DEPTHS.get(kind) == bits)
        if negative or not known or page.imagedepth > 1:
            what = f"{meaning}, {page.samplesperpixel} samples of {bits} bits ({kind})"
            raise Unreadable(f"unreadable: TIFF of {what}, not supported")
        _check_size(page.imagewidth, page.imagelength, most)
        if max(np.add(page.dataoffsets, page.databytecounts)) > len(data):
            raise Unreadable("truncated: TIFF that ends before its pixels do")
        found = {tag: page.tags.valueof(tag) for tag in (XMP, IPTC, PROFILE, 282, 283, 296)}
    pixels = pyvips.Image.tiffload_buffer(data, fail_on="error").autorot().numpy()
    if kind == "float32":
        peak = pixels[np.isfinite(pixels)].max(initial=0)
        if peak > 1.1:  # a little above white is white
            raise Unreadable(f"unreadable: TIFF of float32 up to {peak:.6g}, where 1 is white")
        shares = np.nan_to_num(np.float64(pixels)).clip(0, 1)  # infinite is white
        pixels = np.rint(65535 * shares).astype(np.uint16)
    mode = "RGB" if meaning == "PALETTE" else {1: "L", 3: "RGB", 4: "CMYK"}[colours]
    if extra and not extra[0]:  # samples of which nobody says what they are
        pixels = pixels[..., : len(mode)]
    info = {"xmp": found[XMP], "iptc": found[IPTC], "icc_profile": found[PROFILE], "exif": data}
    with contextlib.suppress(Exception):
        inch = {2: 1, 3: 2.54}[found[296]]
        info["dpi"] = [found[tag][0] / found[tag][1] * inch for tag in (282, 283)]
    return _photo(pixels, mode, info, pictures)


def _photo(pixels, mode, info, pictures):
    """What `read` gives, of samples (H, W, n): the colours of `mode` and perhaps alpha."""
    about = {key: info[key] for key in KEPT if info.get(key)} | {"pictures": pictures}
    pixels = np.atleast_3d(eight_bits(pixels) if mode == "CMYK" else pixels)
    colours, alpha = np.split(pixels, [len(mode)], axis=-1)
    colours = np.ascontiguousarray(colours[..., 0] if mode == "L" else colours)
    photo = _to_srgb(colours, mode, about.get("icc_profile"))
    if alpha.size:
        photo = photo if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=-1)
        photo = np.dstack([photo, alpha[..., :1]])
    return photo, about


def eight_bits(photo):
    """The photo, or any samples, as uint8."""
    return photo if photo.dtype == np.uint8 else ((photo + np.uint32(128)) // 257).astype(np.uint8)


def _to_srgb(pixels, mode, profile):
    """Samples (H, W) of mode L, (H, W, 3) of RGB, (H, W, 4) of CMYK from a profile to sRGB."""
    space, transform = _transform(profile) if profile else (None, None)
    if mode == "L" and space == "RGB":
        pixels, mode = np.stack([pixels] * 3, axis=-1), "RGB"
    if space == mode and pixels.dtype == np.uint16:
        image = pyvips.Image.new_from_array(pixels)
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        return image.icc_transform("srgb", embedded=True, depth=16, intent="perceptual").numpy()
    if space != mode and mode != "CMYK":
        return pixels
    image = Image.frombuffer(mode, pixels.shape[1::-1], pixels)
    converted = ImageCms.applyTransform(image, transform) if space == mode else image.convert("RGB")
    return np.asarray(converted)


@functools.lru_cache(maxsize=16)
def _transform(profile):
    """The mode that a colour profile is for, and what converts it; None if it is sRGB, or broken.

    It is sRGB if it is called so, and does about what sRGB does.
    """
    try:
        opened = ImageCms.getOpenProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[opened.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(opened):
            levels = np.mgrid[:256:15, :256:15, :256:15].astype(np.uint8).reshape(3, 18, -1).T
            there = ImageCms.applyTransform(Image.fromarray(levels.copy()), transform)
            if np.abs(np.int16(there) - levels).max() <= NEAR_SRGB:
                return None, None
        return mode, transform
    except (ImageCms.PyCMSError, OSError, ValueError, KeyError):
        return None, None


def _why(data, error):
    """The line that says what a file is that cannot be decoded."""
    text = " ".join(str(error).split()).partition(" <")[0] or type(error).__name__
    if "truncat" in text.lower():
        return f"truncated: {text}"
    if isinstance(error, Image.UnidentifiedImageError):
        start = data[4:] if data[4:8] == b"ftyp" else data  # after its length
        text = next(name for mark, name in NAMES.items() if start.startswith(mark))
        text = f"{text}, not one of {', '.join(FORMATS)}" if data else "empty file"
    return f"unreadable: {text}"
