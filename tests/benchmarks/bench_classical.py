"""How fast the classical methods are.

    python tests/benchmarks/bench_classical.py [--photos 1400] [--size 200] [--large 1000]

Scenes are drawn, three for training to each one that is coloured. Reinhard and Welsh colour all
photos, the search for their examples included. Levin colours some of them, and one large picture,
with 0.1 % of the pixels given. Times are printed of the processor as well as of the clock: the
former hardly depends on other programs.
"""

import argparse
import sys
import time
import types
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]


def timed(work):
    """Result, seconds by the clock, and seconds of the processor."""
    start, before = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - start, time.process_time() - before


def time_levin(values, given):
    """Print the time a photo; values (N, H, W, 3) CIELAB, given (N, H, W)."""
    from lib.classical import scribbles

    hints = [
        (np.clip(one[..., :1], 0, 100), mask, one[..., 1:])
        for one, mask in zip(values, given, strict=True)
    ]
    _, *seconds = timed(lambda: [scribbles.levin(*one) for one in hints])
    clock, processor = (spent / len(values) for spent in seconds)
    side, count = values.shape[1], int(given[0].sum())
    print(f"levin, {side} x {side}, {count} points: {clock:.2f} s (processor {processor:.2f})")


def main():
    sys.path.insert(0, str(ROOT))
    from lib import classical, lab
    from lib.classical import scribbles
    from lib.data import scenes

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=1400, help="to colour")
    parser.add_argument("--size", type=int, default=200, help="pixels a side")
    parser.add_argument("--large", type=int, default=1000, help="pixels a side of the large one")
    options = parser.parse_args()
    count = options.photos
    images = scenes.draw(range(4 * count), options.size)
    splits = {"test": np.arange(count), "train": np.arange(count, 4 * count)}
    photos = types.SimpleNamespace(images=images, rows=splits.__getitem__, image_size=options.size)
    rows = photos.rows("test")
    predictors, *seconds = timed(lambda: classical.predictors(photos, rows))
    print(
        f"{count} examples found among {3 * count}: {seconds[0]:.1f} s (processor {seconds[1]:.1f})"
    )
    total = np.array(seconds)
    parts = np.array_split(rows, -(-count // 64))
    given = [np.clip(lab.rgb_to_lab(images[p])[..., :1], 0, 100) for p in parts]
    for name in ("reinhard", "welsh"):
        predict = predictors[name]
        work = list(zip(parts, given, strict=True))
        _, *seconds = timed(lambda predict=predict, work=work: [predict(*one) for one in work])
        total += seconds
        print(f"{name}, {count} photos: {seconds[0]:.1f} s (processor {seconds[1]:.1f})")
    print(f"together: {total[0]:.1f} s (processor {total[1]:.1f})")
    for chosen in (images[:10], scenes.draw([0], options.large)):
        values = lab.rgb_to_lab(chosen)
        shape = values.shape[1:3]
        time_levin(
            values, np.stack([scribbles.draw(shape, seed=row) for row in range(len(values))])
        )


if __name__ == "__main__":
    main()
