"""Photos in, one memory-mapped array out: decode, clean, resize, split, store.

`prepare` gives a data set as a `Photos`, building it first if need be. What is rejected and why
stands in `lib.cleaning`, what the folder holds in `lib.store`. The order of the rows and the split
follow from the content of the photos alone: they are the same for other file names, another
listing and another machine. Of photos that look the same one is kept, the one whose SHA-256 is the
smallest, so that none can be on both sides of the split. A scene's content is its number, so that
it is on the same side at every size and seed.
"""

import dataclasses
import hashlib
import itertools
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import ImageOps

from lib.data import cleaning, datasets, jobs, store
from lib.data.download import check_space, disk_error, locked, progress
from lib.data.store import Photos, load

__all__ = ["Photos", "load", "prepare", "rejected_examples"]

STORE_VERSION = 1  # counted up when a change of the code changes what is stored
SMALLEST_SIZE, LARGEST_SIZE = 16, cleaning.LARGEST_SIZE  # pixels a side
FEWEST_PHOTOS = 10
SCENES = 1500  # drawn if max_images is None
COMMIT_PHOTOS, COMMIT_BYTES = 256, 16 << 20  # written together, whichever comes first


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

    A run that was stopped is continued. A store of other parameters under the same name is
    replaced when the new one is whole. If the source is gone, a store made from it still opens.

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
    if not store.is_store_of(folder, parameters):
        with locked(folder.with_name(f".{folder.name}.lock")):
            if not store.is_store_of(folder, parameters):  # built by another program meanwhile
                _build(folder, parameters, source, raw)
    return dataclasses.replace(load(folder), seed=int(seed))


def rejected_examples(photos, source=None, raw="data/raw", each=4):
    """Some rejected photos of each kind of reason, to look at.

    Parameters
    ----------
    photos : Photos
    source, raw
        As for `prepare`.
    each : int
        At most so many of one kind.

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
    files = datasets.get(photos.dataset, source, raw)
    root = jobs.common_folder(files)
    pictures = []
    for file in table["file"]:
        try:
            image = cleaning.decode((root / file).read_bytes())
            image = ImageOps.fit(image, (photos.image_size, photos.image_size))
            pictures.append(np.asarray(image))
        except (OSError, ValueError, cleaning.Rejected):
            pictures.append(np.full((photos.image_size, photos.image_size, 3), 200, np.uint8))
    return pictures, [f"{row.file}: {row.reason}" for row in table.itertuples()]


def _parameters(dataset, source, image_size, max_images, seed):
    """What a store depends on, checked; `stamp` is None if the source is not there now."""
    datasets.check_dataset(dataset, source)
    _check_int("image_size", image_size, SMALLEST_SIZE, LARGEST_SIZE)
    if max_images is not None:
        _check_int("max_images", max_images, FEWEST_PHOTOS)
    _check_int("seed", seed, None)
    scenes = dataset == "scenes"
    if scenes and max_images is None:
        max_images = SCENES
    return {
        "version": STORE_VERSION,
        "dataset": dataset,
        "source": str(source) if source else None,
        "stamp": _code_of_scenes() if scenes else datasets.stamp(dataset, source),
        "image_size": int(image_size),
        "max_images": None if max_images is None else int(max_images),
        "seed": int(seed) if scenes else 0,
        "rules": {} if scenes else cleaning.rules(),
    }


def _check_int(name, value, lowest, highest=None):
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    too_low = whole and lowest is not None and value < lowest
    if not whole or too_low or (highest is not None and value > highest):
        span = "" if lowest is None else f" of {lowest} or more"
        span = f" from {lowest} to {highest}" if highest else span
        raise ValueError(f"{name}: expected a whole number{span}, got {value!r}")


def _code_of_scenes():
    """A mark that changes with the code that draws the scenes."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("scene*.py")):
        digest.update(file.read_bytes())
    return f"drawn by {digest.hexdigest()}"


def _build(folder, parameters, source, raw):
    """Build the store beside its place, from where an earlier run stopped, and move it there."""
    building = store.Building(
        folder.with_name(f".{folder.name}.building"), parameters["image_size"]
    )
    if not store.is_store_of(building.folder, parameters):
        scenes = parameters["dataset"] == "scenes"
        if scenes:
            keys, work = jobs.of_scenes(parameters)
        else:
            files = datasets.get(parameters["dataset"], source, raw)
            keys, work = jobs.of_photos(files, parameters, FEWEST_PHOTOS)
        try:
            building.begin(parameters)
            records = _fill(building, keys, work)
            reasons = {} if scenes else _duplicates(records)
            index = _index(building, records, reasons, by_name=scenes)
            building.finish(index, parameters)
        except OSError as error:
            raise disk_error(error, building.folder) from error
        except ValueError:  # too few photos: the same again the next time
            shutil.rmtree(building.folder, ignore_errors=True)
            raise
    building.move_to(folder)


def _fill(building, keys, work):
    """Do the jobs that no earlier run has done and store what comes; returns all records."""
    records = building.recover(keys)
    missing = keys[len(records) :]
    check_space(len(missing) * building.row_bytes, building.folder)
    with (
        warnings.catch_warnings(),
        jobs.pool() as pool,
        progress(len(keys), "preparing photos", "photo", len(records)) as bar,
    ):
        warnings.filterwarnings("ignore", module="PIL")  # what matters is a reason in the index
        results = jobs.in_order(work, missing, pool, building.size)
        most = max(1, min(COMMIT_PHOTOS, COMMIT_BYTES // building.row_bytes))
        while batch := list(itertools.islice(results, most)):
            building.add([record for record, _ in batch], [row for _, row in batch if row])
            records += [record for record, _ in batch]
            bar.update(len(batch))
    return records


def _duplicates(records):
    """Reason for each record that shows the same as another with a smaller SHA-256, by its row."""
    good = [row for row, record in enumerate(records) if not record["reason"]]
    good.sort(key=lambda row: (records[row]["sha256"], row))
    hashes = np.array([records[row]["hash"] for row in good], dtype=np.uint64)
    thumbs = b"".join(store.to_bytes(records[row]["thumb"]) for row in good)
    shape = (len(good), cleaning.THUMB, cleaning.THUMB, 3)
    leaders = cleaning.duplicate_groups(hashes, np.frombuffer(thumbs, np.uint8).reshape(shape))
    reasons = {}
    for row, leader in zip(good, leaders, strict=True):
        kept = records[good[leader]]
        if row != good[leader]:
            exact = records[row]["sha256"] == kept["sha256"]
            kind = "exact duplicate: same pixels as" if exact else "near-duplicate: looks like"
            reasons[row] = f"{kind} {kept['file']}"
    return reasons


def _index(building, records, reasons, by_name):
    """Drop what `reasons` rejects from the images; the table of all photos, kept ones first."""
    table = pd.DataFrame(records, columns=["file", "sha256", "reason", "check"])
    stored = np.flatnonzero(table["reason"] == "")  # these have pixels, in this order
    table["reason"] = [reasons.get(row, own) for row, own in enumerate(table["reason"])]
    good = table["reason"] == ""
    keys = table["file"] if by_name else table["sha256"]
    splits = [cleaning.split_of(key) if use else "" for key, use in zip(keys, good, strict=True)]
    table["split"] = splits
    _check_usable(table)
    ids = np.full(len(table), -1)
    ids[stored] = building.keep(good.to_numpy()[stored])
    table["id"] = ids
    order = np.lexsort((ids, ids < 0))  # stable: rejected ones stay in the order of their content
    return table.iloc[order].reset_index(drop=True)


def _check_usable(table):
    """Raise ValueError if too few photos are left, or a split has none."""
    kinds = table["reason"].str.partition(":")[0].replace("", "usable").value_counts()
    text = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if kinds.get("usable", 0) < FEWEST_PHOTOS:
        raise ValueError(f"fewer than {FEWEST_PHOTOS} usable photos among {len(table)}: {text}")
    for split in store.SPLITS:
        if not (table["split"] == split).any():
            raise ValueError(f"no photo falls into {split!r}: {text}; more photos are needed")
