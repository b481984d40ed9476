"""Photos in, one memory-mapped array out: decode, clean, resize, split, store.

What is rejected and why stands in `lib.data.cleaning`, what a store holds in `data/README.md`. The
order of the rows and the split follow from the content of the photos alone: they are the same for
other file names, another listing and another machine. Of photos that look the same one is kept, the
one whose SHA-256 is the smallest, so that none can be on both sides of the split. A scene's content
is its number, so that it is on the same side at every size and seed.

Pixels are written as they come, so that the memory needed does not grow with their number.
"""

import concurrent.futures
import dataclasses
import functools
import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from lib.data import cleaning, decode, scenes, sources
from lib.data.sources import DataError, progress
from lib.files import code_of, digest, read_json, write_json, write_text

SPLITS = ("train", "val", "test")
COLUMNS = ["id", "file", "sha256", "split", "reason"]
FEWEST_PHOTOS = 10
SCENES = 1500  # drawn if max_images is None
BATCH = 64  # photos prepared at once


@dataclasses.dataclass(frozen=True, eq=False)
class Photos:
    """A prepared data set; `test` is for notebook 07 alone."""

    folder: Path
    images: np.memmap  # (N, H, W, 3) uint8 sRGB
    index: pd.DataFrame  # id (row of images; -1: rejected, these come last) and other `COLUMNS`
    dataset: str
    image_size: int
    seed: int
    fingerprint: str  # SHA-256 of pixels and splits; file names have no say in it
    left_out: str = "nothing"  # files that are no photos, such as "2 hidden, 1 .txt"

    def rows(self, split):
        """Rows of `images` in a split ("train", "val" or "test"), ascending, (n,) int."""
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {split!r}")
        return np.flatnonzero(self.index["split"] == split)

    def names(self, rows):
        """File names of rows of `images`, a list of str; see `sources.printable`."""
        return self.index["file"].iloc[np.asarray(rows, dtype=int)].tolist()


def prepare(
    dataset="scenes",
    source=None,
    image_size=64,
    max_images=None,
    seed=0,
    raw="data/raw",
    processed="data/processed",
):
    """Prepare a data set, or open it if the same one is there already, as `Photos`.

    A store of other parameters under the same name is replaced when the new one is whole. If the
    source is gone, a store made from it still opens. Raises ValueError for a bad argument or too
    few photos, FileNotFoundError if the source is not there, and DataError if photos cannot be
    fetched, unpacked or stored.

    Parameters
    ----------
    dataset : str
        "scenes" (drawn), "flickr8k", "flickr30k" or "folder" (any photos, given by `source`).
    source : str or path-like, optional
        Address, zip, tar or folder of the photos; None downloads the public archive.
    image_size : int
        Pixels a side, 16 to 1024. Smaller photos are rejected, not enlarged.
    max_images : int, optional
        Take this many photos, those with the smallest SHA-256 of the file, 10 or more. For
        "scenes" how many are drawn, 1,500 if None.
    seed : int
        Of the drawn scenes. Photos are split by their content, whatever the seed: a photo that
        one model was tested on is never another model's training photo.
    raw, processed : path-like
        Folders for what came from outside and for what is made of it.
    """
    parameters = _parameters(dataset, source, image_size, max_images, seed)
    limit = "" if max_images is None else f"-{max_images}"
    folder = Path(processed) / f"{dataset}-{image_size}{limit}"
    photos = _open(folder, parameters)
    if photos is None:
        found = None if dataset == "scenes" else sources.fetch(dataset, source, raw)
        build = functools.partial(_build, found=found, parameters=parameters)
        sources.make_folder(folder, lambda: _open(folder, parameters) is not None, build)
    return photos or load(folder)


def load(folder):
    """Open a prepared data set, for example `data/processed/scenes-64`, as a `Photos`.

    Raises FileNotFoundError if there is none in the folder, and DataError if its files do not
    belong together.
    """
    folder = Path(folder)
    about = read_json(folder / "dataset.json")
    if not about:
        raise FileNotFoundError(f"{folder} holds no prepared data set: run 01_preprocess first")
    try:
        types = {"id": np.int64} | dict.fromkeys(COLUMNS[1:], str)
        index = pd.read_csv(folder / "index.csv", dtype=types, keep_default_na=False)
        images = np.load(folder / "images.npy", mmap_mode="r")
        if not len(images) == (index["id"] >= 0).sum() == about["photos"]:
            raise ValueError("the numbers of photos differ")
        known = {name: about["parameters"][name] for name in ("dataset", "image_size", "seed")}
        known |= {name: about[name] for name in ("fingerprint", "left_out")}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder} is damaged ({error}): delete it, run 01_preprocess") from error
    return Photos(folder, images, index, **known)


def rejected_examples(photos, source=None, raw="data/raw", each=4):
    """Some rejected photos, at most `each` of each kind of reason, to look at.

    `source` and `raw` are those that were given to `prepare`. Gives a list of pictures, uint8
    (S, S, 3), an even grey where one cannot be read; and a list of str, file and reason.
    """
    table = photos.index[photos.index["id"] < 0]
    if table.empty:
        return [], []
    table = table.groupby(table["reason"].str.partition(":")[0]).head(each)
    files, _ = sources.photos_in(sources.fetch(photos.dataset, source, raw))
    paths, size = dict(zip(_names(files), files, strict=True)), photos.image_size
    pictures = []
    for name in table["file"]:
        try:
            photo = decode.on_white(decode.read(paths[name])[0])
            pictures.append(np.asarray(ImageOps.fit(Image.fromarray(photo), (size, size))))
        except (KeyError, decode.Unreadable):
            pictures.append(np.full((size, size, 3), 200, np.uint8))
    return pictures, [f"{row.file}: {row.reason}" for row in table.itertuples()]


def _parameters(dataset, source, image_size, max_images, seed):
    """What a store depends on, checked; `stamp` is None if the source is not there now."""
    drawn = dataset == "scenes"
    given = {"scenes": [False], "folder": [True]} | dict.fromkeys(sources.PUBLIC, [False, True])
    if bool(source) not in given.get(dataset, []):
        expected = "scenes without a SOURCE, folder with one, flickr8k or flickr30k"
        raise ValueError(f"DATASET: expected {expected}; got {dataset!r}, SOURCE {source!r}")
    if not 16 <= image_size <= cleaning.LARGEST_SIZE:
        expected = f"expected 16 to {cleaning.LARGEST_SIZE} pixels"
        raise ValueError(f"image_size: {expected}, got {image_size!r}")
    return {
        "dataset": dataset,
        "source": str(source) if source else None,
        "stamp": None if drawn else sources.stamp(dataset, source),
        "image_size": int(image_size),
        "max_images": max_images or (SCENES if drawn else None),
        "seed": int(seed) if drawn else 0,
        "code": digest(code_of(f"from lib.data import {'scenes' if drawn else 'cleaning'}")),
    }


def _open(folder, parameters):
    """The `Photos` of a folder that is a whole store of these parameters, else None."""
    try:
        made = read_json(folder / "dataset.json").get("parameters", {})
        stamp = parameters["stamp"] or made.get("stamp")  # the source may be gone
        return load(folder) if made == parameters | {"stamp": stamp} else None
    except (OSError, DataError):
        return None


def _build(folder, found, parameters):
    """Fill a folder with the store of the photos in the folder `found`, or of scenes."""
    size, most, left_out = parameters["image_size"], parameters["max_images"], "nothing"
    if found:
        names, photos, left_out = _in_order(found, most)
        work = functools.partial(cleaning.examine, size=size)
    else:
        names, photos = [f"scene-{index:06d}" for index in range(most)], range(most)
        work = functools.partial(_draw, size=size, seed=parameters["seed"])
    pixels = folder / "pixels"  # of all photos that can be used
    table = _write_pixels(pixels, photos, work)
    table["file"] = names
    stored = np.flatnonzero(table["reason"] == "")  # these have pixels, in this order
    _reject_duplicates(table, stored)
    good = table["reason"] == ""
    content = table["sha256"] if found else table["file"]
    table["split"] = content.map(cleaning.split_of).where(good, "")
    counts = table["reason"].str.partition(":")[0].replace("", "kept").value_counts().to_dict()
    splits = {split: int((table["split"] == split).sum()) for split in SPLITS}
    if counts.get("kept", 0) < FEWEST_PHOTOS or not all(splits.values()):
        expected = f"at least {FEWEST_PHOTOS} photos that can be used, and one in each split"
        raise ValueError(f"{found or 'scenes'}: expected {expected}; got {counts | splits}")

    kept, count = good[stored].to_numpy(), counts["kept"]
    last = iter(count + np.flatnonzero(kept[count:]))
    order = [row if kept[row] else next(last) for row in range(count)]  # the last fill the gaps
    rows = np.memmap(pixels, np.uint8, "r", shape=(len(kept), size, size, 3))
    about = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    with (folder / "images.npy").open("wb") as images:  # a map of a full disk would be a crash
        np.lib.format.write_array_header_1_0(images, about)
        for row in order:
            images.write(rows[row])
    pixels.unlink()

    usable = table.loc[stored[order]].assign(id=range(count))
    index = pd.concat([usable, table[~good].assign(id=-1)])[COLUMNS]
    write_text(folder / "index.csv", index.to_csv(index=False, lineterminator="\n"))
    check = usable[["sha256", "split", "check"]].to_csv(index=False, lineterminator="\n")
    about = {
        "parameters": parameters,
        "photos": count,
        "counts": counts,
        "splits": splits,
        "left_out": left_out,
        "fingerprint": hashlib.sha256(check.encode()).hexdigest(),
    }
    write_json(folder / "dataset.json", about)


def _in_order(folder, most):
    """Names and paths of photos in the order of their SHA-256, at most so many; what is left out.

    Files that cannot be read come last.
    """
    files, left_out = sources.photos_in(folder)
    if len(files) < FEWEST_PHOTOS:
        text = f"at least {FEWEST_PHOTOS} are needed; left out: {left_out}"
        raise ValueError(f"{folder} holds {len(files)} photos, {text}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        photos = sorted(zip(pool.map(_content, files), _names(files), files, strict=True))
    _, names, paths = zip(*photos[:most], strict=True)
    return names, paths, left_out or "nothing"


def _names(files):
    """Names for the index: paths below the deepest folder that holds all files."""
    root = os.path.commonpath([file.parent for file in files])
    return [sources.printable(file.relative_to(root).as_posix()) for file in files]


def _content(path):
    """SHA-256 of a file's bytes; what comes after all such if they cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def _draw(number, size, seed):
    """A scene as if it were a photo that was examined."""
    pixels = scenes.draw([number], size, seed).tobytes()
    return cleaning.Examined(hashlib.sha256(pixels).hexdigest(), pixels=pixels)


def _write_pixels(path, photos, work):
    """Write the pixels of all photos that can be used; a table of all photos, in order."""
    records = []
    with (
        path.open("wb") as pixels,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        progress("preparing photos", len(photos), "photo") as bar,
    ):
        for first in range(0, len(photos), BATCH):
            for examined in pool.map(work, photos[first : first + BATCH]):
                pixels.write(examined.pixels)
                records.append((*examined[:4], zlib.crc32(examined.pixels)))
                bar.update()
    return pd.DataFrame(records, columns=["sha256", "reason", "hash", "thumb", "check"])


def _reject_duplicates(table, stored):
    """Give a reason to each photo that shows the same as one with a smaller SHA-256."""
    rows = table.loc[stored].sort_values("sha256", kind="stable").index
    rows = rows[table["thumb"][rows] != b""]  # scenes have none
    thumbs = np.frombuffer(b"".join(table["thumb"][rows]), np.uint8)
    thumbs = thumbs.reshape(-1, cleaning.THUMB, cleaning.THUMB, 3)
    leaders = cleaning.duplicate_groups(table["hash"][rows].to_numpy(np.uint64), thumbs)
    for row, kept in zip(rows, rows[leaders], strict=True):
        if row != kept:
            exact = table["sha256"][row] == table["sha256"][kept]
            kind = "exact duplicate: same pixels as" if exact else "near-duplicate: looks like"
            table.loc[row, "reason"] = f"{kind} {table['file'][kept]}"
