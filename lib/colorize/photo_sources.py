"""Which photos and films to colour, and where each result goes; needs no Keras.

Inputs are files and folders. A folder is searched to the bottom for files whose suffix is in
`decode.SUFFIXES` or `FILMS`; hidden files and folders are left out, links to folders are not
followed, and what is left out is counted.
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

FILMS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")  # a result has the suffix of its film
BUNDLED = ("coffee.png", "astronaut.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")
OLD = ("camera.png", "coins.png")  # grey from the beginning


class UsageError(ValueError):
    """A wrong argument or a missing file; the message is one line."""


class Job(typing.NamedTuple):
    """One photo or film: where it is, what becomes of it, and what to call it in messages."""

    source: Path
    result: Path
    label: str


def choose(photos, folder):
    """The inputs that a notebook's PHOTOS names.

    Parameters
    ----------
    photos : str, optional
        A path of a file or folder; "upload", which asks for files on Colab; None for the photos of
        scikit-image, five in colour and two that are truly grey.
    folder : path-like
        For what is uploaded.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    ValueError
        If there is nothing at that path, or "upload" is asked for elsewhere than on Colab.
    """
    if not photos:
        return [Path(data.__file__).parent / name for name in BUNDLED + OLD]
    if photos == "upload":
        try:
            from google.colab import files
        except ImportError:
            raise ValueError("PHOTOS = 'upload' works on Colab only: give a path here") from None
        Path(folder).mkdir(parents=True, exist_ok=True)
        paths = {Path(folder) / Path(name).name: b for name, b in files.upload().items()}
        for path, content in paths.items():
            path.write_bytes(content)
        return list(paths)
    if not Path(photos).expanduser().exists():
        words = "expected a photo, a film, a folder or 'upload'"
        raise ValueError(f"PHOTOS: {words}, got {photos!r}, which is not there")
    return [Path(photos).expanduser()]


def plan(paths, out):
    """What becomes of each photo and film.

    Parameters
    ----------
    paths : list of pathlib.Path
        Files and folders.
    out : pathlib.Path
        Folder of the results, which get the names of the photos; or, for one file, its result.

    Returns
    -------
    jobs : list of Job
    notes : list of str
        A line for each folder of which something is left out.

    Raises
    ------
    UsageError
        If a path is not there, a folder holds no photo, a result would replace a photo or another
        result, or nothing can be written to `out`.
    """
    jobs, notes = [], []
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    one = out.suffix.lower() in (*SUFFIXES, *FILMS) and not out.is_dir()
    if one:
        _check_one(paths, out)
        jobs, paths = [Job(paths[0], out, str(paths[0]))], []
    for path in paths:
        if path.is_dir():
            found, left = _photos_in(path, out)
            if not found:
                raise UsageError(f"{path}: no photos in that folder")
            jobs += [_job(file, out / file.relative_to(path)) for file in found]
            counts = ", ".join(f"{count} {why}" for why, count in sorted(left.items()))
            notes += [f"{path}: left out: {counts}"] if left else []
        else:
            jobs.append(_job(path, out / path.name))
    jobs = list(dict.fromkeys(jobs))
    _check_results(jobs)
    _try_writing(out.parent if one else out)
    return jobs, notes


def comparisons(jobs):
    """Where the comparison of each photo goes: dict of Job and path; no two are the same."""
    stems = collections.Counter(job.result.with_suffix("") for job in jobs)
    results = {job.result for job in jobs}
    places = {}
    for job in jobs:
        place = job.result.with_name(f"{job.result.stem}-compare.png")
        if place in results or stems[job.result.with_suffix("")] > 1:
            place = job.result.with_name(f"{job.result.name}-compare.png")
        if place not in results and not is_moving(job.source):
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
    return Job(source, result, str(source))


def _check_one(paths, out):
    """UsageError unless `out` is a file that the one photo or film can become."""
    one = paths[0]
    if len(paths) > 1 or one.is_dir():
        raise UsageError(f"{out}: expected a folder for the results, got the name of a file")
    kinds = FORMATS
    if is_moving(one):
        kinds = (".gif",) if one.suffix.lower() == ".gif" else FILMS
    if out.suffix.lower() not in kinds:
        raise UsageError(f"{out}: expected a folder, or for {one} a file in {' '.join(kinds)}")


def _photos_in(folder, out):
    """Photos and films anywhere in a folder, sorted; and how many files were left out, and why."""
    found, left = [], collections.Counter()
    for place, folders, names in os.walk(folder):
        place = Path(place)
        left["linked folders"] += sum((place / name).is_symlink() for name in folders)
        left["hidden"] += sum(name[0] == "." for name in folders + names)
        folders[:] = [n for n in folders if n[0] != "." and (place / n).resolve() != out.resolve()]
        for file in (place / name for name in names if name[0] != "."):
            suffix = file.suffix.lower()
            if suffix in SUFFIXES or suffix in FILMS:
                found.append(file)
            else:
                left[suffix or "without suffix"] += 1
    return sorted(found), +left


def _check_results(jobs):
    taken, sources = {}, {os.path.realpath(job.source) for job in jobs}
    for job in jobs:
        if os.path.realpath(job.result) in sources:
            raise UsageError(f"{job.result}: the result would replace a photo, choose another")
        if taken.setdefault(job.result, job) is not job:
            other = taken[job.result].label
            raise UsageError(f"{other} and {job.label} would both become {job.result}")


def _try_writing(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to: {error.strerror}") from None
