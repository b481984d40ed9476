"""The command line: which files, which model, one line for each that is bad."""

import os
import resource
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from lib import models
from lib.colorize import command as color_cli
from lib.colorize import photo as colorize
from lib.data import decode

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
    def run(*arguments, model="cnn", study="new"):
        words = [*map(str, arguments), "--model", model]
        words += [] if "--study" in words else ["--study", study]
        status = color_cli.main(words, root)
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
    said = [line.partition(" (")[0] for line in said[1:]]
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
    assert "400,000,000 pixels" in reasons["header.png"]
    assert "225,000,000 pixels" in reasons["bomb.png"] and "truncated" in reasons["truncated.jpg"]
    assert "8 pixels" in reasons["one.png"] and "5000" in reasons["thin.png"]
    assert "no photo" in reasons["text.jpg"] and "empty file" in reasons["empty.png"]


def test_which_model(run, root, album, tmp_path):
    photo = album / "coffee.jpg"
    said = run(photo, "-o", tmp_path / "a", study="old")[1]
    assert said[0] == "model: results/old/cnn (trained 1970-01-01)"
    broken = root / "results" / "broken" / "cnn" / "model.keras"
    broken.parent.mkdir(parents=True)
    broken.write_text("no model")
    status, _, errors = run(photo, "-o", tmp_path / "d", study="broken")
    assert status == 2 and len(errors) == 1 and "broken" in errors[0]
    status, _, errors = run(photo, "-o", tmp_path / "e", model="critic")
    assert status == 2 and len(errors) == 1 and "colours" in errors[0]


def make(results, *names):
    """Files of networks as `find_model` sees them: "study/model/file"."""
    for name in names:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).touch()


def test_the_released_reference_is_the_default(tmp_path):
    def found(*wanted):
        return color_cli.find_model(tmp_path, *wanted).relative_to(tmp_path).as_posix()

    name = color_cli.RELEASED
    make(tmp_path, "mine/gan/model.keras", f"flickr8k/cnn/{name}", "flickr8k/critic/model.keras")
    assert found() == f"flickr8k/cnn/{name}"
    make(tmp_path, f"flickr8k/gan/{name}", "flickr8k/gan/model.keras")
    assert found() == f"flickr8k/gan/{name}"  # not what somebody has trained there
    assert found(None, "cnn") == f"flickr8k/cnn/{name}"
    assert found("mine") == "mine/gan/model.keras"
    assert found("flickr8k") == "flickr8k/gan/model.keras"
    (tmp_path / "flickr8k" / "run.json").write_text(
        '{"steps": {"06_gan": {"finished": "2026-11-23T09:46:04+00:00"}, "09_report": {}}}'
    )
    words = color_cli._trained(tmp_path / found())
    assert words == "released, trained 2026-11-23"


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
        (["album", "-o", "out", "--study", "/tmp"], "name of a folder"),
        (["album", "-o", "out", "--study", ".."], "no trained"),
        (["album", "-o", ""], "got nothing"),
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


@pytest.mark.parametrize("named", ["a", "a-compare"])
def test_comparisons_take_the_place_of_nothing(run, tmp_path, named):
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    for name in ("a.jpg", f"{named}.png"):
        Image.fromarray(data.coffee()[:64, :80]).save(album / name)
    assert run(album, "-o", out, "--compare")[0] == 0
    pair = ["a.jpg", "a.jpg-compare.png", f"{named}.png"]
    last = "a.png-compare.png" if named == "a" else "a-compare-compare.png"
    assert names(out) == sorted([*pair, last])
    assert Image.open(out / f"{named}.png").size == (80, 64)


def test_a_name_that_is_too_long_is_one_line(run, album, tmp_path):
    for length in (246, 250, 255):
        long = album / ("x" * (length - 4) + ".png")
        Image.fromarray(data.coins()[:32, :32]).save(long)
    status, said, errors = run(album, "-o", tmp_path / "out", "--compare")
    assert status == 1 and all("too long" in line for line in errors)
    assert said[-1].startswith(f"coloured: {5 - len(errors)} of 5")


def test_what_is_left_out_of_a_folder_is_counted(run, album, tmp_path):
    (album / "linked").symlink_to(tmp_path)
    (album / "scan").touch()
    (album / ".thumbnails").mkdir()
    (album / "old.mpg").touch()
    Image.fromarray(data.coins()[:32, :32]).save(album / "more" / "b.jfif", "JPEG")
    status, said, _ = run(album, "-o", tmp_path / "out")
    assert status == 0 and said[-1].startswith("coloured: 3 of 3")
    left = "1 .mpg, 1 .txt, 2 hidden, 1 linked folders, 1 without suffix"
    assert said[0] == f"{album}: left out: {left}"


def test_large_photos_are_refused_with_a_way_around(run, album, tmp_path):
    options = (album / "coffee.jpg", "-o", tmp_path / "out", "--megapixels", "0.1")
    status, _, errors = run(*options)
    assert status == 1 and len(errors) == 1
    assert errors[0].endswith("240,000 pixels, at most 100,000 (--megapixels allows more)")
    assert run(*options[:-1], "0.3")[0] == 0


def test_several_pictures_are_said(run, tmp_path):
    pictures = [Image.fromarray(np.roll(data.coins()[:64, :64], n, 1)) for n in range(3)]
    for name in ("a.webp", "b.png", "c.tif", "d.avif"):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
    status, said, _ = run(
        *(tmp_path / f for f in ("a.webp", "b.png", "c.tif", "d.avif")), "-o", tmp_path / "o"
    )
    assert status == 0 and sum("only the first of 3 pictures" in line for line in said) == 4


def test_results_are_the_same_bytes_when_repeated(run, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(data.coffee()[:64, :80]).save(tmp_path / "a.jpg", icc_profile=profile)
    assert run(tmp_path / "a.jpg", "-o", tmp_path / "one")[0] == 0
    time.sleep(1.1)  # a profile's date has seconds
    assert run(tmp_path / "a.jpg", "-o", tmp_path / "two")[0] == 0
    assert (tmp_path / "one" / "a.jpg").read_bytes() == (tmp_path / "two" / "a.jpg").read_bytes()


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
        photo, _ = decode.read(album / f"{number:02}.png")
        pred, _ = decode.read(tmp_path / "out" / f"{number:02}.png")
        true = colorize.colorize(photo, network)
        assert pred.dtype == true.dtype
        np.testing.assert_allclose(pred, true, atol=1 if true.dtype == np.uint8 else 20, rtol=0)


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
    assert done.stderr.startswith("error: no trained network in results/flickr8k: run")
    assert not (tmp_path / "out").exists()


def test_nothing_but_the_result_lines_is_printed(root, album, tmp_path):
    code = "import sys; from lib.colorize import command\n"
    code += "sys.exit(command.main(sys.argv[2:], sys.argv[1]))"
    arguments = [root, album / "coffee.jpg", "-o", tmp_path / "out", "--study", "new"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
