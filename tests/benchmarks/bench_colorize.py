"""How fast a folder of photos is coloured, beside a loop over single photos.

    python tests/benchmarks/bench_colorize.py results/quick/gan/model.keras [--photos 100]

The photos are crops of scikit-image's, 816 x 612 pixels, JPEG. The peers read, colour and write one
photo after the other. `predict` calls Keras's `predict` for each photo, as many programs do, but
merges by our `paint`, on all cores; `predict, scikit-image` merges as tutorials do, by rgb2lab,
resize and lab2rgb in float32; `colorize` is a loop of our `colorize`. Half of the photos before,
half after ours: `color_files`, the code behind the command line. All use all cores: other programs
that run cost seconds; the processor time a photo (all cores together) depends on them less. Results
are compared. The last lines say what one photo costs, step by step, each measured alone.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import common
import numpy as np
from PIL import Image
from skimage import color, data, transform

ROOT = Path(__file__).resolve().parents[2]
SIZE = (816, 612)
TARGETS = {"predict": 1}


def draw(folder, count):
    """Write the photos; gives their files."""
    rng = np.random.default_rng(0)
    bundled = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    files = []
    for number in range(count):
        photo = Image.fromarray(bundled[number % 4])
        x, y = rng.uniform(0, 0.3, 2)
        box = [x * photo.width, y * photo.height, (x + 0.7) * photo.width, (y + 0.7) * photo.height]
        photo = np.asarray(photo.resize(SIZE, Image.Resampling.BICUBIC, box), np.float32)
        photo = np.uint8(np.clip(photo + rng.normal(0, 4, photo.shape[:2])[..., None], 0, 255))
        files.append(folder / f"{number:03}.jpg")
        Image.fromarray(photo).save(files[-1], quality=92)
    return files


def timed(run):
    """Seconds and processor seconds of a call."""
    start, before = time.perf_counter(), time.process_time()
    run()
    return np.array([time.perf_counter() - start, time.process_time() - before])


def main():
    sys.path.insert(0, str(ROOT))
    from lib import models
    from lib.colorize import command as color_cli
    from lib.colorize import photo as colorize
    from lib.colorize import photo_files
    from lib.data import decode

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--saturation", type=float, default=1.0)
    options = parser.parse_args()
    network, keras_network = models.load(options.model), models.load(options.model)

    def predicted(scaled, training=False):
        return keras_network.predict(np.asarray(scaled), verbose=0)

    predicted.input_shape = network.input_shape

    def loop(files, out, network):
        for file in files:
            photo, about = decode.read(file)
            colored = colorize.colorize(photo, network, saturation=options.saturation)
            photo_files.write(out / file.name, colored, about)

    def tutorial(files, out):
        for file in files:
            photo, about = decode.read(file)
            lightness = color.rgb2lab(np.float32(photo / 255))[..., :1]
            size = colorize.copy_size(photo.shape[:2], colorize.RENDER_FACTOR)
            small = transform.resize(lightness, size, anti_aliasing=True)
            ab = predicted(small[None] / 50 - 1, False)[0] * 110 * options.saturation
            ab = transform.resize(ab, photo.shape[:2], order=3)
            rgb = color.lab2rgb(np.concatenate([lightness, ab], axis=-1))
            photo_files.write(out / file.name, np.uint8(255 * rgb + 0.5), about)

    def folder_of(files, out):
        todo = [(file, out / file.name, None) for file in files]
        choices = (colorize.RENDER_FACTOR, options.saturation, False, 0.0)
        assert color_cli.color_files(todo, network, *choices) == []

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        files = draw(folder, options.photos)
        ways = {
            "colorize": lambda part: loop(part, folder / "one", network),
            "predict": lambda part: loop(part, folder / "two", predicted),
            "predict, scikit-image": lambda part: tutorial(part, folder / "skimage"),
            "color_files": lambda part: folder_of(part, folder / "three"),
        }
        for run in ways.values():  # load, compile
            run(files[:2])
        total = dict.fromkeys(ways, 0)
        for part in (files[::2], None, files[1::2]):
            for name, run in (
                list(ways.items())[:-1] if part else [("color_files", ways["color_files"])]
            ):
                total[name] = total[name] + timed(lambda r=run, p=part: r(p or files))
        for file in files[:: len(files) // 4]:
            one, three = (decode.read(folder / p / file.name)[0] for p in ("one", "three"))
            assert np.abs(np.int16(one) - three).mean() < 0.2, "the ways differ"
        for name, values in total.items():
            seconds, used = 1e3 * values / len(files)
            ratio = values[0] / total["color_files"][0]
            print(f"{name:21} {seconds:6.1f} ms a photo, {used:6.1f} ms of processor", end="; ")
            used /= 1e3 * total["color_files"][1] / len(files)
            print(f"{ratio:.2f} and {used:.2f} times those of color_files")
        record({name: values / len(files) for name, values in total.items()}, len(files))
        steps(files[0], folder / "four.jpg", network)


def record(total, count):
    """Rows of the table; `total` has seconds and processor seconds a photo."""
    rows, size = [], f"{count} photos, {SIZE[0]} x {SIZE[1]}"
    ours, used = 1e3 * total["color_files"]
    for name in ("colorize", "predict", "predict, scikit-image"):
        note = f"a photo; processor {used:.1f}, {1e3 * total[name][1]:.1f} ms"
        row = (ours, "ms", f"loop of {name}", 1e3 * total[name][0], TARGETS.get(name), note)
        rows.append(common.row("colorize", "folder", size, *row))
    common.record(rows)


def steps(file, out, network):
    """Print what the parts of one photo cost."""
    from lib.colorize import photo as colorize
    from lib.colorize import photo_files
    from lib.data import decode

    photo, about = decode.read(file)
    view = colorize.view(photo, network)
    ab, sized = colorize.predict(view, network), colorize.sized(network, view.shape)
    parts = {
        "read": lambda: decode.read(file),
        "view": lambda: colorize.view(photo, network),
        "network": lambda: colorize.predict(view, network),
        "network, compiled": lambda: colorize.predict(view, sized),
        "paint": lambda: colorize.paint(photo, view, ab),
        "write": lambda: photo_files.write(out, photo, about),
    }
    for name, run in parts.items():
        run()
        seconds, used = np.min([timed(run) for _ in range(7)], axis=0) * 1e3
        print(f"  {name:17} {seconds:6.1f} ms, {used:6.1f} ms of processor")


if __name__ == "__main__":
    main()
