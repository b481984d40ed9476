"""Unpack the photos of a zip or a tar, and nothing else of it, all or nothing.

An archive is refused as a whole, with nothing left behind, if any of its members has an absolute
path or `..` in it, is a link or a device file, or if it would unpack to an absurd size. Files that
are no images by their suffix, hidden files and the `__MACOSX` folder are left out. Archives within
archives are not opened.

References
----------
MITRE CWE-22 (path traversal), CWE-59 (link following), CWE-409 (decompression bombs).
"""

import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

from lib.data.download import DataError, check_space, disk_error, progress

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
# Photos are compressed already: an archive of JPEGs unpacks to its own size, one of BMPs to a few
# times that. More than this is a decompression bomb.
LARGEST_RATIO = 20
ALLOWANCE = 64 << 20  # bytes that even a small archive may unpack to (flat drawings pack well)

_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,  # a compression that Python does not know
)


def is_archive(path):
    """Whether the file is a zip or a tar (plain, gzip, bzip2, xz), judged by its content."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def is_image_name(parts):
    """Whether a path, given as its parts, names an image that is neither hidden nor `__MACOSX`."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and parts[-1].lower().endswith(IMAGE_SUFFIXES)


def extract(archive, folder):
    """Unpack the images of an archive into a new folder, keeping their paths.

    The folder appears only when everything is unpacked.

    Parameters
    ----------
    archive : path-like
        A zip or a tar.
    folder : path-like
        The folder to make; it must not exist.

    Returns
    -------
    int
        How many images were unpacked.

    Raises
    ------
    ValueError
        If the file is no archive, or holds no images.
    DataError
        If the archive is damaged or unsafe, or the disk is full.
    """
    archive, folder = Path(archive), Path(folder)
    if not is_archive(archive):
        raise ValueError(f"{archive}: expected a zip or a tar, got another kind of file")
    building = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        unpack = _unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar
        count = unpack(archive, building)
        if count == 0:
            raise ValueError(f"{archive} holds no images ({', '.join(IMAGE_SUFFIXES)})")
        building.rename(folder)
    except _DAMAGE as error:
        raise DataError(f"{archive} is damaged or cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return count


def _unpack_zip(archive, folder):
    count = 0
    with zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        for member in opened.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            ordinary = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            _check_member(archive, member.orig_filename, ordinary)
            if member.flag_bits & 1:
                raise DataError(f"{archive} is refused: {member.filename} needs a password")
        total = sum(member.file_size for member in members)
        _check_size(archive, total)
        check_space(total, folder)
        with progress(len(members), f"unpacking {archive.name}", "file") as bar:
            for member in members:
                if is_image_name(_parts(member.filename)):
                    with opened.open(member) as stream:
                        _write(stream, folder, member.filename, archive)
                    count += 1
                bar.update()
    return count


def _unpack_tar(archive, folder):
    count = total = 0
    with (
        tarfile.open(archive) as opened,
        progress(None, f"unpacking {archive.name}", "file") as bar,
    ):
        for member in opened:
            _check_member(archive, member.name, member.isfile() or member.isdir())
            total += member.size
            _check_size(archive, total)  # before its bytes are unpacked
            if member.isfile() and is_image_name(_parts(member.name)):
                check_space(member.size, folder)
                _write(opened.extractfile(member), folder, member.name, archive)
                count += 1
            opened.members = []  # tarfile keeps every member it has met: not needed here
            bar.update()
    return count


def _write(stream, folder, name, archive):
    path = folder.joinpath(*_parts(name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.open("xb")
    except FileExistsError as error:
        raise DataError(f"{archive} is refused: it holds {name} twice") from error
    except OSError as error:
        raise disk_error(error, path) from error
    with target:
        while chunk := stream.read(1 << 20):
            try:
                target.write(chunk)
                target.flush()
            except OSError as error:
                raise disk_error(error, path) from error


def _check_member(archive, name, ordinary):
    absolute = name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name)
    if absolute or ".." in _parts(name) or "\0" in name:
        raise DataError(f"{archive} is refused: {name!r} points outside of the archive")
    if not ordinary:
        raise DataError(f"{archive} is refused: {name!r} is a link or a device, not a file")


def _check_size(archive, total):
    limit = LARGEST_RATIO * archive.stat().st_size + ALLOWANCE
    if total > limit:
        raise DataError(
            f"{archive} is refused: it unpacks to {total:,} bytes or more, absurd for photos in "
            f"an archive of {archive.stat().st_size:,} bytes"
        )


def _parts(name):
    """The parts of a member's path; archives made on Windows may have backslashes."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")] or ["."]
