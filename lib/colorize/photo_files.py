"""Photo files: read and write them; upright, in sRGB, with 8 or 16 bits a channel.

Photos are uint8 or uint16 arrays: (H, W) grey, (H, W, 3) RGB, (H, W, 4) RGB and alpha. A file that
cannot be read or written raises an error whose text says why. Needs no Keras.

References
----------
W3C (2025), Portable Network Graphics (PNG) specification, third edition: filters, eXIf.
"""

import contextlib
import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from PIL.Image import Resampling
from scipy import ndimage

from lib.data import cleaning
from lib.files import replacing

JPEG = ("JPEG", {"quality": 95, "subsampling": 0})
TIFF = ("TIFF", {})  # not compressed: Pillow would then lose EXIF
FORMATS = {  # of results, by suffix; a photo with another suffix becomes a PNG
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".png": ("PNG", {"compress_level": 4}),
    ".webp": ("WEBP", {"quality": 95}),
    ".bmp": ("BMP", {}),
}
EXIF_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)  # words about the photo
EXIF_GROUPS = (0x8769, 0x8825)  # camera settings, place
XMP_TAG, XMP_KEY = 0x02BC, "XML:com.adobe.xmp"  # in TIFF, in PNG
SMALLEST = 8  # pixels a side of a photo
PANEL = 1000  # pixels, longest side of a photo in a comparison
ROOM = 65000  # bytes of EXIF, and dots an inch, that fit into a JPEG
_WARNINGS = threading.Lock()  # warning filters are common to all threads
# Pillow reads the high bytes of 16-bit RGB; told of the other byte order, it reads the low ones.
OTHER = {f"{m};16{a}": f"{m};16{b}" for m in ("RGB", "RGBA") for a, b in ("BL", "LB", "NB")}


def read(path):
    """Read a photo file, upright and in sRGB; of several pictures in it, the first.

    Returns
    -------
    photo : array
        16 bits a channel stay 16 bits, but for CMYK and for grey with alpha.
    about : dict
        EXIF (words, camera, place), XMP, resolution, and the sRGB profile if there was a profile,
        for `write`.
    """
    with contextlib.ExitStack() as files:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns over 89 million pixels, refuses over 179
            image, low = (files.enter_context(Image.open(path)) for _ in range(2))
        if image.format in ("PNG", "TIFF"):
            low.tile = [tile._replace(args=_other_order(tile.args)) for tile in image.tile]
        deep, profile = low.tile != image.tile, _profile(image)
        image = _upright(image)
        about = _about(image)
        if deep:
            photo = np.asarray(image) * np.uint16(256) + np.asarray(_upright(low))
            return _deep_rgb(photo, profile), about
        if image.mode[0] in "IF":
            return _deep_gray(image, profile), about
        return np.asarray(_to_srgb(image, profile)), about


def write(path, photo, about=None):
    """Write a photo whole or not at all, in the format of its suffix, one of `FORMATS`.

    PNG and TIFF keep 16 bits, the others get 8. JPEG has no alpha; TIFF of 16 bits keeps the words
    of EXIF, but not camera settings and place.
    """
    path, about = Path(path), about or {}
    name, options = FORMATS[path.suffix.lower()]
    with replacing(path) as part:
        if photo.dtype == np.uint16 and name == "PNG":
            part.write_bytes(_png16(photo, about))
        elif photo.dtype == np.uint16 and name == "TIFF":
            _write_tiff16(part, photo, about)
        else:
            picture = Image.fromarray(eight_bits(photo[..., :3] if name == "JPEG" else photo))
            picture.save(part, name, **options, **_for_pillow(name, about))


def checked(photo):
    """The photo as an array; ValueError if it is none, or too small."""
    photo = np.asarray(photo)
    got = f"{photo.dtype}, {' x '.join(map(str, photo.shape))}"
    fits = photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] in (3, 4))
    if not fits or photo.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"photo: expected uint8 or uint16, grey, RGB or RGBA, got {got}")
    if min(photo.shape[:2]) < SMALLEST:
        raise ValueError(f"photo: expected {SMALLEST} pixels a side or more, got {got}")
    return photo


def eight_bits(photo):
    """The photo as uint8."""
    return photo if photo.dtype == np.uint8 else (photo >> 8).astype(np.uint8)


def reduced(photo, height, width):
    """A copy of that size as uint8 RGB, without alpha, made as the photos of the data sets are."""
    picture = Image.fromarray(eight_bits(photo[..., :3] if photo.ndim == 3 else photo))
    picture = picture.resize((width, height), Resampling.HAMMING, reducing_gap=3.0)
    return np.asarray(picture.convert("RGB"))


def panels(photo, colored):
    """Small copies to look at: dict of grey, coloured and, if the photo has colours, truth.

    uint8 (h, w, 3), up to 1000 pixels a side. Having colours is what `cleaning` takes for it.
    """
    from lib import lab  # brings Keras

    scale = min(1, PANEL / max(photo.shape[:2]))
    size = [max(1, round(side * scale)) for side in photo.shape[:2]]
    truth, colored = reduced(photo, *size), reduced(colored, *size)
    gray = np.asarray(lab.lab_to_rgb(np.asarray(lab.rgb_to_lab(truth)) * [1, 0, 0]))[..., :1]
    shown = {"grey": np.rint(gray * 255).astype(np.uint8).repeat(3, -1), "coloured": colored}
    chroma = np.percentile(cleaning.chroma(reduced(photo, 32, 32)), cleaning.GREY_PERCENTILE)
    return shown | ({"truth": truth} if chroma >= cleaning.GREY_CHROMA else {})


def compare(photo, colored):
    """The panels side by side: uint8 (h, w, 3)."""
    shown = panels(photo, colored).values()
    white = ((0, 0), (0, 8), (0, 0))
    return np.concatenate([np.pad(one, white, constant_values=255) for one in shown], 1)[:, :-8]


def _other_order(args):
    """What a decoder is told; if that is 16-bit RGB, with the other byte order."""
    if isinstance(args, str):
        return OTHER.get(args, args)
    return tuple(OTHER.get(arg, arg) for arg in args) if args else args


def _upright(image):
    image.load()
    with contextlib.suppress(Exception):  # broken EXIF is no reason to refuse a photo
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _about(image):
    """What `write` takes over; what is broken or too large is left out."""
    about = {}
    with contextlib.suppress(Exception):
        dpi = tuple(round(float(value)) for value in image.info["dpi"])
        about |= {"dpi": dpi} if 0 < min(dpi) <= max(dpi) < ROOM else {}
    with contextlib.suppress(Exception):
        found, exif = image.getexif(), Image.Exif()
        exif.update({tag: found[tag] for tag in EXIF_TAGS if tag in found})
        for group in EXIF_GROUPS:
            exif.get_ifd(group).update(found.get_ifd(group))
        about |= {"exif": exif.tobytes()} if found and len(exif.tobytes()) < ROOM else {}
    with contextlib.suppress(Exception):
        xmp = bytes(image.info["xmp"])
        about |= {"xmp": xmp} if len(xmp) < ROOM else {}
    with contextlib.suppress(Exception):
        ImageCms.getOpenProfile(io.BytesIO(image.info["icc_profile"]))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        about |= {"icc_profile": srgb.tobytes()}
    return about


def _for_pillow(name, about):
    """`about` as arguments of Pillow's `save`, which takes XMP in another way for each format."""
    about = dict(about)
    xmp = about.pop("xmp", None)
    if xmp and name in ("JPEG", "WEBP"):
        about["xmp"] = xmp
    elif xmp and name == "PNG":
        about["pnginfo"] = PngImagePlugin.PngInfo()
        about["pnginfo"].add_itxt(XMP_KEY, xmp.decode("utf-8", "replace"))
    elif xmp and name == "TIFF":
        exif = Image.Exif()
        exif.load(about.get("exif", b""))
        exif[XMP_TAG] = xmp
        about["exif"] = exif
    return about


def _profile(image):
    """The colour profile to convert from; None if there is none, or it is sRGB, or broken."""
    with contextlib.suppress(Exception):
        profile = ImageCms.getOpenProfile(io.BytesIO(image.info["icc_profile"]))
        return None if "sRGB" in ImageCms.getProfileDescription(profile) else profile


def _to_srgb(image, profile):
    """An image of 8 bits a channel in mode L, RGB or RGBA, in sRGB."""
    mode = {"1": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    mode = "RGBA" if image.has_transparency_data else mode
    image = image if image.mode == mode else image.convert(mode)
    if profile:
        srgb, output = ImageCms.createProfile("sRGB"), "RGBA" if mode == "RGBA" else "RGB"
        with contextlib.suppress(ImageCms.PyCMSError):  # a profile for another kind of image
            image = ImageCms.profileToProfile(image, profile, srgb, outputMode=output)
    return image.convert("RGB") if image.mode == "CMYK" else image


def _deep_gray(image, profile):
    """uint16 of a grey image of 16 or 32 bits a pixel."""
    values = np.asarray(image)
    if not image.mode.startswith("I;16"):
        values = np.nan_to_num(values.astype(np.float32)).clip(0)
        highest = values.max()  # floats come with 1, 255 or 65535 as white
        white = next(w for w in (1, 255, 65535, highest) if w >= highest)
        values = np.rint(values * np.float32(65535 / white))
    levels = values.astype(np.uint16)
    if profile:
        ramp = _to_srgb(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile)
        curve = 257.0 * np.asarray(ramp.convert("L"))[0]
        curve = np.interp(np.arange(65536) / 257, np.arange(256), curve).astype(np.uint16)
        levels = curve[levels]
    return levels


def _deep_rgb(photo, profile):
    """uint16 RGB or RGBA in sRGB. Profiles are applied to 8 bits only, so to 52 levels a channel,
    and what lies between them is interpolated."""
    if not profile:
        return photo
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    nodes = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    table = np.asarray(_to_srgb(Image.fromarray(nodes.reshape(52, -1, 3)), profile))
    table = np.float32(table).reshape(nodes.shape) * 257
    for row in photo:  # one at a time: the places are six times the size of the photo
        places = row[:, :3].T * np.float32(51 / 65535)
        for channel in range(3):
            values = ndimage.map_coordinates(table[..., channel], places, order=1, mode="nearest")
            row[:, channel] = np.rint(values)
    return photo


def _png16(photo, about):
    """The bytes of a PNG of 16 bits a channel, which Pillow cannot write."""
    height, width, channels = photo.shape
    rows = photo.astype(">u2").reshape(height, -1).view(np.uint8)
    rows[1:] -= rows[:-1].copy()  # filter 2: each row as its difference from the one above
    rows = np.pad(rows, ((0, 0), (1, 0)), constant_values=2)
    kind = {3: 2, 4: 6}[channels]  # RGB, RGBA
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    if "icc_profile" in about:
        chunks += [(b"iCCP", b"sRGB\0\0" + zlib.compress(about["icc_profile"]))]
    if "dpi" in about:
        metres = [round(dots / 0.0254) for dots in about["dpi"]]
        chunks += [(b"pHYs", struct.pack(">IIB", *metres, 1))]
    if "exif" in about:
        chunks += [(b"eXIf", about["exif"].removeprefix(b"Exif\0\0"))]
    if "xmp" in about:
        chunks += [(b"iTXt", XMP_KEY.encode() + bytes(5) + about["xmp"])]
    chunks += [(b"IDAT", zlib.compress(rows, 3)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        png += struct.pack(">I", len(data)) + name + data
        png += struct.pack(">I", zlib.crc32(name + data))
    return png


def _write_tiff16(path, photo, about):
    exif = Image.Exif()
    exif.load(about.get("exif", b""))
    words = [(tag, 2, 0, exif[tag], True) for tag in EXIF_TAGS if isinstance(exif.get(tag), str)]
    words += [(XMP_TAG, 1, len(about["xmp"]), about["xmp"], True)] if "xmp" in about else []
    options = {"iccprofile": about.get("icc_profile"), "extratags": words, "software": False}
    if "dpi" in about:
        options |= {"resolution": about["dpi"], "resolutionunit": "INCH"}
    tifffile.imwrite(path, photo, photometric="rgb", compression="zlib", metadata=None, **options)
