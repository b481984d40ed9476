"""Trained networks small enough to be kept beside the code.

    python -m lib.released flickr8k                     every trained network of results/flickr8k
    python -m lib.released flickr8k --models gan cnn    these two

Each becomes results/<study>/<model>/released.keras: a Keras archive whose kernels are float16, and
without the weights of a frozen Xception encoder, which were not trained: `missing.json` in the
archive says which weights to put there, with their digest. Biases and statistics stay float32: they
are few, and their rounding would do half of the harm. With networks of the quick study ab moves by
0.01 on average (root of mean square), and by less than 0.1 in 99.9 % of the values. An archive with
nothing missing is read by `keras.saving.load_model`, too. Exit status: 0 done; 1 a network is not
there or too large, a line says which; 2 a wrong argument.

References
----------
IEEE 754-2019: binary16 has 11 significant bits, a relative rounding error of at most 2^-11.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np

from lib.files import replacing

NAME = "released.keras"
LARGEST = 20 << 20  # bytes of a file
ROOT = Path(__file__).resolve().parents[1]
BEST_FIRST = ("gan", "generator", "cnn", "xception_skips", "xception", "autoencoder")
ENCODER = "xception"  # the layer that is left out
WEIGHTS, CONFIG, METADATA = "model.weights.h5", "config.json", "metadata.json"  # Keras's names
MISSING = "missing.json"
IMAGENET = "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"  # Keras's name of the download
FIRST_KERNEL = "d15bf12973c09857"  # of these weights: SHA-256 of block1_conv1's kernel begins so


class WeightsError(ValueError):
    """The weights that were left out are not to be had, or are others; the message is one line."""


def write(network, path):
    """Write a network with float16 kernels, without a frozen Xception encoder's.

    Parameters
    ----------
    network : keras.Model
        Kernels that float16 cannot hold, with weights beyond 65504, stay float32.
    path : path-like
        Ends in .keras. Written whole or not at all.

    Returns
    -------
    int
        How many parameters are kept in the file.

    Raises
    ------
    ValueError
        If the file would have more than 20 MiB.
    """
    missing = _missing(network)
    with tempfile.TemporaryDirectory() as folder, replacing(path) as part:
        whole = Path(folder) / "whole.keras"
        network.save(whole)
        with (
            zipfile.ZipFile(whole) as source,
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name in (METADATA, CONFIG):
                archive.writestr(name, source.read(name))
            weights, count = _halved(source.read(WEIGHTS), leave_out=missing is not None)
            archive.writestr(zipfile.ZipInfo(WEIGHTS), weights)  # compressed inside
            if missing:
                archive.writestr(MISSING, json.dumps(missing, indent=1))
        size = part.stat().st_size
        if size > LARGEST:
            most = f"{LARGEST >> 20} MiB"
            raise ValueError(f"{path}: expected a file of {most} or less, got {size / 2**20:.1f}")
    return count


def read(path, xception="imagenet"):
    """Read a network that `write` has written; its weights are float32 again.

    Parameters
    ----------
    path : path-like
    xception : str or path-like
        Where the weights of an encoder that was left out come from: "imagenet" downloads Keras's,
        once; or a file of them. Not looked at if nothing is missing.

    Returns
    -------
    keras.Model

    Raises
    ------
    FileNotFoundError
        If there is no such archive.
    WeightsError
        If the ImageNet weights cannot be downloaded, `xception` is no file of weights, or they are
        not those that the network was trained with.
    """
    from lib.quiet import keras

    if not Path(path).is_file():
        raise FileNotFoundError(f"no released network at {path}")
    needed = missing_weights(path)
    if needed is None:
        return keras.saving.load_model(path, compile=False)
    with zipfile.ZipFile(path) as archive:
        network = keras.saving.deserialize_keras_object(json.loads(archive.read(CONFIG)))
        kept = archive.read(WEIGHTS)
    _fill(network.get_layer(ENCODER), path, needed, xception)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.weights.h5"
        network.save_weights(whole)
        _overwrite(whole, kept)
        network.load_weights(whole)
    return network


def missing_weights(path):
    """What an archive lacks: dict of layer, weights ("imagenet" or "file"), digest; or None.

    Needs no Keras.
    """
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(MISSING)) if MISSING in archive.namelist() else None


def works_offline(path):
    """Whether a network can be read without a download: nothing is missing, or it is there."""
    try:
        needed = missing_weights(path)
    except (OSError, ValueError, zipfile.BadZipFile):  # it fails when it is read, with its reason
        return True
    return needed is None or (needed["weights"] == "imagenet" and _cache().is_file())


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser("lib.released", description="Keep trained networks small.")
    parser.add_argument("study", help="folder in results")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="default: all that are there")
    options = parser.parse_args(arguments)
    study = Path(root) / "results" / options.study
    there = [name for name in BEST_FIRST if (study / name / "model.keras").is_file()]
    if not there:
        print(f"error: no trained network in {study}", file=sys.stderr)
        return 2
    failures = 0
    for name in options.models or there:
        try:
            print(_release(study / name), flush=True)
        except (OSError, ValueError) as error:
            print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
            failures += 1
    return 1 if failures else 0


def _release(folder):
    """Write a network's archive; gives the line about it."""
    from lib import models

    network = models.load(folder / "model.keras")
    count, size = write(network, folder / NAME), (folder / NAME).stat().st_size
    needed = missing_weights(folder / NAME)
    words = f", needs Xception weights: {needed['weights']}" if needed else ""
    return f"{folder.name:15}{count:11,} parameters {size / 2**20:6.2f} MiB{words}"


def _missing(network):
    """What to note about the encoder that is left out; None if there is none, or it is trained."""
    from lib.checkpoints import weights_digest

    found = [layer for layer in network.layers if layer.name == ENCODER]
    if not found or found[0].trainable_weights:
        return None
    first = np.ascontiguousarray(found[0].get_layer("block1_conv1").get_weights()[0])
    known = hashlib.sha256(first.tobytes()).hexdigest().startswith(FIRST_KERNEL)
    weights = "imagenet" if known else "file"
    return {"layer": ENCODER, "weights": weights, "digest": weights_digest(found[0])}


def _halved(content, leave_out):
    """Keras's weights file with float16 for float32 kernels, and how many parameters that are."""
    memory, count = io.BytesIO(), 0
    with h5py.File(io.BytesIO(content)) as source, h5py.File(memory, "w") as target:
        names = []
        source.visit(names.append)
        left_out = _nested(source) if leave_out else ()
        for name in names:
            if name.startswith(left_out):
                continue
            item = source[name]
            if isinstance(item, h5py.Dataset):
                packing = {"compression": "gzip", "shuffle": True} if item.shape else {}
                made = target.create_dataset(name, data=_half(item[()]), **packing)
                count += item.size
            else:
                made = target.require_group(name)
            made.attrs.update(item.attrs)
    return memory.getvalue(), count


def _half(values):
    if values.dtype != np.float32 or values.ndim < 2:
        return values
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.isfinite(half).all() else values


def _nested(weights):
    """Groups of the models within a model, as prefixes: only these have layers of their own."""
    layers = weights["layers"]
    return tuple(f"layers/{name}/" for name in layers if "layers" in layers[name])


def _fill(encoder, path, needed, xception):
    """Give the encoder the weights that the archive at `path` lacks."""
    from lib import models
    from lib.checkpoints import weights_digest

    wanted = {"imagenet": f"ImageNet weights, {IMAGENET}", "file": "weights, not ImageNet's"}
    wanted = f"{path} needs Xception's {wanted[needed['weights']]}"
    if needed["weights"] != "imagenet" and xception == "imagenet":
        raise WeightsError(f"{wanted}: give the file of them (lib.colorize: --xception FILE)")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the bar of the download
            whole = models.load_xception(xception)
    except ConnectionError:
        ways = f"put it at {_cache()}, or give the file (lib.colorize: --xception FILE)"
        raise WeightsError(f"{wanted}, which cannot be downloaded now: {ways}") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).removeprefix("XCEPTION_WEIGHTS: ").split())
        raise WeightsError(f"{wanted}: {reason}") from None
    encoder.set_weights(models.xception_encoder(whole, encoder.output_names).get_weights())
    if weights_digest(encoder) != needed["digest"]:
        raise WeightsError(f"{wanted}: those of {xception} are others")


def _overwrite(whole, kept):
    """Put the weights that were kept into a complete file."""
    with h5py.File(io.BytesIO(kept)) as source, h5py.File(whole, "a") as target:

        def put(name, item):
            if isinstance(item, h5py.Dataset):
                target[name][...] = item[()]

        source.visititems(put)


def _cache():
    """Where Keras looks for the ImageNet weights before it downloads them."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / IMAGENET


if __name__ == "__main__":
    sys.exit(main())
