"""What it is worth to compute the features of frozen Xception once, not in every epoch.

    python tests/benchmarks/bench_features.py [--epochs 20] [--rounds 5]

Parts are measured in turn in one process: encoding the photos for the store (those for training
twice, as they are and mirrored), an epoch that reads features, and an epoch that encodes each photo
again, all on drawn scenes, batches of 16, with random weights. From these follow the seconds of a
study of so many epochs: encoding and all its epochs, beside epochs that encode; `train.fit` does
the same. Validation photos are encoded as well, but not measured.
"""

import shutil
import tempfile

import common

PHOTOS = {64: 320, 200: 32}  # for training, by side in pixels; a quarter as many for validation
BATCH = 16
TARGET = 5


def measure(name, size, rounds):
    """Median seconds of the three parts."""
    import types
    from pathlib import Path

    import numpy as np

    from lib import features, models, train
    from lib.data import scenes

    count = PHOTOS[size]
    images = scenes.draw(range(count + count // 4), size)
    splits = {"train": np.arange(count), "val": np.arange(count, len(images))}
    with tempfile.TemporaryDirectory() as folder:
        photos = types.SimpleNamespace(
            images=images, rows=splits.__getitem__, fingerprint="drawn", folder=Path(folder)
        )
        trainers = [train.Colorizer(models.MODELS[name](models.load_xception(None))) for _ in "ab"]
        for trainer in trainers:
            trainer.compile(trainer.adam(1e-3), jit_compile=False)
            trainer.build(None)

        def encode():
            shutil.rmtree(photos.folder / "features", ignore_errors=True)
            features.of(trainers[0].network, photos)

        def epoch(trainer, encoded):
            batches = train.Batches(images, splits["train"], BATCH, 0, True, True, encoded)
            trainer.fit(batches, shuffle=False, verbose=0)

        encode()
        ways = {
            "encode": encode,
            "cached": lambda: epoch(trainers[0], features.of(trainers[0].network, photos)),
            "plain": lambda: epoch(trainers[1], None),
        }
        return common.alternate(ways, rounds)


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=20, help="of the study")
    parser.add_argument("--sizes", type=int, nargs="+", choices=PHOTOS, default=[*PHOTOS])
    options = parser.parse_args()

    from lib import quiet_startup

    with quiet_startup():
        from lib import train
    train.prepare_device(0)
    for size in options.sizes:
        for name in ("xception", "xception_skips"):
            seconds = measure(name, size, options.rounds)
            ours = seconds["encode"] + options.epochs * seconds["cached"]
            theirs = options.epochs * seconds["plain"]
            what = f"{name}, {options.epochs} epochs"
            note = ", ".join(f"{part} {value:.2f} s" for part, value in seconds.items())
            row = (ours, "s", "encoding in each epoch", theirs, TARGET, note)
            rows = [common.row("features", what, f"{PHOTOS[size]} x {size} px", *row)]
            common.record(rows, options.rounds)


if __name__ == "__main__":
    main()
