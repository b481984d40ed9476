"""Trained networks small enough to be kept beside the code.

    python -m lib.released flickr8k                     every trained network of results/flickr8k
    python -m lib.released flickr8k --models gan cnn    these two

Each becomes results/<study>/<model>/released.keras: a Keras archive whose kernels are float16, and
without the weights of a frozen Xception encoder, which were not trained: `missing.json` in the
archive says which weights to put there, with their digest. Biases and statistics stay float32: they
are few, and their rounding would do half of the harm. With networks of the quick study ab moves by
0.01 on average (root of mean square), and by less than 0.1 in 99.9 % of the values. No file is over
20 MiB: what is more goes to released-2.weights.h5 and so on, whose digests stand in `parts.json`.
An archive that is whole is read by `keras.saving.load_model`, too. Exit status: 0 done; 1 a network
is not there, a line says which; 2 a wrong argument.

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
LARGEST, ROOM = 20 << 20, 1 << 20  # bytes of a file, and of them for what is not weights
ROOT = Path(__file__).resolve().parents[1]
BEST_FIRST = ("gan", "generator", "cnn", "xception_skips", "xception", "autoencoder")
ENCODER = "xception"  # the layer that is left out
WEIGHTS, CONFIG, METADATA = "model.weights.h5", "config.json", "metadata.json"  # Keras's names
MISSING, PARTS = "missing.json", "parts.json"
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
        How many parameters are kept.

    Raises
    ------
    ValueError
        If one layer's weights alone have more than 19 MiB.
    """
    missing, path = _missing(network), Path(path)
    with tempfile.TemporaryDirectory() as folder, replacing(path) as part:
        whole = Path(folder) / "whole.keras"
        network.save(whole)
        with (
            zipfile.ZipFile(whole) as source,
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name in (METADATA, CONFIG):
                archive.writestr(name, source.read(name))
            (weights, *more), count = _halved(source.read(WEIGHTS), leave_out=missing is not None)
            archive.writestr(zipfile.ZipInfo(WEIGHTS), weights)  # compressed inside
            if missing:
                archive.writestr(MISSING, json.dumps(missing, indent=1))
            if more:
                archive.writestr(PARTS, json.dumps([_digest(content) for content in more]))
        for old in path.parent.glob(f"{path.stem}-*.weights.h5"):
            old.unlink()
        for beside, content in zip(_beside(path, len(more)), more, strict=True):
            with replacing(beside) as temporary:
                temporary.write_bytes(content)
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
        If there is no such archive, or a part of it is not there.
    WeightsError
        If the ImageNet weights cannot be downloaded, `xception` is no file of weights, or they are
        not those that the network was trained with.
    """
    from lib.quiet import keras

    if not Path(path).is_file():
        raise FileNotFoundError(f"no released network at {path}")
    needed, parts = missing_weights(path), _parts(path)
    if needed is None and not parts:
        return keras.saving.load_model(path, compile=False)
    with zipfile.ZipFile(path) as archive:
        network = keras.saving.deserialize_keras_object(json.loads(archive.read(CONFIG)))
        parts = [archive.read(WEIGHTS), *parts]
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.weights.h5"
        if needed:
            _fill(network.get_layer(ENCODER), path, needed, xception)
            network.save_weights(whole)
        for part in parts:
            _put(part, whole)
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
    count = write(network, folder / NAME)
    size = sum(file.stat().st_size for file in folder.glob(f"{Path(NAME).stem}*"))
    needed = missing_weights(folder / NAME)
    words = f", needs Xception weights: {needed['weights']}" if needed else ""
    return f"{folder.name:15}{count:11,} parameters {size / 2**20:6.2f} MiB{words}"


def _missing(network):
    """What to note about the encoder that is left out; None if there is none, or it is trained."""
    from lib.checkpoint import weights_digest

    found = [layer for layer in network.layers if layer.name == ENCODER]
    if not found or found[0].trainable_weights:
        return None
    first = np.ascontiguousarray(found[0].get_layer("block1_conv1").get_weights()[0])
    known = hashlib.sha256(first.tobytes()).hexdigest().startswith(FIRST_KERNEL)
    weights = "imagenet" if known else "file"
    return {"layer": ENCODER, "weights": weights, "digest": weights_digest(found[0])}


def _halved(content, leave_out):
    """Keras's weights file with float16 for float32 kernels, in parts that are small enough.

    Gives a list of HDF5 files, which share the groups and have each its own datasets, and how many
    parameters they hold.
    """
    parts, count = [], 0
    with h5py.File(io.BytesIO(content)) as source:
        left_out = _nested(source) if leave_out else ()
        names = []
        source.visit(names.append)
        names = [name for name in names if not name.startswith(left_out)]
        values = {name: _half(source[name][()]) for name in names if _is_dataset(source[name])}
        for chosen in _shared_out(values):
            memory = io.BytesIO()
            with h5py.File(memory, "w") as target:
                for name in names:
                    if name in chosen:
                        packing = {"compression": "gzip", "shuffle": True}
                        packing = packing if values[name].shape else {}
                        made = target.create_dataset(name, data=values[name], **packing)
                        count += values[name].size
                    elif name not in values:
                        made = target.require_group(name)
                    else:
                        continue
                    made.attrs.update(source[name].attrs)
            parts.append(memory.getvalue())
    return parts, count


def _shared_out(values):
    """Sets of names whose values fit together into a file, even if they do not get smaller."""
    parts, size = [set()], 0
    for name, array in values.items():
        if array.nbytes > LARGEST - ROOM:
            found = f"got {array.nbytes / 2**20:.1f}"
            raise ValueError(f"{name}: expected {(LARGEST - ROOM) >> 20} MiB or less, {found}")
        if size + array.nbytes > LARGEST - ROOM and parts[-1]:
            parts.append(set())
            size = 0
        parts[-1].add(name)
        size += array.nbytes
    return parts


def _is_dataset(item):
    return isinstance(item, h5py.Dataset)


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
    from lib.checkpoint import weights_digest

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


def _put(part, whole):
    """Put a part's weights into a file, in the place of those that it has, as they are."""
    with h5py.File(io.BytesIO(part)) as source, h5py.File(whole, "a") as target:

        def put(name, item):
            if not _is_dataset(item):
                target.require_group(name).attrs.update(item.attrs)
                return
            if name in target:
                del target[name]
            source.copy(item, target, name)

        source.visititems(put)


def _beside(path, count):
    """The files of an archive's further parts."""
    return [path.with_name(f"{path.stem}-{n}.weights.h5") for n in range(2, count + 2)]


def _parts(path):
    """The content of an archive's further parts, checked."""
    with zipfile.ZipFile(path) as archive:
        digests = json.loads(archive.read(PARTS)) if PARTS in archive.namelist() else []
    contents = []
    for file, digest in zip(_beside(Path(path), len(digests)), digests, strict=True):
        if not file.is_file():
            raise FileNotFoundError(f"{file} is not there: it is a part of {path}")
        contents.append(file.read_bytes())
        if _digest(contents[-1]) != digest:
            raise ValueError(f"{file} is damaged, or a part of another network than {path}")
    return contents


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _cache():
    """Where Keras looks for the ImageNet weights before it downloads them."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / IMAGENET


if __name__ == "__main__":
    sys.exit(main())
