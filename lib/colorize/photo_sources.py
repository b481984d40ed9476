"""Which photos and videos to colour, and where each result goes; needs no Keras.

Inputs are files, folders and archives (zip, tar). Folders are searched to the bottom. Archives are
unpacked by `lib.archives` into a temporary folder, whole or not at all, and then treated as
folders; videos in them are left out.
"""

import hashlib
import tempfile
import typing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image
from skimage import data

from lib.colorize.photo_files import FORMATS
from lib.data.sources import DataError, download, extract, is_archive, is_url
from lib.study.profiles import UsageError

FILMS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")  # a result has the suffix of its film
PHOTOS = {*FORMATS, ".jpe", ".gif", ".jp2", ".avif", ".ppm", ".pgm", ".tga"}
ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
BUNDLED = ("coffee.png", "astronaut.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")
OLD = ("camera.png", "coins.png")  # grey from the beginning
ADDRESS = "PHOTOS: expected a photo, a video, a folder, an archive, an address or 'upload'"


class Job(typing.NamedTuple):
    """One photo or video: where it is, what becomes of it, and what to call it in messages."""

    source: Path
    result: Path
    label: str


def choose(photos, folder):
    """The inputs that a notebook's PHOTOS names, fetched into `folder` if they are elsewhere.

    Parameters
    ----------
    photos : str, optional
        A path; an http address of a photo, a video or an archive; "upload", which asks for files
        on Colab; None for the photos of scikit-image, five in colour and two that are truly grey.
    folder : path-like
        For what is fetched.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    ValueError
        If there is nothing at that path, or "upload" is asked for elsewhere than on Colab.
    DataError
        If the download fails.
    """
    folder = Path(folder)
    if not photos:
        return [Path(data.data_dir) / name for name in BUNDLED + OLD]
    if photos == "upload":
        try:
            from google.colab import files
        except ImportError:
            raise ValueError("PHOTOS = 'upload' works on Colab only: give a path here") from None
        folder.mkdir(parents=True, exist_ok=True)
        uploaded = files.upload()
        for name, content in uploaded.items():
            (folder / Path(name).name).write_bytes(content)
        return [folder / Path(name).name for name in uploaded]
    if is_url(photos):
        name = Path(unquote(urlsplit(photos).path)).name or "photo"
        mark = hashlib.sha256(photos.encode()).hexdigest()[:8]  # names alone may collide
        return [download(photos, folder / mark / name)]
    if not Path(photos).expanduser().exists():
        raise ValueError(f"{ADDRESS}, got {photos!r}, which is not there")
    return [Path(photos).expanduser()]


def plan(paths, out, unpacked):
    """What becomes of each photo and video.

    Parameters
    ----------
    paths : list of pathlib.Path
        Files, folders and archives.
    out : pathlib.Path
        Folder of the results, which get the names of the photos; or, for one file, its result.
    unpacked : pathlib.Path
        Folder for what archives hold; the jobs read from it.

    Returns
    -------
    jobs : list of Job
    failures : list of str
        A line for each archive that cannot be unpacked.

    Raises
    ------
    UsageError
        If a path is not there, a folder holds no photo, a result would replace a photo or another
        result, or nothing can be written to `out`.
    """
    jobs, failures = [], []
    if _is_file_name(out):
        _check_one(paths, out)
        jobs = [Job(paths[0], out, str(paths[0]))]
        paths = paths[1:]
    for number, path in enumerate(paths):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        if path.is_dir():
            found = _photos_in(path, out)
            if not found:
                raise UsageError(f"{path}: no photos in that folder")
            jobs += [_job(file, out, file.relative_to(path), file) for file in found]
        elif _is_archive(path):
            folder = unpacked / str(number)
            try:
                extract(path, folder)
            except (DataError, ValueError) as error:
                failures.append(str(error))
                continue
            found = [file.relative_to(folder) for file in _photos_in(folder, out)]
            jobs += [_job(folder / name, out, name, path / name) for name in found]
        else:
            jobs.append(_job(path, out, Path(path.name), path))
    jobs = list(dict.fromkeys(jobs))
    _check_results(jobs)
    _try_writing(out.parent if _is_file_name(out) else out)
    return jobs, failures


def is_moving(path):
    """Whether a file is a video, by its suffix, or a GIF of several pictures."""
    path = Path(path)
    if path.suffix.lower() != ".gif":
        return path.suffix.lower() in FILMS
    try:
        with Image.open(path) as image:
            return image.is_animated
    except Exception:  # what is broken fails when it is coloured, with its reason
        return True


def _job(source, out, name, label):
    """A photo of another format than `FORMATS` becomes a PNG."""
    if source.suffix.lower() not in FORMATS and not is_moving(source):
        name = name.with_name(f"{name.name}.png")
    return Job(source, out / name, str(label))


def _is_file_name(out):
    return out.suffix.lower() in (*PHOTOS, *FILMS) and not out.is_dir()


def _check_one(paths, out):
    """UsageError unless `out` is a file that the one photo or video can become."""
    one = paths[0]
    if len(paths) > 1 or one.is_dir() or _is_archive(one):
        raise UsageError(f"{out}: expected a folder for the results, got the name of a file")
    kinds = FORMATS
    if is_moving(one):
        kinds = (".gif",) if one.suffix.lower() == ".gif" else FILMS
    if out.suffix.lower() not in kinds:
        raise UsageError(f"{out}: expected a folder, or for {one} a file in {' '.join(kinds)}")
    if not one.exists():
        raise UsageError(f"{one}: no such file or folder")


def _is_archive(path):
    """By its name; a file whose name says nothing is looked into."""
    if path.suffix.lower() in (*PHOTOS, *FILMS) or not path.is_file():
        return False
    return path.name.lower().endswith(ARCHIVES) or is_archive(path)


def _photos_in(folder, out):
    """Photos and videos anywhere in a folder; no hidden ones, no results of a former run."""
    files = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in (*PHOTOS, *FILMS)]
    files = [file for file in files if file.is_file() and not file.name.startswith(".")]
    if folder.resolve() in out.resolve().parents:
        files = [file for file in files if out.resolve() not in file.resolve().parents]
    return files


def _check_results(jobs):
    taken, sources = {}, {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.result.resolve() in sources:
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
