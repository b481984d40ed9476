"""Photos for the benchmarks: Flickr8k if it is there, or else drawn ones.

Drawn photos are scenes with camera noise, JPEG, 500 x 375 pixels, as large as Flickr's. All look
different: a scene gives four, itself and its mirror images.
"""

import concurrent.futures
import os
from pathlib import Path

import common

SIZE = (500, 375)
DRAWN = 256  # pixels a side of a scene
TURNS = 4  # photos of one scene


def flickr8k():
    """Files of Flickr8k, unpacked into data/raw by an earlier run; none if there are none."""
    files = (common.ROOT / "data" / "raw").glob("Flickr8k_Dataset*/**/*.jpg")
    return sorted(file for file in files if not file.name.startswith("."))


def drawn(folder, count):
    """Write `count` drawn photos into a folder; gives their files."""
    numbers = [range(start, min(start + 64, count)) for start in range(0, count, 64)]
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(_write, [folder] * len(numbers), numbers)
        return [file for part in parts for file in part]


def chosen(folder, count, source=None):
    """Name and files of at most `count` photos: of `source`, of Flickr8k, or drawn."""
    if source:
        found = sorted(Path(source).rglob("*.jpg"))
        if not found:
            raise SystemExit(f"no .jpg in {source}")
        return Path(source).name, found[:count]
    found = flickr8k()
    return ("Flickr8k", found[:count]) if found else ("drawn photos", drawn(folder, count))


def _write(folder, numbers):
    import numpy as np
    from PIL import Image

    from lib.data import scenes

    files, first = [], numbers[0] // TURNS
    many = scenes.draw(range(first, numbers[-1] // TURNS + 1), DRAWN)
    for number in numbers:
        rgb = many[number // TURNS - first]
        rgb = rgb[:: -1 if number & 1 else 1, :: -1 if number & 2 else 1]
        photo = Image.fromarray(np.ascontiguousarray(rgb)).resize(SIZE, Image.Resampling.BICUBIC)
        noise = np.random.default_rng(number).normal(0, 3, (SIZE[1], SIZE[0], 1))
        noisy = np.clip(np.asarray(photo, np.float32) + noise, 0, 255).astype(np.uint8)
        files.append(Path(folder) / f"{number:05}.jpg")
        Image.fromarray(noisy).save(files[-1], quality=92)
    return files
