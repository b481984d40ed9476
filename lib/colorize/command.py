"""Colour photos and films from the command line.

    python -m lib.colorize photo.jpg -o colored              colored/photo.jpg
    python -m lib.colorize scan.tif album -o out --compare   folders too; comparisons beside
    python -m lib.colorize film.mp4 loop.gif -o out          films, animated GIFs
    python -m lib.colorize old.png -o new.png --study quick --model cnn --render-factor 8

Without --study the network is the released one of results/flickr8k; without --model the best of the
study: gan, or else the next before it in `models.NETWORKS`. A few photos at a time are read,
coloured and written. Exit status: 0 done; 1 a file failed, a line says why; 2 a wrong argument or a
missing file, one line; 130 interrupted.
"""

import argparse
import collections
import datetime
import functools
import logging
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from lib import quiet_startup
from lib.colorize import photo as colorize
from lib.colorize import photo_files, photo_sources, video
from lib.colorize.photo_sources import UsageError
from lib.data import decode
from lib.files import read_json

ROOT = Path(__file__).resolve().parents[2]
RELEASED = "released.npz"  # see `released`
REFERENCE = "flickr8k"  # the study whose released networks come with the project
AT_ONCE = min(4, os.cpu_count())  # photos in memory
LARGEST = decode.MOST / 1e6  # megapixels of a photo
OFTEN = 16  # photos of one size that are worth compiling the network for it


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    try:
        options = _options(arguments)
        path = find_model(Path(root) / "results", options.study, options.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what counts is said in `failures`
            jobs, notes = photo_sources.plan(options.photos, options.out, options.compare)
            files = []
            for source, *places in jobs:
                if not options.force:
                    places = [None if p and os.access(p, os.F_OK) else p for p in places]
                files += [(source, *places)] if any(places) else []
            if len(files) < len(jobs):
                left = len(jobs) - len(files)
                notes.append(f"left alone, done before: {left} (--force does them again)")
            print("".join(f"{note}\n" for note in notes), end="", flush=True)
            if not files:
                return 0
            network = load(path, options.xception)
            model = "/".join(path.parts[-3:-1])
            print(f"model: results/{model} ({_trained(path)})", flush=True)
            names = ("render_factor", "saturation", "square", "smoothing", "megapixels")
            failures = color_files(files, network, *(getattr(options, name) for name in names))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: start it again, and it goes on where it was", file=sys.stderr)
        return 130
    print(f"coloured: {len(files) - len(failures)} of {len(files)}, in {options.out}", flush=True)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def find_model(results, study=None, name=None):
    """The file of a trained network; UsageError if there is none.

    Of `study` its model.keras, or else its released network; without `study` that of the reference
    study, released first. Without `name` the best network that is there.
    """
    folder = Path(results) / (study or REFERENCE)
    for given in (study, name):
        if given is not None and given != Path(given).name:
            raise UsageError(f"expected the name of a folder in results, got {given!r}")
    found = {}
    for file in (RELEASED, "model.keras") if study else ("model.keras", RELEASED):
        found |= {path.parent.name: path for path in folder.glob(f"*/{file}")}
    networks = (name,)
    if found and not name:
        with quiet_startup():
            from lib.models import NETWORKS
        networks = reversed(NETWORKS)
    for network in networks:
        if network in found:
            return found[network]
    wanted = f"no trained {name or 'network'} in results/{folder.name}"
    raise UsageError(f"{wanted}: run `make report`, or choose another by --study")


def load(path, xception="imagenet"):
    """Read what `find_model` has found; UsageError if it cannot be read, or colours nothing.

    `xception` as for `released.read`.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # of compiling for several sizes
    try:
        with quiet_startup():
            from lib import models
            from lib.colorize import released

            kept = path.name == RELEASED
            network = released.read(path, xception) if kept else models.load(path)
    except Exception as error:
        raise UsageError(f"{path}: not a model that colours: {_reason(error)}") from None
    if not isinstance(network.input_shape, tuple):  # the critic
        raise UsageError(f"{path}: not a model that colours: it takes more than a grey photo")
    return network


def color_files(files, network, factor, saturation, square, smoothing, megapixels=LARGEST):
    """Read, colour and write photos and films; a bad one does not keep the others from it.

    `files` is a list of (photo or film, path of its result or None, path of its comparison or
    None), `megapixels` are those that a photo may have, the rest as for `video.color_pictures`.
    Gives a line for each file that failed.
    """
    failures, threads = [], ThreadPoolExecutor(AT_ONCE)
    seen, compiled = collections.Counter(), {}

    def photo(source, result, comparison):
        before, about = decode.read(source, most=round(1e6 * megapixels))
        lightness = colorize.view(before, network, factor, square)
        size = lightness.shape
        seen[size] += 1
        if seen[size] == OFTEN:
            compiled[size] = colorize.sized(network, size)
        ab = colorize.predict(lightness, compiled.get(size, network)) * saturation
        colored = colorize.paint(before, lightness, ab)
        if result:
            photo_files.write(result, colored, about)
        if comparison:
            photo_files.write(comparison, photo_files.compare(before, colored))
        return [f"only the first of {about['pictures']} pictures"] * (about["pictures"] > 1)

    photos, films = [], []
    for source, result, comparison in files:
        if photo_sources.is_moving(source):
            choices = (network, factor, saturation, square, smoothing)
            films.append((source, functools.partial(video.color_film, source, result, *choices)))
        else:  # begins at once
            photos.append((source, threads.submit(photo, source, result, comparison).result))
    try:
        for source, finish in tqdm(photos + films, unit="photo", disable=None):
            try:
                for note in finish():
                    print(f"{source}: {note}", flush=True)
            except Exception as error:  # whatever a broken file leads to
                failures.append(f"{source}: {_reason(error)}")
    finally:  # at an interrupt only what has begun is finished
        threads.shutdown(cancel_futures=True)
    return sorted(failures)


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _options(arguments):
    parser = _Parser("lib.colorize", description="Colour photos and films at their own size.")
    add, most = parser.add_argument, max(colorize.RENDER_FACTORS)
    add("photos", nargs="+", type=Path, metavar="IN", help="photos, films, animated GIFs, folders")
    add("-o", dest="out", type=Path, required=True, metavar="OUT", help="folder, or file for one")
    add("--study", help=f"folder in results; default: the released networks of {REFERENCE}")
    add("--model", help="default: the best that is there, first gan")
    words = "file of Xception's weights, for a network that needs them; default: downloaded"
    add("--xception", default="imagenet", metavar="FILE", help=words)
    words = f"2 to {most}, default %(default)s: x 16 pixels, short side of what the network sees"
    add("--render-factor", type=int, metavar="N", default=colorize.RENDER_FACTOR, help=words)
    add("--saturation", type=float, metavar="S", default=1.0, help="0 is grey, default 1")
    add("--square", action="store_true", help="stretch to a square, as DeOldify does")
    words = "of films over time: 0 (none) to 1, default %(default)s"
    add("--smoothing", type=float, metavar="S", default=video.SMOOTHING, help=words)
    words = f"largest photo, default {LARGEST:.0f}; each takes about 15 MB of memory"
    add("--megapixels", type=float, metavar="N", default=LARGEST, help=words)
    add("--compare", action="store_true", help="also write <name>-compare.png; not of films")
    add("--force", action="store_true", help="replace results that are there")
    options = parser.parse_args(arguments)
    ranges = {"render_factor": (2, most), "saturation": (0, 100), "smoothing": (0, 1)}
    for name, (low, high) in (ranges | {"megapixels": (0.001, 1e6)}).items():
        value = getattr(options, name)
        if not low <= value <= high:  # NaN, too
            name = name.replace("_", "-")
            raise UsageError(f"--{name}: expected {low:g} to {high:g}, got {value:g}")
    return options


def _trained(path):
    """When a network was trained: a released one as the record of its study says, or its file."""
    date = datetime.date.fromtimestamp(path.stat().st_mtime).isoformat()
    if path.name != RELEASED:
        return f"trained {date}"
    steps = read_json(path.parents[1] / "run.json").get("steps", {}).items()
    dates = [str(step.get("finished"))[:10] for name, step in steps if name < "07"]
    return f"released, trained {max(dates, default=date)}"


def _reason(error):
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, decode.Unreadable) and "at most" in text and "pixels" in text:
        text += " (--megapixels allows more)"
    return " ".join(text.split()) or type(error).__name__
