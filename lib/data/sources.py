"""Where photos come from: folders, archives and addresses, and which files of them are photos.

`raw/` holds what came from outside and is never edited: `<archive>` as downloaded, with its
`<archive>.sha256`, and one folder of photos for each archive. A folder given as SOURCE is used
where it is. An archive given as SOURCE is unpacked into `raw/<its name>-<mark>/`, where the mark
comes from its path, size and date, so that two archives never mix.

References
----------
Hodosh, Young and Hockenmaier (2013), Framing image description as a ranking task (Flickr8k).
Young, Lai, Hodosh and Hockenmaier (2014), From image descriptions to visual denotations
(Flickr30k). MITRE CWE-22 (path traversal), CWE-59 (link following), CWE-409 (bombs).
"""

import bz2
import collections
import contextlib
import functools
import gzip
import hashlib
import lzma
import os
import re
import shutil
import stat
import sys
import tarfile
import zipfile
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from lib.data.decode import FORMATS, SUFFIXES
from lib.files import write_text

DATASETS = ("scenes", "flickr8k", "flickr30k", "folder")
PUBLIC = {
    "flickr8k": "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/"
    "Flickr8k_Dataset.zip",  # 8,091 photos, 1.1 GB
    "flickr30k": "https://huggingface.co/datasets/nlphuji/flickr30k/resolve/main/"
    "flickr30k-images.zip",  # 31,783 photos, 4.4 GB
}
OTHER_WAY = "The other way: set SOURCE to a zip, a tar or a folder that you have."
LARGEST_DOWNLOAD = 20 << 30  # bytes
# An archive of JPEGs unpacks to its own size, one of BMPs to a few times that. More than this is a
# decompression bomb.
LARGEST_RATIO, ALLOWANCE = 20, 64 << 20  # bytes that even a small archive may unpack to

_PACKED = {b"\x1f\x8b\x08": gzip.open, b"BZh": bz2.open, b"\xfd7z": lzma.open}  # first bytes


class DataError(RuntimeError):
    """Photos could not be fetched, unpacked or stored; the message says why and what to do."""


def check_dataset(dataset, source=None):
    """Raise ValueError for an unknown data set, or one that does not go with its source."""
    if dataset not in DATASETS:
        raise ValueError(f"dataset: expected one of {', '.join(DATASETS)}; got {dataset!r}")
    if dataset == "folder" and not source:
        raise ValueError(
            'data set "folder" needs SOURCE: a folder, a zip, a tar or an address of photos'
        )
    if dataset == "scenes" and source:
        raise ValueError(
            f'data set "scenes" is drawn and takes no SOURCE, got {str(source)!r}: '
            'for photos of your own set DATASET to "folder"'
        )


def fetch(dataset, source=None, raw="data/raw"):
    """Folder of a data set's photos, downloaded and unpacked first if need be.

    Takes what `preprocess.prepare` takes; without a source it downloads the public archive.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        Unknown data set, "folder" without source, or a source that is no archive.
    FileNotFoundError
        If the source is not there.
    DataError
        If the download fails, the archive is damaged or unsafe or holds no photos, or the disk is
        full.
    """
    check_dataset(dataset, source)
    raw, address = Path(raw), source or PUBLIC.get(dataset)
    if source and not is_url(source):
        address, archive = None, existing(source)
        if archive.is_dir():
            return archive
        if not is_archive(archive):
            expected = "expected a folder, a zip or a tar"
            raise ValueError(f"SOURCE {source}: {expected}, got another file, or a cut one")
        mark = _sha256(f"{archive.resolve()} {_size_and_date(archive)}")[:8]
        folder = raw / f"{_stem(archive.name)}-{mark}"
    else:
        name = address.partition("?")[0].rpartition("/")[2]
        name = re.sub(r"[^\w.-]", "_", name)[-80:] or "archive"
        mark = _sha256(address)[:8]
        archive = raw / (f"{mark}-{name}" if source else name)
        folder = raw / (f"{_stem(name)}-{mark}" if source else dataset)
    if not folder.is_dir():
        with locked(raw / ".lock"):
            if not folder.is_dir():  # unpacked by another program meanwhile
                if address:
                    download(address, archive)
                extract(archive, folder)
    return folder


def stamp(dataset, source=None):
    """A short text that changes when the data set's source changes, without reading any photo.

    It depends on the names, sizes and dates of the files; None if the source is not there now.
    """
    if not source or is_url(source):
        return f"{dataset} {source or 'public archive'}"
    try:
        path = existing(source)
    except FileNotFoundError:
        return None
    if path.is_dir():
        files, _ = photos_in(path)
        lines = [f"{file.relative_to(path).as_posix()} {_size_and_date(file)}" for file in files]
        digest = _sha256("\n".join(lines))
        return f"folder of {len(files)} images {digest}"
    return f"archive {path.name} {_size_and_date(path)}"


def is_url(source):
    """Whether a source is an address to download from."""
    return bool(re.match("https?://", str(source), re.IGNORECASE))


def existing(source):
    """The path of a local source; FileNotFoundError if there is nothing."""
    try:
        path = Path(source).expanduser()
        path.stat()
    except (OSError, ValueError, RuntimeError) as error:
        raise FileNotFoundError(
            f"SOURCE not found: {source} (expected a folder, a zip, a tar or an http address; "
            f"looked in {Path.cwd()})"
        ) from error
    return path


def photos_in(folder, suffixes=SUFFIXES):
    """The photos anywhere in a folder: the one rule of what is one.

    A photo is a file with a suffix of photos, or without a suffix but with the first bytes of one.
    Folders that are links are entered, each folder once. A link to nowhere counts as a photo, so
    that it can be named as an unreadable one. Hidden files and folders (such as `.thumbnails` and
    `.dtrash`), `__MACOSX` and all that is no regular file are left out.

    Parameters
    ----------
    folder : path-like
    suffixes : collection of str, optional
        In lower case, with their dot.

    Returns
    -------
    files : list of pathlib.Path
        Sorted.
    left_out : collections.Counter
        How much was left out of each kind, such as "hidden" or ".mpg"; `listed` says it in a line.
    """
    files, left_out, entered = [], collections.Counter(), {Path(folder).resolve()}

    def not_entered(_):
        left_out["folders that cannot be read"] += 1

    for root, folders, names in os.walk(folder, onerror=not_entered, followlinks=True):
        inside, chosen = Path(root), []
        for name in sorted(folders):
            place = (inside / name).resolve()
            kind = _kind_of_name(name) or ("folders met twice" if place in entered else "")
            left_out[kind] += 1
            if not kind:
                entered.add(place)
                chosen.append(name)
        folders[:] = chosen
        for name in names:
            kind = _why_no_photo(inside / name, suffixes)
            left_out[kind] += 1
            if not kind:
                files.append(inside / name)
    del left_out[""]
    return sorted(files), left_out


def listed(left_out):
    """The counts of `photos_in` in one line, "nothing" if there are none."""
    return ", ".join(f"{count} {kind}" for kind, count in left_out.most_common()) or "nothing"


def printable(name):
    """A file name as text that can be stored and shown anywhere, on one line.

    Bytes that are no UTF-8 and characters that cannot be printed become escapes such as `\\xff`.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def download(url, path):
    """Download an archive, unless it is there already and is what it was.

    The SHA-256 is recorded in `<path>.sha256` the first time and compared ever after.

    Raises
    ------
    DataError
        No network, an answer such as 404, a file that is no archive, that is too large or that is
        another one than recorded, or a full disk.
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
        if not is_archive(file):
            raise DataError(f"{url} sent something else than a zip or a tar. {OTHER_WAY}")

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(url, known, path.name, path.parent, downloader=receive)
    except requests.RequestException as error:
        no_answer = "no network, or the server cannot be reached, or it broke off"
        why = no_answer if error.response is None else error
        raise DataError(f"{url} not downloaded: {why}. {OTHER_WAY}") from error
    except OSError as error:
        raise disk_error(error, path) from error
    except ValueError as error:  # of pooch, about the SHA-256
        raise DataError(f"{path} is not the file it was; {record} has another SHA-256") from error
    if known is None:
        write_text(record, f"{pooch.file_hash(path)}  {path.name}\n")


def is_archive(path):
    """Whether the file is a zip or a tar (plain, gzip, bzip2, xz), judged by its content."""
    try:
        with _opened(Path(path)):
            return True
    except DataError:
        raise
    except Exception:  # whatever the libraries make of a file that is none
        return False


def extract(archive, folder):
    """Unpack the photos of an archive into a new folder, keeping their paths, all or nothing.

    What is no photo by its name, and in a tar what is no regular file, is left out. The folder
    appears only when everything is unpacked.

    Raises
    ------
    DataError
        If the archive is damaged, holds no photos, has a path that leads outside, unpacks to an
        absurd size, or the disk is full.
    """
    archive, folder = Path(archive), Path(folder)
    building, total = folder.with_name(f".{folder.name}.unpacking"), 0
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        with _opened(archive) as members, progress(f"unpacking {archive.name}") as bar:
            for name, size, unpack in members:
                bar.update()
                total += size
                if total > _limit(archive):
                    raise _too_much(archive, _limit(archive))
                parts = name.replace("\\", "/").split("/")
                if parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name):
                    raise DataError(f"{archive} is refused: {name!r} points outside of the archive")
                if not any(map(_kind_of_name, parts)) and _suffix(name) in {"", *SUFFIXES}:
                    unpack(building)
        if not any(building.iterdir()):
            raise DataError(f"{archive} holds no photos ({', '.join(sorted(SUFFIXES))})")
        building.rename(folder)
    except DataError:
        raise
    except Exception as error:  # whatever the libraries make of a damaged one
        if getattr(error, "errno", None):
            raise disk_error(error, folder) from error
        raise DataError(f"{archive} is damaged or cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


@contextlib.contextmanager
def _opened(archive):
    """Names of the regular files in an archive, their bytes, and functions that unpack them."""
    if not archive.is_file():
        raise ValueError("no regular file")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            files = [member for member in opened.infolist() if not member.is_dir()]
            if any(member.flag_bits & 1 for member in files):
                raise DataError(f"{archive} is refused: it needs a password")
            yield ((m.filename, m.file_size, functools.partial(opened.extract, m)) for m in files)
        return
    with archive.open("rb") as file:
        opener = _PACKED.get(file.read(3), Path.open)
    with opener(archive, "rb") as file:
        limited = _Limited(file, _limit(archive), archive)
        with tarfile.open(fileobj=limited, mode="r:") as opened:
            unpack = functools.partial(opened.extract, filter="data")
            yield ((m.name, m.size, functools.partial(unpack, m)) for m in opened if m.isfile())


class _Limited:
    """A file of which only so many bytes can be read or written: tarfile reads a name at once."""

    def __init__(self, file, limit, name):
        self.file, self.limit, self.left, self.name = file, limit, limit, name

    def read(self, size):
        self._take(size)
        return self.file.read(size)

    def write(self, data):
        self._take(len(data))
        return self.file.write(data)

    def _take(self, count):
        self.left -= count
        if self.left < 0:
            raise _too_much(self.name, self.limit)

    def __getattr__(self, name):  # seek, tell, flush
        return getattr(self.file, name)


def _limit(archive):
    return LARGEST_RATIO * Path(archive).stat().st_size + ALLOWANCE


def _too_much(name, limit):
    return DataError(f"{name} is refused: it brings more than {limit / 1e9:.2f} GB, absurd for it")


def progress(what, total=None, unit="file"):
    """A progress bar on a terminal or in a notebook, of what takes longer than some seconds."""
    watched = sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")
    look = {"unit_scale": True, "leave": False, "delay": 3, "disable": not watched}
    return tqdm(total=total, desc=what, unit=unit, **look)


@contextlib.contextmanager
def locked(path):
    """Hold a lock file, so that two programs never build the same thing at the same time.

    The second one waits. The system frees the lock when the holder ends, however it ends. Where
    the system knows no such locks (Windows, some network drives) nothing is locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a")
    except OSError as error:
        raise disk_error(error, path.parent) from error
    with stream:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def disk_error(error, where):
    """A DataError for an OSError met while writing to `where`."""
    return DataError(f"cannot write {where}: {error.strerror or error}")


def _kind_of_name(name):
    """Why nothing of such a name is a photo, "" if it may be one."""
    if name == "__MACOSX":
        return name
    return "hidden" if name.startswith(".") and name != "." else ""


def _why_no_photo(path, suffixes):
    """The kind of a file that is no photo, "" if it is one."""
    kind, suffix = _kind_of_name(path.name), _suffix(path.name)
    if kind or suffix not in {"", *suffixes}:
        return kind or printable(suffix)
    try:
        status = path.stat()
    except OSError:
        return "" if suffix else "links to nowhere"
    if not stat.S_ISREG(status.st_mode):
        return "no regular files"
    return "" if suffix or _begins_like_a_photo(path, status.st_size) else "without suffix"


def _begins_like_a_photo(path, size):
    """Whether the first bytes are those of one of `FORMATS`; files of the system have no size."""
    Image.init()
    with contextlib.suppress(OSError):
        if size:
            with path.open("rb") as file:
                start = file.read(64)
            tests = (Image.OPEN[name][1] for name in FORMATS if name in Image.OPEN)
            return any(test(start) is True for test in tests if test)
    return False


def _suffix(name):
    return Path(name).suffix.lower()


def _stem(name):
    """Name of an archive without .zip, .tar, .tar.gz and the like; not too long for a folder's."""
    return (re.sub(r"(\.tar)?\.[A-Za-z0-9]{1,4}$", "", name) or name)[:60]


def _sha256(text):
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _size_and_date(path):
    try:
        status = path.stat()
    except OSError:  # a link to nowhere: listed, and found unreadable later
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"
