"""The folder of a prepared data set: read it, or build it so that no break can spoil it.

A store is a folder with `images.npy` (N, size, size, 3) uint8 sRGB, `index.csv` (one row a photo,
kept or rejected) and `dataset.json` (parameters, counts, fingerprint, versions). `dataset.json` is
written last: a folder without it is no store.

While it is built, pixels are appended to `images.npy` and then, for the same photos, lines to
`journal.jsonl`. Whatever ends the program, the photos that are in both are kept by the next run.
Plain writes are used, not a memory map, so that the pages written do not count as memory in use.
"""

import base64
import dataclasses
import functools
import hashlib
import io
import json
import os
import platform
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import PIL

from lib.data.download import DataError
from lib.files import write_text

SPLITS = ("train", "val", "test")
COLUMNS = ("id", "file", "sha256", "split", "reason")


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

    def rows(self, split):
        """Rows of `images` in a split ("train", "val" or "test"), ascending, (n,) int."""
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {split!r}")
        return self._kept.loc[self._kept["split"] == split, "id"].to_numpy()

    def names(self, rows):
        """File names of rows of `images`, a list of str."""
        return self._kept["file"].iloc[np.asarray(rows, dtype=int)].tolist()

    @functools.cached_property
    def _kept(self):
        return self.index[self.index["id"] >= 0].sort_values("id")


def load(folder):
    """Open a prepared data set.

    Parameters
    ----------
    folder : path-like
        For example `data/processed/scenes-64`.

    Returns
    -------
    Photos

    Raises
    ------
    FileNotFoundError
        If there is no prepared data set in the folder.
    DataError
        If its files do not belong together.
    """
    folder = Path(folder)
    about = describe(folder)
    if about is None:
        raise FileNotFoundError(f"{folder} holds no prepared data set: run 01_preprocess first")
    index = pd.read_csv(
        folder / "index.csv",
        dtype={"id": np.int64} | dict.fromkeys(COLUMNS[1:], str),
        keep_default_na=False,
        encoding_errors="surrogateescape",
    )
    images = np.load(folder / "images.npy", mmap_mode="r")
    if len(images) != (index["id"] >= 0).sum() or len(images) != about["photos"]:
        raise DataError(f"{folder} is damaged, its files do not fit each other: delete it")
    names = ("dataset", "image_size", "seed")
    parameters = {name: about["parameters"][name] for name in names}
    return Photos(folder, images, index, fingerprint=about["fingerprint"], **parameters)


def describe(folder):
    """What `dataset.json` says about a store; None if the folder is not a whole store."""
    try:
        about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        shape = (about["photos"], about["parameters"]["image_size"])
        length = len(_header(*shape)) + shape[0] * shape[1] ** 2 * 3
        whole = (folder / "images.npy").stat().st_size == length
        return about if whole and (folder / "index.csv").exists() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_store_of(folder, parameters):
    """Whether a folder is a whole store of these parameters.

    Where the source lay does not matter, but its `stamp` (names, sizes, dates); if the source is
    not there now the stamp is None, and then where it lay decides.
    """
    about = describe(folder)
    return about is not None and _same(about["parameters"], parameters)


class Building:
    """A store being built in a folder of its own; `finish` makes it whole."""

    def __init__(self, folder, size):
        self.folder, self.size, self.row_bytes = Path(folder), size, size * size * 3
        self._images, self._journal = self.folder / "images.npy", self.folder / "journal.jsonl"
        self._start = len(_header(0, size))

    def begin(self, parameters):
        """Make the folder; one that was begun for other parameters is removed first."""
        note = self.folder / "parameters.json"
        try:
            begun = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = {}
        if not _same(begun, parameters):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_text(note, json.dumps(parameters))

    def recover(self, keys):
        """Keep what an earlier run finished, as far as it agrees with `keys`; drop the rest.

        `keys` are the (file, content) that the photos must have, in order. Returns the records.
        """
        room = self._images.stat().st_size - self._start if self._images.exists() else 0
        records, rows, length = [], 0, 0
        lines = self._journal.read_bytes().splitlines(keepends=True) if room > 0 else []
        for line, key in zip(lines, keys, strict=False):
            record = _parse(line)
            if record is None or (record["file"], record["content"]) != key:
                break
            rows += not record["reason"]
            if rows * self.row_bytes > room:
                rows -= 1
                break
            records.append(record)
            length += len(line)
        with self._images.open("r+b" if self._images.exists() else "wb") as images:
            images.write(_header(0, self.size))
            images.truncate(self._start + rows * self.row_bytes)
        with self._journal.open("ab") as journal:
            journal.truncate(length)
        return records

    def add(self, records, rows):
        """Append photos: their pixels (bytes, for those without a reason), then their records."""
        with self._images.open("ab") as images:
            images.writelines(rows)
        with self._journal.open("ab") as journal:
            journal.writelines(json.dumps(record).encode() + b"\n" for record in records)

    def keep(self, chosen):
        """Drop the rows that are not `chosen`, (N,) bool; the last rows fill the gaps.

        Returns the new row of each old one, -1 if dropped. Reads only rows that it does not
        write, and shortens the file last: after a break it can be done again.
        """
        count = int(chosen.sum())
        gaps = np.flatnonzero(~chosen[:count])
        movers = np.flatnonzero(chosen[count:]) + count
        with self._images.open("r+b") as images:
            for gap, mover in zip(gaps, movers, strict=True):
                images.seek(self._start + int(mover) * self.row_bytes)
                pixels = images.read(self.row_bytes)
                images.seek(self._start + int(gap) * self.row_bytes)
                images.write(pixels)
            images.flush()
            images.truncate(self._start + count * self.row_bytes)
            images.seek(0)
            images.write(_header(count, self.size))
            images.flush()
            os.fsync(images.fileno())
        new = np.where(chosen, np.arange(len(chosen)), -1)
        new[movers] = gaps
        return new

    def finish(self, index, parameters):
        """Write `index.csv` and, last of all, `dataset.json`.

        `index` has the kept rows first, and one more column `check`, a check sum of their pixels.
        """
        kept = index[index["id"] >= 0]
        lines = kept[["sha256", "split", "check"]].to_csv(index=False, lineterminator="\n")
        index = index[list(COLUMNS)]
        kinds = index["reason"].str.partition(":")[0].replace("", "kept")
        about = {
            "parameters": parameters,
            "photos": len(kept),
            "counts": {kind: int(count) for kind, count in kinds.value_counts().items()},
            "splits": {split: int((kept["split"] == split).sum()) for split in SPLITS},
            "fingerprint": hashlib.sha256(lines.encode()).hexdigest(),
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "pillow": PIL.__version__,
            },
        }
        write_text(self.folder / "index.csv", index.to_csv(index=False, lineterminator="\n"))
        write_text(self.folder / "dataset.json", json.dumps(about, indent=2) + "\n")

    def move_to(self, folder):
        """Put the whole store in its place; an older one there is removed after that."""
        self._journal.unlink(missing_ok=True)
        (self.folder / "parameters.json").unlink(missing_ok=True)
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        self.folder.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def to_text(data):
    """Bytes as text that JSON can hold; the inverse is `to_bytes`."""
    return base64.b64encode(data).decode()


def to_bytes(text):
    """The inverse of `to_text`."""
    return base64.b64decode(text)


def _same(one, other):
    where = "source" if None in (one.get("stamp"), other["stamp"]) else "stamp"
    names = set(one) | set(other)
    return all(one.get(n) == other.get(n) for n in names - {"source", "stamp"} | {where})


def npy_header(shape, descr):
    """The first bytes of a .npy file; how many they are does not depend on `shape[0]`."""
    stream = io.BytesIO()
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()


def _header(count, size):
    return npy_header((count, size, size, 3), "|u1")


def _parse(line):
    """A journal line as a dict, None if it was cut off."""
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
