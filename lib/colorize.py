"""Colour any photo at its own size: from Python, from a notebook, from the command line.

    python -m lib.colorize photo.jpg -o colored              colored/photo.jpg
    python -m lib.colorize scan.tif album -o out --compare   folders too; comparisons beside
    python -m lib.colorize old.png -o new.png --study quick --model cnn --render-factor 8

A network sees a reduced copy of the photo and gives its ab; ab is enlarged along the photo's edges
and the photo's own L is kept: only rounding moves it. A colour that sRGB cannot show becomes paler
at the same L and hue. Photos are uint8 or uint16: (H, W) grey, (H, W, 3) RGB, (H, W, 4) with alpha.
Without --study the model is that of results/flickr8k, or else the newest. Exit status: 0 done; 1 a
photo failed, a line says why; 2 a wrong argument or a missing file, one line; 130 interrupted.

References
----------
He, Sun, Tang (2013), Guided image filtering: ab as a local linear function of L.
Antic, DeOldify: the render factor, and luminance from the original.
"""

import argparse
import contextlib
import functools
import io
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
import tifffile
from PIL import Image, ImageCms, ImageOps
from PIL.Image import Resampling
from scipy import ndimage
from tqdm import tqdm

from lib import cleaning
from lib.profiles import UsageError

ROOT = Path(__file__).resolve().parents[1]
RENDER_FACTOR = 12  # x 16 pixels: short side of the copy that the network sees
RENDER_FACTORS = range(2, 41)  # self-attention needs memory with the fourth power
LONGEST = 3  # long side of the copy over its short side; longer panoramas are squeezed
SMALLEST = 8  # pixels a side of a photo
EDGE = 10.0  # CIELAB units: where L varies by more than this, ab follows it
STRIP = 1 << 16  # pixels computed at once: they stay in the processor's cache
HALVINGS = 12  # of the interval of the gamut factor: exact to 1/4096
PANEL = 1000  # pixels, longest side of a photo in a comparison
JPEG = ("JPEG", {"quality": 95, "subsampling": 0})
TIFF = ("TIFF", {"compression": "tiff_adobe_deflate"})
FORMATS = {".jpg": JPEG, ".jpeg": JPEG, ".tif": TIFF, ".tiff": TIFF, ".bmp": ("BMP", {})}
FORMATS |= {".png": ("PNG", {"compress_level": 4}), ".webp": ("WEBP", {"quality": 95})}
SUFFIXES = {*FORMATS, ".jpe", ".gif", ".jp2", ".avif", ".ppm", ".pgm", ".tga"}  # become PNGs
EXIF_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)  # words about the photo
EXIF_GROUPS = (0x8769, 0x8825)  # camera settings, place
# Pillow reads the high bytes of 16-bit RGB; told of the other byte order, it reads the low ones.
OTHER = {f"{m};16{a}": f"{m};16{b}" for m in ("RGB", "RGBA") for a, b in ("BL", "LB", "NB")}


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
    if not 0 <= saturation < np.inf:
        raise ValueError(f"saturation: expected 0 or more, got {saturation}")
    fixed = network.input_shape[1:3]
    copy = _small(photo, *(fixed if fixed[0] else copy_size(photo.shape[:2], factor, square)))
    scaled, _ = lab.scale(lab.rgb_to_lab(copy[None]))
    seen = np.array(lab.unscale(scaled, network(scaled, training=False)))[0]
    if not np.isfinite(seen).all():
        raise ValueError("network: expected finite ab, got NaN or infinity")
    return _paint(photo, _guide(seen[..., :1], seen[..., 1:] * saturation))


def compare(photo, colored):
    """Grey, coloured and, if the photo has colours, truth, side by side: uint8 (h, w, 3)."""
    from lib import lab

    scale = min(1, PANEL / max(photo.shape[:2]))
    size = [max(1, round(side * scale)) for side in photo.shape[:2]]
    truth, colored = _small(photo, *size), _small(colored, *size)
    gray = np.asarray(lab.lab_to_rgb(np.asarray(lab.rgb_to_lab(truth)) * [1, 0, 0]))
    panels = [np.rint(gray * 255).astype(np.uint8), colored]
    chroma = np.percentile(cleaning.chroma(_small(photo, 32, 32)), cleaning.GREY_PERCENTILE)
    panels += [truth] * bool(chroma >= cleaning.GREY_CHROMA)
    gap = ((0, 0), (0, 8), (0, 0))
    return np.concatenate([np.pad(panel, gap, constant_values=255) for panel in panels], 1)[:, :-8]


def copy_size(size, render_factor, square=False):
    """Height and width of the copy that a network sees of a photo of `size` (height, width)."""
    largest = [max(32, -(-side // 16) * 16) for side in size]
    short = min(16 * render_factor, *largest)
    sides = [min(side / min(size), 1 if square else LONGEST) * short for side in size]
    return [min(round(side / 16) * 16, most) for side, most in zip(sides, largest, strict=True)]


def gamut_factor(lightness, ab):
    """The largest factor in [0, 1] that takes ab into sRGB at that L, by bisection.

    `lightness` (N,), 0..100, and `ab` (2, N), CIELAB units, give (N,); all are float32.
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


def _checked(photo):
    photo = np.asarray(photo)
    fits = photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] in (3, 4))
    if not fits or photo.dtype not in (np.uint8, np.uint16) or min(photo.shape[:2]) < SMALLEST:
        expected = f"uint8 or uint16, grey, RGB or RGBA, {SMALLEST} pixels a side or more"
        raise ValueError(f"photo: expected {expected}, got {photo.dtype} {photo.shape}")
    return photo


def _small(photo, height, width):
    """An 8-bit RGB copy of that size, without alpha."""
    picture = Image.fromarray(_bytes(photo[..., :3] if photo.ndim == 3 else photo))
    picture = picture.resize((width, height), Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(picture.convert("RGB"))


def _guide(lightness, ab):
    """Nine maps for `_strip`: L; then of a and b each: itself, slope over L, least, greatest."""
    mean = functools.partial(ndimage.uniform_filter, size=(3, 3, 1), mode="nearest")
    covariance = mean(lightness * ab) - mean(lightness) * mean(ab)
    slope = covariance / (mean(lightness**2) - mean(lightness) ** 2 + EDGE**2)
    ends = [end(ab, (3, 3, 1)) for end in (ndimage.minimum_filter, ndimage.maximum_filter)]
    maps = np.concatenate([lightness, ab, slope, *ends], axis=-1)
    return [Image.fromarray(np.ascontiguousarray(maps[..., i])) for i in range(9)]


def _paint(photo, maps):
    """The photo's L with the ab of the maps, made in strips by all processors."""
    height, width = photo.shape[:2]
    channels = 4 if photo.shape[2:] == (4,) else 3
    result = np.empty((height, width, channels), photo.dtype)
    rows = max(1, STRIP // width)

    def paint(top):
        part = slice(top, min(top + rows, height))
        result[part, :, :3] = _strip(photo[part], maps, part.start / height, part.stop / height)
        if channels == 4:
            result[part, :, 3] = photo[part, :, 3]

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(paint, range(0, height, rows)))
    return result


def _strip(rows, maps, start, stop):
    """Rows of a photo in colour; they lie from `start` to `stop`, as parts of its height."""
    from lib import lab

    peak, (height, width) = np.iinfo(rows.dtype).max, rows.shape[:2]
    y = _linear_levels(peak)[rows[..., :3]] if rows.ndim == 3 else _linear_levels(peak)[rows]
    y = (y @ lab.RGB_TO_XYZ[1].astype(np.float32) if rows.ndim == 3 else y).ravel()
    f = np.where(y > lab.DELTA**3, np.cbrt(y), y / np.float32(3 * lab.DELTA**2) + np.float32(4 / 29))
    lightness = 116 * f - 16
    box = (0, start * maps[0].height, maps[0].width, stop * maps[0].height)
    fine = [one.resize((width, height), Resampling.BICUBIC, box) for one in maps]
    fine = np.stack([np.asarray(one).ravel() for one in fine])
    ab = np.clip(fine[1:3] + fine[3:5] * (lightness - fine[0]), fine[5:7], fine[7:9])
    linear = _linear_rgb(lightness, ab * gamut_factor(lightness, ab)).clip(0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055)
    return (rgb * peak + 0.5).astype(rows.dtype).T.reshape(height, width, 3)


@functools.cache
def _linear_levels(peak):
    """Linear light of each level 0..peak of an sRGB channel."""
    levels = np.arange(peak + 1) / peak
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


def _linear_rgb(lightness, ab):
    """CIELAB (N,) and (2, N) to linear sRGB (3, N), beyond [0, 1] if sRGB cannot show it."""
    from lib import lab

    y = (lightness + 16) / 116
    f = np.stack([y + ab[0] / 500, y, y - ab[1] / 200])
    xyz = np.where(f > lab.DELTA, f * f * f, np.float32(3 * lab.DELTA**2) * (f - np.float32(4 / 29)))
    return (np.linalg.inv(lab.RGB_TO_XYZ) * lab.WHITE).astype(np.float32) @ xyz


def _shown(linear):
    return ((linear >= 0) & (linear <= 1)).all(axis=0)


def _bytes(photo):
    return photo if photo.dtype == np.uint8 else (photo >> 8).astype(np.uint8)


def read(path):
    """Read a photo file, upright and in sRGB: its array, and a dict of EXIF and dpi for `write`.

    16 bits a channel stay 16 bits, but for CMYK, for grey with alpha, and for RGB that a colour
    profile has to be applied to. Of a file of several pictures the first is taken.
    """
    with warnings.catch_warnings(), contextlib.ExitStack() as files:
        warnings.simplefilter("ignore")  # Pillow warns over 89 million pixels, refuses over 179
        image, low = (files.enter_context(Image.open(path)) for _ in range(2))
        low.tile = [tile._replace(args=_other_order(tile.args)) for tile in image.tile]
        deep, about, profile = low.tile != image.tile, _about(image), _profile(image)
        image = _upright(image)
        if deep and not profile:
            return np.asarray(image) * np.uint16(256) + np.asarray(_upright(low)), about
        if image.mode[0] in "IF":
            return _gray16(image, profile), about
        return np.asarray(_to_srgb(image, profile)), about


def write(path, photo, about=None):
    """Write a photo whole or not at all; PNG and TIFF keep 16 bits, JPEG keeps no alpha."""
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
            picture = Image.fromarray(_bytes(photo[..., :3] if name == "JPEG" else photo))
            picture.save(part, name, **options, **about)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _other_order(args):
    """What a decoder is told; for 16-bit RGB with the other byte order."""
    if isinstance(args, str):
        return OTHER.get(args, args)
    return tuple(OTHER.get(arg, arg) for arg in args) if args else args


def _upright(image):
    image.load()
    with contextlib.suppress(Exception):  # broken EXIF is no reason to refuse a photo
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _about(image):
    """EXIF and resolution, for the result; what is broken is left out."""
    about = {}
    with contextlib.suppress(Exception):
        about["dpi"] = tuple(round(float(value)) for value in image.info["dpi"])
    with contextlib.suppress(Exception):
        found, exif = image.getexif(), Image.Exif()
        exif.update({tag: found[tag] for tag in EXIF_TAGS if tag in found})
        for group in EXIF_GROUPS:
            exif.get_ifd(group).update(found.get_ifd(group))
        about |= {"exif": exif.tobytes()} if found else {}
    return about


def _profile(image):
    """The colour profile to convert from; None if there is none, or it is sRGB, or broken."""
    with contextlib.suppress(Exception):
        profile = ImageCms.getOpenProfile(io.BytesIO(image.info["icc_profile"]))
        return None if "sRGB" in ImageCms.getProfileDescription(profile) else profile


def _to_srgb(image, profile):
    """An image of 8 bits in mode L, RGB or RGBA, in sRGB."""
    mode = {"1": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    mode = "RGBA" if image.has_transparency_data else mode
    image = image if image.mode == mode else image.convert(mode)
    if profile:
        target = ImageCms.createProfile("sRGB"), "RGBA" if mode == "RGBA" else "RGB"
        with contextlib.suppress(ImageCms.PyCMSError):  # a profile for another kind of image
            image = ImageCms.profileToProfile(image, profile, target[0], outputMode=target[1])
    return image.convert("RGB") if image.mode == "CMYK" else image


def _gray16(image, profile):
    """uint16 of a grey image of 16 or 32 bits a pixel."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32)).clip(0)
    whites = (1, 255, 65535, values.max())  # floats come in any of these ranges
    white = 65535 if image.mode[:4] == "I;16" else next(w for w in whites if w >= values.max())
    levels = np.rint(values * (65535 / white)).astype(np.uint16)
    if profile:
        ramp = _to_srgb(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile)
        curve = 257.0 * np.asarray(ramp.convert("L"))[0]
        levels = np.interp(levels / 257, np.arange(256), curve).astype(np.uint16)
    return levels


def _png16(photo, exif=None):
    """The bytes of a PNG of 16 bits a channel, which Pillow cannot write."""
    height, width, channels = photo.shape
    rows = photo.astype(">u2").reshape(height, -1).view(np.uint8)
    rows[1:] -= rows[:-1].copy()  # filter 2: each row as its difference from the one above
    rows = np.pad(rows, ((0, 0), (1, 0)), constant_values=2)
    kind = {3: 2, 4: 6}[channels]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    chunks += [(b"eXIf", exif.removeprefix(b"Exif\0\0"))] if exif else []
    chunks += [(b"IDAT", zlib.compress(rows, 3)), (b"IEND", b"")]
    ends = [struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks]
    starts = [struct.pack(">I", len(data)) for _, data in chunks]
    parts = [s + n + d + e for s, (n, d), e in zip(starts, chunks, ends, strict=True)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    try:
        options = _options(arguments)
        jobs = _jobs(options)
        path = _model(Path(root) / "results", options.study, options.model)
        todo = [job for job in jobs if job[1] or job[2]]
        if len(todo) < len(jobs):
            print(f"left alone, done before: {len(jobs) - len(todo)} (--force does them again)")
        failures = _color_files(todo, path, options) if todo else []
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: start it again, and it goes on where it was", file=sys.stderr)
        return 130
    print(f"coloured: {len(todo) - len(failures)} of {len(todo)}, in {options.out}", flush=True)
    print(*failures, sep="\n", end="\n" * bool(failures), file=sys.stderr)
    return 1 if failures else 0


def _color_files(jobs, path, options):
    """Colour photo after photo; gives a line for each that could not be done."""
    network, failures = _load(path), []
    print(f"model: results/{path.parts[-3]}/{path.parts[-2]}", flush=True)
    for source, target, comparison in tqdm(jobs, unit="photo", disable=None):
        try:
            photo, about = read(source)
            factor = options.render_factor
            colored = colorize(photo, network, factor, options.saturation, options.square)
            if target:
                write(target, colored, about)
            if comparison:
                write(comparison, compare(photo, colored))
        except Exception as error:  # whatever a broken file leads to
            reason = " ".join(str(error).split()) or type(error).__name__
            failures.append(f"{source}: {reason}")
    return failures


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _options(arguments):
    parser = _Parser("lib.colorize", description="Colour photos at their own size.")
    add = parser.add_argument
    add("photos", nargs="+", type=Path, metavar="IN", help="a photo, or a folder of photos")
    add("-o", dest="out", required=True, type=Path, metavar="OUT", help="folder; a file for one photo")
    add("--study", help="folder in results; default: flickr8k, or else the newest")
    add("--model", default="gan", help="default: gan")
    add("--render-factor", type=int, metavar="N", default=RENDER_FACTOR, help="2 to 40, default 12")
    add("--saturation", type=float, metavar="S", default=1.0, help="0 is grey, default 1")
    add("--square", action="store_true", help="stretch to a square, as DeOldify does")
    add("--compare", action="store_true", help="also write <name>-compare.png")
    add("--force", action="store_true", help="replace results that are there")
    options = parser.parse_args(arguments)
    if options.render_factor not in RENDER_FACTORS:
        raise UsageError(f"--render-factor: expected 2 to 40, got {options.render_factor}")
    if not 0 <= options.saturation < np.inf:
        raise UsageError(f"--saturation: expected 0 or more, got {options.saturation}")
    return options


def _jobs(options):
    """What is to be done: (photo, its result or None, its comparison or None) for each photo.

    None stands for what is not asked for, or is there already.
    """
    out, jobs, taken = options.out, [], {}
    single = len(options.photos) == 1 and out.suffix.lower() in FORMATS and not out.is_dir()
    for path in options.photos:
        files = _photos_in(path, out) if path.is_dir() else {path: path.name}
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        for source, name in files.items():
            target = out if single else out / name
            if target.suffix.lower() not in FORMATS:
                target = target.with_name(f"{target.name}.png")
            if target.resolve() in taken ...
    return jobs
