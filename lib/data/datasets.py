"""Get the photos of a data set: download, unpack or find them, and list them.

`raw/` holds what came from outside and is never edited: `<archive>` as downloaded with its
`<archive>.sha256`, and one folder of photos for each archive. A folder given as SOURCE is used
where it is. An archive given as SOURCE is unpacked into `raw/<its name>-<mark>/`, where the mark
comes from its path, size and date, so that two archives never mix.

References
----------
Hodosh, Young and Hockenmaier (2013), Framing image description as a ranking task (Flickr8k).
Young, Lai, Hodosh and Hockenmaier (2014), From image descriptions to visual denotations
(Flickr30k).
"""

import hashlib
import os
import re
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from lib.data.archives import IMAGE_SUFFIXES, extract, is_archive, is_image_name
from lib.data.download import check_sha256, download, locked

DATASETS = ("scenes", "flickr8k", "flickr30k", "folder")
# Public address, and how many photos it holds.
PUBLIC = {
    "flickr8k": (
        "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/Flickr8k_Dataset.zip",
        8091,
    ),
    "flickr30k": (
        "https://huggingface.co/datasets/nlphuji/flickr30k/resolve/main/flickr30k-images.zip",
        31783,
    ),
}


def get(dataset, source=None, raw="data/raw"):
    """Files of a data set, fetched and unpacked first if need be.

    Parameters
    ----------
    dataset : str
        One of `DATASETS`, but not "scenes": those are drawn, see `lib.scenes`.
    source : str or path-like, optional
        Address (http, https) of an archive, a zip, a tar, or a folder, of any layout. None
        downloads the public archive of flickr8k (1.1 GB) or flickr30k (4.4 GB).
    raw : path-like
        Where downloads and unpacked archives are kept.

    Returns
    -------
    list of pathlib.Path
        The image files, sorted.

    Raises
    ------
    ValueError
        Unknown data set, "folder" without source, a source that is no archive or has no images.
    FileNotFoundError
        If the source is not there.
    DataError
        If the download fails, or the archive is damaged or unsafe, or the disk is full.
    """
    check_dataset(dataset, source)
    if dataset == "scenes":
        raise ValueError("scenes are drawn, they have no files: see lib.scenes")
    raw = Path(raw)
    if not source:
        folder = _get_public(dataset, raw)
    elif is_url(source):
        folder = _get_url(str(source), raw)
    else:
        folder = _get_path(existing(source), raw)
    return list_images(folder)


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


def list_images(folder):
    """Image files anywhere in a folder, sorted; hidden ones and `__MACOSX` are left out.

    Raises ValueError if there is none.
    """
    folder = Path(folder)
    files = []
    for root, folders, names in os.walk(folder):
        inside = Path(root)
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        files += [inside / name for name in names if is_image_name([name])]
    if not files:
        raise ValueError(f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)})")
    return sorted(files)


def stamp(dataset, source=None):
    """A short text that changes when the data set's source changes, without reading any photo.

    It depends on the names, sizes and dates of the files; None if the source is not there now.
    """
    if not source or is_url(source):
        return f"{dataset} {source or 'public archive'}"
    path = Path(source).expanduser()
    if path.is_dir():
        files = list_images(path)
        texts = [f"{file.relative_to(path).as_posix()} {_size_and_date(file)}" for file in files]
        text = "\n".join(texts)
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return f"folder of {len(texts)} images {digest}"
    return f"archive {path.name} {_size_and_date(path)}" if path.exists() else None


def is_url(source):
    """Whether a source is an address to download from."""
    return bool(re.match("https?://", str(source), re.IGNORECASE))


def existing(source):
    """The path of a local source; FileNotFoundError if there is nothing."""
    path = Path(source).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"SOURCE not found: {source} (expected a folder, a zip, a tar or an http address; "
            f"looked in {Path.cwd()})"
        )
    return path


def _get_public(dataset, raw):
    """Folder of a public data set, downloaded and unpacked once."""
    address, expected = PUBLIC[dataset]
    folder = raw / dataset
    _fetch_and_unpack(address, raw / address.rpartition("/")[2], folder)
    count = len(list_images(folder))
    if count != expected:
        text = f"{folder} holds {count:,} photos, the public archive was known to have {expected:,}"
        warnings.warn(text, stacklevel=3)
    return folder


def _get_url(address, raw):
    """Folder of an archive at any address."""
    name = re.sub(r"[^\w.-]", "_", Path(urlsplit(address).path).name) or "archive"
    mark = hashlib.sha256(address.encode()).hexdigest()[:8]
    folder = raw / f"{_stem(name)}-{mark}"
    _fetch_and_unpack(address, raw / f"{mark}-{name}", folder)
    return folder


def _fetch_and_unpack(address, archive, folder):
    if folder.is_dir():
        return
    with locked(folder.with_name(".lock")):
        if not folder.is_dir():
            there = archive.exists()
            download(address, archive, accept=is_archive)
            if there:
                check_sha256(archive)
            extract(archive, folder)


def _get_path(path, raw):
    """Folder of a local source: itself, or where its archive is unpacked."""
    if path.is_dir():
        return path
    if not is_archive(path):
        raise ValueError(
            f"SOURCE {path}: expected a folder, a zip or a tar, got another file, or a cut one"
        )
    text = f"{path.resolve()} {_size_and_date(path)}"
    mark = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    folder = raw / f"{_stem(path.name)}-{mark}"
    if not folder.is_dir():
        with locked(folder.with_name(".lock")):
            if not folder.is_dir():
                extract(path, folder)
    return folder


def _stem(name):
    """Name of an archive without .zip, .tar, .tar.gz and the like."""
    return re.sub(r"(\.tar)?\.[A-Za-z0-9]{1,4}$", "", name) or name


def _size_and_date(path):
    try:
        status = path.stat()
    except OSError:  # a link to nowhere: listed, and found unreadable later
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"
