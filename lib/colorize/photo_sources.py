"""Which photos and films to colour, and where each result goes; needs no Keras.

Inputs are files and folders; `lib.data.sources.photos_in` says which files of a folder are photos.
"""

import collections
import os
import tempfile
import typing
from pathlib import Path

from PIL import Image
from skimage import data

from lib.colorize.photo_files import FORMATS
from lib.data.decode import SUFFIXES
from lib.data.sources import photos_in

FILMS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")  # a result has the suffix of its film
BUNDLED = ("coffee.png", "astronaut.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")
BUNDLED += ("camera.png", "coins.png")  # grey from the beginning


class UsageError(ValueError):
    """A wrong argument or a missing file; the message is one line."""


class Job(typing.NamedTuple):
    """One photo or film, and what becomes of it."""

    source: Path
    result: Path


def choose(photos, folder):
    """The inputs that a notebook's PHOTOS names: a list of paths.

    `photos` is a path of a file or folder; "upload", which asks for files on Colab and stores them
    in `folder`; or None for the photos of scikit-image, five in colour and two that are truly grey.
    Raises ValueError if there is nothing at that path, or elsewhere than on Colab for "upload".
    """
    if not photos:
        return [Path(data.__file__).parent / name for name in BUNDLED]
    if photos == "upload":
        try:
            from google.colab import files
        except ImportError:
            raise ValueError("PHOTOS = 'upload' works on Colab only: give a path here") from None
        uploaded = {Path(folder) / Path(name).name: b for name, b in files.upload().items()}
        for path, content in uploaded.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return list(uploaded)
    path = Path(photos).expanduser()
    if not path.exists():
        words = "expected a photo, a film, a folder or 'upload'"
        raise ValueError(f"PHOTOS: {words}, got {photos!r}, which is not there")
    return [path]


def plan(paths, out):
    """What becomes of the photos and films at `paths`, files and folders.

    `out` is a folder for results with the names of the photos; or, for one file, its result. Gives
    a list of Job, and a list of lines: what is left out of each folder. Raises UsageError if a path
    is not there, a folder holds no photo, a result would replace a photo or another result, or
    nothing can be written to `out`.
    """
    jobs, notes = [], []
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    one = out.suffix.lower() in (*SUFFIXES, *FILMS) and not out.is_dir()
    if one:
        _check_one(paths, out)
        jobs, paths = [Job(paths[0], out)], []
    for path in paths:
        if not path.is_dir():
            jobs.append(_job(path, out / path.name))
            continue
        files, left_out = photos_in(path, {*SUFFIXES, *FILMS})
        if path.resolve() != out.resolve():  # former results
            files = [file for file in files if out.resolve() not in file.resolve().parents]
        if not files:
            raise UsageError(f"{path}: no photos in that folder")
        jobs += [_job(file, out / file.relative_to(path)) for file in files]
        notes += [f"{path}: left out: {left_out}"] if left_out else []
    jobs = list(dict.fromkeys(jobs))
    _check_results(jobs)
    try:
        folder = out.parent if one else out
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to: {error.strerror}") from None
    return jobs, notes


def comparisons(jobs):
    """Where the comparison of each photo goes: dict of Job and path; no two are the same."""
    stems = collections.Counter(job.result.with_suffix("") for job in jobs)
    places, results = {}, {job.result for job in jobs}
    for job in jobs:
        place = job.result.with_name(f"{job.result.stem}-compare.png")
        if place in results or stems[job.result.with_suffix("")] > 1:
            place = job.result.with_name(f"{job.result.name}-compare.png")
        if not is_moving(job.source):
            places[job] = place
    return places


def is_moving(path):
    """Whether a file is a film, by its suffix, or a GIF of several pictures."""
    path = Path(path)
    if path.suffix.lower() != ".gif" or not path.is_file():
        return path.suffix.lower() in FILMS
    try:
        with Image.open(path, formats=["GIF"]) as image:
            return image.is_animated
    except Exception:  # what is broken fails when it is coloured, with its reason
        return True


def _job(source, result):
    """A photo of another format than `FORMATS` becomes a PNG."""
    if source.suffix.lower() not in FORMATS and not is_moving(source):
        result = result.with_name(f"{result.name}.png")
    return Job(source, result)


def _check_one(paths, out):
    """UsageError unless `out` is a file that the one photo or film can become."""
    one, kinds = paths[0], FORMATS
    if len(paths) > 1 or one.is_dir():
        raise UsageError(f"{out}: expected a folder for the results, got the name of a file")
    if is_moving(one):
        kinds = (".gif",) if one.suffix.lower() == ".gif" else FILMS
    if out.suffix.lower() not in kinds:
        raise UsageError(f"{out}: expected a folder, or for {one} a file in {' '.join(kinds)}")


def _check_results(jobs):
    taken, sources = {}, {os.path.realpath(job.source) for job in jobs}
    for job in jobs:
        if os.path.realpath(job.result) in sources:
            raise UsageError(f"{job.result}: the result would replace a photo, choose another")
        if taken.setdefault(job.result, job) is not job:
            other = taken[job.result].source
            raise UsageError(f"{other} and {job.source} would both become {job.result}")
