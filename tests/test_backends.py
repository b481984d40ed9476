"""The same training under JAX and torch, where one of them is installed.

Keras takes its backend at import, so each runs in a process of its own.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
SCRIPT = """\
import json, sys
from pathlib import Path

import keras
import numpy as np

import helpers
from lib import models, nogan, train

folder = Path(sys.argv[1])
photos = helpers.photos(train=8, val=4, size=32)
train.prepare_device(0)
built = {
    "cnn": models.build_cnn(2),
    "autoencoder": models.build_autoencoder(32, filters=2, code=8),
    "generator": models.build_generator(2, spectral=True),
}
report = {"backend": keras.backend.backend()}
options = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
for name, network in built.items():
    before = helpers.values(network)
    history = train.fit(train.Colorizer(network, "mae"), photos, folder / name, **options)
    still = {path for path, _ in before} - set(helpers.moved(before, helpers.values(network)))
    loaded = models.load(folder / name / "model.keras")
    pair = [models.predict_ab(model, photos.images[:2]) for model in (network, loaded)]
    heights = () if name == "autoencoder" else (20, 28)
    sizes = [models.predict_ab(network, photos.images[:1, :h]).shape[1] for h in heights]
    report[name] = {
        "epochs": len(history),
        "finite": bool(np.isfinite(history.drop(columns="seconds")).all(axis=None)),
        "still": sorted(still),
        "reloaded": float(np.abs(pair[0] - pair[1]).max()),
        "sizes": sizes,
    }

generator, critic = built["generator"], models.build_critic(2)
parts = {"generator": generator, "critic": critic}


def moves(action):
    before = {name: helpers.values(part) for name, part in parts.items()}
    action()
    return {n: helpers.moved(before[n], helpers.values(part)) for n, part in parts.items()}


trainer = nogan.CriticTrainer(critic, generator)
report["critic alone"] = moves(lambda: train.fit(trainer, photos, folder / "critic", **options))
plain, report["steps"] = nogan._step, []


def recorded(trainer, rgb, step):
    losses = []
    moved = moves(lambda: losses.append(plain(trainer, rgb, step)))
    report["steps"].append({"who": type(trainer).__name__, **moved})
    return losses[0]


nogan._step, nogan.CRITIC_THRESHOLD = recorded, np.inf
options = {"steps": 2, "batch_size": 4, "learning_rate": 1e-3, "check_every": 1}
log = nogan.adversarial(generator, critic, photos, folder / "gan", **options)
report["checks"] = len(log)
(folder / "report.json").write_text(json.dumps(report))
"""


@pytest.fixture(scope="module", params=["jax", "torch"])
def report(request, tmp_path_factory):
    """What one small training of everything did under a backend."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environment = {**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": paths}
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-3000:]
    report = json.loads((folder / "report.json").read_text())
    assert report["backend"] == request.param
    return report


@pytest.mark.parametrize("name", ["cnn", "autoencoder", "generator"])
def test_network_trains_saves_and_loads(report, name):
    told = report[name]
    assert told["epochs"] == 2
    assert told["finite"]
    assert told["still"] == []
    assert told["reloaded"] < 1e-3  # CIELAB units
    assert told["sizes"] == ([] if name == "autoencoder" else [20, 28])


def test_critic_phase_moves_the_critic_alone(report):
    moved = report["critic alone"]
    assert moved["generator"] == []
    assert any("kernel" in path for path in moved["critic"])


def test_adversarial_steps_move_their_own_part(report):
    who = [step["who"] for step in report["steps"]]
    assert who == ["CriticTrainer", "GeneratorTrainer"] * 2
    assert report["checks"] == 3
    for step in report["steps"]:
        if step["who"] == "CriticTrainer":
            assert step["generator"] == []
            assert any("kernel" in path for path in step["critic"])
        else:
            assert step["critic"] == []
            assert any("output_ab" in path for path in step["generator"])
            assert not any(path.startswith("encode") for path in step["generator"])
