"""How fast the classical methods are, and what the order of elimination is worth.

    python tests/benchmarks/bench_classical.py [--photos 1400] [--size 200] [--large 1000]

Scenes are drawn, three for training to each one that is coloured. Reinhard and Welsh colour all
photos, the search for their examples included. Levin colours some of them, and one large picture,
with 0.1 % of the pixels given; the same equations are also solved in the order that SuperLU finds
itself, by turns in the same process, so that other programs slow down both. Times are of the
processor as well as of the clock: the former hardly depends on other programs.
"""

import argparse
import sys
import time
import types
from pathlib import Path

import common
import numpy as np

ROOT = Path(__file__).parents[2]


def timed(work):
    """Result, seconds by the clock, and seconds of the processor."""
    start, before = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - start, time.process_time() - before


def by_superlu(lightness, given, ab):
    """`scribbles.levin` of one photo, in the order of minimum degree."""
    from scipy import sparse
    from scipy.sparse import linalg

    from lib.classical import scribbles

    known, colors = given.ravel(), ab.reshape(-1, 2) * given.reshape(-1, 1)
    rows = scribbles.weights(lightness)[~known]
    matrix = sparse.eye_array(len(known) - known.sum(), format="csc") - rows[:, ~known].tocsc()
    options = {"SymmetricMode": True}
    factors = linalg.splu(matrix, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    colors[~known] = factors.solve(rows @ colors)
    return colors.reshape(ab.shape)


def compare(values, given):
    """Print both ways to solve, by turns; values (N, H, W, 3) CIELAB."""
    from lib.classical import scribbles

    used = {scribbles.levin: np.zeros(2), by_superlu: np.zeros(2)}
    apart = 0.0
    for one, mask in zip(values.astype(np.float64), given, strict=True):
        results = []
        for solve, total in used.items():
            hints = np.clip(one[..., :1], 0, 100), mask, one[..., 1:]
            result, *seconds = timed(lambda solve=solve, hints=hints: solve(*hints))
            total += seconds
            results.append(result)
        apart = max(apart, np.abs(results[0] - results[1]).max())
    ours, theirs = (total / len(values) for total in used.values())
    side, count = values.shape[1], int(given[0].sum())
    print(
        f"levin, {side} x {side}, {count} points: {ours[0]:.2f} s a photo (processor {ours[1]:.2f})"
    )
    print(f"  SuperLU's own order: {theirs[0]:.2f} s, {theirs[1] / ours[1]:.1f} times as much")
    print(f"  largest difference: {apart:.1e} CIELAB units")
    note = f"a photo; processor {ours[1]:.2f}, {theirs[1]:.2f} s"
    row = (ours[0], "s", "SuperLU's own order", theirs[0], None, note)
    rows = [common.row("classical", "levin", f"{side} x {side}, {count} points", *row)]
    common.record(rows, rounds=len(values))


def main():
    sys.path.insert(0, str(ROOT))
    from lib import lab
    from lib.classical import by_example as classical
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
    parts = np.array_split(rows, -(-count // classical.BATCH))
    given = [np.clip(np.asarray(lab.rgb_to_lab(images[p]))[..., :1], 0, 100) for p in parts]
    for name in ("reinhard", "welsh"):
        predict = predictors[name]
        work = list(zip(parts, given, strict=True))
        _, *seconds = timed(lambda predict=predict, work=work: [predict(*one) for one in work])
        total += seconds
        print(f"{name}, {count} photos: {seconds[0]:.1f} s (processor {seconds[1]:.1f})")
    print(f"together: {total[0]:.1f} s (processor {total[1]:.1f})")
    for chosen in (images[:10], scenes.draw([0], options.large)):
        values = np.asarray(lab.rgb_to_lab(chosen))
        shape = values.shape[1:3]
        compare(values, np.stack([scribbles.draw(shape, seed=row) for row in range(len(values))]))


if __name__ == "__main__":
    main()
