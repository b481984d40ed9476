"""The command line: which files, which model, one line for each that is bad."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from lib.colorize import command as color_cli

ROOT = Path(__file__).resolve().parents[2]


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
    Image.fromarray(data.coffee()[:64, :80]).save(album / "coffee.png")
    status, said, errors = run(album, "-o", out, "--compare")
    assert (status, errors) == (0, [])
    left = f"{album}: left out: 1 hidden, 1 .txt"
    assert said[0] == left and said[2:] == [f"coloured: 3 of 3, in {out}"]
    assert said[1].startswith("model: results/new/cnn (trained ")
    expected = ["coffee.jpg", "coffee.jpg-compare.png", "coffee.png", "coffee.png-compare.png"]
    assert names(out) == [*expected, "more/coins.gif.png", "more/coins.gif.png-compare.png"]
    assert Image.open(out / "coffee.jpg").size == (600, 400)
    assert Image.open(out / "coffee.jpg-compare.png").size == (3 * 600 + 16, 400)


def test_results_are_not_replaced_without_force(run, album, tmp_path):
    photo, result = album / "coffee.jpg", tmp_path / "new.webp"
    result.write_text("mine")
    assert run(photo, "-o", result)[0] == 0
    assert result.read_text() == "mine"
    assert run(photo, "-o", result, "--force", "--saturation", "0.5", "--square")[0] == 0
    assert Image.open(result).size == (600, 400)


def test_bad_photos_are_reported_and_the_others_done(run, album, tmp_path):
    (album / "text.jpg").write_text("not a photo")
    (album / "empty.png").touch()
    whole = (album / "coffee.jpg").read_bytes()
    (album / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (5000, 1)).save(album / "thin.png")
    Image.new("1", (15000, 15000)).save(album / "bomb.png")
    status, said, errors = run(album, "-o", tmp_path / "out")
    assert status == 1 and said[-1].startswith("coloured: 2 of 7")
    assert names(tmp_path / "out") == ["coffee.jpg", "more/coins.gif.png"]
    words = ["225,000,000 pixels", "empty file", "no photo", "8 pixels", "truncated"]
    assert all(word in line for word, line in zip(words, errors, strict=True))


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


def test_the_released_reference_is_the_default(tmp_path):
    def found(*wanted):
        return color_cli.find_model(tmp_path, *wanted).relative_to(tmp_path).as_posix()

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()

    name = color_cli.RELEASED
    make("mine/gan/model.keras", f"flickr8k/cnn/{name}", "flickr8k/critic/model.keras")
    assert found() == f"flickr8k/cnn/{name}"
    make(f"flickr8k/gan/{name}", "flickr8k/gan/model.keras")
    assert found() == f"flickr8k/gan/{name}"  # not what somebody has trained there
    assert found(None, "cnn") == f"flickr8k/cnn/{name}"
    assert found("mine") == "mine/gan/model.keras"
    assert found("flickr8k") == "flickr8k/gan/model.keras"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["album"], "-o"),
        (["-o", "out"], "IN"),
        (["nothing.jpg", "-o", "out"], "no such file"),
        (["empty", "-o", "out"], "no photos"),
        (["album", "-o", "album"], "replace a photo"),
        (["album", "coffee.jpg", "-o", "out"], "both become"),
        (["album", "-o", "album/notes.txt"], "cannot be written"),
        (["album", "-o", "out.png"], "expected a folder"),
        (["like", "-o", "out", "--compare"], "a comparison and the result"),
        (["coffee.jpg", "-o", "coffee.jpg"], "replace a photo"),
        (["album", "-o", "out", "--render-factor", "1"], "2 to 40"),
        (["album", "-o", "out", "--saturation", "nan"], "saturation"),
        (["album", "-o", "out", "--smoothing", "2"], "smoothing"),
        (["coffee.jpg", "-o", "coffee.mp4"], "expected a folder"),
        (["album", "-o", "out", "--study", "none"], "make report"),
        (["album", "-o", "out", "--study", "/tmp"], "name of a folder"),
        (["album", "-o", "out", "--colour"], "unrecognized"),
    ],
)
def test_wrong_command_lines(run, album, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copytree(album, tmp_path / "like")
    shutil.copy(album / "coffee.jpg", tmp_path / "like" / "coffee.jpg-compare.png")
    Image.fromarray(data.coffee()).save(tmp_path / "coffee.jpg")
    status, _, errors = run(*arguments)
    assert status == 2 and len(errors) == 1 and word in errors[0]


def test_large_photos_are_refused_with_a_way_around(run, album, tmp_path):
    options = (album / "coffee.jpg", "-o", tmp_path / "out", "--megapixels", "0.1")
    status, _, errors = run(*options)
    assert status == 1 and len(errors) == 1
    assert errors[0].endswith("240,000 pixels, at most 100,000 (--megapixels allows more)")
    assert run(*options[:-1], "0.3")[0] == 0


def test_a_name_that_is_too_long_is_one_line(run, album, tmp_path):
    for length in (246, 250, 255):
        long = album / ("x" * (length - 4) + ".png")
        Image.fromarray(data.coins()[:32, :32]).save(long)
    status, said, errors = run(album, "-o", tmp_path / "out", "--compare")
    assert status == 1 and all("too long" in line for line in errors)
    assert said[-1].startswith(f"coloured: {5 - len(errors)} of 5")


def test_a_full_disk(run, album, tmp_path, request):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, before[1]))  # bytes a file
    status, _, errors = run(album, "-o", tmp_path / "out")
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
