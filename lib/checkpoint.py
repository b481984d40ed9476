"""The kept state of a training run: identity, atomic writes, resume.

A checkpoint is two files. The weights (network and optimizer) go to a new file first; then
checkpoint.json, which names that file, is renamed into place; then older weights are deleted. A
kill at any moment leaves the former pair or the new one.

A run is known by its identity: settings, data, the first weights, precision, backend, and the code
that its trainers reach by imports (`files.code_of`). What a run of another identity left in the
folder is removed before the new one begins.
"""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lib import models
from lib.files import code_of, read_json, replacing, write_json, write_text

WEIGHTS = ("checkpoint-*.weights.h5", "best-*.weights.h5")
# All that a run may leave in its folder; a released network is no part of it.
LEAVES = (
    "model.keras",
    "history.csv",
    "params.json",
    "critic.keras",
    "nogan.csv",
    "looks",
    *WEIGHTS,
)


class Run:
    """The kept state of one training run: resumes it, saves it, finishes it.

    `trainers` are what is trained (their weights and their optimizers' are the state), `network`
    what is wanted in the end. `rows` is the history, `state` anything else that must survive.
    `beside` gives the names of what a finished run has besides model.keras, from its rows.
    """

    def __init__(self, folder, trainers, network, settings, data, beside=lambda rows: ()):
        self.folder, self.trainers, self.network = Path(folder), trainers, network
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings, self.data, self.beside = settings, data, beside
        self.precision = keras.mixed_precision.dtype_policy().name
        identity = [settings, data, self.precision, keras.backend.backend()]
        identity += [code_of(f"import {type(trainer).__module__}") for trainer in trainers]
        identity += [models.weights_digest(trainer) for trainer in trainers]
        self.identity = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._begin()
        for trainer in trainers:
            trainer.optimizer.build(trainer.trainable_variables)
        self._resume()
        self._write()  # also a run that is finished: its time of change says that it was asked for

    def _begin(self):
        self.rows, self.state, self.start, self.finished = [], {}, 0, False

    def _resume(self):
        """Take back what an equal run has kept; remove what another one has left."""
        saved = read_json(self.folder / "checkpoint.json")
        if saved.get("identity") == self.identity:
            self.rows, self.state, self.start = saved["rows"], saved["state"], saved["done"]
            kept = ["model.keras", *self.beside(self.rows)] if saved["finished"] else self._names()
            if self.start + saved["finished"] and all(_whole(self.folder / n) for n in kept):
                self.finished = saved["finished"]
                return self._load()
        self._begin()
        for pattern in LEAVES:
            for old in self.folder.glob(pattern):
                shutil.rmtree(old) if old.is_dir() else old.unlink()

    def _load(self):
        """Give networks, optimizers and random numbers what was kept of them."""
        if self.finished:
            self.network.load_weights(self.folder / "model.keras")
            return
        for trainer, name in zip(self.trainers, self._names(), strict=True):
            trainer.load_weights(self.folder / name)
        for variable, value in zip(self._seeds(), self.state["seeds"], strict=True):
            variable.assign(value)

    def save(self, done):
        """Keep the state after `done` epochs (or steps), then drop the one before."""
        self.start = done
        for trainer, name in zip(self.trainers, self._names(), strict=True):
            with replacing(self.folder / name) as temporary:
                trainer.save_weights(temporary)
        self.state["seeds"] = [keras.ops.convert_to_numpy(v).tolist() for v in self._seeds()]
        self._write()
        self._drop_weights(keep=(*self._names(), self.state.get("best")))

    def save_best(self, done):
        """Keep the network's weights of this moment as the best so far."""
        self.state["best"] = f"best-{done:06d}.weights.h5"
        with replacing(self.folder / self.state["best"]) as temporary:
            self.network.save_weights(temporary)

    def load_best(self):
        """Give the network its best weights so far, if some were kept."""
        if self.state.get("best"):
            self.network.load_weights(self.folder / self.state["best"])

    def finish(self, warnings=()):
        """Write model.keras, history.csv and params.json; the checkpoint is no longer needed."""
        self.load_best()
        models.save(self.network, self.folder / "model.keras")
        history = pd.DataFrame(self.rows, columns=None if self.rows else ["epoch"])
        write_text(self.folder / "history.csv", history.to_csv(index=False))
        trainable = sum(int(np.prod(v.shape)) for v in self.network.trainable_variables)
        params = {
            "parameters": self.network.count_params(),
            "trainable": trainable,
            "precision": self.precision,
            "settings": self.settings,
            "recipe": getattr(self.network, "recipe", None),
            "data": self.data,
            "warnings": list(warnings),
        }
        write_json(self.folder / "params.json", params)
        self.finished = True
        self._write()
        self._drop_weights(keep=())

    def _seeds(self):
        """Where dropout's random numbers stand: Keras does not save these variables."""
        weights = {id(v) for trainer in self.trainers for v in trainer.weights}
        seen = {id(v): v for trainer in self.trainers for v in trainer.variables}
        return [v for key, v in seen.items() if key not in weights]

    def _names(self):
        parts = range(len(self.trainers))
        return [f"checkpoint-{self.start:06d}-{part}.weights.h5" for part in parts]

    def _drop_weights(self, keep):
        for pattern in WEIGHTS:
            for old in self.folder.glob(pattern):
                if old.name not in keep:
                    old.unlink()

    def _write(self):
        saved = {
            "identity": self.identity,
            "done": self.start,
            "finished": self.finished,
            "rows": self.rows,
            "state": self.state,
        }
        write_json(self.folder / "checkpoint.json", saved)


def _whole(path):
    """Whether a file is there and, if its kind tells, not cut short."""
    if not path.is_file():
        return False
    if path.suffix == ".keras":
        return zipfile.is_zipfile(path)
    return path.suffix != ".png" or path.read_bytes().endswith(b"IEND\xaeB`\x82")
