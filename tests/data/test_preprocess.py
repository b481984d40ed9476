"""Preparing photos: decoding, cleaning, splitting, storing, and what may go wrong meanwhile."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import color

from lib.data import cleaning, preprocess, store
from lib.data.download import DataError

ROOT = Path(__file__).parents[2]


def draw(seed, width=60, height=48):
    """A colourful blurred pattern, unlike that of any other seed."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


def write_photos(folder, count=30, first=0, names="photo-{:03d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        draw(seed).save(folder / names.format(seed))
    return folder


def prepare(tmp_path, source="photos", **more):
    options = {"dataset": "folder", "image_size": 16, "processed": tmp_path / "processed"} | more
    options |= {"raw": tmp_path / "raw"}
    return preprocess.prepare(source=tmp_path / source if source else None, **options)


def encoded(image, kind="PNG", **more):
    stream = io.BytesIO()
    image.save(stream, kind, **more)
    return stream.getvalue()


def reason_of(photos, name):
    row = photos.index.set_index("file").loc[name]
    assert (row["id"] == -1) == (row["reason"] != "") == (row["split"] == "")
    return row["reason"]


def files_of(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder of photos, its store, and the folder around both."""
    tmp_path = tmp_path_factory.mktemp("many")
    write_photos(tmp_path / "photos", 60)
    return tmp_path, prepare(tmp_path)


# --- decoding


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG"])
def test_every_format_decodes(kind):
    image = draw(0)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    decoded = cleaning.decode(encoded(image, kind, **options.get(kind, {})))
    assert decoded.mode == "RGB"
    limit = {"GIF": 40, "JPEG": 12}.get(kind, 0)
    assert np.abs(np.asarray(decoded, int) - np.asarray(image, int)).max() <= limit


def test_first_frame_of_an_animation():
    frames = [draw(seed).quantize() for seed in range(3)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(cleaning.decode(data), frames[0].convert("RGB"))


def test_orientation_of_exif():
    image = draw(0)
    for orientation, turned in (
        (1, image),
        (3, image.rotate(180)),
        (6, image.rotate(-90, expand=1)),
    ):
        exif = Image.Exif()
        exif[274] = orientation
        assert np.array_equal(cleaning.decode(encoded(image, exif=exif)), turned)


def test_broken_exif_is_no_reason():
    data = encoded(draw(0), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\xffgarbage")
    assert cleaning.decode(data).size == (60, 48)


def test_transparency_is_over_white():
    image = draw(0).convert("RGBA")
    image.putalpha(Image.fromarray(np.full((48, 60), 128, np.uint8)))
    half = np.asarray(cleaning.decode(encoded(image)), int)
    assert np.abs(half - (np.asarray(draw(0), int) + 255) / 2).max() <= 2
    palette = Image.new("P", (20, 20), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert cleaning.decode(encoded(palette)).getpixel((0, 0)) == (0, 0, 255)
    assert cleaning.decode(encoded(palette, transparency=1)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_images_become_8_bits(dtype):
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    values = ramp if dtype is np.float32 else (ramp * 65535).astype(dtype)
    decoded = np.asarray(cleaning.decode(encoded(Image.fromarray(values), "TIFF")))
    assert np.abs(decoded[..., 0] - ramp * 255).max() <= 1
    assert (decoded == decoded[..., :1]).all()


def test_cmyk_and_bilevel_and_16_bit_png():
    assert cleaning.decode(encoded(draw(0).convert("CMYK"), "JPEG")).mode == "RGB"
    assert cleaning.decode(encoded(draw(0).convert("1"))).mode == "RGB"
    deep = Image.fromarray(np.full((8, 8), 40000, np.uint16))
    assert cleaning.decode(encoded(deep)).getpixel((0, 0)) == (156, 156, 156)


def test_colour_profile_is_converted():
    image = draw(0)
    lab = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    decoded = np.asarray(cleaning.decode(encoded(lab, "TIFF")), int)
    assert np.abs(decoded - np.asarray(image, int)).mean() < 3
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(cleaning.decode(encoded(image, icc_profile=srgb)), image)
    assert np.array_equal(cleaning.decode(encoded(image, icc_profile=b"no profile")), image)
    # The same profile with red and green exchanged: so are red and green of the photo.
    data = bytearray(srgb)
    red, green = data.index(b"rXYZ", 128), data.index(b"gXYZ", 128)
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    swapped = bytes(data).replace(b"sRGB", b"xRGB").replace(b"s\0R\0G\0B", b"x\0R\0G\0B")
    decoded = np.asarray(cleaning.decode(encoded(image, icc_profile=swapped)), int)
    assert np.abs(decoded - np.asarray(image, int)[..., [1, 0, 2]]).max() <= 2


def test_middle_square_is_kept_without_stretching():
    image = Image.new("RGB", (300, 100), (255, 0, 0))
    image.paste((0, 0, 255), (100, 0, 200, 100))
    pixels = np.frombuffer(cleaning.examine([encoded(image)], 20)[0].pixels, np.uint8)
    pixels = pixels.reshape(20, 20, 3)
    assert (pixels[:, 3:-3] == (0, 0, 255)).all()
    assert (pixels[..., 2] > 220).all()  # the filter looks a little over the edge


def test_large_jpegs_are_decoded_reduced():
    assert cleaning.decode(encoded(draw(0, 4400, 4200), "JPEG")).size == (1100, 1050)
    assert cleaning.decode(encoded(draw(0, 2000, 1500), "JPEG")).size == (2000, 1500)


# --- cleaning


def test_chroma_agrees_with_scikit_image():
    rgb = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    lab = color.rgb2lab(rgb)
    assert np.allclose(cleaning.chroma(rgb), np.hypot(lab[..., 1], lab[..., 2]), atol=0.05)
    assert cleaning.chroma(np.full((2, 2, 3), 99, np.uint8)).max() < 0.02


def test_each_reason_is_listed_and_nothing_is_dropped(tmp_path):
    folder = write_photos(tmp_path / "photos")
    good = encoded(draw(0, 200, 150), "JPEG")
    (folder / "truncated.jpg").write_bytes(good[: len(good) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "words.jpg").write_text("no image")
    (folder / "postscript.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (folder / "gone.jpg").symlink_to("nowhere")
    draw(1, 90, 15).save(folder / "small.png")
    draw(2).convert("L").save(folder / "grey.png")
    grey = np.asarray(draw(99).convert("RGB").convert("L"), int)[..., None] + [0, 1, -1]
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(folder / "tinted.jpg")
    draw(3).save(folder / "same.bmp")
    draw(4, 120, 96).save(folder / "near.jpg", quality=60)
    Image.fromarray((np.asarray(draw(5)) * 0.94).astype(np.uint8)).save(folder / "darker.png")
    photos = prepare(tmp_path)
    assert len(photos.index) == 30 + 11
    kinds = {
        "truncated.jpg": "truncated: ",
        "empty.jpg": "unreadable: empty file",
        "words.jpg": "unreadable: cannot identify image file",
        "postscript.jpg": "unreadable: cannot identify image file",
        "gone.jpg": "unreadable: No such file",
        "small.png": "too small: 90x15, needs 16",
        "grey.png": "grey: chroma 0.0",
        "tinted.jpg": "grey: chroma ",
    }
    for name, start in kinds.items():
        assert reason_of(photos, name).startswith(start)
    twins = {"same.bmp": 3, "near.jpg": 4, "darker.png": 5}
    for one, seed in twins.items():
        other = f"photo-{seed:03d}.png"
        reasons = sorted((reason_of(photos, one), reason_of(photos, other)))
        kind = "exact duplicate: same pixels as " if one == "same.bmp" else "near-duplicate: looks "
        assert reasons[0] == "" and reasons[1].startswith(kind)
        assert reasons[1].endswith((one, other))
    counts = json.loads((photos.folder / "dataset.json").read_text())["counts"]
    assert counts == {
        "kept": 30, "unreadable": 4, "truncated": 1, "too small": 1, "grey": 2,
        "exact duplicate": 1, "near-duplicate": 2,
    }  # fmt: skip
    assert sum(counts.values()) == len(photos.index)
    pictures, reasons = preprocess.rejected_examples(photos, folder, each=2)
    assert len(pictures) == len(reasons) == 2 + 1 + 1 + 2 + 1 + 2
    assert {picture.shape for picture in pictures} == {(16, 16, 3)}


def test_decompression_bomb_is_unreadable(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert (
        "unreadable: 2,880 pixels, over the limit of 2,000"
        in cleaning.examine([encoded(draw(0))], 16)[0].reason
    )
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    assert "unreadable: " in cleaning.examine([encoded(draw(0))], 16)[0].reason


def test_empty_photos_do_not_all_look_alike():
    colours = np.random.default_rng(0).integers(0, 256, (50, 1, 1, 3), dtype=np.uint8)
    thumbs = np.repeat(np.repeat(colours, 8, 1), 8, 2)
    hashes = cleaning.perceptual_hashes(np.broadcast_to(colours, (50, 32, 32, 3)))
    leaders = cleaning.duplicate_groups(hashes, thumbs)
    assert len(np.unique(leaders)) >= 45


def test_groups_are_chains_and_name_their_first():
    hashes = np.array([0, ~0 & 2**64 - 1, 0xFF, 0xFFFF, 0], np.uint64)
    thumb = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    thumbs = np.stack([thumb] * 4 + [255 - thumb])
    assert cleaning.duplicate_groups(hashes, thumbs).tolist() == [0, 1, 0, 0, 4]


# --- splitting


def test_splits_are_disjoint_and_of_the_stated_shares():
    keys = [hashlib.sha256(bytes([i % 256, i // 256])).hexdigest() for i in range(20000)]
    splits = np.array([cleaning.split_of(key) for key in keys])
    shares = [np.mean(splits == split) for split in store.SPLITS]
    assert np.allclose(shares, (0.72, 0.08, 0.20), atol=0.01)


def test_splits_cover_all_rows(many):
    _, photos = many
    rows = np.concatenate([photos.rows(split) for split in store.SPLITS])
    assert sorted(rows) == list(range(len(photos.images)))
    with pytest.raises(ValueError, match="train, val, test; got 'dev'"):
        photos.rows("dev")


def test_result_is_the_same_under_other_names_and_order(many, tmp_path, monkeypatch):
    before, photos = many
    for number, file in enumerate(sorted((before / "photos").iterdir(), reverse=True)):
        target = tmp_path / "photos" / str(number % 3) / f"{number * 7 % 60:04d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    other = prepare(tmp_path)
    assert other.fingerprint == photos.fingerprint
    assert np.array_equal(other.images, photos.images)
    columns = ["id", "sha256", "split", "reason"]
    assert other.index[columns].equals(photos.index[columns])
    assert not set(other.index["file"]) & set(photos.index["file"])


def test_max_images_are_chosen_by_content(many, tmp_path):
    before, photos = many
    contents = {}
    for file in (before / "photos").iterdir():
        contents[hashlib.sha256(file.read_bytes()).hexdigest()] = file.name
    some = prepare(before, max_images=25)
    assert some.folder.name == "folder-16-25"
    assert set(some.index["file"]) == {contents[key] for key in sorted(contents)[:25]}
    split = photos.index.set_index("sha256")["split"]
    assert (split[some.index["sha256"]] == some.index["split"].to_numpy()).all()


# --- storing


def test_pixels_are_those_of_the_photo(many):
    before, photos = many
    assert isinstance(photos.images, np.memmap)
    assert photos.images.shape == (60, 16, 16, 3) and photos.images.dtype == np.uint8
    for row in (0, 17, 59):
        (name,) = photos.names([row])
        image = Image.open(before / "photos" / name)
        box = (6, 0, 54, 48)
        expected = image.resize((16, 16), Image.Resampling.HAMMING, box=box, reducing_gap=3.0)
        assert np.array_equal(photos.images[row], expected)
    assert photos.folder == before / "processed" / "folder-16"
    assert list(photos.index.columns) == ["id", "file", "sha256", "split", "reason"]
    assert preprocess.load(photos.folder).fingerprint == photos.fingerprint


def test_prepared_once(many, monkeypatch):
    before, photos = many
    stamp = (photos.folder / "images.npy").stat()
    monkeypatch.setattr(preprocess, "_build", lambda *args: pytest.fail("built again"))
    assert prepare(before, seed=3).seed == 3
    assert (photos.folder / "images.npy").stat() == stamp
    (before / "photos").rename(before / "elsewhere")  # the store outlives its source
    try:
        assert prepare(before).fingerprint == photos.fingerprint
    finally:
        (before / "elsewhere").rename(before / "photos")


def test_another_source_replaces_the_store(tmp_path):
    write_photos(tmp_path / "photos", 20)
    write_photos(tmp_path / "others", 25, first=100)
    first = prepare(tmp_path)
    second = prepare(tmp_path, "others")
    assert first.folder == second.folder and first.fingerprint != second.fingerprint
    assert len(second.images) == 25 and len(first.images) == 20  # the old map is still readable
    write_photos(tmp_path / "others", 1, first=200)
    assert len(prepare(tmp_path, "others").images) == 26
    assert [path.name for path in (tmp_path / "processed").iterdir() if path.is_dir()] == [
        "folder-16"
    ]


def test_names_with_odd_characters(tmp_path):
    folder = write_photos(tmp_path / "photos", 20)
    odd = [
        "a,b.png",
        'quo"te.png',
        "new\nline.png",
        "ünï😀.png",
        "NA.png",
        os.fsdecode(b"\xff.png"),
    ]
    for seed, name in enumerate(odd):
        draw(50 + seed).save(folder / name, "PNG")
    photos = prepare(tmp_path)
    assert set(odd) < set(photos.names(range(26)))
    assert (preprocess.load(photos.folder).index == photos.index).all(axis=None)


KILL = """
import os, signal, sys
from lib.data import preprocess, store

where, folder = sys.argv[1:]
preprocess.COMMIT_PHOTOS = 7
added = []


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Torn:
    'A file that takes two thirds of what is written to it, and then the program is killed.'

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def writelines(self, lines):
        text = b"".join(lines)
        self.file.write(text[: len(text) * 2 // 3])
        self.file.flush()
        die()


def torn_open(path, mode="r", **options):
    file = plain_open(path, mode, **options)
    return Torn(file) if path.name == where and mode == "ab" and len(added) == 3 else file


def torn_write(path, text):
    if path.name == where:
        path.with_name(f".part-{path.name}").write_text(text[: len(text) // 2])
        die()
    plain_write(path, text)


def counted_add(*args):
    added.append(1)
    plain_add(*args)


def die_if(name, condition, old):
    def function(*args, **more):
        return die() if where == name and condition(args) else old(*args, **more)

    return function


plain_open, store.Path.open = store.Path.open, torn_open
plain_write, store.write_text = store.write_text, torn_write
plain_add, store.Building.add = store.Building.add, counted_add
plain_move, plain_remove = store.Building.move_to, store.shutil.rmtree
store._header = die_if("rows dropped", lambda args: args[0] > 0, store._header)
store.Building.move_to = die_if("ready to move", lambda args: True, plain_move)
store.shutil.rmtree = die_if("moving", lambda args: args[0].suffix == ".old", plain_remove)
preprocess.prepare("folder", folder + "/photos", 16, processed=folder + "/processed")
"""
PLACES = ["images.npy", "journal.jsonl", "rows dropped", "index.csv", "dataset.json"]


def kill_midway(tmp_path, where):
    """Prepare in a program that is killed; where it stood is the only thing left of it."""
    command = [sys.executable, "-c", KILL, where, str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert not (tmp_path / "processed" / "folder-16").exists()


def with_copies(folder):
    write_photos(folder, 40)
    for seed in range(0, 40, 6):
        draw(seed, 120, 96).save(folder / f"copy-{seed}.jpg", quality=70)
    return folder


@pytest.mark.parametrize("where", [*PLACES, "ready to move", "moving"])
def test_killed_and_continued_is_the_same_as_uninterrupted(tmp_path, where, monkeypatch):
    with_copies(tmp_path / "photos")
    calls = []
    decode = cleaning.decode
    monkeypatch.setattr(cleaning, "decode", lambda *args: calls.append(1) or decode(*args))
    whole = files_of(prepare(tmp_path, processed=tmp_path / "whole").folder)
    assert len(calls) == 47
    kill_midway(tmp_path, where)
    photos = prepare(tmp_path)
    assert files_of(photos.folder) == whole
    assert len(calls) < 47 + 47 - 13  # what was finished is not done again
    assert len(photos.images) == 40


def test_killed_twice(tmp_path):
    with_copies(tmp_path / "photos")
    whole = files_of(prepare(tmp_path, processed=tmp_path / "whole").folder)
    for where in PLACES:
        kill_midway(tmp_path, where)
    assert files_of(prepare(tmp_path).folder) == whole


def test_other_parameters_do_not_continue(tmp_path):
    with_copies(tmp_path / "photos")
    kill_midway(tmp_path, "index.csv")
    write_photos(tmp_path / "photos", 1, first=300)
    assert len(prepare(tmp_path).images) == 41


def test_full_disk_leaves_nothing_that_counts_as_whole(tmp_path, monkeypatch):
    write_photos(tmp_path / "photos")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=5000))
    with pytest.raises(DataError, match="too full"):
        prepare(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preprocess, "COMMIT_PHOTOS", 8)
    add, calls = store.Building.add, []
    late = lambda *args: add(*args) if len(calls) < 2 else full()  # noqa: E731
    monkeypatch.setattr(store.Building, "add", lambda *args: (late(*args), calls.append(1)))
    with pytest.raises(DataError, match="disk is full"):
        prepare(tmp_path)
    with pytest.raises(FileNotFoundError, match="run 01_preprocess"):
        preprocess.load(tmp_path / "processed" / "folder-16")
    monkeypatch.setattr(store.Building, "add", add)
    assert len(prepare(tmp_path).images) == 30


def test_a_damaged_store_is_no_store(tmp_path):
    write_photos(tmp_path / "photos")
    photos = prepare(tmp_path)
    images = photos.folder / "images.npy"
    os.truncate(images, images.stat().st_size - 1)
    with pytest.raises(FileNotFoundError):
        preprocess.load(photos.folder)
    assert prepare(tmp_path).fingerprint == photos.fingerprint


# --- refusals


def test_bad_arguments(tmp_path):
    write_photos(tmp_path / "photos", 1)
    for size in (15, 1025, 64.0, True, "64"):
        with pytest.raises(ValueError, match="image_size: expected a whole number from 16 to 1024"):
            prepare(tmp_path, image_size=size)
    with pytest.raises(ValueError, match="max_images: expected a whole number of 10 or more"):
        prepare(tmp_path, max_images=5)
    with pytest.raises(ValueError, match="seed: expected a whole number"):
        prepare(tmp_path, seed=0.5)
    with pytest.raises(ValueError, match="scenes, flickr8k, flickr30k, folder; got 'cifar'"):
        prepare(tmp_path, dataset="cifar")
    with pytest.raises(ValueError, match="needs SOURCE"):
        prepare(tmp_path, source=None)
    with pytest.raises(FileNotFoundError, match="SOURCE not found"):
        prepare(tmp_path, "nowhere")
    with pytest.raises(ValueError, match="holds 1 images, at least 10"):
        prepare(tmp_path)
    with pytest.raises(FileNotFoundError, match="run 01_preprocess"):
        preprocess.load(tmp_path)


def test_too_few_usable_photos_says_why(tmp_path):
    folder = write_photos(tmp_path / "photos", 8)
    for level in range(5):
        Image.new("L", (40, 40), level * 40).save(folder / f"grey-{level}.png")
    with pytest.raises(ValueError, match="fewer than 10 usable photos among 13: 8 usable, 5 grey"):
        prepare(tmp_path)
    assert not [path for path in (tmp_path / "processed").iterdir() if path.is_dir()]


def test_empty_split_is_refused(tmp_path, monkeypatch):
    write_photos(tmp_path / "photos", 12)
    monkeypatch.setattr(cleaning, "split_of", lambda key: "train")
    with pytest.raises(ValueError, match="no photo falls into 'val': 12 usable"):
        prepare(tmp_path)


def test_a_drive_that_fails_is_not_taken_for_bad_photos(tmp_path, monkeypatch):
    write_photos(tmp_path / "photos", 12)

    def gone(path):
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(Path, "read_bytes", gone)
    with pytest.raises(DataError, match="cannot read .*Transport endpoint"):
        prepare(tmp_path)


# --- drawn scenes


class Drawn:
    """Stands for lib.data.scenes."""

    @staticmethod
    def draw(indices, size, seed=0):
        return np.stack([np.asarray(draw([i, seed], size, size)) for i in indices])

    @staticmethod
    def name(index):
        return f"scene-{index:06d}"


def test_scenes_are_kept_in_order(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lib.data.scenes", Drawn)
    monkeypatch.setattr(sys.modules["lib"], "scenes", Drawn, raising=False)
    photos = prepare(tmp_path, None, dataset="scenes", max_images=70, seed=5)
    assert photos.folder.name == "scenes-16-70" and photos.seed == 5
    assert np.array_equal(photos.images, Drawn.draw(range(70), 16, 5))
    assert photos.names([0, 69]) == ["scene-000000", "scene-000069"]
    assert (photos.index["reason"] == "").all()
    sha256 = hashlib.sha256(photos.images[3].tobytes()).hexdigest()
    assert photos.index["sha256"][3] == sha256
    for more in ({"seed": 6}, {"image_size": 20}):  # a scene is on the same side at any size
        other = prepare(tmp_path, None, **{"dataset": "scenes", "max_images": 70} | more)
        assert other.fingerprint != photos.fingerprint
        assert (other.index["split"] == photos.index["split"]).all()


def test_the_real_scenes(tmp_path):
    scenes = pytest.importorskip("lib.data.scenes")
    photos = prepare(tmp_path, None, dataset="scenes", max_images=40)
    assert np.array_equal(photos.images[:3], scenes.draw([0, 1, 2], 16, seed=0))
    assert min(len(photos.rows(split)) for split in store.SPLITS) > 0


def test_photos_do_not_load_keras():
    code = "import sys; from lib.data import preprocess; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
