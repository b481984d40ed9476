"""Getting photos: a local server that misbehaves, unsafe archives, folders of any layout."""

import gzip
import http.server
import io
import os
import re
import socket
import tarfile
import threading
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data import sources
from lib.data.sources import DataError


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


def tar_of(path, members):
    with tarfile.open(path, "w:" + path.suffix[1:].replace("tar", "")) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def get(source, tmp_path):
    """Photos of a source, and what was left out."""
    return sources.photos_in(sources.fetch("folder", source, tmp_path / "raw"))


def left_in(raw):
    """What is in raw/ but for its locks."""
    return sorted(path.name for path in raw.rglob("*") if path.suffix != ".lock")


def full(*args):
    raise OSError(28, "No space left on device")


# --- a server on 127.0.0.1 that can lie, never end, and answer errors


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests += 1
        self.send_response(server.status)
        if server.length is not None:
            self.send_header("Content-Length", str(server.length))
        self.end_headers()
        self.wfile.write(server.body)
        while server.endless:
            try:
                self.wfile.write(bytes(1 << 20))
            except OSError:
                return

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = zip_of(tmp_path / "made.zip", {f"x/{i}.jpg": jpeg(i) for i in range(3)})
        server.body, server.status, server.requests = made.read_bytes(), 200, 0
        server.length, server.endless = None, False
        server.url = f"http://127.0.0.1:{server.server_port}/photos.zip"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_public_data_set_is_downloaded_and_unpacked_once(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sources.PUBLIC, "flickr8k", server.url)
    raw = tmp_path / "raw"
    for _ in range(2):
        assert sources.fetch("flickr8k", raw=raw) == raw / "flickr8k"
    assert len(sources.photos_in(raw / "flickr8k")[0]) == 3
    assert server.requests == 1
    assert (raw / "photos.zip").read_bytes() == server.body
    assert (raw / "photos.zip.sha256").read_text().endswith("  photos.zip\n")
    files, _ = get(server.url, tmp_path)  # the address as SOURCE
    assert [file.name for file in files] == ["0.jpg", "1.jpg", "2.jpg"]


def test_another_sha256_than_the_first_time_is_refused(server, tmp_path):
    path = zip_of(tmp_path / "a.zip", {"a.jpg": jpeg(9)})
    sources.download(server.url, path)  # put there by hand: recorded and kept
    assert server.requests == 0
    path.unlink()
    with pytest.raises(DataError, match="is not the file it was; .*a.zip.sha256 has another"):
        sources.download(server.url, path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"status": 404}, "404.*SOURCE"),
        ({"body": b"<!DOCTYPE html>log in to this network"}, "something else than a zip or a tar"),
        ({"length": 10_000}, "not downloaded: .*broke off.*SOURCE"),
        ({"endless": True}, "more than 0.03 GB"),
    ],
)
def test_nothing_is_kept_of_a_bad_answer(server, tmp_path, monkeypatch, lie, words):
    monkeypatch.setattr(sources, "LARGEST_DOWNLOAD", 30 << 20)
    vars(server).update(lie)
    with pytest.raises(DataError, match=words):
        get(server.url, tmp_path)
    assert left_in(tmp_path / "raw") == []


@pytest.mark.parametrize("place", [(sources._Limited, "write"), (zipfile.ZipFile, "extract")])
def test_a_full_disk_leaves_nothing_half_made(server, tmp_path, monkeypatch, place):
    monkeypatch.setattr(*place, full)
    with pytest.raises(DataError, match="cannot write .*photos-.*: No space left"):
        get(server.url, tmp_path)
    assert not any(file.suffix == "" for file in (tmp_path / "raw").iterdir())


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.zip", "http://[::1", "http://"])
def test_no_network_names_source(tmp_path, address):
    with pytest.raises(DataError, match="not downloaded: no network.*SOURCE"):
        get(address, tmp_path)


# --- archives


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_source_may_be_an_archive(tmp_path, kind):
    members = {
        "deep/er/b.JPEG": jpeg(1),
        "a.png": jpeg(0),
        "./c.webp": jpeg(2),
        "scan": jpeg(3),
        "notes.txt": b"no image",
        "__MACOSX/a.png": b"no image",
        ".hidden/d.jpg": b"no image",
        "deep/._b.jpeg": b"no image",
    }
    path = (zip_of if kind == "zip" else tar_of)(tmp_path / f"my.photos.{kind}", members)
    files, left_out = get(path, tmp_path)
    assert [file.read_bytes() for file in files] == [jpeg(0), jpeg(2), jpeg(1)]
    folder = Path(os.path.commonpath(files))
    assert re.fullmatch(r"my\.photos-[0-9a-f]{8}", folder.name)
    assert not left_out  # nothing else was unpacked
    assert get(path, tmp_path)[0] == files


@pytest.mark.parametrize("name", ["/etc/a.jpg", "../a.jpg", "x/../../a.jpg", "C:\\a.jpg"])
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_nothing_is_written_outside(tmp_path, make, name):
    files, _ = get(make(tmp_path / "bad", {"good.jpg": jpeg(), name: jpeg()}), tmp_path)
    assert files and set(tmp_path.rglob("*.jpg")) == set(files)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, b"6"])
def test_only_regular_files_of_a_tar_are_unpacked(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("a.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(DataError, match="holds no photos"):
        get(tmp_path / "a.tar", tmp_path)
    assert left_in(tmp_path / "raw") == []


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bombs_are_refused_before_they_unpack(tmp_path, kind):
    make = zip_of if kind == "zip" else tar_of
    path = make(tmp_path / f"bomb.{kind}", {"a.jpg": bytes(80 << 20)})
    with pytest.raises(DataError, match="brings more than 0.0. GB"):
        get(path, tmp_path)
    assert left_in(tmp_path / "raw") == []


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_huge_name_is_not_read(tmp_path, kind):
    member = tarfile.TarInfo("name")
    member.type, member.size = kind, 300 << 20
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as stream:
        stream.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(75):
            stream.write(b"x" * (4 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match="brings more than"):
        get(tmp_path / "a.tar.gz", tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


def test_damaged_archives(tmp_path):
    photos = {f"{i}.jpg": jpeg(i) for i in range(9)}
    zipped = zip_of(tmp_path / "a.zip", photos).read_bytes()
    name = tarfile.TarInfo("x")
    name.type = tarfile.GNUTYPE_LONGNAME
    damaged = {
        "cut zip": zipped[: len(zipped) // 2],
        "flipped zip": zipped[:200] + b"x" + zipped[201:],
        "cut tar": tar_of(tmp_path / "a.tar.gz", photos).read_bytes()[:5000],
        "a name for a name for a name": name.tobuf() * 3000,
        "photo": jpeg(),
    }
    for kind, content in damaged.items():
        (tmp_path / kind).write_bytes(content)
        with pytest.raises(DataError, match=f"{kind} is no zip or tar, or a damaged one: "):
            get(tmp_path / kind, tmp_path)
    assert left_in(tmp_path / "raw") == []


def test_two_programs_do_not_make_the_same_folder(tmp_path):
    folder, calls = tmp_path / "folder", []

    def build(place):
        calls.append(place)
        time.sleep(0.2)

    arguments = folder, folder.is_dir, build
    threads = [threading.Thread(target=sources.make_folder, args=arguments) for _ in range(2)]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert len(calls) == 1 and folder.is_dir()


# --- folders


def test_which_files_are_photos(tmp_path):
    photos = ["b/2.JPG", "1.tiff", "3.jfif", "c d/4.png", "$x_{$ now.jpg"]
    others = [".c/3.jpg", "__MACOSX/4.jpg", "5.txt", "6.mpg", "._6.jpg", ".dtrash/7.jpg", "scan"]
    for name in photos + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    files, left_out = sources.photos_in(tmp_path)
    assert files == sorted(tmp_path / name for name in photos)
    assert left_out == "4 hidden, 1 .txt, 1 .mpg, 1 without suffix"
    films, _ = sources.photos_in(tmp_path, {".mpg"})
    assert tmp_path / "6.mpg" in films and tmp_path / "1.tiff" not in films


def test_linked_folders_are_entered_once(tmp_path):
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for place in (folder / "b", elsewhere):
        place.mkdir(parents=True)
        (place / "a.jpg").write_bytes(jpeg())
    (folder / "loop").symlink_to(folder)
    (folder / "b" / "up").symlink_to("..")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "twice").symlink_to(elsewhere)
    files, left_out = sources.photos_in(folder)
    assert files == [folder / "b/a.jpg", folder / "linked/a.jpg"]
    assert left_out == "3 folders met twice"


def test_what_is_no_regular_file_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket.jpg"))
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "gone").symlink_to("nowhere")
    files, left_out = sources.photos_in(tmp_path)
    assert files == [tmp_path / "gone.jpg", tmp_path / "loop.jpg"]  # to be named as unreadable
    assert left_out == "3 no regular files, 1 without suffix"
    with pytest.raises(FileNotFoundError, match="SOURCE not found"):
        get(tmp_path / "fifo.jpg", tmp_path)


def test_stamp_follows_names_sizes_and_dates(tmp_path):
    (tmp_path / "1.tiff").write_bytes(jpeg())
    mark = sources.stamp("folder", tmp_path)
    os.utime(tmp_path / "1.tiff", ns=(1, 1))
    assert mark != sources.stamp("folder", tmp_path)


def test_bad_sources(tmp_path):
    with pytest.raises(FileNotFoundError, match="SOURCE not found"):
        get(tmp_path / "nowhere", tmp_path)
    (tmp_path / "a.jpg").write_bytes(jpeg())
    with pytest.raises(DataError, match="cannot write .*File exists|Not a directory"):
        sources.fetch("folder", zip_of(tmp_path / "b.zip", {"a.jpg": jpeg()}), tmp_path / "a.jpg")
