"""How time and memory grow with the number of photos and with their size.

    python tests/benchmarks/bench_scaling.py [--photos 1000 4000 16000] [--sizes 64 128 200 256]

Preparing (from JPEG of 500 x 375 pixels), one epoch of the CNN, and evaluation (the CNN and three
baselines) of drawn photos: the numbers of photos at the least size, and the sizes with the least
number of photos. Each is done once, in a process of its own; loading and compiling are not timed,
and a few photos go first. Memory is the most that the process needs for itself; photos that are
mapped from the disk, which the system drops when it needs the room, do not count (where the system
does not tell, they do).

Writes results/benchmarks/scaling.png and scaling.json, with the straight line through each series
and an estimate of the paper's study on one GPU: its training operations, over what the GPU is
assumed to sustain.
"""

import argparse
import contextlib
import tempfile
import threading
from pathlib import Path

import common
import some_photos

OUT = common.ROOT / "results" / "benchmarks"
TASKS = ("prepare", "epoch", "evaluate")
BASELINES = ("gray", "mean_ab", "l_lookup")
BATCH = 32
PAPER = {"photos": round(0.8 * 31783), "epochs": 500, "filters": 64, "size": 200}
SUSTAINED = (10, 20, 50)  # TFLOP/s that a GPU is assumed to reach in training (mixed precision)


@contextlib.contextmanager
def own_memory(every=0.02):
    """A dict whose `peak` is the most memory of this process, mapped files aside, MiB."""
    status, told, stop = Path("/proc/self/status"), {"peak": 0.0}, threading.Event()

    def watch():
        while True:
            lines = status.read_text().splitlines()
            now = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
            told["peak"] = max(told["peak"], now / 2**10)
            if stop.wait(every):
                return

    if not status.exists():
        yield told
        told["peak"] = common.peak_memory()
        return
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join()


def prepare(folder, out, size):
    """Prepare the photos of a folder."""
    from lib.data import preprocess

    with own_memory() as memory:
        told = common.repeat(
            lambda: preprocess.prepare("folder", folder, size, raw=out, processed=out), 0
        )
    return told | memory


def epoch(store, count, _):
    """Train the CNN for one epoch on `count` photos of a store."""
    from lib import quiet_startup

    with quiet_startup():
        from lib import models, train
        from lib.data import preprocess
    import numpy as np

    train.prepare_device(0)
    images = preprocess.load(store).images
    colorizer = train.Colorizer(models.build_cnn())
    colorizer.compile(colorizer.adam(1e-3), jit_compile=False)
    rows = np.resize(np.arange(len(images)), count)
    few, batches = (
        train.Batches(images, part, BATCH, training=True) for part in (rows[: 4 * BATCH], rows)
    )
    colorizer.fit(few, verbose=0)
    with own_memory() as memory:
        told = common.repeat(lambda: colorizer.fit(batches, shuffle=False, verbose=0), 0)
    return told | memory


def evaluate(store, count, _):
    """Measure the CNN and the baselines on `count` photos of a store."""
    from lib import quiet_startup

    with quiet_startup():
        from lib import baselines, evaluate, files, models
        from lib.data import preprocess
    import numpy as np

    photos = preprocess.load(store)
    rows = np.resize(np.arange(len(photos.images)), count)
    with tempfile.TemporaryDirectory() as study:
        path = Path(study) / "cnn" / "model.keras"
        path.parent.mkdir()
        models.build_cnn().save(path)
        files.write_json(path.with_name("params.json"), {"data": photos.fingerprint})
        networks, _ = evaluate.networks(photos, study)
    every = baselines.predictors(photos, rows[:100]) | networks
    predictors = {name: every[name] for name in (*BASELINES, "cnn")}
    evaluate.measure(photos, rows[: 2 * evaluate.BATCH], predictors)
    with own_memory() as memory:
        told = common.repeat(lambda: evaluate.measure(photos, rows, predictors), 0)
    return told | memory


def operations(network, size):
    """Operations of one training step on one photo: three times those of the convolutions."""
    import keras
    import numpy as np

    layers = [layer for layer in network.layers if hasattr(layer, "kernel")]
    shapes = keras.Model(network.input, [layer.output for layer in layers])(
        np.zeros((1, size, size, 1), np.float32)
    )
    pairs = zip(layers, shapes, strict=True)
    return 3 * sum(
        2 * np.prod(layer.kernel.shape) * np.prod(out.shape[1:-1]) for layer, out in pairs
    )


def estimate():
    """The paper's study on one GPU: hours of training the CNN for each sustained rate."""
    from lib import quiet_startup

    with quiet_startup():
        from lib import models
    each = float(operations(models.build_cnn(PAPER["filters"]), PAPER["size"]))
    total = each * PAPER["photos"] * PAPER["epochs"]
    hours = {str(rate): total / (rate * 1e12) / 3600 for rate in SUSTAINED}
    return {**PAPER, "gflop_a_photo": each / 1e9, "hours_at_tflops": hours}


def measure(photos, sizes):
    """Points: dicts of task, photos, size, seconds, used, peak."""
    pairs = [(count, sizes[0]) for count in photos] + [(photos[0], size) for size in sizes[1:]]
    points = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        drawn = folder / "drawn"
        drawn.mkdir()
        files = some_photos.drawn(drawn, max(photos))
        for count, size in pairs:
            source, out = folder / f"some{count}", folder / f"store{count}-{size}"
            source.mkdir(exist_ok=True)
            for file in files[:count]:
                (source / file.name).unlink(missing_ok=True)
                (source / file.name).symlink_to(file)
            for task in TASKS:
                arguments = [str(source), str(out), size]
                if task != "prepare":
                    arguments = [str(next(out.glob("folder-*"))), count, size]
                with common.Worker(__file__, "--serve", task) as worker:
                    told = worker(task, *arguments)
                point = {"task": task, "photos": count, "size": size, "seconds": told["seconds"]}
                points.append(point | {"used": told["used"], "peak": told["peak"]})
                print(*(f"{key} {value}" for key, value in points[-1].items()), flush=True)
    return points


def series(points, task, axis):
    """x and the points of one task: along `photos` at the least size, or along `size`."""
    other = "size" if axis == "photos" else "photos"
    least = min(point[other] for point in points)
    chosen = [point for point in points if point["task"] == task and point[other] == least]
    chosen.sort(key=lambda point: point[axis])
    scale = (lambda value: value) if axis == "photos" else (lambda value: value**2 / 1e3)
    return [scale(point[axis]) for point in chosen], chosen


def line_through(x, y):
    """Slope and height of the straight line, and how far off it the points are: share of each."""
    import numpy as np

    line = np.polyfit(x, y, min(1, len(x) - 1))
    return line, float(np.abs(np.polyval(line, x) / y - 1).max())


def straightness(points):
    """In words: how far off their line the seconds of each series are, at most."""
    off = []
    for task in TASKS:
        both = [series(points, task, axis) for axis in ("photos", "size")]
        shares = [line_through(x, [p["seconds"] for p in some])[1] for x, some in both]
        off.append(f"{task} {shares[0]:.0%} and {shares[1]:.0%}")
    return "Seconds are off their lines by at most (left and right): " + ", ".join(off) + "."


def draw(points, words):
    """The figure: seconds above and memory below, along photos (left) and pixels (right)."""
    import numpy as np

    from lib.figures.style import BLUE, GRAY, GREEN, RED, WIDTH, blank

    looks = zip(TASKS, [GREEN, BLUE, RED], ["s", "o", "^"], strict=True)
    labels = {
        "prepare": "prepare",
        "epoch": "one epoch of the CNN",
        "evaluate": "evaluate the CNN and three baselines",
    }
    least = {axis: min(point[axis] for point in points) for axis in ("photos", "size")}
    figure = blank(WIDTH, 6.0)
    panels = figure.subplots(2, 2, sharex="col", sharey="row")
    for task, color, marker in looks:
        for column, axis in enumerate(("photos", "size")):
            x, chosen = series(points, task, axis)
            for line, key in enumerate(("seconds", "peak")):
                axes, y = panels[line, column], [point[key] for point in chosen]
                axes.plot(x, y, marker, color=color, markersize=5, label=labels[task])
                ends = np.array([0, max(x)])
                axes.plot(ends, np.polyval(line_through(x, y)[0], ends), color=color, linewidth=0.9)
    for axes in panels.flat:
        axes.grid()
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
    panels[0, 0].set_ylabel("seconds")
    panels[1, 0].set_ylabel("most memory, MiB")
    panels[1, 0].set_xlabel(f"photos, of {least['size']} x {least['size']} pixels")
    panels[1, 1].set_xlabel(f"pixels of a photo, in thousands; {least['photos']:,} photos")
    panels[0, 0].legend(loc="upper left", fontsize=8)
    figure.supxlabel(words, fontsize=8, color=GRAY)
    return figure


def rows_of(points):
    """For the table: cost of the most photos beside the fewest, and the same in memory."""
    rows = []
    for task in TASKS:
        _, chosen = series(points, task, "photos")
        if len(chosen) < 2:
            continue
        few, many = chosen[0], chosen[-1]
        size = f"{many['photos']} photos, {many['size']} px"
        peer = f"itself, {few['photos']} photos"
        each = [1e3 * point["seconds"] / point["photos"] for point in (many, few)]
        rows.append(common.row("scaling", f"{task} a photo", size, each[0], "ms", peer, each[1]))
        peaks = many["peak"], "MiB", peer, few["peak"]
        rows.append(common.row("scaling", f"{task} memory", size, *peaks, note="measured once"))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 200, 256])
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the figure")
    parser.add_argument("--serve", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        common.serve({}, {options.serve: globals()[options.serve]})
        return
    from lib import files
    from lib.figures import style

    points, paper = measure(sorted(options.photos), sorted(options.sizes)), estimate()
    hours = [f"{hours:.1f} h at {rate}" for rate, hours in paper["hours_at_tflops"].items()]
    about = common.machine()
    words = (
        f"{about['cpu']}, {about['cores']} cores. {straightness(points)}\n"
        f"Estimate of the paper's study, the CNN for {paper['epochs']} epochs on "
        f"{paper['photos']:,} photos of {paper['size']} pixels on one GPU: "
        f"{paper['gflop_a_photo']:.1f} GFLOP a photo\n"
        f"and step, so {', '.join(hours)} TFLOP/s sustained, if the photos arrive in time."
    )
    files.write_json(options.out / "scaling.json", {"points": points, "paper": paper} | about)
    figure = style.styled(draw)(points, words)
    alt = "Seconds and memory of preparing, training and evaluating against photos and pixels."
    style.save(figure, options.out / "scaling.png", f"{alt} {words}")
    print(words)
    if options.out == OUT:
        common.record(rows_of(points))


if __name__ == "__main__":
    main()
