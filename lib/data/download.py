"""Fetch one file over HTTP: streamed, resumed after a break, retried, checked, renamed when whole.

While it is incomplete a file is called `<name>.part`, and `<name>.part.json` keeps what the server
said about it, so that a later run goes on where this one stopped. A file that is called `<name>` is
whole. Its SHA-256 is written to `<name>.sha256` (the format of `sha256sum`) the first time and
compared ever after. Only the standard library is used. The module also holds the few helpers that
all modules of the data share: `DataError`, `progress`, `locked`, `disk_error`.

References
----------
RFC 9110, HTTP semantics: section 14 (range requests) and 13.1.5 (If-Range).
"""

import contextlib
import errno
import hashlib
import http.client
import json
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from tqdm import tqdm

from lib.files import write_text

CHUNK = 1 << 20  # bytes read and written at a time
RETRIED = {408, 425, 429, 500, 502, 503, 504}  # HTTP answers that may be better the next time
LONGEST_PAUSE = 60.0  # seconds
OTHER_WAY = (
    "The other way: set SOURCE (in notebook 08: PHOTOS) to a zip, a tar or a folder that you have."
)


class DataError(RuntimeError):
    """Photos could not be fetched, unpacked or stored; the message says why and what to do."""


class _BrokenOff(Exception):
    """The server stopped before the file was whole."""


def download(url, path, accept=None, attempts=5, pause=1.0, timeout=30.0):
    """Download a file unless it is there already.

    Parameters
    ----------
    url : str
        http or https.
    path : path-like
        The file to write. Nothing appears under this name until it is whole.
    accept : callable, optional
        Given the path of the whole but not yet renamed file; false refuses and deletes it.
    attempts : int
        Failures in a row that end the download; every new byte starts the count again.
    pause : float
        Seconds to wait after the first failure, doubled after each further one.
    timeout : float
        Seconds without an answer that count as a failure.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataError
        No network, an answer such as 404, a length or SHA-256 other than promised, a full disk.
    """
    path = Path(path)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    _fetch(url, part, attempts, pause, timeout)
    if accept is not None and not accept(part):
        with part.open("rb") as stream:
            opening = stream.read(16)
        _discard(part)
        raise DataError(f"{url} sent something else than an archive: it begins with {opening!r}")
    check_sha256(part, path)
    part.replace(path)
    _note(part).unlink(missing_ok=True)
    return path


def check_sha256(file, path=None):
    """Compare a file with its recorded SHA-256, or record it if this is the first time.

    `path` is the name the record belongs to (default: the file itself). Returns the hexadecimal
    digest; raises DataError if it is another one than recorded.
    """
    path = Path(path or file)
    record = path.with_name(path.name + ".sha256")
    with Path(file).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not record.exists():
        write_text(record, f"{digest}  {path.name}\n")
    elif record.read_text(encoding="utf-8").split()[:1] != [digest]:
        raise DataError(
            f"{path.name} is not the file it was: its SHA-256 is {digest}, {record} has another. "
            "Delete the file to download it again, or the record if the new file is right."
        )
    return digest


def progress(total, what, unit, initial=0):
    """A progress bar on a terminal or in a notebook; silent everywhere else."""
    stream = sys.stderr
    watched = stream is not None and (
        stream.isatty() or type(stream).__module__.startswith("ipykernel")
    )
    scale = {"unit_scale": True, "unit_divisor": 1024} if unit == "B" else {}
    return tqdm(
        total=total,
        desc=what,
        unit=unit,
        initial=initial,
        disable=not watched,
        leave=False,
        mininterval=0.5,
        **scale,
    )


@contextlib.contextmanager
def locked(path):
    """Hold a lock file, so that two programs never build the same thing at the same time.

    The second one waits. The system frees the lock when the holder ends, however it ends. Where
    the system knows no such locks (Windows, some network drives) nothing is locked.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def disk_error(error, where):
    """A DataError for an OSError met while writing to `where`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        text = f"the disk is full: cannot write {where}. Free some space and run it again"
        return DataError(text + ", it goes on from here.")
    return DataError(f"cannot write {where}: {error.strerror or error}")


def check_space(needed, folder):
    """Raise DataError if the disk of `folder` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"the disk is too full: {needed / 1e9:.2f} GB are needed in {folder}, "
            f"{free / 1e9:.2f} GB are free"
        )


def _fetch(url, part, attempts, pause, timeout):
    """Bring `part` to its full length, with as many requests as it takes."""
    failures, furthest = 0, _size(part)
    while True:
        wait = 0.0
        try:
            return _request(url, part, timeout)
        except urllib.error.HTTPError as error:
            why = f"the server answered {error.code} {error.reason}"
            if error.code not in RETRIED:
                raise DataError(f"{url}: {why}. {OTHER_WAY}") from error
            after = error.headers.get("Retry-After", "")
            wait = float(after) if after.isdigit() else 0.0
        except http.client.InvalidURL as error:
            raise DataError(f"{url} is not a valid address: {error}") from error
        except urllib.error.URLError as error:
            host = urllib.parse.urlsplit(url).hostname
            why = f"no network, or {host} cannot be reached ({error.reason})"
        except (_BrokenOff, OSError, http.client.HTTPException) as error:
            why = f"the connection broke ({error or type(error).__name__})"
        failures = 1 if _size(part) > furthest else failures + 1
        furthest = max(furthest, _size(part))
        if failures >= attempts:
            kept = f" {furthest:,} bytes are kept for the next run." if furthest else ""
            raise DataError(f"{url} not downloaded: {why}.{kept} {OTHER_WAY}")
        time.sleep(min(max(wait, pause * 2 ** (failures - 1)), LONGEST_PAUSE))


def _request(url, part, timeout):
    """One request that continues `part`; raises if the file is not whole afterwards."""
    start, known = _size(part), _read_note(part)
    if start and known.get("url") != url:
        _discard(part)
        start, known = 0, {}
    if start and start == known.get("total"):
        return
    headers = {"User-Agent": "photo-colorization-study", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if known.get("version"):
            headers["If-Range"] = known["version"]
    address = urllib.parse.quote(url, safe=":/?&=%#+@;,~!$'()*[]")
    request = urllib.request.Request(address, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is here does not fit the file there: begin again
            _discard(part)
            raise _BrokenOff("what was kept did not fit and is fetched again") from error
        raise
    with response:
        total = _total(response, start, known, part)
        resumed = response.status == 206
        note = {"url": url, "total": total, "version": _version(response.headers)}
        write_text(_note(part), json.dumps(note))
        if total is not None:
            check_space(total - (start if resumed else 0), part.parent)
        _receive(response, part, start if resumed else 0, total)
    if total is not None and _size(part) != total:
        raise _BrokenOff(f"{_size(part):,} of {total:,} bytes came")


def _total(response, start, known, part):
    """Length of the whole file, None if the server does not say; the answer must continue ours."""
    if response.status == 206:
        span = response.headers.get("Content-Range", "")
        first, _, total = span.removeprefix("bytes ").replace("-", "/").partition("/")
        total = total.rpartition("/")[2]
        total = int(total) if total.isdigit() else None
        if first != str(start) or known.get("total") not in (None, total):
            _discard(part)
            raise _BrokenOff(f"the file changed on the server (Content-Range {span!r})")
        return total
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _receive(response, part, start, total):
    """Append what comes; cut the file first to the length the answer continues from."""
    with progress(total, part.name.removesuffix(".part"), "B", start) as bar:
        try:
            stream = part.open("r+b" if start else "wb")
        except OSError as error:
            raise disk_error(error, part) from error
        with stream:
            stream.seek(start)
            while chunk := response.read(CHUNK):
                try:
                    stream.write(chunk)
                    stream.flush()
                except OSError as error:
                    raise disk_error(error, part) from error
                bar.update(len(chunk))


def _version(headers):
    """What names this version of the file for If-Range: a strong ETag, or the date of change."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "")


def _note(part):
    return part.with_name(part.name + ".json")


def _read_note(part):
    try:
        return json.loads(_note(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _size(part):
    return part.stat().st_size if part.exists() else 0


def _discard(part):
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)
