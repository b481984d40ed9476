"""Photos in, one memory-mapped array out: decode, clean, resize, split, store.

What is rejected and why stands in `lib.data.cleaning`. The order of the rows and the split follow
from the content of the photos alone: they are the same for other file names, another listing and
another machine. Of photos that look the same one is kept, the one whose SHA-256 is the smallest, so
that none can be on both sides of the split. A scene's content is its number, so that it is on the
same side at every size and seed.

A store is a folder with `images.npy` (N, size, size, 3) uint8 sRGB, `index.csv` (one row a photo,
kept or rejected) and `dataset.json` (parameters, counts, fingerprint). It is built in a temporary
folder, which is renamed when it is whole. Pixels are written as they come, so that the memory
needed does not grow with their number.
"""

import concurrent.futures
import dataclasses
import errno
import functools
import hashlib
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from lib.data import cleaning, decode, sources
from lib.data.sources import DataError, disk_error, locked, progress
from lib.files import code_of, digest, read_json, write_json, write_text

SPLITS = ("train", "val", "test")
COLUMNS = ("id", "file", "sha256", "split", "reason")
SMALLEST_SIZE, LARGEST_SIZE = 16, cleaning.LARGEST_SIZE  # pixels a side
FEWEST_PHOTOS, MOST_PHOTOS = 10, 10_000_000
SCENES = 1500  # drawn if max_images is None
BATCH_PHOTOS, BATCH_BYTES = 256, 16 << 20  # prepared at once, whichever are fewer


@dataclasses.dataclass(frozen=True, eq=False)
class Photos:
    """A prepared data set; `test` is for notebook 07 alone."""

    folder: Path
    images: np.memmap  # (N, H, W, 3) uint8 sRGB
    index: pd.DataFrame  # id (row of images, -1: rejected), file, sha256, split, reason
    dataset: str
    image_size: int
    seed: int
    fingerprint: str  # SHA-256 of pixels and splits; file names have no say in it
    left_out: str = "nothing"  # files that are no photos, such as "2 hidden, 1 .txt"

    def rows(self, split):
        """Rows of `images` in a split ("train", "val" or "test"), ascending, (n,) int."""
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {split!r}")
        return self._kept.loc[self._kept["split"] == split, "id"].to_numpy()

    def names(self, rows):
        """File names of rows of `images`, a list of str; see `sources.printable`."""
        return self._kept["file"].iloc[np.asarray(rows, dtype=int)].tolist()

    @functools.cached_property
    def _kept(self):
        return self.index[self.index["id"] >= 0].sort_values("id")


def prepare(
    dataset="scenes",
    source=None,
    image_size=64,
    max_images=None,
    seed=0,
    raw="data/raw",
    processed="data/processed",
):
    """Prepare a data set, or open it if the same one is there already.

    A store of other parameters under the same name is replaced when the new one is whole. If the
    source is gone, a store made from it still opens.

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

    Returns
    -------
    Photos

    Raises
    ------
    ValueError
        Bad argument, no images, fewer than 10 usable photos, or an empty split.
    FileNotFoundError
        If the source is not there.
    DataError
        If photos cannot be fetched, unpacked, read or stored.
    """
    parameters = _parameters(dataset, source, image_size, max_images, seed)
    limit = "" if max_images is None else f"-{max_images}"
    folder = Path(processed) / f"{dataset}-{image_size}{limit}"
    photos = _open(folder, parameters)
    if photos is None:
        with locked(folder.with_name(f".{folder.name}.lock")):
            photos = _open(folder, parameters)  # built by another program meanwhile
            if photos is None:
                _build(folder, parameters, source, raw)
                photos = load(folder)
    return dataclasses.replace(photos, seed=int(seed))


def load(folder):
    """Open a prepared data set, for example `data/processed/scenes-64`, as a `Photos`.

    Raises
    ------
    FileNotFoundError
        If there is no prepared data set in the folder.
    DataError
        If its files do not belong together.
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

    `source` and `raw` are those that were given to `prepare`.

    Returns
    -------
    pictures : list of arrays (S, S, 3) uint8
        Those that cannot be read are an even grey.
    reasons : list of str
        File and reason.
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
            photo, _ = decode.read(paths[name])
            image = Image.fromarray(decode.on_white(photo))
            pictures.append(np.asarray(ImageOps.fit(image, (size, size))))
        except (KeyError, decode.Unreadable):
            pictures.append(np.full((size, size, 3), 200, np.uint8))
    return pictures, [f"{row.file}: {row.reason}" for row in table.itertuples()]


def _parameters(dataset, source, image_size, max_images, seed):
    """What a store depends on, checked; `stamp` is None if the source is not there now."""
    sources.check_dataset(dataset, source)
    _check_int("image_size", image_size, SMALLEST_SIZE, LARGEST_SIZE)
    if max_images is not None:
        _check_int("max_images", max_images, FEWEST_PHOTOS, MOST_PHOTOS)
    _check_int("seed", seed, 0, 2**32 - 1)
    scenes = dataset == "scenes"
    if scenes and max_images is None:
        max_images = SCENES
    code = code_of(f"from lib.data import {'scenes' if scenes else 'cleaning'}")
    return {
        "dataset": dataset,
        "source": str(source) if source else None,
        "stamp": None if scenes else sources.stamp(dataset, source),
        "image_size": int(image_size),
        "max_images": None if max_images is None else int(max_images),
        "seed": int(seed) if scenes else 0,
        "code": digest(code),
    }


def _check_int(name, value, lowest, highest):
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        span = f"from {lowest} to {highest}"
        raise ValueError(f"{name}: expected a whole number {span}, got {value!r}")


def _open(folder, parameters):
    """The `Photos` of a folder that is a whole store of these parameters, else None.

    Where the source lay does not matter, but its `stamp` (names, sizes, dates); if the source is
    not there now the stamp is None, and then where it lay decides.
    """
    ignored = {"source" if parameters["stamp"] else "stamp": None}
    try:
        made = read_json(folder / "dataset.json")["parameters"]
        return load(folder) if made | ignored == parameters | ignored else None
    except (OSError, KeyError, DataError):
        return None


def _build(folder, parameters, source, raw):
    """Build a store in a temporary folder, and rename that to its place."""
    size, left_out = parameters["image_size"], "nothing"
    if parameters["dataset"] == "scenes":
        keys = range(parameters["max_images"])
        work = functools.partial(_draw, size=size, seed=parameters["seed"])
    else:
        keys, left_out = _keys(sources.fetch(parameters["dataset"], source, raw))
        keys = keys[: parameters["max_images"]]
        work = functools.partial(_examine, size=size)
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        free, needed = shutil.disk_usage(building).free, len(keys) * size * size * 3
        if needed > free:
            space = f"{needed / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free"
            raise DataError(f"cannot write {folder}: {space}")
        table = _write_images(building / "images.npy", keys, work, size)
        table = _drop_duplicates(building / "images.npy", table, size)
        _write_index(building, table, parameters, left_out)
        if not load(building).index.equals(table[list(COLUMNS)]):
            raise DataError(f"{building / 'index.csv'} reads otherwise than it was written")
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
    except OSError as error:
        raise disk_error(error, building) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _keys(folder):
    """The photos of a folder as (SHA-256 of the file, name, path), sorted; what was left out."""
    files, left_out = sources.photos_in(folder)
    left_out = sources.listed(left_out)
    if len(files) < FEWEST_PHOTOS:
        text = f"at least {FEWEST_PHOTOS} are needed; left out: {left_out}"
        raise ValueError(f"{folder} holds {len(files)} photos, {text}")
    with _pool() as pool:
        keys = sorted(zip(pool.map(_content, files), _names(files), files, strict=True))
    return [key for key in keys if key[0]] + [key for key in keys if not key[0]], left_out


def _names(files):
    """Names for the index: paths below the deepest folder that holds all files."""
    root = os.path.commonpath([file.parent for file in files])
    return [sources.printable(file.relative_to(root).as_posix()) for file in files]


def _content(path):
    """SHA-256 of a file's bytes; "" where reading is not allowed or a link leads nowhere."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP):
            return ""
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _examine(key, size):
    """Name of a photo, and what became of it."""
    content, name, path = key
    photo = cleaning.examine(path, size)
    if photo.reason and content and not os.access(path, os.R_OK):
        raise DataError(f"cannot read {path} any more: has a disk or network drive gone?")
    return name, photo


def _draw(number, size, seed):
    """Name of a scene, and its pixels."""
    from lib.data import scenes

    pixels = scenes.draw([number], size, seed).tobytes()
    sha256 = hashlib.sha256(pixels).hexdigest()
    return scenes.name(number), cleaning.Examined(sha256, pixels=pixels)


def _pool():
    """One thread for each core: Pillow and hashlib let go of Python's lock while they work."""
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count())


def _write_images(path, keys, work, size):
    """Write the pixels of all photos that can be used; a table of all photos, in order."""
    step = max(1, min(BATCH_PHOTOS, BATCH_BYTES // size**2 // 3))
    records = []
    with (
        path.open("wb") as images,
        _pool() as pool,
        progress("preparing photos", len(keys), "photo") as bar,
    ):
        _write_header(images, 0, size)
        for first in range(0, len(keys), step):
            for name, photo in pool.map(work, keys[first : first + step]):
                images.write(photo.pixels)
                records.append((name, *photo[:4], zlib.crc32(photo.pixels)))
                bar.update()
    return pd.DataFrame(records, columns=["file", "sha256", "reason", "hash", "thumb", "check"])


def _drop_duplicates(path, table, size):
    """Drop duplicates from the images, split the rest; the table with kept photos first."""
    stored = np.flatnonzero(table["reason"] == "")  # these have pixels, in this order
    _reject_duplicates(table, stored)
    good = (table["reason"] == "").to_numpy()
    keys = table["sha256"].where(table["thumb"] != b"", table["file"])  # scenes have no thumbnail
    splits = [cleaning.split_of(key) if use else "" for key, use in zip(keys, good, strict=True)]
    table["split"] = splits
    _check_usable(table)

    kept = good[stored]
    count = int(kept.sum())
    ids = np.where(kept, np.arange(len(kept)), -1)
    gaps, last = np.flatnonzero(~kept[:count]), np.flatnonzero(kept[count:]) + count
    ids[last] = gaps  # the last rows fill the gaps
    with path.open("r+b") as images:
        start = _write_header(images, count, size)
        rows = np.memmap(images, np.uint8, "r+", start, (len(kept), size, size, 3))
        for gap, row in zip(gaps, last, strict=True):
            rows[gap] = rows[row]
        del rows  # writes it
        images.truncate(start + count * size * size * 3)
    table["id"] = -1
    table.loc[stored, "id"] = ids
    order = np.lexsort((table["id"], table["id"] < 0))  # rejected ones: in order of their content
    return table.iloc[order].reset_index(drop=True)


def _write_header(images, count, size):
    """Write the header of a .npy file; its length, which does not depend on `count`."""
    about = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    images.seek(0)
    np.lib.format.write_array_header_1_0(images, about)
    return images.tell()


def _reject_duplicates(table, stored):
    """Give a reason to each photo that shows the same as one with a smaller SHA-256."""
    rows = [row for row in stored if table["thumb"][row]]
    rows.sort(key=lambda row: (table["sha256"][row], row))
    thumbs = np.frombuffer(b"".join(table["thumb"][rows]), np.uint8)
    thumbs = thumbs.reshape(-1, cleaning.THUMB, cleaning.THUMB, 3)
    leaders = cleaning.duplicate_groups(table["hash"][rows].to_numpy(np.uint64), thumbs)
    for row, leader in zip(rows, leaders, strict=True):
        kept = rows[leader]
        if row != kept:
            exact = table["sha256"][row] == table["sha256"][kept]
            kind = "exact duplicate: same pixels as" if exact else "near-duplicate: looks like"
            table.loc[row, "reason"] = f"{kind} {table['file'][kept]}"


def _check_usable(table):
    """Raise ValueError if too few photos are left, or a split has none."""
    kinds = table["reason"].str.partition(":")[0].replace("", "usable").value_counts()
    text = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if kinds.get("usable", 0) < FEWEST_PHOTOS:
        raise ValueError(f"fewer than {FEWEST_PHOTOS} usable photos among {len(table)}: {text}")
    for split in SPLITS:
        if not (table["split"] == split).any():
            raise ValueError(f"no photo falls into {split!r}: {text}; more photos are needed")


def _write_index(folder, table, parameters, left_out):
    """Write `index.csv` and `dataset.json`."""
    kept = table[table["id"] >= 0]
    lines = kept[["sha256", "split", "check"]].to_csv(index=False, lineterminator="\n")
    kinds = table["reason"].str.partition(":")[0].replace("", "kept")
    index = table.to_csv(index=False, columns=list(COLUMNS), lineterminator="\n")
    write_text(folder / "index.csv", index)
    about = {
        "parameters": parameters,
        "photos": len(kept),
        "counts": {kind: int(count) for kind, count in kinds.value_counts().items()},
        "splits": {split: int((kept["split"] == split).sum()) for split in SPLITS},
        "left_out": left_out,
        "fingerprint": hashlib.sha256(lines.encode()).hexdigest(),
    }
    write_json(folder / "dataset.json", about)
