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
import re
import stat
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM", "TGA")
_SUFFIXES = ".jpg .jpeg .jpe .jfif .png .apng .webp .tif .tiff .bmp .gif .jp2 .j2k .avif .ppm .pgm"
SUFFIXES = frozenset([*_SUFFIXES.split(), ".pbm", ".pnm", ".tga"])
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I")  # of Pillow
MEANINGS = dict(MINISWHITE=1, MINISBLACK=1, PALETTE=1, RGB=3, YCBCR=3, SEPARATED=4)  # of TIFF
DEPTHS = dict(uint8=8, uint16=16, uint32=32, int32=32, float16=16, float32=32)  # bits, of TIFF
MOST = 178_956_970  # pixels of a photo
MOST_BYTES = 2 << 30  # of a file
NEAR_SRGB = 16  # levels of 255: by how much a profile may miss sRGB that is called so
EXIF_WORDS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)  # what, who, when, by what
EXIF_GROUPS = (0x8769, 0x8825)  # camera settings, place
XMP, IPTC, PROFILE = 700, 33723, 34675  # tags of TIFF
TURN = re.compile(rb'tiff:Orientation="\d"|<tiff:Orientation>\d</tiff:Orientation>')  # in XMP
ROOM = 65000  # bytes of one kind of words, and dots an inch, that fit into a JPEG
NAMES = [  # how files begin that are taken for photos
    *[(b"%!PS", "PostScript"), (b"%PDF", "PDF"), (b"8BPS", "Photoshop"), (b"PK\3\4", "zip")],
    *[(b"\x1aE\xdf\xa3", "a film (Matroska, WebM)"), (b"RIFF", "a film or sound (RIFF)")],
    *[(b"\0\0\1\xba", "a film (MPEG)"), (b"<", "XML, HTML or SVG"), (b"", "no photo")],
]
HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")

Image.MAX_IMAGE_PIXELS = None  # `MOST` is checked instead


class Unreadable(ValueError):
    """A file that is not decoded. The text is one line: "unreadable: ..." or "truncated: ..."."""


def read(source, largest=None, most=MOST):
    """Decode a photo; of several pictures in a file the first.

    Parameters
    ----------
    source : path-like or bytes
        A file, or what stands in one.
    largest : int, optional
        Pixels. A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as no side becomes
        shorter than this.
    most : int
        Pixels. A photo with more is refused before it is decoded.

    Returns
    -------
    photo : array, uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
    about : dict
        What a writer keeps, each if it is there: exif, xmp, iptc, comment (bytes), dpi (a pair),
        profile (True: there was one); pictures (their number), if there are several.

    Raises
    ------
    Unreadable
        If it is no regular file, broken, too large, or of a kind that is not understood.
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
    picture = Image.fromarray(_eight_bits(photo))
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return np.asarray(picture.convert("RGB"))


def _contents(path):
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("unreadable: no regular file")
        if not 0 < status.st_size <= MOST_BYTES:
            size = f"{status.st_size:,} bytes, at most {MOST_BYTES:,}"
            raise Unreadable(f"unreadable: {size if status.st_size else 'empty file'}")
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
    info, profile = dict(image.info), image.info.get("icc_profile")
    with contextlib.suppress(Exception):
        info["iptc"] = info["photoshop"][0x0404]
    with contextlib.suppress(Exception):  # broken EXIF is no reason to refuse a photo
        ImageOps.exif_transpose(image, in_place=True)

    if image.format == "PNG" and data[24] == 16:
        pixels = _vips().Image.pngload_buffer(data, fail_on="truncated").autorot().numpy()
        mode = "L" if pixels.ndim == 2 or pixels.shape[2] == 2 else "RGB"
    elif image.mode.startswith("I"):
        pixels, mode = np.asarray(image).clip(0, 65535).astype(np.uint16), "L"
    else:
        mode = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
        pixels = np.asarray(image.convert(mode + "A" * image.has_transparency_data))
    return _photo(pixels, mode, profile), _about(info, pictures)


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
    pixels = _vips().Image.tiffload_buffer(data, fail_on="error").autorot().numpy()
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels = _levels(pixels)
    mode = "RGB" if meaning == "PALETTE" else {1: "L", 3: "RGB", 4: "CMYK"}[colours]
    if extra and not extra[0]:  # samples of which nobody says what they are
        pixels = pixels[..., : len(mode)]
    info = {"xmp": found[XMP], "iptc": found[IPTC], "icc_profile": found[PROFILE], "exif": data}
    with contextlib.suppress(Exception):
        inch = {2: 1, 3: 2.54}[found[296]]
        info["dpi"] = [found[tag][0] / found[tag][1] * inch for tag in (282, 283)]
    return _photo(pixels, mode, found[PROFILE]), _about(info, pictures)


def _photo(pixels, mode, profile):
    """The photo in sRGB of samples (H, W, n), the colours of `mode` and perhaps alpha."""
    pixels = np.atleast_3d(pixels)
    alpha = pixels[..., len(mode) : len(mode) + 1]
    photo = _to_srgb(
        np.ascontiguousarray(
            pixels[..., : len(mode)].squeeze(-1) if mode == "L" else pixels[..., : len(mode)]
        ),
        mode,
        profile,
    )
    if not alpha.size:
        return photo
    photo = photo if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=-1)
    return np.dstack([photo, alpha])


def _levels(values):
    """uint16 of samples of 32 bits or floats; white is the first of a few values that fits."""
    peak = values[np.isfinite(values)].max(initial=0)
    whites = (1, 255, 65535, 2**32 - 1)[: 4 if values.dtype == np.uint32 else 3]
    fitting = (w for w in whites if peak <= 1.1 * w and (w == 1 or peak > 0.1 * w))
    white = next(fitting, None)
    if white is None:
        words = f"{values.dtype} with values up to {peak:.6g}, where white may be any of {whites}"
        raise Unreadable(f"unreadable: TIFF of {words}")
    shares = np.nan_to_num(values / np.float64(white), nan=0, posinf=1, neginf=0)
    return np.rint(65535 * shares.clip(0, 1)).astype(np.uint16)


def _eight_bits(photo):
    return photo if photo.dtype == np.uint8 else ((photo + np.uint32(128)) // 257).astype(np.uint8)


def _to_srgb(pixels, mode, profile):
    """Samples (H, W) of mode L, (H, W, 3) of RGB, (H, W, 4) of CMYK from a profile to sRGB."""
    space = _space(profile) if profile else None
    if mode == "L" and space == "RGB":
        pixels, mode = np.stack([pixels] * 3, axis=-1), "RGB"
    if mode == "CMYK":
        pixels = _eight_bits(pixels)
    if space == mode and pixels.dtype == np.uint16:
        vips = _vips()
        image = vips.Image.new_from_array(pixels)
        image.set_type(vips.GValue.blob_type, "icc-profile-data", profile)
        return image.icc_transform("srgb", embedded=True, depth=16, intent="perceptual").numpy()
    if space == mode or mode == "CMYK":
        image = Image.frombuffer(mode, pixels.shape[1::-1], pixels)
        if space == mode:
            return np.asarray(ImageCms.applyTransform(image, _transform(profile, mode)))
        return np.asarray(image.convert("RGB"))
    return pixels


@functools.lru_cache(maxsize=16)
def _space(profile):
    """The mode that a colour profile is for; None if it is broken, or sRGB itself."""
    try:
        opened = ImageCms.getOpenProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[opened.profile.xcolor_space.strip()]
        transform = _transform(profile, mode)
        if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(opened):
            levels = np.arange(0, 256, 15, dtype=np.uint8)
            nodes = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 17, 3)
            there = np.asarray(ImageCms.applyTransform(Image.fromarray(nodes), transform))
            mode = None if np.abs(np.int16(there) - nodes).max() <= NEAR_SRGB else mode
        return mode
    except (ImageCms.PyCMSError, OSError, ValueError, KeyError):
        return None


@functools.lru_cache(maxsize=16)
def _transform(profile, mode):
    source = ImageCms.getOpenProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _about(info, pictures):
    """What a writer keeps; what is broken or too large is left out."""
    about = {"pictures": pictures} if pictures > 1 else {}
    about |= {"profile": True} if info.get("icc_profile") else {}
    for key in ("xmp", "iptc", "comment"):
        with contextlib.suppress(Exception):
            words = TURN.sub(b"", bytes(info[key]))
            about |= {key: words} if 0 < len(words) < ROOM else {}
    with contextlib.suppress(Exception):
        dpi = tuple(round(float(value)) for value in info["dpi"])
        about |= {"dpi": dpi} if 0 < min(dpi) <= max(dpi) < ROOM else {}
    with contextlib.suppress(Exception):
        found, kept = Image.Exif(), Image.Exif()
        found.load(info["exif"])
        words = {tag: found[tag] for tag in EXIF_WORDS if tag in found}
        kept.update({tag: text.encode("latin-1") for tag, text in words.items()})  # as it was
        for group in EXIF_GROUPS:
            kept.get_ifd(group).update(found.get_ifd(group))
        about |= {"exif": kept.tobytes()} if found and len(kept.tobytes()) < ROOM else {}
    return about


def _vips():
    try:
        import pyvips
    except ImportError:
        words = "needs pyvips: install it by `pip install pyvips[binary]`"
        raise Unreadable(f"unreadable: TIFF, or PNG of 16 bits, {words}") from None
    return pyvips


def _why(data, error):
    """The line that says what a file is that cannot be decoded."""
    text = " ".join(str(error).split()).partition(" <")[0] or type(error).__name__
    if "truncat" in text.lower():
        return f"truncated: {text}"
    if isinstance(error, Image.UnidentifiedImageError):
        text = "empty file" if not data else next(n for start, n in NAMES if data.startswith(start))
        if data[4:8] == b"ftyp":
            text = "HEIC" if data[8:12] in HEIC else "a film (MP4, QuickTime)"
        text += ", not one of " + ", ".join(FORMATS) if data else ""
    return f"unreadable: {text}"
