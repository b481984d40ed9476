"""Preparing photos: cleaning, splitting, storing, and what may go wrong meanwhile."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data import cleaning, preprocess, scenes
from lib.data.sources import DataError

ROOT = Path(__file__).parents[2]


def draw(seed, width=60, height=48):
    """A colourful blurred pattern, unlike that of any other seed."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


def write_photos(folder, count=30, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        draw(seed).save(folder / f"photo-{seed:03d}.png")
    return folder


def prepare(tmp_path, source="photos", **more):
    options = {"dataset": "folder", "image_size": 16, "processed": tmp_path / "processed"} | more
    options |= {"raw": tmp_path / "raw"}
    return preprocess.prepare(source=tmp_path / source if source else None, **options)


def reason_of(photos, name):
    row = photos.index.set_index("file").loc[name]
    assert (row["id"] == -1) == (row["reason"] != "") == (row["split"] == "")
    return row["reason"]


def files_of(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def folders_in(folder):
    return [path.name for path in folder.iterdir() if path.is_dir()]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder of photos, its store, and the folder around both."""
    tmp_path = tmp_path_factory.mktemp("many")
    write_photos(tmp_path / "photos", 60)
    return tmp_path, prepare(tmp_path)


# --- cleaning


def test_each_reason_is_listed_and_nothing_is_dropped(tmp_path):
    folder = write_photos(tmp_path / "photos")
    draw(0, 200, 150).save(folder / "truncated.jpg")
    os.truncate(folder / "truncated.jpg", 2000)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "words.jpg").write_text("no image")
    (folder / "gone.jpg").symlink_to("nowhere")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "notes.txt").write_text("no image")
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
        "words.jpg": "unreadable: ",
        "gone.jpg": "unreadable: No such file",
        "loop.jpg": "unreadable: Too many levels of symbolic links",
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
    pictures, reasons = preprocess.rejected_examples(photos, folder, each=2)
    assert len(pictures) == len(reasons) == 2 + 1 + 1 + 2 + 1 + 2
    assert {picture.shape for picture in pictures} == {(16, 16, 3)}
    assert photos.left_out == "1 .txt"


def test_empty_photos_do_not_all_look_alike():
    colours = np.random.default_rng(0).integers(0, 256, (50, 1, 1, 3), dtype=np.uint8)
    thumbs = np.repeat(np.repeat(colours, 8, 1), 8, 2)
    large = np.broadcast_to(colours, (50, 32, 32, 3))
    hashes = np.array([cleaning.perceptual_hash(thumb) for thumb in large], np.uint64)
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
    shares = [np.mean(splits == split) for split in preprocess.SPLITS]
    assert np.allclose(shares, (0.72, 0.08, 0.20), atol=0.01)


def test_result_is_the_same_under_other_names_and_order(many, tmp_path):
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


def test_prepared_once(many, monkeypatch):
    before, photos = many
    stamp = (photos.folder / "images.npy").stat()
    monkeypatch.setattr(preprocess, "_build", lambda *args: pytest.fail("built again"))
    prepare(before, seed=3)
    assert (photos.folder / "images.npy").stat() == stamp
    (before / "photos").rename(before / "elsewhere")  # the store outlives its source
    try:
        assert prepare(before).fingerprint == photos.fingerprint
    finally:
        (before / "elsewhere").rename(before / "photos")


def test_another_source_replaces_the_store(tmp_path):
    write_photos(tmp_path / "photos", 20)
    write_photos(tmp_path / "others", 25, first=100)
    first, second = prepare(tmp_path), prepare(tmp_path, "others")
    assert first.folder == second.folder and first.fingerprint != second.fingerprint
    assert len(second.images) == 25 and len(first.images) == 20  # the old map is still readable
    write_photos(tmp_path / "others", 1, first=200)
    assert len(prepare(tmp_path, "others").images) == 26
    assert folders_in(tmp_path / "processed") == ["folder-16"]


def test_names_with_odd_characters(tmp_path):
    folder = write_photos(tmp_path / "photos", 20)
    odd = {
        **{name: name for name in ("a,b.png", 'quo"te.png', "ünï😀.png", "NA.png", "$x_{$.png")},
        **{"new\nline.png": "new\\nline.png", "return\r.png": "return\\r.png"},
        **{os.fsdecode(b"\xff.png"): "\\xff.png", "l" * 251 + ".png": "l" * 251 + ".png"},
    }
    for seed, name in enumerate(odd):
        draw(50 + seed).save(folder / name, "PNG")
    Image.new("RGB", (40, 40)).save(folder / os.fsdecode(b"grey\xff.png"))
    photos = prepare(tmp_path)
    assert set(odd.values()) < set(photos.names(range(20 + len(odd))))
    pictures, reasons = preprocess.rejected_examples(photos, folder)
    assert reasons[0].startswith("grey\\xff.png: grey") and pictures[0].max() == 0


KILL = """
import os, sys
from lib.data import preprocess

setattr(preprocess, sys.argv[1], lambda *args: os._exit(9))
preprocess.prepare("folder", sys.argv[2] + "/photos", 16, processed=sys.argv[2] + "/processed")
"""


@pytest.mark.parametrize("where", ["_reject_duplicates", "write_text", "write_json"])
def test_killed_and_started_again(tmp_path, where):
    write_photos(tmp_path / "photos", 30)
    draw(3).save(tmp_path / "photos" / "copy.bmp")
    whole = files_of(prepare(tmp_path, processed=tmp_path / "whole").folder)
    result = subprocess.run([sys.executable, "-c", KILL, where, str(tmp_path)], cwd=ROOT)
    assert result.returncode == 9
    assert folders_in(tmp_path / "processed") == [".folder-16.building"]
    assert files_of(prepare(tmp_path).folder) == whole
    assert folders_in(tmp_path / "processed") == ["folder-16"]


@pytest.mark.parametrize("name", ["write_json", "write_text", "_write_pixels"])
def test_full_disk_leaves_nothing_that_counts_as_whole(tmp_path, monkeypatch, name):
    def full(*args):
        raise OSError(28, "No space left on device")

    write_photos(tmp_path / "photos")
    with monkeypatch.context() as patched:
        patched.setattr(preprocess, name, full)
        with pytest.raises(DataError, match="cannot write .*: No space left on device"):
            prepare(tmp_path)
    assert folders_in(tmp_path / "processed") == []
    assert len(prepare(tmp_path).images) == 30


@pytest.mark.parametrize("name", ["images.npy", "index.csv", "dataset.json"])
def test_a_damaged_store_is_built_again(tmp_path, name):
    write_photos(tmp_path / "photos")
    photos = prepare(tmp_path)
    damaged = photos.folder / name
    os.truncate(damaged, damaged.stat().st_size // 2)
    with pytest.raises((FileNotFoundError, DataError), match="01_preprocess"):
        preprocess.load(photos.folder)
    assert prepare(tmp_path).fingerprint == photos.fingerprint


# --- refusals


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"image_size": 15}, ValueError, "image_size: expected 16 to 1024 pixels, got 15"),
        ({"dataset": "cifar"}, ValueError, "flickr8k or flickr30k; got 'cifar'"),
        ({"source": None}, ValueError, "folder with one, .* got 'folder', SOURCE None"),
        ({"dataset": "scenes"}, ValueError, "scenes without a SOURCE.* got 'scenes'"),
        ({"source": "nowhere"}, FileNotFoundError, "SOURCE not found"),
        ({}, ValueError, "holds 1 photos, at least 10 are needed; left out: 1 .txt"),
        ({"processed": Path(__file__)}, DataError, "cannot write .*folder-16: "),
    ],
)
def test_bad_arguments(tmp_path, change, error, words):
    (write_photos(tmp_path / "photos", 1) / "a.txt").touch()
    with pytest.raises(error, match=words):
        prepare(tmp_path, **change)


def test_too_few_usable_photos_says_why(tmp_path):
    folder = write_photos(tmp_path / "photos", 8)
    for level in range(5):
        Image.new("L", (40, 40), level * 40).save(folder / f"grey-{level}.png")
    with pytest.raises(ValueError, match="photos: expected at least 10 .*'kept': 8, 'grey': 5"):
        prepare(tmp_path)
    assert folders_in(tmp_path / "processed") == []


# --- drawn scenes


def test_scenes_are_kept_in_order(tmp_path):
    photos = prepare(tmp_path, None, dataset="scenes", max_images=70, seed=5)
    assert photos.folder.name == "scenes-16-70" and photos.seed == 5
    assert np.array_equal(photos.images, scenes.draw(range(70), 16, 5))
    assert photos.names([0, 69]) == ["scene-000000", "scene-000069"]
    assert (photos.index["reason"] == "").all()
    sha256 = hashlib.sha256(photos.images[3].tobytes()).hexdigest()
    assert photos.index["sha256"][3] == sha256
    for more in ({"seed": 6}, {"image_size": 20}):  # a scene is on the same side at any size
        other = prepare(tmp_path, None, **{"dataset": "scenes", "max_images": 70} | more)
        assert other.fingerprint != photos.fingerprint
        assert (other.index["split"] == photos.index["split"]).all()


def test_photos_do_not_load_keras():
    code = "import sys; from lib.data import preprocess, scenes; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
