"""Colouring photos: size, L, gamut, bit depth, files of all kinds, and the command line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from lib import colorize as c
from lib import lab, models

ROOT = Path(__file__).resolve().parents[1]


class Paint:
    """A network that gives one colour everywhere, or that of a function of lightness_scaled."""

    def __init__(self, ab=(40.0, -30.0), size=None):
        self.ab, self.input_shape, self.seen = ab, (None, size, size, 1), []

    def __call__(self, lightness_scaled, training=None):
        scaled = np.asarray(lightness_scaled)
        self.seen.append(scaled.shape[1:3])
        ab = self.ab(scaled) if callable(self.ab) else np.ones_like(scaled) * self.ab
        return np.asarray(ab / lab.AB_SCALE, np.float32)


def wild(scaled):
    """Colours at random, most of them beyond sRGB."""
    return np.random.default_rng(0).normal(0, 70, (*scaled.shape[:3], 2))


def lightness(photo):
    photo = photo if photo.dtype == np.uint8 else np.float32(photo / 65535)
    photo = photo[..., :3] if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=-1)
    return np.asarray(lab.rgb_to_lab(photo))[..., 0]


def noise(shape, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.fixture(scope="module")
def cnn():
    return models.build_cnn(8)


# ---- the array


@pytest.mark.parametrize(
    ("size", "factor", "square", "expected"),
    [
        ((480, 640), 12, False, (192, 256)),
        ((640, 480), 12, False, (256, 192)),
        ((100, 150), 12, False, (112, 160)),  # never above the photo, rounded up
        ((10, 12), 12, False, (32, 32)),
        ((480, 640), 12, True, (192, 192)),
        ((1000, 20000), 8, False, (128, 384)),  # a panorama is squeezed
        ((8, 5000), 40, False, (32, 96)),
    ],
)
def test_size_of_the_copy(size, factor, square, expected):
    assert tuple(c.copy_size(size, factor, square)) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(61, 83), (61, 83, 3), (83, 61, 4), (8, 400)])
def test_same_size_same_depth_alpha_kept(shape, dtype):
    photo = noise(shape, dtype)
    colored = c.colorize(photo, Paint())
    assert colored.dtype == dtype
    assert colored.shape == (*shape[:2], 4 if shape[2:] == (4,) else 3)
    np.testing.assert_array_equal(colored[..., 3:], photo[..., 3:] if len(shape) == 3 else 0)


# 0.5 levels of all three channels: at most 0.27 in L in 8 bits, 0.0011 in 16.
@pytest.mark.parametrize(("dtype", "limit"), [(np.uint8, 0.28), (np.uint16, 0.0015)])
@pytest.mark.parametrize("kind", ["noise", "gray", "photo"])
def test_lightness_is_kept(kind, dtype, limit):
    photo = {"noise": noise((200, 200, 3)), "gray": noise((200, 200)), "photo": data.astronaut()}
    photo = photo[kind].astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    colored = c.colorize(photo, Paint(wild))
    assert np.abs(lightness(colored) - lightness(photo)).max() < limit


def test_saturation():
    photo = data.camera()
    gray = c.colorize(photo, Paint(wild), saturation=0)
    np.testing.assert_array_equal(gray, np.repeat(photo[..., None], 3, axis=-1))
    chroma = []
    for saturation in (0.5, 1.0):
        values = np.asarray(lab.rgb_to_lab(c.colorize(photo, Paint((10, 5)), None, saturation)))
        chroma.append(np.median(np.hypot(values[..., 1], values[..., 2])))
    assert chroma[1] == pytest.approx(np.hypot(10, 5), abs=0.2)
    assert chroma[1] == pytest.approx(2 * chroma[0], rel=0.03)


def test_black_and_white_stay():
    photo = np.repeat(np.uint8([0, 255]), 32 * 16).reshape(32, 32)
    assert (c.colorize(photo, Paint()) == photo[..., None]).all()


def test_gamut_factor_is_the_largest():
    rng = np.random.default_rng(0)
    light = rng.uniform(1, 99, 20000).astype(np.float32)
    ab = rng.normal(0, 60, (2, 20000)).astype(np.float32)
    factor = c.gamut_factor(light, ab)
    shown = np.stack([light, *(ab * factor)], axis=-1)
    again = np.asarray(lab.rgb_to_lab(np.asarray(lab.lab_to_rgb(shown))))
    np.testing.assert_allclose(again, shown, atol=0.02)  # nothing was clipped
    assert 0.2 < (factor < 1).mean() < 0.9
    less = factor < 1
    more = np.stack([light, *(ab * (factor + 2 / 4096))], axis=-1)[less]
    rgb = np.asarray(lab.lab_to_rgb(more))
    assert ((rgb == 0) | (rgb == 1)).any(axis=-1).all()  # a little more is clipped
    assert (c.gamut_factor(light, ab * 0) == 1).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_fast_formulas_agree_with_lab(dtype):
    photo = noise((100, 1000, 3), dtype)
    peak = np.iinfo(dtype).max
    np.testing.assert_allclose(c._lightness(photo, peak), lightness(photo), atol=2e-3)
    values = np.asarray(lab.rgb_to_lab(np.float32(photo / peak))).reshape(-1, 3).T
    linear = c._linear_rgb(values[0], values[1:])
    expected = c._linear_levels(peak)[photo].reshape(-1, 3).T
    np.testing.assert_allclose(linear, expected, atol=1e-5)


def test_strips_leave_no_seam(monkeypatch):
    photo, net = data.coffee(), Paint(wild)
    whole = c.colorize(photo, net)
    monkeypatch.setattr(c, "STRIP", 5 * photo.shape[1])
    again = c.colorize(photo, net)
    np.testing.assert_allclose(np.int16(again), whole, atol=1)  # a level, where rounding was close
    assert (again != whole).mean() < 1e-3


def test_colour_follows_edges_and_stays_within_its_surroundings():
    ys, xs = np.mgrid[:400, :400]
    inside = (ys - 200) ** 2 + (xs - 205) ** 2 < 120**2
    photo = np.where(inside, 180, 90).astype(np.uint8)
    truth = np.where(inside[..., None], (10.0, 50.0), (-20.0, -15.0))

    def blurred(scaled):  # what a good network would give at the size of the copy
        part = (scaled - scaled.min()) / np.ptp(scaled)
        return (-20.0, -15.0) + part * (30.0, 65.0)

    colored = c.colorize(photo, Paint(blurred), render_factor=2)
    ab = np.asarray(lab.rgb_to_lab(colored))[..., 1:]
    maps = [Image.fromarray(np.float32(m)) for m in np.moveaxis(blurred(_copy(photo)), -1, 0)]
    plain = np.stack([np.asarray(m.resize((400, 400), Image.BICUBIC)) for m in maps], axis=-1)
    error, plain_error = (np.sqrt(np.mean((x - truth) ** 2)) for x in (ab, plain))
    assert error < 0.75 * plain_error
    assert ab.min() > -21 and ab.max() < 51


def _copy(photo):
    return np.asarray(lab.scale(lab.rgb_to_lab(c.reduced(photo, 32, 32)))[0])


def test_what_the_network_sees(cnn):
    net = Paint()
    c.colorize(data.coffee(), net)
    c.colorize(data.coffee(), net, render_factor=4)
    c.colorize(data.coffee(), net, render_factor=4, square=True)
    assert net.seen == [(192, 288), (64, 96), (64, 64)]
    fixed = Paint(size=48)
    assert c.colorize(data.coffee(), fixed).shape == data.coffee().shape
    assert fixed.seen == [(48, 48)]


@pytest.mark.parametrize("build", [lambda: models.build_generator(8), lambda: models.build_cnn(8)])
def test_networks_take_photos_of_all_shapes(build):
    network = build()
    for shape in [(50, 70), (90, 40), (33, 33)]:
        assert c.colorize(noise(shape), network).shape == (*shape, 3)


def test_autoencoder():
    network = models.build_autoencoder(32, filters=4, code=8)
    assert c.colorize(data.coffee(), network).shape == data.coffee().shape


def test_own_colours_are_not_looked_at():
    color = data.astronaut()
    gray = np.asarray(lab.lab_to_rgb(np.asarray(lab.rgb_to_lab(color)) * [1, 0, 0]))
    gray = np.rint(gray * 255).astype(np.uint8)
    one, other = (np.int16(c.colorize(photo, Paint())) for photo in (color, gray))
    assert np.abs(one - other).max() <= 3


@pytest.mark.parametrize(
    ("photo", "options", "word"),
    [
        (np.zeros((20, 20), np.float32), {}, "float32"),
        (np.zeros((20, 20, 2), np.uint8), {}, "20 x 20 x 2"),
        (np.zeros((1, 5000), np.uint8), {}, "8 pixels a side"),
        (np.zeros((20, 20), np.uint8), {"render_factor": 1}, "render_factor"),
        (np.zeros((20, 20), np.uint8), {"render_factor": 4.5}, "render_factor"),
        (np.zeros((20, 20), np.uint8), {"saturation": -1}, "saturation"),
        (np.zeros((20, 20), np.uint8), {"saturation": np.nan}, "saturation"),
    ],
)
def test_wrong_arguments(photo, options, word):
    with pytest.raises(ValueError, match=word):
        c.colorize(photo, Paint(), **options)


def test_a_network_that_gives_nan_is_refused():
    with pytest.raises(ValueError, match="finite"):
        c.colorize(noise((20, 20)), Paint((np.nan, 0)))


def test_compare():
    color = data.astronaut()
    assert c.compare(color, color).shape == (512, 3 * 512 + 16, 3)
    assert c.compare(data.camera(), color).shape == (512, 2 * 512 + 8, 3)
    assert max(c.compare(noise((100, 3000)), noise((100, 3000, 3))).shape) == 2008
    panel = c.compare(color, color)[:, :512]
    assert (np.ptp(panel, axis=-1) == 0).all()


# ---- files


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_are_written_and_read(tmp_path, suffix, channels):
    photo = noise((37, 53, channels), np.uint16)
    c.write(tmp_path / f"deep{suffix}", photo)
    again, _ = c.read(tmp_path / f"deep{suffix}")
    assert again.dtype == np.uint16
    np.testing.assert_array_equal(again, photo)
    c.write(tmp_path / "flat.png", (photo >> 8).astype(np.uint8))  # Pillow reads what we write
    with Image.open(tmp_path / f"deep{suffix}") as image:
        np.testing.assert_array_equal(np.asarray(image), c.read(tmp_path / "flat.png")[0])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_of_gray(tmp_path, suffix):
    photo = noise((37, 53), np.uint16)
    Image.fromarray(photo).save(tmp_path / f"scan{suffix}")
    again, _ = c.read(tmp_path / f"scan{suffix}")
    assert again.dtype == np.uint16
    np.testing.assert_array_equal(again, photo)


def test_floats(tmp_path):
    photo = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    for white in (1, 255, 65535):
        Image.fromarray(photo * np.float32(white)).save(tmp_path / "float.tif")
        np.testing.assert_allclose(c.read(tmp_path / "float.tif")[0], photo * 65535, atol=0.6)


@pytest.mark.parametrize(
    ("mode", "suffix", "shape"),
    [
        ("1", ".png", (20, 30)),
        ("L", ".jpg", (20, 30)),
        ("LA", ".png", (20, 30, 4)),
        ("P", ".gif", (20, 30, 3)),
        ("RGB", ".webp", (20, 30, 3)),
        ("RGBA", ".png", (20, 30, 4)),
        ("CMYK", ".jpg", (20, 30, 3)),
        ("YCbCr", ".tif", (20, 30, 3)),
        ("RGB", ".bmp", (20, 30, 3)),
        ("RGB", ".avif", (20, 30, 3)),
        ("L", ".pgm", (20, 30)),
    ],
)
def test_kinds_of_files(tmp_path, mode, suffix, shape):
    picture = Image.fromarray(np.full((20, 30, 3), (200, 90, 40), np.uint8)).convert(mode)
    picture.save(tmp_path / f"photo{suffix}")
    photo, _ = c.read(tmp_path / f"photo{suffix}")
    assert photo.dtype == np.uint8 and photo.shape == shape
    if shape[2:] == (3,):
        np.testing.assert_allclose(
            photo[10, 15], (200, 90, 40), atol=14
        )  # a palette has 256 colours


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright_and_keep_their_exif(tmp_path, orientation):
    photo = np.zeros((24, 40), np.uint8)
    photo[:8, :8] = 255  # the corner that is top left when upright
    stored = photo
    turns = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (1, False)}
    turns |= {7: (1, True), 8: (3, False), 1: (0, False)}
    quarter, mirrored = turns[orientation]
    stored = np.rot90(photo, quarter)
    stored = stored[:, ::-1] if mirrored else stored
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    exif.get_ifd(0x8769)[0x9003] = "1950:01:02 03:04:05"
    Image.fromarray(np.ascontiguousarray(stored)).save(
        tmp_path / "a.png", exif=exif, dpi=(300, 300)
    )
    again, about = c.read(tmp_path / "a.png")
    np.testing.assert_array_equal(again, photo)
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        c.write(tmp_path / f"b{suffix}", np.stack([photo] * 3, axis=-1), about)
        with Image.open(tmp_path / f"b{suffix}") as image:
            found = image.getexif()
            assert found[0x010F] == "Maker" and 0x0112 not in found
            assert found.get_ifd(0x8769)[0x9003].startswith("1950")
            assert suffix == ".webp" or image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert image.size == (40, 24)
    c.write(tmp_path / "deep.png", np.zeros((9, 9, 3), np.uint16), about)
    assert Image.open(tmp_path / "deep.png").getexif()[0x010F] == "Maker"


def test_colour_profiles_are_converted(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    name = "sRGB".encode("utf-16-be")
    swapped = srgb.replace(name, "RGBs".encode("utf-16-be"))  # the same, red and blue swapped
    swapped = swapped.replace(b"rXYZ", b"tmpX", 1).replace(b"bXYZ", b"rXYZ", 1)
    swapped = swapped.replace(b"tmpX", b"bXYZ", 1)
    red = Image.fromarray(np.full((20, 20, 3), (220, 30, 40), np.uint8))
    for profile, expected in (
        (srgb, (220, 30, 40)),
        (swapped, (40, 30, 220)),
        (b"no", (220, 30, 40)),
    ):
        red.save(tmp_path / "red.png", icc_profile=profile)
        np.testing.assert_allclose(c.read(tmp_path / "red.png")[0][0, 0], expected, atol=4)


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def fail(self, file, *args, **options):
        Path(file).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        c.write(path, noise((9, 9, 3)))
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"before"


# ---- the command line


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
        status = c.main([*words, "--model", model], root)
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
    status, said, errors = run(album, "-o", tmp_path / "out")
    assert status == 1 and said[-1].startswith("coloured: 2 of 8")
    assert names(tmp_path / "out") == ["coffee.jpg", "more/coins.gif.png"]
    reasons = {Path(line.split(": ")[0]).name: line for line in errors}
    assert len(errors) == 6
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


def test_keras_is_not_imported_for_a_wrong_command_line(tmp_path):
    code = "import sys; from lib import colorize as c; s = c.main(sys.argv[1:], sys.argv[1])\n"
    code += "print(s, 'keras' in sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "2 False\n"
    assert done.stderr == "error: no trained gan in results/: run `make report` first\n"
    assert not (tmp_path / "out").exists()


def test_nothing_but_the_result_lines_is_printed(root, album, tmp_path):
    code = "import sys; from lib import colorize as c; sys.exit(c.main(sys.argv[2:], sys.argv[1]))"
    arguments = [root, album / "coffee.jpg", "-o", tmp_path / "out", "--model", "cnn"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
