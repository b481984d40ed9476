"""The command line: which files, which model, one line for each that is bad."""

import os
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from skimage import data

from lib import models
from lib.colorize import command as color_cli
from lib.colorize import photo as colorize
from lib.colorize import photo_files, photo_sources

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cnn():
    return models.build_cnn(8)


@pytest.fixture(scope="module")
def root(tmp_path_factory, cnn):
    root = tmp_path_factory.mktemp("project")
    for number, study in enumerate(("old", "new")):
        path = root / "results" / study / "cnn" / "model.keras"
        path.parent.mkdir(parents=True)
        cnn.save(path)
        os.utime(path, (number, number))
    critic = root / "results" / "new" / "critic" / "model.keras"
    critic.parent.mkdir()
    models.build_critic(2).save(critic)
    return root


@pytest.fixture
def run(root, tmp_path, capsys):
    def run(*arguments, model="cnn"):
        words = [str(argument) for argument in arguments]
        status = color_cli.main([*words, "--model", model], root)
        return status, *(text.splitlines() for text in capsys.readouterr())

    return run


@pytest.fixture
def album(tmp_path):
    album = tmp_path / "album"
    (album / "more").mkdir(parents=True)
    Image.fromarray(data.coffee()).save(album / "coffee.jpg")
    Image.fromarray(data.coins()).save(album / "more" / "coins.gif")
    (album / "notes.txt").write_text("not a photo")
    (album / ".hidden.jpg").write_text("not a photo")
    return album


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_folder(run, album, tmp_path):
    out = tmp_path / "out"
    status, said, errors = run(album, "-o", out, "--compare")
    assert (status, errors) == (0, [])
    assert said == ["model: results/new/cnn", f"coloured: 2 of 2, in {out}"]
    expected = ["coffee-compare.png", "coffee.jpg", "more/coins.gif-compare.png"]
    assert names(out) == [*expected, "more/coins.gif.png"]
    assert Image.open(out / "coffee.jpg").size == (600, 400)
    assert Image.open(out / "coffee-compare.png").size == (3 * 600 + 16, 400)


def test_results_are_not_replaced_without_force(run, album, tmp_path):
    photo, result = album / "coffee.jpg", tmp_path / "new.webp"
    result.write_text("mine")
    assert run(photo, "-o", result)[0] == 0
    assert result.read_text() == "mine"
    assert run(photo, "-o", result, "--compare")[0] == 0  # what lacks is made
    assert result.read_text() == "mine" and (tmp_path / "new-compare.png").exists()
    assert run(photo, "-o", result, "--force", "--saturation", "0.5", "--square")[0] == 0
    assert Image.open(result).size == (600, 400)


def test_results_in_a_folder_of_photos_are_not_coloured_again(run, album):
    out = album / "out"
    assert run(album, "-o", out)[0] == 0
    before = names(out)
    assert run(album, "-o", out)[0] == 0
    assert names(out) == before


def test_bad_photos_are_reported_and_the_others_done(run, album, tmp_path):
    (album / "text.jpg").write_text("not a photo")
    (album / "empty.png").touch()
    whole = (album / "coffee.jpg").read_bytes()
    (album / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (1, 1)).save(album / "one.png")
    Image.new("L", (5000, 1)).save(album / "thin.png")
    Image.new("1", (15000, 15000)).save(album / "bomb.png")
    Image.new("L", (8, 8)).save(album / "header.png")  # of 20,000 x 20,000 pixels, and no data
    head = bytearray((album / "header.png").read_bytes()[:33])
    head[16:24] = struct.pack(">II", 20000, 20000)
    head[29:33] = struct.pack(">I", zlib.crc32(head[12:29]))
    (album / "header.png").write_bytes(head + bytes(4) + b"IDAT" + bytes(8))
    status, said, errors = run(album, "-o", tmp_path / "out")
    assert status == 1 and said[-1].startswith("coloured: 2 of 9")
    assert names(tmp_path / "out") == ["coffee.jpg", "more/coins.gif.png"]
    reasons = {Path(line.split(": ")[0]).name: line for line in errors}
    assert len(errors) == 7
    assert "400000000 pixels" in reasons["header.png"]
    assert "bomb" in reasons["bomb.png"] and "truncated" in reasons["truncated.jpg"]
    assert "8 pixels" in reasons["one.png"] and "5000" in reasons["thin.png"]
    assert "identify" in reasons["text.jpg"] and "identify" in reasons["empty.png"]


def test_which_model(run, root, album, tmp_path):
    photo = album / "coffee.jpg"
    assert run(photo, "-o", tmp_path / "a")[1][0] == "model: results/new/cnn"  # the newest
    assert run(photo, "-o", tmp_path / "b", "--study", "old")[1][0] == "model: results/old/cnn"
    best = root / "results" / "flickr8k" / "cnn" / "model.keras"
    best.parent.mkdir(parents=True)
    best.write_bytes((root / "results" / "old" / "cnn" / "model.keras").read_bytes())
    os.utime(best, (0, 0))
    assert run(photo, "-o", tmp_path / "c")[1][0] == "model: results/flickr8k/cnn"
    best.write_text("no model")
    status, _, errors = run(photo, "-o", tmp_path / "d")
    assert status == 2 and len(errors) == 1 and "flickr8k" in errors[0]
    best.unlink()
    status, _, errors = run(photo, "-o", tmp_path / "e", model="critic")
    assert status == 2 and len(errors) == 1 and "colours" in errors[0]


def make(results, *names, time=1):
    """Files of networks as `find_model` sees them: "study/model/file"."""
    for name in names:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(results / name, "w") as archive:
            if name.startswith("flickr8k/x") and "released" in name:
                archive.writestr("missing.json", '{"weights": "imagenet"}')
        os.utime(results / name, (time, time))


def test_the_best_network_that_works_offline(tmp_path, monkeypatch):
    def found(*wanted):
        return color_cli.find_model(tmp_path, *wanted).relative_to(tmp_path).as_posix()

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    make(tmp_path, "flickr8k/xception/released.keras", "flickr8k/critic/model.keras")
    assert found() == "flickr8k/xception/released.keras"  # there is no other
    make(tmp_path, "mine/autoencoder/released.keras", time=2)
    assert found() == "mine/autoencoder/released.keras"
    assert found(None, "xception") == "flickr8k/xception/released.keras"  # asked for by name
    make(tmp_path, "flickr8k/cnn/released.keras")
    assert found() == "flickr8k/cnn/released.keras"  # the reference study comes first
    assert found("mine") == "mine/autoencoder/released.keras"
    make(tmp_path, "flickr8k/gan/released.keras", "flickr8k/generator/released.keras")
    assert found() == "flickr8k/gan/released.keras"
    make(tmp_path, "flickr8k/gan/model.keras")
    assert found() == "flickr8k/gan/model.keras"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["album"], "-o"),
        (["-o", "out"], "IN"),
        (["nothing.jpg", "-o", "out"], "no such file"),
        (["empty", "-o", "out"], "no photos"),
        (["album", "-o", "album"], "replace a photo"),
        (["album", "album/coffee.jpg", "-o", "out"], "both become"),
        (["album", "-o", "album/notes.txt"], "cannot be written"),
        (["album", "-o", "out.png"], "expected a folder"),
        (["coffee.jpg", "-o", "coffee.gif"], "expected a folder"),
        (["coffee.jpg", "-o", "coffee.jpg"], "replace a photo"),
        (["coffee.jpg", "-o", "/proc/nowhere"], "cannot be written"),
        (["album", "-o", "out", "--render-factor", "1"], "2 to 40"),
        (["album", "-o", "out", "--render-factor", "x"], "invalid int"),
        (["album", "-o", "out", "--saturation", "nan"], "saturation"),
        (["album", "-o", "out", "--smoothing", "2"], "smoothing"),
        (["coffee.jpg", "-o", "coffee.mp4"], "expected a folder"),
        (["album", "-o", "out", "--study", "none"], "make report"),
        (["album", "-o", "out", "--colour"], "unrecognized"),
    ],
)
def test_wrong_command_lines(run, album, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    Image.fromarray(data.coffee()).save(tmp_path / "coffee.jpg")
    if "both" in word:
        arguments = ["album", "coffee.jpg", "-o", "out"]
    status, _, errors = run(*arguments)
    assert status == 2 and len(errors) == 1 and word in errors[0]


def packed(album, archive):
    kind = "zip" if archive.suffix == ".zip" else "gztar"
    made = shutil.make_archive(str(archive.with_name("made")), kind, album)
    return Path(made).rename(archive)


@pytest.mark.parametrize("name", ["album.zip", "album.tar.gz"])
def test_archives_keep_their_folders(run, album, tmp_path, name):
    archive = packed(album, tmp_path / name)
    shutil.copy(album / "coffee.jpg", tmp_path / "one.jpg")
    status, said, errors = run(archive, tmp_path / "one.jpg", "-o", tmp_path / "out")
    assert (status, errors) == (0, []) and said[-1].startswith("coloured: 3 of 3")
    assert names(tmp_path / "out") == ["coffee.jpg", "more/coins.gif.png", "one.jpg"]


def test_bad_archives_are_reported_and_the_others_done(run, album, tmp_path):
    whole = packed(album, tmp_path / "album.zip").read_bytes()
    (tmp_path / "broken.zip").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("flat.bmp", bytes(100 << 20))
    with zipfile.ZipFile(tmp_path / "escape.zip", "w") as escape:
        escape.writestr("../coffee.jpg", (album / "coffee.jpg").read_bytes())
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as empty:
        empty.writestr("notes.txt", "not a photo")
    with zipfile.ZipFile(tmp_path / "inside.zip", "w") as inside:
        inside.writestr("more/text.jpg", "not a photo")
    bad = [tmp_path / f"{name}.zip" for name in ("broken", "bomb", "escape", "empty", "inside")]
    status, said, errors = run(*bad, album, "-o", tmp_path / "out")
    assert status == 1 and said[-1].startswith("coloured: 2 of 3")
    assert names(tmp_path / "out") == ["coffee.jpg", "more/coins.gif.png"]
    words = ["a zip or a tar", "absurd", "outside", "holds no images", "inside.zip/more/text.jpg"]
    assert len(errors) == 5
    for word, line in zip(words, errors, strict=True):
        assert word in line
    assert not list(tmp_path.glob("coffee.jpg"))
    assert run(bad[0], "-o", tmp_path / "none")[0] == 1


def test_many_photos_are_coloured_as_single_ones(root, album, tmp_path, run):
    rng = np.random.default_rng(0)
    for number in range(40):  # of two sizes, some in 16 bits: batches, compiled for one size
        size = (64, 80) if number % 5 else (80, 64)
        photo = rng.integers(0, 256, size, np.uint8)
        photo = photo if number % 3 else photo.astype(np.uint16) * 257
        Image.fromarray(photo).save(album / f"{number:02}.png")
    (album / "07.png").write_text("not a photo")
    status, said, errors = run(album, "-o", tmp_path / "out")
    assert status == 1 and len(errors) == 1 and "07.png" in errors[0]
    assert said[-1].startswith("coloured: 41 of 42")
    network = models.load(root / "results" / "new" / "cnn" / "model.keras")
    for number in (0, 1, 5, 20, 38, 39):
        photo, _ = photo_files.read(album / f"{number:02}.png")
        pred, _ = photo_files.read(tmp_path / "out" / f"{number:02}.png")
        true = colorize.colorize(photo, network)
        assert pred.dtype == true.dtype
        np.testing.assert_allclose(pred, true, atol=1 if true.dtype == np.uint8 else 20, rtol=0)


def test_memory_is_bounded_by_pixels():
    sizes = {"a": 9, "b": 3, "c": 3, "d": 1, "film": 32, "e": 0, "f": 40}
    jobs = [photo_sources.Job(Path(name), None, name) for name in sizes]
    with mock.patch.object(color_cli, "_pixels", lambda path: sizes[str(path)] << 20):
        found = [
            ([jobs[n].label for n in chunk], size >> 20) for chunk, size in color_cli._chunks(jobs)
        ]
    assert found == [(["a"], 9), (["b", "c", "d"], 7), (["film"], 32), (["e"], 0), (["f"], 40)]


def test_a_full_disk(run, album, tmp_path, request):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, before[1]))  # bytes a file
    status, _, errors = run(album, "-o", tmp_path / "out")
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == 1 and len(errors) == 2 and all("too large" in line for line in errors)
    assert names(tmp_path / "out") == []


def test_keras_is_not_imported_for_a_wrong_command_line(tmp_path):
    code = (
        "import sys; from lib.colorize import command as c\ns = c.main(sys.argv[1:], sys.argv[1])\n"
    )
    code += "print(s, 'keras' in sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "2 False\n"
    assert done.stderr == "error: no trained network in results/: run `make report` first\n"
    assert not (tmp_path / "out").exists()


def test_nothing_but_the_result_lines_is_printed(root, album, tmp_path):
    code = "import sys; from lib.colorize import command\n"
    code += "sys.exit(command.main(sys.argv[2:], sys.argv[1]))"
    arguments = [root, album / "coffee.jpg", "-o", tmp_path / "out", "--model", "cnn"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
