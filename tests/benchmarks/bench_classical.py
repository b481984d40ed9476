"""How fast the classical methods are.

    python tests/benchmarks/bench_classical.py [--photos 200] [--size 200]

Scenes are drawn, three for training to each one that is coloured. The search for the examples is
timed on its own. Times are of the processor as well as of the clock: the former hardly depends on
other programs.
"""

import argparse
import sys
import time
import types
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]


def main():
    sys.path.insert(0, str(ROOT))
    from lib import classical, lab
    from lib.data import scenes

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=200, help="to colour")
    parser.add_argument("--size", type=int, default=200, help="pixels a side")
    options = parser.parse_args()
    count, size = options.photos, options.size
    images = scenes.draw(range(4 * count), size)
    splits = {"test": np.arange(count), "train": np.arange(count, 4 * count)}
    photos = types.SimpleNamespace(images=images, rows=splits.__getitem__, image_size=size)
    rows = photos.rows("test")
    lightness = np.clip(lab.rgb_to_lab(images[rows])[..., :1], 0, 100)
    work = {"examples": lambda: classical.examples(photos, rows)}
    for name, predict in classical.predictors(photos, rows).items():
        work[name] = lambda predict=predict: predict(rows, lightness)
    for name, run in work.items():
        start, before = time.perf_counter(), time.process_time()
        run()
        clock, own = time.perf_counter() - start, time.process_time() - before
        each = f"{1000 * clock / count:.1f} ms each (processor {1000 * own / count:.1f})"
        print(f"{name}, {count} photos of {size} px: {each}", flush=True)


if __name__ == "__main__":
    main()
