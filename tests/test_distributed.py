"""Two devices of one machine, and two machines, train as one does: within float error.

The first epoch's losses agree to five digits; later ones drift apart as Adam magnifies the rounding
of tiny gradients, so the whole curves are compared with a wider margin.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.study import provenance

ROOT = Path(__file__).resolve().parents[1]
TRAIN = """
import json, sys, types
from pathlib import Path
import numpy as np
import tensorflow as tf
mode, folder = sys.argv[1], Path(sys.argv[2])
if mode == "devices":
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
options = dict(batch_size=16, learning_rate=1e-3, schedule="constant", patience=9)
network, critic = models.build_generator(8), models.build_critic(4, dropout=0.0)
start = network.get_weights()
history = train.fit(train.Colorizer(network, "rmse"), photos, folder / "g", epochs=3, **options)
judged = train.fit(nogan.CriticTrainer(critic, network), photos, folder / "c", epochs=2, **options)
nogan.CRITIC_THRESHOLD = np.inf  # a generator step after each critic step
played = nogan.adversarial(
    network, critic, photos, folder / "gan", steps=3, batch_size=16, learning_rate=2e-5,
    check_every=3,
)
network.set_weights(start)
again = train.fit(train.Colorizer(network, "rmse"), photos, folder / "g", epochs=3, **options)
same = again["loss"].to_list() == history["loss"].to_list()
curves = {name: history[name].to_list() for name in ("loss", "val_loss")}
curves |= {"critic": judged["loss"].to_list(), "joint": played["rmse_ab"].to_list()}
print("RESULT", json.dumps([replicas, same, curves]))
"""


def start(mode, folder, number=None, addresses=()):
    """Start the training above in a process of its own, one of several machines or alone."""
    environment = dict(os.environ)
    if addresses:
        task = {"type": "worker", "index": number}
        environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
    command = [sys.executable, "-c", TRAIN, mode, str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def result(process):
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err[-3000:]
    line = next(line for line in out.splitlines() if line.startswith("RESULT"))
    return json.loads(line.removeprefix("RESULT"))


def free_addresses(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def compare(curves, expected):
    for name in ("loss", "val_loss", "critic"):
        np.testing.assert_allclose(curves[name][0], expected[name][0], rtol=1e-4)
    for name, values in expected.items():
        np.testing.assert_allclose(curves[name], values, rtol=5e-3)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    replicas, same, curves = result(start("one", tmp_path_factory.mktemp("one")))
    assert (replicas, same) == (1, True)
    return curves


@pytest.mark.slow
def test_two_devices_give_the_curves_of_one(alone, tmp_path):
    replicas, same, curves = result(start("devices", tmp_path))
    assert (replicas, same) == (2, True)
    compare(curves, alone)


@pytest.mark.slow
def test_two_machines_give_the_curves_of_one(alone, tmp_path):
    addresses = free_addresses(2)
    workers = [start("machines", tmp_path, number, addresses) for number in range(2)]
    (two, same, curves), (_, other_same, other_curves) = [result(worker) for worker in workers]
    assert (two, same, other_same) == (2, True, True)
    assert other_curves == curves
    compare(curves, alone)
    written = {path.name for path in (tmp_path / "g").iterdir()}
    assert written == {"model.keras", "history.csv", "params.json", "checkpoint.json"}


@pytest.mark.parametrize(
    "text",
    [
        "machines",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_wrong_tf_config_is_named(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG: expected .* as JSON, got"):
        provenance.machines()


def test_machines_are_read_from_tf_config(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert provenance.machines() == (0, 1)
    task = {"type": "worker", "index": 1}
    config = {"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": task}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert provenance.machines() == (1, 3)
