"""How fast and how exact sRGB <-> CIELAB is, beside scikit-image and OpenCV.

    python tests/benchmarks/bench_lab.py [--rounds 7] [--photos 32] [--size 200]

`rgb_to_lab` of uint8 and of float, and `lab_to_rgb`, compiled as the training step compiles them;
the peers get float32 and use the threads that they use by themselves. All take turns in one
process. Colours are random, as no way depends on them. OpenCV is left out where it is missing.
The errors are the largest against the standards in NumPy's float64, with the matrix and the white
point of `lib.lab`: those of the peers hold the difference of their own white points. A note gives
the ratio by seconds of the processor, all cores together, which other programs hardly change.
"""

import statistics
import time

import common
import numpy as np

TARGETS = {  # images/s, ours to the peer's
    ("rgb_to_lab uint8", "scikit-image"): 15,
    ("rgb_to_lab float", "scikit-image"): None,
    ("lab_to_rgb", "scikit-image"): 10,
}


def exact_lab(rgb):
    """CIELAB in float64 of float64 sRGB in [0, 1]."""
    from lib import lab

    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ (lab.RGB_TO_XYZ / lab.WHITE[:, None]).T
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def peers(rgb, values):
    """Dict of name -> (what it makes of `rgb`, what it makes of `values`), functions."""
    from skimage import color

    found = {"scikit-image": (lambda: color.rgb2lab(rgb), lambda: color.lab2rgb(values))}
    try:
        import cv2
    except ImportError:
        print("OpenCV is not installed: left out")
        return found

    def convert(photos, code):  # all photos as one high picture, which its threads share
        return cv2.cvtColor(photos.reshape(-1, *photos.shape[2:]), code).reshape(photos.shape)

    found["OpenCV"] = (
        lambda: convert(rgb, cv2.COLOR_RGB2Lab),
        lambda: convert(values, cv2.COLOR_Lab2RGB),
    )
    return found


def measured(ways, rounds):
    """Median seconds by the clock, and of the processor, of ways that take turns."""
    used = {name: [] for name in ways}

    def timed(name):
        before = time.process_time()
        ways[name]()
        used[name].append(time.process_time() - before)

    wall = common.alternate({name: lambda name=name: timed(name) for name in ways}, rounds)
    return wall, {name: statistics.median(values[1:]) for name, values in used.items()}


def compare(what, ways, exact, photos, rounds):
    """Rows of ours, the first way, beside each of the others."""
    wall, used = measured(ways, rounds)
    error = {name: np.abs(np.asarray(way()) - exact).max() for name, way in ways.items()}
    ours, *others = ways
    size = f"{photos} x {exact.shape[1]} px"
    rows = []
    for peer in others:
        note = (
            f"errors {error[ours]:.1e} and {error[peer]:.1e}; "
            f"{used[peer] / used[ours]:.1f} times by the processor's seconds"
        )
        rates = photos / wall[ours], photos / wall[peer]
        target = TARGETS.get((what, peer))
        rows.append(
            common.row("lab", what, size, rates[0], "images/s", peer, rates[1], target, note)
        )
    return rows


def main():
    parser = common.parser(__doc__, rounds=7)
    parser.add_argument("--photos", type=int, default=32)
    parser.add_argument("--size", type=int, default=200, help="pixels a side")
    options = parser.parse_args()

    from keras import ops

    from lib import evaluate, lab

    shape = (options.photos, options.size, options.size, 3)
    levels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rgb = levels.astype(np.float32) / 255
    exact = exact_lab(levels / 255)
    values = exact.astype(np.float32)
    to_lab, to_rgb = map(evaluate._compiled, (lab.rgb_to_lab, lab.lab_to_rgb))
    given = [ops.convert_to_tensor(array) for array in (levels, rgb, values)]
    found = peers(rgb, values)
    forward, back = ({name: pair[i] for name, pair in found.items()} for i in range(2))
    ours = {
        "rgb_to_lab uint8": (lambda: np.asarray(to_lab(given[0])), forward, exact),
        "rgb_to_lab float": (lambda: np.asarray(to_lab(given[1])), forward, exact),
        "lab_to_rgb": (lambda: np.asarray(to_rgb(given[2])), back, levels / 255),
    }
    rows = []
    for what, (way, others, truth) in ours.items():
        rows += compare(what, {"ours": way} | others, truth, options.photos, options.rounds)
    common.record(rows, options.rounds)


if __name__ == "__main__":
    main()
