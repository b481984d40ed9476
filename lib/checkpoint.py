"""The kept state of a training run: atomic writes, identity, resume.

A checkpoint is two files. The weights (network and optimizer) go to a new file first; then
checkpoint.json, which names that file, is renamed into place; then older weights are deleted. A
kill at any moment leaves the former pair or the new one.

Where several machines train together, all of them read the chief's checkpoint, and the others write
theirs to a folder that goes away with them: to read some weights, all machines must take part.
"""

import ast
import hashlib
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lib.devices import agree, is_chief
from lib.files import read_json, replacing, write_json, write_text

TRAINING_CODE = ("devices", "lab", "layers", "losses", "models", "moment", "nogan")
TRAINING_CODE += ("pretrained", "train")  # modules of lib


class Run:
    """The kept state of one training run: resumes it, saves it, finishes it.

    `trainers` are what is trained (their weights and their optimizers' are the state), `network`
    what is wanted in the end. `rows` is the history, `state` anything else that must survive.
    """

    def __init__(self, folder, trainers, network, settings, data):
        self.folder, self.trainers, self.network = Path(folder), trainers, network
        self.folder.mkdir(parents=True, exist_ok=True)
        self.scratch = None if is_chief() else tempfile.TemporaryDirectory()
        self.written = Path(self.scratch.name) if self.scratch else self.folder
        self.settings = settings
        self.identity = _digest(
            [settings, data, code_digest(), keras.backend.backend()]
            + [weights_digest(trainer) for trainer in trainers]
        )
        self.rows, self.state, self.start, self.finished = [], {}, 0, False
        for trainer in trainers:
            trainer.optimizer.build(trainer.trainable_variables)
        self._resume()
        agree(-1 if self.finished else self.start, "where to go on")

    def _resume(self):
        """Take back what an equal run has kept; drop what another one has."""
        saved = read_json(self.folder / "checkpoint.json")
        if not saved or saved["identity"] != self.identity:
            self._drop(())
            return
        self.rows, self.state, self.start = saved["rows"], saved["state"], saved["done"]
        self.finished = saved["finished"] and (self.folder / "model.keras").is_file()
        if self.finished:
            self.network.load_weights(self.folder / "model.keras")
        elif all((self.folder / name).is_file() for name in self._names(self.start)):
            for trainer, name in zip(self.trainers, self._names(self.start), strict=True):
                trainer.load_weights(self.folder / name)
            for variable, value in zip(self._seeds(), self.state["seeds"], strict=True):
                variable.assign(value)
        else:  # its files were deleted by hand
            self.rows, self.state, self.start, self.finished = [], {}, 0, False

    def save(self, done):
        """Keep the state after `done` epochs (or steps), then drop the one before."""
        self.start, names = done, self._names(done)
        for trainer, name in zip(self.trainers, names, strict=True):
            with replacing(self.written / name) as temporary:
                trainer.save_weights(temporary)
        self.state["seeds"] = [keras.ops.convert_to_numpy(v).tolist() for v in self._seeds()]
        self._write(finished=False)
        self._drop(names)

    def save_best(self, done):
        """Keep the network's weights of this moment as the best so far."""
        name = f"best-{done:06d}.weights.h5"
        with replacing(self.written / name) as temporary:
            self.network.save_weights(temporary)
        self.state["best"] = name

    def load_best(self):
        """Give the network its best weights so far, if some were kept."""
        if self.state.get("best"):
            best = self.written / self.state["best"]  # or kept by the chief before a resume
            self.network.load_weights(best if best.is_file() else self.folder / best.name)

    def finish(self, warnings=()):
        """Write model.keras, history.csv and params.json; the checkpoint is no longer needed."""
        self.load_best()
        agree(self.start, "the last epoch")  # all have read: what was read may go
        with replacing(self.written / "model.keras") as temporary:
            self.network.save(temporary)
        history = pd.DataFrame(self.rows, columns=None if self.rows else ["epoch"])
        write_text(self.written / "history.csv", history.to_csv(index=False))
        trainable = sum(int(np.prod(v.shape)) for v in self.network.trainable_variables)
        params = {
            "parameters": self.network.count_params(),
            "trainable": trainable,
            "settings": self.settings,
            "warnings": list(warnings),
        }
        write_json(self.written / "params.json", params)
        self.finished = True
        self._write(finished=True)
        self._drop(())
        agree(self.start, "the last epoch")  # the chief has written: all may read

    def _seeds(self):
        """Where dropout's random numbers stand: Keras does not save these variables."""
        weights = {id(v) for trainer in self.trainers for v in trainer.weights}
        seen = {id(v): v for trainer in self.trainers for v in trainer.variables}
        return [v for key, v in seen.items() if key not in weights]

    def _names(self, done):
        return [f"checkpoint-{done:06d}-{part}.weights.h5" for part in range(len(self.trainers))]

    def _drop(self, keep):
        """Delete weights that no state needs any more."""
        for old in self.written.glob("*.weights.h5"):
            if old.name not in (*keep, self.state.get("best") if keep else None):
                old.unlink()

    def _write(self, finished):
        saved = {
            "identity": self.identity,
            "done": self.start,
            "finished": finished,
            "rows": self.rows,
            "state": self.state,
        }
        write_json(self.written / "checkpoint.json", saved)


def weights_digest(model):
    """SHA-256 of a model's weights: says which initial state a run started from."""
    digest = hashlib.sha256()
    for variable in model.weights:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{values.shape} {values.dtype}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def code_digest(modules=TRAINING_CODE):
    """SHA-256 of modules of lib as the interpreter sees them: comments and docstrings left out."""
    digest = hashlib.sha256()
    for name in modules:
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and _is_docstring(body[0]):
                body[0] = ast.Pass()
        digest.update(ast.unparse(tree).encode())
    return digest.hexdigest()


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def _digest(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
