"""The kept state of a training run: identity, atomic writes, resume.

The weights (networks and optimizers) go to new files first; then checkpoint.json, which names them,
is renamed into place; then older weights are deleted. A kill at any moment leaves the former state
or the new one.

A run is known by its settings, data, first weights, precision, backend, and the code that its
trainers reach by imports (`files.code_of`). What another run left in the folder is removed.
"""

import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lib import models
from lib.files import code_of, digest, read_json, replacing, write_json, write_text

WEIGHTS = ("checkpoint-*.weights.h5", "best-*.weights.h5")
# All that a run may leave in its folder; a released network is no part of it.
LEAVES = ("model.keras", "critic.keras", "*.csv", "params.json", "looks", *WEIGHTS)


class Run:
    """The kept state of one training run: resumes it, saves it, finishes it.

    `trainers` are what is trained (their weights and their optimizers' are the state), `network`
    what is wanted in the end. `rows` is the history, `start` how many epochs (or steps) are done.
    """

    def __init__(self, folder, trainers, network, settings, data):
        self.folder, self.trainers, self.network = Path(folder), trainers, network
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings, self.data = settings, data
        self.precision = keras.mixed_precision.dtype_policy().name
        identity = [settings, data, self.precision, keras.backend.backend()]
        identity += [code_of(f"import {type(trainer).__module__}") for trainer in trainers]
        identity += [models.weights_digest(trainer) for trainer in trainers]
        self.identity = digest(identity)
        for trainer in trainers:
            trainer.optimizer.build(trainer.trainable_variables)
        self.rows, self.state, self.start, self.finished = [], {}, 0, False
        saved = read_json(self.folder / "checkpoint.json")
        if saved.get("identity") != self.identity or not self._resumed(saved):
            self._remove(LEAVES)
        self._write()  # also if finished: by this file's time lib.study sees what was asked for

    def _resumed(self, saved):
        """Take back what an equal run has kept; False if its files are not there."""
        names = ["model.keras"] if saved["finished"] else self._names(saved["done"])
        if not all((self.folder / name).is_file() for name in names):
            return False
        self.rows, self.state, self.start = saved["rows"], saved["state"], saved["done"]
        self.finished = saved["finished"]
        parts = [self.network] if self.finished else self.trainers
        for part, name in zip(parts, names, strict=True):
            part.load_weights(self.folder / name)
        if self.start:
            for variable, value in zip(self._seeds(), self.state["seeds"], strict=True):
                variable.assign(value)
        return True

    def save(self, done):
        """Keep the state after `done` epochs (or steps), then drop the one before."""
        self.start = done
        for trainer, name in zip(self.trainers, self._names(done), strict=True):
            with replacing(self.folder / name) as temporary:
                trainer.save_weights(temporary)
        self.state["seeds"] = [keras.ops.convert_to_numpy(v).tolist() for v in self._seeds()]
        self._write()
        self._remove(WEIGHTS, keep=(*self._names(done), self.state.get("best")))

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
        with replacing(self.folder / "model.keras") as temporary:
            models.save(self.network, temporary)
        history = pd.DataFrame(self.rows, columns=None if self.rows else ["epoch"])
        write_text(self.folder / "history.csv", history.to_csv(index=False))
        trained = sum(int(np.prod(v.shape)) for v in self.network.trainable_variables)
        params = {"parameters": self.network.count_params(), "trainable": trained}
        params |= {"precision": self.precision, "settings": self.settings}
        params |= {"recipe": getattr(self.network, "recipe", None), "data": self.data}
        write_json(self.folder / "params.json", params | {"warnings": list(warnings)})
        self.finished = True
        self._write()
        self._remove(WEIGHTS)

    def _seeds(self):
        """Where the random numbers of dropout and `train.age` stand: Keras does not save these."""
        weights = {id(v) for trainer in self.trainers for v in trainer.weights}
        seen = {id(v): v for trainer in self.trainers for v in trainer.variables}
        return [v for key, v in seen.items() if key not in weights]

    def _names(self, done):
        return [f"checkpoint-{done:06d}-{n}.weights.h5" for n in range(len(self.trainers))]

    def _remove(self, patterns, keep=()):
        for old in [path for pattern in patterns for path in self.folder.glob(pattern)]:
            if old.name not in keep:
                shutil.rmtree(old) if old.is_dir() else old.unlink()

    def _write(self):
        saved = {"identity": self.identity, "done": self.start, "finished": self.finished}
        saved |= {"rows": self.rows, "state": self.state}
        write_json(self.folder / "checkpoint.json", saved)
