"""How fast photos are prepared, beside the loop that most tutorials have, and beside tf.data.

    python tests/benchmarks/bench_preprocess.py [--photos 7063] [--size 200] [--source FOLDER]

The photos are those of a folder; or Flickr8k, if an earlier run has unpacked it; or drawn. They are
dealt out to the rounds, and in each round every way prepares the same ones, in a process of its
own so that its memory can be told:

- ours, `prepare`: decode, clean, look for duplicates, resize, split, store as uint8;
- tf.data: read, decode, resize (with anti-aliasing), batches of 32 uint8 photos, on all cores,
  nothing cleaned and nothing stored;
- the tutorial loop: read, resize (with anti-aliasing), CIELAB by scikit-image, one photo after
  another, all float arrays kept in memory. It is given 60 photos a round.

Starting the processes and loading libraries is not timed.
"""

import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

import common
import some_photos

LOOP = 60  # photos a round


def prepare(folder, size, number):
    """Ours: the photos of one folder."""
    from lib.data import preprocess

    out = Path(folder) / f"out{number}"
    photos = preprocess.prepare("folder", folder, size, raw=out, processed=out)
    return {"photos": len(photos.index), "kept": len(photos.images)}


def tf_data(folder, size, _):
    """The peer that reads as tf.data's guide says."""
    from lib import quiet_startup

    with quiet_startup():
        import tensorflow as tf

    def load(file):
        photo = tf.io.decode_jpeg(tf.io.read_file(file), channels=3)
        return tf.cast(tf.round(tf.image.resize(photo, (size, size), antialias=True)), tf.uint8)

    files = [str(file) for file in sorted(Path(folder).glob("*.jpg"))]
    data = tf.data.Dataset.from_tensor_slices(files)
    data = data.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    count = sum(len(batch) for batch in data.batch(32).prefetch(tf.data.AUTOTUNE))
    return {"photos": count}


def tutorial(folder, size, _):
    """The usual loop."""
    import numpy as np
    from skimage import color, io, transform

    photos = []
    for file in sorted(Path(folder).glob("*.jpg"))[:LOOP]:
        photo = transform.resize(io.imread(file), (size, size), anti_aliasing=True)
        photos.append(color.rgb2lab(photo))
    return {"photos": len(np.array(photos))}


WAYS = {"ours": prepare, "tf.data": tf_data, "tutorial loop": tutorial}
TARGETS = {"tf.data": 1.5, "tutorial loop": 15}


def deal(files, folder, parts):
    """Link the files into one folder a part; gives the folders."""
    folders = [folder / f"part{number}" for number in range(parts)]
    for number, part in enumerate(folders):
        part.mkdir()
        for file in files[number::parts]:
            (part / file.name).symlink_to(file)
    return folders


def measure(files, size, rounds):
    """What the ways tell of each round: dict of way -> list of dicts."""
    told = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        folders = deal(files, Path(folder), rounds)
        few = deal(files[:200], Path(tempfile.mkdtemp(dir=folder)), 1)  # go first, not counted
        run = {way: stack.enter_context(common.Worker(__file__, "--serve", way)) for way in WAYS}
        for number, part in enumerate(few + folders):
            for way in list(WAYS)[:: -1 if number % 2 else 1]:
                told[way].append(run[way](way, str(part), size, number))
    return {way: answers[1:] for way, answers in told.items()}


def rows_of(told, what, arrays):
    """Rows of the table; `arrays` says how much memory the tutorial's arrays of all would take."""

    def median(way, above, below):
        return statistics.median(answer[above] / answer[below] for answer in told[way])

    kept, rows = sum(answer["kept"] for answer in told["ours"]), []
    for peer, target in TARGETS.items():
        used = [1e3 * median(way, "used", "photos") for way in ("ours", peer)]
        peaks = [told[way][-1]["peak"] for way in ("ours", peer)]
        note = f"processor {used[0]:.2f}, {used[1]:.2f} ms a photo; ours keeps {kept} of them; "
        note += f"peak memory {peaks[0]:.0f}, {peaks[1]:.0f} MiB"
        note += f" (arrays of all: {arrays})" * (peer == "tutorial loop")
        rates = [median(way, "photos", "seconds") for way in ("ours", peer)]
        row = (rates[0], "photos/s", peer, rates[1], target, note)
        rows.append(common.row("preprocess", "prepare", what, *row))
    return rows


def main():
    if sys.argv[1:2] == ["--serve"]:
        common.serve({}, {sys.argv[2]: WAYS[sys.argv[2]]})
        return
    parser = common.parser(__doc__)
    parser.add_argument("--photos", type=int, default=7063)
    parser.add_argument("--size", type=int, default=200, help="pixels a side")
    parser.add_argument("--source", help="folder of .jpg photos")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        name, files = some_photos.chosen(folder, options.photos, options.source)
        told = measure([file.resolve() for file in files], options.size, options.rounds)
    arrays = f"{len(files) * options.size**2 * 24 / 2**30:.1f} GiB"  # float64, three channels
    rows = rows_of(told, f"{len(files)} {name}, {options.size} px", arrays)
    common.record(rows, options.rounds)


if __name__ == "__main__":
    main()
