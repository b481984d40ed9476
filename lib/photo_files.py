"""Photo files: find, read and write them; upright, in sRGB, with 8 or 16 bits a channel.

Photos are uint8 or uint16 arrays: (H, W) grey, (H, W, 3) RGB, (H, W, 4) RGB and alpha. A file that
cannot be read or written raises an error whose text says why. Needs no Keras.

References
----------
W3C (2025), Portable Network Graphics (PNG) specification, third edition: filters, eXIf.
"""

import contextlib
import io
import os
import struct
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps
from PIL.Image import Resampling

from lib import cleaning
from lib.profiles import UsageError

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
SUFFIXES = {*FORMATS, ".jpe", ".gif", ".jp2", ".avif", ".ppm", ".pgm", ".tga"}  # sought in folders
EXIF_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)  # words about the photo
EXIF_GROUPS = (0x8769, 0x8825)  # camera settings, place
SMALLEST = 8  # pixels a side of a photo
PANEL = 1000  # pixels, longest side of a photo in a comparison
ROOM = 65000  # bytes of EXIF, and dots an inch, that fit into a JPEG
# Pillow reads the high bytes of 16-bit RGB; told of the other byte order, it reads the low ones.
OTHER = {f"{m};16{a}": f"{m};16{b}" for m in ("RGB", "RGBA") for a, b in ("BL", "LB", "NB")}


def read(path):
    """Read a photo file, upright and in sRGB; of several pictures in it, the first.

    Returns
    -------
    photo : array
        16 bits a channel stay 16 bits, but for CMYK, for grey with alpha, and for RGB that a
        colour profile has to be applied to.
    about : dict
        EXIF (words, camera, place) and resolution, for `write`.
    """
    with warnings.catch_warnings(), contextlib.ExitStack() as files:
        warnings.simplefilter("ignore")  # Pillow warns over 89 million pixels, refuses over 179
        image, low = (files.enter_context(Image.open(path)) for _ in range(2))
        if image.format in ("PNG", "TIFF"):
            low.tile = [tile._replace(args=_other_order(tile.args)) for tile in image.tile]
        deep, about, profile = low.tile != image.tile, _about(image), _profile(image)
        image = _upright(image)
        if deep and not profile:
            return np.asarray(image) * np.uint16(256) + np.asarray(_upright(low)), about
        if image.mode[0] in "IF":
            return _deep_gray(image, profile), about
        return np.asarray(_to_srgb(image, profile)), about


def write(path, photo, about=None):
    """Write a photo whole or not at all, in the format of its suffix, one of `FORMATS`.

    PNG and TIFF keep 16 bits, the others get 8; JPEG has no alpha, and 16-bit TIFF no EXIF.
    """
    path, about = Path(path), about or {}
    name, options = FORMATS[path.suffix.lower()]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if photo.dtype == np.uint16 and name == "PNG":
            part.write_bytes(_png16(photo, about.get("exif")))
        elif photo.dtype == np.uint16 and name == "TIFF":
            tifffile.imwrite(part, photo, photometric="rgb", compression="zlib")
        else:
            picture = Image.fromarray(eight_bits(photo[..., :3] if name == "JPEG" else photo))
            picture.save(part, name, **options, **about)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


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
    picture = picture.resize((width, height), Resampling.LANCZOS, reducing_gap=3.0)
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


def plan(paths, out):
    """Which photo becomes which file: list of (photo, result).

    Parameters
    ----------
    paths : list of pathlib.Path
        Photos, and folders of photos, which are searched to the bottom.
    out : pathlib.Path
        Folder of the results, which get the names of the photos; or, for one photo, its result.

    Raises
    ------
    UsageError
        If a path is not there, a folder holds no photo, a result would replace a photo or another
        result, or nothing can be written to `out`.
    """
    pairs, taken = [], {}
    for path in paths:
        if path.is_dir():
            found = [(photo, out / photo.relative_to(path)) for photo in _photos_in(path, out)]
            if not found:
                raise UsageError(f"{path}: no photos in that folder")
            pairs += found
        elif not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        else:
            pairs.append((path, out / path.name))
    if out.suffix.lower() in SUFFIXES and not out.is_dir():
        if len(paths) > 1 or paths[0].is_dir() or out.suffix.lower() not in FORMATS:
            endings = " ".join(FORMATS)
            raise UsageError(f"{out}: expected a folder, or for one photo a file in {endings}")
        pairs = [(paths[0], out)]
    photos = {photo.resolve() for photo, _ in pairs}
    for number, (photo, result) in enumerate(pairs):
        if result.suffix.lower() not in FORMATS:
            result = result.with_name(f"{result.name}.png")
        if result.resolve() in photos:
            raise UsageError(f"{result}: the result would replace a photo, choose another place")
        if taken.setdefault(result, photo) != photo:
            raise UsageError(f"{taken[result]} and {photo} would both become {result}")
        pairs[number] = (photo, result)
    _try_writing(out if pairs[0][1] != out else out.parent)
    return pairs


def _photos_in(folder, out):
    """Photos anywhere in a folder, but not hidden ones, and not the results of a former run."""
    files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in SUFFIXES]
    files = [file for file in files if file.is_file() and not file.name.startswith(".")]
    if folder.resolve() in out.resolve().parents:
        files = [file for file in files if out.resolve() not in file.resolve().parents]
    return files


def _try_writing(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to: {error.strerror}") from None


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
    """EXIF and resolution; what is broken or too large is left out."""
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


def _png16(photo, exif=None):
    """The bytes of a PNG of 16 bits a channel, which Pillow cannot write."""
    height, width, channels = photo.shape
    rows = photo.astype(">u2").reshape(height, -1).view(np.uint8)
    rows[1:] -= rows[:-1].copy()  # filter 2: each row as its difference from the one above
    rows = np.pad(rows, ((0, 0), (1, 0)), constant_values=2)
    kind = {3: 2, 4: 6}[channels]  # RGB, RGBA
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    chunks += [(b"eXIf", exif.removeprefix(b"Exif\0\0"))] if exif else []
    chunks += [(b"IDAT", zlib.compress(rows, 3)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        png += (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )
    return png
