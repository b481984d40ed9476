"""Decode one photo, decide whether it can be used, and find photos that are the same.

A photo is stored as its middle square (the short side, nothing stretched), made smaller with a
Hamming filter (it makes no halos and takes half the time of Lanczos), as 8-bit sRGB: turned upright
as EXIF says, its colour profile converted, over white where it is transparent. A photo is rejected,
with a reason of the form "kind: detail", if it is

- unreadable, or truncated;
- too small: its short side is shorter than the size asked for (nothing is ever enlarged);
- grey: 99 % of a 32x32 thumbnail of it have a CIELAB chroma under `GREY_CHROMA`;
- an exact duplicate: the same pixels (SHA-256) as another photo;
- a near-duplicate: perceptual hashes (64 bits: signs of the 8x8 lowest frequencies of the DCT
  against their median) that differ in `HASH_BITS` bits or fewer, and 8x8 colour thumbnails that
  agree as well, since dark or empty photos can share a hash by chance.

On 7,063 photos of Flickr8k, 26 pairs of photos are within 10 bits of each other; 25 of them show
something else, and their thumbnails correlate by less than 0.75. Copies that were re-encoded,
halved in size, made noisy, or cut by 2 % at each edge stay within 10 bits and above 0.95.

References
----------
IEC 61966-2-1:1999 (sRGB); CIE 15:2004 (CIELAB, chroma). Zauner (2010), Implementation and
benchmarking of perceptual image hash functions (the DCT hash).
"""

import contextlib
import functools
import hashlib
import io
import typing

import numpy as np
from PIL import Image, ImageCms, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
LARGEST_SIZE = 1024  # pixels a side that may be asked for; larger JPEGs are decoded reduced
GREY_CHROMA = 3.0  # CIELAB units; about 2.3 is a just noticeable difference
GREY_PERCENTILE = 99
HASH_BITS = 10  # of 64
THUMB = 8  # pixels a side
ALIKE_CORRELATION = 0.9  # of two thumbnails, about the mean of each channel
ALIKE_DIFFERENCE = 24.0  # mean absolute, of 255
SAME_DIFFERENCE = 2.0  # mean absolute, of 255: enough by itself, for photos of one flat colour
TEST_SHARE = 0.2
VAL_SHARE = 0.1  # of what is not test

_BLOCK = 128  # photos compared with all others at once
_SRGB = ImageCms.createProfile("sRGB")
_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)
# Linear sRGB to XYZ over the white point D65, so that white gives 1, 1, 1.
_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169]])
_XYZ = np.vstack([_XYZ, [0.019334, 0.119193, 0.950227]]) / [[0.95047], [1.0], [1.08883]]
_LINEAR, _XYZ = _LINEAR.astype(np.float32), _XYZ.astype(np.float32)
_GREY = np.array([0.299, 0.587, 0.114])
_COSINES = np.cos(np.pi * np.outer(np.arange(8), 2 * np.arange(32) + 1) / 64)


class Examined(typing.NamedTuple):
    """What became of one photo; `reason` is empty if it can be used."""

    sha256: str = ""  # of the upright sRGB pixels at full size; "" if they cannot be read
    reason: str = ""
    hash: int = 0  # perceptual hash
    thumb: bytes = b""  # (THUMB, THUMB, 3) uint8
    pixels: bytes = b""  # (size, size, 3) uint8


class Rejected(Exception):
    """A photo that cannot be used; the text is the reason."""


def rules():
    """The limits that decide what is kept and where, by name: a store made by others is stale."""
    own = {name: value for name, value in globals().items() if name[0].isalpha()}
    return {name: value for name, value in own.items() if name.isupper() and name != "FORMATS"}


def examine(files, size):
    """Decode and check photos, some at a time: NumPy is slow on one thumbnail after the other.

    Parameters
    ----------
    files : iterable of bytes
        The image files, one after the other; an `Examined` among them is passed on as it is.
    size : int
        Pixels a side of the squares to make.

    Returns
    -------
    list of Examined
    """
    photos, thumbs = [], []
    for data in files:
        try:
            image = data if isinstance(data, Examined) else decode(data, size)
        except Rejected as rejected:
            image = Examined(reason=str(rejected))
        if isinstance(image, Examined):
            photos.append(image)
            continue
        square = _middle(image.size)
        thumb = image.resize((32, 32), Image.Resampling.BOX, box=square, reducing_gap=1.0)
        small = image.resize((size, size), Image.Resampling.HAMMING, box=square, reducing_gap=3.0)
        tiny = thumb.reduce(32 // THUMB).tobytes()
        photos.append(Examined(_sha256(image), thumb=tiny, pixels=small.tobytes()))
        thumbs.append(np.asarray(thumb))
    if not thumbs:
        return photos
    thumbs = np.stack(thumbs)
    place = round(GREY_PERCENTILE / 100 * (32 * 32 - 1))
    colours = np.partition(chroma(thumbs).reshape(len(thumbs), -1), place, axis=1)[:, place]
    checked = zip(colours.tolist(), perceptual_hashes(thumbs).tolist(), strict=True)
    return [photo if photo.reason else _checked(photo, *next(checked)) for photo in photos]


def decode(data, smallest=1):
    """An image file as an upright sRGB image of mode RGB; raises with the reason if it cannot be.

    JPEGs of more than twice `LARGEST_SIZE` a side are decoded at 1/2, 1/4 or 1/8 of their size.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
            limit = f"over the limit of {Image.MAX_IMAGE_PIXELS:,}"
            raise Rejected(f"unreadable: {width * height:,} pixels, {limit}")
        if min(width, height) < smallest:
            raise Rejected(f"too small: {width}x{height}, needs {smallest} on the short side")
        image.draft(None, (LARGEST_SIZE, LARGEST_SIZE))
        image.load()
        return _to_srgb(_upright(image))
    except (Rejected, MemoryError):
        raise
    except Exception as error:  # whatever a decoder makes of a broken file
        text = " ".join(str(error).split()) or type(error).__name__
        text = "empty file" if not data else text.partition(" <")[0]
        kind = "truncated" if "truncat" in text.lower() else "unreadable"
        raise Rejected(f"{kind}: {text}") from error


def chroma(rgb):
    """CIELAB chroma of uint8 sRGB, (..., 3) to (...): 0 is grey. In NumPy, for small images."""
    linear = _LINEAR[rgb] @ _XYZ.T
    dark = linear <= (6 / 29) ** 3
    f = np.cbrt(linear)
    f[dark] = linear[dark] * (29 / 6) ** 2 / 3 + 4 / 29
    return np.hypot(500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2]))


def perceptual_hashes(thumbs):
    """64-bit perceptual hashes of thumbnails, (N, 32, 32, 3) uint8 to (N,) uint64."""
    waves = np.round(_COSINES @ (thumbs @ _GREY) @ _COSINES.T, 3).reshape(-1, 64)
    middle = np.partition(waves, (31, 32), axis=1)[:, 31:33].mean(1, keepdims=True)  # the median
    return np.packbits(waves > middle, axis=1).view(">u8")[:, 0].astype(np.uint64)


def duplicate_groups(hashes, thumbs):
    """Find the photos that look the same.

    Parameters
    ----------
    hashes : (N,) uint64
    thumbs : (N, THUMB, THUMB, 3) uint8

    Returns
    -------
    (N,) int array
        For each photo the first photo of its group: itself if it has no like before it. Photos
        that are linked by a chain of likes are one group.
    """
    leader = np.arange(len(hashes))
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None]
        near = np.bitwise_count(block ^ hashes[None, start:]) <= HASH_BITS
        first, second = np.nonzero(near)
        first, second = first[second > first] + start, second[second > first] + start
        for part in range(0, len(first), 4096):
            a, b = first[part : part + 4096], second[part : part + 4096]
            alike = _alike(thumbs[a], thumbs[b])
            for one, other in zip(a[alike], b[alike], strict=True):
                roots = sorted((_root(leader, one), _root(leader, other)))
                leader[roots[1]] = roots[0]
    return np.array([_root(leader, row) for row in range(len(hashes))], dtype=int)


def split_of(key):
    """Split of a photo by its content: "test" for 20 %, "val" for a tenth of the rest, or "train".

    `key` is the SHA-256 of its pixels, so that neither its name, nor the other photos, nor the
    machine, nor chance has a say.
    """
    digest = hashlib.sha256(f"split {key}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < TEST_SHARE:
        return "test"
    return "val" if place < TEST_SHARE + (1 - TEST_SHARE) * VAL_SHARE else "train"


def _checked(photo, colour, hash_):
    """A decoded photo with its hash, or the reason why it is not used."""
    if colour < GREY_CHROMA:
        reason = f"grey: chroma {colour:.1f}, colour begins at {GREY_CHROMA:.1f}"
        return Examined(photo.sha256, reason)
    return photo._replace(hash=hash_)


def _upright(image):
    with contextlib.suppress(Exception):  # broken EXIF says nothing about orientation
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_srgb(image):
    """8-bit sRGB of an image of any mode."""
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    elif image.mode not in ("RGB", "CMYK", "LAB"):
        image = image.convert("RGB")
    transform = _transform(profile, image.mode) if profile or image.mode == "LAB" else None
    if transform is not None:
        image = ImageCms.applyTransform(image, transform)
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image):
    """Mode L of an image of 16 or 32 bits a pixel, scaled by the range that its values suggest."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    highest = values.max(initial=0.0)
    if image.mode.startswith("I;16"):
        top = 65535
    elif image.mode == "F":
        top = 1 if highest <= 1 else max(255, highest)
    else:
        top = 255 if highest <= 255 else max(65535, highest)
    return Image.fromarray(np.clip(np.round(values * 255 / top), 0, 255).astype(np.uint8))


@functools.lru_cache(maxsize=16)
def _transform(profile, mode):
    """Transform from a colour profile to sRGB; None if it is sRGB or does not fit the image."""
    try:
        if mode == "LAB":
            source = ImageCms.createProfile("LAB")
        else:
            source = ImageCms.getOpenProfile(io.BytesIO(profile))
            if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
                return None
        return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _sha256(image):
    """SHA-256 of size and pixels, in bands so that no second copy of a large photo is made."""
    width, height = image.size
    digest = hashlib.sha256(f"{width}x{height}".encode())
    rows = max(1, (1 << 21) // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height))) if rows < height else image
        digest.update(band.tobytes())
    return digest.hexdigest()


def _middle(size):
    """Box (left, top, right, bottom) of the middle square."""
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return left, top, left + side, top + side


def _alike(one, other):
    """Which pairs of thumbnails show the same: (N, THUMB, THUMB, 3) twice to (N,) bool."""
    one = one.reshape(len(one), -1, 3).astype(np.float32)
    other = other.reshape(len(other), -1, 3).astype(np.float32)
    difference = np.abs(one - other).mean((1, 2))
    one = one - one.mean(1, keepdims=True)
    other = other - other.mean(1, keepdims=True)
    scale = np.sqrt((one**2).sum((1, 2)) * (other**2).sum((1, 2)))
    correlation = (one * other).sum((1, 2)) / np.maximum(scale, 1e-6)
    same_shape = (correlation >= ALIKE_CORRELATION) & (difference <= ALIKE_DIFFERENCE)
    return same_shape | (difference <= SAME_DIFFERENCE)


def _root(leader, row):
    while leader[row] != row:
        leader[row] = leader[leader[row]]
        row = leader[row]
    return row
