"""Two devices of one machine train as one does: the same loss curve within float error."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TRAIN = """
import json, sys, tempfile, types
import numpy as np
import tensorflow as tf
if sys.argv[1] == "2":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    tf.distribute.experimental_set_strategy(strategy)
from lib import models, nogan, train
small = np.random.default_rng(0).integers(0, 255, (96, 4, 4, 3), dtype=np.uint8)
images = np.kron(small, np.ones((1, 8, 8, 1), np.uint8))
rows = {"train": np.arange(80), "val": np.arange(80, 96)}
photos = types.SimpleNamespace(images=images, fingerprint="", rows=rows.get)
replicas = train.prepare_device(0)["replicas"]
options = dict(epochs=3, batch_size=16, learning_rate=1e-3)
network, critic = models.build_generator(8), models.build_critic(4, dropout=0.0)
history = train.fit(train.Colorizer(network, "rmse"), photos, tempfile.mkdtemp(), **options)
judged = train.fit(nogan.CriticTrainer(critic, network), photos, tempfile.mkdtemp(), **options)
losses = {name: h[name].tolist() for h in [history] for name in ("loss", "val_loss")}
print("RESULT", json.dumps([replicas, losses, judged["loss"].tolist()]))
"""


@pytest.mark.slow
def test_two_devices_give_the_loss_curve_of_one():
    results = []
    for devices in ("1", "2"):
        command = [sys.executable, "-c", TRAIN, devices]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
        results.append(json.loads(line.removeprefix("RESULT")))
    (one, losses, judged), (two, split_losses, split_judged) = results
    assert (one, two) == (1, 2)
    for name, curve in losses.items():
        np.testing.assert_allclose(split_losses[name], curve, rtol=1e-3)
    np.testing.assert_allclose(split_judged, judged, rtol=1e-3)
