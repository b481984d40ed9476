"""Getting photos: a local server that misbehaves, unsafe archives, folders of any layout."""

import contextlib
import http.server
import io
import os
import re
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data import archives, datasets, download
from lib.data.download import DataError


def jpeg(seed=0):
    values = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "JPEG")
    return stream.getvalue()


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tar_of(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


# --- a server on 127.0.0.1 that can break off, forget Range, lie, and answer errors


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        if server.errors:
            code, headers = server.errors.pop(0)
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            return
        body, start = server.body, 0
        span = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range", server.etag) == server.etag
        if span and server.ranges and fresh:
            start = int(span[1])
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(body) - start + server.lie))
        self.end_headers()
        stop = server.stops.pop(0) if server.stops else len(body)
        self.wfile.write(body[start:][:stop])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.body = np.random.default_rng(0).bytes(300_000)
        server.etag, server.ranges, server.lie = '"one"', True, 0
        server.stops, server.errors, server.requests = [], [], []
        server.url = f"http://127.0.0.1:{server.server_port}/photos.zip"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(server, path, **more):
    options = {"attempts": 3, "pause": 0.001, "timeout": 5.0} | more
    return download.download(server.url, path, **options)


def test_download_whole_then_not_again(server, tmp_path):
    path = fetch(server, tmp_path / "a.zip")
    assert path.read_bytes() == server.body
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.zip", "a.zip.sha256"]
    assert (tmp_path / "a.zip.sha256").read_text().endswith("  a.zip\n")
    fetch(server, path)
    assert len(server.requests) == 1


def test_download_goes_on_after_breaks(server, tmp_path):
    server.stops = [100_000, 50_000, 1, 1, 1]  # more breaks than attempts, but each brings some
    assert fetch(server, tmp_path / "a.zip").read_bytes() == server.body
    ranges = [headers.get("Range") for headers in server.requests]
    starts = ["100000", "150000", "150001", "150002", "150003"]
    assert ranges == [None, *(f"bytes={start}-" for start in starts)]
    assert server.requests[1]["If-Range"] == '"one"'


def test_download_goes_on_in_a_later_run(server, tmp_path):
    server.stops = [100_000, 0, 0]
    with pytest.raises(DataError, match="100,000 bytes are kept"):
        fetch(server, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    before = len(server.requests)
    assert fetch(server, tmp_path / "a.zip").read_bytes() == server.body
    assert [headers.get("Range") for headers in server.requests[before:]] == ["bytes=100000-"]


def test_download_where_range_is_ignored(server, tmp_path):
    server.ranges, server.stops = False, [100_000]
    assert fetch(server, tmp_path / "a.zip").read_bytes() == server.body


def test_download_of_a_file_that_changed_meanwhile(server, tmp_path):
    server.stops = [100_000, 0, 0]
    with pytest.raises(DataError):
        fetch(server, tmp_path / "a.zip")
    server.body, server.etag = server.body[::-1], '"two"'
    assert fetch(server, tmp_path / "a.zip").read_bytes() == server.body


@pytest.mark.parametrize("lie", [100, -100])
def test_download_of_a_wrong_length(server, tmp_path, lie):
    server.lie = lie
    if lie > 0:
        with pytest.raises(DataError, match="300,000 of 300,100 bytes|did not fit|changed"):
            fetch(server, tmp_path / "a.zip")
    else:  # the server's word is all there is; the archive then proves to be cut
        server.body = zip_of(tmp_path / "made.zip", {"a.jpg": server.body}).read_bytes()
        with pytest.raises(DataError, match="something else than an archive"):
            fetch(server, tmp_path / "a.zip", accept=archives.is_archive)
    assert not (tmp_path / "a.zip").exists()
    assert not (tmp_path / "a.zip.sha256").exists()


def test_download_not_found_is_not_retried(server, tmp_path):
    server.errors = [(404, {})]
    with pytest.raises(DataError, match="404 Not Found.*SOURCE"):
        fetch(server, tmp_path / "a.zip")
    assert len(server.requests) == 1


def test_download_busy_is_retried(server, tmp_path):
    server.errors = [(503, {"Retry-After": "0"}), (503, {})]
    assert fetch(server, tmp_path / "a.zip").read_bytes() == server.body
    server.errors = [(503, {})] * 9
    with pytest.raises(DataError, match="503 Service Unavailable.*SOURCE"):
        fetch(server, tmp_path / "b.zip")
    assert len(server.requests) == 3 + 3


def test_download_offline_names_source(tmp_path, monkeypatch):
    address = ("http://127.0.0.1:9/x.zip", 8091)  # nobody listens on the discard port
    monkeypatch.setitem(datasets.PUBLIC, "flickr8k", address)
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    with pytest.raises(DataError, match="no network, or 127.0.0.1 cannot be reached.*SOURCE"):
        datasets.get("flickr8k", raw=tmp_path)


def test_download_refuses_another_sha256(server, tmp_path):
    fetch(server, tmp_path / "a.zip").unlink()
    server.body = server.body[::-1]
    with pytest.raises(DataError, match="is not the file it was"):
        fetch(server, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    (tmp_path / "a.zip.sha256").unlink()  # the new file is right: it is not fetched again
    count = len(server.requests)
    assert fetch(server, tmp_path / "a.zip").read_bytes() == server.body
    assert len(server.requests) == count


def test_download_refuses_a_page_instead_of_an_archive(server, tmp_path):
    server.body = b"<!DOCTYPE html>log in to this network"
    with pytest.raises(DataError, match="DOCTYPE"):
        fetch(server, tmp_path / "a.zip", accept=archives.is_archive)
    assert list(tmp_path.iterdir()) == []


def test_download_to_a_full_disk(server, tmp_path, monkeypatch):
    usage = download.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match="too full"):
        fetch(server, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_public_data_set_is_downloaded_and_unpacked_once(server, tmp_path, monkeypatch):
    members = {f"Flicker8k_Dataset/{i}.jpg": jpeg(i) for i in range(3)}
    members |= {"__MACOSX/Flicker8k_Dataset/._0.jpg": b"x", "Flickr8k.token.txt": b"words"}
    server.body = zip_of(tmp_path / "made.zip", members).read_bytes()
    monkeypatch.setitem(datasets.PUBLIC, "flickr8k", (server.url, 8091))
    raw = tmp_path / "raw"
    with pytest.warns(UserWarning, match="holds 3 photos"):
        files = datasets.get("flickr8k", raw=raw)
    assert files == [raw / "flickr8k" / "Flicker8k_Dataset" / f"{i}.jpg" for i in range(3)]
    assert (raw / "photos.zip.sha256").exists()
    with pytest.warns(UserWarning):
        assert datasets.get("flickr8k", raw=raw) == files
    assert len(server.requests) == 1


def test_a_raw_archive_that_changed_is_noticed(server, tmp_path, monkeypatch):
    monkeypatch.setitem(datasets.PUBLIC, "flickr8k", (server.url, 8091))
    zip_of(tmp_path / "photos.zip", {"a.jpg": jpeg()})
    with pytest.warns(UserWarning, match="holds 1 photos"):
        datasets.get("flickr8k", raw=tmp_path)  # put there by hand: recorded
    archives.shutil.rmtree(tmp_path / "flickr8k")
    zip_of(tmp_path / "photos.zip", {"b.jpg": jpeg(1)})
    with pytest.raises(DataError, match="is not the file it was"):
        datasets.get("flickr8k", raw=tmp_path)


def test_source_may_be_an_address(server, tmp_path):
    server.body = zip_of(tmp_path / "made.zip", {"x/a.jpg": jpeg()}).read_bytes()
    files = datasets.get("folder", server.url, raw=tmp_path / "raw")
    assert [file.name for file in files] == ["a.jpg"]
    assert datasets.get("folder", server.url, raw=tmp_path / "raw") == files
    assert len(server.requests) == 1


# --- archives and folders


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_source_may_be_an_archive(tmp_path, kind):
    members = {
        "deep/er/b.JPEG": jpeg(1),
        "a.png": jpeg(0),
        "./c.webp": jpeg(2),
        "notes.txt": b"no image",
        "__MACOSX/a.png": b"no image",
        ".hidden/d.jpg": b"no image",
        "deep/._b.jpeg": b"no image",
    }
    path = tmp_path / f"my.photos.{kind}"
    if kind == "zip":
        zip_of(path, members)
    else:
        tar_of(path, members, "w:" + kind.partition(".")[2])
    files = datasets.get("folder", path, raw=tmp_path / "raw")
    assert [file.read_bytes() for file in files] == [jpeg(0), jpeg(2), jpeg(1)]
    folder = Path(os.path.commonpath(files))
    assert re.fullmatch(r"my\.photos-[0-9a-f]{8}", folder.name)
    everything = [file for file in folder.rglob("*") if file.is_file()]
    assert sorted(everything) == files  # nothing else was unpacked
    assert datasets.get("folder", path, raw=tmp_path / "raw") == files


def test_another_archive_of_the_same_name_does_not_mix_in(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"a.jpg": jpeg(0)})
    (first,) = datasets.get("folder", path, raw=tmp_path / "raw")
    zip_of(path, {"b.jpg": jpeg(1), "c.jpg": jpeg(2)})
    names = [file.name for file in datasets.get("folder", path, raw=tmp_path / "raw")]
    assert names == ["b.jpg", "c.jpg"]
    assert first.exists()


BAD_NAMES = ["/etc/a.jpg", "../a.jpg", "x/../../a.jpg", "C:\\a.jpg", "..\\a.jpg", "\\a.jpg"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_archive_with_paths_that_lead_out_is_refused(tmp_path, make, name):
    path = make(tmp_path / "bad", {"good.jpg": jpeg(), name: jpeg()})
    with pytest.raises(DataError, match="points outside"):
        datasets.get("folder", path, raw=tmp_path / "raw")
    assert [file for file in (tmp_path / "raw").rglob("*") if file.name != ".lock"] == []
    assert not (tmp_path / "a.jpg").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, b"6"])
def test_tar_with_links_or_devices_is_refused(tmp_path, kind):
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("a.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(DataError, match="link or a device"):
        datasets.get("folder", path, raw=tmp_path / "raw")


def test_zip_with_links_is_refused(tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        member = zipfile.ZipInfo("a.jpg")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(DataError, match="link or a device"):
        datasets.get("folder", path, raw=tmp_path / "raw")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bombs_are_refused_before_they_unpack(tmp_path, kind):
    path = tmp_path / f"bomb.{kind}"
    zeros = {"a.jpg": bytes(80 << 20)}
    if kind == "zip":
        zip_of(path, zeros)
    else:
        tar_of(path, zeros, "w:gz")
    with pytest.raises(DataError, match="absurd"):
        datasets.get("folder", path, raw=tmp_path / "raw")
    assert not list((tmp_path / "raw").glob("*bomb*"))


def test_damaged_archives(tmp_path):
    whole = zip_of(tmp_path / "a.zip", {f"{i}.jpg": jpeg(i) for i in range(9)}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="expected a folder, a zip or a tar"):
        datasets.get("folder", tmp_path / "cut.zip", raw=tmp_path / "raw")
    flipped = bytearray(whole)
    flipped[200] ^= 255
    (tmp_path / "flipped.zip").write_bytes(flipped)
    with pytest.raises(DataError, match="damaged"):
        datasets.get("folder", tmp_path / "flipped.zip", raw=tmp_path / "raw")
    whole = tar_of(tmp_path / "a.tar.gz", {f"{i}.jpg": jpeg(i) for i in range(9)}, "w:gz")
    (tmp_path / "cut.tar.gz").write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(DataError, match="damaged"):
        datasets.get("folder", tmp_path / "cut.tar.gz", raw=tmp_path / "raw")
    assert not [file for file in (tmp_path / "raw").iterdir() if file.name != ".lock"]


def test_archive_with_a_name_twice_is_refused(tmp_path):
    path = tar_of(tmp_path / "a.tar", {"a.jpg": jpeg(0), "./a.jpg": jpeg(1)})
    with pytest.raises(DataError, match="twice"):
        datasets.get("folder", path, raw=tmp_path / "raw")


def test_unpacking_to_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip", {"a.jpg": jpeg(0)})

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.Path, "open", full)
    with pytest.raises(DataError, match="disk is full"), contextlib.suppress(FileNotFoundError):
        archives.extract(path, tmp_path / "raw")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.zip"]


def test_folder_is_used_in_place(tmp_path):
    for name in ("b/2.JPG", "1.tiff", ".c/3.jpg", "__MACOSX/4.jpg", "5.txt", "._6.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    assert datasets.get("folder", tmp_path) == [tmp_path / "1.tiff", tmp_path / "b/2.JPG"]
    mark = datasets.stamp("folder", tmp_path)
    assert mark == datasets.stamp("folder", tmp_path)
    os.utime(tmp_path / "1.tiff", ns=(1, 1))
    assert mark != datasets.stamp("folder", tmp_path)
    assert datasets.stamp("folder", tmp_path / "gone") is None


def test_bad_sources(tmp_path):
    with pytest.raises(ValueError, match="scenes, flickr8k, flickr30k, folder; got 'flickr9k'"):
        datasets.get("flickr9k")
    with pytest.raises(ValueError, match="drawn"):
        datasets.get("scenes")
    with pytest.raises(ValueError, match="takes no SOURCE"):
        datasets.get("scenes", tmp_path)
    with pytest.raises(ValueError, match="needs SOURCE"):
        datasets.get("folder")
    with pytest.raises(FileNotFoundError, match="SOURCE not found.*nowhere"):
        datasets.get("folder", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no images"):
        datasets.get("folder", tmp_path)
    with pytest.raises(ValueError, match="holds no images"):
        datasets.get("folder", zip_of(tmp_path / "a.zip", {"a.txt": b""}), raw=tmp_path / "raw")
    (tmp_path / "a.jpg").write_bytes(jpeg())
    with pytest.raises(ValueError, match="expected a folder, a zip or a tar, got another file"):
        datasets.get("folder", tmp_path / "a.jpg", raw=tmp_path / "raw")
