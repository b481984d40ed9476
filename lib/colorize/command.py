"""Colour photos and films from the command line.

    python -m lib.colorize photo.jpg -o colored              colored/photo.jpg
    python -m lib.colorize scan.tif album -o out --compare   folders too; comparisons beside
    python -m lib.colorize film.mp4 loop.gif -o out          films, animated GIFs
    python -m lib.colorize old.png -o new.png --study quick --model cnn --render-factor 8

Without --study the network is the released one of results/flickr8k; without --model the best of the
study: gan, or else the next before it in `models.NETWORKS`. Exit status: 0 done; 1 a file failed, a
line says why; 2 a wrong argument or a missing file, one line; 130 interrupted.
"""

import argparse
import datetime
import os
import sys
import warnings
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from lib import quiet_startup
from lib.colorize import photo as colorize
from lib.colorize import photo_files, video
from lib.data import decode
from lib.data.sources import photos_in
from lib.files import read_json

ROOT = Path(__file__).resolve().parents[2]
RELEASED = "released.npz"  # see `released`
REFERENCE = "flickr8k"  # the study whose released networks come with the project
LARGEST = decode.MOST / 1e6  # megapixels of a photo
OFTEN = 16  # photos of one size that are worth compiling the network for it
FILMS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")  # a result has the suffix of its film


class UsageError(ValueError):
    """A wrong argument or a missing file; the message is one line."""


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    try:
        options = _options(arguments)
        path = find_model(Path(root) / "results", options.study, options.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what counts is said in `failures`
            jobs, notes = plan(options.photos, options.out, options.compare)
            files = [job for job in jobs if options.force or not os.access(job[1], os.F_OK)]
            if left := len(jobs) - len(files):
                notes.append(f"left alone, done before: {left} (--force does them again)")
            print("".join(f"{note}\n" for note in notes), end="", flush=True)
            if not files:
                return 0
            network = load(path, options.xception)
            print(f"model: results/{'/'.join(path.parts[-3:-1])} ({_trained(path)})", flush=True)
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
    files = ("model.keras", RELEASED) if study else (RELEASED, "model.keras")
    wanted = [name] if name else []
    if not name and folder.is_dir():
        with quiet_startup():
            from lib.models import NETWORKS
        wanted = reversed(NETWORKS)
    for network in wanted:
        for path in (folder / network / file for file in files):
            if path.is_file():
                return path
    missing = f"no trained {name or 'network'} in results/{folder.name}"
    raise UsageError(f"{missing}: run `make report`, or choose another by --study")


def load(path, xception="imagenet"):
    """Read what `find_model` has found; UsageError if it cannot be read, or colours nothing.

    `xception` as for `released.read`.
    """
    try:
        with quiet_startup():
            from lib import models
            from lib.colorize import released

            network = released.read(path, xception) if path.name == RELEASED else models.load(path)
    except Exception as error:
        raise UsageError(f"{path}: not a model that colours: {_reason(error)}") from None
    if not isinstance(network.input_shape, tuple):  # the critic
        raise UsageError(f"{path}: not a model that colours: it takes more than a grey photo")
    return network


def color_files(files, network, factor, saturation, square, smoothing, megapixels=LARGEST):
    """Read, colour and write photos and films; a bad one does not keep the others from it.

    `files` is a list of (photo or film, path of its result, path of its comparison or None),
    `megapixels` are those that a photo may have, the rest as for `video.color_pictures`.
    Gives a line for each file that failed.
    """
    failures, seen, compiled = [], [], {}

    def color(source, result, comparison):
        if is_moving(source):
            return video.color_film(source, result, network, factor, saturation, square, smoothing)
        before, about = decode.read(source, most=round(1e6 * megapixels))
        lightness = colorize.view(before, network, factor, square)
        seen.append(size := lightness.shape)
        if seen.count(size) == OFTEN:
            compiled[size] = colorize.sized(network, size)
        ab = colorize.predict(lightness, compiled.get(size, network)) * saturation
        colored = colorize.paint(before, lightness, ab)
        if comparison:
            photo_files.write(comparison, photo_files.compare(before, colored))
        photo_files.write(result, colored, about)
        return [f"only the first of {about['pictures']} pictures"] * (about["pictures"] > 1)

    for file in tqdm(files, unit="photo", disable=None):
        try:
            for note in color(*file):
                print(f"{file[0]}: {note}", flush=True)
        except Exception as error:  # whatever a broken file leads to
            failures.append(f"{file[0]}: {_reason(error)}")
    return sorted(failures)


def plan(paths, out, compare=False):
    """What becomes of the photos and films at `paths`, files and folders.

    `out` is a folder for results with the names of the photos; or, for one file, its result. With
    `compare` each photo has a comparison, too. Gives a list of (source, result, comparison or
    None), and a list of lines: what is left out of each folder. Raises UsageError if a path is not
    there, a folder holds no photo, two results or a result and a photo would have one place, or
    nothing can be written to `out`.
    """
    results, notes = {}, []
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    one = out.suffix.lower() in (*decode.SUFFIXES, *FILMS) and not out.is_dir()
    if one:
        kinds = _kinds(paths[0])
        if len(paths) > 1 or paths[0].is_dir() or out.suffix.lower() not in kinds:
            wanted = f"expected a folder, or for one file its result in {' '.join(kinds)}"
            raise UsageError(f"{out}: {wanted}")
        results, paths = {out: paths[0]}, []
    for path in paths:
        files = [path]
        if path.is_dir():
            files, left_out = photos_in(path, {*decode.SUFFIXES, *FILMS})
            if path.resolve() != out.resolve():  # former results
                files = [file for file in files if out.resolve() not in file.resolve().parents]
            if not files:
                raise UsageError(f"{path}: no photos in that folder")
            notes += [f"{path}: left out: {left_out}"] if left_out else []
        for file in files:
            result = out / (file.relative_to(path) if path.is_dir() else path.name)
            if file.suffix.lower() not in _kinds(file):
                result = result.with_name(f"{result.name}.png")
            if results.setdefault(result, file) != file:
                raise UsageError(f"{results[result]} and {file} would both become {result}")
    sources = set(map(os.path.realpath, results.values()))
    for result in results:
        if os.path.realpath(result) in sources:
            raise UsageError(f"{result}: the result would replace a photo, choose another")
    folder = out.parent if one else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to: {error.strerror}") from None
    jobs = []
    for result, source in results.items():
        place = result.with_name(f"{result.name}-compare.png") if compare else None
        if place in results:
            raise UsageError(f"{place} would be a comparison and the result of {results[place]}")
        jobs.append((source, result, None if is_moving(source) else place))
    return jobs, notes


def is_moving(path):
    """Whether a file is a film, by its suffix, or a GIF of several pictures."""
    if path.suffix.lower() != ".gif" or not path.is_file():
        return path.suffix.lower() in FILMS
    try:
        with Image.open(path, formats=["GIF"]) as image:
            return image.is_animated
    except Exception:  # what is broken fails when it is coloured, with its reason
        return True


def _kinds(source):
    """Suffixes that the result of a photo or film may have; a photo of another becomes a PNG."""
    if not is_moving(source):
        return photo_files.FORMATS
    return (".gif",) if source.suffix.lower() == ".gif" else FILMS


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
    released = path.name == RELEASED
    steps = read_json(path.parents[1] / "run.json").get("steps", {}).items() if released else ()
    dates = [str(step.get("finished"))[:10] for name, step in steps if name < "07"]
    return "released, " * released + f"trained {max(dates, default=date)}"


def _reason(error):
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, decode.Unreadable) and "at most" in text and "pixels" in text:
        text += " (--megapixels allows more)"
    return " ".join(text.split()) or type(error).__name__
