"""Colour photos and videos from the command line.

    python -m lib.colorize photo.jpg -o colored              colored/photo.jpg
    python -m lib.colorize scan.tif album -o out --compare   folders too; comparisons beside
    python -m lib.colorize album.zip film.mp4 -o out         archives, videos, animated GIFs
    python -m lib.colorize old.png -o new.png --study quick --model cnn --render-factor 8

Without --study the network is that of results/flickr8k, or else the newest; without --model the
best there that needs no download: gan, or else generator, cnn, xception_skips, xception,
autoencoder. Photos are read, coloured and written some at a time on all processors; how many
depends on their size, so that memory is bounded. Exit status: 0 done; 1 a file failed, a line says
why; 2 a wrong argument or a missing file, one line; 130 interrupted.
"""

import argparse
import collections
import logging
import os
import signal
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from lib import quiet_startup, released
from lib.colorize import photo as colorize
from lib.colorize import photo_files, photo_sources, video
from lib.study.profiles import UsageError

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "flickr8k"  # the study that is preferred
CHUNK = 16  # photos that are read before the network is asked
CHUNK_PIXELS = 8 << 20  # of them
IN_HAND = 32 << 20  # pixels of photos in memory, but for one photo that has more by itself


def run():
    """What `python -m lib.colorize` does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    sys.exit(main())


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    try:
        options = _options(arguments)
        path = find_model(Path(root) / "results", options.study, options.model)
        with tempfile.TemporaryDirectory(prefix="colorize-") as unpacked, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what counts is said in `failures`
            planned, broken = photo_sources.plan(options.photos, options.out, Path(unpacked))
            files = [(job, _wanted(job, options)) for job in planned]
            todo = [one for one in files if one[1]]
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
    for failure in broken + failures:
        print(failure, file=sys.stderr)
    return 1 if broken + failures else 0


def find_model(results, study=None, name=None):
    """The file of a trained network: its model.keras, or else its released.keras.

    Without `study` that of flickr8k, or else the newest. Without `name` the first of
    `released.BEST_FIRST`, but one whose encoder must be downloaded only if there is no other.
    Raises UsageError if there is none.
    """
    found = {}
    for file in (released.NAME, "model.keras"):  # the second takes the first one's place
        found |= {p.parent: p for p in Path(results).glob(f"{study or '*'}/{name or '*'}/{file}")}
    order = (name,) if name else released.BEST_FIRST
    found, newest = [path for path in found.values() if path.parts[-2] in order], {}
    for path in found:
        newest[path.parts[-3]] = max(newest.get(path.parts[-3], 0), path.stat().st_mtime)

    def rank(path):
        study, network = path.parts[-3:-1]
        later = name is None and path.name == released.NAME and not released.works_offline(path)
        return later, study != REFERENCE, -newest[study], order.index(network)

    if not found:
        wanted = f"{name or 'network'} in results/{study or ''}"
        raise UsageError(f"no trained {wanted}: run `make report` first")
    return min(found, key=rank)


def load(path, xception="imagenet"):
    """Read what `find_model` has found, without the notes that TensorFlow writes while it loads.

    `xception` as for `released.read`. Raises UsageError if it cannot be read, or colours nothing.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # of compiling for several sizes
    try:
        with quiet_startup():
            from lib import models

            kept = path.name == released.NAME
            network = released.read(path, xception) if kept else models.load(path)
        if isinstance(network.input_shape, tuple):
            return network
        raise ValueError("it takes more than a grey photo")  # the critic
    except released.WeightsError as error:
        raise UsageError(str(error)) from None
    except Exception as error:
        raise UsageError(f"{path}: not a model that colours: {_reason(error)}") from None


def color_files(files, network, choices=(None, 1.0, False), smoothing=video.SMOOTHING):
    """Read, colour and write photos and videos; a bad one does not keep the others from it.

    Parameters
    ----------
    files : list of (photo_sources.Job, dict)
        The dict has the paths to write: "result", and "comparison" for a photo.
    network : keras.Model
    choices : tuple
        render_factor, saturation and square of `colorize.colorize`.
    smoothing : float, 0 to 1
        Of videos, see `video`.

    Returns
    -------
    list of str
        A line for each file that failed, in the order of `files`.
    """
    with tqdm(total=len(files), unit="photo", disable=None) as bar:
        work = _Work(files, network, choices, smoothing, bar)
        try:
            for chunk, pixels in _chunks([job for job, _ in files]):
                work.color(chunk, pixels)
        finally:  # at an interrupt only what has begun is finished
            work.threads.shutdown(cancel_futures=sys.exc_info()[0] is not None)
    return [work.failures[number] for number in sorted(work.failures)]


class _Work:
    """Photos on their way from file to file; a photo is named by its number in `files`."""

    def __init__(self, files, network, choices, smoothing, bar):
        self.files, self.network, self.smoothing, self.bar = files, network, smoothing, bar
        self.factor, self.saturation, self.square = choices
        self.predict, self.failures = colorize.Predictor(network), {}
        self.threads, self.in_hand = ThreadPoolExecutor(os.cpu_count()), collections.deque()

    def color(self, chunk, pixels):
        """Start the photos of a chunk; waits while too many pixels are in hand."""
        while self.in_hand and sum(size for size, _ in self.in_hand) + pixels > IN_HAND:
            wait(self.in_hand.popleft()[1])
        if photo_sources.is_moving(self.files[chunk[0]][0].source):
            return self.color_film(chunk[0])
        sizes, painting = collections.defaultdict(list), []
        for number, reading in [(n, self.threads.submit(self.read, n)) for n in chunk]:
            try:
                photo, about, view = reading.result()
                sizes[view.shape].append((number, photo, about, view))
            except Exception as error:  # whatever a broken file leads to; here and below
                self.note(number, error)
        cores = 1 if len(chunk) > 1 else None
        for tasks in sizes.values():
            try:
                seen = self.predict([task[-1] for task in tasks]) * self.saturation
            except Exception as error:
                for task in tasks:
                    self.note(task[0], error)
                continue
            for task, ab in zip(tasks, seen, strict=True):
                painting.append(self.threads.submit(self.finish, *task, ab, cores))
        self.in_hand.append((pixels, painting))

    def read(self, number):
        photo, about = photo_files.read(self.files[number][0].source)
        return photo, about, colorize.view(photo, self.network, self.factor, self.square)

    def finish(self, number, photo, about, view, ab, cores):
        paths = self.files[number][1]
        try:
            colored = colorize.paint(photo, view, ab, cores)
            if "result" in paths:
                photo_files.write(paths["result"], colored, about)
            if "comparison" in paths:
                photo_files.write(paths["comparison"], photo_files.compare(photo, colored))
            self.bar.update()
        except Exception as error:
            self.note(number, error)

    def color_film(self, number):
        job, paths = self.files[number]
        choices = (self.factor, self.saturation, self.square, self.smoothing)
        try:
            video.color_film(job.source, paths["result"], self.network, *choices)
            self.bar.update()
        except Exception as error:
            self.note(number, error)

    def note(self, number, error):
        self.failures[number] = f"{self.files[number][0].label}: {_reason(error)}"
        self.bar.update()


def _chunks(jobs):
    """Numbers of photos to read together, and their pixels; a film is alone and counts most."""
    chunk, total = [], 0
    for number, job in enumerate(jobs):
        pixels = _pixels(job.source)
        if chunk and (len(chunk) == CHUNK or total + pixels > CHUNK_PIXELS):
            yield chunk, total
            chunk, total = [], 0
        chunk.append(number)
        total += pixels
    if chunk:
        yield chunk, total


def _pixels(source):
    if photo_sources.is_moving(source):
        return IN_HAND
    try:
        with Image.open(source) as image:
            return image.width * image.height
    except Exception:  # it fails when it is read, with its reason
        return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _options(arguments):
    parser = _Parser("lib.colorize", description="Colour photos and videos at their own size.")
    add = parser.add_argument
    files = "photos, videos, animated GIFs, folders and archives (zip, tar) of photos"
    add("photos", nargs="+", type=Path, metavar="IN", help=files)
    add("-o", dest="out", required=True, type=Path, metavar="OUT", help="folder, or file for one")
    add("--study", help=f"folder in results; default: {REFERENCE}, or else the newest")
    add("--model", help="default: the best that needs no download, first gan")
    words = "file of Xception's weights, for a network that needs them; default: downloaded"
    add("--xception", default="imagenet", metavar="FILE", help=words)
    factor, most = colorize.RENDER_FACTOR, max(colorize.RENDER_FACTORS)
    words = f"2 to {most}, default {factor}: x 16 pixels, short side of what the network sees"
    add("--render-factor", type=int, metavar="N", default=factor, help=words)
    add("--saturation", type=float, metavar="S", default=1.0, help="0 is grey, default 1")
    add("--square", action="store_true", help="stretch to a square, as DeOldify does")
    words = f"of videos over time: 0 (none) to 1, default {video.SMOOTHING}"
    add("--smoothing", type=float, metavar="S", default=video.SMOOTHING, help=words)
    add("--compare", action="store_true", help="also write <name>-compare.png; not of videos")
    add("--force", action="store_true", help="replace results that are there")
    options = parser.parse_args(arguments)
    if options.render_factor not in colorize.RENDER_FACTORS:
        raise UsageError(f"--render-factor: expected 2 to {most}, got {options.render_factor}")
    if not 0 <= options.saturation < np.inf:
        raise UsageError(f"--saturation: expected 0 or more, got {options.saturation}")
    if not 0 <= options.smoothing <= 1:
        raise UsageError(f"--smoothing: expected 0 to 1, got {options.smoothing}")
    return options


def _wanted(job, options):
    """Files to make for one photo: its result, its comparison; not those that are there."""
    files = {"result": job.result}
    if options.compare and not photo_sources.is_moving(job.source):
        files["comparison"] = job.result.with_name(f"{job.result.stem}-compare.png")
    return {kind: path for kind, path in files.items() if options.force or not path.exists()}


def _color(todo, path, options):
    network = load(path, options.xception)
    print(f"model: results/{path.parts[-3]}/{path.parts[-2]}", flush=True)
    choices = (options.render_factor, options.saturation, options.square)
    return color_files(todo, network, choices, options.smoothing)


def _reason(error):
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__
