"""Small photos, small networks and killable training runs for the tests of training.

Keras is imported inside the functions: a test of another backend sets it first.
"""

import json
import multiprocessing
import multiprocessing.forkserver
import os
import random
import time
import types
import unittest.mock
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent
PATHS = [str(TESTS), str(TESTS.parent)]  # where `helpers` and `lib` are found
RANDOM = np.random.default_rng(0)
SIZES = [(32, 32), (37, 53), (8, 64), (48, 33)]  # height, width


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


def validation():
    """The validation photos of `photos()` and their true ab."""
    from lib import lab

    given = photos()
    rgb = given.images[given.rows("val")]
    return rgb, np.asarray(lab.rgb_to_lab(rgb))[..., 1:]


def lightness(*shape):
    """Random lightness_scaled (*shape, 1)."""
    return RANDOM.uniform(-1, 1, (*shape, 1)).astype(np.float32)


def color(*shape):
    """Random ab_scaled (*shape, 2)."""
    return RANDOM.uniform(-1, 1, (*shape, 2)).astype(np.float32)


def of(network, kind):
    """Names of a network's layers of exactly one kind."""
    return [layer.name for layer in network.layers if type(layer) is kind]


def values(model):
    """All weights of a model as they are now: list of (path, array)."""
    import keras

    return [(v.path, np.array(keras.ops.convert_to_numpy(v))) for v in model.weights]


def moved(before, after):
    """Paths of the weights that differ between two `values` of the same model."""
    pairs = zip(before, after, strict=True)
    return [path for (path, a), (_, b) in pairs if not np.array_equal(a, b)]


def same_weights(network, other):
    """Whether two networks of one shape have the same weights, bit for bit."""
    pairs = zip(values(network), values(other), strict=True)
    return all(np.array_equal(a, b) for (_, a), (_, b) in pairs)


def numbers(history):
    """A history without the column that differs from run to run."""
    return history.drop(columns="seconds")


def tiny_network():
    """Convolution, batch normalization, convolution: 100 weights, quick to compile."""
    import keras

    lightness = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(lightness)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    output = keras.layers.Conv2D(2, 3, padding="same", dtype="float32", name="output_ab")
    return keras.Model(lightness, output(x))


def tiny_critic():
    """Two convolutions, but all that makes a critic's state: spectral normalization, dropout."""
    import keras

    from lib.models import SpectralConv2D

    inputs = [keras.Input((None, None, channels)) for channels in (1, 2)]
    x = keras.layers.Concatenate()(inputs)
    x = keras.layers.Dropout(0.2)(SpectralConv2D(4, 4, 2, activation="relu")(x))
    return keras.Model(inputs, SpectralConv2D(1, 3, dtype="float32")(x))


def fit_tiny(folder, epochs=3, network=tiny_network, aged=0.0, **options):
    """`train.fit` of a fresh tiny network on 12 photos; gives (network, history)."""
    from lib import train

    train.prepare_device(0)
    colorizer = train.Colorizer(network(), aged=aged)
    options = {"batch_size": 4, "learning_rate": 1e-2, **options}
    history = train.fit(colorizer, photos(), folder, epochs=epochs, **options)
    return colorizer.network, history


def play_gan(folder, steps=12):
    """`nogan.adversarial` of fresh networks, a generator step after every critic step."""
    from lib import nogan, train

    train.prepare_device(0)
    nogan.CRITIC_THRESHOLD = np.inf
    generator, critic = tiny_network(), tiny_critic()
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
    with unittest.mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(PATHS)):
        multiprocessing.forkserver.ensure_running()
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
    assert process.exitcode == -9 and not saved["finished"], "the kill came too late"
    return saved


def done(folder):
    """How many epochs or steps a run has kept."""
    path = Path(folder) / "checkpoint.json"
    return json.loads(path.read_text())["done"] if path.is_file() else 0


def tiny_xception():
    """Stands for Xception: the layers that are tapped, by their names, of four channels each."""
    import keras

    taps = ["block1_conv2_act", "block2_sepconv2_bn", "block3_sepconv1_act", "block3_sepconv2_bn"]
    taps += ["block4_sepconv1_act", "block4_sepconv2_bn", "block13_sepconv1_act"]
    rgb = x = keras.Input((None, None, 3))
    for name in [*taps, "block14_sepconv2_act"]:
        stride = 1 if name.endswith("_bn") else 2
        x = keras.layers.Conv2D(4, 3, stride, padding="same")(x)
        kind = keras.layers.BatchNormalization if stride == 1 else keras.layers.ReLU
        x = kind(name=name)(x)
    return keras.Model(rgb, x)
