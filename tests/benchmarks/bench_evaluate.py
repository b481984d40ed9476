"""How fast predictions are measured, beside the loop that most notebooks have, and what dominates.

    python tests/benchmarks/bench_evaluate.py [--size 200] [--photos 64] [--rounds 5]

The loop takes one photo after another through scikit-image: CIELAB and back, SSIM, CIEDE2000, PSNR,
and NumPy for RMSE, colorfulness and AuC. Ours are all measures of the table, colour classes and
histograms, in one compiled program, side by side on all cores. Then, for one photo each: prediction
by untrained networks of the default sizes, and Xception's features for KID. All take turns in one
process, and the best of the rounds is shown, so that other programs weigh on all alike; processor
time (all cores together) hardly depends on them. The table gets the medians of measures and loop.
"""

import argparse
import functools
import os
import statistics
import sys
import time
import types
import warnings
from pathlib import Path

import common

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parents[2]
ROWS = 9  # of the table beside the truth: four baselines, five networks


def usual_loop(rgb_true, ab_pred):
    """All measures that scikit-image and NumPy give, one photo at a time."""
    import numpy as np
    from skimage import color, metrics

    for rgb, ab in zip(rgb_true, ab_pred, strict=True):
        lab = color.rgb2lab(rgb)
        both = np.concatenate([lab[..., :1], ab], axis=-1)
        pred = np.rint(255 * color.lab2rgb(both)).astype(np.uint8)
        metrics.structural_similarity(rgb, pred, channel_axis=-1, data_range=255)
        metrics.peak_signal_noise_ratio(rgb, pred, data_range=255)
        color.deltaE_ciede2000(lab, color.rgb2lab(pred)).mean()
        np.sqrt(np.square(pred.astype(float) - rgb).mean())
        np.sqrt(np.square(ab - lab[..., 1:]).mean())
        red, green, blue = np.moveaxis(pred.astype(float), -1, 0)
        rg, yb = red - green, (red + green) / 2 - blue
        np.sqrt(rg.var() + yb.var()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        error = np.linalg.norm(ab - lab[..., 1:], axis=-1)
        np.clip(151 - np.ceil(error), 0, 151).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=200, help="pixels a side")
    parser.add_argument("--photos", type=int, default=64, help="photos a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    warnings.simplefilter("ignore")  # scikit-image's, of colours that sRGB cannot show

    import keras
    import numpy as np
    from skimage import data, transform

    from lib import evaluate, kid, lab, models

    keras.utils.set_random_seed(0)
    large = transform.resize(data.astronaut(), (2 * options.size,) * 2, anti_aliasing=True)
    starts = np.random.default_rng(0).integers(0, options.size + 1, (options.photos, 2))
    cut = [large[y : y + options.size, x : x + options.size] for y, x in starts]
    rgb = np.rint(255 * np.array(cut)).astype(np.uint8)
    rows = np.arange(len(rgb))
    photos = types.SimpleNamespace(images=rgb, names=lambda part: [str(row) for row in part])
    to_lab = evaluate._compiled(lab.rgb_to_lab)
    ab = 0.7 * np.asarray(to_lab(rgb))[..., 1:] + 3
    table = {f"row {number}": lambda part, _: ab[part] for number in range(ROWS)}
    xception = models.load_xception(None)
    small = kid.reduced(rgb)
    networks = {
        "cnn": models.build_cnn(),
        "autoencoder": models.build_autoencoder(options.size),
        "xception": models.build_xception(xception),
        "generator": models.build_generator(),
    }
    work = {
        "usual loop": (1, lambda: usual_loop(rgb[:8], ab[:8]), 8),
        "measures": (ROWS + 1, lambda: evaluate.measure(photos, rows, table), len(rgb)),
        "KID features": (1, lambda: kid.features(xception, {"truth": small}), len(rgb)),
    }
    lightness = np.asarray(to_lab(rgb[: evaluate.BATCH]))[..., :1]
    for name, network in networks.items():
        call = functools.partial(evaluate._predict, network, None, lightness)
        work[f"predict {name}"] = (1, call, evaluate.BATCH)
    seconds, used = ({name: [] for name in work} for _ in range(2))
    for number in range(options.rounds + 1):
        for name, (times, call, count) in work.items():
            start, before = time.perf_counter(), time.process_time()
            call()
            if number:  # the first compiles
                seconds[name].append((time.perf_counter() - start) / times / count)
                used[name].append((time.process_time() - before) / times / count)
    print(f"{options.size} px, milliseconds a photo and row: wall, processor")
    for name in work:
        print(f"{name:20} {1e3 * min(seconds[name]):7.2f} {1e3 * min(used[name]):7.2f}")
    ratios = [min(one["usual loop"]) / min(one["measures"]) for one in (seconds, used)]
    print(f"measures are {ratios[0]:.1f} times as fast as the loop ({ratios[1]:.1f} a processor)")
    ours, theirs = (
        [1e3 * statistics.median(one[name]) for one in (seconds, used)]
        for name in ("measures", "usual loop")
    )
    size = f"{options.photos} photos x {ROWS + 1} rows, {options.size} px"
    note = f"a photo and row; processor {ours[1]:.2f}, {theirs[1]:.2f} ms"
    row = (ours[0], "ms", "loop with scikit-image", theirs[0], 5, note)
    common.record([common.row("evaluate", "all measures", size, *row)], options.rounds)


if __name__ == "__main__":
    main()
