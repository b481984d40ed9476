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
import functools
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from lib.photo_files import checked, compare, panels, plan, read, reduced, write  # noqa: F401
from lib.profiles import UsageError

ROOT = Path(__file__).resolve().parents[1]
RENDER_FACTOR = 12  # x 16 pixels: short side of the copy that the network sees
RENDER_FACTORS = range(2, 41)  # self-attention needs memory with the fourth power
LONGEST = 3  # long side of the copy over its short side; longer panoramas are squeezed
EDGE = 10.0  # CIELAB units: where L varies by more than this, ab follows it
STRIP = 1 << 16  # pixels computed at once: they stay in the processor's cache
HALVINGS = 12  # of the interval of the gamut factor: exact to 1/4096


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

    photo = checked(photo)
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
        todo = [job for job in jobs if job[1]]
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
    result = np.empty((height, width, 4 if photo.shape[2:] == (4,) else 3), photo.dtype)
    rows = max(1, STRIP // width)

    def paint(top):
        part = slice(top, min(top + rows, height))
        result[part, :, :3] = _strip(photo[part], maps, part.start / height, part.stop / height)
        if result.shape[2] == 4:
            result[part, :, 3] = photo[part, :, 3]

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(paint, range(0, height, rows)))
    return result


def _strip(rows, maps, start, stop):
    """Rows of a photo in colour; they lie from `start` to `stop`, as parts of its height."""
    peak, (height, width) = np.iinfo(rows.dtype).max, rows.shape[:2]
    lightness = _lightness(rows, peak).ravel()
    box = (0, start * maps[0].height, maps[0].width, stop * maps[0].height)
    fine = [one.resize((width, height), Image.Resampling.BICUBIC, box) for one in maps]
    fine = np.stack([np.asarray(one).ravel() for one in fine])
    ab = np.clip(fine[1:3] + fine[3:5] * (lightness - fine[0]), fine[5:7], fine[7:9])
    linear = _linear_rgb(lightness, ab)
    beyond = np.flatnonzero(~_shown(linear))
    paler = ab[:, beyond] * gamut_factor(lightness[beyond], ab[:, beyond])
    linear[:, beyond] = _linear_rgb(lightness[beyond], paler)
    root = 1.055 * linear.clip(0, 1) ** np.float32(1 / 2.4) - 0.055
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


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    sys.exit(main())
