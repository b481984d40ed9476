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
    comparison: Path | None


def choose(photos, folder):
    """The inputs that a notebook's PHOTOS names: a list of paths.

    `photos` is a path of a file or folder; "upload", which asks for files on Colab and stores them
    in `folder`; or None for the photos of scikit-image, five in colour and two that are truly grey.
    Raises ValueError for "upload" elsewhere than on Colab.
    """
    if not photos:
        return [Path(data.__file__).parent / name for name in BUNDLED]
    if photos != "upload":
        return [Path(photos).expanduser()]
    try:
        from google.colab import files
    except ImportError:
        raise ValueError("PHOTOS = 'upload' works on Colab only: give a path here") from None
    uploaded = {Path(folder) / Path(name).name: b for name, b in files.upload().items()}
    for path, content in uploaded.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(uploaded)


def plan(paths, out, compare=False):
    """What becomes of the photos and films at `paths`, files and folders.

    `out` is a folder for results with the names of the photos; or, for one file, its result. With
    `compare` each photo has a comparison, too. Gives a list of Job, and a list of lines: what is
    left out of each folder. Raises UsageError if a path is not there, a folder holds no photo, a
    result would replace a photo or another result, or nothing can be written to `out`.
    """
    results, notes = {}, []
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    one = out.suffix.lower() in (*SUFFIXES, *FILMS) and not out.is_dir()
    if one:
        kinds = _kinds(paths[0])
        if len(paths) > 1 or paths[0].is_dir() or out.suffix.lower() not in kinds:
            wanted = f"expected a folder, or for one file its result in {' '.join(kinds)}"
            raise UsageError(f"{out}: {wanted}")
        results, paths = {out: paths[0]}, []
    for path in paths:
        files = [path]
        if path.is_dir():
            files, left_out = photos_in(path, {*SUFFIXES, *FILMS})
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
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to: {error.strerror}") from None
    jobs, stems = [], collections.Counter(result.with_suffix("") for result in results)
    for result, source in results.items():
        place = result.with_name(f"{result.stem}-compare.png")
        if place in results or stems[result.with_suffix("")] > 1:  # no two are the same
            place = result.with_name(f"{result.name}-compare.png")
        jobs.append(Job(source, result, place if compare and not is_moving(source) else None))
    return jobs, notes


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


def _kinds(source):
    """Suffixes that the result of a photo or film may have; a photo of another becomes a PNG."""
    if not is_moving(source):
        return FORMATS
    return (".gif",) if source.suffix.lower() == ".gif" else FILMS
