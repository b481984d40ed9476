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
import datetime
import logging
import os
import signal
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
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


def run():
    """What `python -m lib.colorize` does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    sys.exit(main())


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    try:
        options = _options(arguments)
        path = find_model(Path(root) / "results", options.study, options.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what counts is said in `failures`
            jobs, notes = photo_sources.plan(options.photos, options.out)
            print(*notes, sep="\n", end="\n" if notes else "", flush=True)
            places = photo_sources.comparisons(jobs) if options.compare else {}
            files = [(job, job.result, places.get(job)) for job in jobs]
            if not options.force:
                files = [(job, *(None if _there(p) else p for p in ps)) for job, *ps in files]
            todo = [one for one in files if any(one[1:])]
            if len(todo) < len(files):
                left = len(files) - len(todo)
                print(f"left alone, done before: {left} (--force does them again)", flush=True)
            failures = _color(todo, path, options) if todo else []
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


def find_model(results, study=None, name=None):
    """The file of a trained network.

    Of `study` its model.keras, or else its released network; without `study` that of the reference
    study, released first. Without `name` the best network that is there. Raises UsageError if there
    is none.
    """
    folder = Path(results) / (study or REFERENCE)
    for given in (study, name):
        if given is not None and given != Path(given).name:
            raise UsageError(f"expected the name of a folder in results, got {given!r}")
    files = ("model.keras", RELEASED) if study else (RELEASED, "model.keras")
    networks = (name,) if name else ()
    if not name and any(path.name in files for path in folder.glob("*/*")):
        with quiet_startup():
            from lib.models import NETWORKS
        networks = reversed(NETWORKS)
    for network in networks:
        for file in files:
            if (folder / network / file).is_file():
                return folder / network / file
    wanted = f"{name or 'network'} in results/{folder.name}"
    raise UsageError(f"no trained {wanted}: run `make report`, or choose another by --study")


def load(path, xception="imagenet"):
    """Read what `find_model` has found, without the notes that TensorFlow writes while it loads.

    `xception` as for `released.read`. Raises UsageError if it cannot be read, or colours nothing.
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


def color_files(files, network, choices=(None, 1.0, False), smoothing=video.SMOOTHING, most=None):
    """Read, colour and write photos and films; a bad one does not keep the others from it.

    Parameters
    ----------
    files : list of (photo_sources.Job, path or None, path or None)
        What to make of each: the result, and the comparison of a photo.
    network : keras.Model
    choices : tuple
        render_factor, saturation and square of `colorize.colorize`.
    smoothing : float, 0 to 1
        Of films, see `video`.
    most : int, optional
        Pixels of a photo, see `decode.read`.

    Returns
    -------
    list of str
        A line for each file that failed, in the order of `files`.
    """
    failures, threads = {}, ThreadPoolExecutor(AT_ONCE)

    def photo(job, result, comparison):
        before, about = decode.read(job.source, most=most or decode.MOST)
        colored = colorize.colorize(before, network, *choices)
        if result:
            photo_files.write(result, colored, about)
        if comparison:
            photo_files.write(comparison, photo_files.compare(before, colored))
        return [f"only the first of {about['pictures']} pictures"] * (about["pictures"] > 1)

    def film(job, result, _):
        return video.color_film(job.source, result, network, *choices, smoothing)

    moving = [photo_sources.is_moving(job.source) for job, *_ in files]
    waiting = [None if m else threads.submit(photo, *f) for f, m in zip(files, moving, strict=True)]
    try:
        with tqdm(total=len(files), unit="photo", disable=None) as bar:
            for number in sorted(range(len(files)), key=moving.__getitem__):  # photos first
                job = files[number][0]
                try:
                    notes = film(*files[number]) if moving[number] else waiting[number].result()
                    for note in notes:
                        print(f"{job.label}: {note}", flush=True)
                except Exception as error:  # whatever a broken file leads to
                    failures[number] = f"{job.label}: {_reason(error)}"
                bar.update()
    finally:  # at an interrupt only what has begun is finished
        threads.shutdown(cancel_futures=True)
    return [failures[number] for number in sorted(failures)]


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _options(arguments):
    parser = _Parser("lib.colorize", description="Colour photos and films at their own size.")
    add = parser.add_argument
    add("photos", nargs="+", type=Path, metavar="IN", help="photos, films, animated GIFs, folders")
    add("-o", dest="out", required=True, metavar="OUT", help="folder, or file for one")
    add("--study", help=f"folder in results; default: the released networks of {REFERENCE}")
    add("--model", help="default: the best that is there, first gan")
    words = "file of Xception's weights, for a network that needs them; default: downloaded"
    add("--xception", default="imagenet", metavar="FILE", help=words)
    factor, most = colorize.RENDER_FACTOR, max(colorize.RENDER_FACTORS)
    words = f"2 to {most}, default {factor}: x 16 pixels, short side of what the network sees"
    add("--render-factor", type=int, metavar="N", default=factor, help=words)
    add("--saturation", type=float, metavar="S", default=1.0, help="0 is grey, default 1")
    add("--square", action="store_true", help="stretch to a square, as DeOldify does")
    words = f"of films over time: 0 (none) to 1, default {video.SMOOTHING}"
    add("--smoothing", type=float, metavar="S", default=video.SMOOTHING, help=words)
    words = f"largest photo, default {decode.MOST / 1e6:.0f}; each takes about 15 MB of memory"
    add("--megapixels", type=float, metavar="N", default=decode.MOST / 1e6, help=words)
    add("--compare", action="store_true", help="also write <name>-compare.png; not of films")
    add("--force", action="store_true", help="replace results that are there")
    options = parser.parse_args(arguments)
    if options.render_factor not in colorize.RENDER_FACTORS:
        raise UsageError(f"--render-factor: expected 2 to {most}, got {options.render_factor}")
    if not 0 <= options.saturation < np.inf:
        raise UsageError(f"--saturation: expected 0 or more, got {options.saturation}")
    if not 0 <= options.smoothing <= 1:
        raise UsageError(f"--smoothing: expected 0 to 1, got {options.smoothing}")
    if not 0 < options.megapixels < np.inf:
        raise UsageError(f"--megapixels: expected more than 0, got {options.megapixels}")
    if not options.out:
        raise UsageError("-o: expected a folder or the name of a file, got nothing")
    options.out = Path(options.out)
    return options


def _there(path):
    try:
        return path is None or path.exists()
    except OSError:  # a name that is too long: it fails when it is written, with its reason
        return False


def _color(todo, path, options):
    network = load(path, options.xception)
    print(f"model: results/{path.parts[-3]}/{path.parts[-2]} ({_trained(path)})", flush=True)
    choices = (options.render_factor, options.saturation, options.square)
    most = round(1e6 * options.megapixels)
    return color_files(todo, network, choices, options.smoothing, most)


def _trained(path):
    """When a network was trained: a released one as the record of its study says, or its file."""
    date = datetime.date.fromtimestamp(path.stat().st_mtime).isoformat()
    if path.name != RELEASED:
        return f"trained {date}"
    steps = read_json(path.parents[1] / "run.json").get("steps", {})
    dates = [str(step.get("finished"))[:10] for name, step in steps.items() if name < "07"]
    return f"released, trained {max(dates, default=date)}"


def _reason(error):
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, decode.Unreadable) and "at most" in text and "pixels" in text:
        text += " (--megapixels allows more)"
    return " ".join(text.split()) or type(error).__name__
