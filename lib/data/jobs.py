"""What the threads do that prepare a data set: read, decode and check photos, or draw scenes.

A photo is known by its key: (file, content), the file's name below the common folder and the
SHA-256 of its bytes; for a scene its name and number. `of_photos` and `of_scenes` give the keys in
the order in which they are stored, and the function that makes results of a list of keys. A result
is a record, which is a line of the journal of `lib.store`, and the pixels, or None if rejected.
Threads are enough: Pillow and hashlib let go of Python's lock while they work.
"""

import concurrent.futures
import functools
import hashlib
import itertools
import os
import zlib
from pathlib import Path

import numpy as np

from lib.data import cleaning, store
from lib.data.download import DataError, progress

PHOTOS_AT_ONCE, PIXELS_AT_ONCE = 16, 1 << 20  # given to a thread together, whichever is fewer


def of_photos(files, parameters, fewest):
    """Keys of the photos, in the order of their content, and the function that examines them.

    Only the `max_images` first of them, if that is set. Raises ValueError if they are fewer than
    `fewest`, DataError if a drive fails.
    """
    root = common_folder(files)
    with pool() as threads, progress(len(files), "reading photos", "photo") as bar:
        keys = []
        work = functools.partial(_contents, root=root)
        for key in in_order(work, files, threads):
            keys.append(key)
            bar.update()
    keys.sort(key=lambda key: (key[1] == "", key[1], key[0]))
    keys = keys[: parameters["max_images"]]
    if len(keys) < fewest:
        raise ValueError(f"{root} holds {len(keys)} images, at least {fewest} are needed")
    work = functools.partial(_examine, root=root, size=parameters["image_size"])
    return keys, work


def of_scenes(parameters):
    """Keys of the drawn scenes, in the order of their numbers, and the function that draws them."""
    from lib.data import scenes  # here, since it loads Keras, which photos do not need

    size, seed = parameters["image_size"], parameters["seed"]
    keys = [(scenes.name(i), str(i)) for i in range(parameters["max_images"])]

    def draw(job):
        pixels = scenes.draw([int(content) for _, content in job], size, seed=seed)
        rows = [row.tobytes() for row in np.ascontiguousarray(pixels)]
        photos = [cleaning.Examined(hashlib.sha256(row).hexdigest(), pixels=row) for row in rows]
        return [_result(key, photo) for key, photo in zip(job, photos, strict=True)]

    return keys, draw


def common_folder(files):
    """The folder that file names in the index begin from: the deepest that holds all files."""
    return Path(os.path.commonpath([file.parent for file in files]))


def _contents(job, root):
    """Key (file, SHA-256) of each file; no SHA-256 where reading is not allowed or a link ends."""
    keys, below = [], len(str(root / "x")) - 1
    for file in job:
        try:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
        except (FileNotFoundError, PermissionError, IsADirectoryError):
            content = ""
        except OSError as error:
            raise DataError(f"cannot read {file}: {error.strerror or error}") from error
        keys.append((str(file)[below:].replace(os.sep, "/"), content))
    return keys


def _examine(job, root, size):
    """Results of photos: the record of each, and its pixels or None."""
    photos = cleaning.examine((_read(key, root) for key in job), size)
    return [_result(key, photo) for key, photo in zip(job, photos, strict=True)]


def _read(key, root):
    """Bytes of a file, or a photo rejected as unreadable."""
    name, content = key
    try:
        return (root / name).read_bytes()
    except OSError as error:
        text = error.strerror or str(error)
        if content:  # it could be read a moment ago: a disk or network drive has gone
            raise DataError(f"cannot read {root / name}: {text}") from error
        return cleaning.Examined(reason=f"unreadable: {text}")


def _result(key, photo):
    """A line of the journal as a dict, and the pixels or None."""
    record = {
        "file": key[0],
        "content": key[1],
        "sha256": photo.sha256,
        "reason": photo.reason,
        "hash": photo.hash,
        "thumb": store.to_text(photo.thumb),
        "check": zlib.crc32(photo.pixels),
    }
    return record, photo.pixels or None


def pool():
    """One thread for each processor core that this program may use."""
    return concurrent.futures.ThreadPoolExecutor(_workers())


def in_order(work, items, threads, size=1):
    """Work on the items in threads and yield the results in the order of the items.

    Threads are given lists, since handing single items to them costs more time, and only as many
    lists as keep them busy, so that memory does not grow with the number of items. `size` is that
    of the photos made, in pixels a side.
    """
    step = max(1, min(PHOTOS_AT_ONCE, PIXELS_AT_ONCE // size**2))
    lists = (items[start : start + step] for start in range(0, len(items), step))
    ahead = 2 * _workers() + 2
    waiting = [threads.submit(work, part) for part in itertools.islice(lists, ahead)]
    while waiting:
        done = waiting.pop(0).result()
        waiting += [threads.submit(work, part) for part in itertools.islice(lists, 1)]
        yield from done


def _workers():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
