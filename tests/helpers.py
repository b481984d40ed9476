"""Small photos, small networks and killable training runs for the tests of training."""

import json
import multiprocessing
import multiprocessing.forkserver
import os
import random
import sys
import time
import types
from pathlib import Path

import numpy as np


def patches(count, size, seed=0):
    """Colourful uint8 photos (count, size, size, 3): 4 x 4 patches of one colour each."""
    colors = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return colors.repeat(size // 4, axis=1).repeat(size // 4, axis=2)


def photos(train=12, val=4, size=16, seed=0):
    """What training needs of `preprocess.Photos`: images, rows(split), fingerprint."""
    splits = {"train": np.arange(train), "val": np.arange(train, train + val)}
    return types.SimpleNamespace(
        images=patches(train + val, size, seed), rows=splits.__getitem__, fingerprint=f"{seed}"
    )


def values(model):
    """All weights of a model as they are now: list of (path, array)."""
    return [(v.path, np.array(v.numpy() if hasattr(v, "numpy") else v)) for v in model.weights]


def moved(before, after):
    """Paths of the weights that differ between two `values` of the same model."""
    return [
        path for (path, a), (_, b) in zip(before, after, strict=True) if not np.array_equal(a, b)
    ]


def tiny_network():
    """Convolution, batch normalization, convolution: 100 weights, quick to compile."""
    import keras

    lightness = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(lightness)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.Model(lightness, keras.layers.Conv2D(2, 3, padding="same", name="output_ab")(x))


def fit_tiny(folder, epochs=3, network=tiny_network, **options):
    """`train.fit` of a fresh tiny network on 12 photos; gives (network, history)."""
    from lib import train

    train.prepare_device(0)
    colorizer = train.Colorizer(network())
    options = {"batch_size": 4, "learning_rate": 1e-2, **options}
    history = train.fit(colorizer, photos(), folder, epochs=epochs, **options)
    return colorizer.network, history


def fit_critic(folder, epochs=4):
    """`train.fit` of a fresh critic, with its dropout and spectral normalization."""
    from lib import models, nogan, train

    train.prepare_device(0)
    trainer = nogan.CriticTrainer(models.build_critic(2), tiny_network())
    train.fit(trainer, photos(), folder, epochs=epochs, batch_size=4, learning_rate=1e-3)
    return trainer.network


def play_gan(folder, steps=12):
    """`nogan.adversarial` of a fresh generator and critic, a generator step after every critic's."""
    from lib import models, nogan, train

    train.prepare_device(0)
    nogan.CRITIC_THRESHOLD = np.inf
    generator, critic = models.build_generator(2), models.build_critic(2)
    options = {"steps": steps, "batch_size": 4, "learning_rate": 1e-3, "check_every": 2}
    nogan.adversarial(generator, critic, photos(size=32), folder, **options)
    return generator


def slowed(job, folder, pause, options):
    """Run a job in a process of its own, `pause` seconds longer for each training batch."""
    from lib import train

    plain = train.Batches.__getitem__
    train.Batches.__getitem__ = lambda self, number: (time.sleep(pause), plain(self, number))[1]
    job(folder, **options)


def start(job, folder, pause=0.0, **options):
    """Start a job in a new process; TensorFlow is imported once, and the process forked from it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lib.nogan", "helpers"])
    here = Path(__file__).resolve().parent
    kept = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parent), *sys.path])
    multiprocessing.forkserver.ensure_running()
    del os.environ["PYTHONPATH"]
    if kept is not None:
        os.environ["PYTHONPATH"] = kept
    process = context.Process(target=slowed, args=(job, str(folder), pause, options))
    process.start()
    return process


def finish(job, folder, **options):
    """Run a job in a process of its own to its end."""
    process = start(job, folder, **options)
    process.join(120)
    assert process.exitcode == 0, f"the run ended with exit code {process.exitcode}"


def kill_midway(job, folder, pause=0.1, **options):
    """SIGKILL a job at a random moment after it has saved once more; gives what it had saved."""
    before, give_up = done(folder), time.monotonic() + 120
    process = start(job, folder, pause, **options)
    while done(folder) <= before:
        assert process.is_alive(), f"the run ended with exit code {process.exitcode}"
        assert time.monotonic() < give_up, "the run does not save anything"
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.4))
    process.kill()
    process.join()
    saved = json.loads((Path(folder) / "checkpoint.json").read_text())
    assert process.exitcode == -9 and not saved["finished"], (
        "the kill came too late to test anything"
    )
    return saved


def done(folder):
    """How many epochs or steps a run has kept."""
    path = Path(folder) / "checkpoint.json"
    return json.loads(path.read_text())["done"] if path.is_file() else 0
