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
W3C (2025), Portable Network Graphics, third edition: filters, eXIf.
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
PANEL = 1000  # pixels, longest side of a photo in a comparison
ROOM = 65000  # bytes of EXIF, and dots an inch, that fit into a JPEG
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
    from keras import ops  # seconds: only when it is needed

    from lib import lab

    photo = _checked(photo)
    factor = RENDER_FACTOR if render_factor is None else render_factor
    if factor not in RENDER_FACTORS:
        raise ValueError(f"render_factor: expected a whole number, 2 to 40, got {render_factor}")
    if not 0 <= saturation < np.inf:
        raise ValueError(f"saturation: expected 0 or more, got {saturation}")
    fixed = network.input_shape[1:3]
    copy = reduced(photo, *(fixed if fixed[0] else copy_size(photo.shape[:2], factor, square)))
    scaled, _ = lab.scale(lab.rgb_to_lab(copy[None]))
    seen = ops.convert_to_numpy(lab.unscale(scaled, network(scaled, training=False)))[0]
    if not np.isfinite(seen).all():
        raise ValueError("network: expected finite ab, got NaN or infinity")
    return _paint(photo, _guide(seen[..., :1], seen[..., 1:] * saturation))


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


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    try:
        options = _options(arguments)
        path = _model(Path(root) / "results", options.study, options.model)
        jobs = [
            (photo, _wanted(file, options)) for photo, file in plan(options.photos, options.out)
        ]
        todo = [(photo, files) for photo, files in jobs if files]
        if len(todo) < len(jobs):
            print(f"left alone, done before: {len(jobs) - len(todo)} (--force does them again)")
        failures = _color_files(todo, path, options) if todo else []
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: start it again, and it goes on where it was", file=sys.stderr)
        return 130
    if todo:
        print(f"coloured: {len(todo) - len(failures)} of {len(todo)}, in {options.out}", flush=True)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _checked(photo):
    photo = np.asarray(photo)
    got = f"{photo.dtype}, {' x '.join(map(str, photo.shape))}"
    fits = photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] in (3, 4))
    if not fits or photo.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"photo: expected uint8 or uint16, grey, RGB or RGBA, got {got}")
    if min(photo.shape[:2]) < SMALLEST:
        raise ValueError(f"photo: expected {SMALLEST} pixels a side or more, got {got}")
    return photo


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
    peak, (height, width) = np.iinfo(rows.dtype).max, rows.shape[:2]
    lightness = _lightness(rows, peak).ravel()
    box = (0, start * maps[0].height, maps[0].width, stop * maps[0].height)
    fine = [one.resize((width, height), Resampling.BICUBIC, box) for one in maps]
    fine = np.stack([np.asarray(one).ravel() for one in fine])
    ab = np.clip(fine[1:3] + fine[3:5] * (lightness - fine[0]), fine[5:7], fine[7:9])
    linear = _linear_rgb(lightness, ab)
    beyond = np.flatnonzero(~_shown(linear))
    paler = ab[:, beyond] * gamut_factor(lightness[beyond], ab[:, beyond])
    linear[:, beyond] = _linear_rgb(lightness[beyond], paler)
    linear = linear.clip(0, 1)
    root = 1.055 * linear ** np.float32(1 / 2.4) - 0.055
    levels = np.where(linear <= 0.0031308, 12.92 * linear, root) * peak + 0.5
    return levels.astype(rows.dtype).T.reshape(height, width, 3)


def _lightness(photo, peak):
    """L of a photo, float32 (H, W): `lab.rgb_to_lab` with a table of the levels, and faster."""
    from lib import lab

    y = _linear_levels(peak)[photo]
    if photo.ndim == 3:
        y = sum(float(lab.RGB_TO_XYZ[1, i]) * y[..., i] for i in range(3))
    return np.where(y > lab.DELTA**3, 116 * np.cbrt(y) - 16, 116 / (3 * lab.DELTA**2) * y)


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
    xyz = np.where(f > lab.DELTA, f * f * f, 3 * lab.DELTA**2 * (f - 4 / 29))
    matrix = (np.linalg.inv(lab.RGB_TO_XYZ) * lab.WHITE).astype(np.float32)
    return np.einsum("ij,jn->in", matrix, xyz)  # `@` has threads of its own, which get in the way


def _shown(linear):
    return (linear.min(axis=0) >= 0) & (linear.max(axis=0) <= 1)


def _wanted(result, options):
    """Files to make for one photo: its result, its comparison; not those that are there."""
    files = {"result": result}
    if options.compare:
        files["comparison"] = result.with_name(f"{result.stem}-compare.png")
    return {kind: path for kind, path in files.items() if options.force or not path.exists()}


def _color_files(jobs, path, options):
    """Colour photo after photo; gives a line for each that could not be done."""
    network, failures = _load(path), []
    print(f"model: results/{path.parts[-3]}/{path.parts[-2]}", flush=True)
    choices = (options.render_factor, options.saturation, options.square)
    for source, files in tqdm(jobs, unit="photo", disable=None):
        try:
            photo, about = read(source)
            colored = colorize(photo, network, *choices)
            if "result" in files:
                write(files["result"], colored, about)
            if "comparison" in files:
                write(files["comparison"], compare(photo, colored))
        except Exception as error:  # whatever a broken file leads to
            failures.append(f"{source}: {_reason(error)}")
    return failures


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _options(arguments):
    parser = _Parser("lib.colorize", description="Colour photos at their own size.")
    add = parser.add_argument
    add("photos", nargs="+", type=Path, metavar="IN", help="a photo, or a folder of photos")
    add("-o", dest="out", required=True, type=Path, metavar="OUT", help="folder, or file for one")
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


def _model(results, study, name):
    """The file of the model: of the study named, of flickr8k, or the newest."""
    found = results.glob(f"{study or '*'}/{name}/model.keras")
    found = sorted(found, key=lambda path: path.stat().st_mtime)
    if not found:
        raise UsageError(f"no trained {name} in results/{study or ''}: run `make report` first")
    return next((path for path in found if path.parts[-3] == "flickr8k"), found[-1])


def _load(path):
    """Read the network, without the notes that TensorFlow writes on start-up past Python."""
    sys.stderr.flush()
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        from lib import models

        network = models.load(path)
        if isinstance(network.input_shape, tuple):
            return network
        raise ValueError("it takes more than a grey photo")  # the critic
    except Exception as error:
        raise UsageError(f"{path}: not a model that colours: {_reason(error)}") from None
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def _reason(error):
    return " ".join(str(error).split()) or type(error).__name__


# ---- photo files ----


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


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    sys.exit(main())
