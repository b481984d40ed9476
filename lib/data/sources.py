"""Where photos come from: folders, archives and addresses, and which files of them are photos.

`raw/` holds what came from outside, see `data/README.md`. A folder given as SOURCE is used where it
is. An archive given as SOURCE is unpacked into `raw/<its name>-<mark>/`, where the mark comes from
its address, or its name, size and date, so that two archives never mix.

References
----------
Hodosh, Young and Hockenmaier (2013), Framing image description as a ranking task (Flickr8k).
Young et al. (2014), From image descriptions to visual denotations (Flickr30k).
"""

import bz2
import collections
import contextlib
import fcntl
import functools
import gzip
import lzma
import os
import shutil
import stat
import sys
import tarfile
import zipfile
from pathlib import Path

from tqdm import tqdm

from lib import watched
from lib.data.decode import SUFFIXES
from lib.files import digest, write_text

PUBLIC = {
    "flickr8k": "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/"
    "Flickr8k_Dataset.zip",  # 8,091 photos, 1.1 GB
    "flickr30k": "https://huggingface.co/datasets/nlphuji/flickr30k/resolve/main/"
    "flickr30k-images.zip",  # 31,783 photos, 4.4 GB
}
OTHER_WAY = "The other way: set SOURCE to a zip, a tar or a folder that you have."
HIDDEN = (".", "__MACOSX")  # how such names begin
LARGEST_DOWNLOAD = 20 << 30  # bytes
# An archive of JPEGs unpacks to its own size, one of BMPs to a few times that. More than this is a
# decompression bomb.
LARGEST_RATIO, ALLOWANCE = 20, 64 << 20  # bytes that even a small archive may unpack to

_PACKED = {b"\x1f\x8b\x08": gzip.open, b"BZh": bz2.open, b"\xfd7z": lzma.open}  # first bytes


class DataError(RuntimeError):
    """Photos could not be fetched, unpacked or stored; the message says why and what to do."""


def fetch(dataset, source=None, raw="data/raw"):
    """Folder of a data set's photos, downloaded and unpacked first if need be: a Path.

    Takes what `preprocess.prepare` takes; without a source it downloads the public archive. Raises
    FileNotFoundError if the source is not there, and DataError if the download fails, the archive
    is none, is damaged or holds no photos, or the disk is full.
    """
    archive = local = _local(source)
    if local and local.is_dir():
        return local
    if local and not local.is_file():
        expected = "expected a folder, a zip, a tar or an http address"
        raise FileNotFoundError(f"SOURCE not found: {source} ({expected}; in {Path.cwd()})")
    raw, mark = Path(raw), digest(stamp(dataset, source))[:8]
    if not local:
        url = source or PUBLIC[dataset]
        name = url.partition("?")[0].rpartition("/")[2][-80:]
        archive = raw / (f"{mark}-{name}" if source else name)
    folder = raw / (f"{archive.stem.removesuffix('.tar')[:60]}-{mark}" if source else dataset)

    def build(place):
        if not local:
            download(url, archive)
        extract(archive, place)

    if not folder.is_dir():
        make_folder(folder, folder.is_dir, build)
    return folder


def stamp(dataset, source=None):
    """A short text that changes when the data set's source changes, without reading any photo.

    It depends on the names, sizes and dates of the files; None if the source is not there now.
    """
    path = _local(source)
    if path is None:
        return f"{dataset} {source or 'public archive'}"
    if path.is_dir():
        files, _ = photos_in(path)
        about = [[str(file.relative_to(path)), _size_and_date(file)] for file in files]
        return f"folder of {len(files)} images {digest(about)}"
    return f"archive {path.name} {_size_and_date(path)}" if path.exists() else None


def make_folder(folder, is_made, build):
    """Make a folder that is whole or not there.

    `build(place)` fills a hidden folder beside it, which is renamed at the end. Two programs never
    make the same at once: the second one waits, and makes nothing if `is_made()` then. The system
    frees the lock when its holder ends, however it ends. Raises DataError for a full disk, or one
    that cannot be written to.
    """
    place = folder.with_name(f".{folder.name}.building")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f".{folder.name}.lock").open("a") as lock:
            with contextlib.suppress(OSError):  # some network drives know no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if is_made():
                return
            try:
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                build(place)
                shutil.rmtree(folder, ignore_errors=True)
                place.rename(folder)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror or error}") from error


def photos_in(folder, suffixes=SUFFIXES):
    """The photos anywhere in a folder: the one rule of what is one.

    A photo is a regular file with one of the suffixes (in lower case, with their dot), or a link of
    such a name to nowhere, so that it can be named as an unreadable one. Folders that are links are
    entered, each folder once. Hidden files and folders (such as `.thumbnails` and `.dtrash`) and
    `__MACOSX` are left out.

    Gives a sorted list of paths, and in words what was left out, such as "2 hidden, 1 .mpg".
    """
    files, folders, left_out = [], [Path(folder)], collections.Counter()
    entered = {folders[0].resolve()}
    for place in folders:  # grows meanwhile
        try:
            inside = sorted(place.iterdir())
        except OSError:
            left_out["folders that cannot be read"] += 1
            continue
        for path in inside:
            kind = _kind(path, suffixes)
            if kind == "photo":
                files.append(path)
            elif kind == "folder" and path.resolve() not in entered:
                entered.add(path.resolve())
                folders.append(path)
            else:
                left_out["folders met twice" if kind == "folder" else kind] += 1
    return sorted(files), ", ".join(f"{count} {kind}" for kind, count in left_out.most_common())


def printable(name):
    """A file name as text that can be stored and shown anywhere, on one line.

    Bytes that are no UTF-8 and characters that cannot be printed become escapes such as `\\xff`.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def download(url, path):
    """Download an archive, unless it is there already and is what it was.

    The SHA-256 is recorded in `<path>.sha256` the first time and compared ever after. Raises
    DataError for no network, an answer such as 404, and a file that is no archive, that is too
    large or that is another one than recorded.
    """
    import pooch  # here, since they take a while to load
    import requests

    record = path.with_name(f"{path.name}.sha256")
    known = record.read_text("utf-8").partition(" ")[0] if record.exists() else None

    def receive(url, file, _):
        limit = min(LARGEST_DOWNLOAD, shutil.disk_usage(path.parent).free // 2)
        with Path(file).open("wb") as stream, progress(f"fetching {path.name}", 1, "B") as bar:
            http = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 20)
            http(url, _Limited(stream, limit, url), None)
        try:
            with _opened(Path(file)):
                pass
        except Exception as error:  # whatever the libraries make of a page
            text = f"{url} sent something else than a zip or a tar. {OTHER_WAY}"
            raise DataError(text) from error

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(url, known, path.name, path.parent, downloader=receive)
    except requests.RequestException as error:
        no_answer = "no network, or the server cannot be reached, or it broke off"
        why = no_answer if error.response is None else error
        raise DataError(f"{url} not downloaded: {why}. {OTHER_WAY}") from error
    except ValueError as error:  # of pooch, about the SHA-256
        raise DataError(f"{path} is not the file it was; {record} has another SHA-256") from error
    if known is None:
        write_text(record, f"{pooch.file_hash(path)}  {path.name}\n")


def extract(archive, folder):
    """Unpack the photos of an archive into a folder, keeping their paths.

    What is no photo by its name, and in a tar what is no regular file, is left out. Nothing is
    written outside of the folder: zipfile and tarfile's data filter see to that. Raises DataError
    if the archive is none or damaged, holds no photos, or unpacks to an absurd size.
    """
    try:
        with _opened(archive) as members, progress(f"unpacking {archive.name}") as bar:
            for name, unpack in members:
                bar.update()
                hidden = any(part.startswith(HIDDEN) for part in Path(name).parts)
                if Path(name).suffix.lower() in SUFFIXES and not hidden:
                    unpack(folder)
    except Exception as error:  # whatever the libraries make of a damaged one
        if isinstance(error, DataError) or getattr(error, "errno", None):  # of the disk
            raise
        raise DataError(f"{archive} is no zip or tar, or a damaged one: {error}") from error
    if not any(folder.iterdir()):
        raise DataError(f"{archive} holds no photos ({', '.join(sorted(SUFFIXES))})")


@contextlib.contextmanager
def _opened(archive):
    """Names of the regular files in an archive, and functions that unpack them."""
    limit = LARGEST_RATIO * archive.stat().st_size + ALLOWANCE
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            files = [member for member in opened.infolist() if not member.is_dir()]
            _check_bytes(archive, sum(member.file_size for member in files), limit)
            yield ((member.filename, functools.partial(opened.extract, member)) for member in files)
        return
    with archive.open("rb") as file:
        opener = _PACKED.get(file.read(3), Path.open)
    with (
        opener(archive, "rb") as file,
        tarfile.open(fileobj=_Limited(file, limit, archive), mode="r:") as opened,
    ):
        unpack = functools.partial(opened.extract, filter="data")
        yield ((m.name, functools.partial(unpack, m)) for m in opened if m.isfile())


class _Limited:
    """A file of which only so many bytes can be read or written: tarfile reads a name at once."""

    def __init__(self, file, limit, name):
        self.file, self.limit, self.name, self.count = file, limit, name, 0
        self.tell, self.seek, self.flush = file.tell, file.seek, file.flush

    def read(self, size):
        self._add(size)
        return self.file.read(size)

    def write(self, data):
        self._add(len(data))
        return self.file.write(data)

    def _add(self, count):
        self.count += count
        _check_bytes(self.name, self.count, self.limit)


def _check_bytes(name, count, limit):
    if count > limit:
        raise DataError(f"{name} is refused: it brings more than {limit / 1e9:.2f} GB, too much")


def progress(what, total=None, unit="file"):
    """A progress bar where a person watches, of what takes longer than some seconds."""
    look = {"unit_scale": True, "leave": False, "delay": 3, "disable": not watched(sys.stderr)}
    return tqdm(total=total, desc=what, unit=unit, **look)


def _kind(path, suffixes):
    """What a path is: a "photo", a "folder", or else why it is neither."""
    if path.name.startswith(HIDDEN):
        return "hidden"
    mode = stat.S_IFREG  # of a link to nowhere, too
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return "folder"
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        return printable(suffix) or "without suffix"
    return "photo" if stat.S_ISREG(mode) else "no regular files"


def _local(source):
    """The path of a source; None for an address, or without a source."""
    if not source or str(source).lower().startswith(("http://", "https://")):
        return None
    return Path(source).expanduser()


def _size_and_date(path):
    with contextlib.suppress(OSError):  # a link to nowhere: listed, and found unreadable later
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"
