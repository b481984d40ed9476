"""Write photo files and comparisons; `lib.data.decode` reads them.

Photos are uint8 or uint16 arrays: (H, W) grey, (H, W, 3) RGB, (H, W, 4) RGB and alpha, in sRGB.
"""

import contextlib
import re
import struct
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin
from PIL.Image import Resampling

from lib import lab
from lib.data import cleaning, decode
from lib.files import replacing

FORMATS = dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG")  # of results, by suffix
FORMATS |= {".tif": "TIFF", ".tiff": "TIFF", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP"}
OPTIONS = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}  # of Pillow
OPTIONS |= {"PNG": {"compress_level": 4}}
EXIF_WORDS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)  # what, who, when, by what
EXIF_GROUPS = (0x8769, 0x8825)  # camera settings, place
TURN = re.compile(rb'tiff:Orientation="\d"|<tiff:Orientation>\d</tiff:Orientation>')  # in XMP
SMALLEST = 8  # pixels a side of a photo
PANEL = 1000  # pixels, longest side of a photo in a comparison
ROOM = 65000  # bytes of one kind of words, and dots an inch, that fit into a JPEG


def write(path, photo, about=None):
    """Write a photo whole or not at all, in the format of its suffix, one of `FORMATS`.

    PNG and TIFF keep 16 bits, the others get 8; JPEG and BMP have no alpha, and are written over
    white. `about`, as `decode.read` gives it, is kept as far as the format has a place for it:
    EXIF (words, camera, place), XMP, resolution; the captions of IPTC in JPEG and TIFF, and the
    comment in JPEG. Of 16 bits, TIFF keeps the words of EXIF only, and PNG no resolution.
    """
    name, kept = FORMATS[Path(path).suffix.lower()], _kept(about or {})
    deep = {"PNG": _write_png16, "TIFF": _write_tiff16}
    if name in ("JPEG", "BMP"):
        photo = decode.on_white(photo)
    with replacing(path) as part:
        if photo.dtype == np.uint16 and name in deep:
            deep[name](part, photo, kept)
        else:
            picture = Image.fromarray(decode.eight_bits(photo))
            picture.save(part, name, **OPTIONS.get(name, {}), **_for_pillow(name, kept))


def reduced(photo, height, width):
    """A copy of that size as uint8 RGB, over white, made as the photos of the data sets are."""
    picture = Image.fromarray(decode.on_white(photo))
    return np.asarray(picture.resize((width, height), Resampling.HAMMING, reducing_gap=3.0))


def panels(photo, colored):
    """Small copies to look at: dict of grey, coloured and, if the photo has colours, truth.

    uint8 (h, w, 3), 8 to 1000 pixels a side. Having colours is what `cleaning` takes for it.
    """
    scale = min(1, PANEL / max(photo.shape[:2]))
    size = [max(SMALLEST, round(side * scale)) for side in photo.shape[:2]]
    truth, colored = reduced(photo, *size), reduced(colored, *size)
    gray = lab.lab_to_rgb(lab.rgb_to_lab(truth) * np.float32([1, 0, 0]))[..., :1]
    shown = {"grey": np.rint(gray * 255).astype(np.uint8).repeat(3, -1), "coloured": colored}
    ab = lab.rgb_to_lab(reduced(photo, 32, 32))[..., 1:]
    chroma = np.percentile(np.hypot(ab[..., 0], ab[..., 1]), cleaning.GREY_PERCENTILE)
    return shown | ({"truth": truth} if chroma >= cleaning.GREY_CHROMA else {})


def compare(photo, colored):
    """The panels side by side: uint8 (h, w, 3)."""
    shown = panels(photo, colored).values()
    white = ((0, 0), (0, 8), (0, 0))
    return np.concatenate([np.pad(one, white, constant_values=255) for one in shown], 1)[:, :-8]


def _kept(about):
    """What is written of a file: exif, xmp, iptc, comment, dpi, icc_profile; EXIF's words by tag.

    What is broken or too large is left out, and what the photo no longer is: its profile, now
    sRGB, its orientation, its thumbnail.
    """
    kept = {}
    for key in ("xmp", "iptc", "comment"):
        words = TURN.sub(b"", bytes(about.get(key, b"")))
        kept |= {key: words} if 0 < len(words) < ROOM else {}
    with contextlib.suppress(Exception):
        dpi = tuple(round(float(value)) for value in about["dpi"])
        kept |= {"dpi": dpi} if 0 < min(dpi) <= max(dpi) < ROOM else {}
    with contextlib.suppress(Exception):
        found, exif = Image.Exif(), Image.Exif()
        found.load(about["exif"])
        words = {tag: found[tag].encode("latin-1") for tag in EXIF_WORDS if tag in found}
        exif.update(words)  # as bytes, in whatever encoding they are: of text Pillow keeps ASCII
        for group in EXIF_GROUPS:
            exif.get_ifd(group).update(found.get_ifd(group))
        kept |= {"exif": exif.tobytes(), "words": words} if len(exif.tobytes()) < ROOM else {}
    if "icc_profile" in about:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # not now: equal photos are equal files
        kept["icc_profile"] = srgb[:24] + date + srgb[36:]
    return kept


def _for_pillow(name, kept):
    """`kept` as arguments of Pillow's `save`, which passes over those that a format lacks."""
    options, iptc = dict(kept), kept.get("iptc")
    if iptc:  # a segment of a JPEG that holds a Photoshop resource of number 0x0404
        resource = struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
        resource = b"Photoshop 3.0\0" + b"8BIM\4\4\0\0" + resource
        options["extra"] = b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource
    if "xmp" in kept:
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", kept["xmp"].decode("utf-8", "replace"))
    if name == "TIFF":
        options["exif"] = Image.Exif()
        options["exif"].load(kept.get("exif", b""))
        tags = {decode.XMP: kept.get("xmp"), decode.IPTC: iptc} | kept.get("words", {})
        options["exif"].update({tag: value for tag, value in tags.items() if value})
    return options


def _write_png16(path, photo, kept):
    import pyvips

    image = pyvips.Image.new_from_array(photo, interpretation="rgb16")
    for key in filter(kept.get, ("exif", "xmp", "icc_profile")):
        name = f"{key.replace('_', '-')}-data"
        image.set_type(pyvips.GValue.blob_type, name, kept[key])
    image.pngsave(str(path), compression=3, filter="up")


def _write_tiff16(path, photo, kept):
    tags = [(tag, 2, 0, text, True) for tag, text in kept.get("words", {}).items()]
    for tag, kind, words in ((decode.XMP, 1, kept.get("xmp")), (decode.IPTC, 7, kept.get("iptc"))):
        tags += [(tag, kind, len(words), words, True)] if words else []
    options = {"iccprofile": kept.get("icc_profile"), "extratags": tags, "software": False}
    if "dpi" in kept:
        options |= {"resolution": kept["dpi"], "resolutionunit": "INCH"}
    tifffile.imwrite(path, photo, photometric="rgb", compression="zlib", metadata=None, **options)
