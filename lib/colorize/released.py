"""Trained networks small enough to be kept beside the code: released.npz, released-2.npz, ...

Kernels are float16, which moves ab by 0.01 on average; biases and statistics stay float32. A frozen
Xception encoder can be left out, since its weights were not trained: their digest is kept. The
network is built again by its builder, so that any Keras that runs the builders can read it.

Reference: IEEE 754-2019: binary16 has 11 significant bits.
"""

import inspect
import json
from pathlib import Path

import numpy as np

from lib import models
from lib.files import read_json, replacing

NAME = "released.npz"
LARGEST = 19 << 20  # bytes of weights in a file


def write(folder, whole=False):
    """Write the released form of a trained network beside it; gives the paths of its files.

    `folder` is results/<study>/<model>, with model.keras and params.json; `whole` keeps a frozen
    encoder, too. A file holds 19 MiB of weights at most, or one layer's that are larger.
    """
    folder = Path(folder)
    network = models.load(folder / "model.keras")
    encoders = [layer for layer in network.layers if layer.name == "xception"]
    frozen = [] if whole else [layer for layer in encoders if not layer.trainable_weights]
    about = {"recipe": read_json(folder / "params.json")["recipe"]}
    about |= {"encoder": models.weights_digest(frozen[0]) if frozen else None}
    parts, size = [{"about": np.array(json.dumps(about))}], 0
    for number, variable in enumerate(_kept(network, bool(frozen))):
        values = np.asarray(variable)
        values = values.astype(np.float16) if values.ndim > 1 else values
        if size and size + values.nbytes > LARGEST:
            parts.append({})
            size = 0
        parts[-1][str(number)] = values
        size += values.nbytes
    for old in folder.glob("released*.npz"):
        old.unlink()
    names = [NAME, *(f"released-{number}.npz" for number in range(2, len(parts) + 1))]
    for name, arrays in zip(names, parts, strict=True):
        with replacing(folder / name) as temporary:
            np.savez_compressed(temporary, **arrays)
    return [folder / name for name in names]


def read(path, xception="imagenet"):
    """Read a released network; its weights are float32 again.

    `path` is results/<study>/<model>/released.npz; weights of an encoder that was left out come
    from `xception`, see `models.load_xception`. ConnectionError if ImageNet's cannot be downloaded,
    ValueError if files do not belong together or it was trained with other weights than those.
    """
    path, stored = Path(path), {}
    for part in path.parent.glob("released*.npz"):
        with np.load(part) as arrays:
            stored |= dict(arrays)
    about = json.loads(str(stored.pop("about")))
    build = getattr(models, about["recipe"]["builder"])
    arguments, encoder = about["recipe"]["arguments"], about["encoder"]
    if "xception" in inspect.signature(build).parameters:
        arguments["xception"] = models.load_xception(xception if encoder else None)
    network = build(**arguments)
    if encoder and models.weights_digest(network.get_layer("xception")) != encoder:
        raise ValueError(f"{path} needs the Xception weights it was trained with, not {xception}")
    variables = _kept(network, bool(encoder))
    if len(variables) != len(stored):
        raise ValueError(f"{path}: expected {len(variables)} weights, got {len(stored)}")
    for number, variable in enumerate(variables):
        variable.assign(stored[str(number)].astype(np.float32))
    return network


def _kept(network, without_encoder):
    """The weights of a network in their order, those of its Xception encoder left out or not."""
    left_out = set(map(id, network.get_layer("xception").weights)) if without_encoder else ()
    return [variable for variable in network.weights if id(variable) not in left_out]
